using Hachi.Text;

namespace Hachi.Lang.Trace.Syntax;

internal sealed partial class Parser
{
    private Block Block()
    {
        int start = _token.Span.Start;
        (List<Statement> statements, Expr? result) = Body();
        if (result is not null)
            statements.Add(new ExprStatement(result.Span, result));
        return new Block(From(start), statements);
    }

    private BlockExpr BlockExpression()
    {
        int start = _token.Span.Start;
        (List<Statement> statements, Expr? result) = Body();
        if (result is null && statements.Count > 0 && statements[^1] is IfStatement last && Yielding(last) is Expr choice)
        {
            statements.RemoveAt(statements.Count - 1);
            result = Bounded(choice);
        }
        return new BlockExpr(From(start), statements, result);
    }

    /// <summary>An <c>if</c> at the end of a block that yields something yields what its branches do; null where a branch ends with no expression.</summary>
    private static ChoiceExpr? Yielding(IfStatement statement)
    {
        Expr? whenTrue = Yielding(statement.WhenTrue), whenFalse = statement.WhenFalse is null ? null : Yielding(statement.WhenFalse);
        return whenTrue is null || whenFalse is null ? null : new ChoiceExpr(statement.Span, statement.Condition, whenTrue, whenFalse);
    }

    private static Expr? Yielding(Block block)
    {
        if (block.IsElseIf && block.Statements is [IfStatement next])
            return Yielding(next);
        Expr? result = block.Statements.Count == 0 ? null : block.Statements[^1] switch
        {
            ExprStatement value => value.Value,
            IfStatement inner => Yielding(inner),
            _ => null,
        };
        return result is null ? null : new BlockExpr(block.Span, block.Statements[..^1], result);
    }

    /// <summary>Statements between braces; an expression that no semicolon follows, at the end, is what the block yields.</summary>
    private (List<Statement> Statements, Expr? Result) Body()
    {
        var statements = new List<Statement>();
        Token open = _token;
        if (!Expect("{") || !Enter())
            return (statements, null);
        Expr? result = null;
        while (!_token.Is("}") && _token.Kind != TokenKind.End && !_stopped)
        {
            if (TakeSymbol(";"))
                continue;
            int before = _token.Span.Start;
            Statement statement = Statement();
            bool needsSeparator = statement is ExprStatement or AssignStatement or LetStatement or JumpStatement;
            if (needsSeparator && _token.Is("}") && statement is ExprStatement last)
                result = last.Value;
            else
                statements.Add(statement);
            if (needsSeparator && !_token.Is("}") && !TakeSymbol(";") && !EndsWithBlock(statement))
            {
                Report(DiagnosticTable.TraceExpected, _token.Span, "';' or '}'", Describe(_token));
                SkipTo(";", "}");
            }
            if (_token.Span.Start == before && _token.Kind != TokenKind.End)
                Advance();
        }
        if (!TakeSymbol("}"))
        {
            if (_token.Kind == TokenKind.End)
                Report(DiagnosticTable.TraceUnclosed, open.Span, "'{'");
            else
                Expect("}");
        }
        _depth--;
        return (statements, result);
    }

    private static bool EndsWithBlock(Statement statement) => statement is ExprStatement { Value: BlockExpr };

    private Statement Statement()
    {
        int start = _token.Span.Start;
        if (_token.Kind == TokenKind.Identifier)
        {
            switch (_token.Text)
            {
                case "if": return If(start);
                case "while": return While(start);
                case "unroll" when PeekIs("("): return Unroll(start);
                case "for": return For(start);
                case "let": return Let(start);
                case "break" or "continue" or "return": return Jump(start);
                case "_" when PeekIs("="): return Discard(start);
            }
        }
        if (_token.Is("{"))
        {
            BlockExpr block = BlockExpression();
            if (block.Result is not null)
                block.Statements.Add(new ExprStatement(block.Result.Span, block.Result));
            return new BlockStatement(new Block(block.Span, block.Statements));
        }
        Expr value = Expression();
        if (AssignmentOperator() is not string op)
            return new ExprStatement(value.Span, value);
        if (value is not (VariableExpr or MapExpr or IndexExpr { Target: MapExpr }))
            Report(DiagnosticTable.TraceAssignTarget, value.Span, "this");
        Advance();
        Expr right = Expression();
        return new AssignStatement(From(start), value, op, right);
    }

    private string? AssignmentOperator() =>
        _token.Kind == TokenKind.Symbol && _token.Text is "=" or "+=" or "-=" or "*=" or "/=" or "%=" or "&=" or "|=" or "^=" or "<<=" or ">>=" ? _token.Text : null;

    private AssignStatement Discard(int start)
    {
        Advance();
        Advance();
        Expr value = Expression();
        return new AssignStatement(From(start), null, "=", value);
    }

    private IfStatement If(int start)
    {
        Advance();
        Expr condition = Condition();
        Block whenTrue = Block();
        Block? whenFalse = null;
        if (_token.IsWord("else"))
        {
            Advance();
            if (!_token.IsWord("if"))
                whenFalse = Block();
            else if (Enter())
            {
                IfStatement inner = If(_token.Span.Start);
                whenFalse = new Block(inner.Span, [inner], isElseIf: true);
                _depth--;
            }
        }
        return new IfStatement(From(start), condition, whenTrue, whenFalse);
    }

    /// <summary>What stands in parentheses behind <c>if</c> and <c>while</c>. They may be missing where the condition cannot be mistaken.</summary>
    private Expr Condition() => Expression();

    private WhileStatement While(int start)
    {
        Advance();
        Expr condition = Condition();
        return new WhileStatement(From(start), condition, Block());
    }

    private UnrollStatement Unroll(int start)
    {
        Advance();
        Expect("(");
        Expr count = Expression();
        Expect(")");
        return new UnrollStatement(From(start), count, Block());
    }

    private ForStatement For(int start)
    {
        Advance();
        bool parentheses = TakeSymbol("(");
        var variable = new VariableExpr(_token.Span, _token.Text);
        if (_token.Kind == TokenKind.Variable)
            Advance();
        else
            Report(DiagnosticTable.TraceExpected, _token.Span, "the loop's variable", Describe(_token));
        Expect(":");
        Expr from = Expression();
        Expr? end = TakeSymbol("..") ? Expression() : null;
        if (parentheses)
            Expect(")");
        return new ForStatement(From(start), variable, from, end, Block());
    }

    private LetStatement Let(int start)
    {
        Advance();
        var variable = new VariableExpr(_token.Span, _token.Text);
        if (_token.Kind == TokenKind.Variable)
            Advance();
        else
            Report(DiagnosticTable.TraceExpected, _token.Span, "a variable", Describe(_token));
        TypeName? type = TakeSymbol(":") ? Type() : null;
        Expr? value = TakeSymbol("=") ? Expression() : null;
        return new LetStatement(From(start), variable, type, value);
    }

    private JumpStatement Jump(int start)
    {
        string word = _token.Text;
        Advance();
        Expr? value = word == "return" && !_token.Is(";") && !_token.Is("}") && _token.Kind != TokenKind.End ? Expression() : null;
        return new JumpStatement(From(start), word, value);
    }
}
