using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Hachi.Linux.Events;
using Hachi.Linux.Load;
using Hachi.Object.Plan;

namespace Hachi.Linux.Run;

/// <summary>Maps as they are printed: what processors have is put together, entries are sorted.</summary>
internal sealed class MapReport(ValueText values)
{
    /// <summary>An entry: its key, its value, and what it is sorted by.</summary>
    private readonly record struct Entry(byte[] Key, byte[] Value, long Order);

    /// <summary>A map as text.</summary>
    /// <param name="map">The map.</param>
    /// <param name="plan">What it holds.</param>
    /// <param name="top">Only so many of the largest; 0 for all.</param>
    /// <param name="divisor">What values are divided by; 0 or 1 for nothing.</param>
    public string Text(Map map, PlanMap plan, long top, long divisor)
    {
        var text = new StringBuilder();
        foreach (Entry entry in Entries(map, plan, top))
        {
            string key = plan.Key is null ? "" : $"[{values.Key(entry.Key, plan.Key)}]";
            text.Append(plan.Name).Append(key).Append(": ").Append(Value(entry.Value, plan.Value, divisor)).Append('\n');
        }
        return text.ToString();
    }

    /// <summary>The largest entries, the largest first, in at most so many lines; what is left out is counted.</summary>
    public string Top(Map map, PlanMap plan, int lines)
    {
        List<Entry> entries = Entries(map, plan, 0);
        entries.Reverse();
        var text = new StringBuilder();
        int used = 0, shown = 0;
        foreach (Entry entry in entries)
        {
            string key = plan.Key is null ? "" : $"[{values.Key(entry.Key, plan.Key)}]", one = $"{plan.Name}{key}: {Value(entry.Value, plan.Value, 0)}";
            one = one.EndsWith('\n') ? one : one + "\n";
            used += one.AsSpan().Count('\n');
            if (used > lines && shown > 0)
                break;
            text.Append(one);
            shown++;
        }
        return shown < entries.Count ? text.Append(CultureInfo.InvariantCulture, $"... and {entries.Count - shown} more\n").ToString() : text.ToString();
    }

    /// <summary>A map as rows of cells: its name, the parts of the key, the value or a bucket.</summary>
    public List<List<string>> Rows(Map map, PlanMap plan, long top, long divisor)
    {
        var rows = new List<List<string>>();
        foreach (Entry entry in Entries(map, plan, top))
        {
            List<string> row = [plan.Name];
            if (plan.Key is { Kind: PlanKind.Tuple } tuple)
                row.AddRange(tuple.Members.Select(member => values.Text(entry.Key.AsSpan(member.Offset), member.Type)));
            else if (plan.Key is { } key)
                row.Add(values.Key(entry.Key, key));
            AddValue(rows, row, entry.Value, plan.Value, divisor);
        }
        return rows;
    }

    private void AddValue(List<List<string>> rows, List<string> row, byte[] value, PlanType type, long divisor)
    {
        CultureInfo plain = CultureInfo.InvariantCulture;
        if (type.Kind is PlanKind.Histogram or PlanKind.LinearHistogram)
        {
            ulong[] counts = Divided(Counts(value, type), divisor);
            for (int i = 0; i < counts.Length; i++)
                if (counts[i] > 0 && Histograms.Bounds(type, i) is var (from, to))
                    rows.Add([.. row, from?.ToString(plain) ?? "", to?.ToString(plain) ?? "", counts[i].ToString(plain)]);
        }
        else if (type.Kind == PlanKind.Stats)
            rows.Add([.. row, ValueReader.Word(value, 8).ToString(plain), Average(value, type.IsSigned).ToString(plain), ((long)ValueReader.Word(value)).ToString(plain)]);
        else
            rows.Add([.. row, Value(value, type, divisor)]);
    }

    /// <summary>One entry as text; empty where there is none.</summary>
    public string One(Map map, PlanMap plan, ReadOnlySpan<byte> key)
    {
        byte[] found = new byte[map.ValueBytes];
        if (!map.TryGet(key, found))
            return "";
        return $"{plan.Name}[{values.Key(key, plan.Key!)}]: {Value(Merge(found, plan), plan.Value, 0)}\n";
    }

    /// <summary>A map as JSON.</summary>
    public (string Type, string Data) Json(Map map, PlanMap plan, long top, long divisor)
    {
        string type = plan.Value.Kind switch { PlanKind.Histogram or PlanKind.LinearHistogram => "hist", PlanKind.Stats or PlanKind.Average => "stats", PlanKind.TimeSeries => "tseries", _ => "map" };
        List<Entry> entries = Entries(map, plan, top);
        if (plan.Key is null)
            return (type, $"{{{ValueText.Quote(plan.Name)}: {(entries.Count > 0 ? JsonValue(entries[0].Value, plan.Value, divisor) : "0")}}}");
        var parts = entries.ConvertAll(entry => $"{ValueText.Quote(values.Key(entry.Key, plan.Key).Replace(", ", ",", StringComparison.Ordinal))}: {JsonValue(entry.Value, plan.Value, divisor)}");
        return (type, $"{{{ValueText.Quote(plan.Name)}: {{{string.Join(", ", parts)}}}}}");
    }

    /// <summary>Adds the stacks among a map's keys to a flame graph, each counting as much as its value.</summary>
    public void AddStacks(Map map, PlanMap plan, FlameGraph graph, Names names)
    {
        if (plan.Key is not { } key || plan.Value.Kind is not (PlanKind.Count or PlanKind.Sum or PlanKind.Int))
            return;
        PlanMember[] parts = key.Kind == PlanKind.Tuple ? [.. key.Members] : [new PlanMember("", 0, key)];
        PlanMember[] stacks = [.. parts.Where(part => part.Type.Kind is PlanKind.KernelStack or PlanKind.UserStack)];
        if (stacks.Length == 0)
            return;
        foreach (Entry entry in Entries(map, plan, 0))
        {
            // What else is in the key stands below: the process's name, say. The kernel's functions stand on the user's.
            IEnumerable<string> below = parts.Where(part => !stacks.Contains(part)).Select(part => values.Text(entry.Key.AsSpan(part.Offset), part.Type));
            IEnumerable<string> frames = stacks.OrderBy(part => part.Type.Kind == PlanKind.KernelStack).SelectMany(part => names.Functions(ValueReader.Number(entry.Key.AsSpan(part.Offset), part.Type with { SizeBytes = 8 }), part.Type));
            graph.Add(below.Concat(frames).ToList(), entry.Order);
        }
    }

    /// <summary>Whether there is anything to print: what adds up and was never added to is left out.</summary>
    public static bool IsEmpty(Map map, PlanMap plan, bool isCleared)
    {
        List<Entry> entries = Entries(map, plan, 0);
        return entries.Count == 0 || (plan.Key is null && (isCleared || plan.IsPerCpu) && entries[0].Value.AsSpan().IndexOfAnyExcept((byte)0) < 0);
    }

    private static List<Entry> Entries(Map map, PlanMap plan, long top)
    {
        var entries = new List<Entry>();
        foreach ((byte[] key, byte[] raw) in MapEntries.Of(map))
        {
            byte[] value = Merge(raw, plan);
            entries.Add(new Entry(key, value, Order(value, plan.Value)));
        }
        bool byValue = plan.Value.Kind is PlanKind.Int or PlanKind.Bool or PlanKind.Count or PlanKind.Sum or PlanKind.Min or PlanKind.Max or PlanKind.Average or PlanKind.Stats or PlanKind.Histogram or PlanKind.LinearHistogram;
        entries.Sort((a, b) => byValue && a.Order != b.Order ? a.Order.CompareTo(b.Order) : Compare(a.Key, b.Key, plan.Key));
        return top > 0 && entries.Count > top ? entries[^(int)Math.Min(top, entries.Count)..] : entries;
    }

    // Numbers are compared as numbers, all else as bytes.
    private static int Compare(byte[] a, byte[] b, PlanType? type)
    {
        if (type is { Kind: PlanKind.Tuple })
        {
            foreach (PlanMember member in type.Members)
                if (Compare(a[member.Offset..], b[member.Offset..], member.Type) is not 0 and int order)
                    return order;
            return 0;
        }
        if (type is { Kind: PlanKind.Int or PlanKind.Enum or PlanKind.Bool or PlanKind.Pointer })
            return type.IsSigned ? ValueReader.Number(a, type).CompareTo(ValueReader.Number(b, type)) : ((ulong)ValueReader.Number(a, type)).CompareTo((ulong)ValueReader.Number(b, type));
        int size = Math.Min(Math.Min(a.Length, b.Length), type?.SizeBytes ?? 0);
        return a.AsSpan(0, size).SequenceCompareTo(b.AsSpan(0, size));
    }

    /// <summary>One value of those that processors have.</summary>
    private static byte[] Merge(byte[] raw, PlanMap plan)
    {
        if (!plan.IsPerCpu)
            return raw;
        int size = (plan.Value.SizeBytes + 7) / 8 * 8;
        byte[] merged = new byte[size];
        for (int at = 0; at + size <= raw.Length; at += size)
            Add(merged, raw.AsSpan(at, size), plan.Value);
        return merged;
    }

    private static void Add(Span<byte> merged, ReadOnlySpan<byte> part, PlanType type)
    {
        if (type.Kind == PlanKind.TimeSeries)
        {
            Series.Merge(merged, part, type);
            return;
        }
        if (type.Kind is PlanKind.Min or PlanKind.Max)
        {
            if (ValueReader.Word(part, 8) == 0)
                return;
            long mine = (long)ValueReader.Word(merged), other = (long)ValueReader.Word(part);
            int order = type.IsSigned ? other.CompareTo(mine) : ((ulong)other).CompareTo((ulong)mine);
            if (ValueReader.Word(merged, 8) == 0 || (type.Kind == PlanKind.Min ? order < 0 : order > 0))
                part.CopyTo(merged);
            return;
        }
        if (type.Kind is PlanKind.Count or PlanKind.Sum or PlanKind.Average or PlanKind.Stats or PlanKind.Histogram or PlanKind.LinearHistogram or PlanKind.Int)
            for (int at = 0; at + 8 <= merged.Length; at += 8)
                BinaryPrimitives.WriteUInt64LittleEndian(merged[at..], unchecked(ValueReader.Word(merged, at) + ValueReader.Word(part, at)));
        else if (merged.IndexOfAnyExcept((byte)0) < 0)
            part.CopyTo(merged);
    }

    private static long Order(ReadOnlySpan<byte> value, PlanType type)
    {
        if (type.Kind is PlanKind.Average or PlanKind.Stats)
            return Average(value, type.IsSigned);
        if (type.Kind is not (PlanKind.Histogram or PlanKind.LinearHistogram))
            return type.SizeBytes > 8 && type.Kind is PlanKind.Int ? 0 : ValueReader.Number(value, type);
        ulong total = 0;
        foreach (ulong count in Counts(value, type))
            total += count;
        return (long)total;
    }

    private static long Average(ReadOnlySpan<byte> value, bool isSigned)
    {
        ulong count = ValueReader.Word(value, 8);
        return count == 0 ? 0 : isSigned ? (long)ValueReader.Word(value) / (long)count : (long)(ValueReader.Word(value) / count);
    }

    private static ulong[] Counts(ReadOnlySpan<byte> value, PlanType type)
    {
        var counts = new ulong[type.SizeBytes / 8];
        for (int i = 0; i < counts.Length; i++)
            counts[i] = ValueReader.Word(value, i * 8);
        return counts;
    }

    private string Value(ReadOnlySpan<byte> value, PlanType type, long divisor)
    {
        CultureInfo plain = CultureInfo.InvariantCulture;
        switch (type.Kind)
        {
            case PlanKind.Histogram or PlanKind.LinearHistogram: return "\n" + Histograms.Text(type, Divided(Counts(value, type), divisor));
            case PlanKind.TimeSeries: return "\n" + Series.Text(Series.Read(value, type), type, values);
            case PlanKind.Average: return (Average(value, type.IsSigned) / Math.Max(1, divisor)).ToString(plain);
            case PlanKind.Stats: return string.Create(plain, $"{{ .count = {ValueReader.Word(value, 8)}, .average = {Average(value, type.IsSigned) / Math.Max(1, divisor)}, .total = {(long)ValueReader.Word(value) / Math.Max(1, divisor)} }}");
            case PlanKind.Count or PlanKind.Sum or PlanKind.Min or PlanKind.Max or PlanKind.Int:
                long number = ValueReader.Number(value, type with { SizeBytes = 8 });
                return type.IsSigned || type.Kind == PlanKind.Count ? (number / Math.Max(1, divisor)).ToString(plain) : ((ulong)number / (ulong)Math.Max(1, divisor)).ToString(plain);
            default: return values.Text(value, type);
        }
    }

    private static ulong[] Divided(ulong[] counts, long divisor) => divisor > 1 ? [.. counts.Select(count => count / (ulong)divisor)] : counts;

    private string JsonValue(ReadOnlySpan<byte> value, PlanType type, long divisor) => type.Kind switch
    {
        PlanKind.Histogram or PlanKind.LinearHistogram => Histograms.Json(type, Divided(Counts(value, type), divisor)),
        PlanKind.TimeSeries => Series.Json(Series.Read(value, type), type, values),
        PlanKind.Stats => string.Create(CultureInfo.InvariantCulture, $"{{\"count\": {ValueReader.Word(value, 8)}, \"average\": {Average(value, type.IsSigned)}, \"total\": {(long)ValueReader.Word(value)}}}"),
        PlanKind.Average or PlanKind.Min or PlanKind.Max => Value(value, type, divisor),
        _ => values.Json(value, type),
    };
}
