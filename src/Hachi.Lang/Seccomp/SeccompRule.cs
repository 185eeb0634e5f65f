using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Lang.Seccomp;

/// <summary>What happens to a call whose arguments meet all conditions.</summary>
/// <param name="Action">The answer.</param>
/// <param name="Conditions">All must hold; none: always.</param>
/// <param name="Span">Where the policy says so.</param>
public sealed record SeccompRule(SeccompAction Action, IReadOnlyList<SeccompCondition> Conditions, TextSpan Span = default)
{
    /// <summary>Whether it speaks of the call as a member of a group.</summary>
    internal bool IsOfGroup { get; init; }

    /// <summary>Whether it applies to a call (whose number has been looked at).</summary>
    public bool Applies(in SeccompData data)
    {
        foreach (SeccompCondition condition in Conditions)
            if (!condition.Holds(data))
                return false;
        return true;
    }

    /// <summary>Whether it says the same, wherever it was written.</summary>
    public bool SaysAs(SeccompRule other) => Action == other.Action && Conditions.SequenceEqual(other.Conditions);
}

/// <summary>A system call of an architecture and its rules.</summary>
/// <param name="Info">The call.</param>
/// <param name="Rules">The first one that applies decides; where none does, the policy's default.</param>
public sealed record SeccompCall(SyscallInfo Info, IReadOnlyList<SeccompRule> Rules);

/// <summary>What a policy says of the calls of one architecture.</summary>
/// <param name="Architecture">The architecture.</param>
/// <param name="Calls">The calls that have rules, by number.</param>
/// <param name="Newer">Calls without rules whose number is greater than <c>Last</c> get <c>Action</c> and not the default: what the policy's author cannot have known.</param>
public sealed record SeccompArchitecturePolicy(
    SeccompArchitecture Architecture, IReadOnlyDictionary<int, SeccompCall> Calls, (int Last, SeccompAction Action)? Newer = null);
