using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Hachi.Isa;

/// <summary>The two-operand operations of eBPF arithmetic. Values are the opcode's operation bits over 16; signed forms (offset 1) add 16.</summary>
public enum AluOp : byte
{
#pragma warning disable CS1591
    Add = Opcode.Add >> 4, Sub = Opcode.Sub >> 4, Mul = Opcode.Mul >> 4, Div = Opcode.Div >> 4, Or = Opcode.Or >> 4, And = Opcode.And >> 4,
    Lsh = Opcode.Lsh >> 4, Rsh = Opcode.Rsh >> 4, Neg = Opcode.Neg >> 4, Mod = Opcode.Mod >> 4, Xor = Opcode.Xor >> 4, Mov = Opcode.Mov >> 4,
    Arsh = Opcode.Arsh >> 4, SDiv = 16 + (Opcode.Div >> 4), SMod = 16 + (Opcode.Mod >> 4),
#pragma warning restore CS1591
}

/// <summary>The comparisons of eBPF jumps. Values are the opcode's operation bits over 16.</summary>
public enum CompareOp : byte
{
#pragma warning disable CS1591
    Jeq = Opcode.Jeq >> 4, Jgt = Opcode.Jgt >> 4, Jge = Opcode.Jge >> 4, Jset = Opcode.Jset >> 4, Jne = Opcode.Jne >> 4, Jsgt = Opcode.Jsgt >> 4,
    Jsge = Opcode.Jsge >> 4, Jlt = Opcode.Jlt >> 4, Jle = Opcode.Jle >> 4, Jslt = Opcode.Jslt >> 4, Jsle = Opcode.Jsle >> 4,
#pragma warning restore CS1591
}

/// <summary>
/// What arithmetic and comparison mean (RFC 9669 sections 4.1 to 4.3, 5.3), written once: interpreters, constant folding, the verifier on known
/// values and the filter prover call this. Pure: numbers in, numbers out, nothing throws.
/// </summary>
public static partial class Semantics
{
    /// <summary>
    /// 64-bit arithmetic. Shift counts are taken modulo 64; division by zero gives 0, remainder by zero the dividend; the one overflowing signed
    /// division gives its dividend and remainder 0.
    /// </summary>
    /// <param name="op">The operation; <see cref="AluOp.Neg"/> ignores <paramref name="b"/>, <see cref="AluOp.Mov"/> ignores <paramref name="a"/>.</param>
    /// <param name="a">The destination's value.</param>
    /// <param name="b">The source's value, an immediate sign-extended.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Alu64(AluOp op, ulong a, ulong b) => op switch
    {
        AluOp.Add => a + b,
        AluOp.Sub => a - b,
        AluOp.Mul => a * b,
        AluOp.Div => b == 0 ? 0 : a / b,
        AluOp.SDiv => b == 0 ? 0 : b == ulong.MaxValue ? 0 - a : (ulong)((long)a / (long)b),
        AluOp.Or => a | b,
        AluOp.And => a & b,
        AluOp.Lsh => a << (int)(b & 63),
        AluOp.Rsh => a >> (int)(b & 63),
        AluOp.Neg => 0 - a,
        AluOp.Mod => b == 0 ? a : a % b,
        AluOp.SMod => b == 0 ? a : b == ulong.MaxValue ? 0 : (ulong)((long)a % (long)b),
        AluOp.Xor => a ^ b,
        AluOp.Mov => b,
        AluOp.Arsh => (ulong)((long)a >> (int)(b & 63)),
        _ => a,
    };

    /// <summary>32-bit arithmetic on the lower halves; the destination's upper half becomes zero. Otherwise as <see cref="Alu64"/>, shifts modulo 32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Alu32(AluOp op, uint a, uint b) => op switch
    {
        AluOp.Add => a + b,
        AluOp.Sub => a - b,
        AluOp.Mul => a * b,
        AluOp.Div => b == 0 ? 0 : a / b,
        AluOp.SDiv => b == 0 ? 0 : b == uint.MaxValue ? 0 - a : (uint)((int)a / (int)b),
        AluOp.Or => a | b,
        AluOp.And => a & b,
        AluOp.Lsh => a << (int)(b & 31),
        AluOp.Rsh => a >> (int)(b & 31),
        AluOp.Neg => 0 - a,
        AluOp.Mod => b == 0 ? a : a % b,
        AluOp.SMod => b == 0 ? a : b == uint.MaxValue ? 0 : (uint)((int)a % (int)b),
        AluOp.Xor => a ^ b,
        AluOp.Mov => b,
        AluOp.Arsh => (uint)((int)a >> (int)(b & 31)),
        _ => a,
    };

    /// <summary>64-bit comparison: whether the jump is taken.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Compare64(CompareOp op, ulong a, ulong b) => op switch
    {
        CompareOp.Jeq => a == b,
        CompareOp.Jgt => a > b,
        CompareOp.Jge => a >= b,
        CompareOp.Jset => (a & b) != 0,
        CompareOp.Jne => a != b,
        CompareOp.Jsgt => (long)a > (long)b,
        CompareOp.Jsge => (long)a >= (long)b,
        CompareOp.Jlt => a < b,
        CompareOp.Jle => a <= b,
        CompareOp.Jslt => (long)a < (long)b,
        CompareOp.Jsle => (long)a <= (long)b,
        _ => false,
    };

    /// <summary>32-bit comparison of the lower halves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Compare32(CompareOp op, uint a, uint b) => op switch
    {
        CompareOp.Jeq => a == b,
        CompareOp.Jgt => a > b,
        CompareOp.Jge => a >= b,
        CompareOp.Jset => (a & b) != 0,
        CompareOp.Jne => a != b,
        CompareOp.Jsgt => (int)a > (int)b,
        CompareOp.Jsge => (int)a >= (int)b,
        CompareOp.Jlt => a < b,
        CompareOp.Jle => a <= b,
        CompareOp.Jslt => (int)a < (int)b,
        CompareOp.Jsle => (int)a <= (int)b,
        _ => false,
    };

    /// <summary>The value whose lower <paramref name="bits"/> (8, 16 or 32) are sign-extended to 64.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong SignExtend(ulong value, int bits) => bits switch
    {
        8 => (ulong)(sbyte)value,
        16 => (ulong)(short)value,
        32 => (ulong)(int)value,
        _ => value,
    };

    /// <summary>The lower <paramref name="bits"/> (8, 16 or 32) of the value, the rest zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Truncate(ulong value, int bits) => bits >= 64 ? value : value & (1ul << bits) - 1;

    /// <summary>The lower <paramref name="bits"/> (16, 32 or 64) in reverse byte order, zero-extended: <c>bswap</c>, and <c>be</c> here.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong ByteSwap(ulong value, int bits) => bits switch
    {
        16 => BinaryPrimitives.ReverseEndianness((ushort)value),
        32 => BinaryPrimitives.ReverseEndianness((uint)value),
        _ => BinaryPrimitives.ReverseEndianness(value),
    };

    /// <summary>What an atomic operation leaves in memory.</summary>
    /// <param name="operation">The immediate: an operation, with or without <see cref="Opcode.Fetch"/>.</param>
    /// <param name="memory">What memory held.</param>
    /// <param name="source">The source register.</param>
    /// <param name="r0">Register 0, which a compare-and-exchange compares.</param>
    /// <param name="bits">32 or 64; 32-bit operations see and change the lower halves.</param>
    public static ulong Atomic(int operation, ulong memory, ulong source, ulong r0, int bits)
    {
        ulong result = operation switch
        {
            Opcode.Xchg => source,
            Opcode.Cmpxchg => Truncate(memory, bits) == Truncate(r0, bits) ? source : memory,
            _ => Alu64((AluOp)((operation & Opcode.OpMask) >> 4), memory, source),
        };
        return Truncate(result, bits);
    }

    /// <summary>The operation of an arithmetic instruction, signed forms told by the offset.</summary>
    public static AluOp AluOpOf(in Insn insn)
    {
        int op = (insn.Opcode & Opcode.OpMask) >> 4;
        bool signed = insn.Offset == 1 && (op is (int)AluOp.Div or (int)AluOp.Mod);
        return (AluOp)(signed ? op + 16 : op);
    }

    /// <summary>
    /// The meaning of one whole arithmetic instruction (class <see cref="Opcode.Alu"/> or <see cref="Opcode.Alu64"/>): plain, signed, sign-extending
    /// moves, byte swaps. Address-space casts are the identity here.
    /// </summary>
    /// <param name="insn">A valid arithmetic instruction.</param>
    /// <param name="dst">The destination register before it.</param>
    /// <param name="src">The source register; not used by immediate forms.</param>
    /// <returns>The destination register after it.</returns>
    public static ulong Eval(in Insn insn, ulong dst, ulong src)
    {
        bool wide = (insn.Opcode & Opcode.ClassMask) == Opcode.Alu64;
        bool register = (insn.Opcode & Opcode.SourceMask) != 0;
        int op = insn.Opcode & Opcode.OpMask;
        if (op == Opcode.End)
            return wide || register ? ByteSwap(dst, insn.Imm) : Truncate(dst, insn.Imm);
        ulong b = register ? src : (ulong)(long)insn.Imm;
        if (op == Opcode.Mov && register && (insn.Offset is 8 or 16 or 32))
            b = SignExtend(b, insn.Offset);
        AluOp alu = AluOpOf(insn);
        return wide ? Alu64(alu, dst, b) : Alu32(alu, (uint)dst, (uint)b);
    }

    /// <summary>Whether a valid conditional jump is taken.</summary>
    /// <param name="insn">The jump.</param>
    /// <param name="dst">The destination register.</param>
    /// <param name="src">The source register; not used by immediate forms.</param>
    public static bool Taken(in Insn insn, ulong dst, ulong src)
    {
        ulong b = (insn.Opcode & Opcode.SourceMask) != 0 ? src : (ulong)(long)insn.Imm;
        var op = (CompareOp)((insn.Opcode & Opcode.OpMask) >> 4);
        return (insn.Opcode & Opcode.ClassMask) == Opcode.Jmp ? Compare64(op, dst, b) : Compare32(op, (uint)dst, (uint)b);
    }
}
