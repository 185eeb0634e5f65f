using Hachi.Ir;
using Hachi.Ir.Schedule;

namespace Hachi.Vm.Jit.Ranges;

/// <content>Phis: a fixed point over the loops.</content>
internal sealed partial class RangeAnalysis
{
    private void SolvePhis()
    {
        for (int round = 0; ; round++)
        {
            bool grew = false;
            foreach (int b in _graph.Order)
                for (int p = _f.Blocks[b].Phi; p >= 0; p = _f.Phis[p].Next)
                    grew |= Grow(b, _f.Phis[p].Value, round);
            if (!grew)
                break;
            if (round >= RoundsMax)
            {
                GiveUp();
                break;
            }
        }
        Narrow();
        if (_graph.HasLoops)
        {
            foreach (int b in _graph.Order)
                if (_graph.LoopOf(b) == b && _f.Blocks[b].Phi >= 0)
                    CountRounds(b);
            Narrow();
        }
    }

    private bool Grow(int block, int phi, int round)
    {
        Range old = _phi[phi], made = old.Union(Incoming(block, phi));
        if (made == old)
            return false;
        if (round >= WidenAfter && old.Base != RangeBase.None && made.Base == old.Base)
            made = Widen(old, made);
        _phi[phi] = made;
        _changed = true;
        return true;
    }

    // One step down from what widening made too large; each step is sound, since a fixed point stays one.
    private void Narrow()
    {
        for (int round = 0; round < 2; round++)
            foreach (int b in _graph.Order)
                for (int p = _f.Blocks[b].Phi; p >= 0; p = _f.Phis[p].Next)
                {
                    int phi = _f.Phis[p].Value;
                    Range made = Incoming(b, phi), old = _phi[phi];
                    if (made.Base == RangeBase.None || old.IsNumber && !made.IsNumber)
                        continue;
                    _phi[phi] = made.Base == old.Base ? made.Within(old.Lo, old.Hi) : made;
                    _changed = true;
                }
    }

    private void GiveUp()
    {
        foreach (int b in _graph.Order)
            for (int p = _f.Blocks[b].Phi; p >= 0; p = _f.Phis[p].Next)
                _phi[_f.Phis[p].Value] = Range.All;
        _changed = true;
    }

    private Range Incoming(int block, int phi)
    {
        Range range = Range.Nothing;
        ReadOnlySpan<int> preds = _graph.PredsOf(block);
        for (int i = 0; i < preds.Length; i++)
        {
            if (i > 0 && preds[i] == preds[i - 1])
                continue; // both ways of one branch: taken together below
            ref IrBlock pred = ref _f.Blocks[preds[i]];
            for (int s = 0; s < BlockGraph.SuccessorCount(pred); s++)
                if (BlockGraph.Successor(pred, s) == block)
                    range = range.Union(OnEdge(preds[i], s, Argument(block, phi, pred, s)));
        }
        return range;
    }

    private int Argument(int block, int phi, in IrBlock pred, int successor)
    {
        int index = BlockGraph.ArgsOf(pred, successor);
        for (int p = _f.Blocks[block].Phi; p >= 0; p = _f.Phis[p].Next, index++)
            if (_f.Phis[p].Value == phi)
                break;
        return _f.EdgeArgs[index];
    }

    private Range OnEdge(int pred, int successor, int value)
    {
        Range range = At(value, pred);
        ref IrBlock block = ref _f.Blocks[pred];
        if (block.End == IrEnd.Branch && block.True != block.False && (block.A == value || block.B == value) && _f.Values[value].Op != IrOp.Const)
            range = Sharpen(range, value, new Fact(pred, block.Compare, block.A, block.B, successor == 0, -1));
        return range;
    }

    private Range Widen(in Range old, in Range made)
    {
        ulong lo = made.Lo, hi = made.Hi;
        if (made.IsNumber)
        {
            if (hi > old.Hi)
            {
                int index = Array.BinarySearch(_thresholds, hi);
                hi = _thresholds[index >= 0 ? index : ~index];
            }
            if (lo < old.Lo)
            {
                int index = Array.BinarySearch(_thresholds, lo);
                lo = index >= 0 ? lo : ~index == 0 ? 0 : _thresholds[~index - 1];
            }
        }
        else
        {
            const long cap = Range.PacketMax << 1;
            if ((long)hi > cap || (long)lo < -cap)
                return Range.All;
            if ((long)hi > (long)old.Hi)
                hi = (ulong)cap;
            if ((long)lo < (long)old.Lo)
                lo = unchecked((ulong)-cap);
        }
        return (made with { Lo = lo, Hi = hi }).Rounded();
    }

    // A phi that grows by a constant each round, and stays below a bound, bounds the rounds; the rounds bound all phis that grow by constants.
    private void CountRounds(int head)
    {
        ulong rounds = ulong.MaxValue;
        for (int p = _f.Blocks[head].Phi; p >= 0; p = _f.Phis[p].Next)
        {
            int phi = _f.Phis[p].Value;
            if (!Step(head, phi, out Range start, out long step) || !start.IsNumber || !_phi[phi].IsNumber || step == 0)
                continue;
            Range range = _phi[phi];
            if (step > 0 && range.Hi < ulong.MaxValue && range.Hi >= start.Lo)
                rounds = Math.Min(rounds, (range.Hi - start.Lo) / (ulong)step);
            else if (step < 0 && range.Lo > 0 && start.Hi >= range.Lo)
                rounds = Math.Min(rounds, (start.Hi - range.Lo) / (ulong)-step);
        }
        if (rounds > 1ul << 31)
            return;
        for (int p = _f.Blocks[head].Phi; p >= 0; p = _f.Phis[p].Next)
        {
            int phi = _f.Phis[p].Value;
            if (!Step(head, phi, out Range start, out long step) || start.Base == RangeBase.None || Math.Abs(step) > 1 << 20)
                continue;
            long far = (long)rounds * step;
            Range moved = far < 0 ? start.Add(Range.Of((ulong)far), 8) : start.Add(new Range(RangeBase.Zero, (ulong)far, (ulong)far), 8);
            if (moved.Base != start.Base || moved.IsNumber && far < 0 && start.Lo < (ulong)-far || moved.IsNumber && moved.Hi - moved.Lo != start.Hi - start.Lo)
                continue;
            Range bound = new(start.Base, far < 0 ? moved.Lo : start.Lo, far < 0 ? start.Hi : moved.Hi);
            _phi[phi] = _phi[phi].Base == bound.Base ? _phi[phi].Within(bound.Lo, bound.Hi) : bound;
            _changed = true;
        }
    }

    // Whether a phi of a loop's head starts with something and grows by one constant on every way back.
    private bool Step(int head, int phi, out Range start, out long step)
    {
        start = Range.Nothing;
        step = 0;
        bool hasStep = false;
        ReadOnlySpan<int> preds = _graph.PredsOf(head);
        for (int i = 0; i < preds.Length; i++)
        {
            ref IrBlock pred = ref _f.Blocks[preds[i]];
            for (int s = 0; s < BlockGraph.SuccessorCount(pred); s++)
            {
                if (BlockGraph.Successor(pred, s) != head)
                    continue;
                int argument = Argument(head, phi, pred, s);
                if (!_graph.IsInLoop(preds[i], head))
                {
                    start = start.Union(OnEdge(preds[i], s, argument));
                    continue;
                }
                ref IrValue v = ref _f.Values[argument];
                if (v.Op != IrOp.Add || v.A != phi || v.Size != 8 || _f.Values[v.B].Op != IrOp.Const || hasStep && step != (long)_f.Values[v.B].Imm)
                    return false;
                step = (long)_f.Values[v.B].Imm;
                hasStep = true;
            }
        }
        return hasStep && start.Base != RangeBase.None;
    }
}
