namespace Hachi.Text;

/// <summary>The suggestion after a mistyped word.</summary>
public static class Nearest
{
    // Longer words are not typing errors, and thousands of candidates (labels of a hostile program) are not worth the time.
    private const int WordLengthMax = 24;
    private const int CandidatesMax = 1000;

    /// <summary>The candidate that the word was probably meant to be: a third of its letters may differ. Null where none is near.</summary>
    public static string? To(ReadOnlySpan<char> word, IEnumerable<string> candidates)
    {
        ArgumentNullException.ThrowIfNull(candidates);
        string? best = null;
        int least = Math.Max(1, word.Length / 3) + 1;
        foreach (string candidate in candidates.Take(CandidatesMax))
        {
            int distance = Distance(word, candidate, least);
            if (distance < least && candidate.Length > 0 && !word.SequenceEqual(candidate))
            {
                least = distance;
                best = candidate;
            }
        }
        return best;
    }

    /// <summary>Edit distance with swaps of neighbours (optimal string alignment); at most <paramref name="limit"/> is told exactly.</summary>
    private static int Distance(ReadOnlySpan<char> a, ReadOnlySpan<char> b, int limit)
    {
        if (Math.Abs(a.Length - b.Length) >= limit || a.Length > WordLengthMax || b.Length > WordLengthMax)
            return limit;
        Span<int> rows = stackalloc int[3 * (b.Length + 1)];
        int width = b.Length + 1;
        for (int j = 0; j < width; j++)
            rows[j] = j;
        for (int i = 1; i <= a.Length; i++)
        {
            Span<int> row = rows.Slice(i % 3 * width, width);
            Span<int> up = rows.Slice((i - 1) % 3 * width, width);
            row[0] = i;
            for (int j = 1; j < width; j++)
            {
                int cost = a[i - 1] == b[j - 1] ? 0 : 1;
                int best = Math.Min(Math.Min(up[j] + 1, row[j - 1] + 1), up[j - 1] + cost);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                    best = Math.Min(best, rows[(i - 2) % 3 * width + j - 2] + 1);
                row[j] = best;
            }
        }
        return rows[a.Length % 3 * width + b.Length];
    }
}
