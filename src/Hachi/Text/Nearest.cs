namespace Hachi.Text;

/// <summary>The suggestion after a mistyped word.</summary>
public static class Nearest
{
    private const int WordLengthMax = 24;

    /// <summary>The candidate that the word was probably meant to be: a third of its letters may differ. Null where none is near.</summary>
    public static string? To(string word, IEnumerable<string> candidates)
    {
        ArgumentNullException.ThrowIfNull(word);
        ArgumentNullException.ThrowIfNull(candidates);
        string? best = null;
        int least = Math.Max(1, word.Length / 3) + 1;
        foreach (string candidate in candidates)
        {
            int distance = Distance(word, candidate, least);
            if (distance < least && candidate != word)
            {
                least = distance;
                best = candidate;
            }
        }
        return best;
    }

    /// <summary>Edit distance with swaps of neighbours (optimal string alignment); at most <paramref name="limit"/> is told exactly.</summary>
    private static int Distance(string a, string b, int limit)
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
