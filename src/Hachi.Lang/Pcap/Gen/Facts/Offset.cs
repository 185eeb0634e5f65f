namespace Hachi.Lang.Pcap.Gen.Facts;

/// <summary>An offset from the start of the packet: a constant, and perhaps a part that is known only when the filter runs and lives in a variable.</summary>
internal struct Offset
{
    /// <summary>For <see cref="Constant"/>: this header has no such place.</summary>
    public const uint Unset = 0xffffffff;

    /// <summary>The part known at compile time.</summary>
    public uint Constant;

    /// <summary>Number of the variable that holds the rest; -1 until something asks for it.</summary>
    public int Variable;

    /// <summary>Whether there is a rest.</summary>
    public bool IsVariable;

    /// <summary>An offset known at compile time, or one whose variable is to be chosen at its first use.</summary>
    public Offset(uint constant, bool isVariable = false, int variable = -1)
    {
        Constant = constant;
        IsVariable = isVariable;
        Variable = variable;
    }
}

/// <summary>What an offset in a test counts from.</summary>
internal enum Base : byte
{
    /// <summary>The first byte.</summary>
    Packet,

    /// <summary>The current link-layer header.</summary>
    LinkHeader,

    /// <summary>The link-layer header around it.</summary>
    OuterLinkHeader,

    /// <summary>The link-layer type field.</summary>
    LinkType,

    /// <summary>The link-layer payload, an 802.2 header if there is one.</summary>
    Llc,

    /// <summary>The network-layer header (behind LLC and SNAP where the link layer always has them).</summary>
    Network,

    /// <summary>The network-layer header behind LLC alone.</summary>
    NetworkNoSnap,

    /// <summary>The MPLS label in front of the network-layer header.</summary>
    MplsLabel,

    /// <summary>What follows an IPv4 header, options skipped.</summary>
    TransportIpv4,

    /// <summary>What follows an IPv6 header without extension headers.</summary>
    TransportIpv6,
}
