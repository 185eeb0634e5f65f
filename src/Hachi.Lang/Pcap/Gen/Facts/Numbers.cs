namespace Hachi.Lang.Pcap.Gen.Facts;

/// <summary>Protocol numbers of the filter language: EtherTypes, LLC SAPs, IP protocols and the like (IANA, IEEE; the names of libpcap's manual).</summary>
internal static class Numbers
{
    /// <summary>Up to this an Ethernet type field is a length, and a link protocol number is an LLC SAP.</summary>
    public const uint EtherMtu = 1500;

    public const uint EtherIpv4 = 0x0800, EtherArp = 0x0806, EtherRarp = 0x8035, EtherIpv6 = 0x86dd, EtherNs = 0x0600, EtherDecnet = 0x6003, EtherLat = 0x6004,
        EtherSca = 0x6007, EtherMopDump = 0x6001, EtherMopRemote = 0x6002, EtherAtalk = 0x809b, EtherAarp = 0x80f3, EtherIpx = 0x8137, EtherVlan = 0x8100,
        EtherVlanProvider = 0x88a8, EtherVlanQinQ = 0x9100, EtherMpls = 0x8847, EtherPppoeDiscovery = 0x8863, EtherPppoeSession = 0x8864,
        EtherTransparent = 0x6558, EtherLldp = 0x88cc, EtherSlow = 0x8809, EtherLoopback = 0x9000;

    public const uint SapIp = 0x06, SapStp = 0x42, SapSnap = 0xaa, SapIpx = 0xe0, SapNetbeui = 0xf0, SapIso = 0xfe;

    public const uint PppIpv4 = 0x21, PppIpv6 = 0x57, PppDecnet = 0x27, PppAtalk = 0x29, PppNs = 0x25, PppOsi = 0x23, PppBridge = 0x31, PppIpx = 0x2b,
        PppVjCompressed = 0x2d, PppVjUncompressed = 0x2f, PppMpls = 0x281;

    public const uint IpHopOptions = 0, IpIcmp = 1, IpIgmp = 2, IpTcp = 6, IpIgrp = 9, IpUdp = 17, IpRouting = 43, IpFragment = 44, IpEsp = 50, IpAh = 51,
        IpIcmp6 = 58, IpNone = 59, IpDestinationOptions = 60, IpPim = 103, IpVrrp = 112, IpSctp = 132;

    public const uint IsoClnp = 0x81, IsoEsis = 0x82, IsoIsis = 0x83;

    public const uint IsisL1LanHello = 15, IsisL2LanHello = 16, IsisPtpHello = 17, IsisL1Lsp = 18, IsisL2Lsp = 20, IsisL1Csnp = 24, IsisL2Csnp = 25,
        IsisL1Psnp = 26, IsisL2Psnp = 27;

    public const uint FamilyIpv4 = 2, FamilyIpv6Linux = 10, FamilyIpv6Bsd = 24, FamilyIpv6FreeBsd = 28, FamilyIpv6Darwin = 30;

    public const uint ArcnetIpv4 = 212, ArcnetArp = 213, ArcnetRarp = 214, ArcnetAtalk = 221, ArcnetIpv6 = 196;

    public const uint WlanTypeMask = 0x0c, WlanSubtypeMask = 0xf0, WlanData = 0x08, WlanControl = 0x04, WlanCts = 0xc0, WlanAck = 0xd0, WlanQos = 0x80,
        WlanToDs = 1, WlanFromDs = 2, WlanBothDs = 3;

    public const uint GenevePort = 6081, VxlanPort = 4789;

    /// <summary>The number of a link protocol name (<c>link proto \NAME</c>), or -1.</summary>
    public static int LinkProtocol(ReadOnlySpan<char> name) => name switch
    {
        "aarp" => (int)EtherAarp,
        "arp" => (int)EtherArp,
        "atalk" => (int)EtherAtalk,
        "decnet" => (int)EtherDecnet,
        "ip" => (int)EtherIpv4,
        "ip6" => (int)EtherIpv6,
        "lat" => (int)EtherLat,
        "lldp" => (int)EtherLldp,
        "loopback" => (int)EtherLoopback,
        "mopdl" => (int)EtherMopDump,
        "moprc" => (int)EtherMopRemote,
        "rarp" => (int)EtherRarp,
        "sca" => (int)EtherSca,
        "slow" => (int)EtherSlow,
        "iso" => (int)SapIso,
        "stp" => (int)SapStp,
        "ipx" => (int)SapIpx,
        "netbeui" => (int)SapNetbeui,
        _ => -1,
    };

    /// <summary>The number of an OSI protocol name (<c>iso proto \NAME</c>), or -1.</summary>
    public static int IsoProtocol(ReadOnlySpan<char> name) => name switch
    {
        "clnp" => (int)IsoClnp,
        "esis" => (int)IsoEsis,
        "isis" => (int)IsoIsis,
        _ => -1,
    };

    /// <summary>The PPP protocol for a link protocol number; others stay what they are.</summary>
    public static uint ToPpp(uint protocol) => protocol switch
    {
        EtherIpv4 => PppIpv4,
        EtherIpv6 => PppIpv6,
        EtherDecnet => PppDecnet,
        EtherAtalk => PppAtalk,
        EtherNs => PppNs,
        SapIso => PppOsi,
        SapStp => PppBridge,
        SapIpx => PppIpx,
        _ => protocol,
    };
}
