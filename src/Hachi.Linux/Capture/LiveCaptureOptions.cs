using Hachi.Captures;
using Hachi.Isa;

namespace Hachi.Linux.Capture;

/// <summary>How packets are captured.</summary>
public sealed record LiveCaptureOptions
{
    /// <summary>The defaults.</summary>
    public static LiveCaptureOptions Default { get; } = new();

    /// <summary>
    /// Makes the filter for an interface, for its link type: classic BPF that returns the bytes to keep, 0 to reject, compiled for live captures of Linux. It runs in the kernel. Null, or a null
    /// result, takes every packet. It is called while the kernel makes the rings; what it throws ends the opening.
    /// </summary>
    public Func<CaptureDevice, ClassicProgram?>? Filter { get; init; }

    /// <summary>Bytes of a packet to keep, at least 1.</summary>
    public int SnapLength { get; init; } = 262_144;

    /// <summary>Whether interfaces take packets for everybody.</summary>
    public bool IsPromiscuous { get; init; }

    /// <summary>Which packets.</summary>
    public CaptureDirections Directions { get; init; }

    /// <summary>Bytes of buffer for each interface and lane, rounded up to blocks of 256 KiB.</summary>
    public int BufferBytes { get; init; } = 4 << 20;

    /// <summary>How long a packet may wait until it is handed on while its block is not full, in milliseconds. Longer is cheaper.</summary>
    public int LatencyMilliseconds { get; init; } = 100;

    /// <summary>
    /// How many threads take packets (<see cref="LiveCapture.RunLanes"/>): the kernel deals them out by flow (PACKET_FANOUT). 1 to 64.
    /// </summary>
    public int Lanes { get; init; } = 1;
}
