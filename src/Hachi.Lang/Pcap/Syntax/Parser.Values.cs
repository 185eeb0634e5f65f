using Hachi.Text;

namespace Hachi.Lang.Pcap.Syntax;

internal ref partial struct Parser
{
    private const int UnaryPrecedence = 6;

    /// <summary>A value that no binary operator has touched yet; null when wrong.</summary>
    private ValueNode? Primary()
    {
        Token token = Peek();
        if (token.Kind == TokenKind.Len)
        {
            Take();
            return Log(new LengthNode(token.Span), 0);
        }
        if (token.Kind != TokenKind.Minus)
        {
            Item item = Element(Allow.Value, Qualifiers.Undefined, -1);
            return item.Kind == ItemKind.Failed ? null : ToValue(item);
        }
        Take();
        if (++_depth > FilterParser.MaxDepth)
        {
            TooDeep(token);
            return null;
        }
        ValueNode? operand = Binary(Primary(), UnaryPrecedence);
        _depth--;
        return operand is null ? null : Grown(new NegateNode(operand, TextSpan.Cover(token.Span, operand.Span)), 1);
    }

    /// <summary>
    /// Applies the binary operators that follow, as yacc's table does: one of higher precedence than <paramref name="left"/>'s is taken first.
    /// Precedence 0 (<c>%</c> and <c>^</c>, for which libpcap's grammar declares none) on either side always takes the next operator first:
    /// <c>len % 7 + 1</c> is <c>len % (7 + 1)</c>.
    /// </summary>
    private ValueNode? Binary(ValueNode? value, int left)
    {
        while (value is not null && Peek().IsArithmetic)
        {
            Token token = Peek();
            (ArithOp op, int precedence) = Operator(token.Kind);
            if (left != 0 && precedence != 0 && precedence <= left)
                break;
            Take();
            if (++_depth > FilterParser.MaxDepth)
            {
                TooDeep(token);
                return null;
            }
            ValueNode? right = Binary(Primary(), precedence);
            _depth--;
            if (right is null)
                return null;
            value = Grown(new BinaryNode(op, value, right, token.Span, TextSpan.Cover(value.Span, right.Span)), 2);
        }
        return value;
    }

    private static (ArithOp Op, int Precedence) Operator(TokenKind kind) => kind switch
    {
        TokenKind.Bar => (ArithOp.Or, 1),
        TokenKind.Amp => (ArithOp.And, 2),
        TokenKind.Lsh => (ArithOp.Lsh, 3),
        TokenKind.Rsh => (ArithOp.Rsh, 3),
        TokenKind.Plus => (ArithOp.Add, 4),
        TokenKind.Minus => (ArithOp.Sub, 4),
        TokenKind.Star => (ArithOp.Mul, 5),
        TokenKind.Slash => (ArithOp.Div, 5),
        TokenKind.Percent => (ArithOp.Mod, 0),
        _ => (ArithOp.Xor, 0),
    };

    /// <summary>The part of an accessor behind the protocol, which is taken already.</summary>
    private ValueNode? Accessor(Token proto)
    {
        Token open = Take();
        if (++_depth > FilterParser.MaxDepth)
        {
            TooDeep(open);
            return null;
        }
        ValueNode? offset = Binary(Primary(), 0);
        _depth--;
        if (offset is null)
            return null;
        Token size = default;
        if (Peek().Kind == TokenKind.Colon)
        {
            Take();
            if (!Expect(TokenKind.Number, out size))
                return null;
        }
        if (!Expect(TokenKind.RightBracket, out Token close))
            return null;
        uint bytes = size.Kind == TokenKind.None ? 1 : size.Number;
        var node = new AccessorNode((FilterProtocol)proto.Number, proto.Span, offset, bytes, size.Span, TextSpan.Cover(proto.Span, close.Span));
        return Grown(node, 1);
    }

    /// <summary>A comparison; its operator comes next. Null when wrong.</summary>
    private RelationNode? Relation(ValueNode left)
    {
        RelationOp op = RelationOf(Take().Kind);
        ValueNode? right = Binary(Primary(), 0);
        return right is null ? null : Log(new RelationNode(left, op, right, TextSpan.Cover(left.Span, right.Span)), 2);
    }

    private static RelationOp RelationOf(TokenKind kind) => kind switch
    {
        TokenKind.Eq => RelationOp.Eq,
        TokenKind.Ne => RelationOp.Ne,
        TokenKind.Gt => RelationOp.Gt,
        TokenKind.Ge => RelationOp.Ge,
        TokenKind.Lt => RelationOp.Lt,
        _ => RelationOp.Le,
    };

    private readonly ValueNode ToValue(Item item) => (ValueNode?)item.Node ?? Log(new NumberNode(item.Number, item.Span), 0);

    private static Item OfValue(ValueNode? value) => value is null ? default : new Item(ItemKind.Value, value, null, value.Span);

    /// <summary>Refuses a tree that is too tall for those who will walk it.</summary>
    private ValueNode? Grown(ValueNode node, int parts)
    {
        if (node.Depth <= FilterParser.MaxDepth)
            return Log(node, parts);
        Refuse(DiagnosticTable.FilterTooDeep, node.Span, null, FilterParser.MaxDepth);
        return null;
    }
}
