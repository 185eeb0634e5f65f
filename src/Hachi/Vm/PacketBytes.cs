using System.Buffers.Binary;
using Hachi.Captures;
using Hachi.Isa;

namespace Hachi.Vm;

/// <summary>Reads of packet bytes as classic BPF addresses them: big-endian, every one checked, with the two negative windows of Linux.</summary>
internal static class PacketBytes
{
    /// <summary>Reads 1, 2 or 4 bytes at an absolute or indirect address; false when any of them lies outside the captured bytes.</summary>
    /// <param name="packet">The captured bytes.</param>
    /// <param name="address">Offset from the start of the packet, or one inside the windows that start at SKF_NET_OFF and SKF_LL_OFF.</param>
    /// <param name="size">1, 2 or 4.</param>
    /// <param name="metadata">Tells where the network header starts.</param>
    /// <param name="value">The value, zero-extended; 0 when outside.</param>
    public static bool TryLoad(ReadOnlySpan<byte> packet, uint address, int size, in PacketMetadata metadata, out uint value)
    {
        long at = Resolve(address, metadata);
        if (at < 0 || at + size > packet.Length)
        {
            value = 0;
            return false;
        }
        value = size switch
        {
            1 => packet[(int)at],
            2 => BinaryPrimitives.ReadUInt16BigEndian(packet[(int)at..]),
            _ => BinaryPrimitives.ReadUInt32BigEndian(packet[(int)at..]),
        };
        return true;
    }

    /// <summary>
    /// The byte offset that an address means. Offsets with the top bit set are negative in Linux: from <see cref="Extension.NetOff"/> on they count from
    /// the network header, from <see cref="Extension.LinkLayerOff"/> on from the link-layer header, and below that there is nothing.
    /// </summary>
    private static long Resolve(uint address, in PacketMetadata metadata) => address switch
    {
        < 0x80000000 => address,
        >= Extension.NetOff => (long)(address - Extension.NetOff) + metadata.NetworkOffset,
        >= Extension.LinkLayerOff => address - Extension.LinkLayerOff,
        _ => -1,
    };
}
