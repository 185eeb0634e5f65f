using System.Numerics;
using Hachi.Ir;
using Hachi.Ir.Schedule;
using Hachi.Vm.Jit.X64.Encode;
using Hachi.Vm.Jit.X64.Select;

namespace Hachi.Vm.Jit.X64;

/// <summary>How many values live at once: marks last uses, and sends the cheapest to the stack where there are too many.</summary>
internal sealed partial class X64Allocator
{
    private void ReducePressure()
    {
        int most = BitOperations.PopCount(Registers);
        ReadOnlySpan<int> order = _graph.Order;
        for (int rank = order.Length - 1; rank >= 0; rank--)
        {
            int b = order[rank];
            StartAtEnd(b);
            RemoveSpilled();
            for (int i = _selector.List.EndOf(b) - 1; i >= _selector.List.StartOf(b); i--)
                Visit(ref _selector.List.Insns[i], most);
            // Phis and arguments are there at once, whether they are read or not.
            int before = _liveCount;
            for (int p = _f.Blocks[b].Phi; p >= 0; p = _f.Phis[p].Next)
                if (HasPlace(_f.Phis[p].Value))
                    Add(_number[_f.Phis[p].Value]);
            if (b == _f.Entry)
                foreach (int v in Parameters)
                    Add(_number[v]);
            if (_liveCount != before)
                Limit(most);
        }
    }

    private void RemoveSpilled()
    {
        _liveCount = 0;
        for (int w = 0; w < _words; w++)
            for (ulong bits = _live[w]; bits != 0; bits &= bits - 1)
            {
                int number = (w << 6) + BitOperations.TrailingZeroCount(bits);
                if (_spilled[number])
                    Unset(number);
                else
                    _liveCount++;
            }
    }

    private void Add(int number)
    {
        if (number < 0 || _spilled[number] || IsLive(number))
            return;
        Set(number);
        _liveCount++;
    }

    private void Visit(ref Lir insn, int most)
    {
        insn.Last = 0;
        int dst = NumberOf(insn.Dst);
        if (dst >= 0 && !_spilled[dst])
        {
            if (!IsLive(dst))
            {
                insn.Last |= 0x80;
                Add(dst);
                Limit(most);
            }
            if (IsLive(dst))
            {
                Unset(dst);
                _liveCount--;
            }
        }
        ushort clobbers = X64Machine.Clobbers(insn, HasBmi2);
        if (clobbers != 0)
            KeepAcross(clobbers);
        ushort forbidden = insn.Op == LirOp.Atomic ? clobbers : (ushort)0; // its operands are read when those have changed
        int operands = (insn.C & insn.Base & insn.Index) == Lir.None ? 2 : Lir.OperandCount;
        for (int o = 0; o < operands; o++)
        {
            int number = NumberOf(insn.Operand(o));
            if (number < 0 || _spilled[number])
                continue;
            _forbidden[number] |= forbidden;
            if (!IsLive(number))
                insn.Last |= (byte)(1 << o);
        }
        for (int o = 0; o < operands; o++)
            Add(NumberOf(insn.Operand(o)));
        Limit(most);
    }

    /// <summary>What lives across an instruction cannot stand in a register that it changes.</summary>
    private void KeepAcross(ushort clobbers)
    {
        Limit(BitOperations.PopCount((uint)(Registers & ~clobbers)));
        for (int w = 0; w < _words; w++)
            for (ulong bits = _live[w]; bits != 0; bits &= bits - 1)
                _forbidden[(w << 6) + BitOperations.TrailingZeroCount(bits)] |= clobbers;
    }

    private void Limit(int most)
    {
        while (_liveCount > most)
        {
            int victim = Cheapest(_live.AsSpan(0, _words));
            _spilled[victim] = true;
            Unset(victim);
            _liveCount--;
        }
    }

    /// <summary>
    /// Which values would best share a register: a phi and what is passed to it, and along chains of operations whose first operand becomes their result.
    /// </summary>
    private void FindHints()
    {
        foreach (int b in _graph.Order)
        {
            ref IrBlock block = ref _f.Blocks[b];
            for (int s = BlockGraph.SuccessorCount(block) - 1; s >= 0; s--)
            {
                int target = BlockGraph.Successor(block, s), args = BlockGraph.ArgsOf(block, s);
                bool back = _graph.RankOf(target) <= _graph.RankOf(b);
                for (int p = _f.Blocks[target].Phi; p >= 0; p = _f.Phis[p].Next, args++)
                {
                    int phi = _f.Phis[p].Value, arg = NumberOf(_f.EdgeArgs[args]);
                    if (HasPlace(phi) && arg >= 0 && arg != _number[phi] && (_follow[arg] < 0 || back))
                        _follow[arg] = _number[phi];
                }
            }
        }
        ReadOnlySpan<int> order = _graph.Order;
        for (int rank = order.Length - 1; rank >= 0; rank--)
            for (int i = _selector.List.EndOf(order[rank]) - 1; i >= _selector.List.StartOf(order[rank]); i--)
                FindHint(_selector.List.Insns[i]);
    }

    private void FindHint(in Lir insn)
    {
        if (insn.Op is LirOp.Return && insn.A >= 0)
            _want[_number[insn.A]] = Reg.Rax;
        if (insn.Op == LirOp.CallLocal)
            for (int o = 0; o < Lir.OperandCount; o++)
                if (NumberOf(insn.Operand(o)) >= 0 && (insn.Last >> o & 1) != 0)
                    _want[_number[insn.Operand(o)]] = (Reg)X64Machine.Arguments[o];
        if (insn.Dst < 0)
            return;
        int dst = _number[insn.Dst];
        if (insn.Op is LirOp.CallHelper or LirOp.CallLocal && _want[dst] == Reg.None)
            _want[dst] = Reg.Rax;
        if (insn.Op == LirOp.Div && _want[dst] == Reg.None)
            _want[dst] = (insn.Code & Lir.Remainder) != 0 ? Reg.Rdx : Reg.Rax;
        if (!OverwritesFirst(insn))
            return;
        int a = NumberOf(insn.A), b = insn.Op is LirOp.Mul or LirOp.Alu && insn.Code != (byte)Alu.Sub ? NumberOf(insn.B) : -1;
        int heir = a >= 0 && (insn.Last & 1) != 0 && !IsPhiOf(a, dst) ? a : b >= 0 && (insn.Last & 2) != 0 ? b : a >= 0 && (insn.Last & 1) != 0 ? a : -1;
        if (heir < 0)
            return;
        if (_follow[heir] < 0 && _follow[dst] != heir)
            _follow[heir] = _follow[dst] >= 0 ? _follow[dst] : -1;
        if (_want[heir] == Reg.None)
            _want[heir] = _want[dst];
    }

    /// <summary>Whether a value is the phi that another is passed to: they share by themselves.</summary>
    private bool IsPhiOf(int number, int value) => _follow[value] >= 0 && _follow[value] != number && _f.Values[_values[number]].Op == IrOp.Phi;

    /// <summary>Whether an instruction is shortest when its result takes the register of its first operand.</summary>
    private static bool OverwritesFirst(in Lir insn) => insn.Op is LirOp.Alu or LirOp.Mul or LirOp.Shift or LirOp.Neg or LirOp.Swap or LirOp.Copy;
}
