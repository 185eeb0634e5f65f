using Hachi.Vm.Jit.X64.Encode;
using Hachi.Vm.Jit.X64.Select;

namespace Hachi.Vm.Jit.X64;

/// <summary>Arithmetic: forms of two operands out of instructions of three.</summary>
internal sealed partial class X64Emitter
{
    private void Arithmetic(in Lir insn)
    {
        var op = (Alu)insn.Code;
        bool wide = insn.Width == 8;
        Reg target = Target(insn.Dst), a = RegOf(insn.A), b = RegOf(insn.B);
        if (insn.Memory != LirMemory.None)
        {
            WithMemory(insn, (m, to) => _asm.Alu(op, wide, to, m));
            return;
        }
        if (IsImmediate(insn.B, insn.Width, out int value))
        {
            if (op == Alu.Add && a != Reg.None && a != target)
            {
                _asm.Lea(wide, target, new Mem(a, value));
            }
            else
            {
                LoadTo(target, insn.A);
                _asm.Alu(op, wide, target, value);
            }
        }
        else if (IsConst(insn.B) && (a != target || a == Reg.None))
        {
            _asm.MoveConst(target, ConstOf(insn.B)); // differences with constants became sums: it commutes
            Operate(op, wide, target, insn.A);
        }
        else if (b == target && a != target)
        {
            if (op == Alu.Sub)
            {
                _asm.Unary(Unary.Neg, wide, target);
                op = Alu.Add;
            }
            Operate(op, wide, target, insn.A);
        }
        else if (op == Alu.Add && a != Reg.None && b != Reg.None && a != target)
        {
            _asm.Lea(wide, target, new Mem(a, b, 0, 0));
        }
        else
        {
            LoadTo(target, insn.A);
            Operate(op, wide, target, insn.B);
        }
        Finish(insn.Dst, target);
    }

    /// <summary>target = target op operand, the latter wherever it is.</summary>
    private void Operate(Alu op, bool wide, Reg target, int operand)
    {
        Reg reg = RegOf(operand);
        if (reg != Reg.None)
        {
            _asm.Alu(op, wide, target, reg);
        }
        else if (IsImmediate(operand, wide ? 8 : 4, out int value))
        {
            _asm.Alu(op, wide, target, value);
        }
        else if (!IsConst(operand))
        {
            _asm.Alu(op, wide, target, MemOf(operand));
        }
        else if (target != X64Machine.Scratch)
        {
            _asm.MoveConst(X64Machine.Scratch, ConstOf(operand));
            _asm.Alu(op, wide, target, X64Machine.Scratch);
        }
        else
        {
            Reg lent = Borrow(default);
            _asm.MoveConst(lent, ConstOf(operand));
            _asm.Alu(op, wide, target, lent);
            GiveBack(lent);
        }
    }

    /// <summary>An operation whose second operand is in memory.</summary>
    private void WithMemory(in Lir insn, Action<Mem, Reg> operate)
    {
        Mem m = AddressOf(insn);
        Reg target = Target(insn.Dst);
        bool taken = target == m.Base || target == m.Index;
        Reg work = taken ? Borrow(m) : target;
        LoadTo(work, insn.A);
        operate(m, work);
        Finish(insn.Dst, work);
        if (taken)
            GiveBack(work);
    }

    private void Multiplication(in Lir insn)
    {
        bool wide = insn.Width == 8;
        if (insn.Memory != LirMemory.None)
        {
            WithMemory(insn, (m, to) => _asm.Multiply(wide, to, m));
            return;
        }
        Reg target = Target(insn.Dst);
        if (IsImmediate(insn.B, insn.Width, out int value))
        {
            _asm.Multiply(wide, target, In(insn.A, target), value);
        }
        else
        {
            (int first, int second) = RegOf(insn.B) == target || IsConst(insn.B) ? (insn.B, insn.A) : (insn.A, insn.B);
            if (RegOf(second) == target && RegOf(first) != target)
                (first, second) = (second, first);
            LoadTo(target, first);
            if (IsInMemory(second))
            {
                _asm.Multiply(wide, target, MemOf(second));
            }
            else if (RegOf(second) != Reg.None)
            {
                _asm.Multiply(wide, target, RegOf(second));
            }
            else
            {
                Reg lent = target == X64Machine.Scratch ? Borrow(default) : X64Machine.Scratch;
                _asm.MoveConst(lent, ConstOf(second));
                _asm.Multiply(wide, target, lent);
                if (lent != X64Machine.Scratch)
                    GiveBack(lent);
            }
        }
        Finish(insn.Dst, target);
    }

    private void LoadAddress(in Lir insn)
    {
        Mem m = AddressOf(insn);
        Reg target = Target(insn.Dst);
        bool wide = insn.Width == 8;
        if (m.Base == Reg.None && m.Scale == 1)
            m = new Mem(m.Index, m.Index, 0, m.Displacement);
        if (m is { Displacement: 0, Scale: 0 } && (m.Base == target || m.Index == target) && m.Base != Reg.None && m.Index != Reg.None)
            _asm.Alu(Alu.Add, wide, target, m.Base == target ? m.Index : m.Base);
        else if (m.Index == Reg.None && m.Base == target)
            _asm.Alu(Alu.Add, wide, target, m.Displacement);
        else
            _asm.Lea(wide, target, m);
        Finish(insn.Dst, target);
    }

    private void ShiftBy(in Lir insn)
    {
        var op = (Shift)insn.Code;
        bool wide = insn.Width == 8;
        Reg target = Target(insn.Dst), a = RegOf(insn.A);
        if (!IsConst(insn.B))
        {
            ShiftByValue(insn, op, wide, target);
            return;
        }
        int bits = wide ? 64 : 32, count = (int)ConstOf(insn.B) & (bits - 1);
        if (op == Shift.Rol && _alloc.HasBmi2 && a != Reg.None && a != target)
        {
            _asm.RotateRight(wide, target, a, bits - count);
        }
        else if (op == Shift.Shl && count is >= 1 and <= 3 && a != Reg.None && a != target)
        {
            _asm.Lea(wide, target, count == 1 ? new Mem(a, a, 0, 0) : new Mem(Reg.None, a, count, 0));
        }
        else
        {
            LoadTo(target, insn.A);
            _asm.Shift(op, wide, target, count);
        }
        Finish(insn.Dst, target);
    }

    private void ShiftByValue(in Lir insn, Shift op, bool wide, Reg target)
    {
        if (_alloc.HasBmi2 && op != Shift.Rol)
        {
            Reg lent = Reg.None, count = In(insn.B, X64Machine.Scratch), source = RegOf(insn.A);
            if (source == Reg.None && target != count)
                LoadTo(source = target, insn.A);
            else if (source == Reg.None)
                LoadTo(source = lent = Borrow(default, count), insn.A);
            _asm.ShiftBy(op, wide, target, source, count);
            if (lent != Reg.None)
                GiveBack(lent);
            Finish(insn.Dst, target);
            return;
        }
        LoadTo(X64Machine.Scratch, insn.A); // nothing lives in rcx here
        LoadTo(Reg.Rcx, insn.B);
        _asm.ShiftByCl(op, wide, X64Machine.Scratch);
        Finish(insn.Dst, X64Machine.Scratch);
    }

    private void OneOperand(in Lir insn)
    {
        Reg target = Target(insn.Dst);
        if (insn.Op is LirOp.ZeroExtend or LirOp.SignExtend)
        {
            bool signed = insn.Op == LirOp.SignExtend;
            if (insn.Memory != LirMemory.None || IsInMemory(insn.A))
            {
                Mem m = insn.Memory != LirMemory.None ? AddressOf(insn) : MemOf(insn.A);
                if (signed)
                    _asm.LoadSigned(insn.Width, target, m);
                else
                    _asm.Load(insn.Width, target, m);
            }
            else
            {
                Reg a = In(insn.A, target);
                if (signed)
                    _asm.SignExtend(insn.Width, target, a);
                else
                    _asm.ZeroExtend(insn.Width, target, a);
            }
        }
        else if (insn.Op == LirOp.Neg)
        {
            LoadTo(target, insn.A);
            _asm.Unary(Unary.Neg, insn.Width == 8, target);
        }
        else if (insn.Width == 2)
        {
            _asm.ZeroExtend(2, target, In(insn.A, target));
            _asm.SwapLowBytes(target);
        }
        else
        {
            LoadTo(target, insn.A);
            _asm.ByteSwap(insn.Width == 8, target);
        }
        Finish(insn.Dst, target);
    }
}
