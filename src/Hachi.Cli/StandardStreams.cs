using Microsoft.Win32.SafeHandles;

namespace Hachi.Cli;

/// <summary>Standard output as a plain stream that tells when its reader is gone.</summary>
internal static class StandardStreams
{
    private const int Epipe = 32;
    private const int WindowsBrokenPipe = 109;

    /// <summary>
    /// Opens standard output. The console's own stream swallows EPIPE, so that <c>hachi filter ... | head</c> would read a large file to its end for nobody;
    /// a file stream reports it. That one in turn keeps a file position of its own, which goes wrong where two programs share a file,
    /// so files stay with the console's stream (and terminals, whose state it knows).
    /// </summary>
    public static Stream OpenOutput()
    {
        if (OperatingSystem.IsWindows() || !Console.IsOutputRedirected)
            return Console.OpenStandardOutput();
        var handle = new SafeFileHandle(1, ownsHandle: false);
        try
        {
            var stream = new FileStream(handle, FileAccess.Write, bufferSize: 0);
            if (!stream.CanSeek)
                return stream;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            // Closed, or not open for writing: the console's stream copes.
            return Console.OpenStandardOutput();
        }
        return Console.OpenStandardOutput();
    }

    /// <summary>Whether the exception says that nobody reads our output any more.</summary>
    public static bool IsClosedPipe(IOException e) =>
        OperatingSystem.IsWindows() ? (e.HResult & 0xFFFF) == WindowsBrokenPipe : e.HResult == Epipe;
}
