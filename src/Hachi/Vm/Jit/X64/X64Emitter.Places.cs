using Hachi.Ir;
using Hachi.Ir.Schedule;
using Hachi.Vm.Jit.X64.Encode;
using Hachi.Vm.Jit.X64.Select;

namespace Hachi.Vm.Jit.X64;

/// <summary>Where values are, and moving them about.</summary>
internal sealed partial class X64Emitter
{
    /// <summary>A place is a register's number, a slot's number plus this, or the complement of a value that is made anew.</summary>
    private const int FirstSlot = 16;

    private int[] _to = new int[16], _from = new int[16];
    private int _moves;

    private Reg RegOf(int operand) => operand >= 0 ? _alloc.RegOf(operand) : Reg.None;

    /// <summary>Whether an operand is a constant, one without a register included.</summary>
    private bool IsConst(int operand) => Lir.IsConstant(operand) || (operand >= 0 && RegOf(operand) == Reg.None && _f.Values[operand].Op == IrOp.Const);

    private ulong ConstOf(int operand) => operand >= 0 ? _f.Values[operand].Imm : Lir.ConstantOf(_f, operand);

    /// <summary>The constant of an operand that serves as an immediate of so many bytes.</summary>
    private bool IsImmediate(int operand, int width, out int value)
    {
        value = 0;
        if (!IsConst(operand))
            return false;
        ulong k = ConstOf(operand);
        value = (int)k;
        return width < 8 || (long)k == value;
    }

    /// <summary>Where an operand that is neither in a register nor a constant is.</summary>
    private Mem MemOf(int operand) => _f.Values[operand].Op == IrOp.StateWord ? new Mem(X64Machine.State, (int)_f.Values[operand].Imm) : SlotMem(_alloc.SlotOf(operand));

    private bool IsInMemory(int operand) => operand >= 0 && RegOf(operand) == Reg.None && !IsConst(operand);

    /// <summary>Puts an operand into a register; flags stay.</summary>
    private void LoadTo(Reg dst, int operand, bool remade = false)
    {
        Reg reg = remade ? Reg.None : RegOf(operand);
        if (reg == dst)
            return;
        if (reg != Reg.None)
            _asm.Move(true, dst, reg);
        else if (Lir.IsConstant(operand) || _f.Values[operand].Op == IrOp.Const)
            _asm.MoveConst(dst, ConstOf(operand));
        else
            _asm.Load(8, dst, MemOf(operand));
    }

    /// <summary>The register of an operand, or the given one, filled with it.</summary>
    private Reg In(int operand, Reg scratch)
    {
        Reg reg = RegOf(operand);
        if (reg != Reg.None)
            return reg;
        LoadTo(scratch, operand);
        return scratch;
    }

    /// <summary>The register in which a result is to be computed.</summary>
    private Reg Target(int dst) => RegOf(dst) is var reg && reg != Reg.None ? reg : X64Machine.Scratch;

    /// <summary>Puts a result where it belongs.</summary>
    private void Finish(int dst, Reg from)
    {
        Reg reg = RegOf(dst);
        if (reg == Reg.None)
            _asm.Store(8, MemOf(dst), from);
        else if (reg != from)
            _asm.Move(true, reg, from);
    }

    private void Copy(in Lir insn)
    {
        Reg target = Target(insn.Dst);
        LoadTo(target, insn.A);
        Finish(insn.Dst, target);
    }

    /// <summary>A register that the memory operand does not use, put aside; to be given back by <see cref="GiveBack"/>. Flags stay.</summary>
    private Reg Borrow(Mem m, Reg other = Reg.None)
    {
        Reg reg = Reg.Rcx;
        while (reg == m.Base || reg == m.Index || reg == other || reg is Reg.Rsp or X64Machine.State)
            reg++;
        _asm.Store(8, BorrowSlot, reg);
        return reg;
    }

    private void GiveBack(Reg reg) => _asm.Load(8, reg, BorrowSlot);

    private int PlaceOf(int operand)
    {
        if (Lir.IsConstant(operand))
            return ~(-2 - operand);
        Reg reg = RegOf(operand);
        if (reg != Reg.None)
            return (int)reg;
        int slot = _alloc.SlotOf(operand);
        return slot >= 0 ? FirstSlot + slot : ~operand;
    }

    private void AddMove(int to, int from)
    {
        if (to == from)
            return;
        if (_moves == _to.Length)
        {
            Array.Resize(ref _to, _moves * 2);
            Array.Resize(ref _from, _moves * 2);
        }
        (_to[_moves], _from[_moves]) = (to, from);
        _moves++;
    }

    /// <summary>Collects what an edge moves into phis.</summary>
    private void CollectMoves(int block, int successor)
    {
        _moves = 0;
        ref IrBlock b = ref _f.Blocks[block];
        int args = BlockGraph.ArgsOf(b, successor);
        for (int p = _f.Blocks[BlockGraph.Successor(b, successor)].Phi; p >= 0; p = _f.Phis[p].Next, args++)
        {
            int phi = _f.Phis[p].Value, arg = _f.EdgeArgs[args];
            if (_alloc.HasPlace(phi))
                AddMove(PlaceOf(phi), _f.Values[arg].Op == IrOp.Const ? ~arg : PlaceOf(arg));
        }
    }

    private bool HasMoves(int block, int successor)
    {
        CollectMoves(block, successor);
        return _moves > 0;
    }

    private void Edge(int block, int successor)
    {
        CollectMoves(block, successor);
        MoveAll();
    }

    /// <summary>Moves arguments from where they come in to where they are kept.</summary>
    private void ParametersIn()
    {
        _moves = 0;
        foreach (int v in _alloc.Parameters)
            AddMove(PlaceOf(v), (int)X64Machine.ParameterOf(_f.Values[v], _isMain));
        MoveAll();
    }

    /// <summary>Carries out all collected moves as if at once: those first whose target nothing waits for; what is left are circles, and exchanges undo them.</summary>
    private void MoveAll()
    {
        while (_moves > 0)
        {
            bool moved = false;
            for (int i = _moves - 1; i >= 0; i--)
            {
                if (_from.AsSpan(0, _moves).Contains(_to[i]) && _from[i] != _to[i])
                    continue;
                if (_from[i] != _to[i])
                    MovePlace(_to[i], _from[i]);
                _moves--;
                (_to[i], _from[i]) = (_to[_moves], _from[_moves]);
                moved = true;
            }
            if (moved)
                continue;
            int to = _to[0], from = _from[0];
            ExchangePlaces(to, from);
            _moves--;
            (_to[0], _from[0]) = (_to[_moves], _from[_moves]);
            for (int i = 0; i < _moves; i++)
                _from[i] = _from[i] == to ? from : _from[i] == from ? to : _from[i];
        }
    }

    private void MovePlace(int to, int from)
    {
        Reg target = to < FirstSlot ? (Reg)to : X64Machine.Scratch;
        if (from is >= 0 and < FirstSlot)
        {
            if (to < FirstSlot)
                _asm.Move(true, target, (Reg)from);
            else
                _asm.Store(8, SlotMem(to - FirstSlot), (Reg)from);
            return;
        }
        if (from >= FirstSlot)
            _asm.Load(8, target, SlotMem(from - FirstSlot));
        else
            LoadTo(target, ~from, remade: true);
        if (to >= FirstSlot)
            _asm.Store(8, SlotMem(to - FirstSlot), target);
    }

    private void ExchangePlaces(int a, int b)
    {
        if (a >= FirstSlot && b < FirstSlot)
            (a, b) = (b, a);
        if (b < FirstSlot)
        {
            _asm.Move(true, X64Machine.Scratch, (Reg)a);
            _asm.Move(true, (Reg)a, (Reg)b);
            _asm.Move(true, (Reg)b, X64Machine.Scratch);
            return;
        }
        Reg first = a < FirstSlot ? (Reg)a : X64Machine.Scratch;
        if (a >= FirstSlot)
            _asm.Load(8, first, SlotMem(a - FirstSlot));
        _asm.Exchange(true, SlotMem(b - FirstSlot), first);
        if (a >= FirstSlot)
            _asm.Store(8, SlotMem(a - FirstSlot), first);
    }
}
