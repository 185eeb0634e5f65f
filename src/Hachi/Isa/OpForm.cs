namespace Hachi.Isa;

/// <summary>The operand layout of an eBPF instruction, and with it its text.</summary>
public enum Shape : byte
{
#pragma warning disable CS1591 // each is its own example
    /// <summary><c>r1 += r2</c></summary>
    AluReg,

    /// <summary><c>r1 += 0x5</c></summary>
    AluImm,

    /// <summary><c>r1 = -r1</c></summary>
    Negate,

    /// <summary><c>r1 = (s8)r2</c></summary>
    MoveSigned,

    /// <summary><c>r1 = be16 r1</c></summary>
    ByteOrder,

    /// <summary><c>r1 = addr_space_cast(r2, 0x0, 0x1)</c></summary>
    AddressCast,

    /// <summary><c>goto +0x5</c>: the distance is in Offset.</summary>
    Goto,

    /// <summary><c>gotol +0x5</c>: the distance is in Imm.</summary>
    GotoLong,

    /// <summary><c>gotox r1</c></summary>
    GotoReg,

    /// <summary><c>may_goto +0x5</c></summary>
    MayGoto,

    /// <summary><c>if r1 == r2 goto +0x5</c></summary>
    BranchReg,

    /// <summary><c>if r1 == 0x5 goto +0x5</c></summary>
    BranchImm,

    /// <summary><c>call 0x7</c>: a helper function by its id.</summary>
    CallHelper,

    /// <summary><c>call pc+0x7</c>: a function of this program; the distance is in Imm.</summary>
    CallLocal,

    /// <summary><c>call kernel-function#7</c>: a kernel function by its BTF id, Offset indexes the BTF descriptors.</summary>
    CallKfunc,

    /// <summary><c>callx r1</c></summary>
    CallReg,

    /// <summary><c>exit</c></summary>
    Exit,

    /// <summary><c>w1 = *(u32 *)(r2 + 0x0)</c></summary>
    Load,

    /// <summary><c>r1 = *(s32 *)(r2 + 0x0)</c></summary>
    LoadSigned,

    /// <summary><c>*(u32 *)(r1 + 0x0) = w2</c></summary>
    StoreReg,

    /// <summary><c>*(u32 *)(r1 + 0x0) = 0x5</c></summary>
    StoreImm,

    /// <summary><c>lock *(u64 *)(r1 + 0x0) += r2</c></summary>
    Atomic,

    /// <summary><c>r2 = atomic_fetch_add((u64 *)(r1 + 0x0), r2)</c></summary>
    AtomicFetch,

    /// <summary><c>r2 = xchg_64(r1 + 0x0, r2)</c></summary>
    Exchange,

    /// <summary><c>r0 = cmpxchg_64(r1 + 0x0, r0, r2)</c></summary>
    CompareExchange,

    /// <summary><c>r1 = load_acquire((u64 *)(r2 + 0x0))</c></summary>
    LoadAcquire,

    /// <summary><c>store_release((u64 *)(r1 + 0x0), r2)</c></summary>
    StoreRelease,

    /// <summary><c>r1 = 0x5 ll</c></summary>
    LoadImm64,

    /// <summary><c>ld_pseudo r1, 0x1, 0x5</c></summary>
    LoadPseudo,

    /// <summary><c>r0 = *(u32 *)skb[0x0]</c></summary>
    PacketAbsolute,

    /// <summary><c>r0 = *(u32 *)skb[r2]</c></summary>
    PacketIndirect,
#pragma warning restore CS1591
}

/// <summary>The conformance groups of RFC 9669 section 6.2, and one for what the kernel added since.</summary>
public enum ConformanceGroup : byte
{
#pragma warning disable CS1591 // the names are the RFC's
    Base32, Base64, Divmul32, Divmul64, Atomic32, Atomic64, Packet, Callx,
#pragma warning restore CS1591

    /// <summary>Not in RFC 9669: Linux only.</summary>
    Kernel,
}

/// <summary>A Linux version.</summary>
public readonly record struct KernelVersion(int Major, int Minor)
{
    /// <summary>Orders by major, then minor number.</summary>
    public int CompareTo(KernelVersion other) => Major != other.Major ? Major.CompareTo(other.Major) : Minor.CompareTo(other.Minor);

    /// <summary>For example <c>5.12</c>.</summary>
    public override string ToString() => $"{Major}.{Minor}";
}

/// <summary>
/// One form of an instruction: an opcode together with the fields that it fixes. A field that is null here is an operand; any other value is the
/// only one that the form has there.
/// </summary>
/// <param name="Opcode">Its opcode.</param>
/// <param name="Shape">Its operands and its text.</param>
/// <param name="Mnemonic">Its name in the conformance suite's (uBPF's) dialect.</param>
/// <param name="Symbol">Operator or function name in pseudo-C.</param>
/// <param name="Bits">Arithmetic and jumps: width of the registers, 32 or 64. Memory: width of the access, 8 to 64.</param>
/// <param name="Group">Conformance group.</param>
public sealed record OpForm(byte Opcode, Shape Shape, string Mnemonic, string Symbol, int Bits, ConformanceGroup Group)
{
    /// <summary>The destination field, or null for an operand.</summary>
    public int? Dst { get; init; }

    /// <summary>The source field, or null for an operand.</summary>
    public int? Src { get; init; }

    /// <summary>The offset field, or null for an operand.</summary>
    public int? Offset { get; init; }

    /// <summary>The immediate field, or null for an operand.</summary>
    public int? Imm { get; init; }

    /// <summary>Wide instructions: the second slot's immediate, or null for an operand.</summary>
    public int? NextImm { get; init; } = 0;

    /// <summary>The lowest clang <c>-mcpu=vN</c> that emits it of itself; 0 for what only inline assembly or intrinsics give.</summary>
    public int Mcpu { get; init; } = 1;

    /// <summary>The first Linux that loads it, or null when none does.</summary>
    public KernelVersion? Kernel { get; init; } = new KernelVersion(3, 18);

    /// <summary>Slots it takes: 1, or 2 for wide instructions.</summary>
    public int Slots => Opcode == Isa.Opcode.LdImm64 ? 2 : 1;

    /// <summary>Whether its general registers are written as 32-bit halves (<c>w1</c>).</summary>
    public bool IsHalf => Bits < 64 && Shape is not (Shape.LoadSigned or Shape.PacketAbsolute or Shape.PacketIndirect);

    /// <summary>Whether it writes its destination register.</summary>
    public bool WritesDst => Shape is <= Shape.AddressCast or Shape.Load or Shape.LoadSigned or Shape.LoadAcquire or Shape.LoadImm64 or Shape.LoadPseudo;

    /// <summary>Whether it writes its source register.</summary>
    public bool WritesSrc => Shape is Shape.AtomicFetch or Shape.Exchange;

    /// <summary>Whether the fixed fields are those of an instruction, and its register operands exist. The second slot of a wide one is not looked at.</summary>
    public bool Matches(in Insn insn) =>
        insn.Opcode == Opcode && FixedOrRegister(Dst, insn.Dst) && FixedOrRegister(Src, insn.Src) && Fixed(Offset, insn.Offset) && Fixed(Imm, insn.Imm);

    private static bool Fixed(int? rule, int value) => rule is null || rule == value;

    private static bool FixedOrRegister(int? rule, int value) => rule is null ? value < Limits.Registers : rule == value;
}
