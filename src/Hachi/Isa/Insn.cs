using System.Buffers.Binary;

namespace Hachi.Isa;

/// <summary>
/// One slot of an eBPF program, laid out as RFC 9669 section 3.1: 8 bytes, little-endian here. A wide instruction is two slots; the second has
/// opcode 0 and the upper half of the immediate. Offsets and program counters count slots.
/// </summary>
/// <param name="Opcode">Class, operation, source or size and mode (see <see cref="Isa.Opcode"/>).</param>
/// <param name="Dst">Destination register, 0 to 10 in valid programs, 4 bits.</param>
/// <param name="Src">Source register or pseudo source, 4 bits.</param>
/// <param name="Offset">Jump distance in slots, memory offset in bytes, or a refinement of the operation.</param>
/// <param name="Imm">Immediate operand.</param>
public readonly record struct Insn(byte Opcode, byte Dst, byte Src, short Offset, int Imm)
{
    /// <summary>Bytes a slot takes.</summary>
    public const int SizeBytes = 8;

    /// <summary>An instruction from plain integers; each is cut to its field.</summary>
    public Insn(int opcode, int dst = 0, int src = 0, int offset = 0, int imm = 0)
        : this((byte)opcode, (byte)(dst & 0xf), (byte)(src & 0xf), (short)offset, imm)
    {
    }

    /// <summary>Whether this slot and the next are one wide instruction.</summary>
    public bool IsWide => Opcode == Isa.Opcode.LdImm64;

    /// <summary>The 64-bit immediate of a wide instruction.</summary>
    /// <param name="first">Its first slot.</param>
    /// <param name="second">Its second slot.</param>
    public static long WideImm(in Insn first, in Insn second) => (long)((ulong)(uint)second.Imm << 32 | (uint)first.Imm);

    /// <summary>The two slots of a wide instruction.</summary>
    public static (Insn First, Insn Second) Wide(int dst, int src, long imm) =>
        (new Insn(Isa.Opcode.LdImm64, dst, src, 0, (int)imm), new Insn(0, 0, 0, 0, (int)(imm >> 32)));

    /// <summary>Reads one slot from its first 8 bytes.</summary>
    public static Insn Decode(ReadOnlySpan<byte> bytes) =>
        new(bytes[0], (byte)(bytes[1] & 0xf), (byte)(bytes[1] >> 4), BinaryPrimitives.ReadInt16LittleEndian(bytes[2..]),
            BinaryPrimitives.ReadInt32LittleEndian(bytes[4..]));

    /// <summary>Reads a program; false when the length is no multiple of 8.</summary>
    public static bool TryDecode(ReadOnlySpan<byte> bytes, out Insn[] insns)
    {
        insns = [];
        if (bytes.Length % SizeBytes != 0)
            return false;
        insns = new Insn[bytes.Length / SizeBytes];
        for (int i = 0; i < insns.Length; i++)
            insns[i] = Decode(bytes[(i * SizeBytes)..]);
        return true;
    }

    /// <summary>Writes this slot to the first 8 bytes.</summary>
    public void Encode(Span<byte> bytes)
    {
        bytes[0] = Opcode;
        bytes[1] = (byte)(Src << 4 | Dst & 0xf);
        BinaryPrimitives.WriteInt16LittleEndian(bytes[2..], Offset);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[4..], Imm);
    }

    /// <summary>Writes a program.</summary>
    public static byte[] Encode(ReadOnlySpan<Insn> insns)
    {
        byte[] bytes = new byte[insns.Length * SizeBytes];
        for (int i = 0; i < insns.Length; i++)
            insns[i].Encode(bytes.AsSpan(i * SizeBytes));
        return bytes;
    }
}
