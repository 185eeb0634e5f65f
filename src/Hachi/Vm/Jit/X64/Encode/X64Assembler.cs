using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Hachi.Vm.Jit.X64.Encode;

/// <summary>
/// Writes x86-64 machine code into a buffer: a method a form (Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2). <c>wide</c> chooses
/// 64-bit operands over 32-bit ones, which clear the upper half of their result. Labels may be used before they are placed.
/// </summary>
internal sealed partial class X64Assembler
{
    private const int InsnBytesMax = 16;

    private byte[] _code = new byte[4096];
    private int[] _labels = new int[64];
    private (int At, int Label)[] _fixups = new (int, int)[64];
    private int _labelCount, _fixupCount;

    /// <summary>Bytes written.</summary>
    public int Length { get; private set; }

    /// <summary>What was written.</summary>
    public ReadOnlySpan<byte> Code => _code.AsSpan(0, Length);

    /// <summary>Forgets everything, keeps the storage.</summary>
    public void Clear() => Length = _labelCount = _fixupCount = 0;

    /// <summary>A new label, not placed yet.</summary>
    public int NewLabel()
    {
        if (_labelCount == _labels.Length)
            Array.Resize(ref _labels, _labelCount * 2);
        _labels[_labelCount] = -1;
        return _labelCount++;
    }

    /// <summary>Places a label here.</summary>
    public void Place(int label) => _labels[label] = Length;

    /// <summary>Where a placed label stands.</summary>
    public int PositionOf(int label) => _labels[label];

    /// <summary>Fills in the distances of jumps to labels; to be called once, at the end.</summary>
    public void Link()
    {
        for (int i = 0; i < _fixupCount; i++)
        {
            (int at, int label) = _fixups[i];
            BinaryPrimitives.WriteInt32LittleEndian(_code.AsSpan(at), _labels[label] - at - 4);
        }
        _fixupCount = 0;
    }

    /// <summary>Fills up to a multiple of a power of two with one- to nine-byte no-operations.</summary>
    public void Align(int bytes)
    {
        int left = -Length & (bytes - 1);
        while (left > 0)
        {
            Room();
            int n = Math.Min(left, 9);
            Nop(n).CopyTo(_code.AsSpan(Length));
            Length += n;
            left -= n;
        }
    }

    private static ReadOnlySpan<byte> Nop(int bytes) => bytes switch
    {
        1 => [0x90],
        2 => [0x66, 0x90],
        3 => [0x0f, 0x1f, 0x00],
        4 => [0x0f, 0x1f, 0x40, 0x00],
        5 => [0x0f, 0x1f, 0x44, 0x00, 0x00],
        6 => [0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00],
        7 => [0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00],
        8 => [0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
        _ => [0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
    };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Room()
    {
        if (_code.Length - Length < InsnBytesMax)
            Array.Resize(ref _code, _code.Length * 2);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Byte(int value) => _code[Length++] = (byte)value;

    private void Int32(int value)
    {
        BinaryPrimitives.WriteInt32LittleEndian(_code.AsSpan(Length), value);
        Length += 4;
    }

    private void Int64(long value)
    {
        BinaryPrimitives.WriteInt64LittleEndian(_code.AsSpan(Length), value);
        Length += 8;
    }

    /// <summary>The REX prefix, where one is needed: W, and the upper bits of the register field, the index and the base.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Rex(bool wide, int reg, int index, int basis, bool force = false)
    {
        int rex = (wide ? 8 : 0) | (reg >> 3 & 1) << 2 | (index >> 3 & 1) << 1 | (basis >> 3 & 1);
        if (rex != 0 || force)
            Byte(0x40 | rex);
    }

    /// <summary>An opcode of one to three bytes, the most significant first (0F and 0F 38 maps).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Opcode(int opcode)
    {
        if (opcode > 0xffff)
            Byte(opcode >> 16);
        if (opcode > 0xff)
            Byte(opcode >> 8);
        Byte(opcode);
    }

    /// <summary>A form with a register field and a register operand.</summary>
    private void RegReg(int opcode, bool wide, int reg, Reg rm, bool byteOperand = false)
    {
        Room();
        Rex(wide, reg, 0, (int)rm, byteOperand);
        Opcode(opcode);
        Byte(0xc0 | (reg & 7) << 3 | (int)rm & 7);
    }

    /// <summary>A form with a register field and a memory operand; an immediate that follows must be written by the caller.</summary>
    private void RegMem(int opcode, bool wide, int reg, Mem m, int prefix = 0, bool byteOperand = false)
    {
        Room();
        if (prefix != 0)
            Byte(prefix);
        Rex(wide, reg, m.Index == Reg.None ? 0 : (int)m.Index, m.Base == Reg.None ? 0 : (int)m.Base, byteOperand);
        Opcode(opcode);
        Operand(reg, m);
    }

    /// <summary>ModRM, SIB and displacement of a memory operand.</summary>
    private void Operand(int reg, Mem m)
    {
        reg = (reg & 7) << 3;
        if (m.Base == Reg.None)
        {
            // Without a base the displacement has 32 bits, and a SIB byte says "no base" (ModRM alone would mean rip).
            Byte(reg | 4);
            Byte(m.Scale << 6 | (m.Index == Reg.None ? 4 : (int)m.Index & 7) << 3 | 5);
            Int32(m.Displacement);
            return;
        }
        int basis = (int)m.Base & 7;
        bool none = m.Displacement == 0 && basis != 5, small = m.Displacement == (sbyte)m.Displacement;
        int mod = none ? 0 : small ? 0x40 : 0x80;
        if (m.Index != Reg.None || basis == 4)
        {
            Byte(mod | reg | 4);
            Byte(m.Scale << 6 | (m.Index == Reg.None ? 4 : (int)m.Index & 7) << 3 | basis);
        }
        else
        {
            Byte(mod | reg | basis);
        }
        if (none)
            return;
        if (small)
            Byte(m.Displacement);
        else
            Int32(m.Displacement);
    }

    /// <summary>A form with a three-byte VEX prefix in map 0F 38 or 0F 3A, operands of general registers.</summary>
    private void Vex(int map, int pp, bool wide, int opcode, Reg reg, Reg second, Reg rm)
    {
        Room();
        Byte(0xc4);
        Byte((reg < Reg.R8 ? 0x80 : 0) | 0x40 | (rm < Reg.R8 ? 0x20 : 0) | map);
        Byte((wide ? 0x80 : 0) | (~(int)second & 15) << 3 | pp);
        Byte(opcode);
        Byte(0xc0 | ((int)reg & 7) << 3 | (int)rm & 7);
    }

    private void Fixup(int label)
    {
        if (_fixupCount == _fixups.Length)
            Array.Resize(ref _fixups, _fixupCount * 2);
        _fixups[_fixupCount++] = (Length, label);
        Int32(0);
    }
}
