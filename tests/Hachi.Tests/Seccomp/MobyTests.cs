using Hachi.Isa;
using Hachi.Lang.Seccomp;
using Hachi.Lang.Seccomp.Oci;
using Hachi.Tests.Support;
using Hachi.Uapi;
using Hachi.Verify.Seccomp;
using Hachi.Vm.Seccomp;

namespace Hachi.Tests.Seccomp;

/// <summary>The default profile of moby: proven, small, fast.</summary>
public sealed class MobyTests
{
    private static string Json => File.ReadAllText(Shared.Find("corpus/seccomp/moby-default.json"));

    internal static SeccompPolicy Resolve(bool enosys, params SeccompArchitecture[] architectures)
    {
        PolicyReading reading = OciProfile.Read(Json, new OciContext { Architectures = architectures, AnswersEnosys = enosys });
        Assert.Empty(reading.Diagnostics.Where(each => each.Severity == Hachi.Text.Severity.Error).Select(each => each.Message));
        return reading.Policy!;
    }

    [Fact]
    public void X86_64_is_small_and_its_paths_are_short()
    {
        SeccompPolicy policy = Resolve(false, SeccompArchitecture.X86_64);
        ClassicProgram program = SeccompCompiler.Compile(policy).Program!;
        var steps = new List<int>();
        int worst = 0;
        foreach (SyscallInfo call in SyscallTable.Of(SeccompArchitecture.X86_64).All)
        {
            var path = new List<int>();
            SeccompAction action = SeccompInterpreter.Run(program, SeccompData.Of(SeccompArchitecture.X86_64, call.Number), path);
            worst = Math.Max(worst, path.Count);
            if (action == SeccompAction.Allow)
                steps.Add(path.Count);
        }
        TestContext.Current.SendDiagnosticMessage($"{program.Length} instructions, average {steps.Average():f2} over {steps.Count} allowed calls, worst {worst}");
        Assert.InRange(program.Length, 1, 110);
        Assert.InRange(worst, 1, 16);
        Assert.InRange(steps.Average(), 1, 10.0);
    }

    [Theory]
    [InlineData(false, new[] { SeccompArchitecture.X86_64 }, 110)]
    [InlineData(true, new[] { SeccompArchitecture.X86_64 }, 112)]
    [InlineData(false, new[] { SeccompArchitecture.X86_64, SeccompArchitecture.I386, SeccompArchitecture.X32 }, 350)]
    [InlineData(true, new[] { SeccompArchitecture.X86_64, SeccompArchitecture.I386, SeccompArchitecture.X32 }, 350)]
    [InlineData(true, new[] { SeccompArchitecture.Aarch64 }, 110)]
    public void It_is_proven(bool enosys, SeccompArchitecture[] architectures, int insnsMax)
    {
        SeccompPolicy policy = Resolve(enosys, architectures);
        ClassicProgram program = SeccompCompiler.Compile(policy).Program!;
        Assert.Empty(SeccompValidity.Check(program.Insns));
        SeccompEquality proof = SeccompProver.Prove(policy, program);
        Assert.Null(proof.Refused);
        Assert.Empty(proof.Differences);
        Assert.InRange(program.Length, 1, insnsMax);
    }
}
