using System.Security.Cryptography;
using System.Text;
using Hachi.Captures;
using Hachi.Captures.Print;
using Hachi.Captures.Sample;
using Hachi.Tests.Support;

namespace Hachi.Tests.Captures;

public sealed class SampleAndPrintTests
{
    [Fact]
    public void The_same_seed_makes_the_same_capture()
    {
        Assert.Equal(SampleCapture.BuiltIn(), SampleCapture.BuiltIn());
        Assert.NotEqual(Make(100, 1), Make(100, 2));
        // the numbers of tests elsewhere, of the docs and of the tour hang on these bytes: change them deliberately
        Assert.Equal(BuiltInHash, Convert.ToHexStringLower(SHA256.HashData(SampleCapture.BuiltIn()))[..16]);
    }

    private const string BuiltInHash = "35cd52a651a0150d";

    [Fact]
    public void Sizes_are_those_of_a_real_link()
    {
        var sample = new SampleCapture(3);
        long bytes = 0, cut = 0;
        for (int i = 0; i < 20_000; i++)
        {
            ReadOnlySpan<byte> packet = sample.Next(out _, out uint length);
            bytes += length;
            cut += packet.Length < length ? 1 : 0;
        }

        Assert.InRange(bytes / 20_000, 450, 650);
        Assert.InRange(cut, 50, 400);
    }

    /// <summary>tcpdump finds each kind of packet, and no wrong checksum.</summary>
    [Fact]
    public void Tcpdump_finds_each_kind_and_no_wrong_checksum()
    {
        string tcpdump = Tools.Need("tcpdump");
        byte[] file = Make(20_000, 5);
        (string Filter, int Min)[] kinds =
        [
            ("tcp", 9000), ("udp", 2000), ("icmp", 100), ("icmp6", 40), ("arp", 100), ("rarp", 3), ("ip6", 1500), ("ip6 protochain 44", 5), ("ip6[6] = 0", 10),
            ("vlan 100 and tcp port 443", 100), ("vlan and vlan", 60), ("mpls 100", 50), ("pppoes 0x3b", 50), ("pppoed", 10), ("udp port 4789", 50),
            ("geneve 7001", 30), ("ip proto 47", 20), ("ip[6:2] & 0x3fff != 0", 40), ("ip[0] & 15 > 5", 15), ("sctp", 15), ("stp", 40), ("ether proto 0x88cc", 10),
            ("less 96 and tcp", 500), ("greater 1000", 4000), ("host 192.168.1.10", 500), ("port 53", 1000),
        ];
        foreach ((string filter, int min) in kinds)
        {
            string text = Tools.RunOk(tcpdump, ["-n", "-r", "-", "--count", filter], file).Text;
            int count = int.Parse(text.Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture);
            Assert.True(count >= min, $"{filter}: {count}");
        }

        string verbose = Tools.RunOk(tcpdump, ["-n", "-vv", "-r", "-", "not ip[6:2] & 0x3fff != 0"], file).Text;
        string[] wrong = [.. verbose.Split('\n').Where(l => l.Contains("incorrect", StringComparison.Ordinal) || l.Contains("[bad ", StringComparison.Ordinal) || l.Contains("bad cksum", StringComparison.Ordinal))];
        Assert.Empty(wrong);
    }

    /// <summary>Our lines are tcpdump's where it prints no payload of its own.</summary>
    [Fact]
    public void Lines_equal_those_of_tcpdump()
    {
        string tcpdump = Tools.Need("tcpdump");
        byte[] file = Make(20_000, 9);
        const string Filter = "(tcp and not port (80 or 8080 or 53 or 22 or 25 or 5060 or 3306) and ip and (ip[0] & 15 = 5) and (ip[6:2] & 0x3fff = 0)) or arp or icmp[icmptype] = icmp-echo or icmp[icmptype] = icmp-echoreply";
        byte[] chosen = Tools.RunOk(tcpdump, ["-r", "-", "-w", "-", Filter], file).Output;
        string[] theirs = Tools.Run(tcpdump, ["-n", "-S", "-r", "-"], chosen, environment: new Dictionary<string, string?> { ["TZ"] = "UTC" }).Text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var ours = new List<string>();
        using CaptureReader reader = CaptureReader.Open(new MemoryStream(chosen), out _)!;
        while (reader.TryReadBatch(out CaptureBatch batch))
            foreach (ref readonly PacketRecord record in batch.Records)
                ours.Add(PacketLine.Format(batch.LinkType, batch.Data(record), record.OriginalLength, reader.TimestampOf(batch, record)));
        Assert.Equal(theirs.Length, ours.Count);
        int same = theirs.Zip(ours, (a, b) => a == b ? 1 : 0).Sum();
        string? first = theirs.Zip(ours, (a, b) => a == b ? null : $"\ntheirs {a}\nours   {b}").FirstOrDefault(difference => difference is not null);
        Assert.True(same >= theirs.Length * 95 / 100, $"{same} of {theirs.Length}{first}");
    }

    [Fact]
    public void Lines_of_cut_and_random_packets_are_plain_text()
    {
        Random random = Volume.Random(nameof(Lines_of_cut_and_random_packets_are_plain_text));
        var sample = new SampleCapture((ulong)random.NextInt64());
        var line = new StringBuilder();
        byte[] noise = new byte[200];
        for (int i = 0; i < Volume.Of(200_000, 400); i++)
        {
            ReadOnlySpan<byte> packet = sample.Next(out long time, out uint length);
            for (int cut = 0; cut <= Math.Min(packet.Length, 120); cut++)
                Check(LinkType.Ethernet, packet[..cut], length, time);
            random.NextBytes(noise);
            foreach (LinkType linkType in LinkType.All)
            {
                int size = random.Next(noise.Length);
                if (size > 20)
                    packet[..Math.Min(packet.Length, random.Next(60))].CopyTo(noise.AsSpan(16));
                Check(linkType, noise.AsSpan(0, size), (uint)size, time);
            }
        }

        void Check(LinkType linkType, ReadOnlySpan<byte> data, uint length, long time)
        {
            line.Clear();
            PacketLine.Append(line, linkType, data, length, time);
            Assert.True(line.Length is > 16 and < 2000);
            for (int i = 0; i < line.Length; i++)
                Assert.True(line[i] is >= ' ' and < '\u007f', line.ToString());
        }
    }

    [Fact]
    public void Nested_tunnels_do_not_recurse_without_end()
    {
        // IPv4 in IPv4, 60 deep; and a chain of authentication headers
        byte[] deep = new byte[1500];
        for (int at = 0; at + 20 <= deep.Length; at += 20)
            (deep[at], deep[at + 9]) = (0x45, 4);
        Assert.InRange(PacketLine.Format(LinkType.Raw, deep, 1500, 0).Length, 20, 1000);
        byte[] chain = new byte[1520];
        (chain[0], chain[9]) = (0x45, 51);
        for (int at = 20; at + 12 <= chain.Length; at += 12)
            (chain[at], chain[at + 1]) = (51, 1);
        Assert.InRange(PacketLine.Format(LinkType.Raw, chain, 1520, 0).Length, 20, 1000);
    }

    [Theory]
    [InlineData("plain text, ünïcode 蜂 🐝", "plain text, ünïcode 蜂 🐝")]
    [InlineData("\u001b[31mred\u0007", "\\x1b[31mred\\x07")]
    [InlineData("a\u009b2Jb\u007f", "a\\x9b2Jb\\x7f")]
    [InlineData("x\u202etxt.exe\u2066", "x\\u{202e}txt.exe\\u{2066}")]
    [InlineData("line\r\nnext\t", "line\\x0d\\x0anext\\x09")]
    [InlineData("\u200f\u061c\u2028", "\\u{200f}\\u{061c}\\u{2028}")]
    public void Nothing_that_steers_a_terminal_passes_the_escaper(string text, string safe)
    {
        Assert.Equal(safe, Hachi.Text.Escaper.Escape(text));
        Assert.Equal(safe, Hachi.Text.Escaper.Escape(Encoding.UTF8.GetBytes(text)));
    }

    [Fact]
    public void Every_control_is_escaped_and_broken_text_is_named()
    {
        for (int c = 0; c < 0x3000; c++)
        {
            string escaped = Hachi.Text.Escaper.Escape("a" + (char)c);
            bool isControl = char.IsControl((char)c) || c is 0x61c or 0x200e or 0x200f or (>= 0x2028 and <= 0x202e) or (>= 0x2066 and <= 0x2069);
            Assert.Equal(isControl, escaped.Contains('\\') && c != '\\');
        }

        Assert.Equal("\\u{d800}x", Hachi.Text.Escaper.Escape("\ud800x"));
        Assert.Equal("\\xffok\\xc3", Hachi.Text.Escaper.Escape([0xff, (byte)'o', (byte)'k', 0xc3]));
        Assert.Equal("a\n\tb", Hachi.Text.Escaper.Escape("a\n\tb", keepLines: true));
    }

    [Fact]
    public void Link_types_are_named_and_numbered()
    {
        Assert.True(LinkType.All.Count >= 210);
        foreach (LinkType linkType in LinkType.All)
        {
            Assert.True(LinkType.TryParse(linkType.Name, out LinkType named) && named == linkType, linkType.Name);
            Assert.True(LinkType.TryParse("dlt_" + linkType.Name.ToLowerInvariant(), out named) && named == linkType);
            Assert.Equal(linkType, LinkType.FromFileValue(linkType.FileValue));
        }

        Assert.Equal(101, LinkType.Raw.FileValue);
        Assert.Equal(("EN10MB", "Ethernet"), (LinkType.Ethernet.Name, LinkType.Ethernet.Description));
        Assert.True(LinkType.TryParse("276", out LinkType sll2) && sll2 == LinkType.LinuxSll2);
        Assert.False(LinkType.TryParse("no such link", out _));
        Assert.False(LinkType.TryParse("-1", out _));
        Assert.Equal("DLT 9999", new LinkType(9999).Description);
    }

    private static byte[] Make(int packets, ulong seed)
    {
        var to = new MemoryStream();
        using CaptureWriter writer = CaptureWriter.Create(to, CaptureFormat.Pcap, LinkType.Ethernet);
        SampleCapture.Write(writer, packets, seed);
        writer.Flush();
        return to.ToArray();
    }
}
