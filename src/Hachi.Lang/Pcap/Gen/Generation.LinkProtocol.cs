using Hachi.Lang.Pcap.Gen.Facts;
using Hachi.Text;
using static Hachi.Lang.Pcap.Gen.Facts.Numbers;

namespace Hachi.Lang.Pcap.Gen;

/// <summary>Tests of the protocol that a link layer carries. Protocols are EtherTypes, or up to 1500 LLC SAPs.</summary>
internal sealed partial class Generation
{
    private Test LinkProtocol(uint protocol)
    {
        if (_at.MplsDepth > 0)
            return MplsProtocol(protocol);
        switch (_at.Layout.Protocol)
        {
            case ProtocolRule.Ethernet:
                Test? outer = _at.IsTunnel ? null : OuterHeaderCheck();
                Test inner = EthernetProtocol(protocol);
                return outer is null ? inner : And(outer, inner);
            case ProtocolRule.Hdlc:
                if (!CheckMax("HDLC protocol", protocol, 0xffff))
                    return False();
                return Equal(TestField.HdlcProtocol, Base.LinkType, 0, 2, protocol == SapIso ? (SapIso << 8) | SapIso : protocol);
            case ProtocolRule.Wlan:
                Test data = WlanDataFrame();
                return And(data, LlcProtocol(protocol));
            case ProtocolRule.Llc:
                return LlcProtocol(protocol);
            case ProtocolRule.SunAtm:
                Test llc = AtmPrototype(AtmLlc);
                return And(llc, LlcProtocol(protocol));
            case ProtocolRule.LinuxSll:
                return SllProtocol(protocol);
            case ProtocolRule.IpVersion:
                return protocol switch
                {
                    EtherIpv4 => Masked(TestField.IpVersion, Base.LinkHeader, 0, 1, 0x40, 0xf0),
                    EtherIpv6 => Masked(TestField.IpVersion, Base.LinkHeader, 0, 1, 0x60, 0xf0),
                    _ => False(),
                };
            case ProtocolRule.AlwaysIpv4:
                return protocol == EtherIpv4 ? True() : False();
            case ProtocolRule.AlwaysIpv6:
                return protocol == EtherIpv6 ? True() : False();
            case ProtocolRule.Ppp:
            case ProtocolRule.PppBsdOs:
                return PppProtocol(protocol);
            case ProtocolRule.Loopback:
                return LoopbackProtocol(protocol);
            case ProtocolRule.PfLog:
                return PfLogProtocol(protocol);
            default:
                return RareProtocol(protocol);
        }
    }

    private Test RareProtocol(uint protocol)
    {
        switch (_at.Layout.Protocol)
        {
            case ProtocolRule.Arcnet:
                uint code = protocol switch
                {
                    EtherIpv4 => ArcnetIpv4,
                    EtherIpv6 => ArcnetIpv6,
                    EtherArp => ArcnetArp,
                    EtherRarp => ArcnetRarp,
                    EtherAtalk => ArcnetAtalk,
                    _ => 0,
                };
                return code == 0 ? False() : Equal(TestField.ArcnetProtocol, Base.LinkType, 0, 1, code);
            case ProtocolRule.LocalTalk:
                return protocol == EtherAtalk ? True() : False();
            case ProtocolRule.FrameRelay:
                return protocol switch
                {
                    EtherIpv4 => FrameRelayNlpid(0xcc),
                    EtherIpv6 => FrameRelayNlpid(0x8e),
                    SapIso => Or(FrameRelayNlpid(IsoClnp), Or(FrameRelayNlpid(IsoEsis), FrameRelayNlpid(IsoIsis))),
                    _ => False(),
                };
            case ProtocolRule.Juniper:
                return Masked(TestField.JuniperMagic, Base.LinkHeader, 0, 4, 0x4d474300, 0xffffff00);
            case ProtocolRule.IpNet:
                return protocol switch
                {
                    EtherIpv4 => Equal(TestField.IpnetFamily, Base.LinkType, 0, 1, 2),
                    EtherIpv6 => Equal(TestField.IpnetFamily, Base.LinkType, 0, 1, 26),
                    _ => False(),
                };
            case ProtocolRule.TypeField when _at.Type.Constant != Offset.Unset:
                return CheckMax("EtherType", protocol, 0xffff) ? Equal(TestField.EtherType, Base.LinkType, 0, 2, protocol) : False();
            default:
                return Fail(DiagnosticTable.FilterNoLinkProtocol, default, LinkName());
        }
    }

    private Test FrameRelayNlpid(uint nlpid) => Equal(TestField.FrameRelayProtocol, Base.LinkHeader, 2, 2, (0x03 << 8) | nlpid);

    /// <summary>What must hold for a link-layer header inside another packet, besides what its keyword has tested.</summary>
    private Test? OuterHeaderCheck()
    {
        if (_at.IsTunnel)
            return Not(Compare(TestOp.Eq, TestField.TunnelHasLink, Variable(_at.LinkHeader.Variable), Variable(_at.Payload.Variable)));
        // LANE: not a control message.
        return _at.OuterLink == LinkLayouts.SunAtm ? NotEqual(TestField.AtmLaneControl, Base.OuterLinkHeader, 4, 2, 0xff00) : null;
    }

    private Test EthernetProtocol(uint protocol)
    {
        switch (protocol)
        {
            case SapIso:
            case SapIp:
            case SapNetbeui:
                return And(IsLength(), Equal(TestField.LlcSaps, Base.Llc, 0, 2, (protocol << 8) | protocol));
            case SapIpx:
                Test sap = Equal(TestField.LlcDsap, Base.Llc, 0, 1, SapIpx);
                Test raw = Equal(TestField.NotRawIpx, Base.Llc, 0, 2, 0xffff);
                Test framed = Or(Snap(0, EtherIpx), Or(sap, raw));
                return Or(Equal(TestField.EtherType, Base.LinkType, 0, 2, EtherIpx), And(IsLength(), framed));
            case EtherAtalk:
            case EtherAarp:
                Test snap = And(IsLength(), AppleSnap(protocol));
                return Or(Equal(TestField.EtherType, Base.LinkType, 0, 2, protocol), snap);
        }

        if (protocol > EtherMtu)
            return CheckMax("EtherType", protocol, 0xffff) ? Equal(TestField.EtherType, Base.LinkType, 0, 2, protocol) : False();
        if (!CheckMax("LLC DSAP", protocol, 0xff))
            return False();
        return And(IsLength(), Equal(TestField.LlcDsap, Base.LinkType, 2, 1, protocol));
    }

    /// <summary>The type field of Ethernet is a length: an 802.3 frame.</summary>
    private Test IsLength() => AtMost(TestField.EtherLength, Base.LinkType, 0, 2, EtherMtu);

    private Test AppleSnap(uint protocol) => protocol == EtherAtalk ? Snap(0x080007, EtherAtalk) : Snap(0, EtherAarp);

    private Test Snap(uint organization, uint type)
    {
        Test low = Equal(TestField.SnapLow, Base.Llc, 4, 4, ((organization & 0xffff) << 16) | type);
        return And(low, Equal(TestField.SnapHigh, Base.Llc, 0, 4, (SapSnap << 24) | (SapSnap << 16) | 0x0300 | (organization >> 16)));
    }

    private Test LlcProtocol(uint protocol)
    {
        switch (protocol)
        {
            case SapIp:
            case SapIso:
            case SapNetbeui:
                return Equal(TestField.LlcSaps, Base.Llc, 0, 2, (protocol << 8) | protocol);
            case SapIpx:
                return Equal(TestField.LlcDsap, Base.Llc, 0, 1, SapIpx);
            case EtherAtalk:
                return Snap(0x080007, EtherAtalk);
        }

        if (protocol > EtherMtu)
            return CheckMax("EtherType", protocol, 0xffff) ? Equal(TestField.SnapType, Base.Llc, 6, 2, protocol) : False();
        return CheckMax("LLC DSAP", protocol, 0xff) ? Equal(TestField.LlcDsap, Base.Llc, 0, 1, protocol) : False();
    }

    private Test SllProtocol(uint protocol)
    {
        const uint raw8023 = 1, llc8022 = 4;
        switch (protocol)
        {
            case SapIso:
            case SapIp:
            case SapNetbeui:
                return And(SllType(llc8022), Equal(TestField.LlcSaps, Base.Llc, 0, 2, (protocol << 8) | protocol));
            case SapIpx:
                Test sap = Equal(TestField.LlcDsap, Base.Llc, 0, 1, SapIpx);
                Test framed = And(SllType(llc8022), Or(sap, Snap(0, EtherIpx)));
                return Or(SllType(EtherIpx), Or(SllType(raw8023), framed));
            case EtherAtalk:
            case EtherAarp:
                return Or(SllType(protocol), And(SllType(llc8022), AppleSnap(protocol)));
        }

        if (protocol > EtherMtu)
            return CheckMax("EtherType", protocol, 0xffff) ? SllType(protocol) : False();
        if (!CheckMax("LLC DSAP", protocol, 0xff))
            return False();
        return And(SllType(llc8022), Equal(TestField.LlcDsap, Base.LinkHeader, _at.Payload.Constant, 1, protocol));
    }

    private Test SllType(uint value) => Equal(TestField.SllType, Base.LinkType, 0, 2, value);

    private Test PppProtocol(uint protocol)
    {
        if (_at.Layout.Protocol == ProtocolRule.PppBsdOs && protocol == EtherIpv4)
        {
            Test plain = Or(Ppp(PppIpv4), Ppp(PppVjCompressed));
            return Or(plain, Ppp(PppVjUncompressed));
        }

        uint value = ToPpp(protocol);
        return value != protocol || CheckMax("PPP protocol", protocol, 0xffff) ? Ppp(value) : False();
    }

    private Test Ppp(uint value) => Equal(TestField.PppProtocol, Base.LinkType, 0, 2, value);

    private Test LoopbackProtocol(uint protocol)
    {
        if (protocol is not (EtherIpv4 or EtherIpv6))
            return False();
        bool isHostOrder = _at.Link is LinkLayouts.Null or LinkLayouts.Enc;
        if (_options.ByteOrder == SavefileOrder.None)
            return Family(protocol == EtherIpv4 ? FamilyIpv4 : FamilyIpv6Linux, isHostOrder);
        bool first = isHostOrder && _options.ByteOrder == SavefileOrder.Swapped;
        Test test = FamilyOfAnyPlatform(protocol, first);
        return isHostOrder ? Or(test, FamilyOfAnyPlatform(protocol, !first)) : test;
    }

    private Test FamilyOfAnyPlatform(uint protocol, bool isLittleEndian)
    {
        if (protocol == EtherIpv4)
            return Family(FamilyIpv4, isLittleEndian);
        return Or(Family(FamilyIpv6Darwin, isLittleEndian), Or(Family(FamilyIpv6Bsd, isLittleEndian), Family(FamilyIpv6FreeBsd, isLittleEndian)));
    }

    private Test Family(uint family, bool isLittleEndian) => Equal(TestField.AddressFamily, Base.LinkHeader, 0, 4, isLittleEndian ? family << 24 : family);

    private Test PfLogProtocol(uint protocol)
    {
        switch (protocol)
        {
            case EtherIpv4:
                return PfLogFamily(FamilyIpv4);
            case EtherIpv6 when _options.ByteOrder == SavefileOrder.None:
                return PfLogFamily(FamilyIpv6Linux);
            case EtherIpv6:
                return Or(PfLogFamily(FamilyIpv6Darwin), Or(PfLogFamily(FamilyIpv6Bsd), PfLogFamily(FamilyIpv6FreeBsd)));
            default:
                return False();
        }
    }

    private Test PfLogFamily(uint family) => Equal(TestField.AddressFamily, Base.LinkHeader, PfLogHeader.Family, 1, family);

    /// <summary>Behind MPLS labels: the last label's bottom bit, then the version nibble.</summary>
    private Test MplsProtocol(uint protocol)
    {
        if (protocol is not (EtherIpv4 or EtherIpv6))
            return Fail(DiagnosticTable.FilterOverMpls, default);
        Test bottom = Masked(TestField.MplsBottom, Base.Network, unchecked((uint)-2), 1, 1, 1);
        return And(bottom, Masked(TestField.IpVersion, Base.Network, 0, 1, protocol == EtherIpv4 ? 0x40u : 0x60u, 0xf0));
    }
}
