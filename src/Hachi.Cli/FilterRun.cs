using System.Text;
using Hachi.Captures;
using Hachi.Captures.Print;
using Hachi.Text;
using Hachi.Vm;

namespace Hachi.Cli;

/// <summary>One call of <c>hachi filter</c>: files in, lines or counts or captures out.</summary>
internal sealed class FilterRun(Shell shell, MetadataSettings? settings) : IDisposable
{
    private readonly StringBuilder _line = new();
    private readonly List<CaptureWriter?> _writers = [];
    private readonly long[] _splitMatched = new long[64];
    private bool _failed;

    public required FilterExpression Main { get; init; }

    public required string? OutputPath { get; init; }

    public required bool IsCount { get; init; }

    public required bool IsJson { get; init; }

    public List<(string Path, FilterExpression Expression)> Splits { get; } = [];

    public long Packets { get; private set; }

    public long Bytes { get; private set; }

    public long Matched { get; private set; }

    public IEnumerable<(string Path, long Matched)> SplitCounts => Splits.Select((split, i) => (split.Path, _splitMatched[i]));

    public int Status => _failed || Main.Failed || Splits.Any(split => split.Expression.Failed) ? ExitStatus.BadInput
        : Matched > 0 || _splitMatched.Any(count => count > 0) ? ExitStatus.Done : ExitStatus.No;

    /// <summary>Filters one capture.</summary>
    public void File(string path, Stream stream, bool isNamed)
    {
        if (Splits.Count > _splitMatched.Length)
            throw new CommandException($"at most {_splitMatched.Length} --split");
        using CaptureReader? reader = CaptureReader.Open(stream, out Diagnostic? diagnostic);
        if (reader is null)
        {
            Complain(path, diagnostic!);
            return;
        }
        if (_writers.Count == 0)
            OpenWriters(reader, stream);
        var main = new CaptureFilterOutput(Main.Compile, _writers[0]);
        CaptureFilterOutput[] outputs = [main, .. Splits.Select((split, i) => new CaptureFilterOutput(split.Expression.Compile, _writers[i + 1]))];
        // Compiled before the first packet is read: a wrong expression is told even for an empty capture.
        if (Main.Compile(reader.LinkType) is null && Main.Failed)
            return;
        bool printsPackets = OutputPath is null && !IsCount && Splits.Count == 0;
        CaptureFilterRunner? runner = null;
        runner = new CaptureFilterRunner(reader, outputs)
        {
            Settings = settings,
            CountsBytes = true,
            OnMatch = printsPackets ? (CaptureFilterOutput output, in CaptureBatch batch, ReadOnlySpan<int> accepted) => output != main || Print(reader, runner!.Packets - batch.Records.Length, batch, accepted) : null,
        };
        runner.Run(shell.Interrupted);
        Packets += runner.Packets;
        Bytes += runner.Bytes;
        Matched += main.Matched;
        for (int i = 0; i < Splits.Count; i++)
            _splitMatched[i] += outputs[i + 1].Matched;
        if (IsCount && !Main.Failed)
            PrintCount(path, main.Matched, isNamed);
        if (reader.Diagnostic is { } damage)
            Complain(path, damage);
        shell.Interrupted.ThrowIfCancellationRequested();
    }

    /// <summary>Closes what was written.</summary>
    public void Finish()
    {
        foreach (CaptureWriter? writer in _writers)
        {
            if (writer is { Skipped: > 0 })
            {
                shell.Error.WriteLine($"hachi: {writer.Skipped} matching packets were left out: a pcap file holds one link type only (write pcapng instead)");
                _failed = true;
            }
            writer?.Dispose();
        }
        _writers.Clear();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (CaptureWriter? writer in _writers)
            writer?.Dispose();
    }

    private void OpenWriters(CaptureReader reader, Stream input)
    {
        long expected = input.CanSeek ? input.Length / (1 + Splits.Count) : 0;
        _writers.Add(OutputPath is null ? null : CaptureWriter.CreateLike(shell.OpenOutput(OutputPath, expected), reader, OutputPath == "-"));
        foreach ((string path, _) in Splits)
            _writers.Add(CaptureWriter.CreateLike(shell.OpenOutput(path, expected), reader, path == "-"));
    }

    private bool Print(CaptureReader reader, long before, in CaptureBatch batch, ReadOnlySpan<int> accepted)
    {
        foreach (int index in accepted)
        {
            ref readonly PacketRecord record = ref batch.Records[index];
            long time = reader.TimestampOf(batch, record), number = before + index + 1;
            _line.Clear();
            PacketLine.Append(_line, batch.LinkType, batch.Data(record), record.OriginalLength, time);
            if (IsJson)
            {
                string line = _line.ToString();
                PrintJson(number, time, record, line[(line.IndexOf(' ', StringComparison.Ordinal) + 1)..]);
                continue;
            }
            shell.Out.Write(_line.Append('\n'));
        }
        return !shell.Interrupted.IsCancellationRequested;
    }

    private void PrintJson(long number, long time, PacketRecord record, string summary) => shell.WriteJson(to =>
    {
        to.WriteStartObject();
        to.WriteNumber("packet", number);
        to.WriteNumber("timeNanoseconds", time);
        to.WriteNumber("capturedLength", record.CapturedLength);
        to.WriteNumber("originalLength", record.OriginalLength);
        to.WriteString("summary", summary);
        to.WriteEndObject();
    });

    private void PrintCount(string path, long matched, bool isNamed)
    {
        if (IsJson)
            shell.WriteJson(to =>
            {
                to.WriteStartObject();
                to.WriteString("file", path);
                to.WriteNumber("matched", matched);
                to.WriteEndObject();
            });
        else
            shell.Out.WriteLine(isNamed ? $"{Escaper.Escape(path)}:{matched}" : $"{matched}");
    }

    private void Complain(string path, Diagnostic diagnostic)
    {
        _failed = true;
        shell.Fail($"{Escaper.Escape(path)}: {diagnostic.Message} [{diagnostic.Id}]");
    }
}
