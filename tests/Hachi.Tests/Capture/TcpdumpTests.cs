using System.Diagnostics;
using Hachi.Captures;
using Hachi.Linux.Capture;

namespace Hachi.Tests.Capture;

/// <summary>The same filters on the same traffic at the same time, here and in tcpdump: the same packets in the same order. (Each socket takes the
/// time for itself.)</summary>
public sealed class TcpdumpTests
{
    // Without "inbound": libpcap filters what it finds in its first blocks once more and knows no packet types there.
    private static readonly string[] s_filters =
    [
        "", "ip", "ip6", "arp", "tcp", "udp", "icmp", "icmp6", "sctp", "igmp", "ip or ip6", "not ip", "not ip and not ip6", "ip and not tcp", "tcp or udp",
        "port 53", "udp port 53", "tcp port 443", "tcp port 80", "tcp src port 443", "tcp dst port 443", "port 443 or port 80", "portrange 1-1023",
        "tcp portrange 5000-5100", "udp portrange 32768-65535", "src portrange 1000-2000", "not port 443", "tcp and not port 443", "greater 1000", "less 100",
        "len = 60", "len > 500 and tcp", "ether[0] & 1 = 1", "ether multicast", "ether broadcast", "ip multicast", "ip6 multicast", "ether[12:2] = 0x800",
        "ip[8] < 64", "ip[0] & 0xf > 5", "ip[6:2] & 0x1fff != 0", "ip[6] & 0x20 != 0", "ip[9] = 6", "ip[2:2] > 576", "tcp[tcpflags] & tcp-syn != 0",
        "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0", "tcp[tcpflags] = tcp-ack", "tcp[13] & 8 != 0", "tcp[2:2] = 443", "tcp[((tcp[12] & 0xf0) >> 2):2] = 0x1603",
        "udp[4:2] > 100", "udp[0:2] = 53 or udp[2:2] = 53", "icmp[icmptype] = icmp-echo", "icmp[icmptype] = icmp-echoreply", "ip6[6] = 6", "ip6[6] = 17",
        "ip6[6] = 58", "ip6 and tcp port 443", "ip6 and udp port 53", "net 10.0.0.0/8", "src net 10.0.0.0/8", "dst net 192.168.0.0/16", "net 192.168.1.0/24 and tcp",
        "host 192.168.1.10", "src host 192.168.1.10", "host 10.1.0.7 or host 10.1.0.14", "not net 10.0.0.0/8", "ip proto 47", "ip proto 6", "ip6 proto 17", "proto 132",
        "vlan", "vlan 100", "vlan and tcp", "vlan 100 and tcp port 443", "vlan and vlan", "vlan and ip6", "not vlan", "vlan or tcp port 443", "vlan and (ip or ip6)",
        "mpls", "mpls 100", "mpls 100 and tcp", "pppoes", "pppoed", "pppoes and ip", "stp", "ether proto 0x88cc", "outbound", "ip[4:2] & 1 = 0", "tcp[14:2] < 1000",
        "ip broadcast", "udp port 4789", "udp port 6081", "ip[0] >> 4 = 4", "ether[6] = 2", "ether src 02:00:00:00:00:01", "tcp[8:4] & 1 = 1",
        "ip[12] + ip[13] > 200", "len - 14 > ip[2:2]", "(tcp and (port 443 or port 80)) or (udp and port 53)",
    ];

    // On cooked packets; "len" counts the header there, which tcpdump's filter in the kernel does not know.
    private static readonly string[] s_cooked =
    [
        "", "ip", "ip6", "tcp port 443", "udp", "not ip", "arp", "inbound", "outbound", "tcp[tcpflags] & tcp-syn != 0", "ip[8] < 64", "host 192.168.1.10", "ip multicast",
        "net 10.0.0.0/8", "portrange 1-1023", "ip proto 47",
    ];

    [Fact]
    public void There_are_a_hundred_filters() => Assert.InRange(s_filters.Length, 100, int.MaxValue);

    [Fact]
    public void Every_filter_takes_the_packets_that_tcpdumps_takes() =>
        Compare(Pick(s_filters), "v1", 2_000);

    [Fact]
    public void On_all_interfaces_as_well() => Compare(Pick(s_cooked), "any", 500);

    /// <summary>A share of them, another one each time.</summary>
    private static string[] Pick(string[] all)
    {
        Random random = Volume.Random("pick");
        return Volume.IsFull ? all : [.. all.OrderBy(_ => random.Next()).Take(10)];
    }

    private static void Compare(string[] filters, string device, int packets) => CaptureLab.Run(lab =>
    {
        string tcpdump = Tools.Need("tcpdump");
        List<byte[]> frames = CaptureLab.Frames(packets, Volume.Seed);
        if (device == "any") // there libpcap 1.10 loses VLAN tags
            frames.RemoveAll(frame => frame[12] is 0x81 or 0x88 && frame[13] is 0 or 0xa8);
        string folder = Directory.CreateTempSubdirectory("hachi-capture-").FullName;
        long compared = 0;
        try
        {
            foreach (string[] some in filters.Chunk(10))
                compared += CompareSome(lab, tcpdump, some, device, frames, folder);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{filters.Length} filters, {compared} packets the same");
    });

    private static long CompareSome(CaptureLab lab, string tcpdump, string[] filters, string device, List<byte[]> frames, string folder)
    {
        var oracles = new List<Process>();
        var captures = new List<LiveCapture>();
        long compared = 0;
        try
        {
            for (int i = 0; i < filters.Length; i++)
            {
                oracles.Add(CaptureLab.Listening(tcpdump, ["-Z", "root", "-i", device, "-n", "-p", "-U", "-B", "4096", "-w", Path.Combine(folder, $"{i}.pcap"), filters[i]], "listening on"));
                // Nobody reads meanwhile: blocks are handed over when they are full.
                captures.Add(CaptureLab.Open(new() { Filter = CaptureLab.Filter(filters[i]), LatencyMilliseconds = 2_000 }, device));
            }
            foreach (byte[] frame in frames)
                lab.Send(frame);
            WaitForFiles(folder);
            for (int i = 0; i < filters.Length; i++)
            {
                (int _, string said) = CaptureLab.End(oracles[i]);
                Assert.True(said.Contains("\n0 packets dropped by kernel", StringComparison.Ordinal), said);
                List<string> expected = [.. CaptureLab.Read(Path.Combine(folder, $"{i}.pcap")).Select(packet => $"{packet.Length} {packet.Bytes}")];
                List<string> actual = [.. CaptureLab.Rest(captures[i]).Select(packet => $"{packet.OriginalLength} {Convert.ToHexString(packet.Data.Span)}")];
                Assert.Equal(0, captures[i].Counters.Dropped);
                if (!expected.SequenceEqual(actual))
                    Assert.Fail($"{Volume.Note}: '{filters[i]}': {actual.Count} packets, tcpdump has {expected.Count}\nonly here: {actual.Except(expected).FirstOrDefault()}\nonly there: {expected.Except(actual).FirstOrDefault()}");
                compared += actual.Count;
            }
        }
        finally
        {
            foreach (LiveCapture capture in captures)
                capture.Dispose();
            foreach (Process oracle in oracles)
            {
                if (!oracle.HasExited)
                    oracle.Kill();
                oracle.Dispose();
            }
        }
        return compared;
    }

    /// <summary>tcpdump gives a block that is not full a second, and does not look at what is left when it is interrupted: so wait until nothing more is written.</summary>
    private static void WaitForFiles(string folder)
    {
        for (long before = -1, size = 0; before != size;)
        {
            Thread.Sleep(1_200);
            (before, size) = (size, Directory.GetFiles(folder).Sum(file => new FileInfo(file).Length));
        }
    }
}
