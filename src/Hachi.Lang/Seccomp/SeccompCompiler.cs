using Hachi.Ir;
using Hachi.Isa;
using Hachi.Lang.Seccomp.Compile;
using Hachi.Text;

namespace Hachi.Lang.Seccomp;

/// <summary>Policies to filters.</summary>
public static class SeccompCompiler
{
    /// <summary>Compiles a policy.</summary>
    /// <param name="policy">The policy.</param>
    /// <param name="weights">How often calls are expected; <see cref="SeccompWeights.Uniform"/> when null.</param>
    /// <returns>A filter that the kernel accepts and that answers every call as the policy does; null with a diagnostic when it would be too long.</returns>
    public static SeccompCompilation Compile(SeccompPolicy policy, SeccompWeights? weights = null)
    {
        ArgumentNullException.ThrowIfNull(policy);
        var f = new IrFunction();
        PolicyLowering.Lower(policy, f, weights ?? SeccompWeights.Uniform);
        var compiler = new FilterCompiler();
        compiler.Optimise(f, FilterPasses.Specialise | FilterPasses.Merge);
        ClassicProgram? program = compiler.EmitClassic(f);
        if (program is null || program.Length > Limits.ClassicInsnsMax)
            return new SeccompCompilation(null, [DiagnosticTable.SeccompTooLong.At(default, program?.Length ?? 0, Limits.ClassicInsnsMax)]);
        return new SeccompCompilation(program, []);
    }
}

/// <summary>What <see cref="SeccompCompiler"/> makes.</summary>
/// <param name="Program">The filter, or null.</param>
/// <param name="Diagnostics">What there is to say.</param>
public sealed record SeccompCompilation(ClassicProgram? Program, IReadOnlyList<Diagnostic> Diagnostics);
