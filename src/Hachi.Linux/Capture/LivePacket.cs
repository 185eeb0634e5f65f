using Hachi.Captures;

namespace Hachi.Linux.Capture;

/// <summary>Which packets of an interface are captured.</summary>
public enum CaptureDirections : byte
{
    /// <summary>All; on loopback each packet once, as it comes in.</summary>
    InOut,

    /// <summary>Those that come in.</summary>
    In,

    /// <summary>Those that this machine sends.</summary>
    Out,
}

/// <summary>A packet in the kernel's ring. Valid only until the handler returns: copy what is to stay.</summary>
public readonly ref struct LivePacket
{
    internal LivePacket(int device, long timestamp, uint originalLength, ReadOnlySpan<byte> data, byte packetType, int interfaceIndex)
    {
        Device = device;
        Timestamp = timestamp;
        OriginalLength = originalLength;
        Data = data;
        PacketType = packetType;
        InterfaceIndex = interfaceIndex;
    }

    /// <summary>Index into <see cref="LiveCapture.Devices"/>.</summary>
    public int Device { get; }

    /// <summary>When the kernel saw it, in nanoseconds since 1970.</summary>
    public long Timestamp { get; }

    /// <summary>Length on the wire in bytes, a VLAN tag that was put back and a header that we made included.</summary>
    public uint OriginalLength { get; }

    /// <summary>The captured bytes, link-layer header first.</summary>
    public ReadOnlySpan<byte> Data { get; }

    /// <summary>Linux packet type: 0 to us, 1 broadcast, 2 multicast, 3 to somebody else, 4 outgoing (linux/if_packet.h, PACKET_).</summary>
    public byte PacketType { get; }

    /// <summary>Index of the interface: tells where it came from on <see cref="CaptureDevice.Any"/>.</summary>
    public int InterfaceIndex { get; }

    /// <summary>A copy that lives on.</summary>
    public CapturedPacket ToCaptured() => new(Device, Timestamp, OriginalLength, Data.ToArray(), PacketType, InterfaceIndex);
}

/// <summary>Takes one packet.</summary>
/// <param name="packet">The packet, where the kernel has put it.</param>
/// <returns>False to stop; the next run goes on with the packet that follows.</returns>
public delegate bool LivePacketHandler(in LivePacket packet);

/// <summary>A packet that was captured live, copied out of the ring. The fields are those of <see cref="LivePacket"/>.</summary>
/// <param name="Device">Index into <see cref="LiveCapture.Devices"/>.</param>
/// <param name="Timestamp">Nanoseconds since 1970.</param>
/// <param name="OriginalLength">Bytes on the wire.</param>
/// <param name="Data">The captured bytes.</param>
/// <param name="PacketType">Linux packet type.</param>
/// <param name="InterfaceIndex">Index of the interface.</param>
public readonly record struct CapturedPacket(int Device, long Timestamp, uint OriginalLength, ReadOnlyMemory<byte> Data, byte PacketType, int InterfaceIndex);

/// <summary>What a capture has counted, since it was opened. Exact: every packet that matched is in one of the first two.</summary>
/// <param name="Received">Packets that matched and found room in the buffer.</param>
/// <param name="Dropped">Packets that matched and found none.</param>
/// <param name="Delivered">Packets that were given to a handler.</param>
/// <param name="Freezes">How often the buffer was full.</param>
public readonly record struct CaptureCounters(long Received, long Dropped, long Delivered, long Freezes)
{
    /// <summary>Sums.</summary>
    public static CaptureCounters operator +(CaptureCounters a, CaptureCounters b) =>
        new(a.Received + b.Received, a.Dropped + b.Dropped, a.Delivered + b.Delivered, a.Freezes + b.Freezes);

    /// <summary>The same as <c>+</c>.</summary>
    public CaptureCounters Add(CaptureCounters other) => this + other;
}
