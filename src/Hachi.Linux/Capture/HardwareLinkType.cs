using Hachi.Captures;

namespace Hachi.Linux.Capture;

/// <summary>From the hardware type of an interface (ARPHRD_ of linux/if_arp.h) to what its packets start with.</summary>
internal static class HardwareLinkType
{
    /// <summary>The link type; null when packets are better captured without their header (LINUX_SLL2), because its form depends on the driver or nobody knows it.</summary>
    public static LinkType? Of(ushort hardwareType) => hardwareType switch
    {
        1 or 772 => LinkType.Ethernet, // ETHER, LOOPBACK
        3 => new LinkType(202), // AX25: with KISS header
        5 => new LinkType(5), // CHAOS
        6 or 800 => LinkType.Ieee802, // IEEE802, IEEE802_TR
        7 => new LinkType(129), // ARCNET
        24 => new LinkType(138), // IEEE1394: Apple's form of IP over it
        513 => LinkType.CHdlc, // CISCO
        // SLIP, CSLIP, SLIP6, CSLIP6, ADAPT, RAWHDLC, TUNNEL, TUNNEL6, SIT, RAWIP, NONE: the packet starts with IP.
        >= 256 and <= 259 or 264 or 518 or 519 or 768 or 769 or 776 or 0xfffe => LinkType.Raw,
        770 => new LinkType(107), // FRAD
        774 => LinkType.Fddi,
        801 => LinkType.Ieee80211,
        802 => new LinkType(119), // IEEE80211_PRISM
        803 => LinkType.Ieee80211Radio,
        804 => new LinkType(230), // IEEE802154, no frame check sequence
        824 => LinkType.Netlink,
        826 => new LinkType(271), // VSOCKMON
        _ => null,
    };

    /// <summary>Whether packets of this link type start with a header that we make.</summary>
    public static bool IsCooked(LinkType link) => link == LinkType.LinuxSll2 || link == LinkType.LinuxSll || link == LinkType.Netlink;
}
