namespace Hachi.Captures;

/// <summary>Numbers of the pcapng format (draft-ietf-opsawg-pcapng).</summary>
internal static class PcapngFormat
{
    internal const uint SectionHeader = 0x0a0d0d0a, InterfaceDescription = 1, ObsoletePacket = 2, SimplePacket = 3, NameResolution = 4,
        InterfaceStatistics = 5, EnhancedPacket = 6, DecryptionSecrets = 10, Custom = 0xbad, CustomNoCopy = 0x40000bad;

    internal const uint ByteOrderMagic = 0x1a2b3c4d;

    /// <summary>Type and length before, length again after the body.</summary>
    internal const int BlockOverhead = 12;

    /// <summary>Largest block that is not a packet of a link type with larger packets.</summary>
    internal const int BlockBytesMax = 16 << 20;

    internal const ushort OptionEnd = 0, OptionComment = 1;
    internal const ushort InterfaceName = 2, InterfaceDescriptionText = 3, InterfaceTimestampResolution = 9, InterfaceFcsLength = 13,
        InterfaceTimestampOffset = 14;
    internal const ushort InterfaceFilter = 11;
    internal const ushort StatisticsStartTime = 2, StatisticsEndTime = 3, StatisticsFilterAccept = 6, StatisticsOsDrop = 7, StatisticsUserDelivered = 8;
    internal const ushort PacketFlags = 2, PacketHash = 3, PacketQueue = 6;

    /// <summary>Algorithm number of a Toeplitz hash, the one that network cards compute over the flow.</summary>
    internal const byte HashToeplitz = 5;

    internal static int Pad(int length) => (length + 3) & ~3;
}
