using Hachi.Text;

namespace Hachi.Lang.Trace.Syntax;

/// <summary>Types in scripts, and definitions of C.</summary>
internal sealed partial class Parser
{
    /// <summary>Names that are types wherever they stand.</summary>
    private static readonly HashSet<string> s_types = new(StringComparer.Ordinal)
    {
        "void", "bool", "char", "int", "short", "long", "unsigned", "signed", "float", "double", "const", "volatile",
        "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "string", "buffer", "inet",
        "int8_t", "int16_t", "int32_t", "int64_t", "uint8_t", "uint16_t", "uint32_t", "uint64_t", "intptr_t", "uintptr_t", "size_t", "ssize_t",
        "u8", "u16", "u32", "u64", "s8", "s16", "s32", "s64", "__u8", "__u16", "__u32", "__u64", "__s8", "__s16", "__s32", "__s64",
        "__be16", "__be32", "__be64", "__le16", "__le32", "__le64", "pid_t", "uid_t", "gid_t", "off_t", "loff_t", "dev_t", "mode_t", "time_t", "gfp_t", "sector_t", "ktime_t",
        "ksym_t", "usym_t", "kstack_t", "ustack_t", "kstack", "ustack", "macaddr_t", "username", "timestamp", "stats_t", "count_t", "sum_t", "min_t", "max_t", "avg_t", "usym", "ksym",
    };

    private bool StartsType() => StartsType(_token, Peek());

    private static bool StartsType(Token token, Token next) => token.Kind == TokenKind.Identifier
        && (token.Text is "struct" or "union" or "enum" ? next.Kind == TokenKind.Identifier : token.Text == "typeof" ? next.Is("(") : s_types.Contains(token.Text) && !next.Is("("));

    /// <summary>An argument of a call that is a type: <c>f(typeof(x))</c>, <c>f(struct x *)</c>.</summary>
    private bool StartsTypeArgument() => _token.Kind == TokenKind.Identifier && _token.Text is "typeof" or "struct" or "union" && StartsType();

    /// <summary>Whether a parenthesis opens a cast; if so it is read up to its end.</summary>
    private bool StartsCast(out TypeName? type)
    {
        Token open = _token;
        type = null;
        int errors = _diagnostics.Count;
        Advance();
        if (_token.Kind != TokenKind.Identifier || _stopped)
        {
            GoBack(open);
            return false;
        }
        bool certain = StartsType();
        if (!certain && Peek() is var next && !next.Is("*") && !next.Is(")"))
        {
            GoBack(open);
            return false;
        }
        type = Type();
        bool closed = TakeSymbol(")");
        bool operand = certain ? _token.Kind is not (TokenKind.Symbol or TokenKind.End or TokenKind.EndPredicate) || _token.Text is "(" or "-" or "+" or "*" or "&" or "!" or "~" or "{" or "++" or "--"
            : _token.Kind is TokenKind.Variable or TokenKind.Map or TokenKind.Integer or TokenKind.String or TokenKind.Positional or TokenKind.Identifier || _token.Is("(");
        if (!operand || !closed || _diagnostics.Count > errors)
        {
            if (_diagnostics.Count > errors && !_stopped)
                _diagnostics.RemoveRange(errors, _diagnostics.Count - errors);
            type = null;
            if (!_stopped)
                GoBack(open);
            return false;
        }
        return true;
    }

    private TypeName Type()
    {
        int start = _token.Span.Start;
        if (_token.IsWord("typeof"))
            return TypeOf(start);
        string name = BaseName();
        return new TypeName(From(start), name, null, null, Suffixes()) { Span = From(start) };
    }

    private TypeName TypeOf(int start)
    {
        Advance();
        Expect("(");
        if (!Enter())
            return new TypeName(new TextSpan(start, 0), "void", null, null, []);
        TypeName? type = StartsType() ? Type() : null;
        Expr? of = type is null ? Expression() : null;
        _depth--;
        Expect(")");
        List<long> suffixes = Suffixes();
        return new TypeName(From(start), "", of, type, suffixes);
    }

    private static bool IsQualifier(Token token) => token.Kind == TokenKind.Identifier && token.Text is "const" or "volatile" or "__user" or "__rcu" or "__percpu" or "__kernel" or "__iomem" or "__force";

    /// <summary>The name of a type without what is made of it: <c>unsigned long</c>, <c>struct x</c>, <c>u32</c>.</summary>
    private string BaseName()
    {
        while (IsQualifier(_token))
            Advance();
        if (_token.Kind != TokenKind.Identifier)
        {
            Report(DiagnosticTable.TraceExpected, _token.Span, "a type", Describe(_token));
            return "void";
        }
        string word = _token.Text;
        Advance();
        if (word is "struct" or "union" or "enum")
        {
            string tag = _token.Kind == TokenKind.Identifier ? _token.Text : "";
            if (tag.Length > 0)
                Advance();
            else
                Report(DiagnosticTable.TraceExpected, _token.Span, $"the name of the {word}", Describe(_token));
            word = $"{word} {tag}";
        }
        else
            while (_token.Kind == TokenKind.Identifier && word.Split(' ')[^1] is "unsigned" or "signed" or "long" or "short" && _token.Text is "unsigned" or "signed" or "long" or "short" or "int" or "char")
            {
                word = $"{word} {_token.Text}";
                Advance();
            }
        while (IsQualifier(_token))
            Advance();
        return word;
    }

    /// <summary>Stars and brackets behind a type's name, in the order in which they make it.</summary>
    private List<long> Suffixes()
    {
        var suffixes = new List<long>();
        while (!_stopped && suffixes.Count < 16)
        {
            if (TakeSymbol("*"))
                suffixes.Add(TypeName.Pointer);
            else if (_token.Is("["))
                suffixes.AddRange(Dimensions());
            else if (IsQualifier(_token))
                Advance();
            else
                break;
        }
        return suffixes;
    }

    /// <summary><c>[2][3]</c>: two arrays of three, so the last is made first.</summary>
    private List<long> Dimensions()
    {
        var dimensions = new List<long>();
        while (TakeSymbol("[") && dimensions.Count < 8)
        {
            if (_token.Is("]"))
                dimensions.Insert(0, TypeName.OpenArray);
            else if (ConstantOf(Expression()) is long count && count is >= 0 and <= 1 << 24)
                dimensions.Insert(0, count);
            else
            {
                Report(DiagnosticTable.TraceExpected, _token.Span, "the number of elements", Describe(_token));
                dimensions.Insert(0, 0);
            }
            Expect("]");
        }
        return dimensions;
    }

    /// <summary>The value of a constant expression of integers; a name is looked up among the definitions so far. Null when it is none.</summary>
    private long? ConstantOf(Expr value) => value switch
    {
        IntegerExpr integer => (long)integer.Value,
        NameExpr name => _lexer.Kept.OfType<DefineItem>().LastOrDefault(define => define.Name == name.Name) is DefineItem define && Lexer.Value(define.Body) is { Ok: true } number ? (long)number.Value : null,
        UnaryExpr { Op: "-" } unary => -ConstantOf(unary.Operand),
        UnaryExpr { Op: "~" } unary => ~ConstantOf(unary.Operand),
        BinaryExpr binary => (binary.Op, ConstantOf(binary.Left), ConstantOf(binary.Right)) switch
        {
            ("+", long a, long b) => unchecked(a + b),
            ("-", long a, long b) => unchecked(a - b),
            ("*", long a, long b) => unchecked(a * b),
            ("/", long a, long b) when b > 0 => a / b,
            ("<<", long a, long b) when b is >= 0 and < 64 => a << (int)b,
            (">>", long a, long b) when b is >= 0 and < 64 => a >> (int)b,
            ("|", long a, long b) => a | b,
            ("&", long a, long b) => a & b,
            _ => null,
        },
        _ => null,
    };

    private TypeItem TypeDefinition(int start)
    {
        CType type = Definition();
        TakeSymbol(";");
        return new TypeItem(From(start), type);
    }

    private TypedefItem Typedef()
    {
        int start = _token.Span.Start;
        Advance();
        var names = new List<CMember>();
        Members(names);
        return new TypedefItem(From(start), names);
    }

    /// <summary><c>struct name { … }</c>, from the word struct, union or enum on.</summary>
    private CType Definition()
    {
        int start = _token.Span.Start;
        string kind = _token.Text;
        Advance();
        string name = "";
        if (_token.Kind == TokenKind.Identifier)
        {
            name = _token.Text;
            Advance();
        }
        var members = new List<CMember>();
        var enumerators = new List<(string, Expr?)>();
        if (_token.Is("{") && Enter())
        {
            Advance();
            while (!_token.Is("}") && _token.Kind != TokenKind.End && !_stopped)
            {
                int before = _token.Span.Start;
                if (kind == "enum")
                    Enumerator(enumerators);
                else
                    Members(members);
                if (_token.Span.Start == before)
                    Advance();
            }
            Expect("}");
            _depth--;
        }
        bool packed = Attributes();
        return new CType(From(start), kind, name, members, enumerators, packed);
    }

    private bool Attributes()
    {
        bool packed = false;
        while (_token.IsWord("__attribute__"))
        {
            Advance();
            int depth = 0;
            do
            {
                depth += _token.Is("(") ? 1 : _token.Is(")") ? -1 : 0;
                packed |= _token.Kind == TokenKind.Identifier && _token.Text is "packed" or "__packed__";
                Advance();
            }
            while (depth > 0 && _token.Kind != TokenKind.End);
        }
        return packed;
    }

    private void Enumerator(List<(string, Expr?)> enumerators)
    {
        if (_token.Kind != TokenKind.Identifier)
        {
            Report(DiagnosticTable.TraceExpected, _token.Span, "the name of a constant", Describe(_token));
            SkipTo(",", "}");
        }
        else
        {
            string name = _token.Text;
            Advance();
            enumerators.Add((name, TakeSymbol("=") ? Expression() : null));
        }
        if (!TakeSymbol(",") && !_token.Is("}"))
        {
            Report(DiagnosticTable.TraceExpected, _token.Span, "',' or '}'", Describe(_token));
            SkipTo(",", "}");
        }
    }

    /// <summary>A declaration: a type and the members that have it.</summary>
    private void Members(List<CMember> members)
    {
        if (TakeSymbol(";"))
            return;
        while (IsQualifier(_token))
            Advance();
        int start = _token.Span.Start;
        bool defines = _token.Kind == TokenKind.Identifier && _token.Text is "struct" or "union" or "enum" && (PeekIs("{") || DefinesTagged());
        CType? inline = defines ? Definition() : null;
        string name = inline is null ? BaseName() : inline.Name.Length > 0 ? $"{inline.Kind} {inline.Name}" : inline.Kind;
        if (_token.Is(";") && inline is not null)
            members.Add(new CMember(From(start), "", new TypeName(From(start), name, null, null, []), inline, null));
        else
            do
                members.Add(Declarator(name, inline));
            while (TakeSymbol(",") && !_stopped);
        if (!TakeSymbol(";") && !_token.Is("}"))
        {
            Report(DiagnosticTable.TraceExpected, _token.Span, "';'", Describe(_token));
            SkipTo(";", "}");
        }
    }

    private bool DefinesTagged()
    {
        Token here = _token;
        Advance();
        bool defines = PeekIs("{");
        GoBack(here);
        return defines;
    }

    private CMember Declarator(string name, CType? inline)
    {
        int start = _token.Span.Start;
        var suffixes = new List<long>();
        while (_token.Is("*") || IsQualifier(_token))
        {
            if (_token.Is("*"))
                suffixes.Add(TypeName.Pointer);
            Advance();
        }
        if (_token.Is("("))
            return FunctionPointer(start);
        string member = "";
        TextSpan span = _token.Span;
        if (_token.Kind == TokenKind.Identifier)
        {
            member = _token.Text;
            Advance();
        }
        else if (!_token.Is(":"))
            Report(DiagnosticTable.TraceExpected, _token.Span, "the name of a member", Describe(_token));
        suffixes.AddRange(Dimensions());
        int? bits = TakeSymbol(":") ? (int)Math.Clamp(ConstantOf(Expression()) ?? 0, 0, 64) : null;
        Attributes();
        return new CMember(span, member, new TypeName(From(start), name, null, null, suffixes), inline, bits);
    }

    /// <summary>A pointer to a function is a pointer, whatever it takes.</summary>
    private CMember FunctionPointer(int start)
    {
        string member = "";
        TextSpan span = _token.Span;
        int depth = 0;
        while (_token.Kind != TokenKind.End && !(depth == 0 && (_token.Is(";") || _token.Is(",") || _token.Is("}"))))
        {
            depth += _token.Is("(") ? 1 : _token.Is(")") ? -1 : 0;
            if (_token.Kind == TokenKind.Identifier && member.Length == 0)
                (member, span) = (_token.Text, _token.Span);
            Advance();
        }
        return new CMember(span, member, new TypeName(From(start), "void", null, null, [TypeName.Pointer]), null, null);
    }
}
