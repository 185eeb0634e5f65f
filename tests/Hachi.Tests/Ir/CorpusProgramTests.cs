using System.Text.Json;
using Hachi.Captures;
using Hachi.Captures.Sample;
using Hachi.Isa;
using Hachi.Lang.Pcap;
using Hachi.Tests.Pcap.Gen;
using Hachi.Tests.Support;
using Hachi.Vm;

namespace Hachi.Tests.Ir;

/// <summary>The compiled programs against libpcap's table of accepted expressions: how many instructions, and which packets.</summary>
public sealed class CorpusProgramTests
{
    /// <summary>
    /// Blocks whose optimised listing is more than a tenth shorter, each with the reason. The listing drops a load whose value is masked away, and with it the
    /// rejection of packets without that byte, which its unoptimised listing has: the two contradict each other.
    /// </summary>
    private static readonly string[] s_contradictory = ["link[0:1] & 0x00000000 == 0"];

    /// <summary>At most libpcap's number of instructions on 98 of 100 blocks, nowhere more than a tenth over, and fewer in total.</summary>
    [Fact]
    public void Programs_are_no_longer_than_libpcaps()
    {
        int blocks = 0, longer = 0;
        long ours = 0, theirs = 0;
        var listed = new List<string>();
        foreach (JsonElement row in Corpus.Rows("accept"))
        {
            if (row.Field("opt") is not { } text)
                continue;
            string expression = row.GetProperty("aliases")[0].GetString()!;
            int optimal = text.Split('\n').Count(line => line.TrimStart().StartsWith('('));
            Assert.True(CaptureFilter.TryCompile(expression, Corpus.Link(row), Corpus.Options(row), out CaptureFilter? filter, out _), expression);
            blocks++;
            ours += filter.Program.Length;
            theirs += optimal;
            if (filter.Program.Length <= optimal)
                continue;
            longer++;
            listed.Add($"{row.Field("DLT")} {expression}: {filter.Program.Length}, libpcap {optimal}");
            Assert.True(filter.Program.Length * 10 <= optimal * 11 || s_contradictory.Contains(expression), listed[^1]);
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{blocks} blocks, {ours} instructions, libpcap {theirs}; {longer} longer:\n{string.Join('\n', listed)}");
        Assert.True(longer * 50 <= blocks, string.Join('\n', listed));
        Assert.True(ours < theirs);
    }

    /// <summary>
    /// Each alias gives the verdicts of the block's unoptimised listing on every packet of the captures, on a sample with truncated packets and on packets that
    /// aim at the listing's branches; where no optimised listing is given, the expression is refused because nothing can match.
    /// </summary>
    [Fact]
    public void Programs_decide_like_the_unoptimised_listings()
    {
        Random random = Volume.Random(nameof(Programs_decide_like_the_unoptimised_listings));
        var sample = new SampleCapture((ulong)random.Next());
        byte[][] packets = [.. Enumerable.Range(0, Volume.Of(10_000, 300)).Select(i => Cut(sample.Next(out _, out _).ToArray(), i, random))];
        var wrong = new List<string>();
        int aliases = 0, reached = 0;
        foreach (JsonElement row in Corpus.Rows("accept"))
        {
            var listing = new Listing(row.Field("unopt")!);
            List<(byte[] Data, PacketMetadata Metadata)> made = Probes.Of(listing, random, Volume.Of(2_000, 100), ref reached);
            made.AddRange(packets.Select(packet => (packet, default(PacketMetadata))));
            bool[] expected = [.. made.Select(packet => listing.Run(packet.Data, (uint)packet.Data.Length, packet.Metadata) != 0)];
            foreach (JsonElement alias in row.GetProperty("aliases").EnumerateArray())
            {
                aliases++;
                if (Difference(row, alias.GetString()!, made, expected) is { } difference)
                    wrong.Add($"{row.Field("DLT")} {alias}: {difference}");
            }
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{aliases} aliases");
        Assert.True(wrong.Count == 0, $"{string.Join('\n', wrong.Take(40))}\n{Volume.Note}");
    }

    private static string? Difference(JsonElement row, string expression, List<(byte[] Data, PacketMetadata Metadata)> made, bool[] expected)
    {
        bool done = CaptureFilter.TryCompile(expression, Corpus.Link(row), Corpus.Options(row), out CaptureFilter? filter, out var diagnostics);
        if (row.Field("opt") is null)
            return done || diagnostics[0].Message != "expression rejects all packets" ? "not refused" : null;
        if (!done)
            return diagnostics[0].Message;
        ClassicProgram program = filter!.Program;
        for (int i = 0; i < expected.Length; i++)
            if (ClassicInterpreter.Run(program, made[i].Data, (uint)made[i].Data.Length, made[i].Metadata) != 0 != expected[i])
                return $"expected {expected[i]} for {Convert.ToHexString(made[i].Data)}";
        return null;
    }

    private static byte[] Cut(byte[] packet, int index, Random random) => index % 3 == 0 ? packet[..random.Next(Math.Min(packet.Length, 100) + 1)] : packet;
}
