using Hachi.Isa;
using Hachi.Lang.Seccomp;
using Hachi.Lang.Seccomp.Oci;
using Hachi.Tests.Support;
using Hachi.Uapi;
using Hachi.Verify.Seccomp;

namespace Hachi.Tests.Seccomp;

/// <summary>Our filters and libseccomp's are the same function of the call, wherever it is a fair oracle: one rule a call, or several without orderings, all 64 bits compared.</summary>
public sealed class LibseccompTests
{
    [Fact]
    public void Moby_is_the_same()
    {
        SkipWhereMissing();
        PolicyReading reading = OciProfile.Read(File.ReadAllText(Shared.Find("corpus/seccomp/moby-default.json")), new OciContext { Architectures = [SeccompArchitecture.X86_64], AnswersEnosys = false, ComparesWords = false });
        // socket has an ordering in each of three rules: what that means here and there, on its own.
        SeccompPolicy policy = Without(reading.Policy!, "socket");
        AssertSame(policy, "moby");
        Assert.True(SeccompCompiler.Compile(policy).Program!.Length < Libseccomp.Compile(policy)!.Length);
    }

    [Fact]
    public void Random_policies_are_the_same()
    {
        SkipWhereMissing();
        Random random = Volume.Random(nameof(Random_policies_are_the_same));
        int compared = 0, count = Volume.Of(5_000, 12);
        for (int i = 0; i < count; i++)
        {
            SeccompAction normal = RandomPolicies.Pick(random, [SeccompAction.Errno(1), SeccompAction.KillProcess, SeccompAction.Allow, SeccompAction.Errno(38)]);
            var calls = new Dictionary<int, SeccompCall>();
            foreach (SyscallInfo call in SyscallTable.Of(SeccompArchitecture.X86_64).All)
                if (random.Next(6) == 0 && call.Number < 330)
                    calls.Add(call.Number, new SeccompCall(call, Rules(random, normal)));
            var policy = new SeccompPolicy(normal, SeccompAction.KillThread, [new SeccompArchitecturePolicy(SeccompArchitecture.X86_64, calls)]);
            compared += AssertSame(policy, $"policy {i}; {Volume.Note}") ? 1 : 0;
        }
        Assert.InRange(compared, count * 9 / 10, count);
    }

    private static List<SeccompRule> Rules(Random random, SeccompAction normal)
    {
        SeccompAction action;
        do
            action = RandomPolicies.Pick(random, [SeccompAction.Allow, SeccompAction.Errno(1), SeccompAction.Errno(22), SeccompAction.KillProcess, new(SeccompActionKind.Log)]);
        while (action == normal);
        var rules = new List<SeccompRule>();
        bool several = random.Next(4) == 0;
        for (int count = several ? random.Next(2, 4) : 1; count > 0; count--)
        {
            var conditions = new List<SeccompCondition>();
            foreach (int index in Enumerable.Range(0, 6).Where(_ => random.Next(5) == 0))
            {
                SeccompCondition condition;
                do
                    condition = RandomPolicies.Condition(random, SeccompArchitecture.X86_64) with { Index = index, IsWord = false };
                while ((several && condition.Operator is not (SeccompOperator.Equal or SeccompOperator.MaskedEqual)) || condition.Operator == SeccompOperator.MaskedNotEqual || (condition.Value & ~condition.Mask) != 0 || condition.Mask == 0);
                conditions.Add(condition);
            }
            rules.Add(new SeccompRule(action, conditions));
        }
        return rules.Exists(rule => rule.Conditions.Count == 0) ? [new SeccompRule(action, [])] : rules;
    }

    private static bool AssertSame(SeccompPolicy policy, string note)
    {
        if (Libseccomp.Compile(policy) is not { } theirs)
            return false;
        ClassicProgram ours = SeccompCompiler.Compile(policy).Program!;
        SeccompEquality equality = SeccompComparison.Compare(ours, theirs);
        Assert.True(equality.AreEqual, $"{note}: {equality.Refused} {string.Join(' ', equality.Differences)}");
        return true;
    }

    private static SeccompPolicy Without(SeccompPolicy policy, string name) => new(policy.DefaultAction, policy.OtherArchitectures,
        [.. policy.Architectures.Select(each => each with { Calls = each.Calls.Where(call => call.Value.Info.Name != name).ToDictionary() })]);

    private static void SkipWhereMissing()
    {
        if (!OperatingSystem.IsLinux() || !Libseccomp.IsInstalled)
            Assert.Skip("needs libseccomp.so.2");
    }
}
