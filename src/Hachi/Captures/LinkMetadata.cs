using System.Buffers.Binary;

namespace Hachi.Captures;

/// <summary>Fills <see cref="PacketMetadata"/> from the first header of a packet, with the values that Linux would have given on capture.</summary>
internal static class LinkMetadata
{
    private const uint Broadcast = 1, Multicast = 2;

    internal static void Read(LinkType linkType, ReadOnlySpan<byte> packet, out PacketMetadata metadata)
    {
        metadata = default;
        metadata.HardwareType = HardwareTypeOf(linkType);
        metadata.NetworkOffset = NetworkOffsetOf(linkType);
        switch (linkType.Dlt)
        {
            case 1:
                ReadEthernet(packet, ref metadata);
                break;
            case 12 when packet.Length > 0:
                metadata.Protocol = (packet[0] >> 4) switch { 4 => 0x0800, 6 => 0x86dd, _ => 0u };
                break;
            case 228:
                metadata.Protocol = 0x0800;
                break;
            case 229:
                metadata.Protocol = 0x86dd;
                break;
            case 113 when packet.Length >= 16: // packet type, hardware type, address length, address, protocol: all big-endian
                metadata.PacketType = BinaryPrimitives.ReadUInt16BigEndian(packet);
                metadata.HardwareType = BinaryPrimitives.ReadUInt16BigEndian(packet[2..]);
                metadata.Protocol = BinaryPrimitives.ReadUInt16BigEndian(packet[14..]);
                break;
            case 276 when packet.Length >= 20: // protocol, reserved, interface index, hardware type, packet type
                metadata.Protocol = BinaryPrimitives.ReadUInt16BigEndian(packet);
                metadata.InterfaceIndex = BinaryPrimitives.ReadUInt32BigEndian(packet[4..]);
                metadata.HardwareType = BinaryPrimitives.ReadUInt16BigEndian(packet[8..]);
                metadata.PacketType = packet[10];
                break;
            case 239:
                ReadNflog(packet, ref metadata);
                break;
        }
    }

    /// <summary>As the kernel's eth_type_trans: a type below 0x600 is a length, of a Novell frame (0xffff follows) or an LLC one.</summary>
    private static void ReadEthernet(ReadOnlySpan<byte> packet, ref PacketMetadata metadata)
    {
        if (packet.Length < 14)
            return;
        if ((packet[0] & 1) != 0)
            metadata.PacketType = packet[..6].IndexOfAnyExcept((byte)0xff) < 0 ? Broadcast : Multicast;
        uint type = BinaryPrimitives.ReadUInt16BigEndian(packet[12..]);
        if (type < 0x600)
            type = packet.Length >= 16 && packet[14] == 0xff && packet[15] == 0xff ? 1u : 4u;
        metadata.Protocol = type;
    }

    /// <summary>Netlink attributes after 4 bytes of header (linux/netfilter/nfnetlink_log.h): 1 packet header, 2 mark, 4 and 5 interface in and out.</summary>
    private static void ReadNflog(ReadOnlySpan<byte> packet, ref PacketMetadata metadata)
    {
        if (packet.Length < 4)
            return;
        packet = packet[4..];
        while (packet.Length >= 4)
        {
            int length = BinaryPrimitives.ReadUInt16LittleEndian(packet), type = BinaryPrimitives.ReadUInt16LittleEndian(packet[2..]) & 0x3fff;
            if (length < 4 || length > packet.Length)
                return;
            ReadOnlySpan<byte> value = packet[4..length];
            if (type == 1 && value.Length >= 2)
                metadata.Protocol = BinaryPrimitives.ReadUInt16BigEndian(value);
            else if (type == 2 && value.Length >= 4)
                metadata.Mark = BinaryPrimitives.ReadUInt32BigEndian(value);
            else if (type is 4 or 5 && value.Length >= 4)
                metadata.InterfaceIndex = BinaryPrimitives.ReadUInt32BigEndian(value);
            packet = packet[Math.Min((length + 3) & ~3, packet.Length)..];
        }
    }

    /// <summary>Length of the link-layer header where it is fixed.</summary>
    private static uint NetworkOffsetOf(LinkType linkType) => linkType.Dlt switch
    {
        1 => 14,
        0 or 108 => 4,
        113 => 16,
        276 => 20,
        _ => 0,
    };

    /// <summary>ARPHRD_ numbers (linux/if_arp.h).</summary>
    private static uint HardwareTypeOf(LinkType linkType) => linkType.Dlt switch
    {
        1 => 1,
        0 or 108 => 772,
        9 or 50 => 512,
        12 or 228 or 229 => 0xfffe,
        105 => 801,
        119 => 802,
        127 => 803,
        227 => 280,
        253 => 824,
        _ => 0,
    };
}
