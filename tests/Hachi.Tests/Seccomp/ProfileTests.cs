using Hachi.Isa;
using Hachi.Lang.Seccomp;
using Hachi.Tests.Support;
using Hachi.Uapi;
using Hachi.Vm.Seccomp;

namespace Hachi.Tests.Seccomp;

/// <summary>Real profiles: proven, and the same verdict as the plain meaning for every number and a thousand argument vectors on each architecture; on x86_64 in the running kernel, too.</summary>
public sealed class ProfileTests
{
    public static TheoryData<string> Names => [.. Profiles.Names];

    [Theory]
    [MemberData(nameof(Names))]
    public void Verdicts_are_those_of_the_policy(string name)
    {
        Random random = Volume.Random(nameof(Verdicts_are_those_of_the_policy) + name);
        foreach (SeccompArchitecture[] architectures in (SeccompArchitecture[][])[[SeccompArchitecture.X86_64], [SeccompArchitecture.X86_64, SeccompArchitecture.I386, SeccompArchitecture.X32], [SeccompArchitecture.Aarch64]])
        {
            SeccompPolicy policy = Profiles.Read(name, architectures);
            ClassicProgram program = SeccompCompiler.Compile(policy).Program!;
            Assert.True(SeccompProver.Prove(policy, program).AreEqual, $"{name}: {string.Join(' ', architectures)}");
            foreach (SeccompArchitecture architecture in Profiles.All)
                for (int number = 0; number < 560; number++)
                    foreach (SeccompData data in Vectors(random, policy, architecture, number, Volume.Of(1000, 10)))
                        Assert.True(policy.Decide(data).Action == SeccompInterpreter.Run(program, data), $"{name}: {data}; {Volume.Note}");
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_kernel_agrees(string name)
    {
        if (!Hachi.Linux.Sandbox.SeccompFilter.IsSupported || Hachi.Linux.Sandbox.SeccompFilter.Native != SeccompArchitecture.X86_64)
            Assert.Skip("needs Linux on x86_64 with seccomp");
        Random random = Volume.Random(nameof(The_kernel_agrees) + name);
        SeccompPolicy policy = Profiles.Read(name, SeccompArchitecture.X86_64, SeccompArchitecture.X32);
        ClassicProgram program = SeccompCompiler.Compile(policy).Program!;
        for (int from = 0; from < 560; from += 140)
        {
            var calls = new List<SeccompData>();
            foreach (SeccompArchitecture architecture in (SeccompArchitecture[])[SeccompArchitecture.X86_64, SeccompArchitecture.X32])
                for (int number = from; number < from + 140; number++)
                    if (number is not (335 or 336)) // uretprobe and uprobe pass every filter
                        calls.AddRange(Vectors(random, policy, architecture, number, Volume.Of(1000, 10)));
            SeccompAction[] answers = KernelProbe.Ask(program, calls);
            for (int i = 0; i < calls.Count; i++)
                Assert.True(answers[i] == policy.Decide(calls[i]).Action, $"{name}: {calls[i]}: the kernel says {answers[i]}; {Volume.Note}");
        }
    }

    private static IEnumerable<SeccompData> Vectors(Random random, SeccompPolicy policy, SeccompArchitecture architecture, int number, int count)
    {
        SeccompCall? call = null;
        policy.Of(architecture)?.Calls.TryGetValue(number, out call);
        for (int i = 0; i < count; i++)
            yield return new SeccompData(architecture.DataNumber(number), architecture.Audit(), 0, RandomPolicies.Arguments(random, call));
    }
}
