using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Hachi.Text;

namespace Hachi.Cli;

/// <summary>The world as a verb sees it: streams, files, colour, Ctrl-C. Tests make one over memory.</summary>
internal sealed class Shell : IDisposable
{
    private static readonly UTF8Encoding s_utf8 = new(encoderShouldEmitUTF8Identifier: false);

    private readonly Func<Stream> _openInput;
    private PosixSignalRegistration? _interrupt, _terminate;
    private CancellationTokenSource? _interrupted;
    private bool _abandoned;

    /// <summary>A shell over given streams: no terminal, no colour.</summary>
    public Shell(Func<Stream> openInput, Stream output, Stream error, bool isTerminal = false)
    {
        _openInput = openInput;
        OutputStream = output;
        IsTerminal = isTerminal;
        Out = new StreamWriter(output, s_utf8, 16 * 1024) { NewLine = "\n" };
        Error = new StreamWriter(error, s_utf8, 256) { NewLine = "\n", AutoFlush = true };
    }

    /// <summary>The shell of this process.</summary>
    public static Shell OfProcess() =>
        new(Console.OpenStandardInput, StandardStreams.OpenOutput(), Console.OpenStandardError(), !Console.IsOutputRedirected) { OwnsProcess = true };

    /// <summary>Standard output as text (UTF-8, "\n"): results go here. Buffered.</summary>
    public TextWriter Out { get; }

    /// <summary>Standard error as text: everything else goes here.</summary>
    public TextWriter Error { get; }

    /// <summary>Standard output as bytes. Flush <see cref="Out"/> before writing to it.</summary>
    public Stream OutputStream { get; }

    /// <summary>Whether the process is there for this command only, so that it may change what concerns all of it: its user, its system calls, its signals.</summary>
    public bool OwnsProcess { get; private init; }

    /// <summary>Whether standard output is a terminal.</summary>
    public bool IsTerminal { get; }

    /// <summary>Whether colour may be used on standard output: on a terminal, unless NO_COLOR is set or TERM is dumb.</summary>
    public bool UseColor => IsTerminal
        && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"))
        && Environment.GetEnvironmentVariable("TERM") != "dumb";

    /// <summary>Whether HACHI_DEBUG asks for stack traces.</summary>
    public bool IsDebug { get; } = !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("HACHI_DEBUG"));

    /// <summary>
    /// Cancelled by the first Ctrl-C or SIGTERM, so that a verb can finish its file; the second ends the process. A verb that never asks for it ends at the first.
    /// </summary>
    public CancellationToken Interrupted
    {
        get
        {
            if (_interrupted is null)
            {
                var source = new CancellationTokenSource();
                _interrupted = source;
                void Interrupt(PosixSignalContext context)
                {
                    context.Cancel = !source.IsCancellationRequested;
                    source.Cancel();
                }

                _interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Interrupt);
                _terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Interrupt);
            }
            return _interrupted.Token;
        }
    }

    /// <summary>Opens a file for reading; <c>-</c> is standard input. No buffer: read in large pieces.</summary>
    /// <exception cref="CommandException">It cannot be opened.</exception>
    public Stream OpenInput(string path) =>
        path == "-" ? _openInput() : Guard("read", path, () =>
        {
            var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0, FileOptions.SequentialScan);
            return stream;
        });

    /// <summary>Opens a file for writing, mode 0600, what it held before cut off; <c>-</c> is standard output. No buffer: write in large pieces.</summary>
    /// <param name="path">The file.</param>
    /// <param name="expected">About how many bytes it may get; 0 when unknown.</param>
    /// <exception cref="CommandException">It cannot be opened.</exception>
    public Stream OpenOutput(string path, long expected = 0)
    {
        if (path == "-")
        {
            Out.Flush();
            return OutputStream;
        }
        return Guard("write", path, () => OutputFile.Create(path, expected));
    }

    /// <summary>Reads a whole text (UTF-8); <c>-</c> is standard input.</summary>
    /// <exception cref="CommandException">It cannot be read.</exception>
    public string ReadText(string path)
    {
        using Stream stream = OpenInput(path);
        using var reader = new StreamReader(stream, s_utf8);
        return reader.ReadToEnd();
    }

    /// <summary>Writes one JSON document and a line end to standard output: for <c>--json</c>. Encoded strictly, so that nothing in it can steer a terminal.</summary>
    public void WriteJson(Action<Utf8JsonWriter> write, bool indented = false)
    {
        Out.Flush();
        using (var json = new Utf8JsonWriter(OutputStream, new JsonWriterOptions { Indented = indented, NewLine = "\n" }))
            write(json);
        Out.Write('\n');
    }

    /// <summary>Says on standard error what is wrong and what to do about it.</summary>
    /// <returns>The status, for <c>return shell.Fail(...)</c>.</returns>
    public int Fail(string message, string? hint = null, int status = ExitStatus.BadInput)
    {
        FlushQuietly();
        Error.WriteLine("hachi: " + Escaper.Escape(message));
        if (hint is not null)
            Error.WriteLine("  " + Escaper.Escape(hint, keepLines: true));
        return status;
    }

    /// <summary>Shows a diagnostic on standard error: the line of the source with a caret under the place, the message, the hint.</summary>
    public void Report(Diagnostic diagnostic, string source)
    {
        FlushQuietly();
        Error.WriteLine(Caret.RenderLine(source, diagnostic));
    }

    /// <summary>Drops what has not been written yet: its reader is gone.</summary>
    public void Abandon() => _abandoned = true;

    /// <inheritdoc/>
    public void Dispose()
    {
        FlushQuietly();
        _interrupt?.Dispose();
        _terminate?.Dispose();
        _interrupted?.Dispose();
    }

    private void FlushQuietly()
    {
        if (_abandoned)
            return;
        try
        {
            Out.Flush();
        }
        catch (IOException)
        {
            // Whoever reads our output is gone or its disk is full; the first flush has said so already.
            _abandoned = true;
        }
    }

    private static FileStream Guard(string doing, string path, Func<FileStream> open)
    {
        try
        {
            if (Directory.Exists(path))
                throw new CommandException($"cannot {doing} '{path}': it is a folder");
            return open();
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new CommandException($"cannot {doing} '{path}': no such file or folder");
        }
        catch (UnauthorizedAccessException)
        {
            throw new CommandException($"cannot {doing} '{path}': permission denied");
        }
        catch (Exception e) when (e is IOException or ArgumentException or NotSupportedException)
        {
            throw new CommandException($"cannot {doing} '{path}': {e.Message}");
        }
    }
}
