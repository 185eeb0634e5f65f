namespace Hachi.Text;

/// <summary>A piece of a source text: where it starts and how long it is, in UTF-16 code units.</summary>
/// <param name="Start">Index of the first character, from 0.</param>
/// <param name="Length">Number of characters; 0 names a place between two characters.</param>
public readonly record struct TextSpan(int Start, int Length)
{
    /// <summary>Index of the first character after the span.</summary>
    public int End => Start + Length;

    /// <summary>The smallest span that covers both.</summary>
    public static TextSpan Cover(TextSpan a, TextSpan b)
    {
        int start = Math.Min(a.Start, b.Start);
        return new TextSpan(start, Math.Max(a.End, b.End) - start);
    }
}
