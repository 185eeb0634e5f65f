namespace Hachi.Ir;

/// <summary>A set of 32-bit words as sorted, disjoint, non-adjacent closed intervals. Immutable.</summary>
public sealed class IntervalSet
{
    private readonly (uint Lo, uint Hi)[] _intervals;

    private IntervalSet((uint Lo, uint Hi)[] intervals) => _intervals = intervals;

    /// <summary>The intervals, ascending.</summary>
    public ReadOnlySpan<(uint Lo, uint Hi)> Intervals => _intervals;

    /// <summary>Makes a set of intervals in any order; they may overlap.</summary>
    public static IntervalSet Of(ReadOnlySpan<(uint Lo, uint Hi)> parts)
    {
        (uint Lo, uint Hi)[] sorted = parts.ToArray();
        for (int i = 1; i < sorted.Length; i++)
        {
            if (sorted[i].Lo >= sorted[i - 1].Lo)
                continue;
            Array.Sort(sorted, static (x, y) => x.Lo.CompareTo(y.Lo));
            break;
        }
        int count = 0;
        foreach ((uint lo, uint hi) in sorted)
        {
            if (count > 0 && (sorted[count - 1].Hi == uint.MaxValue || lo <= sorted[count - 1].Hi + 1))
                sorted[count - 1].Hi = Math.Max(sorted[count - 1].Hi, hi);
            else
                sorted[count++] = (lo, hi);
        }
        return new IntervalSet(sorted[..count]);
    }

    /// <summary>Whether a word is in the set.</summary>
    public bool Contains(uint value)
    {
        int low = 0, high = _intervals.Length - 1;
        while (low <= high)
        {
            int mid = (low + high) / 2;
            if (value < _intervals[mid].Lo)
                high = mid - 1;
            else if (value > _intervals[mid].Hi)
                low = mid + 1;
            else
                return true;
        }
        return false;
    }
}
