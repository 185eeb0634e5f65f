using Hachi.Text;

namespace Hachi.Lang.Pcap.Syntax;

/// <summary>
/// The parser: recursive descent that accepts exactly what libpcap's LALR(1) grammar accepts, and reduces in the same order.
/// </summary>
/// <remarks>
/// The grammar cannot say by one word of look-ahead what an opening parenthesis begins: an expression, an arithmetic value, a number, or a list of
/// identifiers with inherited qualifiers. So what is parsed inside says what it was (<see cref="ItemKind"/>), and the place says what it may be (<see cref="Allow"/>).
/// Wherever libpcap reduces without a look at the next word, nothing is read ahead here either: a later bad number must not hide an earlier error.
/// </remarks>
internal ref partial struct Parser(string text, List<SyntaxNode>? log)
{
    private readonly string _text = text;

    /// <summary>Completed reductions, when somebody wants them.</summary>
    private readonly List<SyntaxNode>? _log = log;

    private Lexer _lexer = new(text);
    private Token _token;
    private int _depth, _prefixes;

    // Terms of the chains that are being parsed, innermost last.
    private FilterNode[] _terms = [];
    private bool[] _ors = [];
    private int _termCount;

    /// <summary>The first error, or null.</summary>
    public Diagnostic? Error { get; private set; }

    /// <summary>What may stand at a place.</summary>
    [Flags]
    private enum Allow : byte
    {
        /// <summary>A number in parentheses only.</summary>
        Number = 0,

        /// <summary>Whatever is true or false.</summary>
        Term = 1,

        /// <summary>An identifier that inherits qualifiers.</summary>
        Id = 2,

        /// <summary>An arithmetic value, to be compared later or used in more arithmetic.</summary>
        Value = 4,

        /// <summary>With Id: no list in parentheses. The grammar has this hole: <c>host (a or (b or c))</c> but not <c>host ((a or b) or c)</c>.</summary>
        NoList = 8,
    }

    private enum ItemKind : byte
    {
        Failed,
        Term,
        Id,
        Number,
        Value,
    }

    /// <summary>A piece: its node (none for a number), what the next identifier inherits, the value of a number.</summary>
    private readonly struct Item(ItemKind kind, SyntaxNode? node, Qualifiers? qualifiers, TextSpan span, uint number = 0)
    {
        public readonly SyntaxNode? Node = node;
        public readonly Qualifiers? Qualifiers = qualifiers;
        public readonly TextSpan Span = span;
        public readonly uint Number = number;
        public readonly ItemKind Kind = kind;
    }

    /// <summary>Parses everything; null when empty or wrong.</summary>
    public FilterNode? Run()
    {
        if (Peek().Kind == TokenKind.End)
            return null;
        FilterNode? root = Operand(Allow.Term, Qualifiers.Undefined, -1, out _, out Qualifiers last);
        if (root is not null)
            root = Chain(root, last, Allow.Term | Allow.Id);
        if (root is not null && Peek().Kind != TokenKind.End)
            Fail(Peek());
        return Error is null ? root : null;
    }

    /// <summary>Joins what follows with <c>and</c> and <c>or</c> to the first term; null when wrong.</summary>
    private FilterNode? Chain(FilterNode first, Qualifiers qualifiers, Allow allow)
    {
        if (Peek().Kind is not (TokenKind.And or TokenKind.Or))
            return first;
        int start = _termCount;
        Push(first, false);
        while (Peek().Kind is TokenKind.And or TokenKind.Or)
        {
            bool or = Take().Kind == TokenKind.Or;
            FilterNode? next = Operand(allow, qualifiers, -1, out _, out qualifiers);
            if (next is null)
                return null;
            Push(next, or);
        }
        FilterNode[] terms = _terms.AsSpan(start, _termCount - start).ToArray();
        bool[] ors = _ors.AsSpan(start + 1, terms.Length - 1).ToArray();
        _termCount = start;
        return new ChainNode(terms, ors, TextSpan.Cover(first.Span, terms[^1].Span));
    }

    private void Push(FilterNode term, bool or)
    {
        if (_termCount == _terms.Length)
        {
            int size = Math.Max(8, _terms.Length * 2);
            Array.Resize(ref _terms, size);
            Array.Resize(ref _ors, size);
        }
        _terms[_termCount] = term;
        _ors[_termCount++] = or;
    }

    /// <summary>A term or an identifier with any number of <c>not</c> in front; null when wrong.</summary>
    /// <param name="allow">Term, Id or both.</param>
    /// <param name="inherited">What an identifier inherits.</param>
    /// <param name="start">Where the qualifiers of an identifier begin when they stand right in front of it, otherwise -1.</param>
    /// <param name="isTerm">Whether it was a term.</param>
    /// <param name="qualifiers">What the next identifier inherits.</param>
    private FilterNode? Operand(Allow allow, Qualifiers inherited, int start, out bool isTerm, out Qualifiers qualifiers)
    {
        int nots = 0;
        int from = Peek().Start;
        for (; Peek().Kind == TokenKind.Not; nots++)
            Take();
        Item item = Element(allow, inherited, nots == 0 ? start : -1);
        FilterNode? node = Finish(item, allow, inherited, start, out isTerm, out qualifiers);
        if (node is null || nots == 0)
            return node;
        TextSpan span = TextSpan.Cover(new TextSpan(from, 0), node.Span);
        return node is NotNode not ? new NotNode(not.Operand, nots + not.Count, span) : new NotNode(node, nots, span);
    }

    /// <summary>Makes a term or an identifier of what may still be a value or a number.</summary>
    private FilterNode? Finish(Item item, Allow allow, Qualifiers inherited, int start, out bool isTerm, out Qualifiers qualifiers)
    {
        isTerm = item.Kind != ItemKind.Id;
        qualifiers = item.Qualifiers ?? inherited;
        if (item.Kind is ItemKind.Term or ItemKind.Id)
            return (FilterNode?)item.Node;
        if (item.Kind == ItemKind.Failed)
            return null;
        if (item.Kind == ItemKind.Number && (allow & Allow.Id) != 0 && ((allow & Allow.Term) == 0 || Peek().EndsOperand))
        {
            isTerm = false;
            return NumberPrimitive(item, inherited, start);
        }
        qualifiers = Qualifiers.Undefined;
        if ((allow & Allow.Term) == 0)
            return Fail(Peek());
        ValueNode? left = Binary(ToValue(item), 0);
        if (left is null)
            return null;
        return Peek().IsRelation ? Relation(left) : Fail(Peek());
    }

    /// <summary>The smallest piece that can begin here.</summary>
    private Item Element(Allow allow, Qualifiers inherited, int start)
    {
        Token token = Peek();
        bool term = (allow & Allow.Term) != 0;
        switch (token.Kind)
        {
            case TokenKind.Number:
                Take();
                return new Item(ItemKind.Number, null, null, token.Span, token.Number);
            case TokenKind.LeftParen:
                return Parenthesised(allow, inherited);
            case TokenKind.Name when term && IsPrefix(token):
                return Prefix();
            case TokenKind.Name or TokenKind.Ipv4 or TokenKind.Ipv6 or TokenKind.Mac48 or TokenKind.Mac8 when (allow & Allow.Id) != 0:
                return Id(inherited, start);
            case TokenKind.Minus or TokenKind.Len when (allow & (Allow.Term | Allow.Value)) != 0:
                return OfValue(Primary());
            case TokenKind.Protocol when term:
                return Protocol();
            case TokenKind.Protocol when (allow & Allow.Value) != 0:
                Take();
                return Peek().Kind == TokenKind.LeftBracket ? OfValue(Accessor(token)) : Failed(Peek());
            default:
                return term ? Keyword(token) : Failed(token);
        }
    }

    /// <summary>An opening parenthesis and all up to its closing one.</summary>
    private Item Parenthesised(Allow allow, Qualifiers inherited)
    {
        Token open = Take();
        if (++_depth > FilterParser.MaxDepth)
            return TooDeep(open);
        bool expression = (allow & Allow.Term) != 0;
        bool list = (allow & (Allow.Id | Allow.NoList)) == Allow.Id;
        bool value = (allow & (Allow.Term | Allow.Value)) != 0;
        Allow inner = (expression ? Allow.Term : 0) | (list ? Allow.Id : 0);

        Item first;
        if (Peek().Kind == TokenKind.Not && inner != 0)
        {
            FilterNode? node = Operand(inner, inherited, -1, out bool isTerm, out Qualifiers last);
            first = node is null ? default : new Item(isTerm ? ItemKind.Term : ItemKind.Id, node, last, node.Span);
        }
        else
        {
            first = Element(inner | Allow.NoList | (value ? Allow.Value : 0), inherited, -1);
        }

        Item result = AfterFirst(first, expression, list, value, inherited);
        if (result.Kind == ItemKind.Failed)
            return result;
        if (Peek().Kind != TokenKind.RightParen)
            return Failed(Peek());
        Token close = Take();
        _depth--;
        return new Item(result.Kind, result.Node, result.Qualifiers, TextSpan.Cover(open.Span, close.Span), result.Number);
    }

    /// <summary>What the first piece inside parentheses turns out to begin, parsed up to the closing one.</summary>
    private Item AfterFirst(Item first, bool expression, bool list, bool value, Qualifiers inherited)
    {
        FilterNode? node = first.Node as FilterNode;
        Qualifiers last = first.Qualifiers ?? inherited;
        bool isTerm = first.Kind == ItemKind.Term;
        if (first.Kind is ItemKind.Number or ItemKind.Value)
        {
            Token next = Peek();
            if (first.Kind == ItemKind.Number && next.Kind == TokenKind.RightParen)
                return first;
            if (first.Kind == ItemKind.Number && list && next.Kind is TokenKind.And or TokenKind.Or)
            {
                node = NumberPrimitive(first, inherited, -1);
            }
            else
            {
                if (!value)
                    return Failed(next);
                ValueNode? number = Binary(ToValue(first), 0);
                if (number is null)
                    return default;
                if (number is not NumberNode && Peek().Kind == TokenKind.RightParen)
                    return OfValue(number);
                if (!expression || !Peek().IsRelation)
                    return Failed(Peek());
                node = Relation(number);
                last = Qualifiers.Undefined;
                isTerm = true;
            }
        }
        if (node is null)
            return default;
        node = Chain(node, last, isTerm ? Allow.Term | Allow.Id : Allow.Id);
        return node is null ? default : new Item(isTerm ? ItemKind.Term : ItemKind.Id, node, inherited, node.Span);
    }

    private Token Peek()
    {
        if (_token.Kind == TokenKind.None)
        {
            _token = _lexer.Next();
            if (_lexer.Error is { } error)
            {
                Error ??= error;
                _token = _token with { Kind = TokenKind.LexError };
            }
        }
        return _token;
    }

    private Token Take()
    {
        Token token = _token;
        _token = default;
        return token;
    }

    /// <summary>Takes a word of a kind; false when another one stands there.</summary>
    private bool Expect(TokenKind kind, out Token token)
    {
        token = Peek();
        if (token.Kind != kind)
        {
            Fail(token);
            return false;
        }
        Take();
        return true;
    }

    private FilterNode? Fail(Token token)
    {
        if (Error is null)
            Error = DiagnosticTable.FilterSyntax.AtWithHint(token.Span, SyntaxHints.For(_text, token));
        return null;
    }

    private Item Failed(Token token)
    {
        Fail(token);
        return default;
    }

    private FilterNode? Refuse(DiagnosticInfo row, TextSpan span, string? hint, params ReadOnlySpan<object?> args)
    {
        Error ??= row.AtWithHint(span, hint, args);
        return null;
    }

    private Item TooDeep(Token token)
    {
        Refuse(DiagnosticTable.FilterTooDeep, token.Span, null, FilterParser.MaxDepth);
        return default;
    }

    /// <summary>Writes down that a piece is complete; it replaces the <paramref name="parts"/> values that it is made of.</summary>
    private readonly T Log<T>(T node, int parts)
        where T : SyntaxNode
    {
        if (_log is not null && Error is null)
        {
            _log.RemoveRange(_log.Count - parts, parts);
            _log.Add(node);
        }
        return node;
    }
}
