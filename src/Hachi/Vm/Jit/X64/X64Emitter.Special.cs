using Hachi.Vm.Jit.X64.Encode;
using Hachi.Vm.Jit.X64.Select;

namespace Hachi.Vm.Jit.X64;

/// <summary>Instructions that insist on registers, comparisons and choices.</summary>
internal sealed partial class X64Emitter
{
    private void MultiplyHigh(in Lir insn)
    {
        (int a, int b) = (insn.A, insn.B);
        Reg implied = _alloc.HasBmi2 ? Reg.Rdx : Reg.Rax;
        if (RegOf(b) == implied)
            (a, b) = (b, a);
        LoadTo(implied, a);
        Reg source = In(b, X64Machine.Scratch), target = Target(insn.Dst);
        if (_alloc.HasBmi2)
        {
            _asm.MultiplyHigh(target, target, source);
            Finish(insn.Dst, target);
            return;
        }
        _asm.Unary(Unary.Mul, true, source);
        Finish(insn.Dst, Reg.Rdx);
    }

    private void Division(in Lir insn)
    {
        bool wide = insn.Width == 8, signed = (insn.Code & Lir.Signed) != 0, remainder = (insn.Code & Lir.Remainder) != 0;
        Reg divisor = RegOf(insn.B);
        if (divisor is Reg.None or Reg.Rax or Reg.Rdx)
            LoadTo(divisor = X64Machine.Scratch, insn.B);
        LoadTo(Reg.Rax, insn.A);
        int done = -1;
        if ((insn.Code & Lir.NotZero) == 0)
        {
            done = _asm.NewLabel();
            SlowKind bits = wide ? SlowKind.WideByZero : SlowKind.ByZero;
            _slow.Add(new Slow(bits, _asm.NewLabel(), done, remainder ? 1 : 0));
            _asm.Test(wide, divisor, divisor);
            _asm.JumpIf(Cond.Equal, _slow[^1].Label);
            if (signed)
            {
                _slow.Add(new Slow(wide ? SlowKind.WideByMinusOne : SlowKind.ByMinusOne, _asm.NewLabel(), done, remainder ? 1 : 0));
                _asm.Alu(Alu.Cmp, wide, divisor, -1);
                _asm.JumpIf(Cond.Equal, _slow[^1].Label);
            }
        }
        if (signed)
            _asm.SignToRdx(wide);
        else
            _asm.Alu(Alu.Xor, false, Reg.Rdx, Reg.Rdx);
        _asm.Unary(signed ? Unary.Idiv : Unary.Div, wide, divisor);
        if (done >= 0)
            _asm.Place(done);
        Finish(insn.Dst, remainder ? Reg.Rdx : Reg.Rax);
    }

    /// <summary>Sets the flags for the condition of an instruction.</summary>
    private void Compare(in Lir insn)
    {
        bool test = insn.Code == Lir.Test, wide = insn.Width == 8;
        if (insn.Memory != LirMemory.None)
        {
            CompareMemory(insn, AddressOf(insn), insn.B, test);
            return;
        }
        if (IsInMemory(insn.A) && !IsInMemory(insn.B) && (RegOf(insn.B) != Reg.None || IsImmediate(insn.B, insn.Width, out _)))
        {
            CompareMemory(insn, MemOf(insn.A), insn.B, test);
            return;
        }
        Reg a = In(insn.A, X64Machine.Scratch), b = RegOf(insn.B);
        if (b != Reg.None)
        {
            Flags(test, wide, a, b);
        }
        else if (IsImmediate(insn.B, insn.Width, out int value))
        {
            if (test)
                _asm.Test(wide, a, value);
            else if (value == 0)
                _asm.Test(wide, a, a);
            else
                _asm.Alu(Alu.Cmp, wide, a, value);
        }
        else if (!IsConst(insn.B))
        {
            if (test)
                _asm.Test(wide, MemOf(insn.B), a);
            else
                _asm.Alu(Alu.Cmp, wide, a, MemOf(insn.B));
        }
        else
        {
            Reg lent = a == X64Machine.Scratch ? Borrow(default) : X64Machine.Scratch;
            LoadTo(lent, insn.B);
            Flags(test, wide, a, lent);
            if (lent != X64Machine.Scratch)
                GiveBack(lent);
        }
    }

    private void Flags(bool test, bool wide, Reg a, Reg b)
    {
        if (test)
            _asm.Test(wide, a, b);
        else
            _asm.Alu(Alu.Cmp, wide, a, b);
    }

    private void CompareMemory(in Lir insn, Mem m, int second, bool test)
    {
        bool wide = insn.Width == 8;
        Reg b = RegOf(second), lent = Reg.None;
        if (b == Reg.None && !IsImmediate(second, insn.Width, out _))
        {
            b = X64Machine.Scratch;
            if (m.Base == b || m.Index == b)
                b = lent = Borrow(m);
            LoadTo(b, second);
        }
        if (b == Reg.None)
        {
            IsImmediate(second, insn.Width, out int value);
            if (insn.Width == 1 && test)
                _asm.TestByte(m, value);
            else if (insn.Width == 1)
                _asm.CompareByte(m, value);
            else if (test)
                _asm.Test(wide, m, value);
            else
                _asm.Alu(Alu.Cmp, wide, m, value);
        }
        else if (test)
        {
            _asm.Test(wide, m, b);
        }
        else
        {
            _asm.Alu(Alu.Cmp, wide, m, b);
        }
        if (lent != Reg.None)
            GiveBack(lent);
    }

    private void Choice(in Lir insn)
    {
        Compare(insn);
        Cond cond = insn.Cond;
        if (Lir.IsConstant(insn.C)) // 1, else 0
        {
            Reg bit = Target(insn.Dst);
            _asm.MoveConst(bit, 0); // leaves the flags alone; a byte set in what the register held before would wait for that, round after round of a loop
            _asm.Set(cond, bit);
            Finish(insn.Dst, bit);
            return;
        }
        (int whenTrue, int whenFalse) = (insn.C, insn.Base);
        Reg target = Target(insn.Dst);
        if (RegOf(whenTrue) == target && RegOf(whenFalse) != target)
            (whenTrue, whenFalse, cond) = (whenFalse, whenTrue, cond.Not());
        LoadTo(target, whenFalse);
        if (RegOf(whenTrue) is var reg && reg != Reg.None)
        {
            _asm.MoveIf(cond, true, target, reg);
        }
        else if (IsInMemory(whenTrue))
        {
            _asm.MoveIf(cond, true, target, MemOf(whenTrue));
        }
        else if (target != X64Machine.Scratch)
        {
            LoadTo(X64Machine.Scratch, whenTrue);
            _asm.MoveIf(cond, true, target, X64Machine.Scratch);
        }
        else
        {
            int over = _asm.NewLabel();
            _asm.JumpIf(cond.Not(), over);
            LoadTo(target, whenTrue);
            _asm.Place(over);
        }
        Finish(insn.Dst, target);
    }
}
