namespace Hachi.Asm;

/// <summary>"Did you mean": the word of a list that is the fewest edits away.</summary>
internal static class Nearest
{
    // Longer words are not typing errors of ours; this also bounds the work on hostile input.
    private const int WordMax = 24, CandidatesMax = 1000;

    /// <summary>The nearest candidate, when it is near enough to be meant; otherwise null.</summary>
    public static string? Find(ReadOnlySpan<char> word, IEnumerable<string> candidates)
    {
        if (word.Length is 0 or > WordMax)
            return null;
        string? best = null;
        int bestDistance = 1 + word.Length / 3;
        foreach (string candidate in candidates.Take(CandidatesMax))
        {
            if (Math.Abs(candidate.Length - word.Length) > bestDistance || candidate.Length > WordMax)
                continue;
            int distance = Distance(word, candidate);
            if (distance < bestDistance || distance == bestDistance && best is null && distance < word.Length)
                (best, bestDistance) = (candidate, distance);
        }
        return best;
    }

    /// <summary>Insertions, deletions, replacements and swaps of neighbours between two words.</summary>
    private static int Distance(ReadOnlySpan<char> a, ReadOnlySpan<char> b)
    {
        Span<int> before = stackalloc int[WordMax + 1], previous = stackalloc int[WordMax + 1], current = stackalloc int[WordMax + 1];
        for (int j = 0; j <= b.Length; j++)
            previous[j] = j;
        for (int i = 1; i <= a.Length; i++)
        {
            current[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int cost = a[i - 1] == b[j - 1] ? 0 : 1;
                current[j] = Math.Min(Math.Min(previous[j] + 1, current[j - 1] + 1), previous[j - 1] + cost);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                    current[j] = Math.Min(current[j], before[j - 2] + 1);
            }
            Span<int> spare = before;
            before = previous;
            previous = current;
            current = spare;
        }
        return previous[b.Length];
    }
}
