using System.Numerics;
using Hachi.Ir;
using Hachi.Vm.Jit.X64.Encode;
using Hachi.Vm.Jit.X64.Select;

namespace Hachi.Vm.Jit.X64;

/// <summary>Registers, block by block in the order of dominance.</summary>
internal sealed partial class X64Allocator
{
    private readonly int[] _occupant = new int[16];
    private ushort _occupied, _avoided;

    /// <summary>Gives registers to all; false when one more value had to go to the stack, and it must be done again.</summary>
    private bool Colour()
    {
        UsedRegisters = 0;
        Array.Fill(_reg, Reg.None, 0, _count);
        ReadOnlySpan<int> order = _graph.Order;
        for (int rank = 0; rank < order.Length; rank++)
            if (!ColourBlock(order[rank], rank))
                return false;
        return true;
    }

    private bool ColourBlock(int b, int rank)
    {
        _occupied = 0;
        for (int w = 0; w < _words; w++)
            for (ulong bits = _in[(rank * _words) + w]; bits != 0; bits &= bits - 1)
                Occupy((w << 6) + BitOperations.TrailingZeroCount(bits));
        _avoided = 0;
        for (int p = _f.Blocks[b].Phi; p >= 0; p = _f.Phis[p].Next)
            if (HasPlace(_f.Phis[p].Value) && !Choose(_number[_f.Phis[p].Value], -1))
                return false;
        if (b == _f.Entry)
        {
            foreach (int v in Parameters)
            {
                if (_want[_number[v]] == Reg.None)
                    _want[_number[v]] = X64Machine.ParameterOf(_f.Values[v], IsMain);
                if (!Choose(_number[v], -1))
                    return false;
            }
        }
        if (_graph.LoopOf(b) >= 0)
            for (int p = _f.Blocks[_graph.LoopOf(b)].Phi; p >= 0; p = _f.Phis[p].Next)
                if (HasPlace(_f.Phis[p].Value) && _reg[_number[_f.Phis[p].Value]] != Reg.None)
                    _avoided |= (ushort)(1 << (int)_reg[_number[_f.Phis[p].Value]]);
        FreeUnreadAtStart(b);
        for (int i = _selector.List.StartOf(b); i < _selector.List.EndOf(b); i++)
            if (!ColourInsn(_selector.List.Insns[i]))
                return false;
        return true;
    }

    /// <summary>Phis and arguments that nothing reads from here on give their registers back.</summary>
    private void FreeUnreadAtStart(int b)
    {
        if (_f.Blocks[b].Phi < 0 && b != _f.Entry)
            return;
        StartAtEnd(b);
        StepOverBlock(_graph.RankOf(b));
        for (int p = _f.Blocks[b].Phi; p >= 0; p = _f.Phis[p].Next)
            if (HasPlace(_f.Phis[p].Value) && !IsLive(_number[_f.Phis[p].Value]))
                Free(_number[_f.Phis[p].Value]);
        if (b == _f.Entry)
            foreach (int v in Parameters)
                if (!IsLive(_number[v]))
                    Free(_number[v]);
    }

    private bool ColourInsn(in Lir insn)
    {
        // The memory operand of arithmetic is read when the result's register holds the first operand already: what addresses it must not share that register, even
        // where it is the first operand, too.
        bool isLate = insn.Memory != LirMemory.None && insn.Op is LirOp.Alu or LirOp.Mul;
        FreeLast(insn, isLate, late: false);
        int dst = NumberOf(insn.Dst);
        if (dst >= 0 && !Choose(dst, OverwritesFirst(insn) ? Heir(insn) : -1))
            return false;
        FreeLast(insn, isLate, late: true);
        if ((insn.Last & 0x80) != 0)
            Free(dst);
        return true;
    }

    // Frees the operands that are read for the last time; in the second round those that address memory which is read late.
    private void FreeLast(in Lir insn, bool isLate, bool late)
    {
        const int firstOfAddress = 3;
        if ((insn.Last & (1 << Lir.OperandCount) - 1) == 0 || (late && !isLate))
            return;
        for (int o = 0; o < Lir.OperandCount; o++)
        {
            if ((insn.Last & (1 << o)) == 0)
                continue;
            int number = NumberOf(insn.Operand(o));
            bool addresses = false;
            for (int m = firstOfAddress; m < Lir.OperandCount && isLate; m++)
                addresses |= NumberOf(insn.Operand(m)) == number;
            if (addresses == late)
                Free(number);
        }
    }

    private int Heir(in Lir insn)
    {
        if ((insn.Last & 1) != 0 && NumberOf(insn.A) >= 0)
            return NumberOf(insn.A);
        bool commutes = insn.Op == LirOp.Mul || (insn.Op == LirOp.Alu && insn.Code != (byte)Alu.Sub);
        return commutes && (insn.Last & 2) != 0 ? NumberOf(insn.B) : -1;
    }

    private void Occupy(int number)
    {
        if (_reg[number] == Reg.None)
            return;
        _occupied |= (ushort)(1 << (int)_reg[number]);
        _occupant[(int)_reg[number]] = number;
    }

    private void Free(int number)
    {
        if (number >= 0 && _reg[number] != Reg.None)
            _occupied &= (ushort)~(1 << (int)_reg[number]);
    }

    private bool Choose(int number, int heirOf)
    {
        if (_spilled[number])
            return true;
        int free = Registers & ~_occupied & ~_forbidden[number];
        if (free == 0)
            return Evict(number);
        Reg best = Reg.None;
        int follow = _follow[number];
        if (follow >= 0)
            best = Free(free, _reg[follow]) ? _reg[follow] : Free(free, _want[follow]) ? _want[follow] : Reg.None;
        if (best == Reg.None && Free(free, _want[number]))
            best = _want[number];
        if (best == Reg.None && heirOf >= 0 && Free(free & ~_avoided, _reg[heirOf]))
            best = _reg[heirOf];
        if (best == Reg.None)
        {
            int preferred = (free & ~_avoided) != 0 ? free & ~_avoided : free;
            foreach (byte candidate in X64Machine.Order)
                if ((preferred >> candidate & 1) != 0)
                {
                    best = (Reg)candidate;
                    break;
                }
        }
        _reg[number] = best;
        if (follow >= 0 && _reg[follow] == Reg.None && _want[follow] == Reg.None)
            _want[follow] = best;
        Occupy(number);
        UsedRegisters |= (ushort)(1 << (int)best);
        return true;
    }

    private static bool Free(int free, Reg reg) => reg != Reg.None && (free >> (int)reg & 1) != 0;

    /// <summary>Sends the cheapest of those that stand in the way to the stack, or the value itself; false in the first case.</summary>
    private bool Evict(int number)
    {
        int best = number;
        for (int reg = 0; reg < _occupant.Length; reg++)
            if ((_occupied & Registers & ~_forbidden[number] & (1 << reg)) != 0 && _cost[_occupant[reg]] < _cost[best])
                best = _occupant[reg];
        _spilled[best] = true;
        return best == number;
    }
}
