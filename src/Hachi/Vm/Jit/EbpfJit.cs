using System.Runtime.CompilerServices;
using Hachi.Vm.Jit.Il;
using Hachi.Vm.Jit.Lift;
using Hachi.Vm.Jit.X64;
using Hachi.Vm.Machine;

namespace Hachi.Vm.Jit;

/// <summary>Which compilers of eBPF programs there are here, and the way from code to engine.</summary>
internal static class EbpfJit
{
    /// <summary>Whether this runtime can run emitted IL.</summary>
    public static bool HasIl => IlCompiler.IsSupported;

    /// <summary>Whether x86-64 machine code runs here.</summary>
    public static bool HasX64 => X64Compiler.IsSupported;

    /// <summary>Compiles a program to x86-64 machine code; null where that cannot be done.</summary>
    public static EbpfEngine? CompileToX64(EbpfCode code, LiftFacts facts) =>
        HasX64 && X64Compiler.Instance.Compile(EbpfLifter.LiftProgram(code, facts)) is { } made ? new X64Engine(made, code) : null;

    /// <summary>Compiles a program to IL; interpreted where there is no dynamic code.</summary>
    public static EbpfEngine CompileToIl(EbpfCode code, LiftFacts facts) =>
        RuntimeFeature.IsDynamicCodeSupported ? new EbpfIlEngine(EbpfLifter.LiftProgram(code, facts), code) : Interpret.InterpreterEngine.Instance;
}
