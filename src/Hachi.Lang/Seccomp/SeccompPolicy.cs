using Hachi.Uapi;

namespace Hachi.Lang.Seccomp;

/// <summary>Why a policy answers as it does.</summary>
public enum SeccompReason : byte
{
    /// <summary>A rule applies.</summary>
    Rule,

    /// <summary>The call has no rule.</summary>
    NoRule,

    /// <summary>The call has rules, but none applies to these arguments.</summary>
    NoRuleApplies,

    /// <summary>The call is newer than the policy.</summary>
    Newer,

    /// <summary>The policy does not speak of the call's architecture.</summary>
    OtherArchitecture,
}

/// <summary>The answer of a policy.</summary>
/// <param name="Action">The action.</param>
/// <param name="Reason">Why.</param>
/// <param name="Rule">The rule that applied, or null.</param>
public readonly record struct SeccompVerdict(SeccompAction Action, SeccompReason Reason, SeccompRule? Rule);

/// <summary>A resolved policy: numbers, not names. Immutable. What it means is <see cref="Decide"/>, in plain code; filters are compiled from it and proven against it.</summary>
public sealed class SeccompPolicy
{
    /// <summary>A policy.</summary>
    /// <param name="defaultAction">For calls without a rule that applies.</param>
    /// <param name="otherArchitectures">For calls of architectures that are not listed.</param>
    /// <param name="architectures">What it says, each architecture once.</param>
    public SeccompPolicy(SeccompAction defaultAction, SeccompAction otherArchitectures, IReadOnlyList<SeccompArchitecturePolicy> architectures)
    {
        DefaultAction = defaultAction;
        OtherArchitectures = otherArchitectures;
        Architectures = architectures;
    }

    /// <summary>For calls without a rule that applies.</summary>
    public SeccompAction DefaultAction { get; }

    /// <summary>For calls of architectures that are not listed.</summary>
    public SeccompAction OtherArchitectures { get; }

    /// <summary>What it says of each architecture.</summary>
    public IReadOnlyList<SeccompArchitecturePolicy> Architectures { get; }

    /// <summary>What is said of one architecture, or null.</summary>
    public SeccompArchitecturePolicy? Of(SeccompArchitecture architecture)
    {
        foreach (SeccompArchitecturePolicy each in Architectures)
            if (each.Architecture == architecture)
                return each;
        return null;
    }

    /// <summary>The policy's answer to a call.</summary>
    public SeccompVerdict Decide(in SeccompData data)
    {
        if (SeccompArchitectures.Of(data.Architecture, data.Number) is not { } architecture || Of(architecture) is not { } policy)
            return new SeccompVerdict(OtherArchitectures, SeccompReason.OtherArchitecture, null);
        uint number = architecture == SeccompArchitecture.X32 ? data.Number & ~SeccompArchitectures.X32Bit : data.Number;
        if (number <= int.MaxValue && policy.Calls.TryGetValue((int)number, out SeccompCall? call))
        {
            foreach (SeccompRule rule in call.Rules)
                if (rule.Applies(data))
                    return new SeccompVerdict(rule.Action, SeccompReason.Rule, rule);
            return new SeccompVerdict(DefaultAction, SeccompReason.NoRuleApplies, null);
        }
        return policy.Newer is { } newer && number > newer.Last
            ? new SeccompVerdict(newer.Action, SeccompReason.Newer, null)
            : new SeccompVerdict(DefaultAction, SeccompReason.NoRule, null);
    }
}
