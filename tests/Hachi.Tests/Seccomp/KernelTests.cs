using Hachi.Isa;
using Hachi.Lang.Seccomp;
using Hachi.Linux.Sandbox;
using Hachi.Tests.Support;
using Hachi.Uapi;
using Hachi.Vm.Seccomp;

namespace Hachi.Tests.Seccomp;

/// <summary>The running kernel's answers, and ours.</summary>
[Collection(AloneCollection.Name)]
public sealed class KernelTests
{
    [Fact]
    public void Moby_in_the_kernel()
    {
        SkipWhereNotX64();
        Random random = Volume.Random(nameof(Moby_in_the_kernel));
        SeccompPolicy policy = MobyTests.Resolve(true, SeccompArchitecture.X86_64, SeccompArchitecture.I386, SeccompArchitecture.X32);
        ClassicProgram program = SeccompCompiler.Compile(policy).Program!;
        Compare(policy, program, Vectors(random, policy, Volume.Of(1000, 20)));
    }

    [Fact]
    public void Random_policies_in_the_kernel()
    {
        SkipWhereNotX64();
        Random random = Volume.Random(nameof(Random_policies_in_the_kernel));
        for (int i = 0; i < Volume.Of(500, 8); i++)
        {
            SeccompPolicy policy = RandomPolicies.Make(random, [SeccompArchitecture.X86_64, SeccompArchitecture.X32]);
            ClassicProgram program = SeccompCompiler.Compile(policy).Program!;
            Compare(policy, program, [.. RandomPolicies.Probes(random, policy, 4000).Where(data => data.Architecture == SeccompArchitecture.X86_64.Audit() && IsAskable(data))]);
        }
    }

    private static void Compare(SeccompPolicy policy, ClassicProgram program, List<SeccompData> calls)
    {
        const int Batch = 200_000;
        for (int at = 0; at < calls.Count; at += Batch)
        {
            List<SeccompData> part = calls[at..Math.Min(calls.Count, at + Batch)];
            SeccompAction[] answers = KernelProbe.Ask(program, part);
            for (int i = 0; i < part.Count; i++)
                Assert.True(answers[i] == policy.Decide(part[i]).Action && answers[i] == SeccompInterpreter.Run(program, part[i]), $"{part[i]}: the kernel says {answers[i]}; {Volume.Note}");
        }
    }

    /// <summary>Every number, with arguments at and around what the policy compares with.</summary>
    private static List<SeccompData> Vectors(Random random, SeccompPolicy policy, int each)
    {
        var calls = new List<SeccompData>();
        foreach (SeccompArchitecture architecture in (SeccompArchitecture[])[SeccompArchitecture.X86_64, SeccompArchitecture.X32])
            for (int number = 0; number < 600; number++)
                for (int i = 0; i < each; i++)
                {
                    policy.Of(architecture)!.Calls.TryGetValue(number, out SeccompCall? call);
                    var data = new SeccompData(architecture.DataNumber(number), architecture.Audit(), 0, RandomPolicies.Arguments(random, call));
                    if (IsAskable(data))
                        calls.Add(data);
                }
        return calls;
    }

    // uretprobe and uprobe pass every filter, on newer kernels; a number of -1 is skipped.
    private static bool IsAskable(in SeccompData data) => data.Number is not (335 or 336 or uint.MaxValue);

    private static void SkipWhereNotX64()
    {
        if (!SeccompFilter.IsSupported || SeccompFilter.Native != SeccompArchitecture.X86_64)
            Assert.Skip("needs Linux on x86_64 with seccomp");
    }
}
