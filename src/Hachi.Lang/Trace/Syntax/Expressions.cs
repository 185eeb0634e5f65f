using Hachi.Text;

namespace Hachi.Lang.Trace.Syntax;

/// <summary>A piece of a script.</summary>
internal abstract class Node(TextSpan span)
{
    /// <summary>Where it stands in the text.</summary>
    public TextSpan Span { get; } = span;
}

/// <summary>An expression. Its height is bounded, so what walks the tree may recurse.</summary>
internal abstract class Expr(TextSpan span, params ReadOnlySpan<Expr?> parts) : Node(span)
{
    /// <summary>Longest way down to a leaf.</summary>
    public int Height { get; } = HeightOf(parts);

    private static int HeightOf(ReadOnlySpan<Expr?> parts)
    {
        int height = 0;
        foreach (Expr? part in parts)
            height = Math.Max(height, (part?.Height ?? 0) + 1);
        return height;
    }
}

internal sealed class IntegerExpr(TextSpan span, ulong value, string text, bool isDuration = false) : Expr(span)
{
    public ulong Value { get; } = value;

    /// <summary>As it was written.</summary>
    public string Text { get; } = text;

    public bool IsDuration { get; } = isDuration;
}

internal sealed class StringExpr(TextSpan span, string value) : Expr(span)
{
    public string Value { get; } = value;
}

internal sealed class BoolExpr(TextSpan span, bool value) : Expr(span)
{
    public bool Value { get; } = value;
}

/// <summary>A name without a sign: a builtin, a constant, an argument of a macro.</summary>
internal sealed class NameExpr(TextSpan span, string name) : Expr(span)
{
    public string Name { get; } = name;
}

/// <summary><c>$name</c>.</summary>
internal sealed class VariableExpr(TextSpan span, string name) : Expr(span)
{
    public string Name { get; } = name;
}

/// <summary><c>@name</c>, without a key.</summary>
internal sealed class MapExpr(TextSpan span, string name) : Expr(span)
{
    public string Name { get; } = name;
}

/// <summary><c>$1</c>; number 0 is <c>$#</c>.</summary>
internal sealed class PositionalExpr(TextSpan span, int number) : Expr(span)
{
    public int Number { get; } = number;
}

internal sealed class UnaryExpr(TextSpan span, string op, Expr operand, bool isPostfix = false) : Expr(span, operand)
{
    public string Op { get; } = op;
    public Expr Operand { get; } = operand;
    public bool IsPostfix { get; } = isPostfix;
}

internal sealed class BinaryExpr(TextSpan span, string op, Expr left, Expr right) : Expr(span, left, right)
{
    public string Op { get; } = op;
    public Expr Left { get; } = left;
    public Expr Right { get; } = right;
}

/// <summary><c>a ? b : c</c>, <c>a ?: c</c>, and an <c>if</c> that yields something.</summary>
internal sealed class ChoiceExpr(TextSpan span, Expr condition, Expr? whenTrue, Expr? whenFalse) : Expr(span, condition, whenTrue, whenFalse)
{
    public Expr Condition { get; } = condition;

    /// <summary>Null: the condition's own value.</summary>
    public Expr? WhenTrue { get; } = whenTrue;

    public Expr? WhenFalse { get; } = whenFalse;
}

internal sealed class CallExpr(TextSpan span, string name, TextSpan nameSpan, List<Expr> args) : Expr(span, [.. args])
{
    public string Name { get; } = name;
    public TextSpan NameSpan { get; } = nameSpan;
    public List<Expr> Args { get; } = args;
}

internal sealed class CastExpr(TextSpan span, TypeName type, Expr operand) : Expr(span, operand, type.Of)
{
    public TypeName Type { get; } = type;
    public Expr Operand { get; } = operand;
}

/// <summary><c>a.b</c>, <c>a-&gt;b</c>, <c>a.0</c>.</summary>
internal sealed class MemberExpr(TextSpan span, Expr target, string member, TextSpan memberSpan, bool isArrow) : Expr(span, target)
{
    public Expr Target { get; } = target;
    public string Member { get; } = member;
    public TextSpan MemberSpan { get; } = memberSpan;
    public bool IsArrow { get; } = isArrow;
}

/// <summary><c>a[b, c]</c>: an element of a map, an array, a tuple, a string, what a pointer points to.</summary>
internal sealed class IndexExpr(TextSpan span, Expr target, List<Expr> keys) : Expr(span, [target, .. keys])
{
    public Expr Target { get; } = target;
    public List<Expr> Keys { get; } = keys;
}

/// <summary><c>(a, b)</c>, or with names a record: <c>(x=a, y=b)</c>.</summary>
internal sealed class TupleExpr(TextSpan span, List<Expr> items, List<string>? names) : Expr(span, [.. items])
{
    public List<Expr> Items { get; } = items;
    public List<string>? Names { get; } = names;
}

/// <summary><c>sizeof</c> of a type or an expression; with members <c>offsetof</c>.</summary>
internal sealed class SizeExpr(TextSpan span, TypeName? type, Expr? of, List<string>? members) : Expr(span, of, type?.Of)
{
    public TypeName? Type { get; } = type;
    public Expr? Of { get; } = of;
    public List<string>? Members { get; } = members;
}

/// <summary>A type where a value is expected: an argument of a macro (<c>typeof(x)</c>).</summary>
internal sealed class TypeExpr(TypeName type) : Expr(type.Span, type.Of)
{
    public TypeName Type { get; } = type;
}

/// <summary>A block that yields its last expression.</summary>
internal sealed class BlockExpr(TextSpan span, List<Statement> statements, Expr? result) : Expr(span, result)
{
    public List<Statement> Statements { get; } = statements;
    public Expr? Result { get; } = result;
}

/// <summary>A type as a script writes it.</summary>
/// <param name="Span">Where it stands.</param>
/// <param name="Name">Its name with the word before it: <c>uint64</c>, <c>struct task_struct</c>; empty for <c>typeof</c>.</param>
/// <param name="Of">The expression of a <c>typeof</c>.</param>
/// <param name="OfType">The type of a <c>typeof</c>.</param>
/// <param name="Suffixes">What is made of it, in the order of making: -1 a pointer to it, -2 an array of unknown length, else an array of that many.</param>
internal sealed record TypeName(TextSpan Span, string Name, Expr? Of, TypeName? OfType, List<long> Suffixes)
{
    public const long Pointer = -1, OpenArray = -2;
}
