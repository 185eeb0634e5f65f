using Hachi.Text;

namespace Hachi.Lang.Trace.Syntax;

/// <summary>Reads a script into its tree. Wrong text is reported and passed: the rest is still read.</summary>
internal sealed partial class Parser
{
    private const int DepthMax = 200, HeightMax = 400, ErrorsMax = 20;

    private readonly Lexer _lexer;
    private readonly IReadOnlyList<string> _parameters;
    private readonly List<Diagnostic> _diagnostics = [];
    private Token _token;
    private int _depth, _lastEnd;
    private bool _stopped;

    private Parser(string text, IReadOnlyList<string> parameters)
    {
        _lexer = new Lexer(text);
        _parameters = parameters;
        Advance();
    }

    /// <summary>Parses a script.</summary>
    /// <param name="text">The script.</param>
    /// <param name="parameters">Positional parameters, which may stand in the names of probes.</param>
    /// <param name="diagnostics">What is wrong, in the order of the text.</param>
    public static Script Parse(string text, IReadOnlyList<string> parameters, out List<Diagnostic> diagnostics)
    {
        var parser = new Parser(text, parameters);
        List<Item> items = parser.Items();
        items.AddRange(parser._lexer.Kept);
        items.Sort((a, b) => a.Span.Start.CompareTo(b.Span.Start));
        diagnostics = [.. parser._diagnostics.Concat(parser._lexer.Diagnostics).OrderBy(diagnostic => diagnostic.Span.Start)];
        return new Script(text, items);
    }

    /// <summary>Parses one expression that must fill the text (a <c>#define</c>'s body); null when it is none.</summary>
    public static Expr? ParseExpression(string text)
    {
        var parser = new Parser(text, []);
        Expr value = parser.Expression();
        return parser._diagnostics.Count + parser._lexer.Diagnostics.Count == 0 && parser._token.Kind == TokenKind.End ? value : null;
    }

    /// <summary>Parses a type that must fill the text; null when it is none.</summary>
    public static TypeName? ParseType(string text)
    {
        var parser = new Parser(text, []);
        if (!parser.StartsType())
            return null;
        TypeName type = parser.Type();
        return parser._diagnostics.Count + parser._lexer.Diagnostics.Count == 0 && parser._token.Kind == TokenKind.End ? type : null;
    }

    private List<Item> Items()
    {
        var items = new List<Item>();
        while (_token.Kind != TokenKind.End && !_stopped)
        {
            int before = _token.Span.Start;
            if (!TakeSymbol(";") && Item() is Item item)
                items.Add(item);
            if (_token.Span.Start == before && _token.Kind != TokenKind.End)
            {
                if (_diagnostics.Count == 0 || _diagnostics[^1].Span.Start != before)
                    Report(DiagnosticTable.TraceNoProbe, _token.Span, Describe(_token));
                Advance();
            }
        }
        if (_lexer.OpenConditional is TextSpan open && !_stopped)
            Report(DiagnosticTable.TraceUnclosedConditional, open);
        return items;
    }

    private Item? Item()
    {
        int start = _token.Span.Start;
        if (_token.Kind == TokenKind.Identifier)
        {
            switch (_token.Text)
            {
                case "config" when PeekIs("="): return Config(start);
                case "import" when Peek().Kind == TokenKind.String: return Import(start);
                case "let" when Peek().Kind == TokenKind.Map: return MapDeclaration(start);
                case "macro" when Peek().Kind == TokenKind.Identifier: return Macro(start);
                case "fn" when Peek().Kind == TokenKind.Identifier: return Function(start);
                case "struct" or "union" or "enum" when Peek().Kind == TokenKind.Identifier || PeekIs("{"): return TypeDefinition(start);
                case "typedef" when Peek().Kind == TokenKind.Identifier: return Typedef();
            }
        }
        if (_token.Kind == TokenKind.Identifier || _token.Kind == TokenKind.Positional || _token.Is("*"))
            return Probe(start);
        Report(DiagnosticTable.TraceNoProbe, _token.Span, Describe(_token));
        SkipBeyondBlock();
        return null;
    }

    private ConfigItem Config(int start)
    {
        Advance();
        Advance();
        var entries = new List<(string, TextSpan, Token)>();
        Expect("{");
        while (!_token.Is("}") && _token.Kind != TokenKind.End && !_stopped)
        {
            Token name = _token;
            if (name.Kind != TokenKind.Identifier)
            {
                Report(DiagnosticTable.TraceExpected, name.Span, "the name of an option", Describe(name));
                SkipTo(";", "}");
            }
            else
            {
                Advance();
                Expect("=");
                Token value = _token;
                if (value.Kind is TokenKind.Integer or TokenKind.String or TokenKind.Identifier)
                    Advance();
                else
                    Report(DiagnosticTable.TraceExpected, value.Span, "a value", Describe(value));
                entries.Add((name.Text, TextSpan.Cover(name.Span, value.Span), value));
            }
            if (!TakeSymbol(";") && !TakeSymbol(",") && !_token.Is("}"))
            {
                Report(DiagnosticTable.TraceExpected, _token.Span, "';' or '}'", Describe(_token));
                SkipTo(";", "}");
            }
        }
        Expect("}");
        return new ConfigItem(From(start), entries);
    }

    private ImportItem Import(int start)
    {
        Advance();
        string path = _token.Text;
        Advance();
        TakeSymbol(";");
        return new ImportItem(From(start), path);
    }

    private MapItem MapDeclaration(int start)
    {
        Advance();
        var map = new MapExpr(_token.Span, _token.Text);
        Advance();
        Expect("=");
        Token kind = _token;
        if (kind.Kind == TokenKind.Identifier)
            Advance();
        else
            Report(DiagnosticTable.TraceExpected, kind.Span, "a kind of map", Describe(kind));
        Expect("(");
        Expr? entries = _token.Is(")") ? null : Expression();
        Expect(")");
        Expect(";");
        return new MapItem(From(start), map, kind.Text, kind.Span, entries);
    }

    private MacroItem Macro(int start)
    {
        Advance();
        Token name = _token;
        Advance();
        var parameters = new List<Expr>();
        Expect("(");
        while (!_token.Is(")") && _token.Kind != TokenKind.End && !_stopped)
        {
            Expr? parameter = _token.Kind switch
            {
                TokenKind.Identifier => new NameExpr(_token.Span, _token.Text),
                TokenKind.Variable => new VariableExpr(_token.Span, _token.Text),
                TokenKind.Map => new MapExpr(_token.Span, _token.Text),
                _ => null,
            };
            if (parameter is null)
            {
                Report(DiagnosticTable.TraceExpected, _token.Span, "a macro's parameter (name, $name or @name)", Describe(_token));
                SkipTo(")", "{");
                break;
            }
            parameters.Add(parameter);
            Advance();
            if (!TakeSymbol(","))
                break;
        }
        Expect(")");
        return new MacroItem(From(start), name.Text, name.Span, parameters, BlockExpression());
    }

    private FunctionItem Function(int start)
    {
        Advance();
        string name = _token.Text;
        Advance();
        var parameters = new List<(VariableExpr, TypeName)>();
        Expect("(");
        while (_token.Kind == TokenKind.Variable && !_stopped)
        {
            var variable = new VariableExpr(_token.Span, _token.Text);
            Advance();
            Expect(":");
            parameters.Add((variable, Type()));
            if (!TakeSymbol(","))
                break;
        }
        Expect(")");
        Expect(":");
        TypeName result = Type();
        return new FunctionItem(From(start), name, parameters, result, Block());
    }

    // What follows are the tools of all parts.

    private void Advance()
    {
        _lastEnd = _token.Span.End;
        _token = _lexer.Next();
    }

    private Token Peek()
    {
        int back = _lexer.Position;
        Token next = _lexer.Next();
        _lexer.Position = back;
        return next;
    }

    private bool PeekIs(string symbol) => Peek().Is(symbol);

    private void GoBack(Token token)
    {
        _token = token;
        _lexer.Position = token.Span.End;
    }

    private bool TakeSymbol(string symbol)
    {
        if (!_token.Is(symbol))
            return false;
        Advance();
        return true;
    }

    private bool Expect(string symbol)
    {
        if (TakeSymbol(symbol))
            return true;
        Report(DiagnosticTable.TraceExpected, _token.Span, $"'{symbol}'", Describe(_token));
        return false;
    }

    private TextSpan From(int start) => new(start, Math.Max(0, _lastEnd - start));

    private void Report(DiagnosticInfo info, TextSpan span, params ReadOnlySpan<object?> args)
    {
        // One error a place: what follows at the same word follows from it.
        if (_stopped || (_diagnostics.Count > 0 && _diagnostics[^1].Span.Start == span.Start))
            return;
        if (_diagnostics.Count >= ErrorsMax)
        {
            _diagnostics.Add(DiagnosticTable.TraceTooMany.At(span));
            Stop();
            return;
        }
        _diagnostics.Add(info.At(span, args));
    }

    /// <summary>Goes to the end of the text: nothing that could be said of the rest would be of use.</summary>
    private void Stop()
    {
        _stopped = true;
        GoBack(new Token(TokenKind.End, "", new TextSpan(_lexer.Text.Length, 0)));
    }

    private bool Enter()
    {
        if (++_depth <= DepthMax)
            return true;
        Report(DiagnosticTable.TraceTooDeep, _token.Span);
        Stop();
        return false;
    }

    private Expr Bounded(Expr value)
    {
        if (value.Height <= HeightMax || _stopped)
            return value;
        Report(DiagnosticTable.TraceTooDeep, value.Span);
        Stop();
        return new IntegerExpr(value.Span, 0, "0");
    }

    private void SkipTo(string first, string second)
    {
        while (_token.Kind != TokenKind.End && !_token.Is(first) && !_token.Is(second))
            Advance();
    }

    private void SkipBeyondBlock()
    {
        int depth = 0;
        while (_token.Kind != TokenKind.End)
        {
            bool closes = _token.Is("}");
            depth += _token.Is("{") ? 1 : closes ? -1 : 0;
            Advance();
            if (closes && depth <= 0)
                return;
        }
    }

    private static string Describe(Token token) => token.Kind switch
    {
        TokenKind.End => "the end of the script",
        TokenKind.String => "a string",
        TokenKind.Integer => "the number " + token.Text,
        TokenKind.Variable => "$" + token.Text,
        TokenKind.Map => "@" + token.Text,
        TokenKind.Identifier => token.Text,
        _ => $"'{token.Text}'",
    };
}
