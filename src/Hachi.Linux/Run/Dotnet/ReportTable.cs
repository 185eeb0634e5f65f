using System.Globalization;
using System.Text;
using Hachi.Text;

namespace Hachi.Linux.Run.Dotnet;

/// <summary>A column of a report.</summary>
/// <param name="Name">Its name in JSON and CSV: stable, with the unit last.</param>
/// <param name="Title">What stands on top of it.</param>
/// <param name="Width">Letters that it takes, to the left where negative; 0 for the last one.</param>
internal readonly record struct ReportColumn(string Name, string Title, int Width);

/// <summary>What stands in a place of a report.</summary>
internal readonly record struct ReportCell(string Text, bool IsNumber)
{
    public static implicit operator ReportCell(string text) => new(text, false);

    public static implicit operator ReportCell(long number) => new(number.ToString(CultureInfo.InvariantCulture), true);

    /// <summary>Milliseconds, seconds or megabytes, with thousandths.</summary>
    public static ReportCell Of(double number) => new(number.ToString("0.000", CultureInfo.InvariantCulture), true);
}

/// <summary>Writes the rows of a report as text, JSON or CSV. What it shows comes from a process that may be hostile: it is escaped.</summary>
internal sealed class ReportTable(TextWriter output, TraceFormat format, string type, ReportColumn[] columns)
{
    /// <summary>Writes what stands on top.</summary>
    public void Begin()
    {
        if (format == TraceFormat.Text)
            Line(columns.Select(column => (ReportCell)column.Title));
        else if (format == TraceFormat.Csv)
            output.Write(string.Join(',', columns.Select(column => column.Name)) + "\n");
    }

    /// <summary>Writes a row.</summary>
    /// <param name="cells">A cell for each column.</param>
    /// <param name="stack">The functions that the thread was in, innermost first.</param>
    public void Row(ReportCell[] cells, IReadOnlyList<string> stack)
    {
        switch (format)
        {
            case TraceFormat.Json:
                string fields = string.Join(", ", columns.Zip(cells).Select(pair => $"{ValueText.Quote(pair.First.Name)}: {(pair.Second.IsNumber ? pair.Second.Text : ValueText.Quote(pair.Second.Text))}"));
                string frames = stack.Count == 0 ? "" : $", \"stack\": [{string.Join(", ", stack.Select(ValueText.Quote))}]";
                output.Write($"{{\"type\": \"{type}\", \"data\": {{{fields}{frames}}}}}\n");
                break;
            case TraceFormat.Csv:
                output.Write(string.Join(',', cells.Select(cell => Quoted(cell.Text))) + "\n");
                break;
            default:
                Line(cells);
                foreach (string frame in stack)
                    output.Write($"    {Escaper.Escape(frame)}\n");
                break;
        }
    }

    /// <summary>Writes what all of it comes to.</summary>
    /// <param name="text">As people read it: lines.</param>
    /// <param name="values">As programs do.</param>
    public void Sum(string text, IReadOnlyList<(string Name, ReportCell Value)> values)
    {
        if (format == TraceFormat.Text)
            output.Write(text);
        else if (format == TraceFormat.Json)
            output.Write($"{{\"type\": \"{type}_summary\", \"data\": {{{string.Join(", ", values.Select(pair => $"{ValueText.Quote(pair.Name)}: {(pair.Value.IsNumber ? pair.Value.Text : ValueText.Quote(pair.Value.Text))}"))}}}}}\n");
    }

    public void Flush() => output.Flush();

    private void Line(IEnumerable<ReportCell> cells)
    {
        var line = new StringBuilder();
        foreach ((ReportColumn column, ReportCell cell) in columns.Zip(cells))
        {
            string text = Escaper.Escape(cell.Text);
            line.Append(line.Length == 0 ? "" : " ").Append(column.Width < 0 ? text.PadRight(-column.Width) : text.PadLeft(column.Width));
        }
        output.Write(line.ToString().TrimEnd() + "\n");
    }

    private static string Quoted(string text) => text.AsSpan().IndexOfAny(",\"\n\r") < 0 ? text : "\"" + text.Replace("\"", "\"\"", StringComparison.Ordinal) + "\"";
}
