using Hachi.Uapi;
using Hachi.Verify;
using Hachi.Verify.Seccomp;

namespace Hachi.Lang.Seccomp;

/// <summary>A policy as conditions over the bits of the call: <see cref="SeccompPolicy.Decide"/>, for all calls at once.</summary>
internal sealed class PolicyMeaning
{
    private const int ArgumentBits = 64;

    private readonly SeccompSpace _space;
    private readonly DecisionDiagram _d;
    private readonly SeccompPolicy _policy;
    private readonly Dictionary<uint, List<int>> _when = [];

    private PolicyMeaning(SeccompPolicy policy, SeccompSpace space)
    {
        _policy = policy;
        _space = space;
        _d = space.Diagram;
    }

    public static SeccompOutcomes Of(SeccompPolicy policy, SeccompSpace space)
    {
        var meaning = new PolicyMeaning(policy, space);
        meaning.All();
        return new SeccompOutcomes(meaning._when.ToDictionary(row => row.Key, row => space.Any(row.Value)), space.Diagram.IsExhausted ? "the budget is used up" : null);
    }

    private void All()
    {
        int left = DecisionDiagram.True;
        foreach (SeccompArchitecturePolicy each in _policy.Architectures)
        {
            int here = Where(each.Architecture);
            left = _d.And(left, _d.Not(here));
            One(each, here);
        }
        Add(_policy.OtherArchitectures, left);
    }

    private void One(SeccompArchitecturePolicy policy, int here)
    {
        var ruled = new List<int>();
        foreach ((int number, SeccompCall call) in policy.Calls.OrderBy(row => row.Key))
        {
            int open = _d.And(here, _space.IsEqual(0, policy.Architecture.DataNumber(number)));
            ruled.Add(open);
            foreach (SeccompRule rule in call.Rules)
            {
                int applies = open;
                foreach (SeccompCondition condition in rule.Conditions)
                    applies = _d.And(applies, Holds(condition));
                Add(rule.Action, applies);
                open = _d.And(open, _d.Not(applies));
            }
            Add(_policy.DefaultAction, open);
        }
        int unruled = _d.And(here, _d.Not(_space.Any(ruled)));
        if (policy.Newer is { } newer)
        {
            int later = _d.And(unruled, _space.IsAtLeast(0, policy.Architecture.DataNumber(newer.Last) + 1));
            Add(newer.Action, later);
            unruled = _d.And(unruled, _d.Not(later));
        }
        Add(_policy.DefaultAction, unruled);
    }

    private int Where(SeccompArchitecture architecture)
    {
        int audit = _space.IsEqual(4, architecture.Audit());
        int x32 = _space.IsBetween(0, SeccompArchitectures.X32Bit, uint.MaxValue - 1);
        return architecture switch
        {
            SeccompArchitecture.X32 => _d.And(audit, x32),
            SeccompArchitecture.X86_64 => _d.And(audit, _d.Not(x32)),
            _ => audit,
        };
    }

    private void Add(SeccompAction action, int when)
    {
        if (when == DecisionDiagram.False)
            return;
        if (!_when.TryGetValue(action.Value, out List<int>? all))
            _when.Add(action.Value, all = []);
        all.Add(when);
    }

    /// <summary>When a condition holds, bit by bit over the whole argument; of one that is a word the upper bits are 0.</summary>
    private int Holds(SeccompCondition condition)
    {
        uint offset = (uint)(SeccompData.ArgumentsOffset + (8 * condition.Index));
        int equal = DecisionDiagram.True, less = DecisionDiagram.False;
        for (int i = 0; i < ArgumentBits; i++)
        {
            bool wanted = (condition.Value >> i & 1) != 0, counts = (condition.Mask >> i & 1) != 0;
            int bit = i >= 32 ? condition.IsWord ? DecisionDiagram.False : Bit(offset + 4, i - 32) : Bit(offset, i);
            if (!counts)
                bit = DecisionDiagram.False;
            equal = _d.And(wanted ? bit : _d.Not(bit), equal);
            less = wanted ? _d.Or(_d.Not(bit), less) : _d.And(_d.Not(bit), less);
        }
        return condition.Operator switch
        {
            SeccompOperator.NotEqual or SeccompOperator.MaskedNotEqual => _d.Not(equal),
            SeccompOperator.Less => less,
            SeccompOperator.LessOrEqual => _d.Or(less, equal),
            SeccompOperator.GreaterOrEqual => _d.Not(less),
            SeccompOperator.Greater => _d.Not(_d.Or(less, equal)),
            _ => equal,
        };
    }

    private int Bit(uint offset, int bit) => _space.IsEqual(offset, 1u << bit, 1u << bit);
}
