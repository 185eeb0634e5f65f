using static Hachi.Isa.ClassicOpcode;

namespace Hachi.Ir.Select;

/// <summary>
/// Phis whose edges mostly bring the same constant: that constant is stored once, where all ways to the phi come from, and only the others store their own.
/// </summary>
internal sealed partial class ClassicSelector
{
    private readonly List<(int Phi, int Value, int Block)> _defaults = [];
    private readonly List<(int From, int Value)> _into = [];
    private readonly HashSet<int> _marked = [];
    private readonly Dominators _idom = new();

    private bool IsDefault(int phi, int value)
    {
        foreach ((int p, int v, _) in _defaults)
            if (p == phi && v == value)
                return true;
        return false;
    }

    private void StoreDefaults(int block)
    {
        foreach ((int phi, int value, int at) in _defaults)
        {
            if (at != block)
                continue;
            ToA(value);
            Put(St, (uint)_slotOf[phi]);
        }
    }

    private void FindDefaults()
    {
        _defaults.Clear();
        if (_slots == 0)
            return;
        _idom.Compute(_f, _order);
        foreach (int b in _order.Blocks)
        {
            int at = 0, used = 0;
            for (int p = _f.Blocks[b].Phi; p >= 0; p = _f.Phis[p].Next)
                used += _slotOf[_f.Phis[p].Value] >= 0 ? 1 : 0;
            for (int p = _f.Blocks[b].Phi; p >= 0; p = _f.Phis[p].Next, at++)
            {
                int phi = _f.Phis[p].Value;
                if (_slotOf[phi] < 0)
                    continue;
                CollectEdges(b, at);
                if (used == 1)
                    Coalesce(b, phi);
                ChooseDefault(b, phi);
            }
        }
    }

    /// <summary>The edges into a block and what each brings to one of its phis.</summary>
    private void CollectEdges(int target, int at)
    {
        _into.Clear();
        foreach (int x in _order.Blocks)
            if (_f.Blocks[x].End == IrEnd.Goto && _f.Blocks[x].True == target)
                _into.Add((x, _f.EdgeArgs[_f.Blocks[x].TrueArgs + at]));
    }

    /// <summary>A phi that only takes an earlier one further, when that one is not used any more, lives in its word of memory.</summary>
    private void Coalesce(int block, int phi)
    {
        foreach ((_, int value) in _into)
        {
            if (_f.Values[value].Op != IrOp.Phi || _slotOf[value] < 0 || IsUsedFrom(block, value))
                continue;
            _slotOf[phi] = _slotOf[value];
            _defaults.Add((phi, value, None)); // nothing to store on that edge
            return;
        }
    }

    /// <summary>
    /// Stores the value of most edges where all ways to the phi come from; the value of the others where all ways to those come from, if none of the
    /// first is behind it, otherwise on each edge.
    /// </summary>
    private void ChooseDefault(int block, int phi)
    {
        if (_defaults.Count > 0 && _defaults[^1].Phi == phi)
            return;
        int best = None, bestCost = int.MaxValue, bestAt = None;
        foreach ((_, int value) in _into)
        {
            if (value == best || !CanCompute(value, _idom[block]))
                continue;
            int rest = None, common = None;
            bool several = false;
            foreach ((int from, int other) in _into)
            {
                if (other == value)
                    continue;
                several |= rest != None && rest != other;
                rest = other;
                common = common == None ? from : _idom.Common(common, from);
            }
            int count = 0;
            foreach ((_, int other) in _into)
                count += other == value ? 0 : 1;
            bool early = rest != None && !several && common != _idom[block] && CanCompute(rest, common) && !Precedes(common, value);
            int cost = early ? Math.Min(2, 3 * count) : 3 * count;
            if (cost < bestCost)
                (best, bestCost, bestAt) = (value, cost, early && count > 1 ? common : None);
        }
        if (best == None || bestCost >= 3 * (_into.Count - 1) + 1)
            return;
        _defaults.Add((phi, best, _idom[block]));
        if (bestAt == None)
            return;
        foreach ((_, int value) in _into)
        {
            if (value == best)
                continue;
            _defaults.Add((phi, value, bestAt));
            return;
        }
    }

    /// <summary>Whether some edge that brings a value can be reached from a block.</summary>
    private bool Precedes(int block, int value)
    {
        MarkFrom(block);
        foreach ((int from, int brings) in _into)
            if (brings == value && _marked.Contains(from))
                return true;
        return false;
    }

    private bool IsUsedFrom(int block, int value)
    {
        MarkFrom(block);
        foreach (int b in _marked)
        {
            ref IrBlock x = ref _f.Blocks[b];
            if (x.End is IrEnd.Branch or IrEnd.Return && IsPartOf(value, x.A))
                return true;
            if (x.End == IrEnd.Branch && IsPartOf(value, x.B))
                return true;
            for (int r = x.Require; r >= 0; r = _f.Requires[r].Next)
                if (IsPartOf(value, _f.Requires[r].Value))
                    return true;
            if (x.End == IrEnd.Goto && x.TrueArgs >= 0)
            {
                int i = x.TrueArgs;
                for (int p = _f.Blocks[x.True].Phi; p >= 0; p = _f.Phis[p].Next, i++)
                    if (IsPartOf(value, _f.EdgeArgs[i]))
                        return true;
            }
        }
        return false;
    }

    private void MarkFrom(int block)
    {
        _marked.Clear();
        _marked.Add(block);
        foreach (int b in _order.Blocks) // no loops: one sweep in order
        {
            if (!_marked.Contains(b) || _f.Blocks[b].End is IrEnd.Return or IrEnd.Open)
                continue;
            _marked.Add(_f.Blocks[b].True);
            if (_f.Blocks[b].End != IrEnd.Goto)
                _marked.Add(_f.Blocks[b].False);
        }
    }

    /// <summary>Whether a value may be computed at the start of a block: a constant, or made of loads that this block or one before it requires.</summary>
    private bool CanCompute(int value, int block)
    {
        IrValue v = _f.Values[value];
        switch (v.Op)
        {
            case IrOp.Const or IrOp.Length or IrOp.Extension:
                return true;
            case IrOp.Phi or IrOp.ProtoChain or IrOp.Div or IrOp.Mod:
                return false;
            case IrOp.LoadPacket:
                if (v.A != IrFunction.Zero && !CanCompute(v.A, block))
                    return false;
                for (int b = block; ; b = _idom[b])
                {
                    for (int r = _f.Blocks[b].Require; r >= 0; r = _f.Requires[r].Next)
                    {
                        ref IrValue other = ref _f.Values[_f.Requires[r].Value];
                        if (other.Op == IrOp.LoadPacket && other.A == v.A && other.Imm + other.Size >= v.Imm + v.Size)
                            return true;
                    }
                    if (b == _f.Entry)
                        return false;
                }
            default:
                return CanCompute(v.A, block) && (v.B == IrFunction.Zero || CanCompute(v.B, block));
        }
    }
}
