using System.Globalization;
using Hachi.Lang.Pcap.Gen.Facts;
using Hachi.Lang.Pcap.Lookup;
using Hachi.Lang.Pcap.Syntax;
using Hachi.Text;
using static Hachi.Lang.Pcap.Gen.Facts.Numbers;

namespace Hachi.Lang.Pcap.Gen;

/// <summary>Ports and ranges of ports.</summary>
internal sealed partial class Generation
{
    /// <summary>TCP, UDP and SCTP.</summary>
    private const int AnyPortProtocol = -1;

    private const uint PortMax = 0xffff;

    /// <summary>The IP protocol of a port's qualifier; false after an error.</summary>
    private bool PortProtocol(Qualifiers q, out int protocol)
    {
        protocol = q.Proto switch
        {
            FilterProtocol.Default => AnyPortProtocol,
            FilterProtocol.Tcp => (int)IpTcp,
            FilterProtocol.Udp => (int)IpUdp,
            FilterProtocol.Sctp => (int)IpSctp,
            _ => -2,
        };
        if (protocol != -2)
            return true;
        Fail(DiagnosticTable.FilterQualifier, q.ProtoSpan, QualifierWords.Of(q.Proto), q.Type == FilterType.Port ? "port" : "portrange");
        return false;
    }

    private Test PortByNumber(Qualifiers q, Identifier id, uint value)
    {
        if (!PortProtocol(q, out int protocol) || !CheckMax("port number", value, PortMax, id.Span))
            return False();
        return Ports(value, value, protocol, q);
    }

    private Test PortByName(Qualifiers q, Identifier id)
    {
        if (!PortProtocol(q, out int wanted))
            return False();
        string name = id.Text.ToString();
        if (!FindService(name, out uint port, out int protocol))
            return Fail(DiagnosticTable.FilterUnknownPort, id.Span, name);
        return PortOf(DiagnosticTable.FilterPortProtocol, name, id, wanted, ref protocol) ? Ports(port, port, protocol, q) : False();
    }

    /// <summary>Reconciles the protocol of a service with that of the qualifier.</summary>
    private bool PortOf(DiagnosticInfo refusal, string name, Identifier id, int wanted, ref int protocol)
    {
        if (wanted == AnyPortProtocol)
            return true;
        if (protocol != AnyPortProtocol && protocol != wanted)
        {
            Fail(refusal, id.Span, name, protocol == (int)IpTcp ? "tcp" : protocol == (int)IpUdp ? "udp" : "sctp");
            return false;
        }

        protocol = wanted;
        return true;
    }

    /// <summary>TCP's port first; the protocol stays open where UDP has the same one.</summary>
    private bool FindService(string name, out uint port, out int protocol)
    {
        port = 0;
        protocol = AnyPortProtocol;
        if (_options.Lookup?.Service(name) is not { } service)
            return false;
        if (service.Tcp >= 0)
        {
            port = (uint)service.Tcp;
            protocol = service.Udp == service.Tcp ? AnyPortProtocol : (int)IpTcp;
            return true;
        }

        port = (uint)service.Udp;
        protocol = (int)IpUdp;
        return service.Udp >= 0;
    }

    private Test PortRangeByName(Qualifiers q, Identifier id)
    {
        if (!PortProtocol(q, out int wanted))
            return False();
        string text = id.Text.ToString();
        int hyphen = text.IndexOf('-', StringComparison.Ordinal);
        if (hyphen < 0)
            return Fail(DiagnosticTable.FilterPortRange, id.Span, text, "contains no hyphen");
        if (text.IndexOf('-', hyphen + 1) >= 0)
            return Fail(DiagnosticTable.FilterPortRange, id.Span, text, "contains more than one hyphen");
        if (hyphen == 0)
            return Fail(DiagnosticTable.FilterPortRange, id.Span, text, "has no starting port");
        if (!RangeEnd(id, text[..hyphen], out uint first, out int protocol))
            return False();
        if (hyphen == text.Length - 1)
            return Fail(DiagnosticTable.FilterPortRange, id.Span, text, "has no ending port");
        if (!RangeEnd(id, text[(hyphen + 1)..], out uint last, out int protocol2))
            return False();
        if (protocol2 != protocol)
            protocol = AnyPortProtocol;
        if (!PortOf(DiagnosticTable.FilterPortRangeProtocol, text, id, wanted, ref protocol)
            || !CheckMax("port number", first, PortMax, id.Span) || !CheckMax("port number", last, PortMax, id.Span))
            return False();
        return Ports(Math.Min(first, last), Math.Max(first, last), protocol, q);
    }

    private bool RangeEnd(Identifier id, string text, out uint port, out int protocol)
    {
        protocol = AnyPortProtocol;
        if (TryReadNumber(text, out port) || FindService(text, out port, out protocol))
            return true;
        Fail(DiagnosticTable.FilterInvalidPort, id.Span, text);
        return false;
    }

    /// <summary>A number in C's notation: decimal, 0 and octal digits, 0x and hexadecimal digits.</summary>
    private static bool TryReadNumber(ReadOnlySpan<char> text, out uint value)
    {
        if (text.StartsWith("0x", StringComparison.OrdinalIgnoreCase))
            return uint.TryParse(text[2..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
        if (text.Length < 2 || text[0] != '0')
            return uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
        value = 0;
        foreach (char c in text)
        {
            if (c is < '0' or > '7' || value > 0xffffffff >> 3)
                return false;
            value = (value << 3) | (uint)(c - '0');
        }

        return true;
    }

    /// <summary>Ports from one to another, of IPv4 (first fragments only), then of IPv6 (without extension headers).</summary>
    private Test Ports(uint first, uint last, int protocol, Qualifiers q)
    {
        if (q.Dir > FilterDirection.And)
            return Fail(DiagnosticTable.FilterQualifier, q.DirSpan, QualifierWords.Of(q.Dir), q.Type == FilterType.PortRange ? "portrange" : "port");
        Test ipv4 = PortsOfIpv4(protocol, PortPair(Base.TransportIpv4, first, last, q.Dir));
        // libpcap generates IPv6 second and tests it first.
        Test ipv6 = PortsOfIpv6(protocol, PortPair(Base.TransportIpv6, first, last, q.Dir));
        return Or(ipv6, ipv4);
    }

    private Test PortPair(Base from, uint first, uint last, FilterDirection dir)
    {
        switch (dir)
        {
            case FilterDirection.Src:
                return Port(TestField.SourcePort, from, 0, first, last);
            case FilterDirection.Dst:
                return Port(TestField.DestinationPort, from, 2, first, last);
            default:
                Test source = Port(TestField.SourcePort, from, 0, first, last);
                Test destination = Port(TestField.DestinationPort, from, 2, first, last);
                return dir == FilterDirection.And ? And(source, destination) : Or(source, destination);
        }
    }

    private Test Port(TestField field, Base from, uint offset, uint first, uint last)
    {
        if (first == last)
            return Equal(field, from, offset, 2, first);
        Test low = AtLeast(field, from, offset, 2, first);
        return And(low, AtMost(field, from, offset, 2, last));
    }

    private Test PortsOfIpv4(int protocol, Test ports)
    {
        Test head = PortCarrier(TestField.IpProtocol, 9, protocol);
        head = And(head, FirstFragment());
        Test body = And(head, ports);
        return And(LinkProtocol(EtherIpv4), body);
    }

    private Test PortsOfIpv6(int protocol, Test ports)
    {
        Test body = And(PortCarrier(TestField.Ip6NextHeader, 6, protocol), ports);
        return And(LinkProtocol(EtherIpv6), body);
    }

    private Test PortCarrier(TestField field, uint offset, int protocol)
    {
        if (protocol != AnyPortProtocol)
            return Equal(field, Base.Network, offset, 1, (uint)protocol);
        Test sctp = Equal(field, Base.Network, offset, 1, IpSctp);
        Test udp = Or(Equal(field, Base.Network, offset, 1, IpUdp), sctp);
        return Or(Equal(field, Base.Network, offset, 1, IpTcp), udp);
    }

    /// <summary>Not a later fragment of an IPv4 packet.</summary>
    private Test FirstFragment() => Not(BitSet(TestField.FragmentOffset, Base.Network, 6, 2, 0x1fff));
}
