using Hachi.Text;

namespace Hachi.Lang.Pcap.Syntax;

/// <summary>A piece of a parsed filter expression. Immutable; parentheses leave no node, only structure.</summary>
public abstract class SyntaxNode(TextSpan span)
{
    /// <summary>The words that it was parsed from.</summary>
    public TextSpan Span { get; } = span;
}

/// <summary>A piece that is true or false for a packet.</summary>
public abstract class FilterNode(TextSpan span) : SyntaxNode(span);

/// <summary>
/// Terms joined by <c>and</c> and <c>or</c>, which bind equally and to the left: <c>a and b or c</c> is <c>(a and b) or c</c>.
/// Flat, because a list of thousands of hosts must not be a tower.
/// </summary>
public sealed class ChainNode(FilterNode[] terms, bool[] ors, TextSpan span) : FilterNode(span)
{
    private readonly FilterNode[] _terms = terms;
    private readonly bool[] _ors = ors;

    /// <summary>The terms from left to right, at least two.</summary>
    public ReadOnlySpan<FilterNode> Terms => _terms;

    /// <summary>Whether what is left of term <paramref name="term"/> (from 1) is joined to it by <c>or</c>; otherwise by <c>and</c>.</summary>
    public bool IsOr(int term) => _ors[term - 1];
}

/// <summary>Negation, <paramref name="count"/> times (at least once): <c>not not x</c> is one node.</summary>
public sealed class NotNode(FilterNode operand, int count, TextSpan span) : FilterNode(span)
{
    /// <summary>What is negated.</summary>
    public FilterNode Operand { get; } = operand;

    /// <summary>How many times.</summary>
    public int Count { get; } = count;
}

/// <summary>
/// Beyond libpcap: <c>anyvlan TERM</c>. TERM is decided as if the frame carried no VLAN tag, whether it carries none, one or two;
/// the term changes no offsets for what stands to its right.
/// </summary>
public sealed class AnyVlanNode(FilterNode operand, TextSpan span) : FilterNode(span)
{
    /// <summary>What is decided behind the tags.</summary>
    public FilterNode Operand { get; } = operand;
}

/// <summary>
/// Beyond libpcap: <c>inner TERM</c>. True if the packet is VXLAN or Geneve and TERM holds for the frame inside (one level);
/// the term changes no offsets for what stands to its right.
/// </summary>
public sealed class InnerNode(FilterNode operand, TextSpan span) : FilterNode(span)
{
    /// <summary>What is decided on the frame inside.</summary>
    public FilterNode Operand { get; } = operand;
}

/// <summary>Qualifiers and an identifier: <c>tcp dst port 80</c>, or only the identifier with inherited qualifiers.</summary>
public sealed class PrimitiveNode(Qualifiers qualifiers, Identifier id, TextSpan span) : FilterNode(span)
{
    /// <summary>Written or inherited; maybe <see cref="Qualifiers.Undefined"/>.</summary>
    public Qualifiers Qualifiers { get; } = qualifiers;

    /// <summary>What is looked for.</summary>
    public Identifier Id { get; } = id;
}

/// <summary>Beyond libpcap: <c>port in {22, 80, 5000-5100}</c>, <c>net in @FILE</c>. True if one of the items matches.</summary>
/// <remarks>Only behind the types host, net and port (with optional protocol and direction) and behind a direction alone, which means host.</remarks>
public sealed class SetNode(Qualifiers qualifiers, SetItem[] items, TextSpan span) : FilterNode(span)
{
    private readonly SetItem[] _items = items;

    /// <summary>As written in front of <c>in</c>; never undefined.</summary>
    public Qualifiers Qualifiers { get; } = qualifiers;

    /// <summary>The items, at least one.</summary>
    public ReadOnlySpan<SetItem> Items => _items;
}

/// <summary>One item of a <see cref="SetNode"/>.</summary>
/// <param name="Low">The item, or the first of a range; a <see cref="IdKind.File"/> stands for one item a line of that file.</param>
/// <param name="High">The last of a range (inclusive; not smaller than <paramref name="Low"/> is for the generator to check), or null.</param>
public readonly record struct SetItem(Identifier Low, Identifier? High);

/// <summary>A protocol keyword alone: <c>tcp</c>.</summary>
public sealed class ProtocolNode(FilterProtocol proto, TextSpan span) : FilterNode(span)
{
    /// <summary>The protocol.</summary>
    public FilterProtocol Proto { get; } = proto;
}

/// <summary>How two numbers are compared; all unsigned.</summary>
public enum RelationOp : byte
{
    /// <summary><c>=</c> or <c>==</c></summary>
    Eq,

    /// <summary><c>!=</c></summary>
    Ne,

    /// <summary><c>&gt;</c></summary>
    Gt,

    /// <summary><c>&gt;=</c></summary>
    Ge,

    /// <summary><c>&lt;</c></summary>
    Lt,

    /// <summary><c>&lt;=</c></summary>
    Le,
}

/// <summary>A comparison: <c>tcp[13] &amp; 2 != 0</c>.</summary>
public sealed class RelationNode(ValueNode left, RelationOp op, ValueNode right, TextSpan span) : FilterNode(span)
{
    /// <summary>Left side.</summary>
    public ValueNode Left { get; } = left;

    /// <summary>The comparison.</summary>
    public RelationOp Op { get; } = op;

    /// <summary>Right side.</summary>
    public ValueNode Right { get; } = right;
}
/// <summary>What sort of identifier a primitive has; in brackets the token of libpcap's grammar.</summary>
public enum IdKind : byte
{
    /// <summary>A name, maybe written with a backslash (ID; libpcap's gen_scode).</summary>
    Name,

    /// <summary>A number (NUM; gen_ncode without text).</summary>
    Number,

    /// <summary>Two to four numbers with dots between them: an IPv4 address or network, a DECnet address (HID; gen_ncode with text).</summary>
    Ipv4,

    /// <summary>The same and <c>/prefix</c> (gen_mcode).</summary>
    Ipv4Prefix,

    /// <summary>The same and <c>mask</c> and another (gen_mcode).</summary>
    Ipv4Mask,

    /// <summary>An IPv6 address (HID6; gen_mcode6 with 128).</summary>
    Ipv6,

    /// <summary>The same and <c>/prefix</c> (gen_mcode6).</summary>
    Ipv6Prefix,

    /// <summary>A MAC-48 address (EID; gen_ecode).</summary>
    Mac48,

    /// <summary>A MAC-8 address, <c>$</c> and one or two hexadecimal digits (AID; gen_acode).</summary>
    Mac8,

    /// <summary>Beyond libpcap, in sets only: <c>@FILE</c>.</summary>
    File,
}

/// <summary>What a primitive looks for.</summary>
public sealed class Identifier(IdKind kind, string source, TextSpan textSpan, TextSpan span) : SyntaxNode(span)
{
    private readonly string _source = source;

    /// <summary>Its sort.</summary>
    public IdKind Kind { get; } = kind;

    /// <summary>Where <see cref="Text"/> stands: without backslash, <c>@</c> or quotes, and for Prefix and Mask only what is in front of them.</summary>
    public TextSpan TextSpan { get; } = textSpan;

    /// <summary>The name or the address as it is written.</summary>
    public ReadOnlySpan<char> Text => _source.AsSpan(TextSpan.Start, TextSpan.Length);

    /// <summary>Number: its value. Prefix kinds: the prefix length as written (unchecked).</summary>
    public uint Number { get; init; }

    /// <summary>Where the prefix length or the mask is written.</summary>
    public TextSpan MaskSpan { get; init; }

    /// <summary>Mask: the mask as it is written.</summary>
    public ReadOnlySpan<char> MaskText => _source.AsSpan(MaskSpan.Start, MaskSpan.Length);

    /// <summary>Ipv6 kinds: the address, most significant byte first. Mac48: the 48 bits. Mac8: the 8 bits. Otherwise 0.</summary>
    public UInt128 Value { get; init; }
}
