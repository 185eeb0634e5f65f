using System.Numerics;
using Hachi.Ir;
using Hachi.Isa;
using Hachi.Vm.Jit.X64.Encode;
using Hachi.Vm.Jit.X64.Select;
using Hachi.Vm.Machine;

namespace Hachi.Vm.Jit.X64;

/// <summary>Accesses to memory and their checks.</summary>
internal sealed partial class X64Emitter
{
    /// <summary>The memory operand of an instruction without a check. The emitter's register may become part of it.</summary>
    private Mem AddressOf(in Lir insn)
    {
        Reg basis = RegOf(insn.Base), index = RegOf(insn.Index);
        bool basisLost = insn.Base >= 0 && basis == Reg.None, indexLost = insn.Index >= 0 && index == Reg.None;
        if (!basisLost && !indexLost)
            return new Mem(basis, index, insn.Scale, insn.Disp);
        if (!indexLost)
        {
            LoadTo(X64Machine.Scratch, insn.Base);
            return new Mem(X64Machine.Scratch, index, insn.Scale, insn.Disp);
        }
        if (!basisLost)
        {
            LoadTo(X64Machine.Scratch, insn.Index);
            return new Mem(basis, X64Machine.Scratch, insn.Scale, insn.Disp);
        }
        if (IsConst(insn.Base))
        {
            LoadTo(X64Machine.Scratch, insn.Base);
            for (int i = 0; i < 1 << insn.Scale; i++)
                Operate(Alu.Add, true, X64Machine.Scratch, insn.Index);
        }
        else
        {
            LoadTo(X64Machine.Scratch, insn.Index);
            if (insn.Scale != 0)
                _asm.Shift(Shift.Shl, true, X64Machine.Scratch, insn.Scale);
            Operate(Alu.Add, true, X64Machine.Scratch, insn.Base);
        }
        return new Mem(X64Machine.Scratch, insn.Disp);
    }

    private static Mem Word(int region, int field) => new(X64Machine.State, MachineState.RegionsOffset + (region * Region.SizeBytes) + field);

    private static int PastField(int size, bool writes) => (writes ? Region.PastWriteOffset : Region.PastReadOffset) + (8 * BitOperations.Log2((uint)size));

    private void Access(in Lir insn, int index)
    {
        ref IrEffect effect = ref _f.Effects[insn.Aux];
        Reg scratch = X64Machine.Scratch;
        Mem m;
        switch (insn.Memory)
        {
            case LirMemory.Host:
                m = AddressOf(insn);
                break;
            case LirMemory.Proven:
                _asm.Load(8, scratch, Word(effect.Region, Region.DeltaOffset));
                if (RegOf(insn.Base) == Reg.None)
                    Operate(Alu.Add, true, scratch, insn.Base);
                m = RegOf(insn.Base) == Reg.None ? new Mem(scratch, insn.Disp) : new Mem(RegOf(insn.Base), scratch, 0, insn.Disp);
                break;
            case LirMemory.Bounded:
                m = Bounded(insn, effect, index);
                break;
            case LirMemory.Region:
                Guest(insn);
                _asm.Alu(Alu.Sub, true, scratch, Word(effect.Region, Region.StartOffset));
                _asm.Alu(Alu.Cmp, true, scratch, Word(effect.Region, PastField(effect.Size, effect.Kind != IrEffectKind.Load)));
                AddSlow(SlowKind.Access, index, Reg.None, effect.Region);
                _asm.Alu(Alu.Add, true, scratch, Word(effect.Region, X64Lowering.MemoryOffset));
                m = new Mem(scratch);
                break;
            default:
                Guest(insn);
                int back = _asm.NewLabel();
                CheckByTable(effect, index, back);
                Touch(insn, new Mem(scratch));
                _asm.Place(back);
                return;
        }
        int slow = _slow.Count - 1;
        Touch(insn, m);
        if (insn.Memory is LirMemory.Bounded or LirMemory.Region)
            _asm.Place(_slow[slow].Back);
    }

    /// <summary>Puts the guest address of an access into the emitter's register.</summary>
    private void Guest(in Lir insn)
    {
        Reg basis = RegOf(insn.Base);
        if (basis != Reg.None)
        {
            _asm.Lea(true, X64Machine.Scratch, new Mem(basis, insn.Disp));
            return;
        }
        LoadTo(X64Machine.Scratch, insn.Base);
        if (insn.Disp != 0)
            _asm.Alu(Alu.Add, true, X64Machine.Scratch, insn.Disp);
    }

    /// <summary>Checks the distance from the start of a region, Index + Disp, against its bound.</summary>
    private Mem Bounded(in Lir insn, in IrEffect effect, int index)
    {
        Reg distance = RegOf(insn.Index), memory = RegOf(insn.Base), past = RegOf(insn.C);
        if (distance == Reg.None || insn.Disp != 0)
        {
            Reg at = distance;
            distance = X64Machine.Scratch;
            if (at != Reg.None)
            {
                _asm.Lea(true, distance, new Mem(at, insn.Disp));
            }
            else
            {
                LoadTo(distance, insn.Index);
                if (insn.Disp != 0)
                    _asm.Alu(Alu.Add, true, distance, insn.Disp);
            }
        }
        if (past != Reg.None)
            _asm.Alu(Alu.Cmp, true, distance, past);
        else
            _asm.Alu(Alu.Cmp, true, distance, Word(effect.Region, PastField(effect.Size, effect.Kind != IrEffectKind.Load)));
        AddSlow(SlowKind.Access, index, distance == X64Machine.Scratch ? Reg.None : distance, effect.Region);
        if (memory != Reg.None)
            return new Mem(memory, distance, 0, 0);
        Mem word = Word(effect.Region, X64Lowering.MemoryOffset);
        if (distance != X64Machine.Scratch)
        {
            _asm.Load(8, X64Machine.Scratch, word);
            return new Mem(X64Machine.Scratch, distance, 0, 0);
        }
        _asm.Alu(Alu.Add, true, distance, word);
        return new Mem(distance);
    }

    /// <summary>Leaves the straight way when the distance (in the register, or the emitter's) is not below the bound.</summary>
    private void AddSlow(SlowKind kind, int index, Reg distance, int region)
    {
        int label = _asm.NewLabel();
        _asm.JumpIf(Cond.AboveOrEqual, label);
        _slow.Add(new Slow(kind, label, _asm.NewLabel(), index, distance, region));
    }

    /// <summary>From the guest address in the emitter's register to the host address there, or to the fault.</summary>
    private void CheckByTable(in IrEffect effect, int index, int back)
    {
        _asm.Call(_unit.CheckLabel(_asm, effect.Size, effect.Kind != IrEffectKind.Load));
        int label = _asm.NewLabel();
        _asm.JumpIf(Cond.Below, label); // carry: outside
        _slow.Add(new Slow(SlowKind.Outside, label, back, index));
    }

    /// <summary>The access itself.</summary>
    private void Touch(in Lir insn, Mem m)
    {
        switch (insn.Op)
        {
            case LirOp.Load:
                if (insn.Dst < 0)
                    return;
                Reg target = Target(insn.Dst);
                _asm.Load(insn.Width, target, m);
                Finish(insn.Dst, target);
                break;
            case LirOp.Store:
                StoreTo(insn, m);
                break;
            case LirOp.Clear:
                _asm.ZeroVector();
                for (int at = 0; at < _f.Effects[insn.Aux].Code; at += 16)
                    _asm.StoreVector(m with { Displacement = m.Displacement + at });
                break;
            default:
                Atomic(insn, m);
                break;
        }
    }

    private void StoreTo(in Lir insn, Mem m)
    {
        if (IsImmediate(insn.A, insn.Width, out int value))
        {
            _asm.StoreConst(insn.Width, m, value);
            return;
        }
        Reg data = RegOf(insn.A);
        if (data != Reg.None)
        {
            _asm.Store(insn.Width, m, data);
            return;
        }
        bool taken = m.Base == X64Machine.Scratch || m.Index == X64Machine.Scratch;
        data = taken ? Borrow(m) : X64Machine.Scratch;
        LoadTo(data, insn.A);
        _asm.Store(insn.Width, m, data);
        if (taken)
            GiveBack(data);
    }

    /// <summary>Atomic operations; rax and rdx are free, no operand is there.</summary>
    private void Atomic(in Lir insn, Mem m)
    {
        ref IrEffect effect = ref _f.Effects[insn.Aux];
        bool wide = insn.Width == 8;
        if (m.Base != X64Machine.Scratch || m.Index != Reg.None || m.Displacement != 0)
        {
            _asm.Lea(true, X64Machine.Scratch, m);
            m = new Mem(X64Machine.Scratch);
        }
        var op = (effect.Code & Opcode.OpMask) switch { Opcode.Or => Alu.Or, Opcode.And => Alu.And, Opcode.Xor => Alu.Xor, _ => Alu.Add };
        switch (effect.Code)
        {
            case Opcode.Xchg:
                LoadTo(Reg.Rax, insn.A);
                _asm.Exchange(wide, m, Reg.Rax);
                break;
            case Opcode.Cmpxchg:
                LoadTo(Reg.Rax, insn.B);
                LoadTo(Reg.Rdx, insn.A);
                _asm.CompareExchange(wide, m, Reg.Rdx);
                break;
            default:
                if (insn.Dst < 0)
                {
                    LoadTo(Reg.Rdx, insn.A);
                    _asm.Locked(op, wide, m, Reg.Rdx);
                    return;
                }
                if (op == Alu.Add)
                {
                    LoadTo(Reg.Rax, insn.A);
                    _asm.ExchangeAdd(wide, m, Reg.Rax);
                    break;
                }
                FetchAndOperate(insn, m, op, wide);
                break;
        }
        if (insn.Dst < 0)
            return;
        if (!wide)
            _asm.Move(false, Reg.Rax, Reg.Rax);
        Finish(insn.Dst, Reg.Rax);
    }

    private void FetchAndOperate(in Lir insn, Mem m, Alu op, bool wide)
    {
        _asm.Load(insn.Width, Reg.Rax, m);
        int again = _asm.NewLabel();
        _asm.Place(again);
        if (IsConst(insn.A))
        {
            _asm.MoveConst(Reg.Rdx, ConstOf(insn.A));
            _asm.Alu(op, wide, Reg.Rdx, Reg.Rax);
        }
        else
        {
            _asm.Move(true, Reg.Rdx, Reg.Rax);
            Operate(op, wide, Reg.Rdx, insn.A);
        }
        _asm.CompareExchange(wide, m, Reg.Rdx);
        _asm.JumpIf(Cond.NotEqual, again);
    }
}
