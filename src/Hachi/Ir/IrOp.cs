namespace Hachi.Ir;

/// <summary>What a value of an <see cref="IrFunction"/> is.</summary>
public enum IrOp : byte
{
    /// <summary>The constant Imm.</summary>
    Const,

    /// <summary>
    /// Big-endian load of Size bytes of the packet at A + Imm (A is value 0, the constant zero, for an absolute load). Reject-on-failure:
    /// it may be used only where a requirement of it has been passed.
    /// </summary>
    LoadPacket,

    /// <summary>Length of the packet on the wire.</summary>
    Length,

    /// <summary>A Linux packet extension; Imm is one of <see cref="Isa.Extension"/>.</summary>
    Extension,

    /// <summary>A value chosen by the edge on which its block was entered; Imm is the block.</summary>
    Phi,

    /// <summary>A + B.</summary>
    Add,

    /// <summary>A - B.</summary>
    Sub,

    /// <summary>A * B.</summary>
    Mul,

    /// <summary>A / B, unsigned; may be used only where a requirement of it (B is not 0) has been passed, unless B is a constant.</summary>
    Div,

    /// <summary>A % B, unsigned; as <see cref="Div"/>.</summary>
    Mod,

    /// <summary>A &amp; B.</summary>
    And,

    /// <summary>A | B.</summary>
    Or,

    /// <summary>A ^ B.</summary>
    Xor,

    /// <summary>A &lt;&lt; B; 0 for shifts of 32 or more.</summary>
    Lsh,

    /// <summary>A &gt;&gt; B; 0 for shifts of 32 or more.</summary>
    Rsh,

    /// <summary>-A.</summary>
    Neg,

    /// <summary>
    /// 1 when the header chain (Size 4: IPv4, 6: IPv6) that starts at A + the low 32 bits of Imm holds the protocol in Imm's high 32 bits, otherwise 0.
    /// A walk in a loop; reject-on-failure, as <see cref="LoadPacket"/>.
    /// </summary>
    ProtoChain,

    /// <summary>1 when A compares to B as Size (an <see cref="IrCompare"/>) says, else 0: a name for a comparison that facts are kept about. Never emitted.</summary>
    Compared,

    /// <summary>What effect Imm of the function yields (a load, an atomic operation, a call). It has a place: where its effect stands.</summary>
    Result,

    /// <summary>Argument register Imm (1 to 5) on entry of an eBPF function.</summary>
    Param,

    /// <summary>The frame pointer r10 of an eBPF function, a guest address.</summary>
    Frame,

    /// <summary>The host address of the machine's state: trusted, never visible to the program.</summary>
    State,

    /// <summary>A / B, unsigned, total: 0 when B is 0. Size 4 or 8, as all from here on.</summary>
    UDiv,

    /// <summary>A % B, unsigned, total: A when B is 0.</summary>
    UMod,

    /// <summary>A / B, signed, total: 0 when B is 0, A when B is -1 and A the least number.</summary>
    SDiv,

    /// <summary>A % B, signed, total: A when B is 0, 0 when B is -1.</summary>
    SMod,

    /// <summary>A &lt;&lt; B, the count modulo the width.</summary>
    Shl,

    /// <summary>A &gt;&gt; B, logical, the count modulo the width.</summary>
    Shr,

    /// <summary>A &gt;&gt; B, arithmetic, the count modulo the width.</summary>
    Sar,

    /// <summary>A rotated left by B, the count modulo the width.</summary>
    Rol,

    /// <summary>The low Size bytes (1, 2, 4) of A, sign-extended to 64 bits.</summary>
    SignExtend,

    /// <summary>The low Size bytes (1, 2, 4) of A, zero-extended.</summary>
    ZeroExtend,

    /// <summary>The low Size bytes (2, 4, 8) of A in reverse order, zero-extended.</summary>
    ByteSwap,

    /// <summary>B when A (a <see cref="Compared"/>) holds, else the value with id Imm.</summary>
    Select,

    /// <summary>The 8-byte word at State + Imm, which does not change while the function runs (a field of the table of regions).</summary>
    StateWord,

    /// <summary>The upper 64 bits of the product of A and B, unsigned, 64 bits wide.</summary>
    MulHigh,

    /// <summary>The address of byte B of stack slot Imm of an eBPF function; where the slot lies is decided when it is emitted.</summary>
    SlotAddress,

    /// <summary>Map Imm of the object: what helpers take.</summary>
    MapAddress,

    /// <summary>The address of byte B of the first value of map Imm of the object (global data).</summary>
    MapValueAddress,

    /// <summary>The address of function Imm of the program: a callback.</summary>
    FunctionAddress,
}

/// <summary>The comparison of a branch. Those of classic programs are the first four; the ones with 64 in their name compare whole words, all others the low 32 bits.</summary>
public enum IrCompare : byte
{
    /// <summary>A == B.</summary>
    Eq,

    /// <summary>A &gt; B.</summary>
    Gt,

    /// <summary>A &gt;= B.</summary>
    Ge,

    /// <summary>(A &amp; B) != 0.</summary>
    Set,

    /// <summary>A &gt; B, signed.</summary>
    SGt,

    /// <summary>A &gt;= B, signed.</summary>
    SGe,

    /// <summary>As <see cref="Eq"/>, 64 bits wide.</summary>
    Eq64 = 8,

    /// <summary>As <see cref="Gt"/>, 64 bits wide.</summary>
    Gt64,

    /// <summary>As <see cref="Ge"/>, 64 bits wide.</summary>
    Ge64,

    /// <summary>As <see cref="Set"/>, 64 bits wide.</summary>
    Set64,

    /// <summary>As <see cref="SGt"/>, 64 bits wide.</summary>
    SGt64,

    /// <summary>As <see cref="SGe"/>, 64 bits wide.</summary>
    SGe64,
}

/// <summary>How a block ends.</summary>
public enum IrEnd : byte
{
    /// <summary>Not ended yet.</summary>
    Open,

    /// <summary>Goes on at True.</summary>
    Goto,

    /// <summary>Goes on at True when A compares to B, else at False.</summary>
    Branch,

    /// <summary>Goes on at True when A lies in interval set B of the function, else at False.</summary>
    Member,

    /// <summary>Returns A.</summary>
    Return,

    /// <summary>Ends the program with fault A (a reason that the machine numbers); Origin is the instruction.</summary>
    Fault,
}

/// <summary>
/// A value: a pure function of the packet and the values that it names, so it has no place of its own; a selector computes it where it is needed.
/// Equal values have one id, and operands have smaller ids than the value that uses them. Arithmetic on 32 bits (Size 0 or 4) sees the low halves and
/// clears the upper half of its result; with Size 8 it is 64 bits wide.
/// </summary>
public struct IrValue
{
    /// <summary>What it is.</summary>
    public IrOp Op;

    /// <summary>Bytes of a load; see the operation for others.</summary>
    public byte Size;

    /// <summary>First operand (a value id), 0 when there is none.</summary>
    public int A;

    /// <summary>Second operand (a value id), 0 when there is none.</summary>
    public int B;

    /// <summary>Constant, load offset, extension, block of a phi.</summary>
    public ulong Imm;

    /// <summary>Where it comes from: an index that the front end gives a meaning (-1: nowhere).</summary>
    public int Origin;

    /// <summary>
    /// The block that it was made in: it is never computed above it, so that what a branch has shown (not null, in bounds) holds for it wherever it goes. 0 (the entry): anywhere.
    /// </summary>
    public int Home;

    internal int HashNext;

    /// <summary>The constant or offset as the 32-bit word that classic programs compute with.</summary>
    public readonly uint K => (uint)Imm;
}

/// <summary>A basic block: what must hold when it is entered, then how it ends.</summary>
public struct IrBlock
{
    /// <summary>How it ends.</summary>
    public IrEnd End;

    /// <summary>The comparison of a <see cref="IrEnd.Branch"/>.</summary>
    public IrCompare Compare;

    /// <summary>First compared value; the value of a <see cref="IrEnd.Return"/>.</summary>
    public int A;

    /// <summary>Second compared value; the set of a <see cref="IrEnd.Member"/>.</summary>
    public int B;

    /// <summary>Next block when true, or the only next block.</summary>
    public int True;

    /// <summary>Next block when false.</summary>
    public int False;

    /// <summary>First entry of its list of requirements in <see cref="IrFunction.Requires"/>, or -1.</summary>
    public int Require;

    /// <summary>First phi of the block in <see cref="IrFunction.Phis"/>, or -1.</summary>
    public int Phi;

    /// <summary>Index in <see cref="IrFunction.EdgeArgs"/> of the arguments that the true edge passes to the phis of its target, or -1.</summary>
    public int TrueArgs;

    /// <summary>The same for the false edge.</summary>
    public int FalseArgs;

    /// <summary>Where its decision comes from (-1: nowhere).</summary>
    public int Origin;

    /// <summary>First entry of its list of effects in <see cref="IrFunction.Effects"/>, or -1; they happen in the order of the list.</summary>
    public int FirstEffect;

    /// <summary>Last entry of that list, or -1.</summary>
    public int LastEffect;
}
