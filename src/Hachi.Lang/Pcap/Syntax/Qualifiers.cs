using Hachi.Text;

namespace Hachi.Lang.Pcap.Syntax;

/// <summary>A protocol keyword: qualifier, abbreviation, or subject of an accessor. Numbers as in libpcap's gencode.h (Q_LINK, …).</summary>
public enum FilterProtocol : byte
{
    /// <summary>None written.</summary>
    Default = 0,

    /// <summary><c>link ether ppp slip fddi tr wlan</c>: all the same.</summary>
    Link = 1,

    /// <summary>ip</summary>
    Ip = 2,

    /// <summary>arp</summary>
    Arp = 3,

    /// <summary>rarp</summary>
    Rarp = 4,

    /// <summary>sctp</summary>
    Sctp = 5,

    /// <summary>tcp</summary>
    Tcp = 6,

    /// <summary>udp</summary>
    Udp = 7,

    /// <summary>icmp</summary>
    Icmp = 8,

    /// <summary>igmp</summary>
    Igmp = 9,

    /// <summary>igrp</summary>
    Igrp = 10,

    /// <summary>atalk</summary>
    Atalk = 11,

    /// <summary>decnet</summary>
    Decnet = 12,

    /// <summary>lat</summary>
    Lat = 13,

    /// <summary>sca</summary>
    Sca = 14,

    /// <summary>moprc</summary>
    Moprc = 15,

    /// <summary>mopdl</summary>
    Mopdl = 16,

    /// <summary>ip6</summary>
    Ip6 = 17,

    /// <summary>icmp6</summary>
    Icmp6 = 18,

    /// <summary>ah</summary>
    Ah = 19,

    /// <summary>esp</summary>
    Esp = 20,

    /// <summary>pim</summary>
    Pim = 21,

    /// <summary>vrrp</summary>
    Vrrp = 22,

    /// <summary>aarp</summary>
    Aarp = 23,

    /// <summary>iso</summary>
    Iso = 24,

    /// <summary><c>esis</c> or <c>es-is</c></summary>
    Esis = 25,

    /// <summary><c>isis</c> or <c>is-is</c></summary>
    Isis = 26,

    /// <summary>clnp</summary>
    Clnp = 27,

    /// <summary>stp</summary>
    Stp = 28,

    /// <summary>ipx</summary>
    Ipx = 29,

    /// <summary>netbeui</summary>
    Netbeui = 30,

    /// <summary>l1 (IS-IS level 1)</summary>
    L1 = 31,

    /// <summary>l2 (IS-IS level 2)</summary>
    L2 = 32,

    /// <summary>iih</summary>
    Iih = 33,

    /// <summary>snp</summary>
    Snp = 34,

    /// <summary>csnp</summary>
    Csnp = 35,

    /// <summary>psnp</summary>
    Psnp = 36,

    /// <summary>lsp</summary>
    Lsp = 37,

    /// <summary>radio</summary>
    Radio = 38,

    /// <summary>carp</summary>
    Carp = 39,

    /// <summary>Nothing to inherit: an identifier stands where no qualifiers precede it (libpcap's Q_UNDEF).</summary>
    Undefined = 255,
}

/// <summary>A direction qualifier. Numbers as in libpcap's gencode.h.</summary>
public enum FilterDirection : byte
{
    /// <summary>None written.</summary>
    Default = 0,

    /// <summary>src</summary>
    Src = 1,

    /// <summary>dst</summary>
    Dst = 2,

    /// <summary><c>src or dst</c>, either order.</summary>
    Or = 3,

    /// <summary><c>src and dst</c>, either order.</summary>
    And = 4,

    /// <summary><c>addr1</c> or <c>address1</c></summary>
    Addr1 = 5,

    /// <summary><c>addr2</c> or <c>address2</c></summary>
    Addr2 = 6,

    /// <summary><c>addr3</c> or <c>address3</c></summary>
    Addr3 = 7,

    /// <summary><c>addr4</c> or <c>address4</c></summary>
    Addr4 = 8,

    /// <summary>ra</summary>
    Ra = 9,

    /// <summary>ta</summary>
    Ta = 10,

    /// <summary>Nothing to inherit.</summary>
    Undefined = 255,
}

/// <summary>A type qualifier. Numbers as in libpcap's gencode.h (address qualifiers).</summary>
public enum FilterType : byte
{
    /// <summary>None written.</summary>
    Default = 0,

    /// <summary>host</summary>
    Host = 1,

    /// <summary>net</summary>
    Net = 2,

    /// <summary>port</summary>
    Port = 3,

    /// <summary>gateway</summary>
    Gateway = 4,

    /// <summary>proto</summary>
    Proto = 5,

    /// <summary>protochain</summary>
    ProtoChain = 6,

    /// <summary>portrange</summary>
    PortRange = 7,

    /// <summary>Nothing to inherit.</summary>
    Undefined = 255,
}

/// <summary>The qualifiers of a primitive: as written in front of it, or inherited from the primitive before (then shared, with that one's spans).</summary>
/// <param name="Proto">Protocol.</param>
/// <param name="Dir">Direction.</param>
/// <param name="Type">Type.</param>
/// <param name="ProtoSpan">Where the protocol is written; length 0 if it is not.</param>
/// <param name="DirSpan">Where the direction is written; length 0 if it is not.</param>
/// <param name="TypeSpan">Where the type is written; length 0 if it is not.</param>
public sealed record Qualifiers(
    FilterProtocol Proto, FilterDirection Dir, FilterType Type, TextSpan ProtoSpan, TextSpan DirSpan, TextSpan TypeSpan)
{
    /// <summary>Nothing to inherit: at the start, and after whatever has no qualifiers (an abbreviation, a relation, …).</summary>
    public static Qualifiers Undefined { get; } =
        new(FilterProtocol.Undefined, FilterDirection.Undefined, FilterType.Undefined, default, default, default);

    /// <summary>True for <see cref="Undefined"/>: using it is an error.</summary>
    public bool IsUndefined => Type == FilterType.Undefined;
}
