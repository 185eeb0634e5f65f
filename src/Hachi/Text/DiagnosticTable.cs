namespace Hachi.Text;

/// <summary>One row of <see cref="DiagnosticTable"/>.</summary>
/// <param name="Id">Stable id: two letters of the area (<c>HF</c> capture filters, <c>HA</c> assembly, <c>HC</c> captures, <c>HV</c> virtual machine), four digits.</param>
/// <param name="Severity">Default severity.</param>
/// <param name="Format">Composite format of the message.</param>
/// <param name="Help">One line for <c>hachi explain error ID</c>: what it means and what to do.</param>
public sealed record DiagnosticInfo(string Id, Severity Severity, string Format, string Help)
{
    /// <summary>Makes the diagnostic with its message filled in.</summary>
    public Diagnostic At(TextSpan span, params ReadOnlySpan<object?> args) => AtWithHint(span, null, args);

    /// <summary>The same with a hint. A name of its own: a text as the first argument of the message must not be taken for one.</summary>
    public Diagnostic AtWithHint(TextSpan span, string? hint, params ReadOnlySpan<object?> args) =>
        new(Id, Severity, args.Length == 0 ? Format : string.Format(null, Format, args), span, hint);
}

/// <summary>Every diagnostic there is, in one table: messages, <c>hachi explain error</c>, the docs and the tests derive from it.</summary>
/// <remarks>Partial: each area adds its rows in a file beside this one (<c>DiagnosticTable.Filter.cs</c>, …) as static readonly fields.</remarks>
public static partial class DiagnosticTable
{
    /// <summary>All rows, by id.</summary>
    public static IReadOnlyList<DiagnosticInfo> All => Rows;

    // Made by the first row, not by an initialiser: the areas' static fields run in the order in which the compiler sees their files.
    private static List<DiagnosticInfo>? s_rows;

    private static List<DiagnosticInfo> Rows => s_rows ??= [];

    /// <summary>The row of an id, or null.</summary>
    public static DiagnosticInfo? Find(string id)
    {
        foreach (DiagnosticInfo row in Rows)
            if (string.Equals(row.Id, id, StringComparison.OrdinalIgnoreCase))
                return row;
        return null;
    }

    private static DiagnosticInfo Add(string id, Severity severity, string format, string help)
    {
        var row = new DiagnosticInfo(id, severity, format, help);
        int place = Rows.Count;
        while (place > 0 && string.CompareOrdinal(Rows[place - 1].Id, id) > 0)
            place--;
        Rows.Insert(place, row);
        return row;
    }
}
