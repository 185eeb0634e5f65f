using System.Globalization;
using System.Text;
using Hachi.Object.Plan;

namespace Hachi.Linux.Run;

/// <summary>Buckets: their bounds, and bars of them.</summary>
internal static class Histograms
{
    private const int BarColumns = 52;

    /// <summary>Bounds of a bucket: from, and up to but not including; null for none.</summary>
    public static (long? From, long? To) Bounds(PlanType type, int bucket)
    {
        if (type.Kind == PlanKind.LinearHistogram)
        {
            (long least, long most, long step) = (type.Numbers[0], type.Numbers[1], type.Numbers[2]);
            int last = (type.SizeBytes / 8) - 1;
            return bucket == 0 ? (null, least) : bucket == last ? (most, null) : (least + ((bucket - 1) * step), Math.Min(most, least + (bucket * step)));
        }
        int bits = (int)(type.Numbers.Length > 0 ? type.Numbers[0] : 0);
        if (bucket == 0)
            return (null, 0);
        long index = bucket - 1;
        if (index < 1L << bits)
            return (index, index + 1);
        // Behind the single numbers: parts of powers of two.
        int group = (int)(index >> bits);
        long part = index & ((1L << bits) - 1);
        int power = group - 1 + bits;
        ulong width = 1UL << (power - bits), from = (1UL << power) + ((ulong)part * width);
        return ((long)from, power == 63 && part == (1L << bits) - 1 ? null : (long)(from + width));
    }

    /// <summary>Lines with a bar each, from the first bucket that has something to the last.</summary>
    public static string Text(PlanType type, ReadOnlySpan<ulong> counts)
    {
        int first = 0, last = counts.Length - 1;
        while (first < counts.Length && counts[first] == 0)
            first++;
        while (last >= 0 && counts[last] == 0)
            last--;
        ulong most = 0;
        foreach (ulong count in counts)
            most = Math.Max(most, count);
        var text = new StringBuilder();
        for (int i = first; i <= last; i++)
        {
            int columns = most == 0 ? 0 : (int)(counts[i] * (double)BarColumns / most);
            text.Append(Label(type, i).PadRight(16)).Append(counts[i].ToString(CultureInfo.InvariantCulture).PadLeft(8)).Append(" |").Append('@', columns).Append(' ', BarColumns - columns).Append("|\n");
        }
        return text.ToString();
    }

    /// <summary>A bucket's bounds as people read them.</summary>
    public static string Label(PlanType type, int bucket)
    {
        (long? from, long? to) = Bounds(type, bucket);
        bool isPower = type.Kind == PlanKind.Histogram;
        if (from is null)
            return $"(..., {Short(to!.Value, isPower)})";
        if (to is null)
            return $"[{Short(from.Value, isPower)}, ...)";
        return isPower && to - from == 1 ? $"[{Short(from.Value, isPower)}]" : $"[{Short(from.Value, isPower)}, {Short(to.Value, isPower)})";
    }

    // Powers of two are short with a letter.
    private static string Short(long value, bool isPower)
    {
        const string Letters = "KMGTPE";
        if (!isPower || value < 1024)
            return value.ToString(CultureInfo.InvariantCulture);
        int letter = -1;
        while (value >= 1024 && value % 1024 == 0 && letter < 5)
        {
            value /= 1024;
            letter++;
        }
        return value.ToString(CultureInfo.InvariantCulture) + (letter >= 0 ? Letters[letter] : "");
    }

    /// <summary>The buckets that have something, as JSON.</summary>
    public static string Json(PlanType type, ReadOnlySpan<ulong> counts)
    {
        var all = new List<string>();
        int first = 0, last = counts.Length - 1;
        while (first < counts.Length && counts[first] == 0)
            first++;
        while (last >= 0 && counts[last] == 0)
            last--;
        for (int i = first; i <= last; i++)
        {
            (long? from, long? to) = Bounds(type, i);
            var parts = new List<string>();
            if (from is not null)
                parts.Add($"\"min\": {from}");
            if (to is not null)
                parts.Add($"\"max\": {to - 1}");
            parts.Add($"\"count\": {counts[i]}");
            all.Add("{" + string.Join(", ", parts) + "}");
        }
        return "[" + string.Join(", ", all) + "]";
    }
}
