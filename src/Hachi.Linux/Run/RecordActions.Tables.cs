using System.Buffers;
using Hachi.Object.Plan;

namespace Hachi.Linux.Run;

/// <summary>Maps and records as tables: drawn anew on a terminal, and as comma-separated values.</summary>
internal sealed partial class RecordActions
{
    private static readonly SearchValues<char> s_quoted = SearchValues.Create(",\"\r\n");

    private bool IsCsv => _options.Format == TraceFormat.Csv;

    /// <summary>Draws every map that has something, the largest entries first.</summary>
    public void Draw()
    {
        PlanMap[] maps = [.. _plan.Maps.Where(plan => !MapReport.IsEmpty(_loaded.Maps[plan.Map], plan, isCleared: true)).OrderBy(plan => plan.Name, StringComparer.Ordinal)];
        _output.Write(_options.RedrawStart);
        _output.Write(TimeText.Format("%H:%M:%S\n", DateTime.Now, 0));
        foreach (PlanMap plan in maps)
        {
            _output.Write("\n");
            _output.Write(_maps.Top(_loaded.Maps[plan.Map], plan, Math.Max(1, (_options.RedrawLines - 2) / maps.Length - 2)));
        }
        _output.Flush();
    }

    private void PrintRow(PlanEvent known, ReadOnlySpan<byte> record)
    {
        var row = new List<string>(known.Fields.Length);
        foreach (PlanField field in known.Fields)
            row.Add(_values.Text(record[field.Offset..], field.Type));
        WriteRow(row);
    }

    private void WriteRow(List<string> cells)
    {
        for (int i = 0; i < cells.Count; i++)
        {
            if (i > 0)
                _output.Write(',');
            string cell = cells[i];
            _output.Write(cell.AsSpan().ContainsAny(s_quoted) ? $"\"{cell.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : cell);
        }
        _output.Write('\n');
    }
}
