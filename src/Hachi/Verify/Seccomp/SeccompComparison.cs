using Hachi.Isa;
using Hachi.Uapi;

namespace Hachi.Verify.Seccomp;

/// <summary>A call that two filters answer differently.</summary>
/// <param name="Data">The call.</param>
/// <param name="Left">The first one's answer.</param>
/// <param name="Right">The second one's.</param>
public readonly record struct SeccompDifference(SeccompData Data, SeccompAction Left, SeccompAction Right);

/// <summary>The answer of a comparison.</summary>
/// <param name="AreEqual">Whether both answer every call alike; meaningless when <paramref name="Refused"/> is not null.</param>
/// <param name="Differences">For each pair of answers one call, at most.</param>
/// <param name="Refused">Why it could not be decided, or null.</param>
public sealed record SeccompEquality(bool AreEqual, IReadOnlyList<SeccompDifference> Differences, string? Refused);

/// <summary>Decides whether two filters are the same function of the call, for every call there is.</summary>
public static class SeccompComparison
{
    /// <summary>Compares two filters.</summary>
    public static SeccompEquality Compare(ClassicProgram left, ClassicProgram right)
    {
        var space = new SeccompSpace();
        SeccompOutcomes first = SeccompMeaning.Follow(left, space), second = SeccompMeaning.Follow(right, space);
        return Compare(space, first, second);
    }

    /// <summary>Compares what has been followed in one space.</summary>
    public static SeccompEquality Compare(SeccompSpace space, SeccompOutcomes left, SeccompOutcomes right)
    {
        if ((left.Refused ?? right.Refused) is { } refused)
            return new SeccompEquality(false, [], refused);
        var differences = new List<SeccompDifference>();
        foreach ((uint a, int whenA) in left.When)
        {
            if (right.When.GetValueOrDefault(a) == whenA)
                continue;
            foreach ((uint b, int whenB) in right.When)
                if (a != b && space.Find(space.Diagram.And(whenA, whenB)) is { } data)
                    differences.Add(new SeccompDifference(data, new SeccompAction(a), new SeccompAction(b)));
        }
        return new SeccompEquality(differences.Count == 0, differences, space.Diagram.IsExhausted ? "the budget is used up" : null);
    }
}
