using Hachi.Lang.Pcap.Lookup;

namespace Hachi.Lang.Pcap;

/// <summary>Whose byte order host-endian headers (NULL, ENC) are in.</summary>
public enum SavefileOrder : byte
{
    /// <summary>Not a file, or nothing is known of it: this platform's order and address-family numbers, little-endian Linux (libpcap's <c>pcap_open_dead</c>).</summary>
    None,

    /// <summary>A file written on a machine with little-endian order: address families of all platforms are tested, in both orders.</summary>
    Unswapped,

    /// <summary>A file written on a machine with big-endian order; the same.</summary>
    Swapped,
}

/// <summary>What a capture filter is compiled for, besides its text and its link type. The same options and the same answers of the look-up give the same filter.</summary>
public sealed record FilterOptions
{
    /// <summary>The value for which <see cref="NetMask"/> is unknown.</summary>
    public const uint NetMaskUnknown = 0xffffffff;

    /// <summary>All defaults: a file of unknown origin, no names, no netmask.</summary>
    public static FilterOptions Default { get; } = new();

    /// <summary>Bytes of a matching packet that are kept: what the program returns. At least 1.</summary>
    public int SnapLength { get; init; } = 262144;

    /// <summary>Netmask of the captured interface's IPv4 network, for <c>ip broadcast</c>.</summary>
    public uint NetMask { get; init; } = NetMaskUnknown;

    /// <summary>A live capture on Linux: packet type, interface index and a stripped VLAN tag are read from the kernel's metadata.</summary>
    public bool Live { get; init; }

    /// <summary>For headers in the byte order of the machine that captured.</summary>
    public SavefileOrder ByteOrder { get; init; }

    /// <summary>Whether the passes run; without them the program does what was written, test by test (<c>-O0</c>).</summary>
    public bool Optimise { get; init; } = true;

    /// <summary>Answers names; null knows none.</summary>
    public IFilterLookup? Lookup { get; init; }
}
