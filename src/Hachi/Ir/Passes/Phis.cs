namespace Hachi.Ir.Passes;

/// <summary>The pass that drops phis that nothing uses and steps over blocks that only pass phis on.</summary>
internal sealed class Phis
{
    private readonly BlockOrder _order = new();
    private readonly List<int> _work = [];
    private bool[] _used = new bool[64];

    /// <summary>Runs the pass; true when something changed.</summary>
    public bool Run(IrFunction f)
    {
        if (f.PhiCount == 0)
            return false;
        _order.Compute(f);
        if (_used.Length < f.ValueCount)
            _used = new bool[f.ValueCount * 2];
        Array.Clear(_used, 0, f.ValueCount);
        UseOperands(f);
        while (_work.Count > 0)
        {
            int v = _work[^1];
            _work.RemoveAt(_work.Count - 1);
            IrValue value = f.Values[v];
            if (value.Op == IrOp.Phi)
            {
                UseArguments(f, v, (int)value.Imm);
                continue;
            }
            Use(value.A);
            Use(value.B);
        }
        bool changed = Drop(f);
        return Bypass(f) || changed;
    }

    /// <summary>
    /// A block that does nothing but pass its phis on, and whose phis nobody else reads, is stepped over: its edges go on with the arguments that it would have passed.
    /// </summary>
    private bool Bypass(IrFunction f)
    {
        MarkReaders(f);
        bool changed = false;
        foreach (int j in _order.Blocks)
        {
            IrBlock join = f.Blocks[j];
            if (join.Phi < 0 || join.Require >= 0 || join.End != IrEnd.Goto || join.True == j || IsRead(f, join.Phi))
                continue;
            foreach (int b in _order.Blocks)
            {
                ref IrBlock x = ref f.Blocks[b];
                if (x.End is IrEnd.Goto or IrEnd.Branch && x.True == j)
                {
                    (x.True, x.TrueArgs) = (join.True, Forward(f, join, x.TrueArgs));
                    changed = true;
                }
                if (x.End == IrEnd.Branch && x.False == j)
                {
                    (x.False, x.FalseArgs) = (join.True, Forward(f, join, x.FalseArgs));
                    changed = true;
                }
            }
        }
        return changed;
    }

    private bool IsRead(IrFunction f, int phi)
    {
        for (; phi >= 0; phi = f.Phis[phi].Next)
            if (_used[f.Phis[phi].Value])
                return true;
        return false;
    }

    private static int Forward(IrFunction f, in IrBlock join, int args)
    {
        int count = 0;
        for (int p = f.Blocks[join.True].Phi; p >= 0 && join.TrueArgs >= 0; p = f.Phis[p].Next)
            count++;
        if (count == 0)
            return -1;
        int[] passed = new int[count];
        for (int i = 0; i < count; i++)
        {
            passed[i] = f.EdgeArgs[join.TrueArgs + i];
            int at = 0;
            for (int p = join.Phi; p >= 0; p = f.Phis[p].Next, at++)
                if (f.Phis[p].Value == f.EdgeArgs[join.TrueArgs + i])
                    passed[i] = f.EdgeArgs[args + at];
        }
        return f.AddEdgeArgs(passed);
    }

    /// <summary>Marks what is read other than by the jump of a phi's own block.</summary>
    private void MarkReaders(IrFunction f)
    {
        Array.Clear(_used, 0, f.ValueCount);
        UseOperands(f);
        foreach (int b in _order.Blocks)
        {
            IrBlock x = f.Blocks[b];
            if (x.End is IrEnd.Goto or IrEnd.Branch && x.TrueArgs >= 0)
                UseEdge(f, b, x.True, x.TrueArgs);
            if (x.End == IrEnd.Branch && x.FalseArgs >= 0)
                UseEdge(f, b, x.False, x.FalseArgs);
        }
        while (_work.Count > 0)
        {
            IrValue value = f.Values[_work[^1]];
            _work.RemoveAt(_work.Count - 1);
            if (value.Op == IrOp.Phi)
                continue;
            Use(value.A);
            Use(value.B);
        }
    }

    private void UseEdge(IrFunction f, int from, int to, int args)
    {
        for (int p = f.Blocks[to].Phi; p >= 0; p = f.Phis[p].Next, args++)
        {
            ref IrValue v = ref f.Values[f.EdgeArgs[args]];
            if (v.Op != IrOp.Phi || (int)v.Imm != from || f.Blocks[from].End != IrEnd.Goto)
                Use(f.EdgeArgs[args]);
        }
    }

    private void UseOperands(IrFunction f)
    {
        foreach (int b in _order.Blocks)
        {
            ref IrBlock block = ref f.Blocks[b];
            if (block.End is IrEnd.Branch or IrEnd.Return or IrEnd.Member)
                Use(block.A);
            if (block.End == IrEnd.Branch)
                Use(block.B);
            for (int r = block.Require; r >= 0; r = f.Requires[r].Next)
                Use(f.Requires[r].Value);
        }
    }

    private void Use(int value)
    {
        if (_used[value])
            return;
        _used[value] = true;
        _work.Add(value);
    }

    private void UseArguments(IrFunction f, int phi, int block)
    {
        int at = 0;
        for (int p = f.Blocks[block].Phi; p >= 0 && f.Phis[p].Value != phi; p = f.Phis[p].Next)
            at++;
        foreach (int b in _order.Blocks)
        {
            ref IrBlock x = ref f.Blocks[b];
            if (x.End == IrEnd.Return)
                continue;
            if (x.True == block && x.TrueArgs >= 0)
                Use(f.EdgeArgs[x.TrueArgs + at]);
            if (x.End != IrEnd.Goto && x.False == block && x.FalseArgs >= 0)
                Use(f.EdgeArgs[x.FalseArgs + at]);
        }
    }

    private bool Drop(IrFunction f)
    {
        bool changed = false;
        Span<int> kept = stackalloc int[64];
        foreach (int target in _order.Blocks)
        {
            int position = 0, count = 0;
            bool drops = false;
            for (int p = f.Blocks[target].Phi; p >= 0; p = f.Phis[p].Next, position++)
            {
                if (!_used[f.Phis[p].Value])
                    drops = true;
                else if (count < kept.Length)
                    kept[count++] = position;
            }
            if (!drops || position > kept.Length)
                continue;
            changed = true;
            foreach (int b in _order.Blocks)
            {
                ref IrBlock x = ref f.Blocks[b];
                if (x.End is IrEnd.Goto or IrEnd.Branch && x.True == target)
                    x.TrueArgs = Compact(f, x.TrueArgs, kept[..count]);
                if (x.End == IrEnd.Branch && x.False == target)
                    x.FalseArgs = Compact(f, x.FalseArgs, kept[..count]);
            }
            Unlink(f, target);
        }
        return changed;
    }

    private static int Compact(IrFunction f, int args, ReadOnlySpan<int> kept)
    {
        if (args < 0 || kept.Length == 0)
            return -1;
        Span<int> values = stackalloc int[kept.Length];
        for (int i = 0; i < kept.Length; i++)
            values[i] = f.EdgeArgs[args + kept[i]];
        return f.AddEdgeArgs(values);
    }

    private void Unlink(IrFunction f, int block)
    {
        int previous = -1;
        for (int p = f.Blocks[block].Phi; p >= 0; p = f.Phis[p].Next)
        {
            if (_used[f.Phis[p].Value])
                previous = p;
            else if (previous < 0)
                f.Blocks[block].Phi = f.Phis[p].Next;
            else
                f.Phis[previous].Next = f.Phis[p].Next;
        }
    }
}
