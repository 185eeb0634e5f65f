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
}

/// <summary>The comparison of a branch; unsigned.</summary>
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
}

/// <summary>
/// A value: a pure function of the packet and the values that it names, so it has no place of its own; a selector computes it where it is needed.
/// Equal values have one id, and operands have smaller ids than the value that uses them.
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
}
