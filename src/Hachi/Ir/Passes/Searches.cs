namespace Hachi.Ir.Passes;

/// <summary>The pass that turns what is left of large sets into balanced searches. The last one: it makes code that others would take apart again.</summary>
/// <remarks>
/// Two large sets with the same words, searched on different ways through the function (the source of IP and of ARP packets), need one search:
/// the code does not care which value it looks for. What differs is where it goes on when nothing is found, and the test that parted the ways tells that again.
/// </remarks>
internal sealed class Searches
{
    private BlockOrder _order = null!;
    private readonly Dominators _dominators = new();
    private readonly List<int> _members = [];
    private readonly Stack<int> _open = [];
    private bool[] _seen = new bool[64];

    /// <summary>Runs the pass; true when something changed.</summary>
    /// <param name="f">The function.</param>
    /// <param name="order">Its blocks.</param>
    public bool Run(IrFunction f, BlockOrder order)
    {
        if (f.Sets.Count == 0)
            return false;
        _order = order;
        _members.Clear();
        foreach (int b in _order.Blocks)
            if (f.Blocks[b].End == IrEnd.Member)
                _members.Add(b);
        if (_members.Count > 1)
            Share(f);
        foreach (int b in _members)
            Lower(f, b);
        return _members.Count > 0;
    }

    private void Share(IrFunction f)
    {
        _dominators.Compute(f, _order);
        for (int i = 0; i < _members.Count; i++)
        {
            for (int j = i + 1; j < _members.Count; j++)
            {
                IrBlock x = f.Blocks[_members[i]], y = f.Blocks[_members[j]];
                if (x.True != y.True || x.False == y.False || x.A == y.A || !f.Sets[x.B].Intervals.SequenceEqual(f.Sets[y.B].Intervals))
                    continue;
                int parting = _dominators.Common(_members[i], _members[j]);
                IrBlock test = f.Blocks[parting];
                if (test.End != IrEnd.Branch || !IsOnly(test.True, parting) || !IsOnly(test.False, parting))
                    continue;
                // Pairs may lie crosswise: no way may lead back to a search that was passed.
                if (Reaches(f, x.False, _members[j]) || Reaches(f, y.False, _members[i]))
                    continue;
                bool xWhenTrue = _dominators.Dominates(test.True, _members[i]);
                int again = f.NewBlock();
                f.Branch(again, test.Compare, test.A, test.B, xWhenTrue ? x.False : y.False, xWhenTrue ? y.False : x.False, test.Origin);
                f.Blocks[_members[i]].False = f.Blocks[_members[j]].False = again;
            }
        }
    }

    private bool Reaches(IrFunction f, int from, int target)
    {
        if (_seen.Length < f.BlockCount)
            _seen = new bool[f.BlockCount * 2];
        Array.Clear(_seen, 0, f.BlockCount);
        _open.Clear();
        _open.Push(from);
        while (_open.TryPop(out int block))
        {
            if (block == target)
                return true;
            if (_seen[block])
                continue;
            _seen[block] = true;
            ref IrBlock b = ref f.Blocks[block];
            if (b.End is IrEnd.Goto or IrEnd.Branch or IrEnd.Member)
                _open.Push(b.True);
            if (b.End is IrEnd.Branch or IrEnd.Member)
                _open.Push(b.False);
        }
        return false;
    }

    private bool IsOnly(int block, int pred) => _order.Preds[block] == 1 && _dominators[block] == pred;

    private static void Lower(IrFunction f, int block)
    {
        IrBlock member = f.Blocks[block];
        int made = SetLowering.Lower(f, member.A, f.Sets[member.B], member.True, member.False, member.Origin);
        IrBlock first = f.Blocks[made];
        if (made == member.True || made == member.False || first.End != IrEnd.Branch)
            f.Goto(block, made);
        else
            f.Branch(block, first.Compare, first.A, first.B, first.True, first.False, first.Origin);
    }
}
