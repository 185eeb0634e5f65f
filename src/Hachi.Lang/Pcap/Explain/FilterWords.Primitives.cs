using System.Globalization;
using Hachi.Lang.Pcap.Lookup;
using Hachi.Lang.Pcap.Syntax;

namespace Hachi.Lang.Pcap.Explain;

/// <summary>Primitives: qualifiers and an identifier, or a set.</summary>
internal sealed partial class FilterWords
{
    private string Primitive(Qualifiers q, Identifier id) => q.Type switch
    {
        FilterType.Port or FilterType.PortRange => $"{PortCarrier(q.Proto)}, {Ends(q.Dir)} port {Port(id)}",
        FilterType.Proto => CarriedProtocol(q.Proto, id),
        FilterType.ProtoChain => $"{CarriedProtocol(q.Proto, id)}, anywhere along the chain of headers",
        FilterType.Gateway => $"sent through the gateway {id.Text}: its link-layer address, but neither of its IP addresses",
        _ => $"{Family(q, id)}, {Ends(q.Dir)} {(q.Proto == FilterProtocol.Link ? "link-layer " : "")}address {Address(q, id)}",
    };

    private string Set(SetNode set)
    {
        var words = new List<string>();
        foreach (SetItem item in set.Items)
        {
            if (words.Count == ItemsMax)
            {
                words.Add(string.Create(CultureInfo.InvariantCulture, $"{set.Items.Length - ItemsMax} more"));
                break;
            }
            words.Add(item.Low.Kind == IdKind.File ? $"the lines of the file {item.Low.Text}" : item.High is { } high ? $"{item.Low.Text} to {high.Text}" : Whole(item.Low));
        }
        string list = words.Count == 1 ? words[0] : $"one of {string.Join(", ", words)}";
        bool isPort = set.Qualifiers.Type is FilterType.Port or FilterType.PortRange;
        string carrier = isPort ? PortCarrier(set.Qualifiers.Proto) : Family(set.Qualifiers, set.Items[0].Low);
        return $"{carrier}, {Ends(set.Qualifiers.Dir)} {(isPort ? "port" : "address")} {list}";
    }

    private static string Ends(FilterDirection direction) => direction switch
    {
        FilterDirection.Src => "source",
        FilterDirection.Dst => "destination",
        FilterDirection.And => "source and destination",
        FilterDirection.Default or FilterDirection.Or or FilterDirection.Undefined => "source or destination",
        _ => $"802.11 {Printer.Keyword(direction)}",
    };

    private static string PortCarrier(FilterProtocol proto) =>
        proto == FilterProtocol.Default ? "TCP, UDP or SCTP over IPv4 or IPv6" : $"{Printer.Keyword(proto).ToUpperInvariant()} over IPv4 or IPv6";

    private string Port(Identifier id)
    {
        if (id.Kind == IdKind.Number)
            return ServiceName(id.Number) is { } name ? string.Create(CultureInfo.InvariantCulture, $"{id.Number} ({name})") : string.Create(CultureInfo.InvariantCulture, $"{id.Number}");
        string text = id.Text.ToString();
        if (lookup?.Service(text) is not { } service)
            return text;
        var numbers = new List<int>();
        foreach (int port in (int[])[service.Tcp, service.Udp])
            if (port >= 0 && !numbers.Contains(port))
                numbers.Add(port);
        return numbers.Count > 0 ? string.Create(CultureInfo.InvariantCulture, $"{numbers[0]} ({text})") : text;
    }

    private string CarriedProtocol(FilterProtocol proto, Identifier id)
    {
        string text = id.Text.ToString();
        string name = id.Kind == IdKind.Number ? string.Create(CultureInfo.InvariantCulture, $"{id.Number}") : text;
        bool isIp = proto is FilterProtocol.Default or FilterProtocol.Ip or FilterProtocol.Ip6;
        if (isIp && id.Kind == IdKind.Name && lookup?.Protocol(text) is { } number)
            name = string.Create(CultureInfo.InvariantCulture, $"{number} ({text})");
        return proto switch
        {
            FilterProtocol.Default => $"IPv4 or IPv6 with protocol {name}",
            FilterProtocol.Ip => $"IPv4 with protocol {name}",
            FilterProtocol.Ip6 => $"IPv6 with next header {name}",
            FilterProtocol.Link => id.Kind == IdKind.Number ? string.Create(CultureInfo.InvariantCulture, $"link-layer protocol 0x{id.Number:x4}") : $"link-layer protocol {name}",
            _ => $"{ProtocolName(proto, false)} with protocol {name}",
        };
    }

    private string Family(Qualifiers q, Identifier id)
    {
        if (q.Proto == FilterProtocol.Link)
            return "any protocol";
        if (q.Proto != FilterProtocol.Default)
            return ProtocolName(q.Proto, false);
        if (id.Kind is IdKind.Ipv6 or IdKind.Ipv6Prefix)
            return "IPv6";
        if (id.Kind == IdKind.File)
            return "IPv4, ARP, RARP or IPv6";
        if (id.Kind != IdKind.Name || q.Type == FilterType.Net || lookup is null)
            return "IPv4, ARP or RARP";
        IReadOnlyList<HostAddress> addresses = lookup.Hosts(id.Text.ToString());
        bool hasIpv6 = false, hasIpv4 = false;
        foreach (HostAddress address in addresses)
        {
            hasIpv6 |= address.IsIpv6;
            hasIpv4 |= !address.IsIpv6;
        }
        return !hasIpv6 ? "IPv4, ARP or RARP" : hasIpv4 ? "IPv4, ARP, RARP or IPv6" : "IPv6";
    }

    private string Address(Qualifiers q, Identifier id)
    {
        bool isPartial = id.Kind == IdKind.Ipv4 && q.Proto != FilterProtocol.Decnet && id.Text.Count('.') < 3;
        if (id.Kind is IdKind.Ipv4Prefix or IdKind.Ipv4Mask || (id.Kind == IdKind.Ipv6Prefix && id.Number != 128))
            return "in " + Whole(id);
        if (isPartial)
            return string.Create(CultureInfo.InvariantCulture, $"in {id.Text}/{8 * (id.Text.Count('.') + 1)}");
        if (id.Kind != IdKind.Name)
            return (q.Type == FilterType.Net && id.Kind is IdKind.Number ? "in " : "") + Whole(id);
        string name = id.Text.ToString();
        if (q.Type == FilterType.Net)
            return "in the network " + name;
        if (q.Proto == FilterProtocol.Link || lookup is null)
            return "of " + name;
        IReadOnlyList<HostAddress> addresses = lookup.Hosts(name);
        var texts = new List<string>();
        for (int i = 0; i < addresses.Count && i < ItemsMax; i++)
            texts.Add(AddressWords(addresses[i]));
        if (addresses.Count > ItemsMax)
            texts.Add(string.Create(CultureInfo.InvariantCulture, $"{addresses.Count - ItemsMax} more"));
        return texts.Count == 0 ? "of " + name : $"of {name} ({string.Join(", ", texts)})";
    }

    private static string AddressWords(HostAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt128BigEndian(bytes, address.Value);
        return new System.Net.IPAddress(address.IsIpv6 ? bytes : bytes[12..]).ToString();
    }

    private static string Whole(Identifier id) => id.Kind switch
    {
        IdKind.Ipv4Prefix or IdKind.Ipv6Prefix => string.Create(CultureInfo.InvariantCulture, $"{id.Text}/{id.Number}"),
        IdKind.Ipv4Mask => $"{id.Text} mask {id.MaskText}",
        _ => id.Text.ToString(),
    };

    private static string ProtocolName(FilterProtocol proto, bool isAlone) => proto switch
    {
        FilterProtocol.Ip => "IPv4",
        FilterProtocol.Ip6 => "IPv6",
        FilterProtocol.Arp => "ARP",
        FilterProtocol.Rarp => "RARP",
        FilterProtocol.Tcp or FilterProtocol.Udp or FilterProtocol.Sctp or FilterProtocol.Ah or FilterProtocol.Esp or FilterProtocol.Pim =>
            Printer.Keyword(proto).ToUpperInvariant() + (isAlone ? " over IPv4 or IPv6" : ""),
        FilterProtocol.Icmp or FilterProtocol.Igmp or FilterProtocol.Igrp or FilterProtocol.Vrrp or FilterProtocol.Carp =>
            Printer.Keyword(proto).ToUpperInvariant() + (isAlone ? " (over IPv4)" : ""),
        FilterProtocol.Icmp6 => "ICMPv6",
        FilterProtocol.Atalk => "AppleTalk",
        FilterProtocol.Aarp => "AppleTalk ARP",
        FilterProtocol.Decnet => "DECnet",
        FilterProtocol.Iso => "OSI",
        FilterProtocol.Stp => "spanning tree",
        FilterProtocol.Netbeui => "NetBEUI",
        FilterProtocol.L1 or FilterProtocol.L2 => $"IS-IS of level {(proto == FilterProtocol.L1 ? 1 : 2)}",
        FilterProtocol.Iih or FilterProtocol.Lsp or FilterProtocol.Snp or FilterProtocol.Csnp or FilterProtocol.Psnp =>
            $"IS-IS {Printer.Keyword(proto).ToUpperInvariant()} packets",
        FilterProtocol.Esis => "ES-IS",
        FilterProtocol.Isis => "IS-IS",
        FilterProtocol.Link => "the link layer",
        _ => Printer.Keyword(proto).ToUpperInvariant(),
    };

    /// <summary>The usual name of a well-known port, or null; a test holds it against <see cref="WellKnown"/>.</summary>
    public static string? ServiceName(uint port) => port switch
    {
        20 => "ftp-data",
        21 => "ftp",
        22 => "ssh",
        23 => "telnet",
        25 => "smtp",
        53 => "domain",
        67 => "bootps",
        68 => "bootpc",
        69 => "tftp",
        80 => "http",
        110 => "pop3",
        123 => "ntp",
        143 => "imap",
        161 => "snmp",
        179 => "bgp",
        389 => "ldap",
        443 => "https",
        445 => "microsoft-ds",
        500 => "isakmp",
        546 => "dhcpv6-client",
        547 => "dhcpv6-server",
        587 => "submission",
        636 => "ldaps",
        853 => "domain-s",
        993 => "imaps",
        1883 => "mqtt",
        2049 => "nfs",
        3306 => "mysql",
        5060 => "sip",
        5353 => "mdns",
        5432 => "postgresql",
        6379 => "redis",
        8080 => "http-alt",
        _ => null,
    };
}
