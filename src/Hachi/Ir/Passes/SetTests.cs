namespace Hachi.Ir.Passes;

/// <summary>
/// The pass that looks at runs of tests that all jump to one place when they hold (a or b or c …) and need nothing in between: their order is free,
/// so tests of one value are brought together and become a set of intervals, and the set becomes few comparisons.
/// </summary>
internal sealed class SetTests
{
    private const int LargeMin = 12;

    private BlockOrder _order = null!;
    private readonly List<Item> _items = [];
    private readonly List<(uint Lo, uint Hi)> _parts = [];
    private readonly int[] _roots = new int[64], _sizes = new int[64];
    private bool[] _used = new bool[64];

    private struct Item
    {
        public int Block, Root, Group;
        public bool IsSet; // the words of Root that lead to the common target form intervals: Lo..Hi, or all but these
        public bool Outside;
        public uint Lo, Hi;
    }

    /// <summary>The blocks that the last run gave another end; others it made behind those that there were.</summary>
    public List<int> Rebuilt { get; } = [];

    /// <summary>Runs the pass; true when something changed.</summary>
    /// <param name="f">The function.</param>
    /// <param name="order">Its blocks.</param>
    public bool Run(IrFunction f, BlockOrder order)
    {
        Rebuilt.Clear();
        _order = order;
        if (_used.Length < f.BlockCount)
            _used = new bool[f.BlockCount * 2];
        Array.Clear(_used, 0, f.BlockCount);
        bool changed = false;
        foreach (int b in _order.Blocks)
        {
            if (_used[b] || f.Blocks[b].End != IrEnd.Branch)
                continue;
            int target = Collect(f, b, true);
            if (target < 0)
                target = Collect(f, b, false);
            if (target < 0)
                continue;
            foreach (Item item in _items)
                _used[item.Block] = true;
            if (Group(f))
            {
                Rebuild(f, target);
                Rebuilt.Add(b);
                changed = true;
            }
        }
        return changed;
    }

    /// <summary>Small sets become tests at once; large ones stay sets until <see cref="Searches"/>.</summary>
    private static int Search(IrFunction f, int root, IntervalSet set, int target, int next, int origin)
    {
        if (set.Intervals.Length <= LargeMin)
            return SetLowering.Lower(f, root, set, target, next, origin);
        int block = f.NewBlock();
        f.Member(block, root, set, target, next, origin);
        return block;
    }

    /// <summary>Collects the run that starts at a block and whose common target is its true (or false) successor; -1 when it is shorter than two.</summary>
    private int Collect(IrFunction f, int b, bool byTrue)
    {
        _items.Clear();
        ref IrBlock first = ref f.Blocks[b];
        int target = byTrue ? first.True : first.False;
        if ((byTrue ? first.TrueArgs : first.FalseArgs) >= 0 || f.Blocks[target].Phi >= 0)
            return -1;
        bool whenTrue = byTrue;
        // what jumps to a rejection may fail first: a load outside the packet comes to the same
        bool rejects = f.Blocks[target].End == IrEnd.Return && f.Blocks[target].A == IrFunction.Zero;
        while (true)
        {
            _items.Add(Describe(f, b, whenTrue));
            ref IrBlock block = ref f.Blocks[b];
            int next = whenTrue ? block.False : block.True;
            ref IrBlock n = ref f.Blocks[next];
            if (n.End != IrEnd.Branch || _order.Preds[next] != 1 || (n.Require >= 0 && !rejects) || n.Phi >= 0 || next == target || next >= _used.Length || _used[next]
                || (n.True != target && n.False != target) || n.TrueArgs >= 0 || n.FalseArgs >= 0)
                break;
            whenTrue = n.True == target;
            b = next;
        }
        return _items.Count >= 2 ? target : -1;
    }

    private static Item Describe(IrFunction f, int b, bool whenTrue)
    {
        ref IrBlock block = ref f.Blocks[b];
        var item = new Item { Block = b, Root = block.A, Outside = !whenTrue, Hi = uint.MaxValue };
        if (!f.IsConst(block.B, out uint k))
            return item with { Root = -1 };
        item.IsSet = true;
        switch (block.Compare)
        {
            case IrCompare.Eq:
                (item.Lo, item.Hi) = (k, k);
                IrValue v = f.Values[block.A];
                if (v.Op == IrOp.And && f.IsConst(v.B, out uint mask))
                {
                    uint free = ~mask & IrFold.Mask(f, v.A);
                    if ((free & (free + 1)) == 0 && (k & free) == 0) // x & prefix == k => k <= x <= k | rest
                        (item.Root, item.Hi) = (v.A, k | free);
                }
                break;
            case IrCompare.Gt when k < uint.MaxValue:
                item.Lo = k + 1;
                break;
            case IrCompare.Ge:
                item.Lo = k;
                break;
            default:
                item.IsSet = false;
                break;
        }
        return item;
    }

    /// <summary>Gives each item its group; true when some group gains by being rebuilt.</summary>
    private bool Group(IrFunction f)
    {
        bool gains = false;
        int last = -1;
        Span<Item> items = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_items);
        // groups are few (values) where items are many (words): look back along the roots seen so far
        Span<int> roots = _roots, sizes = _sizes;
        int count = 0;
        for (int i = 0; i < items.Length; i++)
        {
            int g = items[i].Root < 0 ? count : roots[..count].IndexOf(items[i].Root);
            if (g < 0 || g == count)
            {
                if (count == roots.Length)
                    return false;
                g = count++;
                roots[g] = items[i].Root;
                sizes[g] = 0;
            }
            items[i].Group = g;
            if (++sizes[g] > 1 && items[i].IsSet)
                gains |= g != last || sizes[g] > SetLowering.LinearMax || HasNeighbour(items, i) || f.Blocks[items[i].Block].A != items[i].Root;
            last = g;
        }
        return gains;
    }

    private static bool HasNeighbour(Span<Item> items, int i)
    {
        for (int j = Math.Max(0, i - SetLowering.LinearMax); j < i; j++)
            if (items[j].Group == items[i].Group && items[j].IsSet
                && (items[j].Outside || items[i].Outside || (items[i].Lo <= (ulong)items[j].Hi + 1 && items[j].Lo <= (ulong)items[i].Hi + 1)))
                return true;
        return false;
    }

    private void Rebuild(IrFunction f, int target)
    {
        Span<Item> items = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_items);
        int first = items[0].Block;
        IrBlock end = f.Blocks[items[^1].Block];
        int next = end.True == target ? end.False : end.True, groups = 0;
        bool needs = false;
        int made = f.BlockCount;
        foreach (Item item in items)
        {
            groups = Math.Max(groups, item.Group + 1);
            needs |= item.Block != first && f.Blocks[item.Block].Require >= 0;
        }
        // from the last group backwards, so that each knows where it goes on; blocks are made behind, the first keeps its id
        for (int g = groups - 1; g >= 0; g--)
        {
            _parts.Clear();
            int single = -1, members = 0;
            for (int i = 0; i < items.Length; i++)
            {
                if (items[i].Group != g)
                    continue;
                members++;
                single = i;
                if (items[i].IsSet)
                    AddParts(items[i]);
            }
            for (int i = items.Length - 1; i >= 0; i--)
                if (items[i].Group == g && (!items[i].IsSet || members == 1))
                    next = CopyTest(f, items[i].Block, first, target, next);
            if (members > 1 && _parts.Count > 0)
            {
                int after = next;
                next = Search(f, items[single].Root, IntervalSet.Of(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_parts)), target, next,
                    f.Blocks[first].Origin);
                if (next != target) // (where all goes to a rejection, nothing is required first)
                    next = RequireOfGroup(f, g, first, next, next == after);
            }
            // what an earlier block had established may come later now
            if (needs && next >= made && f.Blocks[next].End is IrEnd.Branch or IrEnd.Member)
                RequireOperands(f, next, f.Blocks[next].A);
        }
        IrBlock head = f.Blocks[next];
        if (head.End == IrEnd.Member)
        {
            f.Goto(first, next);
            return;
        }
        if (head.End == IrEnd.Branch && next != target)
            CopyRequires(f, next, first);
        ref IrBlock old = ref f.Blocks[first];
        if (head.Phi < 0 && next != target && head.End == IrEnd.Branch)
            (old.End, old.Compare, old.A, old.B, old.True, old.False, old.TrueArgs, old.FalseArgs, old.Origin)
                = (head.End, head.Compare, head.A, head.B, head.True, head.False, head.TrueArgs, head.FalseArgs, head.Origin);
        else
            f.Goto(first, next);
    }

    /// <summary>Puts what a group's tests required on its first block; on a block of its own when the group has come to nothing.</summary>
    private int RequireOfGroup(IrFunction f, int group, int first, int next, bool vanished)
    {
        int holder = next;
        foreach (Item item in _items)
        {
            if (item.Group != group || !item.IsSet || item.Block == first || f.Blocks[item.Block].Require < 0)
                continue;
            if (vanished && holder == next)
            {
                holder = f.NewBlock();
                f.Goto(holder, next);
            }
            CopyRequires(f, item.Block, holder);
        }
        return holder;
    }

    private void AddParts(in Item item)
    {
        if (!item.Outside)
        {
            _parts.Add((item.Lo, item.Hi));
            return;
        }
        if (item.Lo > 0)
            _parts.Add((0, item.Lo - 1));
        if (item.Hi < uint.MaxValue)
            _parts.Add((item.Hi + 1, uint.MaxValue));
    }

    private static int CopyTest(IrFunction f, int source, int first, int target, int next)
    {
        int copy = f.NewBlock();
        IrBlock old = f.Blocks[source];
        bool whenTrue = old.True == target;
        f.Branch(copy, old.Compare, old.A, old.B, whenTrue ? target : next, whenTrue ? next : target, old.Origin);
        if (source != first)
            CopyRequires(f, source, copy);
        return copy;
    }

    private static void CopyRequires(IrFunction f, int source, int target)
    {
        for (int r = f.Blocks[source].Require; r >= 0; r = f.Requires[r].Next)
            f.AddRequire(target, f.Requires[r].Value);
    }

    private static void RequireOperands(IrFunction f, int block, int value)
    {
        IrValue v = f.Values[value];
        if (v.Op is IrOp.LoadPacket or IrOp.ProtoChain or IrOp.Div or IrOp.Mod)
            f.AddRequire(block, value);
        if (v.Op is IrOp.Const or IrOp.Phi)
            return;
        RequireOperands(f, block, v.A);
        if (v.B != IrFunction.Zero)
            RequireOperands(f, block, v.B);
    }
}
