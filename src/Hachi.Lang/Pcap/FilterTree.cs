using Hachi.Text;

namespace Hachi.Lang.Pcap;

/// <summary>What an <see cref="Arith"/> node computes. All arithmetic is on unsigned 32-bit words, as in classic BPF.</summary>
public enum ArithOp : byte
{
    /// <summary>The constant K.</summary>
    Const,

    /// <summary>Big-endian load of 1 byte at A + K (A null: at K). A load outside the captured bytes rejects the packet.</summary>
    Load8,

    /// <summary>The same, 2 bytes.</summary>
    Load16,

    /// <summary>The same, 4 bytes.</summary>
    Load32,

    /// <summary>The length of the packet on the wire.</summary>
    Length,

    /// <summary>A Linux packet extension; K is one of <see cref="Isa.Extension"/>.</summary>
    Extension,

    /// <summary>The value of variable number K (see <see cref="Step"/>); 0 before the first assignment.</summary>
    Variable,

    /// <summary>A + B.</summary>
    Add,

    /// <summary>A - B.</summary>
    Sub,

    /// <summary>A * B.</summary>
    Mul,

    /// <summary>A / B; division by zero rejects the packet.</summary>
    Div,

    /// <summary>A % B; modulus by zero rejects the packet.</summary>
    Mod,

    /// <summary>A &amp; B.</summary>
    And,

    /// <summary>A | B.</summary>
    Or,

    /// <summary>A ^ B.</summary>
    Xor,

    /// <summary>A &lt;&lt; B; a shift of 32 or more gives 0.</summary>
    Lsh,

    /// <summary>A &gt;&gt; B; a shift of 32 or more gives 0.</summary>
    Rsh,

    /// <summary>-A.</summary>
    Neg,
}

/// <summary>
/// A number in a resolved filter. Evaluation is strict: every load in it is executed (and may reject the packet) whether its value matters or not.
/// </summary>
public sealed class Arith(ArithOp op, uint k, Arith? a, Arith? b, TextSpan span)
{
    /// <summary>The operation.</summary>
    public ArithOp Op { get; } = op;

    /// <summary>Constant, load offset, extension or variable number.</summary>
    public uint K { get; } = k;

    /// <summary>First operand; for loads the variable part of the address, or null.</summary>
    public Arith? A { get; } = a;

    /// <summary>Second operand.</summary>
    public Arith? B { get; } = b;

    /// <summary>The words of the expression that it comes from.</summary>
    public TextSpan Span { get; } = span;
}

/// <summary>What a <see cref="Test"/> node decides.</summary>
public enum TestOp : byte
{
    /// <summary>Always false.</summary>
    False,

    /// <summary>Always true.</summary>
    True,

    /// <summary>A == B (A is evaluated first, then B; so for the others).</summary>
    Eq,

    /// <summary>A &gt; B, unsigned.</summary>
    Gt,

    /// <summary>A &gt;= B, unsigned.</summary>
    Ge,

    /// <summary>(A &amp; B) != 0.</summary>
    Set,

    /// <summary>Left, then, if it was true, Right.</summary>
    And,

    /// <summary>Left, then, if it was false, Right.</summary>
    Or,

    /// <summary>Not Left.</summary>
    Not,

    /// <summary>Executes Steps, then decides Left.</summary>
    With,

    /// <summary>
    /// Walks a chain of IPv4 (K2 = 4) or IPv6 (K2 = 6) headers that starts at A + K3 (A null: at K3) until protocol K is found (true) or the chain ends (false),
    /// exactly as libpcap's protochain loop does.
    /// </summary>
    ProtoChain,
}

/// <summary>A decision in a resolved filter: what is tested, in exactly the order in which libpcap's unoptimised code tests it.</summary>
/// <remarks>The order matters: a load outside the captured bytes, or a division by zero, rejects the packet at once, whatever stands to its right.</remarks>
public sealed class Test(TestOp op, TextSpan span)
{
    /// <summary>The operation.</summary>
    public TestOp Op { get; } = op;

    /// <summary>The words of the expression that it comes from.</summary>
    public TextSpan Span { get; } = span;

    /// <summary>First operand of a comparison; variable part of the address for ProtoChain.</summary>
    public Arith? A { get; init; }

    /// <summary>Second operand of a comparison.</summary>
    public Arith? B { get; init; }

    /// <summary>First test of And, Or, Not, With.</summary>
    public Test? Left { get; init; }

    /// <summary>Second test of And, Or.</summary>
    public Test? Right { get; init; }

    /// <summary>What With executes first.</summary>
    public IReadOnlyList<Step>? Steps { get; init; }

    /// <summary>ProtoChain: the protocol that is looked for.</summary>
    public uint K { get; init; }

    /// <summary>ProtoChain: 4 or 6.</summary>
    public uint K2 { get; init; }

    /// <summary>ProtoChain: constant part of the offset of the first header.</summary>
    public uint K3 { get; init; }

    /// <summary>What a comparison looks at, for <see cref="Note"/>.</summary>
    public TestField Field { get; init; }

    /// <summary>
    /// Words for people: what a comparison asks ("the EtherType is IPv4 (0x0800)"), or null. Made when it is read, so that compiling does not pay for it.
    /// </summary>
    public string? Note => TestNotes.Describe(this);
}

/// <summary>One step of a With: an assignment to a variable, or a choice between two lists of steps.</summary>
/// <param name="Variable">Number of the variable that is assigned, or -1.</param>
/// <param name="Value">The value assigned; with Variable -1 and no Condition it is evaluated for its loads only.</param>
/// <param name="Condition">A choice: if true Then, otherwise Else.</param>
/// <param name="Then">Steps when the condition holds.</param>
/// <param name="Else">Steps when it does not.</param>
public sealed record Step(int Variable, Arith? Value, Test? Condition = null, IReadOnlyList<Step>? Then = null, IReadOnlyList<Step>? Else = null);

/// <summary>A resolved capture filter: names looked up, qualifiers spelled out, offsets known. The compiler lowers it, the prover and the explainer read it.</summary>
/// <param name="Root">The decision; null accepts every packet.</param>
/// <param name="VariableCount">Number of variables used by the steps.</param>
public sealed record FilterTree(Test? Root, int VariableCount);
