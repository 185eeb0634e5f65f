using Hachi.Lang.Pcap.Gen.Facts;
using Hachi.Lang.Pcap.Syntax;
using Hachi.Text;

namespace Hachi.Lang.Pcap.Gen;

/// <summary>Primitives: qualifiers and what they say of an identifier.</summary>
internal sealed partial class Generation
{
    /// <summary>The current primitive as messages about its protocol name it.</summary>
    private string _context = "";

    private Test Primitive(PrimitiveNode node) => Primitive(node.Qualifiers, node.Id);

    private Test Primitive(Qualifiers q, Identifier id)
    {
        switch (id.Kind)
        {
            case IdKind.Name:
                return Named(q, id);
            case IdKind.Number:
            case IdKind.Ipv4:
                return Numbered(q, id);
            case IdKind.Ipv4Prefix:
            case IdKind.Ipv4Mask:
                return Ipv4Net(q, id);
            case IdKind.Ipv6:
            case IdKind.Ipv6Prefix:
                return Ipv6(q, id);
            case IdKind.Mac48:
                return Mac48(q, id);
            case IdKind.Mac8:
                return Mac8(q, id);
            default:
                return Fail(DiagnosticTable.FilterSetItem, id.Span, id.Text.ToString());
        }
    }

    private Test FailDecnet(Qualifiers q) =>
        Fail(DiagnosticTable.FilterQualifier, q.ProtoSpan, "decnet", QualifierWords.Of(q.Type == FilterType.Default ? FilterType.Host : q.Type));

    private Test Named(Qualifiers q, Identifier id)
    {
        if (q.Proto == FilterProtocol.Decnet)
            return FailDecnet(q);
        switch (q.Type)
        {
            case FilterType.Net:
                if (_options.Lookup?.Network(id.Text.ToString()) is not { } net || net == 0)
                    return Fail(DiagnosticTable.FilterUnknownNetwork, id.Span, id.Text.ToString());
                Addresses.LeftJustify(ref net, out uint mask);
                _context = "net <IPv4 network name>";
                return Host(net, mask, q.Proto, q);
            case FilterType.Default:
            case FilterType.Host:
                if (q.Proto == FilterProtocol.Link)
                    return MacByName(q, id, q.Dir, "link host NAME");
                // Where the link layer has no type field, a host is ip or ip6, not arp or rarp.
                _context = "host <Internet hostname>";
                bool isIpOnly = _at.Type.Constant == Offset.Unset && q.Proto == FilterProtocol.Default;
                return HostByName(q, id, isIpOnly ? FilterProtocol.Ip : q.Proto, isIpOnly ? FilterProtocol.Ip6 : q.Proto, q.Dir);
            case FilterType.Port:
                return PortByName(q, id);
            case FilterType.PortRange:
                return PortRangeByName(q, id);
            case FilterType.Gateway:
                return Gateway(q, id);
            case FilterType.Proto:
                return ProtocolByName(q, id, out uint protocol) ? Protocol(protocol, q.Proto, q, id) : False();
            case FilterType.ProtoChain:
                return ProtocolByName(q, id, out protocol) ? ProtocolChain(protocol, q.Proto, q, id) : False();
            default:
                return Fail(DiagnosticTable.FilterNoQualifier, id.Span);
        }
    }

    private Test Numbered(Qualifiers q, Identifier id)
    {
        bool isDotted = id.Kind == IdKind.Ipv4;
        if (q.Proto == FilterProtocol.Decnet)
        {
            if (q.Type is not (FilterType.Default or FilterType.Host))
                return FailDecnet(q);
            if (!isDotted || !Addresses.TryReadDecnet(id.Text, out uint decnet))
                return Fail(DiagnosticTable.FilterInvalidDecnet, id.Span, isDotted ? id.Text.ToString() : id.Number);
            return Host(decnet, 0, q.Proto, q);
        }

        uint value = id.Number;
        int bits = 32;
        if (isDotted && (bits = Addresses.ReadIpv4(id.Text, out value)) < 0)
            return Fail(DiagnosticTable.FilterInvalidIpv4, id.Span, id.Text.ToString());
        switch (q.Type)
        {
            case FilterType.Default:
            case FilterType.Host:
            case FilterType.Net:
                if (q.Proto == FilterProtocol.Link)
                    return Fail(DiagnosticTable.FilterLinkAddress, id.Span, isDotted ? id.Text.ToString() : value);
                uint mask = AllBits << (32 - bits);
                value <<= 32 - bits;
                if (!isDotted && q.Type == FilterType.Net)
                    Addresses.LeftJustify(ref value, out mask);
                _context = q.Type == FilterType.Net ? "net <IPv4 address>" : "host <IPv4 address>";
                return Host(value, mask, q.Proto, q);
            case FilterType.Port:
            case FilterType.PortRange:
                return PortByNumber(q, id, value);
            case FilterType.Gateway:
                return Fail(DiagnosticTable.FilterQualifier, q.TypeSpan, "gateway", id.Text.ToString());
            case FilterType.Proto:
                return Protocol(value, q.Proto, q, id);
            case FilterType.ProtoChain:
                return ProtocolChain(value, q.Proto, q, id);
            default:
                return Fail(DiagnosticTable.FilterNoQualifier, id.Span);
        }
    }

    private Test Ipv4Net(Qualifiers q, Identifier id)
    {
        if (q.Proto == FilterProtocol.Decnet)
            return FailDecnet(q);
        if (!ReadIpv4Net(id, out uint net, out uint mask))
            return False();
        _context = "net <IPv4 prefix>";
        return q.Type == FilterType.Net
            ? Host(net, mask, q.Proto, q)
            : Fail(DiagnosticTable.FilterQualifier, q.TypeSpan, QualifierWords.Of(q.Type == FilterType.Default ? FilterType.Host : q.Type), Whole(id));
    }

    /// <summary>A network and its mask; false after an error.</summary>
    private bool ReadIpv4Net(Identifier id, out uint net, out uint mask)
    {
        mask = 0;
        int bits = Addresses.ReadIpv4(id.Text, out net);
        if (bits < 0)
        {
            Fail(DiagnosticTable.FilterInvalidIpv4, id.TextSpan, id.Text.ToString());
            return false;
        }

        net <<= 32 - bits;
        if (id.Kind == IdKind.Ipv4Mask)
        {
            int maskBits = Addresses.ReadIpv4(id.MaskText, out mask);
            if (maskBits < 0)
            {
                Fail(DiagnosticTable.FilterInvalidIpv4, id.MaskSpan, id.MaskText.ToString());
                return false;
            }

            mask <<= 32 - maskBits;
        }
        else
        {
            if (id.Number > 32)
            {
                Fail(DiagnosticTable.FilterMaskLength, id.MaskSpan, 32);
                return false;
            }

            mask = (uint)(0xffffffffUL << (int)(32 - id.Number));
        }

        if ((net & ~mask) == 0)
            return true;
        Fail(DiagnosticTable.FilterHostBits, id.Span, id.Kind == IdKind.Ipv4Mask ? $"{id.Text} mask {id.MaskText}" : Whole(id));
        return false;
    }

    private static string Whole(Identifier id) => id.Kind switch
    {
        IdKind.Ipv4Prefix or IdKind.Ipv6Prefix => $"{id.Text}/{id.Number}",
        IdKind.Ipv4Mask => $"{id.Text} mask {id.MaskText}",
        _ => id.Text.ToString(),
    };

    private Test Ipv6(Qualifiers q, Identifier id)
    {
        bool isPrefix = id.Kind == IdKind.Ipv6Prefix;
        if (!ReadIpv6Net(id, out UInt128 address, out UInt128 mask))
            return False();
        switch (q.Type)
        {
            case FilterType.Default:
            case FilterType.Host:
                if (isPrefix && id.Number != 128)
                    return Fail(DiagnosticTable.FilterQualifier, q.TypeSpan, "host", Whole(id));
                _context = "host <IPv6 address>";
                return Host6(address, mask, q.Proto, q);
            case FilterType.Net:
                _context = "net <IPv6 prefix>";
                return Host6(address, mask, q.Proto, q);
            default:
                return Fail(DiagnosticTable.FilterQualifier, q.TypeSpan, QualifierWords.Of(q.Type), isPrefix && id.Number != 128 ? Whole(id) : id.Text.ToString());
        }
    }

    private bool ReadIpv6Net(Identifier id, out UInt128 address, out UInt128 mask)
    {
        address = id.Value;
        mask = UInt128.MaxValue;
        if (id.Kind != IdKind.Ipv6Prefix)
            return true;
        if (id.Number > 128)
        {
            Fail(DiagnosticTable.FilterMaskLength, id.MaskSpan, 128);
            return false;
        }

        mask = id.Number == 0 ? UInt128.Zero : UInt128.MaxValue << (int)(128 - id.Number);
        if ((address & ~mask) == UInt128.Zero)
            return true;
        Fail(DiagnosticTable.FilterHostBits, id.Span, Whole(id));
        return false;
    }

    private Test Mac48(Qualifiers q, Identifier id)
    {
        const string context = "link host XX:XX:XX:XX:XX:XX";
        if (q.Type is not (FilterType.Host or FilterType.Default) || q.Proto != FilterProtocol.Link)
            return Fail(DiagnosticTable.FilterMacNotLink, id.Span);
        if (_at.Layout.Mac is not (MacRule.Mac48 or MacRule.Wlan))
            return FailOnLink(context);
        return MacHost((ulong)id.Value, q.Dir, q, context);
    }

    private Test Mac8(Qualifiers q, Identifier id)
    {
        if (q.Type is not (FilterType.Host or FilterType.Default))
            return Fail(DiagnosticTable.FilterQualifier, q.TypeSpan, QualifierWords.Of(q.Type), "$XX");
        if (q.Proto != FilterProtocol.Link)
            return Fail(DiagnosticTable.FilterMac8NotLink, q.ProtoSpan);
        return Mac8Host((uint)id.Value, q.Dir, q, "link host $XX");
    }
}
