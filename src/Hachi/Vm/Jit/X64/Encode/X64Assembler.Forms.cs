namespace Hachi.Vm.Jit.X64.Encode;

internal sealed partial class X64Assembler
{
    /// <summary>mov dst, src.</summary>
    public void Move(bool wide, Reg dst, Reg src) => RegReg(0x8b, wide, (int)dst, src);

    /// <summary>The shortest form that puts a 64-bit constant into a register; flags stay.</summary>
    public void MoveConst(Reg dst, ulong value)
    {
        Room();
        if (value == (uint)value)
        {
            Rex(false, 0, 0, (int)dst);
            Byte(0xb8 | (int)dst & 7);
            Int32((int)value);
        }
        else if ((long)value == (int)value)
        {
            RegReg(0xc7, true, 0, dst);
            Int32((int)value);
        }
        else
        {
            Rex(true, 0, 0, (int)dst);
            Byte(0xb8 | (int)dst & 7);
            Int64((long)value);
        }
    }

    /// <summary>Zero-extending load of 1, 2, 4 or 8 bytes.</summary>
    public void Load(int size, Reg dst, Mem m) => RegMem(size switch { 1 => 0x0fb6, 2 => 0x0fb7, _ => 0x8b }, size == 8, (int)dst, m);

    /// <summary>Sign-extending load of 1, 2 or 4 bytes to 64 bits.</summary>
    public void LoadSigned(int size, Reg dst, Mem m) => RegMem(size switch { 1 => 0x0fbe, 2 => 0x0fbf, _ => 0x63 }, true, (int)dst, m);

    /// <summary>Zero-extending load of 2, 4 or 8 bytes in reverse order (movbe); that of 2 bytes keeps the upper part of the register.</summary>
    public void LoadSwapped(int size, Reg dst, Mem m) => RegMem(0x0f38f0, size == 8, (int)dst, m, size == 2 ? 0x66 : 0);

    /// <summary>Store of 1, 2, 4 or 8 bytes.</summary>
    public void Store(int size, Mem m, Reg src) =>
        RegMem(size == 1 ? 0x88 : 0x89, size == 8, (int)src, m, size == 2 ? 0x66 : 0, size == 1 && src >= Reg.Rsp);

    /// <summary>Store of a constant; 8 bytes: sign-extended from 32 bits.</summary>
    public void StoreConst(int size, Mem m, int value)
    {
        RegMem(size == 1 ? 0xc6 : 0xc7, size == 8, 0, m, size == 2 ? 0x66 : 0);
        if (size == 1)
            Byte(value);
        else if (size == 2)
            (_code[Length], _code[Length + 1], Length) = ((byte)value, (byte)(value >> 8), Length + 2);
        else
            Int32(value);
    }

    /// <summary>movzx or mov: the low 1, 2 or 4 bytes, zero-extended.</summary>
    public void ZeroExtend(int size, Reg dst, Reg src) =>
        RegReg(size switch { 1 => 0x0fb6, 2 => 0x0fb7, _ => 0x8b }, false, (int)dst, src, size == 1 && src >= Reg.Rsp);

    /// <summary>movsx: the low 1, 2 or 4 bytes, sign-extended to 64 bits.</summary>
    public void SignExtend(int size, Reg dst, Reg src) => RegReg(size switch { 1 => 0x0fbe, 2 => 0x0fbf, _ => 0x63 }, true, (int)dst, src);

    /// <summary>lea.</summary>
    public void Lea(bool wide, Reg dst, Mem m) => RegMem(0x8d, wide, (int)dst, m);

    /// <summary>dst = dst op src.</summary>
    public void Alu(Alu op, bool wide, Reg dst, Reg src) => RegReg((int)op << 3 | 3, wide, (int)dst, src);

    /// <summary>dst = dst op memory.</summary>
    public void Alu(Alu op, bool wide, Reg dst, Mem m) => RegMem((int)op << 3 | 3, wide, (int)dst, m);

    /// <summary>memory = memory op src.</summary>
    public void Alu(Alu op, bool wide, Mem m, Reg src) => RegMem((int)op << 3 | 1, wide, (int)src, m);

    /// <summary>dst = dst op constant.</summary>
    public void Alu(Alu op, bool wide, Reg dst, int value)
    {
        bool small = value == (sbyte)value;
        RegReg(small ? 0x83 : 0x81, wide, (int)op, dst);
        if (small)
            Byte(value);
        else
            Int32(value);
    }

    /// <summary>memory = memory op constant.</summary>
    public void Alu(Alu op, bool wide, Mem m, int value)
    {
        bool small = value == (sbyte)value;
        RegMem(small ? 0x83 : 0x81, wide, (int)op, m);
        if (small)
            Byte(value);
        else
            Int32(value);
    }

    /// <summary>cmp of the one byte in memory with a constant.</summary>
    public void CompareByte(Mem m, int value)
    {
        RegMem(0x80, false, (int)Encode.Alu.Cmp, m);
        Byte(value);
    }

    /// <summary>cmp of the low byte of a register with the byte in memory.</summary>
    public void CompareByte(Reg reg, Mem m) => RegMem(0x3a, false, (int)reg, m, 0, reg >= Reg.Rsp);

    /// <summary>test a, b.</summary>
    public void Test(bool wide, Reg a, Reg b) => RegReg(0x85, wide, (int)b, a);

    /// <summary>test memory, b.</summary>
    public void Test(bool wide, Mem m, Reg b) => RegMem(0x85, wide, (int)b, m);

    /// <summary>test a, constant.</summary>
    public void Test(bool wide, Reg a, int value)
    {
        if (value is >= 0 and < 128)
        {
            RegReg(0xf6, false, 0, a, a >= Reg.Rsp);
            Byte(value);
            return;
        }
        RegReg(0xf7, wide, 0, a);
        Int32(value);
    }

    /// <summary>test memory, constant.</summary>
    public void Test(bool wide, Mem m, int value)
    {
        RegMem(0xf7, wide, 0, m);
        Int32(value);
    }

    /// <summary>test of the one byte in memory with a constant.</summary>
    public void TestByte(Mem m, int value)
    {
        RegMem(0xf6, false, 0, m);
        Byte(value);
    }

    /// <summary>Shift by a constant.</summary>
    public void Shift(Shift op, bool wide, Reg dst, int count)
    {
        RegReg(count == 1 ? 0xd1 : 0xc1, wide, (int)op, dst);
        if (count != 1)
            Byte(count);
    }

    /// <summary>Shift by cl.</summary>
    public void ShiftByCl(Shift op, bool wide, Reg dst) => RegReg(0xd3, wide, (int)op, dst);

    /// <summary>shlx, shrx, sarx (BMI2): dst = src shifted by count; flags stay.</summary>
    public void ShiftBy(Shift op, bool wide, Reg dst, Reg src, Reg count) =>
        Vex(2, op switch { Encode.Shift.Shl => 1, Encode.Shift.Shr => 3, _ => 2 }, wide, 0xf7, dst, count, src);

    /// <summary>rorx (BMI2): dst = src rotated right; flags stay.</summary>
    public void RotateRight(bool wide, Reg dst, Reg src, int count)
    {
        Vex(3, 3, wide, 0xf0, dst, Reg.Rax, src);
        Byte(count);
    }

    /// <summary>The low 16 bits rotated by 8: their bytes swapped.</summary>
    public void SwapLowBytes(Reg dst)
    {
        Room();
        Byte(0x66);
        RegReg(0xc1, false, (int)Encode.Shift.Rol, dst);
        Byte(8);
    }

    /// <summary>bswap.</summary>
    public void ByteSwap(bool wide, Reg dst)
    {
        Room();
        Rex(wide, 0, 0, (int)dst);
        Byte(0x0f);
        Byte(0xc8 | (int)dst & 7);
    }

    /// <summary>imul dst, src.</summary>
    public void Multiply(bool wide, Reg dst, Reg src) => RegReg(0x0faf, wide, (int)dst, src);

    /// <summary>imul dst, memory.</summary>
    public void Multiply(bool wide, Reg dst, Mem m) => RegMem(0x0faf, wide, (int)dst, m);

    /// <summary>imul dst, src, constant.</summary>
    public void Multiply(bool wide, Reg dst, Reg src, int value)
    {
        bool small = value == (sbyte)value;
        RegReg(small ? 0x6b : 0x69, wide, (int)dst, src);
        if (small)
            Byte(value);
        else
            Int32(value);
    }

    /// <summary>mulx (BMI2): high = upper half of rdx * src; flags stay.</summary>
    public void MultiplyHigh(Reg high, Reg low, Reg src) => Vex(2, 3, true, 0xf6, high, low, src);

    /// <summary>not, neg, mul, imul, div, idiv; the last four work on rdx:rax.</summary>
    public void Unary(Unary op, bool wide, Reg reg) => RegReg(0xf7, wide, (int)op, reg);

    /// <summary>The same on memory.</summary>
    public void Unary(Unary op, bool wide, Mem m) => RegMem(0xf7, wide, (int)op, m);

    /// <summary>cqo or cdq: rax sign-extended into rdx.</summary>
    public void SignToRdx(bool wide)
    {
        Room();
        Rex(wide, 0, 0, 0);
        Byte(0x99);
    }

    /// <summary>cmov.</summary>
    public void MoveIf(Cond cond, bool wide, Reg dst, Reg src) => RegReg(0x0f40 | (int)cond, wide, (int)dst, src);

    /// <summary>cmov from memory.</summary>
    public void MoveIf(Cond cond, bool wide, Reg dst, Mem m) => RegMem(0x0f40 | (int)cond, wide, (int)dst, m);

    /// <summary>setcc: the low byte.</summary>
    public void Set(Cond cond, Reg dst) => RegReg(0x0f90 | (int)cond, false, 0, dst, dst >= Reg.Rsp);

    /// <summary>jmp label; a short one backwards where it reaches.</summary>
    public void Jump(int label)
    {
        Room();
        int back = _labels[label] - Length - 2;
        if (_labels[label] >= 0 && back >= sbyte.MinValue)
        {
            Byte(0xeb);
            Byte(back);
            return;
        }
        Byte(0xe9);
        Fixup(label);
    }

    /// <summary>jcc label; a short one backwards where it reaches.</summary>
    public void JumpIf(Cond cond, int label)
    {
        Room();
        int back = _labels[label] - Length - 2;
        if (_labels[label] >= 0 && back >= sbyte.MinValue)
        {
            Byte(0x70 | (int)cond);
            Byte(back);
            return;
        }
        Byte(0x0f);
        Byte(0x80 | (int)cond);
        Fixup(label);
    }

    /// <summary>call label.</summary>
    public void Call(int label)
    {
        Room();
        Byte(0xe8);
        Fixup(label);
    }

    /// <summary>call by a pointer in memory.</summary>
    public void Call(Mem m) => RegMem(0xff, false, 2, m);

    /// <summary>jmp by register.</summary>
    public void JumpTo(Reg reg) => RegReg(0xff, false, 4, reg);

    /// <summary>lea dst, [rip + label].</summary>
    public void LeaLabel(Reg dst, int label)
    {
        Room();
        Rex(true, (int)dst, 0, 0);
        Byte(0x8d);
        Byte(((int)dst & 7) << 3 | 5);
        Fixup(label);
    }

    /// <summary>Four bytes of data: the distance of a label from a place in the code.</summary>
    public void Distance(int label, int from)
    {
        Room();
        Int32(_labels[label] - from);
    }

    /// <summary>ret.</summary>
    public void Return()
    {
        Room();
        Byte(0xc3);
    }

    /// <summary>push.</summary>
    public void Push(Reg reg)
    {
        Room();
        Rex(false, 0, 0, (int)reg);
        Byte(0x50 | (int)reg & 7);
    }

    /// <summary>pop.</summary>
    public void Pop(Reg reg)
    {
        Room();
        Rex(false, 0, 0, (int)reg);
        Byte(0x58 | (int)reg & 7);
    }

    /// <summary>Sets or clears the carry flag.</summary>
    public void SetCarry(bool value)
    {
        Room();
        Byte(value ? 0xf9 : 0xf8);
    }

    /// <summary>pxor xmm0, xmm0.</summary>
    public void ZeroVector()
    {
        Room();
        Byte(0x66);
        Byte(0x0f);
        Byte(0xef);
        Byte(0xc0);
    }

    /// <summary>movups: 16 bytes of xmm0 to memory.</summary>
    public void StoreVector(Mem m) => RegMem(0x0f11, false, 0, m);

    /// <summary>mfence.</summary>
    public void Fence()
    {
        Room();
        Byte(0x0f);
        Byte(0xae);
        Byte(0xf0);
    }

    /// <summary>lock add, or, and, xor of memory.</summary>
    public void Locked(Alu op, bool wide, Mem m, Reg src)
    {
        Room();
        Byte(0xf0);
        Alu(op, wide, m, src);
    }

    /// <summary>lock xadd: memory += reg, reg = what memory held.</summary>
    public void ExchangeAdd(bool wide, Mem m, Reg reg) => RegMem(0x0fc1, wide, (int)reg, m, 0xf0);

    /// <summary>xchg with memory (locks by itself).</summary>
    public void Exchange(bool wide, Mem m, Reg reg) => RegMem(0x87, wide, (int)reg, m);

    /// <summary>lock cmpxchg: compares with rax.</summary>
    public void CompareExchange(bool wide, Mem m, Reg reg) => RegMem(0x0fb1, wide, (int)reg, m, 0xf0);
}
