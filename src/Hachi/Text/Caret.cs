using System.Globalization;
using System.Text;

namespace Hachi.Text;

/// <summary>Shows a diagnostic under the text that it is about: the text, carets under the wrong words, the message, the hint.</summary>
/// <remarks>
/// What comes out is safe for a terminal: what <see cref="Escaper"/> escapes is escaped, and the carets stand right under it, as they do under characters
/// that are two columns wide. A long text is cut to a window around the place.
/// </remarks>
public static class Caret
{
    private const string Cut = "...";

    /// <summary>Renders a diagnostic in two to four lines without a line break at the end.</summary>
    /// <param name="text">The text that was compiled.</param>
    /// <param name="diagnostic">What is wrong with it.</param>
    /// <param name="columnsMax">Width that the text line may have; at least 40 is used.</param>
    public static string Render(string text, Diagnostic diagnostic, int columnsMax = 100)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(diagnostic);
        var output = new StringBuilder();
        if (text.Length != 0)
            Lines(output, text, diagnostic.Span, Math.Max(columnsMax, 40));
        string severity = diagnostic.Severity switch { Severity.Error => "error", Severity.Warning => "warning", _ => "note" };
        output.Append(severity).Append(": ");
        Escaper.Append(output, diagnostic.Message);
        output.Append(" [").Append(diagnostic.Id).Append(']');
        if (diagnostic.Hint is not null)
        {
            output.Append("\nhint: ");
            Escaper.Append(output, diagnostic.Hint, keepLines: true);
        }
        return output.ToString();
    }

    /// <summary>As <see cref="Render"/>, for a text of several lines: only the line of the place is shown, behind its number.</summary>
    /// <param name="text">The text that was compiled.</param>
    /// <param name="diagnostic">What is wrong with it.</param>
    /// <param name="columnsMax">Width that the text line may have; at least 40 is used.</param>
    public static string RenderLine(string text, Diagnostic diagnostic, int columnsMax = 100)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(diagnostic);
        int start = Math.Clamp(diagnostic.Span.Start, 0, text.Length);
        int lineStart = start == 0 ? 0 : text.LastIndexOf('\n', start - 1) + 1;
        int lineEnd = text.IndexOf('\n', start);
        if (lineStart == 0 && lineEnd < 0)
            return Render(text, diagnostic, columnsMax);
        string line = text[lineStart..(lineEnd < 0 ? text.Length : lineEnd)];
        int number = text.AsSpan(0, lineStart).Count('\n') + 1;
        return string.Create(CultureInfo.InvariantCulture, $"line {number}:\n{Render(line, diagnostic with { Span = diagnostic.Span with { Start = start - lineStart } }, columnsMax)}");
    }

    private static void Lines(StringBuilder output, string text, TextSpan span, int columnsMax)
    {
        int start = Math.Clamp(span.Start, 0, text.Length);
        int end = Math.Clamp(span.End, start, text.Length);
        (int from, int to) = Window(text, start, end, columnsMax - 2 * Cut.Length);
        var marks = new StringBuilder("  ");
        output.Append("  ");
        if (from > 0)
        {
            output.Append(Cut);
            marks.Append(' ', Cut.Length);
        }
        for (int i = from; i < to;)
        {
            int length = Append(output, text, i, out int columns);
            bool marked = i < end && i + length > start;
            marks.Append(marked ? '^' : ' ', columns);
            i += length;
        }
        if (start == end && start >= to)
            marks.Append('^');
        if (to < text.Length)
            output.Append(Cut);
        if (start == end && start < to)
            Point(marks, text, from, start);
        output.Append('\n').Append(marks.ToString().TrimEnd()).Append('\n');
    }

    /// <summary>A place between two characters is marked under the second.</summary>
    private static void Point(StringBuilder marks, string text, int from, int at)
    {
        var before = new StringBuilder();
        int column = 2 + (from > 0 ? Cut.Length : 0);
        for (int i = from; i < at;)
        {
            i += Append(before, text, i, out int columns);
            column += columns;
        }
        if (column < marks.Length)
            marks[column] = '^';
    }

    /// <summary>The part of the text to show: all, or as much around the span as fits (of a long span the beginning).</summary>
    private static (int From, int To) Window(string text, int start, int end, int columnsMax)
    {
        var scratch = new StringBuilder();
        int used = 0;
        int from = start;
        int to = start;
        // The span first, then by turns one to the right and one to the left.
        while (to < end && TryGrow(text, to, columnsMax, scratch, ref used))
            to += UnitLength(text, to);
        bool left = true;
        bool right = true;
        while (left || right)
        {
            right = right && to < text.Length && TryGrow(text, to, columnsMax, scratch, ref used);
            if (right)
                to += UnitLength(text, to);
            int previous = from > 1 && char.IsLowSurrogate(text[from - 1]) && char.IsHighSurrogate(text[from - 2]) ? from - 2 : from - 1;
            left = left && from > 0 && TryGrow(text, previous, columnsMax, scratch, ref used);
            if (left)
                from = previous;
        }
        return (from, to);
    }

    private static bool TryGrow(string text, int at, int columnsMax, StringBuilder scratch, ref int used)
    {
        scratch.Clear();
        Append(scratch, text, at, out int columns);
        if (used + columns > columnsMax)
            return false;
        used += columns;
        return true;
    }

    private static int UnitLength(string text, int at) => char.IsHighSurrogate(text[at]) && at + 1 < text.Length && char.IsLowSurrogate(text[at + 1]) ? 2 : 1;

    /// <summary>Appends one character, or its escape; returns how many UTF-16 units it is.</summary>
    private static int Append(StringBuilder output, string text, int at, out int columns)
    {
        int before = output.Length;
        int length = UnitLength(text, at);
        Escaper.Append(output, text.AsSpan(at, length));
        columns = output.Length - before;
        bool asItIs = columns == length && output[before] == text[at];
        if (asItIs && Rune.TryGetRuneAt(text, at, out Rune rune))
            columns = IsInvisible(rune) ? 0 : IsWide(rune.Value) ? 2 : 1;
        return length;
    }

    private static bool IsInvisible(Rune rune) =>
        Rune.GetUnicodeCategory(rune) is UnicodeCategory.Format or UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark;

    /// <summary>Whether terminals give a character two columns (the blocks of Unicode's East Asian wide and full-width characters, and emoji).</summary>
    private static bool IsWide(int value) => value is >= 0x1100 and <= 0x115f or >= 0x2e80 and <= 0x303e or >= 0x3041 and <= 0xa4cf or >= 0xac00 and <= 0xd7a3
        or >= 0xf900 and <= 0xfaff or >= 0xfe30 and <= 0xfe6f or >= 0xff00 and <= 0xff60 or >= 0xffe0 and <= 0xffe6 or >= 0x1f300 and <= 0x1f64f
        or >= 0x1f900 and <= 0x1f9ff or >= 0x20000 and <= 0x3fffd;
}
