using System.Globalization;
using Hachi.Lang.Pcap.Syntax;

namespace Hachi.Tests.Support;

/// <summary>What a <see cref="RandomFilter"/> may use.</summary>
internal sealed record RandomFilterOptions
{
    /// <summary>Sets, anyvlan and inner, which libpcap does not know.</summary>
    public bool Extensions { get; init; }

    /// <summary>Primitives of other link types than Ethernet (802.11, pf, ATM, SS7): they parse, but do not compile there.</summary>
    public bool OtherLinks { get; init; }

    /// <summary>Words that 1.10.3 does not know: vxlan.</summary>
    public bool NewWords { get; init; }

    /// <summary>The loop over IPv4 and IPv6 headers.</summary>
    public bool ProtoChain { get; init; } = true;

    /// <summary>How deep parentheses may nest.</summary>
    public int DepthMax { get; init; } = 3;

    /// <summary>Addresses, ports and numbers that are worth looking for, because packets have them.</summary>
    public string[] Ip4 { get; init; } = ["10.0.0.1", "10.0.0.2", "192.168.1.10", "192.168.1.1", "172.16.3.4", "224.0.0.251", "255.255.255.255", "127.0.0.1"];

    /// <summary>The same, IPv6.</summary>
    public string[] Ip6 { get; init; } = ["2001:db8::1", "2001:db8::2", "fe80::1", "ff02::1", "::1", "2001:db8:0:1::5"];

    /// <summary>The same, MAC.</summary>
    public string[] Mac { get; init; } = ["02:00:5e:00:00:01", "02:00:5e:00:00:02", "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:fb"];

    /// <summary>The same, ports.</summary>
    public int[] Ports { get; init; } = [22, 53, 80, 123, 443, 8080, 5000, 6081, 4789, 33000];
}

/// <summary>
/// Random expressions of the filter language, from a generator that the caller seeds: every class of primitives, qualifiers inherited and not,
/// arithmetic of all sorts. All of them parse; most of them compile for Ethernet.
/// </summary>
internal sealed class RandomFilter(Random random, RandomFilterOptions options)
{
    private static readonly string[] s_abbreviations =
    [
        "ip", "ip6", "arp", "rarp", "tcp", "udp", "sctp", "icmp", "icmp6", "igmp", "igrp", "pim", "vrrp", "carp", "ah", "esp", "atalk", "aarp", "decnet",
        "lat", "sca", "moprc", "mopdl", "iso", "esis", "isis", "clnp", "stp", "ipx", "netbeui", "l1", "l2", "iih", "lsp", "snp", "csnp", "psnp",
    ];

    private static readonly string[] s_common = ["ip", "ip6", "arp", "tcp", "udp", "icmp", "icmp6"];

    private static readonly string[] s_accessors =
        ["link", "ether", "ip", "ip6", "arp", "rarp", "tcp", "udp", "icmp", "icmp6", "igmp", "igrp", "pim", "sctp", "vrrp", "carp", "atalk", "decnet", "lat", "moprc", "mopdl", "sca"];

    private static readonly string[] s_services = ["http", "https", "domain", "ssh", "smtp", "ftp", "ftp-data", "ntp", "bootps", "bootpc", "snmp"];

    private static readonly string[] s_etherTypes = ["ip", "ip6", "arp", "rarp", "atalk", "aarp", "decnet", "sca", "lat", "mopdl", "moprc", "iso", "stp", "ipx", "netbeui"];

    private static readonly string[] s_operators = ["+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>"];

    private static readonly string[] s_relations = ["=", "==", "!=", ">", ">=", "<", "<="];

    private int _prefixes; // anyvlan and inner that stand in each other

    /// <summary>One expression.</summary>
    public string Expression() => Chain(options.DepthMax);

    private int Next(int max) => random.Next(max);

    private bool Chance(int percent) => random.Next(100) < percent;

    private T Pick<T>(T[] from) => from[random.Next(from.Length)];

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);

    private string And() => Pick<string>([" and ", " && ", " or ", " || "]);

    private string Not() => Chance(15) ? Pick<string>(["not ", "! ", "!", "not not "]) : "";

    private string Chain(int depth)
    {
        int count = Chance(45) ? 1 : 1 + Next(4);
        string text = Operand(depth);
        for (int i = 1; i < count; i++)
            text += And() + Operand(depth);
        return text;
    }

    private string Operand(int depth)
    {
        if (depth > 0 && Chance(18))
            return $"{Not()}({Chain(depth - 1)})";
        if (options.Extensions && Chance(8) && _prefixes < FilterParser.MaxPrefixes)
        {
            _prefixes++;
            string text = $"{Pick<string>(["anyvlan ", "inner ", "not inner ", "anyvlan not "])}{Operand(depth - 1)}";
            _prefixes--;
            return text;
        }
        return Not() + Term();
    }

    private string Term() => Next(options.OtherLinks ? 20 : 17) switch
    {
        0 or 1 => Pick(s_common),
        2 => Pick(s_abbreviations),
        3 or 4 => Host(),
        5 => Net(),
        6 or 7 => Port(),
        8 => PortRange(),
        9 => Proto(),
        10 or 11 or 12 => Relation(),
        13 => Encapsulation(),
        14 => Cast(),
        15 => Length(),
        16 => options.Extensions && Chance(70) ? Set() : Ether(),
        _ => OtherLink(),
    };

    private string Direction() => Chance(50) ? "" : Pick<string>(["src ", "dst ", "src or dst ", "dst or src ", "src and dst "]);

    /// <summary>One identifier, or several that inherit the qualifiers in front.</summary>
    private string Several(Func<string> one)
    {
        int kind = Next(10);
        if (kind < 6)
            return one();
        string list = one();
        for (int i = Next(3); i >= 0; i--)
            list += And() + (Chance(10) ? "not " : "") + one();
        return kind < 8 ? list : $"({list})";
    }

    private string Host()
    {
        string direction = Direction();
        if (Chance(30))
        {
            string type = direction.Length != 0 && Chance(40) ? "" : "host ";
            return $"{(Chance(50) ? "ip6 " : "")}{direction}{type}{Several(() => Pick(options.Ip6))}";
        }
        string proto = Chance(50) ? "" : Pick<string>(["ip ", "arp ", "rarp "]);
        return $"{proto}{direction}{(direction.Length != 0 && Chance(40) ? "" : "host ")}{Several(() => Pick(options.Ip4))}";
    }

    private string Net()
    {
        string direction = Direction();
        if (Chance(25))
        {
            int bits = Pick<int>([8, 16, 32, 48, 64, 112]);
            return $"{(Chance(50) ? "ip6 " : "")}{direction}net {Pick<string>([$"2000::/{Math.Min(bits, 16)}", "2001:db8::/32", "fe80::/10", "ff00::/8", "::/0", "2001:db8::/64"])}";
        }
        string proto = Chance(60) ? "" : Pick<string>(["ip ", "arp "]);
        string[] bytes = Pick(options.Ip4).Split('.');
        string net = Next(5) switch
        {
            0 => $"{bytes[0]}.0.0.0/8",
            1 => $"{bytes[0]}.{bytes[1]}.0.0/16",
            2 => $"{bytes[0]}.{bytes[1]}.{bytes[2]}",
            3 => $"{bytes[0]}.{bytes[1]}.{bytes[2]}.0 mask 255.255.255.0",
            _ => $"{bytes[0]}.{bytes[1]}",
        };
        return $"{proto}{direction}net {net}";
    }

    private string PortName() => Chance(20) ? Pick(s_services) : Text(Chance(70) ? Pick(options.Ports) : Next(65536));

    private string Port()
    {
        string proto = Chance(50) ? "" : Pick<string>(["tcp ", "udp ", "sctp "]);
        return $"{proto}{Direction()}port {Several(() => Text(Pick(options.Ports)))}{(Chance(15) && proto.Length == 0 ? " or port " + PortName() : "")}";
    }

    private string PortRange()
    {
        int low = Chance(50) ? Pick(options.Ports) : Next(65536);
        int high = Math.Min(65535, low + Next(3000));
        string proto = Chance(50) ? "" : Pick<string>(["tcp ", "udp ", "sctp "]);
        return $"{proto}{Direction()}portrange {(Chance(10) ? $"{high}-{low}" : $"{low}-{high}")}";
    }

    private string Proto() => Next(6) switch
    {
        0 => $"ip proto {Pick<string>(["1", "6", "17", "\\tcp", "\\udp", "\\icmp", "132", "41", "50"])}",
        1 => $"ip6 proto {Pick<string>(["6", "17", "58", "\\tcp", "\\udp", "44"])}",
        2 => $"ether proto {Pick<string>(["0x800", "0x86dd", "0x806", "2048", "0x8100", "0x8847", "0x88cc"])}",
        3 => $"ether proto \\{Pick(s_etherTypes)}",
        4 => $"proto {Several(() => Pick<string>(["6", "17", "1", "50"]))}",
        _ => options.ProtoChain && Chance(30) ? $"{Pick<string>(["ip", "ip6"])} protochain {Pick<string>(["6", "17", "58", "\\udp"])}" : $"iso proto {Pick<string>(["\\clnp", "\\esis", "\\isis", "131"])}",
    };

    private string Ether()
    {
        string direction = Direction();
        return $"{Pick<string>(["ether ", "link "])}{direction}{(direction.Length != 0 && Chance(40) ? "" : "host ")}{Several(() => Pick(options.Mac))}";
    }

    private string Cast() => Pick<string>(["broadcast", "multicast", "ether broadcast", "ether multicast", "ip multicast", "ip6 multicast"]);

    private string Length() => Next(6) switch
    {
        0 => $"less {Next(1500)}",
        1 => $"greater {Next(1500)}",
        2 => $"byte {Next(60)} {Pick<string>(["=", "<", ">"])} {Next(256)}",
        3 => $"llc {Pick<string>(["", "i", "s", "u", "rr", "rnr", "rej", "ui", "ua", "disc", "dm", "sabme", "test", "xid", "frmr"])}".TrimEnd(),
        _ => $"len {Pick(s_relations)} {Next(1500)}",
    };

    private string Encapsulation() => Next(options.NewWords ? 9 : 7) switch
    {
        0 => "vlan",
        1 => $"vlan {Pick<int>([1, 10, 100, 200, 4095])}",
        2 => "mpls",
        3 => $"mpls {Pick<int>([16, 100, 1000])}",
        4 => "pppoed",
        5 => $"pppoes {(Chance(50) ? "" : Text(Next(100)))}".TrimEnd(),
        6 => $"geneve {(Chance(50) ? "" : Text(Next(100)))}".TrimEnd(),
        _ => $"vxlan {(Chance(50) ? "" : Text(Next(100)))}".TrimEnd(),
    };

    private string Relation() => $"{Value(2)} {Pick(s_relations)} {(Chance(70) ? Number() : Value(1))}";

    private string Number() => Next(8) switch
    {
        0 => "0",
        1 => Text(Next(4)),
        2 => Text(Next(256)),
        3 => Text(Next(65536)),
        4 => Text(random.NextInt64(1L << 32)),
        5 => "0x" + Next(256).ToString("x", CultureInfo.InvariantCulture),
        6 => Pick<string>(["tcp-syn", "tcp-ack", "tcp-fin", "tcpflags", "icmp-echo", "icmptype", "icmp6-echo"]),
        _ => Text(1L << Next(32)),
    };

    private string Value(int depth)
    {
        int kind = Next(10);
        if (depth == 0 || kind < 4)
            return kind == 0 ? "len" : kind == 1 ? Number() : Accessor(depth);
        if (kind == 4)
            return $"-{Value(depth - 1)}";
        if (kind == 5)
            return $"({Accessor(depth - 1)} {Pick(s_operators)} {Divisor()})";
        string op = Pick(s_operators);
        return op switch
        {
            "/" or "%" => $"{Value(depth - 1)} {op} {(Chance(70) ? Divisor() : Accessor(0))}",
            "<<" or ">>" => $"{Value(depth - 1)} {op} {(Chance(80) ? Text(Next(32)) : Accessor(0))}",
            _ => $"{Value(depth - 1)} {op} {Value(depth - 1)}",
        };
    }

    private string Divisor() => Text(1 + Next(31));

    private string Accessor(int depth)
    {
        string offset = Chance(80) || depth == 0 ? Text(Next(Chance(80) ? 40 : 200)) : Value(depth - 1);
        string size = Chance(50) ? "" : Pick<string>([":1", ":2", ":4"]);
        return $"{Pick(s_accessors)}[{offset}{size}]";
    }

    private string Set() => Next(4) switch
    {
        0 => $"{Direction()}port in {{{string.Join(", ", Enumerable.Range(0, 1 + Next(6)).Select(_ => Chance(30) ? $"{Next(30000)}-{30000 + Next(30000)}" : PortName()))}}}",
        1 => $"{Direction()}host in {{{string.Join(Pick<string>([", ", " ", ","]), Enumerable.Range(0, 1 + Next(6)).Select(_ => Chance(30) ? Pick(options.Ip6) : Chance(20) ? "10.0.0.1-10.0.0.99" : Pick(options.Ip4)))}}}",
        2 => $"{Direction()}net in {{10.0.0.0/8, 192.168.0.0/16, fe80::/10, 172.16 mask 255.240}}",
        _ => $"tcp {Direction()}port in {{{PortName()}}}",
    };

    private string OtherLink() => Next(6) switch
    {
        0 => Pick<string>(["wlan type mgt", "wlan type data subtype null", "subtype beacon", "type 0x08 subtype 0x10", "wlan dir tods", "dir 2", "wlan addr1 02:00:5e:00:00:01", "wlan ra 02:00:5e:00:00:01"]),
        1 => Pick<string>(["ifname eth0", "on eth0", "rset foo", "rnr 3", "srnr 4", "reason match", "reason 7", "action block", "action pass"]),
        2 => Pick<string>(["lane", "metac", "bcc", "sc", "ilmic", "oamf4sc", "oamf4ec", "oam", "oamf4", "connectmsg", "metaconnect"]),
        3 => $"{Pick<string>(["vpi", "vci"])} {Pick<string>(["5", "> 5", "!= 7", "<= 3", "(1 or 2 or 3)", "(4)"])}",
        4 => Pick<string>(["fisu", "lssu", "lsu", "msu", "hfisu", "hlssu", "hmsu", "inbound", "outbound", "ifindex 3", "radio[0] = 1"]),
        _ => $"{Pick<string>(["sio", "opc", "dpc", "sls", "hsio", "hopc", "hdpc", "hsls"])} {Pick<string>(["5", "> 5", "!= 7", "<= 3", "(1 or 2 or 3)", "(4)"])}",
    };
}
