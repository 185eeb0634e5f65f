using Hachi.Lang.Pcap.Gen.Facts;
using Hachi.Lang.Pcap.Lookup;
using Hachi.Lang.Pcap.Syntax;
using Hachi.Text;
using static Hachi.Lang.Pcap.Gen.Facts.Numbers;

namespace Hachi.Lang.Pcap.Gen;

/// <summary>Hosts and networks: IPv4, IPv6, ARP, DECnet, MAC addresses, gateways.</summary>
internal sealed partial class Generation
{
    /// <summary>An IPv4 address or network (a DECnet address) of a protocol.</summary>
    private Test Host(uint address, uint mask, FilterProtocol proto, Qualifiers q) => Host(address, mask, proto, q.Dir, q);

    private Test Host(uint address, uint mask, FilterProtocol proto, FilterDirection dir, Qualifiers q)
    {
        switch (proto)
        {
            case FilterProtocol.Default:
                Test test = Host(address, mask, FilterProtocol.Ip, dir, q);
                if (_at.MplsDepth > 0)
                    return test;
                Test arp = Host(address, mask, FilterProtocol.Arp, dir, q);
                test = Or(test, arp);
                Test rarp = LinkProtocol(EtherRarp);
                return Or(test, arp.Op == TestOp.And ? And(rarp, arp.Right!) : Host(address, mask, FilterProtocol.Rarp, dir, q)); // their addresses stand at the same places
            case FilterProtocol.Ip:
                return Host(EtherIpv4, address, mask, dir, 12, 16, q);
            case FilterProtocol.Arp:
                return Host(EtherArp, address, mask, dir, 14, 24, q);
            case FilterProtocol.Rarp:
                return Host(EtherRarp, address, mask, dir, 14, 24, q);
            case FilterProtocol.Decnet:
                Test link = LinkProtocol(EtherDecnet);
                return And(link, DecnetHost(address, dir, q));
            default:
                return Fail(DiagnosticTable.FilterQualifier, q.ProtoSpan, QualifierWords.Of(proto), _context);
        }
    }

    private Test Host(uint protocol, uint address, uint mask, FilterDirection dir, uint source, uint destination, Qualifiers q)
    {
        Test link = LinkProtocol(protocol);
        if (mask == 0 && address == 0)
            return link;
        return And(link, Address(address, mask, dir, source, destination, q));
    }

    private Test Address(uint address, uint mask, FilterDirection dir, uint source, uint destination, Qualifiers q)
    {
        switch (dir)
        {
            case FilterDirection.Src:
                return Masked(TestField.SourceAddress, Base.Network, source, 4, address, mask);
            case FilterDirection.Dst:
                return Masked(TestField.DestinationAddress, Base.Network, destination, 4, address, mask);
            case FilterDirection.And:
            case FilterDirection.Or:
            case FilterDirection.Default:
                Test src = Masked(TestField.SourceAddress, Base.Network, source, 4, address, mask);
                Test dst = Masked(TestField.DestinationAddress, Base.Network, destination, 4, address, mask);
                return dir == FilterDirection.And ? And(src, dst) : Or(src, dst);
            default:
                return FailWlanOnly(dir, q);
        }
    }

    private Test FailWlanOnly(FilterDirection dir, Qualifiers q) => Fail(DiagnosticTable.FilterWlanOnly, q.DirSpan, QualifierWords.Of(dir));

    /// <summary>An IPv6 address or network.</summary>
    private Test Host6(UInt128 address, UInt128 mask, FilterProtocol proto, Qualifiers q) => Host6(address, mask, proto, q.Dir, q);

    private Test Host6(UInt128 address, UInt128 mask, FilterProtocol proto, FilterDirection dir, Qualifiers q)
    {
        if (proto is not (FilterProtocol.Default or FilterProtocol.Ip6))
            return Fail(DiagnosticTable.FilterQualifier, q.ProtoSpan, QualifierWords.Of(proto), _context);
        Test link = LinkProtocol(EtherIpv6);
        if (mask == UInt128.Zero && address == UInt128.Zero)
            return link;
        return And(link, Address6(address, mask, dir, q));
    }

    private Test Address6(UInt128 address, UInt128 mask, FilterDirection dir, Qualifiers q)
    {
        switch (dir)
        {
            case FilterDirection.Src:
                return Address6(TestField.SourceAddress6, 8, address, mask);
            case FilterDirection.Dst:
                return Address6(TestField.DestinationAddress6, 24, address, mask);
            case FilterDirection.And:
            case FilterDirection.Or:
            case FilterDirection.Default:
                Test src = Address6(TestField.SourceAddress6, 8, address, mask);
                Test dst = Address6(TestField.DestinationAddress6, 24, address, mask);
                return dir == FilterDirection.And ? And(src, dst) : Or(src, dst);
            default:
                return FailWlanOnly(dir, q);
        }
    }

    private Test Address6(TestField field, uint offset, UInt128 address, UInt128 mask)
    {
        Test? test = null;
        for (int word = 3; word >= 0; word--)
        {
            uint a = (uint)(address >> (96 - (32 * word))), m = (uint)(mask >> (96 - (32 * word)));
            if (m == 0 && a == 0)
                continue;
            Test part = Masked(field, Base.Network, offset + (uint)(4 * word), 4, a, m);
            test = test is null ? part : And(part, test);
        }

        return test ?? True();
    }

    private Test HostByName(Qualifiers q, Identifier id, FilterProtocol proto4, FilterProtocol proto6, FilterDirection dir)
    {
        string name = id.Text.ToString();
        IReadOnlyList<HostAddress> addresses = _options.Lookup?.Hosts(name) ?? [];
        if (addresses.Count == 0)
            return Fail(DiagnosticTable.FilterUnknownHost, id.Span, name);
        Test? test = null;
        // IPv4 first, whatever the order of the answer.
        for (int pass = 0; pass < 2; pass++)
        {
            bool isIpv6 = pass == 1;
            if (isIpv6 ? proto6 is FilterProtocol.Arp or FilterProtocol.Ip or FilterProtocol.Rarp : proto4 == FilterProtocol.Ip6)
                continue;
            foreach (HostAddress address in addresses)
            {
                if (address.IsIpv6 != isIpv6)
                    continue;
                Test host = isIpv6 ? Host6(address.Value, UInt128.MaxValue, proto6, dir, q) : Host((uint)address.Value, AllBits, proto4, dir, q);
                test = test is null ? host : Or(test, host);
            }
        }

        return test ?? Fail(
            proto4 == FilterProtocol.Default ? DiagnosticTable.FilterUnknownHost : DiagnosticTable.FilterUnknownHostFamily, id.Span, name);
    }

    private Test MacByName(Qualifiers q, Identifier id, FilterDirection dir, string context)
    {
        if (_at.Layout.Mac is not (MacRule.Mac48 or MacRule.Wlan))
            return FailOnLink(context);
        if (_options.Lookup?.Ether(id.Text.ToString()) is not { } address)
            return Fail(DiagnosticTable.FilterUnknownEther, id.Span, id.Text.ToString());
        return MacHost(address, dir, q, context);
    }

    /// <summary>A MAC-48 address.</summary>
    private Test MacHost(ulong address, FilterDirection dir, Qualifiers? q, string context)
    {
        LinkLayout layout = _at.Layout;
        if (layout.Mac == MacRule.Wlan)
            return WlanHost(address, dir);
        if (layout.Mac != MacRule.Mac48)
            return FailOnLink(context);
        Test? outer = layout.Protocol == ProtocolRule.Ethernet ? OuterHeaderCheck() : null;
        Test test;
        switch (dir)
        {
            case FilterDirection.Src:
                test = SourceMac(address);
                break;
            case FilterDirection.Dst:
                test = DestinationMac(address);
                break;
            case FilterDirection.And:
            case FilterDirection.Or:
            case FilterDirection.Default:
                Test source = SourceMac(address);
                Test destination = DestinationMac(address);
                test = dir == FilterDirection.And ? And(source, destination) : Or(source, destination);
                break;
            default:
                return Fail(DiagnosticTable.FilterWlanOnly, q?.DirSpan ?? default, QualifierWords.Of(dir));
        }

        return outer is null ? test : And(outer, test);
    }

    private Test SourceMac(ulong address) => Mac(TestField.SourceMac, TestField.SourceMacLow, _at.Layout.MacSource, address);

    private Test DestinationMac(ulong address) => Mac(TestField.DestinationMac, TestField.DestinationMacLow, _at.Layout.MacDestination, address);

    private Test Mac(TestField end, TestField start, uint offset, ulong address)
    {
        Test low = Equal(end, Base.LinkHeader, offset + 2, 4, (uint)address);
        return And(low, Equal(start, Base.LinkHeader, offset, 2, (uint)(address >> 32) & 0xffff));
    }

    /// <summary>A MAC-8 address (ARCnet, BACnet MS/TP).</summary>
    private Test Mac8Host(uint address, FilterDirection dir, Qualifiers? q, string context)
    {
        LinkLayout layout = _at.Layout;
        if (layout.Mac != MacRule.Mac8)
            return FailOnLink(context);
        switch (dir)
        {
            case FilterDirection.Src:
                return Equal(TestField.SourceMac8, Base.LinkHeader, layout.MacSource, 1, address);
            case FilterDirection.Dst:
                return Equal(TestField.DestinationMac8, Base.LinkHeader, layout.MacDestination, 1, address);
            case FilterDirection.And:
            case FilterDirection.Or:
            case FilterDirection.Default:
                Test source = Equal(TestField.SourceMac8, Base.LinkHeader, layout.MacSource, 1, address);
                Test destination = Equal(TestField.DestinationMac8, Base.LinkHeader, layout.MacDestination, 1, address);
                return dir == FilterDirection.And ? And(source, destination) : Or(source, destination);
            default:
                return Fail(DiagnosticTable.FilterWlanOnly, q?.DirSpan ?? default, QualifierWords.Of(dir));
        }
    }

    private Test Gateway(Qualifiers q, Identifier id)
    {
        if (q.Proto is not (FilterProtocol.Default or FilterProtocol.Ip or FilterProtocol.Arp or FilterProtocol.Rarp))
            return Fail(DiagnosticTable.FilterQualifier, q.ProtoSpan, QualifierWords.Of(q.Proto), "gateway");
        Test mac = MacByName(q, id, FilterDirection.Or, "gateway");
        if (_error is not null)
            return mac;
        string name = id.Text.ToString();
        IReadOnlyList<HostAddress> addresses = _options.Lookup?.Hosts(name) ?? [];
        Test test = q.Proto switch
        {
            FilterProtocol.Arp => Forwarded(EtherArp, 14, 24, addresses, q),
            FilterProtocol.Rarp => Forwarded(EtherRarp, 14, 24, addresses, q),
            _ => Forwarded(EtherIpv4, 12, 16, addresses, q),
        };
        if (q.Proto == FilterProtocol.Default)
        {
            test = Or(test, Forwarded(EtherArp, 14, 24, addresses, q));
            test = Or(test, Forwarded(EtherRarp, 14, 24, addresses, q));
        }

        return addresses.Any(static address => !address.IsIpv6) ? And(mac, test) : Fail(DiagnosticTable.FilterUnknownHost, id.Span, name);
    }

    /// <summary>A packet of the protocol that is neither from nor for one of the addresses.</summary>
    private Test Forwarded(uint protocol, uint source, uint destination, IReadOnlyList<HostAddress> addresses, Qualifiers q)
    {
        Test link = LinkProtocol(protocol);
        Test? own = null;
        foreach (HostAddress address in addresses)
            if (!address.IsIpv6)
                own = OrFirst(own, Address((uint)address.Value, AllBits, FilterDirection.Or, source, destination, q));
        return own is null ? link : And(link, Not(own));
    }

    /// <summary>Data messages with the long or the short header, with one byte of padding or none; addresses are little-endian.</summary>
    private Test DecnetHost(uint address, FilterDirection dir, Qualifiers q)
    {
        switch (dir)
        {
            case FilterDirection.Src:
            case FilterDirection.Dst:
                return DecnetHost(address, dir == FilterDirection.Dst);
            case FilterDirection.And:
            case FilterDirection.Or:
            case FilterDirection.Default:
                Test source = DecnetHost(address, false);
                Test destination = DecnetHost(address, true);
                return dir == FilterDirection.And ? And(source, destination) : Or(source, destination);
            default:
                return FailWlanOnly(dir, q);
        }
    }

    private Test DecnetHost(uint address, bool isDestination)
    {
        uint swapped = ((address & 0xff) << 8) | (address >> 8);
        uint offsetShort = isDestination ? 1u : 3u, offsetLong = isDestination ? 7u : 15u;
        Test test = DecnetAt(2, 0x8106, 0xff07, 3 + offsetLong, swapped);
        test = Or(DecnetAt(1, 0x06, 0x07, 2 + offsetLong, swapped), test);
        test = Or(
            isDestination ? Masked(TestField.DecnetFormat, Base.Network, 2, 4, 0x81020000 | swapped, 0xff07ffff) : DecnetAt(2, 0x8102, 0xff07, 3 + offsetShort, swapped),
            test);
        return Or(
            isDestination ? Masked(TestField.DecnetFormat, Base.Network, 2, 4, 0x02000000 | (swapped << 8), 0x07ffff00) : DecnetAt(1, 0x02, 0x07, 2 + offsetShort, swapped),
            test);
    }

    private Test DecnetAt(int size, uint format, uint mask, uint offset, uint address)
    {
        Test head = Masked(TestField.DecnetFormat, Base.Network, 2, size, format, mask);
        return And(head, Equal(TestField.DecnetAddress, Base.Network, offset, 2, address));
    }
}
