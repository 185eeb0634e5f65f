using Hachi.Captures;
using Hachi.Captures.Sample;
using Hachi.Lang.Pcap;
using Hachi.Lang.Pcap.Explain;
using Hachi.Lang.Pcap.Lookup;
using Hachi.Text;

namespace Hachi.Tests.Pcap;

/// <summary>Filters in words: what they match, what instructions are for, traps, the path of a packet.</summary>
public sealed class ExplainTests
{
    private static readonly NameFiles s_names = new("10.0.0.1 two\n10.0.0.2 two\n");

    [Theory]
    [InlineData("", "every packet")]
    [InlineData("ip", "IPv4")]
    [InlineData("tcp port 443", "TCP over IPv4 or IPv6, source or destination port 443 (https)")]
    [InlineData("arp or rarp", "any of these:|  ARP|  RARP")]
    [InlineData("udp dst port 53 or 67", "any of these:|  UDP over IPv4 or IPv6, destination port 53 (domain)|  UDP over IPv4 or IPv6, destination port 67 (bootps)")]
    [InlineData("tcp portrange 6000-6010", "TCP over IPv4 or IPv6, source or destination port 6000-6010")]
    [InlineData("tcp src port http", "TCP over IPv4 or IPv6, source port 80 (http)")]
    [InlineData("port in {22, 80, 5000-5010}", "TCP, UDP or SCTP over IPv4 or IPv6, source or destination port one of 22, 80, 5000 to 5010")]
    [InlineData("src net 10.0.0.0/8", "IPv4, ARP or RARP, source address in 10.0.0.0/8")]
    [InlineData("net 192.168.0.0 mask 255.255.0.0", "IPv4, ARP or RARP, source or destination address in 192.168.0.0 mask 255.255.0.0")]
    [InlineData("host 10.1", "IPv4, ARP or RARP, source or destination address in 10.1/16")]
    [InlineData("host two", "IPv4, ARP or RARP, source or destination address of two (10.0.0.1, 10.0.0.2)")]
    [InlineData("ip6 host 2001:db8::1", "IPv6, source or destination address 2001:db8::1")]
    [InlineData("ether src 02:00:5e:00:00:01", "any protocol, source link-layer address 02:00:5e:00:00:01")]
    [InlineData("ether proto 0x88cc", "link-layer protocol 0x88cc")]
    [InlineData("ip proto 47", "IPv4 with protocol 47")]
    [InlineData("ip6 protochain 6", "IPv6 with next header 6, anywhere along the chain of headers")]
    [InlineData("not (tcp or udp)", "none of these:|  TCP over IPv4 or IPv6|  UDP over IPv4 or IPv6")]
    [InlineData("ip and (tcp or udp) and not icmp", "all of these:|  IPv4|  any of these:|    TCP over IPv4 or IPv6|    UDP over IPv4 or IPv6|  not: ICMP (over IPv4)")]
    [InlineData("vlan 100 and icmp or arp", "any of these:|  all of these:|    a VLAN tag with id 100; all that follows is looked for 4 bytes further on, behind the tag|    ICMP (over IPv4)|  ARP")]
    [InlineData("anyvlan tcp", "with no VLAN tag, one or two in front:|  TCP over IPv4 or IPv6")]
    [InlineData("inner icmp", "VXLAN or Geneve, and the frame inside is:|  ICMP (over IPv4)")]
    [InlineData("greater 100", "a length of 100 bytes or more")]
    [InlineData("len > 1000", "the length of the packet is greater than 1000")]
    [InlineData("tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn", "byte 13 of the TCP header (flags), of the bits SYN, ACK, has exactly SYN")]
    [InlineData("tcp[13] & 4 != 0", "byte 13 of the TCP header (flags) has the bit RST set")]
    [InlineData("ip[6:2] & 0x1fff = 0", "the field at bytes 6 to 7 of the IPv4 header (flags and fragment offset) has none of the bits 0x1fff")]
    [InlineData("ip[8] % 7 + 1 = 2", "(byte 8 of the IPv4 header (time to live) % 8) is 2")]
    [InlineData("icmp[icmptype] = icmp-echo", "byte 0 of the ICMP header (type) is 8")]
    [InlineData("ether broadcast", "link-layer broadcast")]
    public void Words_say_what_matches(string expression, string words) => Assert.Equal(words, string.Join('|', Explain(expression).Words));

    [Theory]
    [InlineData("udp or (ip and ip6)", "HF0201", "ip and ip6", null)]
    [InlineData("ip6 and tcp[13] & 2 != 0 or udp", "HF0201", "ip6 and tcp[13] & 2 != 0", null)]
    [InlineData("vlan 100 and icmp or arp", "HF0202", "vlan 100", "write what is not encapsulated first: arp or (vlan 100 and icmp)")]
    [InlineData("(vlan and arp) or arp", "HF0202", "vlan", "write what is not encapsulated first: arp or (vlan and arp)")]
    [InlineData("not vlan or arp", "HF0202", "vlan", "write what is not encapsulated first: arp or not vlan")]
    [InlineData("vlan and tcp", "HF0202", "vlan", "to match with a tag or without: anyvlan tcp")]
    [InlineData("udp or tcp and port 80", "HF0203", "port 80", "if the other was meant: udp or (tcp and port 80)")]
    [InlineData("len % 7 + 1 = 2", "HF0204", "%", null)]
    [InlineData("host 10.0.0.1 and 10.0.0.2", "HF0205", "10.0.0.2", null)]
    [InlineData("not host 10.0.0.1 and 10.0.0.2", "HF0205", "10.0.0.2", null)]
    [InlineData("host two", "HF0206", "two", null)]
    [InlineData("tcp[13] & 2 != 0", "HF0207", "tcp[13]", "for IPv6 without extension headers: ip6 proto \\tcp and ip6[40 + 13] ...")]
    [InlineData("tcp port 80", "HF0208", "tcp port 80", null)]
    [InlineData("icmp6", "HF0209", "icmp6", null)]
    [InlineData("less 64", "HF0210", "less 64", null)]
    public void Traps_are_told_with_their_place(string expression, string id, string place, string? hint)
    {
        Diagnostic trap = Assert.Single(Explain(expression).Traps, each => each.Id == id);
        Assert.Equal((place, hint), (expression.Substring(trap.Span.Start, trap.Span.Length), trap.Hint));
    }

    [Theory]
    [InlineData("ip")]
    [InlineData("tcp")]
    [InlineData("anyvlan (ip or ip6)")]
    [InlineData("len % (7 + 1) = 2")]
    [InlineData("tcp and (udp or ip)")]
    [InlineData("host 10.0.0.1 or 10.0.0.2")]
    [InlineData("vlan and len > 100")]
    [InlineData("vlan and vlan")]
    public void What_is_no_trap_is_left_alone(string expression) => Assert.Empty(Explain(expression).Traps);

    [Fact]
    public void Rewritings_that_are_suggested_match_what_was_meant()
    {
        // Both sides of the hint of HF0202, on the packets of the sample.
        CaptureFilter meant = CaptureFilter.Compile("arp or (vlan 100 and icmp)"), written = CaptureFilter.Compile("vlan 100 and icmp or arp");
        Assert.Contains(Packets(), packet => meant.Matches(packet) && !written.Matches(packet));
    }

    [Fact]
    public void Each_instruction_has_its_note()
    {
        FilterExplanation explanation = Explain("udp src port 53");
        Assert.Equal(
        [
            "A: the EtherType",
            "the EtherType is IPv6 (0x86dd)?",
            "A: the IPv6 next header",
            "the IPv6 next header is UDP (17)? no: reject",
            "A: the source port",
            "the source port is 53? yes: accept; no: reject",
            "the EtherType is IPv4 (0x0800)? no: reject",
            "A: the IP protocol",
            "the IP protocol is UDP (17)? no: reject",
            "A: the fragment offset",
            "it is a later fragment (the fragment offset is not 0)? yes: reject",
            "X: the length of the IPv4 header",
            "A: the source port",
            "the source port is 53? yes: accept; no: reject",
            "accept, and keep up to 262144 bytes",
            "reject",
        ], explanation.Notes);
        Assert.Equal(explanation.Filter!.Program.Length, explanation.Notes.Count);
    }

    [Theory]
    [InlineData("udp port 123", 23, false, "rejected at the test 'the EtherType is IPv4 (0x0800)': the packet has VLAN (0x8100)")]
    [InlineData("vlan and udp port 123", 23, true, "accepted at the test 'the destination port is 123': the packet has 123")]
    [InlineData("tcp port 443", 1, false, "rejected at the test 'the destination port is 443': the packet has 80")]
    [InlineData("ip6 and udp", 1, false, "rejected at the test 'the IPv6 next header is UDP (17)': the packet has TCP (6)")]
    [InlineData("tcp port 5000", 69, false, "rejected at the test 'the IP protocol is TCP (6)': the packet has UDP (17)")]
    [InlineData("inner tcp port 5000", 69, true, "accepted at the test 'the destination port is 5000': the packet has 5000")]
    [InlineData("net 192.168.0.0/16", 92, true, "accepted at the test 'the source address is in 192.168.0.0/16': the packet has 192.168.1.59")]
    [InlineData("not port 53", 138, false, "rejected at the test 'the destination port is 53': the packet has 53")]
    [InlineData("tcp[13] & 16 != 16", 184, false, "rejected at the test 'tcp[13] & 16 != 16': the packet has 16")]
    [InlineData("ether[3000] = 1", 2, false, "rejected at the test 'ether[3000] = 1': it reads a byte at offset 3000, and 74 bytes were captured")]
    [InlineData("len / (len - len) = 1", 1, false, "rejected at the test 'len / (len - len) = 1': it divides by zero")]
    [InlineData("", 1, true, "accepted: no test is needed")]
    public void Path_says_why(string expression, int number, bool matches, string reason)
    {
        byte[] packet = Packets()[number - 1];
        PacketPath path = PacketPath.Of(CaptureFilter.Compile(expression, null, new FilterOptions { Optimise = false }), packet, packet.Length, default);
        Assert.Equal((matches, reason), (path.Matches, path.Reason));
    }

    [Fact]
    public void Path_decides_as_the_filter_does()
    {
        var random = new RandomFilter(Volume.Random(nameof(Path_decides_as_the_filter_does)), new RandomFilterOptions { Extensions = true, NewWords = true });
        List<byte[]> packets = Packets();
        int compared = 0;
        while (compared < 50)
        {
            if (!CaptureFilter.TryCompile(random.Expression(), LinkType.Ethernet, null, out CaptureFilter? filter, out _))
                continue;
            compared++;
            foreach (byte[] packet in packets)
                Assert.Equal((filter.Expression, filter.Matches(packet)), (filter.Expression, PacketPath.Of(filter, packet, packet.Length, default).Matches));
        }
    }

    [Fact]
    public void Any_expression_can_be_explained()
    {
        var random = new RandomFilter(Volume.Random(nameof(Any_expression_can_be_explained)), new RandomFilterOptions { Extensions = true, NewWords = true, OtherLinks = true });
        int explained = 0, count = Volume.Of(5000, 500);
        for (int i = 0; i < count; i++)
        {
            FilterExplanation explanation = Explain(random.Expression());
            if (explanation.Filter is not { } filter)
                continue;
            explained++;
            Assert.NotEmpty(explanation.Words);
            Assert.Equal(filter.Program.Length, explanation.Notes.Count);
            Assert.All(explanation.Notes, note => Assert.False(string.IsNullOrEmpty(note)));
            Assert.InRange(explanation.Traps.Count, 0, 6);
        }
        Assert.True(explained > count / 4, $"only {explained} of {count} compiled");
    }

    [Fact]
    public void Long_and_deep_expressions_are_cut_short()
    {
        string alternating = "tcp" + string.Concat(Enumerable.Repeat(" and udp or tcp", 100));
        Assert.InRange(Explain(alternating).Words.Count, 10, 100);
        string hosts = "host in {" + string.Join(", ", Enumerable.Range(0, 1000).Select(i => $"10.0.{i / 256}.{i % 256}")) + "}";
        Assert.Single(Explain(hosts).Words);
        Assert.InRange(Explain(string.Join(" or ", Enumerable.Range(0, 1000).Select(i => $"host 10.0.{i / 256}.{i % 256}"))).Words.Count, 10, 100);
    }

    [Fact]
    public void Names_of_ports_are_the_well_known_ones()
    {
        for (uint port = 0; port <= 65535; port++)
            if (FilterWords.ServiceName(port) is { } name)
                Assert.True(WellKnown.Service(name) is { } service && (service.Tcp == port || service.Udp == port), $"{name} is not {port}");
    }

    private static FilterExplanation Explain(string expression) => FilterExplainer.Explain(expression, LinkType.Ethernet, new FilterOptions { Lookup = s_names });

    private static List<byte[]> Packets()
    {
        var packets = new List<byte[]>();
        using CaptureReader? reader = CaptureReader.Open(new MemoryStream(SampleCapture.BuiltIn()), out _);
        while (reader!.TryReadBatch(out CaptureBatch batch))
            foreach (PacketRecord record in batch.Records)
                packets.Add(batch.Data(record).ToArray());
        return packets;
    }
}
