using System.Buffers.Binary;
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

/// <summary>Values by the intervals of time that they fell into.</summary>
internal static class Series
{
    private const int RowBytes = 24, ChartColumns = 51;

    /// <summary>An interval: its number, its value, how many were added to it.</summary>
    public readonly record struct Row(ulong Interval, long Value, ulong Count);

    /// <summary>Adds what one processor has to what others have. The newer interval takes the place of the older.</summary>
    public static void Merge(Span<byte> merged, ReadOnlySpan<byte> part, PlanType type)
    {
        for (int at = 0; at + RowBytes <= type.SizeBytes; at += RowBytes)
        {
            Row mine = At(merged, at), other = At(part, at);
            if (other.Count == 0 || (mine.Count > 0 && mine.Interval > other.Interval))
                continue;
            Row sum = mine.Count == 0 || mine.Interval < other.Interval ? other : new Row(mine.Interval, Both(mine, other, type), mine.Count + other.Count);
            BinaryPrimitives.WriteUInt64LittleEndian(merged[at..], sum.Interval);
            BinaryPrimitives.WriteInt64LittleEndian(merged[(at + 8)..], sum.Value);
            BinaryPrimitives.WriteUInt64LittleEndian(merged[(at + 16)..], sum.Count);
        }
    }

    private static long Both(Row a, Row b, PlanType type) => type.Text switch
    {
        "sum" or "avg" => unchecked(a.Value + b.Value),
        "min" => type.IsSigned ? Math.Min(a.Value, b.Value) : (long)Math.Min((ulong)a.Value, (ulong)b.Value),
        "max" => type.IsSigned ? Math.Max(a.Value, b.Value) : (long)Math.Max((ulong)a.Value, (ulong)b.Value),
        _ => b.Value,
    };

    private static Row At(ReadOnlySpan<byte> value, int at) => new(ValueReader.Word(value, at), (long)ValueReader.Word(value, at + 8), ValueReader.Word(value, at + 16));

    /// <summary>The intervals from the first that has a value to the last, those without one among them.</summary>
    public static List<Row> Read(ReadOnlySpan<byte> value, PlanType type)
    {
        var rows = new List<Row>();
        for (int at = 0; at + RowBytes <= value.Length && at + RowBytes <= type.SizeBytes; at += RowBytes)
            if (At(value, at) is { Count: > 0 } row)
                rows.Add(type.Text == "avg" ? row with { Value = type.IsSigned ? row.Value / (long)row.Count : (long)((ulong)row.Value / row.Count) } : row);
        rows.Sort((a, b) => a.Interval.CompareTo(b.Interval));
        // What is older than the whole series was not overwritten yet.
        ulong last = rows.Count > 0 ? rows[^1].Interval : 0, length = (ulong)type.Numbers[1];
        rows.RemoveAll(row => row.Interval + length <= last);
        var all = new List<Row>();
        foreach (Row row in rows)
        {
            while (all.Count > 0 && all[^1].Interval + 1 < row.Interval)
                all.Add(new Row(all[^1].Interval + 1, 0, 0));
            all.Add(row);
        }
        return all;
    }

    /// <summary>A line each: its time, a mark between the least and the greatest value, the value.</summary>
    public static string Text(List<Row> rows, PlanType type, ValueText values)
    {
        List<Row> filled = rows.FindAll(row => row.Count > 0);
        if (filled.Count == 0)
            return "";
        long least = filled.Min(row => row.Value), most = filled.Max(row => row.Value);
        string from = least.ToString(CultureInfo.InvariantCulture), to = most.ToString(CultureInfo.InvariantCulture);
        var text = new StringBuilder();
        text.Append(' ', 14).Append(from).Append(' ', Math.Max(1, ChartColumns - from.Length - to.Length)).Append(to).Append('\n');
        text.Append("hh:mm:ss.ms  |").Append('_', ChartColumns).Append("|\n");
        foreach (Row row in rows)
        {
            int mark = row.Count == 0 ? -1 : most == least ? 0 : (int)((row.Value - (double)least) / (most - (double)least) * (ChartColumns - 1));
            text.Append(values.TimeOf(row.Interval * (ulong)type.Numbers[0]).ToString("HH:mm:ss.fff", CultureInfo.InvariantCulture)).Append(" |");
            for (int i = 0; i < ChartColumns; i++)
                text.Append(i == mark ? '*' : ' ');
            text.Append("| ").Append(row.Count == 0 ? "-" : row.Value.ToString(CultureInfo.InvariantCulture)).Append('\n');
        }
        return text.Append(' ', 13).Append('v').Append('_', ChartColumns).Append("v\n").ToString();
    }

    /// <summary>The intervals that have a value, as JSON.</summary>
    public static string Json(List<Row> rows, PlanType type, ValueText values) =>
        "[" + string.Join(", ", rows.Where(row => row.Count > 0).Select(row => string.Create(CultureInfo.InvariantCulture, $"{{\"interval_start\": \"{values.TimeOf(row.Interval * (ulong)type.Numbers[0]):HH:mm:ss.fff}\", \"value\": {row.Value}}}"))) + "]";
}
