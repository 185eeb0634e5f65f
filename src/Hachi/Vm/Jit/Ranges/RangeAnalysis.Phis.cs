using Hachi.Ir;
using Hachi.Ir.Schedule;

namespace Hachi.Vm.Jit.Ranges;

/// <content>Phis: a fixed point over the loops.</content>
internal sealed partial class RangeAnalysis
{
    private Range[] _incoming = new Range[16];

    private void SolvePhis()
    {
        foreach (int b in _graph.Order)
            for (int p = _f.Blocks[b].Phi; p >= 0; p = _f.Phis[p].Next)
                _phi[_f.Phis[p].Value] = _isWanted[_f.Phis[p].Value] ? Range.Nothing : Range.All;
        bool grew = true, widened = false;
        for (int round = 0; grew; round++)
        {
            grew = false;
            foreach (int b in _graph.Order)
                if (_f.Blocks[b].Phi >= 0)
                    grew |= Grow(b, round, ref widened);
            if (!_graph.HasLoops)
                return; // every way into a block was known when it was looked at
            if (grew && round >= RoundsMax)
            {
                GiveUp();
                grew = false;
            }
        }
        if (widened)
            Narrow();
        bool counted = false;
        foreach (int b in _graph.Order)
            if (_graph.LoopOf(b) == b && _f.Blocks[b].Phi >= 0)
                counted |= CountRounds(b);
        if (counted)
            Narrow();
    }

    // The phis that accesses and the packet's ends depend on, by operands or by what branches say of them: others need no range.
    private void FindWanted()
    {
        _isWanted.AsSpan(0, _f.ValueCount).Clear();
        int top = 0;
        foreach (int b in _graph.Order)
        {
            ref IrBlock block = ref _f.Blocks[b];
            for (int e = block.FirstEffect; e >= 0; e = _f.Effects[e].Next)
                if (_f.Effects[e].HasAddress && _f.Effects[e].Access == IrAccess.Checked)
                    Want(_f.Effects[e].Address, ref top);
            if (_trustsPacket && block.End == IrEnd.Branch && block.Compare is IrCompare.Gt64 or IrCompare.Ge64)
            {
                Want(block.A, ref top);
                Want(block.B, ref top);
            }
        }
        Span<int> operands = stackalloc int[3];
        while (top > 0)
        {
            int value = _work[--top];
            for (int i = _firstFact[value]; i >= 0; i = _facts[i].Next)
            {
                Want(_facts[i].A, ref top);
                Want(_facts[i].B, ref top);
            }
            ref IrValue v = ref _f.Values[value];
            if (v.Op == IrOp.Phi)
            {
                WantIncoming((int)v.Imm, value, ref top);
                continue;
            }
            int count = Placement.Operands(v, operands);
            for (int i = 0; i < count; i++)
                Want(operands[i], ref top);
        }
    }

    private void Want(int value, ref int top)
    {
        if (_isWanted[value])
            return;
        _isWanted[value] = true;
        _work[top++] = value;
    }

    // What is passed to a phi, and the other phis there that a branch looks at: they may count the rounds.
    private void WantIncoming(int block, int phi, ref int top)
    {
        int index = 0, at = 0;
        for (int p = _f.Blocks[block].Phi; p >= 0; p = _f.Phis[p].Next, index++)
        {
            if (_f.Phis[p].Value == phi)
                at = index;
            else if (_firstFact[_f.Phis[p].Value] >= 0)
                Want(_f.Phis[p].Value, ref top);
        }
        foreach (int b in _graph.PredsOf(block))
        {
            ref IrBlock pred = ref _f.Blocks[b];
            for (int s = 0; s < BlockGraph.SuccessorCount(pred); s++)
                if (BlockGraph.Successor(pred, s) == block)
                    Want(_f.EdgeArgs[BlockGraph.ArgsOf(pred, s) + at], ref top);
        }
    }

    private bool Grow(int block, int round, ref bool widened)
    {
        Receive(block);
        bool grew = false;
        int index = 0;
        for (int p = _f.Blocks[block].Phi; p >= 0; p = _f.Phis[p].Next)
        {
            ref Range phi = ref _phi[_f.Phis[p].Value];
            Range old = phi, made = old.Union(_incoming[index++]);
            if (made == old || !_isWanted[_f.Phis[p].Value])
                continue;
            if (round >= WidenAfter && old.Base != RangeBase.None && made.Base == old.Base)
            {
                made = Widen(old, made);
                widened = true;
            }
            phi = made;
            grew = true;
        }
        if (grew)
            Changed();
        return grew;
    }

    // Steps down from what widening made too large; each step is sound, since a fixed point stays one.
    private void Narrow()
    {
        bool changed = true;
        for (int round = 0; round < 2 && changed; round++)
        {
            changed = false;
            foreach (int b in _graph.Order)
                if (_f.Blocks[b].Phi >= 0)
                    changed |= Narrow(b);
        }
    }

    private bool Narrow(int block)
    {
        Receive(block);
        bool changed = false;
        int index = 0;
        for (int p = _f.Blocks[block].Phi; p >= 0; p = _f.Phis[p].Next)
        {
            ref Range phi = ref _phi[_f.Phis[p].Value];
            Range made = _incoming[index++], old = phi;
            if (made.Base == RangeBase.None || old.IsNumber && !made.IsNumber || !_isWanted[_f.Phis[p].Value])
                continue;
            phi = made.Base == old.Base ? made.Within(old.Lo, old.Hi) : made;
            changed |= phi != old;
        }
        if (changed)
            Changed();
        return changed;
    }

    private void GiveUp()
    {
        foreach (int b in _graph.Order)
            for (int p = _f.Blocks[b].Phi; p >= 0; p = _f.Phis[p].Next)
                _phi[_f.Phis[p].Value] = Range.All;
        Changed();
    }

    // What the phis of a block are passed on all ways into it, in the order of its list.
    private void Receive(int block)
    {
        int count = 0;
        for (int p = _f.Blocks[block].Phi; p >= 0; p = _f.Phis[p].Next)
        {
            if (count == _incoming.Length)
                Array.Resize(ref _incoming, count * 2);
            _incoming[count++] = Range.Nothing;
        }
        ReadOnlySpan<int> preds = _graph.PredsOf(block);
        for (int i = 0; i < preds.Length; i++)
        {
            if (i > 0 && preds[i] == preds[i - 1])
                continue; // both ways of one branch: taken together below
            ref IrBlock pred = ref _f.Blocks[preds[i]];
            for (int s = 0; s < BlockGraph.SuccessorCount(pred); s++)
            {
                if (BlockGraph.Successor(pred, s) != block)
                    continue;
                int args = BlockGraph.ArgsOf(pred, s), n = 0;
                for (int p = _f.Blocks[block].Phi; p >= 0; p = _f.Phis[p].Next, n++)
                    if (_isWanted[_f.Phis[p].Value])
                        _incoming[n] = _incoming[n].Union(OnEdge(preds[i], s, _f.EdgeArgs[args + n]));
            }
        }
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
                int index = _thresholds.BinarySearch(hi);
                hi = _thresholds[index >= 0 ? index : ~index];
            }
            if (lo < old.Lo)
            {
                int index = _thresholds.BinarySearch(lo);
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
    private bool CountRounds(int head)
    {
        ulong rounds = ulong.MaxValue;
        for (int p = _f.Blocks[head].Phi; p >= 0; p = _f.Phis[p].Next)
        {
            int phi = _f.Phis[p].Value;
            if (!_isWanted[phi] || !Step(head, phi, out Range start, out long step) || !start.IsNumber || !_phi[phi].IsNumber || step == 0)
                continue;
            Range range = _phi[phi];
            if (step > 0 && range.Hi < ulong.MaxValue && range.Hi >= start.Lo)
                rounds = Math.Min(rounds, (range.Hi - start.Lo) / (ulong)step);
            else if (step < 0 && range.Lo > 0 && start.Hi >= range.Lo)
                rounds = Math.Min(rounds, (start.Hi - range.Lo) / (ulong)-step);
        }
        if (rounds > 1ul << 31)
            return false;
        bool changed = false;
        for (int p = _f.Blocks[head].Phi; p >= 0; p = _f.Phis[p].Next)
        {
            int phi = _f.Phis[p].Value;
            if (!_isWanted[phi] || !Step(head, phi, out Range start, out long step) || start.Base == RangeBase.None || Math.Abs(step) > 1 << 20)
                continue;
            long far = (long)rounds * step;
            Range moved = far < 0 ? start.Add(Range.Of((ulong)far), 8) : start.Add(new Range(RangeBase.Zero, (ulong)far, (ulong)far), 8);
            if (moved.Base != start.Base || moved.IsNumber && far < 0 && start.Lo < (ulong)-far || moved.IsNumber && moved.Hi - moved.Lo != start.Hi - start.Lo)
                continue;
            Range bound = new(start.Base, far < 0 ? moved.Lo : start.Lo, far < 0 ? start.Hi : moved.Hi);
            Range old = _phi[phi];
            _phi[phi] = old.Base == bound.Base ? old.Within(bound.Lo, bound.Hi) : bound;
            if (_phi[phi] == old)
                continue;
            changed = true;
            Changed();
        }
        return changed;
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
