using System.Text.Json;
using Hachi.Captures;
using Hachi.Lang.Pcap;
using Hachi.Lang.Pcap.Gen;
using Hachi.Tests.Support;

namespace Hachi.Tests.Pcap.Gen;

/// <summary>libpcap's own test tables against the generator, with the tree evaluator in the place of a compiler.</summary>
public sealed class CorpusTests
{
    /// <summary>
    /// Every accepted expression decides as the listing of libpcap's unoptimised program does: on every packet of every capture, and on packets that are
    /// made so that the listing takes its rarer branches.
    /// </summary>
    [Fact]
    public void Accepted_expressions_decide_like_the_unoptimised_listings()
    {
        Random random = Volume.Random(nameof(Accepted_expressions_decide_like_the_unoptimised_listings));
        var wrong = new List<string>();
        int rows = 0, packets = 0, reached = 0, edges = 0;
        foreach (JsonElement row in Corpus.Rows("accept"))
        {
            rows++;
            var listing = new Listing(row.Field("unopt")!);
            List<(byte[] Data, PacketMetadata Metadata)> made = Probe(listing, random, Volume.Of(3000, 150), ref reached);
            edges += listing.Branches * 2;
            bool[] expected = [.. made.Select(packet => listing.Run(packet.Data, (uint)packet.Data.Length, packet.Metadata) != 0)];
            foreach (JsonElement alias in row.GetProperty("aliases").EnumerateArray())
            {
                GeneratedFilter filter = Corpus.Generate(alias.GetString()!, Corpus.Link(row), Corpus.Options(row));
                if (filter.Tree is null)
                {
                    wrong.Add($"{row.Field("DLT")} {alias}: {filter.Diagnostics[0].Message}");
                    continue;
                }

                packets += made.Count;
                wrong.AddRange(Differences(filter.Tree, expected, made).Take(1).Select(text => $"{row.Field("DLT")} {alias}: {text}"));
            }
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{rows} rows, {packets} decisions compared, {reached} of {edges} branch outcomes reached");
        Assert.True(reached * 10 > edges * 9, "the packets do not reach enough");
        Assert.True(wrong.Count == 0, $"{wrong.Count} differences; {Volume.Note}\n" + string.Join('\n', wrong.Take(60)));
    }

    private static IEnumerable<string> Differences(FilterTree tree, bool[] expected, List<(byte[] Data, PacketMetadata Metadata)> made)
    {
        for (int i = 0; i < expected.Length; i++)
            if (TreeEvaluator.Matches(tree, made[i].Data, made[i].Data.Length, made[i].Metadata) != expected[i])
                yield return $"expected {expected[i]} for {Convert.ToHexString(made[i].Data)}";
    }

    /// <summary>
    /// The captures' packets, and packets found by running the listing, looking at what a branch compared, and changing those bytes so that it goes the other
    /// way; each also cut short at every length near a load.
    /// </summary>
    private static List<(byte[] Data, PacketMetadata Metadata)> Probe(Listing listing, Random random, int rounds, ref int reached)
    {
        var made = new List<(byte[] Data, PacketMetadata Metadata)>();
        foreach ((_, List<Packet> packets) in Corpus.Captures.Values)
            foreach (Packet packet in packets)
                made.Add((packet.Data, default));
        var queue = new List<(byte[] Data, PacketMetadata Metadata)> { (new byte[128], default), (Filled(random, 128), default) };
        var edges = new HashSet<(int, bool)>();
        var trace = new List<Taken>();
        for (int round = 0; round < rounds; round++)
        {
            (byte[] data, PacketMetadata metadata) = queue[random.Next(queue.Count)];
            data = (byte[])data.Clone();
            trace.Clear();
            listing.Run(data, (uint)data.Length, metadata, trace);
            if (trace.Count > 0)
                Turn(Choose(trace, edges, random), data, ref metadata, random);
            if (random.Next(4) == 0)
                data = data[..random.Next(data.Length + 1)];
            trace.Clear();
            listing.Run(data, (uint)data.Length, metadata, trace);
            made.Add((data, metadata));
            bool isNew = false;
            foreach (Taken taken in trace)
                isNew |= edges.Add((taken.Line, taken.IsTrue));
            if (isNew)
                queue.Add((data.Length < 128 ? [.. data, .. new byte[128 - data.Length]] : data, metadata));
        }

        reached += edges.Count;
        return made;
    }

    /// <summary>A branch whose other way is still unknown, mostly.</summary>
    private static Taken Choose(List<Taken> trace, HashSet<(int, bool)> edges, Random random)
    {
        int start = random.Next(trace.Count);
        for (int i = 0; i < trace.Count && random.Next(8) != 0; i++)
        {
            Taken taken = trace[(start + i) % trace.Count];
            if (!edges.Contains((taken.Line, !taken.IsTrue)))
                return taken;
        }

        return trace[start];
    }

    private static void Turn(Taken taken, byte[] data, ref PacketMetadata metadata, Random random)
    {
        metadata.VlanPresent = (uint)random.Next(2);
        metadata.PacketType = (uint)random.Next(6);
        metadata.InterfaceIndex = (uint)random.Next(9, 12);
        metadata.VlanTci = random.Next(2) == 0 ? taken.Value : (uint)random.Next(0x10000);
        if (taken.From is not { } from)
            return;
        uint value = taken.Op == "jset" ? taken.IsTrue ? 0 : taken.Value & (uint)random.Next() : taken.Value + (uint)(random.Next(8) == 0 ? random.Next(-1, 2) : 0);
        if (taken.Op is "jgt" or "jge" && random.Next(2) == 0)
            value += (uint)random.Next(-2, 3);
        Span<byte> bytes = data.AsSpan(from.Offset, from.Size);
        uint old = 0;
        foreach (byte b in bytes)
            old = (old << 8) | b;
        value = (value & from.Mask) | (old & ~from.Mask);
        for (int i = from.Size - 1; i >= 0; i--, value >>= 8)
            bytes[i] = (byte)value;
    }

    private static byte[] Filled(Random random, int length)
    {
        var data = new byte[length];
        random.NextBytes(data);
        return data;
    }

    [Fact]
    public void Applied_expressions_give_the_listed_verdicts()
    {
        var wrong = new List<string>();
        int count = 0;
        foreach (JsonElement row in Corpus.Rows("apply"))
        {
            if (!Corpus.Captures.TryGetValue(row.Field("savefile")!, out (LinkType Link, List<Packet> Packets) capture))
            {
                wrong.Add($"cannot read {row.Field("savefile")}");
                continue;
            }

            FilterOptions options = Corpus.Options(row) with { ByteOrder = SavefileOrder.Unswapped };
            GeneratedFilter filter = Corpus.Generate(row.Field("expr")!, capture.Link, options);
            if (filter.Tree is null)
            {
                wrong.Add($"{row.Field("expr")}: {filter.Diagnostics[0].Message}");
                continue;
            }

            int at = 0;
            foreach (JsonElement result in row.GetProperty("results").EnumerateArray())
            {
                count++;
                Packet packet = capture.Packets[at++];
                if (TreeEvaluator.Matches(filter.Tree, packet.Data, packet.WireLength, default) != (result.GetUInt32() != 0))
                    wrong.Add($"{row.Field("savefile")} {row.Field("expr")} packet {at}: expected {result}");
            }
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{count} verdicts");
        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    [Fact]
    public void Rejected_expressions_give_the_listed_texts()
    {
        int count = 0, accepted = 0;
        var other = new List<string>();
        foreach (JsonElement row in Corpus.Rows("reject"))
        {
            // Savefiles of unknown versions are the capture reader's; a filter that no packet matches is the optimiser's.
            if (row.Field("expr") is not { } expression || row.Field("errstr") is "expression rejects all packets")
                continue;
            count++;
            GeneratedFilter filter = Corpus.Generate(expression, Corpus.Link(row), Corpus.Options(row));
            string wanted = row.Field("errstr")!;
            if (filter.Diagnostics.Count == 0)
            {
                accepted++;
                other.Add($"{row.Field("DLT")} {expression}: accepted, not '{wanted}'");
            }
            else if (!filter.Diagnostics[0].Message.Contains(wanted, StringComparison.Ordinal))
            {
                other.Add($"{row.Field("DLT")} {expression}: '{filter.Diagnostics[0].Message}', not '{wanted}'");
            }
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{count} expressions, {accepted} accepted, {other.Count} with another text");
        foreach (string text in other)
            TestContext.Current.TestOutputHelper?.WriteLine(text);
        Assert.True(accepted == 0 && other.Count * 200 <= count, string.Join('\n', other.Take(80)));
    }
}
