namespace Hachi.Ir.Passes;

/// <summary>The pass that makes equal blocks one block, from the ends backwards, and steps over blocks that only jump.</summary>
internal sealed class MergeBlocks
{
    private int[] _same = new int[64];
    private int[] _table = new int[128];

    /// <summary>Blocks of the last run that became another one.</summary>
    public List<(int Kept, int Gone)> Merged { get; } = [];

    /// <summary>Whether the last run found a test whose outcome makes no difference.</summary>
    public bool HasDropped { get; private set; }

    /// <summary>Runs the pass; true when something changed.</summary>
    /// <param name="f">The function.</param>
    /// <param name="order">Its blocks.</param>
    public bool Run(IrFunction f, BlockOrder order)
    {
        HasDropped = false;
        Merged.Clear();
        int n = f.BlockCount, size = 64;
        if (_same.Length < n)
            _same = new int[n * 2];
        while (size < 2 * order.Count)
            size *= 2;
        if (_table.Length < size)
            _table = new int[size];
        Array.Fill(_table, -1, 0, size);
        bool changed = false;
        ReadOnlySpan<int> blocks = order.Blocks;
        for (int i = blocks.Length - 1; i >= 0; i--)
        {
            int b = blocks[i];
            ref IrBlock block = ref f.Blocks[b];
            _same[b] = b;
            changed |= Redirect(ref block);
            if (block.End == IrEnd.Branch && block.True == block.False && block.TrueArgs == block.FalseArgs)
            {
                f.Goto(b, block.True, block.TrueArgs);
                changed = HasDropped = true;
            }
            if (block.Phi >= 0)
                continue;
            if (block.End == IrEnd.Goto && block.Require < 0 && block.TrueArgs < 0)
                _same[b] = block.True; // it only jumps
            else
                _same[b] = FindOrAdd(f, b, size - 1);
        }
        if (_same[f.Entry] != f.Entry)
        {
            f.Entry = _same[f.Entry];
            changed = true;
        }
        return changed;
    }

    private bool Redirect(ref IrBlock block)
    {
        if (block.End is not (IrEnd.Goto or IrEnd.Branch or IrEnd.Member))
            return false;
        int whenTrue = _same[block.True];
        bool changed = whenTrue != block.True;
        block.True = whenTrue;
        if (block.End == IrEnd.Goto)
            return changed;
        int whenFalse = _same[block.False];
        changed |= whenFalse != block.False;
        block.False = whenFalse;
        return changed;
    }

    private int FindOrAdd(IrFunction f, int b, int mask)
    {
        ref IrBlock x = ref f.Blocks[b];
        uint hash = ((uint)x.End * 31 + (uint)x.Compare) * 0x9E3779B1u ^ (uint)x.A * 0x85EBCA6Bu ^ (uint)x.B * 0xC2B2AE35u
            ^ (uint)x.True * 0x27D4EB2Fu ^ (uint)x.False * 0x165667B1u;
        for (int r = x.Require; r >= 0; r = f.Requires[r].Next)
            hash += (uint)f.Requires[r].Value * 0x2545F491u;
        hash ^= hash >> 15;
        for (int at = (int)hash & mask; ; at = (at + 1) & mask)
        {
            if (_table[at] < 0)
            {
                _table[at] = b;
                return b;
            }
            if (!AreEqual(f, ref x, ref f.Blocks[_table[at]]))
                continue;
            Merged.Add((_table[at], b));
            return _table[at];
        }
    }

    private static bool AreEqual(IrFunction f, ref IrBlock x, ref IrBlock y) =>
        x.End == y.End && x.Compare == y.Compare && x.A == y.A && x.B == y.B && x.True == y.True && x.TrueArgs == y.TrueArgs
        && (x.End == IrEnd.Goto || (x.False == y.False && x.FalseArgs == y.FalseArgs))
        && Covers(f, x.Require, y.Require) && Covers(f, y.Require, x.Require);

    private static bool Covers(IrFunction f, int list, int other)
    {
        for (; other >= 0; other = f.Requires[other].Next)
        {
            int r = list;
            while (r >= 0 && f.Requires[r].Value != f.Requires[other].Value)
                r = f.Requires[r].Next;
            if (r < 0)
                return false;
        }
        return true;
    }
}
