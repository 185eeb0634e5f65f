using Hachi.Ir;
using Hachi.Uapi;

namespace Hachi.Lang.Seccomp.Compile;

/// <summary>Lowers the rules of one call, its arguments' tests, into blocks.</summary>
internal sealed class CallLowering
{
    private readonly IrFunction _f;
    private readonly SeccompAction _default;
    private readonly Dictionary<SeccompAction, int> _returns = [];

    public CallLowering(IrFunction f, SeccompAction defaultAction)
    {
        _f = f;
        _default = defaultAction;
    }

    /// <summary>The block that returns an action; one for each.</summary>
    public int Return(SeccompAction action)
    {
        if (!_returns.TryGetValue(action, out int block))
        {
            block = _f.NewBlock();
            _f.Return(block, _f.Const(action.Value));
            _returns.Add(action, block);
        }
        return block;
    }

    /// <summary>The first block of the tests that a call needs.</summary>
    public int Lower(IReadOnlyList<SeccompRule> rules)
    {
        if (rules is [{ Conditions: [] } always, ..])
            return Return(always.Action);
        return TryWord(rules, out int index) ? LowerWord(rules, index) : LowerRules(rules);
    }

    /// <summary>The value of a word of the call.</summary>
    public int Word(uint offset) => _f.Intern(IrOp.LoadPacket, 4, IrFunction.Zero, 0, offset, -1);

    private static uint OffsetOf(int argument) => (uint)(SeccompData.ArgumentsOffset + (8 * argument));

    /// <summary>Whether everything hangs on one word, compared as a number: then the answer is a function of intervals.</summary>
    private static bool TryWord(IReadOnlyList<SeccompRule> rules, out int index)
    {
        index = -1;
        foreach (SeccompRule rule in rules)
        {
            foreach (SeccompCondition condition in rule.Conditions)
            {
                if (!condition.IsWord || condition.Operator is SeccompOperator.MaskedEqual or SeccompOperator.MaskedNotEqual || (index >= 0 && index != condition.Index))
                    return false;
                index = condition.Index;
            }
        }
        return index >= 0;
    }

    private int LowerWord(IReadOnlyList<SeccompRule> rules, int index)
    {
        var starts = new SortedSet<uint> { 0 };
        foreach (SeccompRule rule in rules)
            foreach (SeccompCondition condition in rule.Conditions)
            {
                if (condition.Value > uint.MaxValue)
                    continue;
                starts.Add((uint)condition.Value);
                if (condition.Value < uint.MaxValue)
                    starts.Add((uint)condition.Value + 1);
            }
        uint[] lows = [.. starts];
        var regions = new Region[lows.Length];
        for (int i = 0; i < lows.Length; i++)
        {
            SeccompArguments arguments = default;
            arguments[index] = lows[i];
            var data = new SeccompData(0, 0, 0, arguments);
            SeccompAction action = _default;
            for (int r = rules.Count - 1; r >= 0; r--)
                if (rules[r].Applies(data))
                    action = rules[r].Action;
            regions[i] = new Region(lows[i], i + 1 < lows.Length ? lows[i + 1] - 1 : uint.MaxValue, Return(action), 1);
        }
        return SearchTree.Build(_f, Word(OffsetOf(index)), regions);
    }

    private int LowerRules(IReadOnlyList<SeccompRule> rules)
    {
        int next = Return(_default);
        for (int r = rules.Count - 1; r >= 0; r--)
        {
            int yes = Return(rules[r].Action);
            for (int c = rules[r].Conditions.Count - 1; c >= 0; c--)
                yes = Test(rules[r].Conditions[c], yes, next);
            next = yes;
        }
        return next;
    }

    private int Test(SeccompCondition condition, int yes, int no)
    {
        uint offset = OffsetOf(condition.Index);
        if (condition.Operator == SeccompOperator.MaskedNotEqual)
            (condition, yes, no) = (condition with { Operator = SeccompOperator.MaskedEqual }, no, yes);
        return condition.IsWord ? TestWord(condition, Word(offset), yes, no) : TestWide(condition, Word(offset), Word(offset + 4), yes, no);
    }

    private int TestWord(SeccompCondition condition, int word, int yes, int no)
    {
        if (condition.Operator == SeccompOperator.MaskedEqual)
            return condition.Value > uint.MaxValue ? no : Masked(word, (uint)condition.Mask, (uint)condition.Value, yes, no);
        if (condition.Value > uint.MaxValue) // no word is so great
            return condition.Operator is SeccompOperator.NotEqual or SeccompOperator.Less or SeccompOperator.LessOrEqual ? yes : no;
        uint k = (uint)condition.Value;
        return condition.Operator switch
        {
            SeccompOperator.Equal => Branch(IrCompare.Eq, word, k, yes, no),
            SeccompOperator.NotEqual => Branch(IrCompare.Eq, word, k, no, yes),
            SeccompOperator.Less => Branch(IrCompare.Ge, word, k, no, yes),
            SeccompOperator.LessOrEqual => Branch(IrCompare.Gt, word, k, no, yes),
            SeccompOperator.GreaterOrEqual => Branch(IrCompare.Ge, word, k, yes, no),
            _ => Branch(IrCompare.Gt, word, k, yes, no),
        };
    }

    private int TestWide(SeccompCondition condition, int low, int high, int yes, int no)
    {
        uint lowK = (uint)condition.Value, highK = (uint)(condition.Value >> 32);
        switch (condition.Operator)
        {
            case SeccompOperator.MaskedEqual:
                return Masked(high, (uint)(condition.Mask >> 32), highK, Masked(low, (uint)condition.Mask, lowK, yes, no), no);
            case SeccompOperator.Equal:
                return Branch(IrCompare.Eq, high, highK, Branch(IrCompare.Eq, low, lowK, yes, no), no);
            case SeccompOperator.NotEqual:
                return Branch(IrCompare.Eq, high, highK, Branch(IrCompare.Eq, low, lowK, no, yes), yes);
            case SeccompOperator.Less or SeccompOperator.LessOrEqual:
                (yes, no) = (no, yes); // x < k: not x >= k
                break;
            default:
                break;
        }
        bool orEqual = condition.Operator is SeccompOperator.Less or SeccompOperator.GreaterOrEqual;
        int decidedByLow = Branch(orEqual ? IrCompare.Ge : IrCompare.Gt, low, lowK, yes, no);
        if (highK == 0) // one comparison less where most arguments lie
            return Branch(IrCompare.Eq, high, 0, decidedByLow, yes);
        return Branch(IrCompare.Gt, high, highK, yes, Branch(IrCompare.Eq, high, highK, decidedByLow, no));
    }

    private int Masked(int word, uint mask, uint value, int yes, int no)
    {
        if ((value & ~mask) != 0)
            return no;
        if (mask == 0)
            return yes;
        if (mask != uint.MaxValue && value == 0)
            return Branch(IrCompare.Set, word, mask, no, yes);
        return Branch(IrCompare.Eq, mask == uint.MaxValue ? word : IrFold.Make(_f, IrOp.And, word, _f.Const(mask)), value, yes, no);
    }

    private int Branch(IrCompare compare, int value, uint k, int yes, int no)
    {
        if (yes == no)
            return yes;
        int block = _f.NewBlock();
        _f.Branch(block, compare, value, _f.Const(k), yes, no);
        return block;
    }
}
