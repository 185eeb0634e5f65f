namespace Hachi.Ir.Select;

/// <summary>Which values are kept in the scratch memory M[]: phis, and what is dear to compute and used more than once, if that makes the program shorter.</summary>
internal sealed partial class ClassicSelector
{
    private const int CandidatesMax = 10;

    private readonly List<int> _candidates = [];
    private int[] _references = new int[64];

    /// <summary>Counts where each value is used, gives phis that are used their slots and finds the values worth keeping.</summary>
    private void CountReferences()
    {
        int n = _f.ValueCount;
        Array.Clear(_references, 0, n);
        Array.Fill(_slotOf, -1, 0, n);
        _slots = 0;
        _candidates.Clear();
        bool phis = false;
        foreach (int b in _order.Blocks)
        {
            ref IrBlock block = ref _f.Blocks[b];
            phis |= block.Phi >= 0;
            if (block.End == IrEnd.Branch || block.End == IrEnd.Return)
                _references[block.A]++;
            if (block.End == IrEnd.Branch)
                _references[block.B]++;
            for (int r = block.Require; r >= 0; r = _f.Requires[r].Next)
                if (block.End != IrEnd.Branch || _f.Requires[r].Value != block.A)
                    _references[_f.Requires[r].Value] += _references[_f.Requires[r].Value] == 0 ? 1 : 0;
        }
        if (phis)
            ReferenceArguments();
        for (int v = n - 1; v > 0; v--) // operands have smaller ids: one sweep down
        {
            if (_references[v] == 0)
                continue;
            ref IrValue value = ref _f.Values[v];
            if (value.Op == IrOp.Phi)
            {
                _slotOf[v] = _slots++;
                continue;
            }
            if (value.Op == IrOp.Const)
                continue;
            _references[value.A]++;
            if (value.Op is >= IrOp.Add and <= IrOp.Rsh)
                _references[value.B]++;
        }
        for (int v = 1; v < n && _candidates.Count < CandidatesMax; v++)
        {
            if (_references[v] < 2 || _f.Values[v].Op < IrOp.Add && _f.Values[v].Op != IrOp.LoadPacket || IsHeaderLength(v, out _))
                continue;
            int cost = Cost(v, 8);
            if ((_references[v] - 1) * (cost - 1) > 1)
                _candidates.Add(v);
        }
    }

    /// <summary>An argument counts once its phi does; phis may be arguments of later ones.</summary>
    private void ReferenceArguments()
    {
        foreach (int b in _order.Blocks)
        {
            ref IrBlock block = ref _f.Blocks[b];
            if (block.End == IrEnd.Goto && block.TrueArgs >= 0)
            {
                int i = block.TrueArgs;
                for (int p = _f.Blocks[block.True].Phi; p >= 0; p = _f.Phis[p].Next, i++)
                    if (_f.EdgeArgs[i] != IrFunction.Zero)
                        _references[_f.EdgeArgs[i]]++;
            }
        }
    }

    /// <summary>Instructions that it takes to compute a value from nothing, about.</summary>
    private int Cost(int value, int depth)
    {
        ref IrValue v = ref _f.Values[value];
        if (depth == 0)
            return 2;
        if (IsHeaderLength(value, out _))
            return 1;
        return v.Op switch
        {
            IrOp.LoadPacket => v.A == IrFunction.Zero ? 1 : 1 + Cost(v.A, depth - 1) + (IsHeaderLength(v.A, out _) ? 0 : 1),
            IrOp.Neg => 1 + Cost(v.A, depth - 1),
            >= IrOp.Add and <= IrOp.Rsh => 1 + Cost(v.A, depth - 1) + (_f.Values[v.B].Op == IrOp.Const ? 0 : 1 + Cost(v.B, depth - 1)),
            _ => 1,
        };
    }

    /// <summary>Tries without memory, with all candidates, then without each; the shortest program wins.</summary>
    private Isa.ClassicInsn[]? SelectBest()
    {
        int phis = _slots;
        Isa.ClassicInsn[]? best = Emit() ? Link() : null;
        List<int> kept = [.. _candidates];
        if (phis + kept.Count > 14)
            kept.RemoveRange(0, Math.Min(kept.Count, phis + kept.Count - 14));
        bool better = Try(kept, phis, ref best);
        for (int i = kept.Count - 1; i >= 0; i--)
        {
            int dropped = kept[i];
            kept.RemoveAt(i);
            if (!Try(kept, phis, ref best) && better)
                kept.Insert(i, dropped);
        }
        return best;
    }

    private bool Try(List<int> kept, int phis, ref Isa.ClassicInsn[]? best)
    {
        _slots = phis;
        foreach (int v in _candidates)
            _slotOf[v] = -1;
        foreach (int v in kept)
            _slotOf[v] = _slots++;
        if (!Emit())
            return false;
        Isa.ClassicInsn[] linked = Link();
        if (best is not null && linked.Length > best.Length)
            return false;
        bool shorter = best is null || linked.Length < best.Length;
        best = shorter ? linked : best;
        return true;
    }
}
