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

/// <summary>
/// A file that is written from its start: mode 0600, what it held before cut off, no buffer. Room is asked for ahead, so that the file system finds its
/// blocks at once and not page by page (a fifth of the CPU time of a large copy); what was not needed is given back on <see cref="Stream.Dispose()"/>.
/// </summary>
internal sealed class OutputFile : FileStream
{
    private const long AheadMax = 1L << 30;

    private readonly bool _isAhead;

    private OutputFile(string path, FileStreamOptions options)
        : base(path, options) => _isAhead = options.PreallocationSize > 0;

    /// <summary>Opens one.</summary>
    /// <param name="path">Where.</param>
    /// <param name="expected">About how many bytes it may get; 0 when unknown.</param>
    public static OutputFile Create(string path, long expected = 0)
    {
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, Share = FileShare.Read, BufferSize = 0 };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        if (expected > 0 && OperatingSystem.IsLinux())
        {
            options.PreallocationSize = Math.Min(expected, AheadMax);
            try
            {
                return new OutputFile(path, options);
            }
            catch (IOException) // so much room there is not, or something else is wrong and will be again
            {
                options.PreallocationSize = 0;
            }
        }
        return new OutputFile(path, options);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing && _isAhead && CanSeek && Length > 0 && Length == Position) // a device has no length
            SetLength(Position);
        base.Dispose(disposing);
    }
}
