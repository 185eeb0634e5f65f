using Hachi.Lang.Pcap.Gen.Facts;
using Hachi.Lang.Pcap.Syntax;
using Hachi.Text;
using static Hachi.Lang.Pcap.Gen.Facts.Numbers;

namespace Hachi.Lang.Pcap.Gen;

/// <summary>Protocols: by number, by name, by keyword alone, along a chain of headers.</summary>
internal sealed partial class Generation
{
    private bool ProtocolByName(Qualifiers q, Identifier id, out uint protocol)
    {
        ReadOnlySpan<char> name = id.Text;
        int number = q.Proto switch
        {
            FilterProtocol.Default or FilterProtocol.Ip or FilterProtocol.Ip6 => _options.Lookup?.Protocol(name.ToString()) ?? -1,
            FilterProtocol.Link => Numbers.LinkProtocol(name),
            FilterProtocol.Iso => Numbers.IsoProtocol(name),
            _ => -1,
        };
        protocol = (uint)number;
        if (number >= 0)
            return true;
        string words = q.Proto == FilterProtocol.Default ? QualifierWords.Of(q.Type) : $"{QualifierWords.Of(q.Proto)} {QualifierWords.Of(q.Type)}";
        Fail(DiagnosticTable.FilterUnknownProtocol, id.Span, words, name.ToString());
        return false;
    }

    /// <summary>Whether a packet of <paramref name="proto"/> says that it carries protocol <paramref name="value"/>.</summary>
    private Test Protocol(uint value, FilterProtocol proto, Qualifiers? q = null, Identifier? id = null)
    {
        switch (proto)
        {
            case FilterProtocol.Default:
                Test ipv4 = Protocol(value, FilterProtocol.Ip, q, id);
                return Or(ipv4, Protocol(value, FilterProtocol.Ip6, q, id));
            case FilterProtocol.Link:
                return LinkProtocol(value);
            case FilterProtocol.Ip:
                if (!CheckMax("protocol number", value, 0xff, id?.Span ?? default))
                    return False();
                Test link = LinkProtocol(EtherIpv4);
                return And(link, Equal(TestField.IpProtocol, Base.Network, 9, 1, value));
            case FilterProtocol.Ip6:
                if (!CheckMax("protocol number", value, 0xff, id?.Span ?? default))
                    return False();
                link = LinkProtocol(EtherIpv6);
                Test fragment = Equal(TestField.Ip6NextHeader, Base.Network, 6, 1, IpFragment);
                fragment = And(fragment, Equal(TestField.Ip6FragmentNextHeader, Base.Network, 40, 1, value));
                return And(link, Or(Equal(TestField.Ip6NextHeader, Base.Network, 6, 1, value), fragment));
            case FilterProtocol.Iso:
                return IsoProtocolTest(value, id);
            case FilterProtocol.Isis:
                if (!CheckMax("IS-IS PDU type", value, 0x1f, id?.Span ?? default))
                    return False();
                Test isis = Protocol(IsoIsis, FilterProtocol.Iso);
                uint offset = _at.Layout.Protocol == ProtocolRule.Hdlc ? 5u : 4u;
                return And(isis, Masked(TestField.IsisPduType, Base.NetworkNoSnap, offset, 1, value, 0x1f));
            default:
                return Fail(DiagnosticTable.FilterQualifier, q?.ProtoSpan ?? default, QualifierWords.Of(proto), "proto");
        }
    }

    private Test IsoProtocolTest(uint value, Identifier? id)
    {
        if (!CheckMax("ISO protocol", value, 0xff, id?.Span ?? default))
            return False();
        switch (_at.Layout.Protocol)
        {
            case ProtocolRule.FrameRelay:
                return FrameRelayNlpid(value);
            case ProtocolRule.Hdlc:
                // OSI on HDLC has a byte of padding in front.
                Test hdlc = LinkProtocol((SapIso << 8) | SapIso);
                return And(hdlc, Equal(TestField.IsoProtocol, Base.NetworkNoSnap, 1, 1, value));
            default:
                Test link = LinkProtocol(SapIso);
                return And(link, Equal(TestField.IsoProtocol, Base.NetworkNoSnap, 0, 1, value));
        }
    }

    /// <summary>A protocol keyword alone.</summary>
    private Test Abbreviation(FilterProtocol proto)
    {
        switch (proto)
        {
            case FilterProtocol.Sctp:
                return Protocol(IpSctp, FilterProtocol.Default);
            case FilterProtocol.Tcp:
                return Protocol(IpTcp, FilterProtocol.Default);
            case FilterProtocol.Udp:
                return Protocol(IpUdp, FilterProtocol.Default);
            case FilterProtocol.Icmp:
                return Protocol(IpIcmp, FilterProtocol.Ip);
            case FilterProtocol.Igmp:
                return Protocol(IpIgmp, FilterProtocol.Ip);
            case FilterProtocol.Igrp:
                return Protocol(IpIgrp, FilterProtocol.Ip);
            case FilterProtocol.Pim:
                return Protocol(IpPim, FilterProtocol.Default);
            case FilterProtocol.Vrrp:
            case FilterProtocol.Carp:
                return Protocol(IpVrrp, FilterProtocol.Ip);
            case FilterProtocol.Icmp6:
                return Protocol(IpIcmp6, FilterProtocol.Ip6);
            case FilterProtocol.Ah:
                return Protocol(IpAh, FilterProtocol.Default);
            case FilterProtocol.Esp:
                return Protocol(IpEsp, FilterProtocol.Default);
            case FilterProtocol.Clnp:
                return Protocol(IsoClnp, FilterProtocol.Iso);
            case FilterProtocol.Esis:
                return Protocol(IsoEsis, FilterProtocol.Iso);
            case FilterProtocol.Isis:
                return Protocol(IsoIsis, FilterProtocol.Iso);
        }

        ReadOnlySpan<byte> pdus = IsisPdus(proto);
        if (pdus.Length > 0)
            return IsisOneOf(pdus);
        uint link = LinkKeyword(proto);
        return link != 0 ? LinkProtocol(link) : Fail(DiagnosticTable.FilterNoAbbreviation, default, QualifierWords.Of(proto));
    }

    private static uint LinkKeyword(FilterProtocol proto) => proto switch
    {
        FilterProtocol.Ip => EtherIpv4,
        FilterProtocol.Ip6 => EtherIpv6,
        FilterProtocol.Arp => EtherArp,
        FilterProtocol.Rarp => EtherRarp,
        FilterProtocol.Atalk => EtherAtalk,
        FilterProtocol.Aarp => EtherAarp,
        FilterProtocol.Decnet => EtherDecnet,
        FilterProtocol.Sca => EtherSca,
        FilterProtocol.Lat => EtherLat,
        FilterProtocol.Mopdl => EtherMopDump,
        FilterProtocol.Moprc => EtherMopRemote,
        FilterProtocol.Iso => SapIso,
        FilterProtocol.Stp => SapStp,
        FilterProtocol.Ipx => SapIpx,
        FilterProtocol.Netbeui => SapNetbeui,
        _ => 0,
    };

    /// <summary>The IS-IS PDU types of a keyword, in the order in which libpcap generates them.</summary>
    private static ReadOnlySpan<byte> IsisPdus(FilterProtocol proto) => proto switch
    {
        FilterProtocol.L1 => [(byte)IsisL1LanHello, (byte)IsisPtpHello, (byte)IsisL1Lsp, (byte)IsisL1Csnp, (byte)IsisL1Psnp],
        FilterProtocol.L2 => [(byte)IsisL2LanHello, (byte)IsisPtpHello, (byte)IsisL2Lsp, (byte)IsisL2Csnp, (byte)IsisL2Psnp],
        FilterProtocol.Iih => [(byte)IsisL1LanHello, (byte)IsisL2LanHello, (byte)IsisPtpHello],
        FilterProtocol.Lsp => [(byte)IsisL1Lsp, (byte)IsisL2Lsp],
        FilterProtocol.Snp => [(byte)IsisL1Csnp, (byte)IsisL2Csnp, (byte)IsisL1Psnp, (byte)IsisL2Psnp],
        FilterProtocol.Csnp => [(byte)IsisL1Csnp, (byte)IsisL2Csnp],
        FilterProtocol.Psnp => [(byte)IsisL1Psnp, (byte)IsisL2Psnp],
        _ => [],
    };

    /// <summary>The first two in order; each further one is tested before all the others, as libpcap chains them.</summary>
    private Test IsisOneOf(ReadOnlySpan<byte> pdus)
    {
        Test test = Protocol(pdus[0], FilterProtocol.Isis);
        test = Or(test, Protocol(pdus[1], FilterProtocol.Isis));
        for (int i = 2; i < pdus.Length; i++)
            test = Or(Protocol(pdus[i], FilterProtocol.Isis), test);
        return test;
    }

    /// <summary>Along a chain of headers: IPv4's authentication headers, IPv6's extension headers.</summary>
    private Test ProtocolChain(uint value, FilterProtocol proto, Qualifiers q, Identifier id)
    {
        TakeRegister();
        switch (proto)
        {
            case FilterProtocol.Ip:
            case FilterProtocol.Ip6:
                if (!CheckMax("protocol number", value, 0xff, id.Span))
                    return False();
                break;
            case FilterProtocol.Default:
                Test ipv4 = ProtocolChain(value, FilterProtocol.Ip, q, id);
                return Or(ipv4, ProtocolChain(value, FilterProtocol.Ip6, q, id));
            default:
                return Fail(DiagnosticTable.FilterQualifier, q.ProtoSpan, QualifierWords.Of(proto), "protochain");
        }

        if (_at.Payload.IsVariable)
            return Fail(DiagnosticTable.FilterProtoChain, default);
        bool isIpv6 = proto == FilterProtocol.Ip6;
        Test link = LinkProtocol(isIpv6 ? EtherIpv6 : EtherIpv4);
        var chain = new Test(TestOp.ProtoChain, _span) { K = value, K2 = isIpv6 ? 6u : 4u, K3 = _at.Payload.Constant + _at.Network };
        FreeRegister();
        return And(link, chain);
    }
}
