using Hachi.Text;

namespace Hachi.Cli;

/// <summary>Shows a place in a source text: the line, and a caret under the wrong word.</summary>
internal static class SourceLine
{
    private const int WidthMax = 100;

    /// <summary>Writes two lines, indented by two: the line (a window of it when it is long) and <c>^~~~</c>.</summary>
    public static void Write(TextWriter to, string source, TextSpan span)
    {
        int start = Math.Clamp(span.Start, 0, source.Length);
        int lineStart = start == 0 ? 0 : source.LastIndexOf('\n', start - 1) + 1;
        int lineEnd = source.IndexOf('\n', start);
        if (lineEnd < 0)
            lineEnd = source.Length;
        if (lineEnd == lineStart)
            return;

        // A long line is cut to a window around the place.
        int from = Math.Max(lineStart, start - WidthMax / 2);
        int to_ = Math.Min(lineEnd, from + WidthMax);
        string before = from > lineStart ? "..." : "";
        string after = to_ < lineEnd ? "..." : "";
        int marked = Math.Clamp(span.Length, 1, Math.Max(1, to_ - start));
        to.WriteLine("  " + before + Clean(source[from..to_]) + after);
        to.WriteLine("  " + new string(' ', before.Length + start - from) + "^" + new string('~', marked - 1));
    }

    // One column a character, so that the caret stands where it should.
    private static string Clean(string text) =>
        string.Create(text.Length, text, static (target, from) =>
        {
            for (int i = 0; i < target.Length; i++)
                target[i] = char.IsControl(from[i]) ? ' ' : from[i];
        });
}
