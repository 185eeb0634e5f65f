using Hachi.Text;

namespace Hachi.Lang.Trace.Syntax;

/// <summary>What stands at the top of a script.</summary>
internal abstract class Item(TextSpan span) : Node(span);

/// <summary><c>#include &lt;x.h&gt;</c>.</summary>
internal sealed class IncludeItem(TextSpan span, string path) : Item(span)
{
    /// <summary>With its quotes or angle brackets.</summary>
    public string Path { get; } = path;
}

/// <summary><c>#define NAME body</c>.</summary>
internal sealed class DefineItem(TextSpan span, string name, string body) : Item(span)
{
    public string Name { get; } = name;
    public string Body { get; } = body;
}

/// <summary><c>import "x";</c></summary>
internal sealed class ImportItem(TextSpan span, string path) : Item(span)
{
    public string Path { get; } = path;
}

/// <summary>A definition of C: <c>struct</c>, <c>union</c>, <c>enum</c>.</summary>
internal sealed class TypeItem(TextSpan span, CType type) : Item(span)
{
    public CType Type { get; } = type;
}

/// <summary><c>typedef unsigned int number, *place;</c></summary>
internal sealed class TypedefItem(TextSpan span, List<CMember> names) : Item(span)
{
    /// <summary>The names, each with the type that it stands for, written as members of a structure are.</summary>
    public List<CMember> Names { get; } = names;
}

/// <summary><c>config = { name = value; … }</c>.</summary>
internal sealed class ConfigItem(TextSpan span, List<(string Name, TextSpan Span, Token Value)> entries) : Item(span)
{
    public List<(string Name, TextSpan Span, Token Value)> Entries { get; } = entries;
}

/// <summary><c>let @name = kind(entries);</c></summary>
internal sealed class MapItem(TextSpan span, MapExpr map, string kind, TextSpan kindSpan, Expr? entries) : Item(span)
{
    public MapExpr Map { get; } = map;
    public string Kind { get; } = kind;
    public TextSpan KindSpan { get; } = kindSpan;
    public Expr? Entries { get; } = entries;
}

/// <summary><c>macro name(a, $b, @c) { … }</c>.</summary>
internal sealed class MacroItem(TextSpan span, string name, TextSpan nameSpan, List<Expr> parameters, BlockExpr body) : Item(span)
{
    public string Name { get; } = name;
    public TextSpan NameSpan { get; } = nameSpan;

    /// <summary>Names, variables and maps.</summary>
    public List<Expr> Parameters { get; } = parameters;

    public BlockExpr Body { get; } = body;
}

/// <summary><c>fn name($a : type) : type { … }</c>.</summary>
internal sealed class FunctionItem(TextSpan span, string name, List<(VariableExpr Variable, TypeName Type)> parameters, TypeName result, Block body) : Item(span)
{
    public string Name { get; } = name;
    public List<(VariableExpr Variable, TypeName Type)> Parameters { get; } = parameters;
    public TypeName Result { get; } = result;
    public Block Body { get; } = body;
}

/// <summary><c>probe, probe /predicate/ { … }</c>.</summary>
internal sealed class ProbeItem(TextSpan span, List<AttachPoint> points, Expr? predicate, Block body) : Item(span)
{
    public List<AttachPoint> Points { get; } = points;
    public Expr? Predicate { get; } = predicate;
    public Block Body { get; } = body;
}

/// <summary>Where a program attaches, as it is written, positional parameters filled in.</summary>
/// <param name="Span">Where it stands.</param>
/// <param name="Parts">What stands between its colons, quotes taken off.</param>
/// <param name="Name">The name before it (<c>name=kprobe:f</c>), or null.</param>
internal sealed record AttachPoint(TextSpan Span, List<string> Parts, string? Name)
{
    /// <summary>The parts, joined.</summary>
    public string Text => string.Join(':', Parts);
}

/// <summary>A definition of C.</summary>
/// <param name="Span">Where it stands.</param>
/// <param name="Kind"><c>struct</c>, <c>union</c>, <c>enum</c>.</param>
/// <param name="Name">Its tag; empty for none.</param>
/// <param name="Members">Members of a struct or union.</param>
/// <param name="Enumerators">Names and values of an enum; null continues from the one before.</param>
/// <param name="IsPacked">Whether members follow each other without gaps.</param>
internal sealed record CType(TextSpan Span, string Kind, string Name, List<CMember> Members, List<(string Name, Expr? Value)> Enumerators, bool IsPacked);

/// <summary>A member of a struct or union.</summary>
/// <param name="Span">Where its name stands.</param>
/// <param name="Name">Its name; empty for an anonymous struct or union.</param>
/// <param name="Type">Its type, arrays and pointers included; of a definition in place only what is made of it.</param>
/// <param name="Inline">A definition in place.</param>
/// <param name="Bits">Width of a bit-field, or null.</param>
internal sealed record CMember(TextSpan Span, string Name, TypeName Type, CType? Inline, int? Bits);

/// <summary>A script: its items in the order of the text.</summary>
internal sealed record Script(string Text, List<Item> Items);
