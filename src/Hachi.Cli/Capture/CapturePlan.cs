using Hachi.Captures;
using Hachi.Linux.Capture;

namespace Hachi.Cli.Capture;

/// <summary>What one call of <c>hachi capture</c> is to do.</summary>
internal sealed record CapturePlan
{
    public required IReadOnlyList<CaptureDevice> Devices { get; init; }

    public required string Expression { get; init; }

    public required LiveCaptureOptions Options { get; init; }

    /// <summary>The files; null prints packets.</summary>
    public CaptureFileOptions? Files { get; init; }

    /// <summary>Packets after which it ends; 0 for none.</summary>
    public long CountMax { get; init; }

    /// <summary>Only how many there were.</summary>
    public bool IsCount { get; init; }

    public bool IsJson { get; init; }

    public bool ShowsStatistics { get; init; }

    /// <summary>Whether files get what there is each time that nothing more is waiting.</summary>
    public bool FlushesAlways { get; init; }

    /// <summary>Under sudo: stay root.</summary>
    public bool KeepsUser { get; init; }

    /// <summary>No filter of system calls.</summary>
    public bool IsUnguarded { get; init; }

    /// <summary>Link types of all devices, each once.</summary>
    public IEnumerable<LinkType> LinkTypes => Devices.Select(device => device.LinkType).Distinct();
}
