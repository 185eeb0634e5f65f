namespace Hachi.Lang.Pcap;

/// <summary>What a comparison of a resolved filter looks at. Only notes for people are made from it.</summary>
public enum TestField : byte
{
#pragma warning disable CS1591 // the notes in TestNotes say what each one is
    None, Length, Byte, Relation,
    EtherType, EtherLength, LlcDsap, LlcSaps, LlcControl, SnapHigh, SnapLow, SnapType, HdlcProtocol, PppProtocol, AddressFamily, IpVersion, ArcnetProtocol,
    FrameRelayProtocol, IpnetFamily, SllType, JuniperMagic, NotRawIpx, PpiLinkType,
    IpProtocol, Ip6NextHeader, Ip6FragmentNextHeader, FragmentOffset, IsoProtocol, IsisPduType,
    SourceAddress, DestinationAddress, SourceAddress6, DestinationAddress6, DecnetAddress, DecnetFormat,
    SourcePort, DestinationPort, SourceMac, DestinationMac, SourceMacLow, DestinationMacLow, SourceMac8, DestinationMac8, MacMulticast,
    WlanAddress, WlanAddressLow, WlanType, WlanSubtype, WlanToDs, WlanFromDs, WlanDirection, WlanDataBit, WlanControlBit,
    VlanId, VlanPresent, MplsLabel, MplsBottom, PppoeSession, GeneveVersion, GeneveVni, VxlanFlags, VxlanVni, TunnelHasLink,
    Direction, InterfaceIndex, PacketType,
    PflogInterface, PflogRuleset, PflogRule, PflogSubrule, PflogReason, PflogAction,
    AtmVpi, AtmVci, AtmProtocol, AtmMessage, AtmLaneControl, Mtp2Length, Mtp3Sio, Mtp3Opc, Mtp3Dpc, Mtp3Sls,
    AvsCookie, WlanQos, RadiotapFlags, RadiotapExtended, RadiotapTsft, RadiotapPadding, TransparentEthernet,
#pragma warning restore CS1591
}
