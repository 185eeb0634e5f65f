using Hachi.Captures;

namespace Hachi.Linux.Capture;

/// <summary>Into which files a live capture is written.</summary>
public sealed record CaptureFileOptions
{
    /// <summary>The file; with <see cref="RotateEvery"/> a pattern whose <c>%Y %m %d %H %M %S</c> and the like are filled in (strftime(3)).</summary>
    public required string Path { get; init; }

    /// <summary>Opens a file for writing, what it held before cut off.</summary>
    public required Func<string, Stream> Open { get; init; }

    /// <summary>Which family of capture files.</summary>
    public CaptureFormat Format { get; init; }

    /// <summary>Time stamps of pcap files in nanoseconds instead of microseconds; pcapng has nanoseconds always.</summary>
    public bool Nanoseconds { get; init; }

    /// <summary>A file that has grown above so many bytes is followed by another; 0 never.</summary>
    public long RotateBytes { get; init; }

    /// <summary>A file in which packets of so long a time are is followed by another; zero never.</summary>
    public TimeSpan RotateEvery { get; init; }

    /// <summary>
    /// With <see cref="RotateBytes"/> how many files there are: the oldest is written anew. With <see cref="RotateEvery"/> how many are written: then the capture ends. 0 is no limit.
    /// </summary>
    public int FileCount { get; init; }

    /// <summary>The clock of the file names, and their time zone.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>What the packets have passed, for the description of interfaces in pcapng; null when nothing.</summary>
    public string? Filter { get; init; }
}
