using Hachi.Lang.Trace.Syntax;
using Hachi.Lang.Trace.Types;
using Hachi.Object.Plan;
using Hachi.Text;

namespace Hachi.Lang.Trace.Check;

/// <summary>A variable of a program.</summary>
internal sealed class VariableInfo(string name)
{
    public string Name { get; } = name;

    public TraceType Type { get; set; } = TraceType.None;

    /// <summary>Whether its type was written down: it does not grow.</summary>
    public bool IsDeclared { get; set; }

    public bool IsAssigned { get; set; }
}

/// <summary>A map of a script.</summary>
internal sealed class MapInfo(string name, TextSpan span)
{
    public string Name { get; } = name;

    /// <summary>Where it stands first.</summary>
    public TextSpan Span { get; } = span;

    /// <summary>Type of its keys; void for a map with one value, none while nobody has used it.</summary>
    public TraceType Key { get; set; } = TraceType.None;

    public TraceType Value { get; set; } = TraceType.None;

    /// <summary>The kind that it was declared as (<c>hash</c>, <c>lruhash</c>, …), or null.</summary>
    public string? Kind { get; set; }

    /// <summary>Entries that it was declared with; 0 for the default.</summary>
    public int Entries { get; set; }

    public bool IsUsed { get; set; }

    public bool IsScalar => Key.Kind == TypeKind.Void;
}

/// <summary>What the checker found out about an expression.</summary>
internal sealed class ExprInfo
{
    public TraceType Type { get; set; } = TraceType.None;

    /// <summary>Its value, where it is known.</summary>
    public long? Number { get; set; }

    /// <summary>Its text, where it is known.</summary>
    public string? Text { get; set; }

    /// <summary>The variable that it names.</summary>
    public VariableInfo? Variable { get; set; }

    /// <summary>How far what it names lies behind the address of the probe, where only that is known (<c>uaddr</c>).</summary>
    public long? Distance { get; set; }

    /// <summary>The field that it names.</summary>
    public StructField? Field { get; set; }
}

/// <summary>A program that a script makes: its attach points have the same arguments.</summary>
internal sealed class CheckedProgram(ProbeItem item, ProbeKind kind, List<ProbeTarget> targets, Expr? predicate, Block body)
{
    public ProbeItem Item { get; } = item;

    public ProbeKind Kind { get; } = kind;

    public List<ProbeTarget> Targets { get; } = targets;

    public Expr? Predicate { get; } = predicate;

    public Block Body { get; } = body;

    public Dictionary<string, VariableInfo> Variables { get; } = new(StringComparer.Ordinal);

    /// <summary>The struct that <c>args</c> is, or null.</summary>
    public StructType? Args { get; set; }

    /// <summary>What the function returns (fexit).</summary>
    public TraceType? Result { get; set; }
}

/// <summary>A script with the types of all that it says.</summary>
internal sealed class CheckedScript
{
    public required string Text { get; init; }

    public required List<CheckedProgram> Programs { get; init; }

    public required Dictionary<string, MapInfo> Maps { get; init; }

    public required Dictionary<Expr, ExprInfo> Infos { get; init; }

    public required Settings Settings { get; init; }

    public required TypeResolver Types { get; init; }

    public required TraceOptions Options { get; init; }

    public ExprInfo this[Expr value] => Infos.TryGetValue(value, out ExprInfo? info) ? info : Infos[value] = new ExprInfo();
}
