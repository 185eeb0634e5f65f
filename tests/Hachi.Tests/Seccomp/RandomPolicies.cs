using Hachi.Lang.Seccomp;
using Hachi.Uapi;

namespace Hachi.Tests.Seccomp;

/// <summary>Random policies: all operators, several rules a call, several architectures; and the calls at and around everything that they compare with.</summary>
internal static class RandomPolicies
{
    private static readonly ulong[] s_values =
        [0, 1, 2, 3, 0x10, 0x7f, 0x80, 0xff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, 0x100000000, 0x1ffffffff, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffff00000000, 0xffffffff7fffffff, 0xffffffff80000000, ulong.MaxValue];

    private static readonly SeccompAction[] s_actions =
    [
        SeccompAction.Allow, SeccompAction.Allow, SeccompAction.Errno(1), SeccompAction.Errno(38), SeccompAction.KillProcess, SeccompAction.KillThread,
        new(SeccompActionKind.Trap), new(SeccompActionKind.Log), new(SeccompActionKind.UserNotif), new(SeccompActionKind.Trace, 7),
    ];

    public static SeccompPolicy Make(Random random, SeccompArchitecture[]? only = null)
    {
        SeccompArchitecture[] architectures = only ?? [.. SeccompArchitectures.All.Where(_ => random.Next(2) == 0)];
        var policies = new List<SeccompArchitecturePolicy>();
        int density = random.Next(40) == 0 ? random.Next(20, 60) : random.Next(1, 8);
        foreach (SeccompArchitecture architecture in architectures)
        {
            var calls = new Dictionary<int, SeccompCall>();
            foreach (SyscallInfo call in SyscallTable.Of(architecture).All)
                if (random.Next(60) < density)
                    calls[call.Number] = new SeccompCall(call, Rules(random, architecture));
            (int, SeccompAction)? newer = random.Next(3) == 0 ? (random.Next(600), Pick(random, s_actions)) : null;
            policies.Add(new SeccompArchitecturePolicy(architecture, calls, newer));
        }
        return new SeccompPolicy(Pick(random, s_actions), Pick(random, s_actions), policies);
    }

    /// <summary>Calls around the numbers and values of a policy, and some of chance.</summary>
    public static IEnumerable<SeccompData> Probes(Random random, SeccompPolicy policy, int count)
    {
        uint[] audits = [0xc000003e, 0x40000003, 0xc00000b7, 0, 0xc000003f];
        for (int i = 0; i < count; i++)
        {
            SeccompArchitecturePolicy? each = policy.Architectures.Count == 0 ? null : policy.Architectures[random.Next(policy.Architectures.Count)];
            uint audit = each is null || random.Next(8) == 0 ? Pick(random, audits) : each.Architecture.Audit();
            uint number = (uint)random.Next(700);
            SeccompCall? call = null;
            if (each is { Calls.Count: > 0 } && random.Next(4) != 0)
            {
                call = each.Calls.Values.ElementAt(random.Next(each.Calls.Count));
                number = (uint)(call.Info.Number + (random.Next(4) == 0 ? random.Next(-1, 2) : 0));
            }
            if (each?.Architecture == SeccompArchitecture.X32 || random.Next(12) == 0)
                number |= SeccompArchitectures.X32Bit;
            if (random.Next(40) == 0)
                number = Pick(random, [uint.MaxValue, uint.MaxValue - 1, 0x40000000u, 0x3fffffffu, 0x80000000u]);
            yield return new SeccompData(number, audit, 0, Arguments(random, call));
        }
    }

    public static SeccompArguments Arguments(Random random, SeccompCall? call)
    {
        SeccompArguments arguments = default;
        for (int i = 0; i < SeccompData.ArgumentsMax; i++)
            arguments[i] = random.Next(4) == 0 ? (ulong)random.NextInt64() : Pick(random, s_values);
        if (call is null || call.Rules.Count == 0)
            return arguments;
        SeccompRule rule = Pick(random, [.. call.Rules]);
        foreach (SeccompCondition condition in rule.Conditions)
        {
            ulong value = condition.Value + (ulong)(random.Next(3) == 0 ? random.Next(-1, 2) : 0);
            if (condition.Mask != ulong.MaxValue && random.Next(2) == 0)
                value |= (ulong)random.NextInt64() & ~condition.Mask;
            if (random.Next(4) == 0)
                value = (value & uint.MaxValue) | ((ulong)random.Next(3) << 32);
            arguments[condition.Index] = value;
        }
        return arguments;
    }

    public static T Pick<T>(Random random, T[] all) => all[random.Next(all.Length)];

    private static List<SeccompRule> Rules(Random random, SeccompArchitecture architecture)
    {
        var rules = new List<SeccompRule>();
        for (int count = random.Next(5) == 0 ? random.Next(2, 6) : 1; count > 0; count--)
        {
            var conditions = new List<SeccompCondition>();
            for (int c = random.Next(3) == 0 ? random.Next(1, 4) : 0; c > 0; c--)
                conditions.Add(Condition(random, architecture));
            rules.Add(new SeccompRule(Pick(random, s_actions), conditions));
        }
        return rules;
    }

    public static SeccompCondition Condition(Random random, SeccompArchitecture architecture)
    {
        var op = (SeccompOperator)random.Next(8);
        ulong value = random.Next(5) == 0 ? (ulong)random.NextInt64() : Pick(random, s_values), mask = ulong.MaxValue;
        if (op is SeccompOperator.MaskedEqual or SeccompOperator.MaskedNotEqual)
        {
            mask = random.Next(3) == 0 ? (ulong)random.NextInt64() : Pick(random, s_values);
            if (random.Next(8) != 0)
                value &= mask;
        }
        return new SeccompCondition(random.Next(SeccompData.ArgumentsMax), op, value, mask).ForWidth(architecture.Is32Bit() || random.Next(2) == 0);
    }
}
