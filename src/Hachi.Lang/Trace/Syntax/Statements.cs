using Hachi.Text;

namespace Hachi.Lang.Trace.Syntax;

internal abstract class Statement(TextSpan span) : Node(span);

internal sealed class ExprStatement(TextSpan span, Expr value) : Statement(span)
{
    public Expr Value { get; } = value;
}

/// <summary><c>target op value</c>; a target of null throws the value away (<c>_ = f()</c>).</summary>
internal sealed class AssignStatement(TextSpan span, Expr? target, string op, Expr value) : Statement(span)
{
    public Expr? Target { get; } = target;

    /// <summary><c>=</c>, <c>+=</c> and the like.</summary>
    public string Op { get; } = op;

    public Expr Value { get; } = value;
}

/// <summary><c>let $x : type = value</c>.</summary>
internal sealed class LetStatement(TextSpan span, VariableExpr variable, TypeName? type, Expr? value) : Statement(span)
{
    public VariableExpr Variable { get; } = variable;
    public TypeName? Type { get; } = type;
    public Expr? Value { get; } = value;
}

internal sealed class IfStatement(TextSpan span, Expr condition, Block whenTrue, Block? whenFalse) : Statement(span)
{
    public Expr Condition { get; } = condition;
    public Block WhenTrue { get; } = whenTrue;

    /// <summary>An <c>else if</c> is a block of one statement that says so.</summary>
    public Block? WhenFalse { get; } = whenFalse;
}

internal sealed class WhileStatement(TextSpan span, Expr condition, Block body) : Statement(span)
{
    public Expr Condition { get; } = condition;
    public Block Body { get; } = body;
}

internal sealed class UnrollStatement(TextSpan span, Expr count, Block body) : Statement(span)
{
    public Expr Count { get; } = count;
    public Block Body { get; } = body;
}

/// <summary><c>for ($x : @map)</c>, or with an end <c>for ($x : first..end)</c>.</summary>
internal sealed class ForStatement(TextSpan span, VariableExpr variable, Expr from, Expr? end, Block body) : Statement(span)
{
    public VariableExpr Variable { get; } = variable;
    public Expr From { get; } = from;
    public Expr? End { get; } = end;
    public Block Body { get; } = body;
}

/// <summary><c>break</c>, <c>continue</c>, <c>return</c>.</summary>
internal sealed class JumpStatement(TextSpan span, string word, Expr? value) : Statement(span)
{
    public string Word { get; } = word;
    public Expr? Value { get; } = value;
}

internal sealed class BlockStatement(Block block) : Statement(block.Span)
{
    public Block Block { get; } = block;
}

/// <summary>Statements between braces.</summary>
internal sealed class Block(TextSpan span, List<Statement> statements, bool isElseIf = false) : Node(span)
{
    public List<Statement> Statements { get; } = statements;

    /// <summary>Whether it is what follows <c>else</c> in <c>else if</c>, without braces of its own.</summary>
    public bool IsElseIf { get; } = isElseIf;
}
