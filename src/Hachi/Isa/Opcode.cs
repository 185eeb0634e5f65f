namespace Hachi.Isa;

/// <summary>The opcode bits of eBPF (RFC 9669 section 3; linux/bpf_common.h, linux/bpf.h). Everything else composes its constants from these.</summary>
public static class Opcode
{
#pragma warning disable CS1591 // the names are the kernel's
    // Classes, bits 0-2.
    public const int Ld = 0x00, Ldx = 0x01, St = 0x02, Stx = 0x03, Alu = 0x04, Jmp = 0x05, Jmp32 = 0x06, Alu64 = 0x07, ClassMask = 0x07;

    // Loads and stores: size, bits 3-4, and mode, bits 5-7.
    public const int W = 0x00, H = 0x08, B = 0x10, Dw = 0x18, SizeMask = 0x18;
    public const int Imm = 0x00, Abs = 0x20, Ind = 0x40, Mem = 0x60, Memsx = 0x80, Atomic = 0xc0, ModeMask = 0xe0;

    // Arithmetic and jumps: source, bit 3, and operation, bits 4-7.
    public const int K = 0x00, X = 0x08, SourceMask = 0x08, OpMask = 0xf0;
    public const int Add = 0x00, Sub = 0x10, Mul = 0x20, Div = 0x30, Or = 0x40, And = 0x50, Lsh = 0x60, Rsh = 0x70, Neg = 0x80, Mod = 0x90,
        Xor = 0xa0, Mov = 0xb0, Arsh = 0xc0, End = 0xd0;
    public const int ToLe = 0x00, ToBe = 0x08;
    public const int Ja = 0x00, Jeq = 0x10, Jgt = 0x20, Jge = 0x30, Jset = 0x40, Jne = 0x50, Jsgt = 0x60, Jsge = 0x70, Call = 0x80, Exit = 0x90,
        Jlt = 0xa0, Jle = 0xb0, Jslt = 0xc0, Jsle = 0xd0, Jcond = 0xe0;

    // Atomic operations live in Imm.
    public const int Fetch = 0x01, Xchg = 0xe0 | Fetch, Cmpxchg = 0xf0 | Fetch, LoadAcq = 0x100, StoreRel = 0x110;

    /// <summary>The one wide instruction: two slots, 64 bits of immediate.</summary>
    public const int LdImm64 = Ld | Dw | Imm;
#pragma warning restore CS1591

    /// <summary>Bytes that a load or store of this opcode moves: 1, 2, 4 or 8.</summary>
    public static int SizeOf(int opcode) => (opcode & SizeMask) switch { B => 1, H => 2, W => 4, _ => 8 };

    /// <summary>Whether the class is one of the two arithmetic ones.</summary>
    public static bool IsAlu(int opcode) => (opcode & ClassMask) is Alu or Alu64;

    /// <summary>Whether the class is one of the two jump classes (calls and exit among them).</summary>
    public static bool IsJump(int opcode) => (opcode & ClassMask) is Jmp or Jmp32;
}

/// <summary>What the source field says in wide loads, calls and <c>may_goto</c> (linux/bpf.h, <c>BPF_PSEUDO_*</c>).</summary>
public static class Pseudo
{
#pragma warning disable CS1591
    public const int MapFd = 1, MapValue = 2, BtfId = 3, Func = 4, MapIdx = 5, MapIdxValue = 6;
    public const int Call = 1, KfuncCall = 2;
    public const int MayGoto = 0;
#pragma warning restore CS1591
}
