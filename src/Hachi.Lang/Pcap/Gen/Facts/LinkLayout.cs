namespace Hachi.Lang.Pcap.Gen.Facts;

/// <summary>How a link layer says which protocol it carries.</summary>
internal enum ProtocolRule : byte
{
    /// <summary>A 16-bit EtherType at the type offset; an error if the header has none.</summary>
    TypeField,
    Ethernet,
    Hdlc,
    Wlan,
    Llc,
    SunAtm,
    LinuxSll,
    IpVersion,
    AlwaysIpv4,
    AlwaysIpv6,
    Ppp,
    PppBsdOs,
    Loopback,
    PfLog,
    Arcnet,
    LocalTalk,
    FrameRelay,
    Juniper,
    IpNet,
    Unknown,
}

/// <summary>Whether and how <c>llc</c> finds an 802.2 header.</summary>
internal enum LlcRule : byte
{
    None,
    EtherLength,
    SunAtm,
    Always,
    WlanData,
}

/// <summary>Which link layer addresses a header has.</summary>
internal enum MacRule : byte
{
    None,
    Mac48,
    Wlan,
    Mac8,
}

/// <summary>Where a header records the direction, and how.</summary>
/// <param name="Offset">Offset in the link-layer header.</param>
/// <param name="Size">Bytes; 0 when the header does not record it.</param>
/// <param name="Mask">Bits that count.</param>
/// <param name="Inbound">Their value for inbound packets; null: whatever is not outbound.</param>
/// <param name="Outbound">Their value for outbound packets.</param>
internal readonly record struct DirectionField(byte Offset, byte Size, uint Mask, uint? Inbound, uint Outbound);

/// <summary>Offsets of the fields of SS7 messages.</summary>
internal sealed record Ss7Layout(uint Length, uint LengthHsl, uint Sio, uint Opc, uint Dpc, uint Sls);

/// <summary>What the generator must know of one link-layer type (DLT): where things are, and which tests make sense.</summary>
/// <param name="Type">Offset of the type field (of the LLC header, where the link layer always has one).</param>
/// <param name="Payload">Offset of the payload; relative to the variable part where <see cref="IsPayloadVariable"/>.</param>
/// <param name="Network">From the payload to the network layer, SNAP included.</param>
/// <param name="NetworkNoSnap">From the payload to the network layer behind a bare LLC header.</param>
internal sealed record LinkLayout(uint Type, uint Payload, uint Network, uint NetworkNoSnap)
{
    /// <summary>Offset of the link-layer header behind a fixed pseudo-header.</summary>
    public uint Header { get; init; }

    /// <summary>A header of variable length precedes the link-layer header.</summary>
    public bool IsHeaderVariable { get; init; }

    /// <summary>The link-layer header itself has a variable length.</summary>
    public bool IsPayloadVariable { get; init; }

    public ProtocolRule Protocol { get; init; }

    public LlcRule Llc { get; init; }

    public MacRule Mac { get; init; }

    public uint MacSource { get; init; }

    public uint MacDestination { get; init; }

    /// <summary>The MAC-8 broadcast address.</summary>
    public byte Mac8Broadcast { get; init; }

    /// <summary>Whether <c>multicast</c> has a meaning for its link-layer addresses.</summary>
    public bool HasMulticast { get; init; }

    /// <summary>Whether <c>vlan</c> is allowed.</summary>
    public bool HasVlan { get; init; }

    /// <summary>EtherType or PPP protocol that announces MPLS; 0 where <c>mpls</c> is not allowed.</summary>
    public uint MplsProtocol { get; init; }

    public DirectionField Direction { get; init; }

    public Ss7Layout? Ss7 { get; init; }

    /// <summary>The header with <paramref name="direction"/>.</summary>
    public LinkLayout With(DirectionField direction) => this with { Direction = direction };
}
