using Hachi.Isa;
using Hachi.Lang.Seccomp;
using Hachi.Tests.Support;
using Hachi.Uapi;
using Hachi.Verify.Seccomp;
using Hachi.Vm.Seccomp;

namespace Hachi.Tests.Seccomp;

/// <summary>Policies of chance: every filter is proven, and answers as the plain meaning on calls around everything that the policy compares with.</summary>
public sealed class CompilerTests
{
    [Fact]
    public void Every_filter_is_proven_and_answers_as_the_policy()
    {
        Random random = Volume.Random(nameof(Every_filter_is_proven_and_answers_as_the_policy));
        for (int i = 0; i < Volume.Of(100_000, 60); i++)
        {
            SeccompPolicy policy = RandomPolicies.Make(random);
            ClassicProgram program = SeccompCompiler.Compile(policy).Program!;
            Assert.True(SeccompValidity.Check(program.Insns).Count == 0, $"policy {i}: the filter is not valid; {Volume.Note}");
            SeccompEquality proof = SeccompProver.Prove(policy, program);
            Assert.True(proof.AreEqual, $"policy {i}: {proof.Refused} {string.Join(' ', proof.Differences)}; {Volume.Note}");
            foreach (SeccompData data in RandomPolicies.Probes(random, policy, 100))
                Assert.True(policy.Decide(data).Action == SeccompInterpreter.Run(program, data), $"policy {i}: {data}; {Volume.Note}");
        }
    }

    [Fact]
    public void The_prover_finds_a_changed_instruction()
    {
        Random random = Volume.Random(nameof(The_prover_finds_a_changed_instruction));
        int found = 0, same = 0;
        for (int i = 0; i < Volume.Of(5_000, 60); i++)
        {
            SeccompPolicy policy = RandomPolicies.Make(random);
            ClassicInsn[] insns = SeccompCompiler.Compile(policy).Program!.Insns.ToArray();
            int at = random.Next(insns.Length);
            ClassicInsn insn = insns[at];
            insns[at] = insn.Jt != insn.Jf ? insn with { Jt = insn.Jf, Jf = insn.Jt } : insn with { K = insn.K ^ (1u << random.Next(32)) };
            var changed = new ClassicProgram(insns);
            if (SeccompValidity.Check(insns).Count > 0)
                continue;
            SeccompEquality proof = SeccompProver.Prove(policy, changed);
            Assert.Null(proof.Refused);
            if (proof.AreEqual)
            {
                same++;
                foreach (SeccompData data in RandomPolicies.Probes(random, policy, 200))
                    Assert.True(policy.Decide(data).Action == SeccompInterpreter.Run(changed, data), $"policy {i}: called equal, but differs on {data}; {Volume.Note}");
                continue;
            }
            found++;
            foreach (SeccompDifference difference in proof.Differences)
            {
                Assert.Equal(difference.Left, policy.Decide(difference.Data).Action);
                Assert.Equal(difference.Right, SeccompInterpreter.Run(changed, difference.Data));
                Assert.NotEqual(difference.Left, difference.Right);
            }
        }
        Assert.True(found > same, $"{found} found, {same} called equal; {Volume.Note}");
    }

    [Fact]
    public void Calls_without_conditions_are_cached_by_the_kernel()
    {
        Random random = Volume.Random(nameof(Calls_without_conditions_are_cached_by_the_kernel));
        for (int i = 0; i < Volume.Of(2_000, 40); i++)
        {
            SeccompPolicy policy = RandomPolicies.Make(random);
            ClassicProgram program = SeccompCompiler.Compile(policy).Program!;
            foreach (SeccompArchitecturePolicy each in policy.Architectures)
                foreach (SyscallInfo call in SyscallTable.Of(each.Architecture).All)
                {
                    uint number = each.Architecture.DataNumber(call.Number);
                    bool plain = !each.Calls.TryGetValue(call.Number, out SeccompCall? ruled) || ruled.Rules.Count == 0 || ruled.Rules[0].Conditions.Count == 0;
                    if (plain && policy.Decide(SeccompData.Of(each.Architecture, call.Number)).Action == SeccompAction.Allow)
                        Assert.True(SeccompCache.IsCached(program, each.Architecture.Audit(), number), $"policy {i}: {each.Architecture} {call.Name}; {Volume.Note}");
                }
        }
    }

    [Fact]
    public void A_policy_that_does_not_fit_is_refused()
    {
        var calls = new Dictionary<int, SeccompCall>();
        foreach (SyscallInfo call in SyscallTable.Of(SeccompArchitecture.X86_64).All)
        {
            var rules = new List<SeccompRule>();
            for (ulong i = 0; i < 20; i++)
                rules.Add(new SeccompRule(SeccompAction.Allow, [new SeccompCondition(0, SeccompOperator.Equal, ((ulong)call.Number << 40) + ((ulong)call.Number * 100_003) + (i * i * 977))]));
            calls.Add(call.Number, new SeccompCall(call, rules));
        }
        SeccompCompilation compiled = SeccompCompiler.Compile(new SeccompPolicy(SeccompAction.Errno(1), SeccompAction.KillProcess, [new SeccompArchitecturePolicy(SeccompArchitecture.X86_64, calls)]));
        Assert.Null(compiled.Program);
        Assert.Equal("HS0110", Assert.Single(compiled.Diagnostics).Id);
    }
}
