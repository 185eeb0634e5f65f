using System.Buffers.Binary;

namespace Hachi.Vm;

/// <summary>The walk over netlink attributes behind the <c>nla</c> and <c>nlan</c> extensions, as Linux does it (uapi/linux/netlink.h: struct nlattr, host order).</summary>
internal static class NetlinkAttributes
{
    private const int HeaderBytes = 4;
    private const ushort TypeMask = 0x3fff;

    /// <summary>Offset in the packet of the first attribute of a type, looking from <paramref name="start"/> to the end of the packet; 0 when there is none.</summary>
    public static uint Find(ReadOnlySpan<byte> packet, uint start, uint type) =>
        HasHeader(packet, start) ? Find(packet, (int)start, packet.Length, type) : 0;

    /// <summary>The same, looking inside the attribute that stands at <paramref name="start"/>.</summary>
    public static uint FindNested(ReadOnlySpan<byte> packet, uint start, uint type)
    {
        if (!HasHeader(packet, start))
            return 0;
        int length = Length(packet, (int)start);
        if (length < HeaderBytes || length > packet.Length - (int)start)
            return 0;
        return Find(packet, (int)start + HeaderBytes, (int)start + length, type);
    }

    private static bool HasHeader(ReadOnlySpan<byte> packet, uint start) => packet.Length >= HeaderBytes && start <= (uint)(packet.Length - HeaderBytes);

    private static int Length(ReadOnlySpan<byte> packet, int at) => BinaryPrimitives.ReadUInt16LittleEndian(packet[at..]);

    private static uint Find(ReadOnlySpan<byte> packet, int at, int end, uint type)
    {
        while (end - at >= HeaderBytes)
        {
            int length = Length(packet, at);
            if (length < HeaderBytes || length > end - at)
                return 0;
            if ((BinaryPrimitives.ReadUInt16LittleEndian(packet[(at + 2)..]) & TypeMask) == type)
                return (uint)at;
            at += (length + 3) & ~3;
        }
        return 0;
    }
}
