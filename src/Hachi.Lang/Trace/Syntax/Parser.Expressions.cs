using System.Globalization;
using Hachi.Text;

namespace Hachi.Lang.Trace.Syntax;

internal sealed partial class Parser
{
    internal static int Precedence(string op) => op switch
    {
        "||" => 1,
        "&&" => 2,
        "|" => 3,
        "^" => 4,
        "&" => 5,
        "==" or "!=" => 6,
        "<" or ">" or "<=" or ">=" => 7,
        "<<" or ">>" => 8,
        "+" or "-" => 9,
        "*" or "/" or "%" => 10,
        _ => 0,
    };

    private Expr Expression()
    {
        if (!Enter())
            return new IntegerExpr(_token.Span, 0, "0");
        int start = _token.Span.Start;
        Expr value = Binary(1);
        if (_token.Is("?"))
        {
            Advance();
            Expr? whenTrue = _token.Is(":") ? null : Expression();
            Expect(":");
            Expr whenFalse = Expression();
            value = Bounded(new ChoiceExpr(From(start), value, whenTrue, whenFalse));
        }
        _depth--;
        return value;
    }

    private Expr Binary(int least)
    {
        int start = _token.Span.Start;
        Expr left = Unary();
        while (_token.Kind == TokenKind.Symbol && Precedence(_token.Text) is int precedence && precedence >= least && !_stopped)
        {
            string op = _token.Text;
            Advance();
            Expr right = Binary(precedence + 1);
            left = Bounded(new BinaryExpr(From(start), op, left, right));
        }
        return left;
    }

    private Expr Unary()
    {
        int start = _token.Span.Start;
        if (_token.Kind == TokenKind.Symbol && _token.Text is "!" or "~" or "-" or "+" or "*" or "&" or "++" or "--")
        {
            string op = _token.Text;
            Advance();
            Expr operand = Operand();
            return Bounded(new UnaryExpr(From(start), op, operand));
        }
        if (_token.Is("(") && StartsCast(out TypeName? type))
        {
            Expr operand = Operand();
            return Bounded(new CastExpr(From(start), type!, operand));
        }
        if (_token.IsWord("comptime"))
        {
            // What can be computed beforehand is computed beforehand anyway.
            Advance();
            return Operand();
        }
        return Postfix(Primary());
    }

    private Expr Operand()
    {
        if (!Enter())
            return new IntegerExpr(_token.Span, 0, "0");
        Expr operand = Unary();
        _depth--;
        return operand;
    }

    private Expr Postfix(Expr value)
    {
        int start = value.Span.Start;
        while (_token.Kind == TokenKind.Symbol && !_stopped)
        {
            switch (_token.Text)
            {
                case "." or "->":
                    bool isArrow = _token.Text == "->";
                    Advance();
                    value = Member(value, start, isArrow);
                    break;
                case "[":
                    Advance();
                    List<Expr> keys = List("]");
                    value = new IndexExpr(From(start), value, keys);
                    break;
                case "++" or "--":
                    string op = _token.Text;
                    Advance();
                    value = new UnaryExpr(From(start), op, value, isPostfix: true);
                    break;
                default:
                    return value;
            }
            value = Bounded(value);
        }
        return value;
    }

    /// <summary>The name behind a dot. <c>$t.1.0</c> has no numbers with fractions: a dot ends a number.</summary>
    private Expr Member(Expr target, int start, bool isArrow)
    {
        Token name = _token;
        if (name.Kind is not (TokenKind.Identifier or TokenKind.Integer))
        {
            Report(DiagnosticTable.TraceExpected, name.Span, "the name of a member", Describe(name));
            return target;
        }
        Advance();
        return new MemberExpr(From(start), target, name.Text, name.Span, isArrow);
    }

    private List<Expr> List(string close)
    {
        var values = new List<Expr>();
        Token open = _token;
        while (!_token.Is(close) && _token.Kind != TokenKind.End && !_stopped)
        {
            values.Add(StartsTypeArgument() ? new TypeExpr(Type()) : Expression());
            if (!TakeSymbol(","))
                break;
        }
        if (!TakeSymbol(close))
        {
            Report(DiagnosticTable.TraceExpected, _token.Span, $"',' or '{close}'", Describe(_token));
            while (_token.Kind != TokenKind.End && !_token.Is(close) && !_token.Is(";") && !_token.Is("{") && !_token.Is("}"))
                Advance();
            TakeSymbol(close);
        }
        return values;
    }

    private Expr Primary()
    {
        Token token = _token;
        switch (token.Kind)
        {
            case TokenKind.Integer:
                Advance();
                return new IntegerExpr(token.Span, token.Value, token.Text, token.IsDuration);
            case TokenKind.String:
                return Strings();
            case TokenKind.Variable:
                Advance();
                return new VariableExpr(token.Span, token.Text);
            case TokenKind.Map:
                Advance();
                return new MapExpr(token.Span, token.Text);
            case TokenKind.Positional:
                Advance();
                return new PositionalExpr(token.Span, (int)Math.Min(token.Value, int.MaxValue));
            case TokenKind.PositionalCount:
                Advance();
                return new PositionalExpr(token.Span, 0);
            case TokenKind.Identifier:
                return Word(token);
            case TokenKind.Symbol when token.Text == "(":
                return Parenthesis();
            case TokenKind.Symbol when token.Text == "{":
                return BlockExpression();
        }
        Report(DiagnosticTable.TraceExpected, token.Span, "an expression", Describe(token));
        return new IntegerExpr(new TextSpan(token.Span.Start, 0), 0, "0");
    }

    /// <summary>Strings that follow each other are one.</summary>
    private StringExpr Strings()
    {
        int start = _token.Span.Start;
        string text = _token.Text;
        Advance();
        while (_token.Kind == TokenKind.String)
        {
            text += _token.Text;
            Advance();
        }
        return new StringExpr(From(start), text);
    }

    private Expr Word(Token name)
    {
        int start = name.Span.Start;
        Advance();
        switch (name.Text)
        {
            case "true" or "false":
                return new BoolExpr(name.Span, name.Text == "true");
            case "sizeof" when _token.Is("("):
                return SizeOf(start);
            case "offsetof" when _token.Is("("):
                return OffsetOf(start);
            case "if":
                return IfExpression(start);
        }
        if (!TakeSymbol("("))
            return new NameExpr(name.Span, name.Text);
        List<Expr> args = List(")");
        return Bounded(new CallExpr(From(start), name.Text, name.Span, args));
    }

    private Expr IfExpression(int start)
    {
        if (!Enter())
            return new IntegerExpr(new TextSpan(start, 0), 0, "0");
        Expr condition = Expression();
        Expr whenTrue = BlockExpression();
        Expr? whenFalse = null;
        if (_token.IsWord("else"))
        {
            Advance();
            if (_token.IsWord("if"))
            {
                int inner = _token.Span.Start;
                Advance();
                whenFalse = IfExpression(inner);
            }
            else
                whenFalse = BlockExpression();
        }
        _depth--;
        return Bounded(new ChoiceExpr(From(start), condition, whenTrue, whenFalse));
    }

    private SizeExpr SizeOf(int start)
    {
        Advance();
        TypeName? type = StartsType() ? Type() : null;
        Expr? of = type is null ? Expression() : null;
        Expect(")");
        return new SizeExpr(From(start), type, of, null);
    }

    private SizeExpr OffsetOf(int start)
    {
        Advance();
        TypeName? type = StartsType() ? Type() : null;
        Expr? of = type is null ? Expression() : null;
        Expect(",");
        var members = new List<string>();
        do
        {
            if (_token.Kind != TokenKind.Identifier)
            {
                Report(DiagnosticTable.TraceExpected, _token.Span, "the name of a member", Describe(_token));
                break;
            }
            members.Add(_token.Text);
            Advance();
        }
        while (TakeSymbol("."));
        Expect(")");
        return new SizeExpr(From(start), type, of, members);
    }

    /// <summary>A parenthesis, a tuple, or a record.</summary>
    private Expr Parenthesis()
    {
        int start = _token.Span.Start;
        Advance();
        var items = new List<Expr>();
        List<string>? names = null;
        bool comma = false;
        while (!_token.Is(")") && _token.Kind != TokenKind.End && !_stopped)
        {
            if (_token.Kind == TokenKind.Identifier && PeekIs("=") && (names is not null || items.Count == 0))
            {
                (names ??= []).Add(_token.Text);
                Advance();
                Advance();
            }
            else if (names is not null)
                Report(DiagnosticTable.TraceExpected, _token.Span, "name=value", Describe(_token));
            items.Add(Expression());
            comma = TakeSymbol(",");
            if (!comma)
                break;
        }
        if (!TakeSymbol(")"))
        {
            Report(DiagnosticTable.TraceExpected, _token.Span, "')'", Describe(_token));
            SkipTo(")", ";");
            TakeSymbol(")");
        }
        if (names is not null)
        {
            while (names.Count < items.Count)
                names.Add(names.Count.ToString(CultureInfo.InvariantCulture));
            return Bounded(new TupleExpr(From(start), items, names));
        }
        return items.Count == 1 && !comma ? items[0] : Bounded(new TupleExpr(From(start), items, null));
    }
}
