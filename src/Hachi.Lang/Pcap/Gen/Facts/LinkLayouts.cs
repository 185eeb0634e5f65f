namespace Hachi.Lang.Pcap.Gen.Facts;

/// <summary>The table of link layers. Facts from libpcap's gencode.c (init_linktype and the tests that depend on the link-layer type).</summary>
internal static class LinkLayouts
{
    public const int Null = 0, Ethernet = 1, Ieee802 = 6, Ppp = 9, Raw = 12, CHdlc = 104, Ieee80211 = 105, FrameRelay = 107, Enc = 109, Hdlc = 112,
        PfLog = 117, Prism = 119, SunAtm = 123, Radiotap = 127, Avs = 163, Ppi = 192, LinuxSll2 = 276;

    /// <summary>The first of the numbers that were given out in one row for all systems; those without a layout can be read with <c>link[…]</c> only.</summary>
    private const int FirstCommon = 104;

    private const uint Unset = Offset.Unset;

    private static readonly LinkLayout s_opaque = new(Unset, Unset, Unset, Unset);

    private static readonly LinkLayout?[] s_byDlt = Build();

    /// <summary>The layout of a DLT; null if that number is none.</summary>
    public static LinkLayout? Find(int dlt)
    {
        if ((uint)dlt < (uint)s_byDlt.Length)
            return s_byDlt[dlt];
        return null;
    }

    private static LinkLayout?[] Build()
    {
        var table = new LinkLayout?[302];
        for (int dlt = FirstCommon; dlt < table.Length; dlt++)
            table[dlt] = s_opaque;
        foreach (int dlt in (ReadOnlySpan<int>)[2, 3, 4, 5, 32])
            table[dlt] = s_opaque;
        AddEthernet(table);
        AddLlc(table);
        AddWlan(table);
        AddIp(table);
        AddPpp(table);
        AddLoopback(table);
        AddJuniper(table);
        AddSs7(table);
        AddOthers(table);
        return table;
    }

    private static void AddEthernet(LinkLayout?[] table)
    {
        var ethernet = new LinkLayout(12, 14, 0, 3)
        {
            Protocol = ProtocolRule.Ethernet,
            Llc = LlcRule.EtherLength,
            Mac = MacRule.Mac48,
            MacSource = 6,
            MacDestination = 0,
            HasMulticast = true,
            HasVlan = true,
            MplsProtocol = Numbers.EtherMpls,
        };
        table[Ethernet] = ethernet;
        table[240] = ethernet with { Type = 16, Payload = 18, Header = 4, Llc = LlcRule.None }; // NETANALYZER
        table[241] = ethernet with { Type = 24, Payload = 26, Header = 12, Llc = LlcRule.None }; // NETANALYZER_TRANSPARENT
        LinkLayout tagged = ethernet with { Type = 16, Payload = 18 };
        table[281] = tagged.With(new DirectionField(12, 1, 0xe0, 0x00, 0x20)); // DSA_TAG_BRCM
        table[284] = tagged.With(new DirectionField(12, 1, 0xc0, 0x00, 0x40)); // DSA_TAG_DSA
    }

    private static void AddLlc(LinkLayout?[] table)
    {
        table[10] = new LinkLayout(13, 13, 8, 3) // FDDI
        {
            Protocol = ProtocolRule.Llc,
            Llc = LlcRule.Always,
            Mac = MacRule.Mac48,
            MacSource = 7,
            MacDestination = 1,
            HasMulticast = true,
        };
        table[Ieee802] = new LinkLayout(14, 14, 8, 3)
        {
            Protocol = ProtocolRule.Llc,
            Llc = LlcRule.Always,
            Mac = MacRule.Mac48,
            MacSource = 8,
            MacDestination = 2,
            HasMulticast = true,
        };
        table[122] = new LinkLayout(16, 16, 8, 3) // IP_OVER_FC
        {
            Protocol = ProtocolRule.Llc,
            Mac = MacRule.Mac48,
            MacSource = 10,
            MacDestination = 2,
            HasMulticast = true,
        };
        table[11] = new LinkLayout(0, 0, 8, 3) { Protocol = ProtocolRule.Llc, Llc = LlcRule.Always }; // ATM_RFC1483
        table[19] = new LinkLayout(0, 0, 8, 3) { Protocol = ProtocolRule.Llc }; // ATM_CLIP
        table[SunAtm] = new LinkLayout(4, 4, 8, 3) { Protocol = ProtocolRule.SunAtm, Llc = LlcRule.SunAtm };
    }

    private static void AddWlan(LinkLayout?[] table)
    {
        var plain = new LinkLayout(24, 0, 8, 3)
        {
            IsPayloadVariable = true,
            Protocol = ProtocolRule.Wlan,
            Llc = LlcRule.WlanData,
            Mac = MacRule.Wlan,
            HasMulticast = true,
            HasVlan = true,
        };
        table[Ieee80211] = plain;
        LinkLayout prefixed = plain with { IsHeaderVariable = true };
        table[Prism] = prefixed;
        table[Radiotap] = prefixed;
        table[Avs] = prefixed;
        table[Ppi] = prefixed with { HasVlan = false };
    }

    private static void AddIp(LinkLayout?[] table)
    {
        var raw = new LinkLayout(Unset, 0, 0, 0) { Protocol = ProtocolRule.IpVersion };
        table[Raw] = raw;
        table[228] = raw with { Protocol = ProtocolRule.AlwaysIpv4 };
        table[229] = raw with { Protocol = ProtocolRule.AlwaysIpv6 };
        table[8] = (raw with { Payload = 16 }).With(new DirectionField(0, 1, 0xffffffff, 0, 1)); // SLIP
        table[15] = raw with { Payload = 24 }; // SLIP_BSDOS
    }

    private static void AddPpp(LinkLayout?[] table)
    {
        var ppp = new LinkLayout(2, 4, 0, 0) { Protocol = ProtocolRule.Ppp };
        table[Ppp] = ppp with { MplsProtocol = Numbers.PppMpls };
        table[50] = ppp; // PPP_SERIAL
        table[51] = ppp with { Type = 6, Payload = 8 }; // PPP_ETHER
        table[166] = ppp.With(new DirectionField(0, 1, 0xffffffff, 0, 1)); // PPP_PPPD
        table[16] = new LinkLayout(5, 24, 0, 0) { Protocol = ProtocolRule.PppBsdOs };
        table[CHdlc] = table[Hdlc] = ppp with { Protocol = ProtocolRule.Hdlc, MplsProtocol = Numbers.EtherMpls };
    }

    private static void AddLoopback(LinkLayout?[] table)
    {
        var loop = new LinkLayout(0, 4, 0, 0) { Protocol = ProtocolRule.Loopback };
        table[Null] = table[108] = loop;
        table[Enc] = loop with { Payload = 12 };
        table[PfLog] = new LinkLayout(0, 0, 0, 0)
        {
            IsPayloadVariable = true,
            Protocol = ProtocolRule.PfLog,
            Direction = new DirectionField(PfLogHeader.Direction, 1, 0xffffffff, 1, 2),
        };
        table[246] = new LinkLayout(Unset, 4, 0, 0); // PFSYNC
    }

    private static void AddJuniper(LinkLayout?[] table)
    {
        LinkLayout juniper = new LinkLayout(4, 4, 0, Unset) { Protocol = ProtocolRule.Juniper }.With(new DirectionField(3, 1, 1, 1, 0));
        foreach (int dlt in (ReadOnlySpan<int>)[130, 131, 134, 179, 180, 181]) // MLPPP MLFR MFR PPP FRELAY CHDLC
            table[dlt] = juniper;
        table[137] = juniper with { NetworkNoSnap = 10 }; // ATM1
        table[135] = juniper with { Type = 8, Payload = 8, NetworkNoSnap = 10 }; // ATM2
        table[167] = table[178] = juniper with { Type = 16, Payload = 14, Network = 18, NetworkNoSnap = 21 }; // PPPOE ETHER
        table[168] = juniper with { Payload = 6 }; // PPPOE_ATM
        table[133] = juniper with { Type = 6, Payload = 12 }; // GGSN
        table[164] = juniper with { Type = 12, Payload = 12 }; // MONITOR
        LinkLayout deep = juniper with { Payload = Unset, Network = Unset };
        table[132] = deep with { Type = 6 }; // ES
        table[136] = deep with { Type = 12 }; // SERVICES
        table[183] = table[200] = deep with { Type = 18 }; // VP ST
        foreach (int dlt in (ReadOnlySpan<int>)[194, 232, 233, 234, 238]) // ISM VS SRX_E2E FIBRECHANNEL ATM_CEMIC
            table[dlt] = deep with { Type = 8 };
    }

    private static void AddSs7(LinkLayout?[] table)
    {
        table[140] = s_opaque with { Ss7 = new Ss7Layout(2, 4, 3, 4, 4, 7) }; // MTP2
        table[139] = s_opaque with { Ss7 = new Ss7Layout(6, 8, 7, 8, 8, 11) }; // MTP2_WITH_PHDR
        table[197] = s_opaque with { Ss7 = new Ss7Layout(22, 24, 23, 24, 24, 27) }; // ERF
    }

    private static void AddOthers(LinkLayout?[] table)
    {
        var arcnet = new LinkLayout(2, 6, 0, 0)
        {
            Protocol = ProtocolRule.Arcnet,
            Mac = MacRule.Mac8,
            MacSource = 0,
            MacDestination = 1,
            Mac8Broadcast = 0,
            HasMulticast = true,
        };
        table[7] = arcnet;
        table[129] = arcnet with { Type = 4, Payload = 8 }; // ARCNET_LINUX
        table[165] = s_opaque with { Mac = MacRule.Mac8, MacSource = 4, MacDestination = 3, Mac8Broadcast = 0xff }; // BACNET_MS_TP
        table[113] = new LinkLayout(14, 16, 0, 0) // LINUX_SLL
        {
            Protocol = ProtocolRule.LinuxSll,
            Direction = new DirectionField(0, 2, 0xffffffff, null, 4),
        };
        table[LinuxSll2] = new LinkLayout(0, 20, 0, 0) { Direction = new DirectionField(10, 1, 0xffffffff, null, 4) };
        table[114] = new LinkLayout(Unset, 0, 0, 0) { Protocol = ProtocolRule.LocalTalk };
        table[FrameRelay] = new LinkLayout(Unset, 0, 0, 0) { Protocol = ProtocolRule.FrameRelay };
        table[182] = new LinkLayout(Unset, 0, 4, 0) { Protocol = ProtocolRule.Unknown }; // MFR
        table[138] = new LinkLayout(16, 18, 0, 0); // APPLE_IP_OVER_IEEE1394
        table[99] = new LinkLayout(6, 44, 0, 0); // SYMANTEC_FIREWALL
        table[226] = new LinkLayout(1, 24, 0, Unset) // IPNET
        {
            Protocol = ProtocolRule.IpNet,
            Direction = new DirectionField(2, 2, 0xffffffff, 2, 1),
        };
    }
}

/// <summary>Offsets in the header of pf's log (OpenBSD's struct pfloghdr).</summary>
internal static class PfLogHeader
{
    public const byte Family = 1, Action = 2, Reason = 3, InterfaceName = 4, RulesetName = 20, Rule = 36, Subrule = 40, Direction = 60;

    /// <summary>Room for each name, the final zero included.</summary>
    public const int NameBytes = 16;
}
