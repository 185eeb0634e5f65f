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
            List<(byte[] Data, PacketMetadata Metadata)> made = Probes.Of(listing, random, Volume.Of(3000, 150), ref reached);
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
