using Hachi.Text;

namespace Hachi.Lang.Pcap.Syntax;

internal ref partial struct Parser
{
    /// <summary>An identifier that is no number; the next word is one. Reads on only where a prefix length or a mask may follow.</summary>
    private Item Id(Qualifiers qualifiers, int start)
    {
        Token token = Take();
        Identifier? id = token.Kind switch
        {
            TokenKind.Name => new Identifier(IdKind.Name, _text, NameSpan(token), token.Span),
            TokenKind.Mac48 => new Identifier(IdKind.Mac48, _text, token.Span, token.Span) { Value = _lexer.Address },
            TokenKind.Mac8 => new Identifier(IdKind.Mac8, _text, token.Span, token.Span) { Value = _lexer.Address },
            TokenKind.Ipv4 => Ipv4Id(token),
            _ => Ipv6Id(token),
        };
        if (id is null)
            return default;
        if (id.Kind is not (IdKind.Name or IdKind.Mac48 or IdKind.Mac8) && !CheckAddress(qualifiers, id))
            return default;
        var node = new PrimitiveNode(qualifiers, id, start < 0 ? id.Span : TextSpan.Cover(new TextSpan(start, 0), id.Span));
        return new Item(ItemKind.Id, Log(node, 0), qualifiers, node.Span);
    }

    private readonly TextSpan NameSpan(Token token) =>
        _text[token.Start] == '\\' ? new TextSpan(token.Start + 1, token.Length - 1) : token.Span;

    private Identifier? Ipv4Id(Token token)
    {
        Token next = Peek();
        if (next.Kind == TokenKind.Slash)
        {
            Take();
            return Expect(TokenKind.Number, out Token length)
                ? new Identifier(IdKind.Ipv4Prefix, _text, token.Span, TextSpan.Cover(token.Span, length.Span)) { Number = length.Number, MaskSpan = length.Span }
                : null;
        }
        if (next.Kind == TokenKind.Mask)
        {
            Take();
            return Expect(TokenKind.Ipv4, out Token mask)
                ? new Identifier(IdKind.Ipv4Mask, _text, token.Span, TextSpan.Cover(token.Span, mask.Span)) { MaskSpan = mask.Span }
                : null;
        }
        return new Identifier(IdKind.Ipv4, _text, token.Span, token.Span);
    }

    private Identifier? Ipv6Id(Token token)
    {
        UInt128 address = _lexer.Address;
        if (Peek().Kind != TokenKind.Slash)
            return new Identifier(IdKind.Ipv6, _text, token.Span, token.Span) { Value = address };
        Take();
        return Expect(TokenKind.Number, out Token length)
            ? new Identifier(IdKind.Ipv6Prefix, _text, token.Span, TextSpan.Cover(token.Span, length.Span)) { Value = address, Number = length.Number, MaskSpan = length.Span }
            : null;
    }

    private bool CheckAddress(Qualifiers qualifiers, Identifier id)
    {
        string? type = qualifiers.Type switch
        {
            FilterType.Port => "port",
            FilterType.PortRange => "portrange",
            FilterType.Proto => "proto",
            FilterType.ProtoChain => "protochain",
            _ => null,
        };
        if (type is null)
            return true;
        string what = id.Kind switch
        {
            IdKind.Ipv4 => "IPv4 address",
            IdKind.Ipv4Prefix => "IPv4 address and prefix length",
            IdKind.Ipv4Mask => "IPv4 address and netmask",
            IdKind.Ipv6 => "IPv6 address",
            _ => "IPv6 address and prefix length",
        };
        Refuse(DiagnosticTable.FilterQualifierOnAddress, id.Span, id.Kind is IdKind.Ipv4 or IdKind.Ipv6 ? "write 'host' in front of an address" : "write 'net' in front of a network", type, what);
        return false;
    }

    private readonly PrimitiveNode NumberPrimitive(Item item, Qualifiers qualifiers, int start)
    {
        var id = new Identifier(IdKind.Number, _text, item.Span, item.Span) { Number = item.Number };
        return Log(new PrimitiveNode(qualifiers, id, start < 0 ? id.Span : TextSpan.Cover(new TextSpan(start, 0), id.Span)), 0);
    }

    /// <summary>A protocol keyword and what it begins.</summary>
    private Item Protocol()
    {
        Token token = Take();
        Token next = Peek();
        var proto = (FilterProtocol)token.Number;
        if (next.Kind == TokenKind.LeftBracket)
            return OfValue(Accessor(token));
        if (next.EndsOperand)
            return Term(new ProtocolNode(proto, token.Span));
        return Qualified(proto, token.Span);
    }

    /// <summary>What may follow a protocol keyword, or stand without one; the next word decides.</summary>
    private Item Qualified(FilterProtocol proto, TextSpan protoSpan)
    {
        Token token = Peek();
        TextSpan span = protoSpan.Length == 0 ? token.Span : TextSpan.Cover(protoSpan, token.Span);
        switch (token.Kind)
        {
            case TokenKind.Broadcast or TokenKind.Multicast:
                Take();
                return Term(new CastNode(proto, protoSpan, token.Kind == TokenKind.Multicast, span));
            case TokenKind.Type or TokenKind.Subtype or TokenKind.Dir:
                Take();
                return Term(token.Kind == TokenKind.Dir ? WlanDirection(span) : WlanType(token, span));
            case TokenKind.Src or TokenKind.Dst or TokenKind.Address or TokenKind.Host or TokenKind.Net or TokenKind.Port or TokenKind.PortRange
                or TokenKind.Proto or TokenKind.ProtoChain or TokenKind.Gateway:
                return Head(proto, protoSpan, span.Start);
            default:
                return Failed(token);
        }
    }

    /// <summary>Direction and type, and the identifiers that they qualify.</summary>
    private Item Head(FilterProtocol proto, TextSpan protoSpan, int start)
    {
        var direction = FilterDirection.Default;
        TextSpan directionSpan = default;
        Token token = Peek();
        if (token.Kind is TokenKind.Src or TokenKind.Dst or TokenKind.Address)
        {
            Take();
            direction = token.Kind switch
            {
                TokenKind.Src => FilterDirection.Src,
                TokenKind.Dst => FilterDirection.Dst,
                _ => (FilterDirection)token.Number,
            };
            directionSpan = token.Span;
            if (token.Kind != TokenKind.Address && Peek().Kind is TokenKind.And or TokenKind.Or)
            {
                direction = Take().Kind == TokenKind.And ? FilterDirection.And : FilterDirection.Or;
                if (!Expect(token.Kind == TokenKind.Src ? TokenKind.Dst : TokenKind.Src, out Token other))
                    return default;
                directionSpan = TextSpan.Cover(directionSpan, other.Span);
            }
            token = Peek();
        }
        FilterType type = token.Kind switch
        {
            TokenKind.Host => FilterType.Host,
            TokenKind.Net => FilterType.Net,
            TokenKind.Port => FilterType.Port,
            TokenKind.PortRange => FilterType.PortRange,
            TokenKind.Proto when direction == FilterDirection.Default => FilterType.Proto,
            TokenKind.ProtoChain when direction == FilterDirection.Default => FilterType.ProtoChain,
            TokenKind.Gateway when direction == FilterDirection.Default => FilterType.Gateway,
            _ => FilterType.Default,
        };
        if (type != FilterType.Default)
            Take();
        var qualifiers = new Qualifiers(proto, direction, type, protoSpan, directionSpan, type == FilterType.Default ? default : token.Span);
        if (IsSet(Peek()))
            return Set(qualifiers, start);
        FilterNode? node = Operand(Allow.Id, qualifiers, start, out _, out _);
        return node is null ? default : new Item(ItemKind.Term, node, qualifiers, node.Span);
    }

    /// <summary>All other terms.</summary>
    private Item Keyword(Token token)
    {
        switch (token.Kind)
        {
            case TokenKind.Less or TokenKind.Greater:
                Take();
                return Expect(TokenKind.Number, out Token length)
                    ? Term(new LengthTestNode(token.Kind == TokenKind.Greater, length.Number, TextSpan.Cover(token.Span, length.Span)))
                    : default;
            case TokenKind.Byte:
                Take();
                return Term(Byte(token));
            case TokenKind.Inbound or TokenKind.Outbound:
                Take();
                return Term(new BoundNode(token.Kind == TokenKind.Outbound, token.Span));
            case TokenKind.IfIndex:
                Take();
                return Expect(TokenKind.Number, out Token index) ? Term(new IfIndexNode(index.Number, TextSpan.Cover(token.Span, index.Span))) : default;
            case TokenKind.Encapsulation:
                Take();
                return Encapsulated(token);
            case TokenKind.Pf:
                Take();
                return Term(Pf(token));
            case TokenKind.Llc:
                Take();
                return Term(Llc(token));
            case TokenKind.AtmType:
                Take();
                return Term(new AtmTypeNode((AtmType)token.Number, token.Span));
            case TokenKind.Mtp2:
                Take();
                return Term(new Mtp2Node((Mtp2Type)token.Number, token.Span));
            case TokenKind.Vpi or TokenKind.Vci or TokenKind.Mtp3:
                Take();
                return Field(token);
            default:
                return Qualified(FilterProtocol.Default, default);
        }
    }

    private Item Term(FilterNode? node) =>
        node is null ? default : new Item(ItemKind.Term, Log(node, 0), Qualifiers.Undefined, node.Span);

    private ByteNode? Byte(Token word)
    {
        if (!Expect(TokenKind.Number, out Token index))
            return null;
        Token op = Peek();
        ByteOp? byteOp = op.Kind switch
        {
            TokenKind.Amp => ByteOp.And,
            TokenKind.Bar => ByteOp.Or,
            TokenKind.Lt => ByteOp.Lt,
            TokenKind.Gt => ByteOp.Gt,
            TokenKind.Eq => ByteOp.Eq,
            _ => null,
        };
        if (byteOp is null)
        {
            Fail(op);
            return null;
        }
        Take();
        return Expect(TokenKind.Number, out Token value)
            ? new ByteNode(index.Number, byteOp.Value, value.Number, value.Span, TextSpan.Cover(word.Span, value.Span))
            : null;
    }

    private Item Encapsulated(Token word)
    {
        var kind = (Encapsulation)word.Number;
        if (kind == Encapsulation.Pppoed || Peek().Kind is not (TokenKind.Number or TokenKind.LeftParen))
            return Term(new EncapsulationNode(kind, null, default, word.Span));
        Item id = Element(Allow.Number, Qualifiers.Undefined, -1);
        return id.Kind == ItemKind.Failed ? default : Term(new EncapsulationNode(kind, id.Number, id.Span, TextSpan.Cover(word.Span, id.Span)));
    }

    /// <summary><c>vpi</c>, <c>vci</c> and the MTP3 fields: a number, a comparison, or a list of numbers.</summary>
    private Item Field(Token word)
    {
        Token token = Peek();
        if (token.IsRelation)
        {
            Take();
            return Expect(TokenKind.Number, out Token value) ? Term(FieldTest(word, RelationOf(token.Kind), value, word.Start)) : default;
        }
        if (token.Kind != TokenKind.LeftParen)
            return Expect(TokenKind.Number, out Token value) ? Term(FieldTest(word, RelationOp.Eq, value, word.Start)) : default;
        Take();
        int start = _termCount;
        do
        {
            if (_termCount != start)
                Take();
            if (!Expect(TokenKind.Number, out Token value))
                return default;
            Push(Log(FieldTest(word, RelationOp.Eq, value, value.Start), 0), true);
        }
        while (Peek().Kind == TokenKind.Or);
        if (!Expect(TokenKind.RightParen, out Token close))
            return default;
        FilterNode[] terms = _terms.AsSpan(start, _termCount - start).ToArray();
        bool[] ors = _ors.AsSpan(start, terms.Length - 1).ToArray();
        _termCount = start;
        FilterNode node = terms.Length == 1 ? terms[0] : new ChainNode(terms, ors, TextSpan.Cover(word.Span, close.Span));
        return new Item(ItemKind.Term, node, Qualifiers.Undefined, node.Span);
    }

    private static FilterNode FieldTest(Token word, RelationOp op, Token value, int start)
    {
        TextSpan span = new(start, value.End - start);
        return word.Kind == TokenKind.Mtp3
            ? new Mtp3FieldNode((Mtp3Field)word.Number, op, value.Number, value.Span, span)
            : new AtmFieldNode(word.Kind == TokenKind.Vci, op, value.Number, value.Span, span);
    }

    /// <summary>Whether a name is <c>anyvlan</c> or <c>inner</c> in front of a term. Behind <c>and</c> or <c>or</c> it may be the name of a host instead.</summary>
    private readonly bool IsPrefix(Token token)
    {
        if (_text.AsSpan(token.Start, token.Length) is not ("anyvlan" or "inner"))
            return false;
        Lexer ahead = _lexer;
        return !ahead.Next().EndsOperand;
    }

    private Item Prefix()
    {
        Token word = Take();
        if (++_depth > FilterParser.MaxDepth)
            return TooDeep(word);
        if (++_prefixes > FilterParser.MaxPrefixes)
        {
            Refuse(DiagnosticTable.FilterPrefixes, word.Span, null, FilterParser.MaxPrefixes);
            return default;
        }
        FilterNode? operand = Operand(Allow.Term, Qualifiers.Undefined, -1, out _, out Qualifiers last);
        _depth--;
        _prefixes--;
        if (operand is null)
            return default;
        TextSpan span = TextSpan.Cover(word.Span, operand.Span);
        FilterNode node = word.Length == "inner".Length ? new InnerNode(operand, span) : new AnyVlanNode(operand, span);
        return new Item(ItemKind.Term, node, last, span);
    }

    /// <summary>Whether the next words are <c>in {</c> or <c>in @</c>, which libpcap refuses whatever <c>in</c> may be the name of.</summary>
    private readonly bool IsSet(Token token)
    {
        if (token.Kind != TokenKind.Name || _text.AsSpan(token.Start, token.Length) is not "in")
            return false;
        int at = SkipBlanks(token.End, false);
        return at < _text.Length && _text[at] is '{' or '@';
    }

    private Item Set(Qualifiers qualifiers, int start)
    {
        Token word = Take();
        if (qualifiers.Type is not (FilterType.Default or FilterType.Host or FilterType.Net or FilterType.Port))
        {
            Refuse(DiagnosticTable.FilterSet, word.Span, qualifiers.Type == FilterType.PortRange ? "write 'port in {1-1023, …}'" : null);
            return default;
        }
        var items = new List<SetItem>();
        int at = SkipBlanks(word.End, false);
        bool one = _text[at] == '@';
        if (!one)
            at++;
        do
        {
            at = SkipBlanks(at, !one);
            if (at >= _text.Length || (_text[at] == '}' && items.Count == 0))
            {
                Refuse(DiagnosticTable.FilterSet, new TextSpan(at, at < _text.Length ? 1 : 0), items.Count == 0 ? "the set is empty" : "missing '}'");
                return default;
            }
            if (_text[at] == '}')
                break;
            if (_text[at] == '@' ? !FileItem(ref at, items) : !SetItem(qualifiers, ref at, items))
                return default;
        }
        while (!one);
        int end = one ? at : at + 1;
        _lexer.Position = end;
        _token = default;
        var node = new SetNode(qualifiers, [.. items], new TextSpan(start, end - start));
        return new Item(ItemKind.Term, Log(node, 0), qualifiers, node.Span);
    }

    private readonly int SkipBlanks(int at, bool commas)
    {
        while (at < _text.Length && (_text[at] is ' ' or '\t' or '\r' or '\n' || (commas && _text[at] == ',')))
            at++;
        return at;
    }

    private bool FileItem(ref int at, List<SetItem> items)
    {
        int from = at + 1;
        int end = from;
        bool quoted = from < _text.Length && _text[from] == '"';
        if (quoted)
        {
            end = _text.IndexOf('"', ++from);
        }
        else
        {
            while (end < _text.Length && _text[end] is not (' ' or '\t' or '\r' or '\n' or ',' or '}' or '{' or ')' or '"'))
                end++;
        }
        if (end <= from)
        {
            Refuse(DiagnosticTable.FilterSet, new TextSpan(at, 1), "write '@' and the name of a file, in double quotes if need be");
            return false;
        }
        var id = new Identifier(IdKind.File, _text, new TextSpan(from, end - from), TextSpan.Cover(new TextSpan(at, 0), new TextSpan(from, end - from + (quoted ? 1 : 0))));
        at = id.Span.End;
        items.Add(new SetItem(id, null));
        return true;
    }

    private bool SetItem(Qualifiers qualifiers, ref int at, List<SetItem> items)
    {
        _lexer.Position = at;
        _token = default;
        if (Peek() is { Kind: TokenKind.Name } name && SplitRange(name) is { } range)
        {
            items.Add(range);
            at = name.End;
            return CheckSetItem(qualifiers, range.Low);
        }
        Identifier? low = SetId();
        Identifier? high = null;
        if (low is not null && Peek().Kind == TokenKind.Minus)
        {
            Take();
            if ((high = SetId()) is null)
                return false;
            Peek();
        }
        if (low is null)
            return false;
        at = _token.Start;
        items.Add(new SetItem(low, high));
        return CheckSetItem(qualifiers, low) && (high is null || CheckSetItem(qualifiers, high));
    }

    private bool CheckSetItem(Qualifiers qualifiers, Identifier id) =>
        id.Kind is IdKind.Name or IdKind.Number or IdKind.Mac48 or IdKind.Mac8
            ? Error is null || Error.Span.Start >= id.Span.End
            : CheckAddress(qualifiers, id);

    private Identifier? SetId()
    {
        Token token = Peek();
        if (token.Kind is not (TokenKind.Name or TokenKind.Number or TokenKind.Mac48 or TokenKind.Mac8 or TokenKind.Ipv4 or TokenKind.Ipv6))
        {
            Refuse(DiagnosticTable.FilterSet, token.Span, null);
            return null;
        }
        Take();
        Identifier? id = token.Kind switch
        {
            TokenKind.Name => new Identifier(IdKind.Name, _text, NameSpan(token), token.Span),
            TokenKind.Number => new Identifier(IdKind.Number, _text, token.Span, token.Span) { Number = token.Number },
            TokenKind.Mac48 => new Identifier(IdKind.Mac48, _text, token.Span, token.Span) { Value = _lexer.Address },
            TokenKind.Mac8 => new Identifier(IdKind.Mac8, _text, token.Span, token.Span) { Value = _lexer.Address },
            TokenKind.Ipv4 => Ipv4Id(token),
            _ => Ipv6Id(token),
        };
        Peek();
        return id;
    }

    /// <summary>The scanner takes <c>5000-5100</c> and <c>10.0.0.1-10.0.0.9</c> for names.</summary>
    private readonly SetItem? SplitRange(Token token)
    {
        int dash = _text.IndexOf('-', token.Start, token.Length);
        if (dash < 0)
            return null;
        Identifier? low = RangeEnd(new TextSpan(token.Start, dash - token.Start));
        Identifier? high = RangeEnd(new TextSpan(dash + 1, token.End - dash - 1));
        return low is null || high is null ? null : new SetItem(low, high);
    }

    private readonly Identifier? RangeEnd(TextSpan span)
    {
        var lexer = new Lexer(_text[..span.End]) { Position = span.Start };
        Token token = lexer.Next();
        if (token.Span != span || lexer.Error is not null)
            return null;
        return token.Kind switch
        {
            TokenKind.Number => new Identifier(IdKind.Number, _text, span, span) { Number = token.Number },
            TokenKind.Ipv4 => new Identifier(IdKind.Ipv4, _text, span, span),
            _ => null,
        };
    }
}
