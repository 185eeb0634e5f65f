namespace Hachi.Ir.Passes;

/// <summary>The pass that drops phis that nothing uses.</summary>
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
        return Drop(f);
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
