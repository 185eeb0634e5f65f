using System.Globalization;
using Hachi.Isa;

namespace Hachi.Bench;

/// <summary>The twelve filters of the benchmark, and what compiles them.</summary>
internal static class Filters
{
    /// <summary>Name and expression; the hosts are some of those in the sample capture.</summary>
    public static readonly (string Name, string Expression)[] All =
    [
        ("all", ""),
        ("greater 1000", "greater 1000"),
        ("tcp", "tcp"),
        ("tcp port 443", "tcp port 443"),
        ("port 53", "port 53"),
        ("one host", "host 192.168.1.10"),
        ("sixteen hosts", string.Join(" or ", Enumerable.Range(1, 16).Select(i => $"host 10.1.0.{i * 7}"))),
        ("mpls and tcp", "mpls 100 and tcp"),
        ("vlan and port", "vlan 100 and tcp port 443"),
        ("portrange", "portrange 5000-5100"),
        ("tcp flags", "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0"),
        ("double vlan", "vlan and vlan and ip and tcp port 443 or tcp port 443"),
    ];

    /// <summary>Others of which only the compile time is measured: arithmetic (the packets of a web server that carry data), and what a capture over ssh leaves out.</summary>
    public static readonly (string Name, string Expression)[] Compiled =
    [
        ("http payload", "tcp port 80 and (((ip[2:2] - ((ip[0]&0xf)<<2)) - ((tcp[12]&0xf0)>>2)) != 0)"),
        ("three not", "not port 22 and not arp and not host 10.0.0.1"),
    ];

    /// <summary>An expression as tcpdump's library compiles it.</summary>
    public static ClassicProgram ByLibpcap(string expression)
    {
        string[] lines = Cpu.Output("tcpdump", "-y", "EN10MB", "-ddd", expression).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return new ClassicProgram([.. lines.Skip(1).Select(Parse)]);
    }

    private static ClassicInsn Parse(string line)
    {
        uint[] n = [.. line.Split(' ').Select(w => uint.Parse(w, CultureInfo.InvariantCulture))];
        return new ClassicInsn((ushort)n[0], (byte)n[1], (byte)n[2], n[3]);
    }
}
