using System.Text.Json;
using Hachi.Captures;
using Hachi.Lang.Pcap;
using Hachi.Lang.Pcap.Gen;
using Hachi.Lang.Pcap.Lookup;
using Hachi.Lang.Pcap.Syntax;
using Hachi.Tests.Support;

namespace Hachi.Tests.Pcap.Gen;

/// <summary>A packet of a capture.</summary>
internal sealed record Packet(byte[] Data, int WireLength);

/// <summary>libpcap's test tables, read from beside the repository.</summary>
internal static class Corpus
{
    public static IFilterLookup Lookup => s_lookup.Value;

    private static readonly Lazy<IFilterLookup> s_lookup = new(() => new NameFiles(Text("hosts"), Text("ethers"), Text("networks")));

    private static readonly Lazy<Dictionary<string, (LinkType Link, List<Packet> Packets)>> s_captures = new(ReadCaptures);

    public static IEnumerable<JsonElement> Rows(string table)
    {
        foreach (string line in File.ReadLines(Path.Combine(Shared.Find("corpus/libpcap"), table + ".jsonl")))
            yield return JsonDocument.Parse(line).RootElement;
    }

    public static string? Field(this JsonElement row, string name) => row.TryGetProperty(name, out JsonElement field) ? field.ToString() : null;

    public static IReadOnlyDictionary<string, (LinkType Link, List<Packet> Packets)> Captures => s_captures.Value;

    public static LinkType Link(JsonElement row) =>
        LinkType.TryParse(row.Field("DLT"), out LinkType link) ? link : throw new InvalidDataException(row.Field("DLT"));

    public static FilterOptions Options(JsonElement row)
    {
        FilterOptions options = FilterOptions.Default with
        {
            Lookup = Lookup,
            Live = row.Field("linuxext") is not null,
            ByteOrder = row.Field("generate_offline_filter") switch
            {
                null => SavefileOrder.None,
                "swapped" => SavefileOrder.Swapped,
                _ => SavefileOrder.Unswapped,
            },
        };
        if (row.Field("netmask") is { } mask)
            options = options with { NetMask = ParseMask(mask) };
        return options;
    }

    public static GeneratedFilter Generate(string expression, LinkType link, FilterOptions options) =>
        FilterGenerator.Generate(FilterParser.Parse(expression), link, options);

    private static uint ParseMask(string mask)
    {
        uint value = 0;
        foreach (string part in mask.Split('.'))
            value = (value << 8) | byte.Parse(part, System.Globalization.CultureInfo.InvariantCulture);
        return value;
    }

    private static string Text(string name) => File.ReadAllText(Path.Combine(Shared.Find("corpus/libpcap"), name));

    private static Dictionary<string, (LinkType Link, List<Packet> Packets)> ReadCaptures()
    {
        var captures = new Dictionary<string, (LinkType, List<Packet>)>(StringComparer.Ordinal);
        foreach (string path in Directory.EnumerateFiles(Shared.Find("corpus/libpcap/captures"), "*.pcap*"))
        {
            using FileStream stream = File.OpenRead(path);
            using CaptureReader? reader = CaptureReader.Open(stream, out _);
            if (reader is null)
                continue;
            var packets = new List<Packet>();
            while (reader.TryReadBatch(out CaptureBatch batch))
                foreach (PacketRecord record in batch.Records)
                    packets.Add(new Packet(batch.Data(record).ToArray(), (int)record.OriginalLength));
            captures[Path.GetFileName(path)] = (reader.LinkType, packets);
        }

        return captures;
    }
}
