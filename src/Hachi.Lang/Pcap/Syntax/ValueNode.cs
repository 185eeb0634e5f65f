using Hachi.Text;

namespace Hachi.Lang.Pcap.Syntax;

/// <summary>A number in a relation; all arithmetic is on unsigned 32-bit words. At most <see cref="FilterParser.MaxDepth"/> deep.</summary>
public abstract class ValueNode(TextSpan span, int depth) : SyntaxNode(span)
{
    /// <summary>Height of the tree, 1 for a leaf.</summary>
    public int Depth { get; } = depth;
}

/// <summary>A constant.</summary>
public sealed class NumberNode(uint value, TextSpan span) : ValueNode(span, 1)
{
    /// <summary>Its value.</summary>
    public uint Value { get; } = value;
}

/// <summary><c>len</c> or <c>length</c>: the length of the packet on the wire.</summary>
public sealed class LengthNode(TextSpan span) : ValueNode(span, 1);

/// <summary><c>proto[offset]</c> or <c>proto[offset:size]</c>.</summary>
public sealed class AccessorNode(FilterProtocol proto, TextSpan protoSpan, ValueNode offset, uint size, TextSpan sizeSpan, TextSpan span)
    : ValueNode(span, offset.Depth + 1)
{
    /// <summary>The protocol whose header is read.</summary>
    public FilterProtocol Proto { get; } = proto;

    /// <summary>Where the protocol is written.</summary>
    public TextSpan ProtoSpan { get; } = protoSpan;

    /// <summary>Byte offset in that header.</summary>
    public ValueNode Offset { get; } = offset;

    /// <summary>Number of bytes as written (unchecked: the generator refuses all but 1, 2, 4); 1 if not written.</summary>
    public uint Size { get; } = size;

    /// <summary>Where the size is written; length 0 if it is not.</summary>
    public TextSpan SizeSpan { get; } = sizeSpan;
}

/// <summary>Two numbers and an operator.</summary>
public sealed class BinaryNode(ArithOp op, ValueNode left, ValueNode right, TextSpan opSpan, TextSpan span)
    : ValueNode(span, Math.Max(left.Depth, right.Depth) + 1)
{
    /// <summary>Add, Sub, Mul, Div, Mod, And, Or, Xor, Lsh or Rsh.</summary>
    public ArithOp Op { get; } = op;

    /// <summary>Left operand.</summary>
    public ValueNode Left { get; } = left;

    /// <summary>Right operand.</summary>
    public ValueNode Right { get; } = right;

    /// <summary>Where the operator is written.</summary>
    public TextSpan OpSpan { get; } = opSpan;
}

/// <summary>Unary minus.</summary>
public sealed class NegateNode(ValueNode operand, TextSpan span) : ValueNode(span, operand.Depth + 1)
{
    /// <summary>What is negated.</summary>
    public ValueNode Operand { get; } = operand;
}
