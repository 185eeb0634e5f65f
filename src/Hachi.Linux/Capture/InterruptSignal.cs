using Hachi.Linux.Sys;

namespace Hachi.Linux.Capture;

/// <summary>The signal that ends a capture.</summary>
public static class InterruptSignal
{
    private const int Number = 2;

    /// <summary>
    /// A shell that runs a script starts its background jobs with SIGINT ignored, and .NET then lets it be ignored for good. Captures are ended by it in scripts all the same
    /// (<c>hachi capture ... &amp; ...; kill -INT $!</c>): call this before the process registers a handler for it.
    /// </summary>
    public static void Accept()
    {
        if (OperatingSystem.IsLinux())
            ProcessRights.StopIgnoring(Number);
    }
}
