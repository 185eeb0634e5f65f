using Hachi.Captures;
using Hachi.Isa;

namespace Hachi.Vm;

/// <summary>One filter of a pass over a capture: what decides, where matches go, what was counted.</summary>
public sealed class CaptureFilterOutput
{
    private readonly Func<LinkType, FilterEngine?> _compile;
    private readonly Dictionary<int, FilterEngine?> _engines = [];

    /// <summary>A filter.</summary>
    /// <param name="compile">Makes the engine for packets of a link type; called once for each type that the capture holds. Null: nothing of that type matches.</param>
    /// <param name="writer">Where matching packets are written, or null to count only. Belongs to the caller.</param>
    public CaptureFilterOutput(Func<LinkType, FilterEngine?> compile, CaptureWriter? writer = null)
    {
        ArgumentNullException.ThrowIfNull(compile);
        _compile = compile;
        Writer = writer;
    }

    /// <summary>A filter that is one program, whatever the link type.</summary>
    public CaptureFilterOutput(ClassicProgram program, CaptureWriter? writer = null)
        : this(Same(new FilterEngine(program)), writer)
    {
    }

    /// <summary>Where matching packets go, or null.</summary>
    public CaptureWriter? Writer { get; }

    /// <summary>Packets that matched so far.</summary>
    public long Matched { get; internal set; }

    /// <summary>Their captured bytes, when <see cref="CaptureFilterRunner.CountsBytes"/>.</summary>
    public long MatchedBytes { get; internal set; }

    /// <summary>The engine for a link type, or null.</summary>
    internal FilterEngine? EngineFor(LinkType linkType)
    {
        if (!_engines.TryGetValue(linkType.Dlt, out FilterEngine? engine))
            _engines[linkType.Dlt] = engine = _compile(linkType);
        return engine;
    }

    private static Func<LinkType, FilterEngine?> Same(FilterEngine engine) => _ => engine;
}

/// <summary>Sees the packets that a filter lets through, batch by batch.</summary>
/// <param name="output">The filter.</param>
/// <param name="batch">The batch.</param>
/// <param name="accepted">Indexes of the accepted records in it, ascending.</param>
/// <returns>False to stop after this batch.</returns>
public delegate bool MatchHandler(CaptureFilterOutput output, in CaptureBatch batch, ReadOnlySpan<int> accepted);

/// <summary>Runs filters over a capture, all of them in one pass: reads, decides, writes what matched as it lay in the file.</summary>
public sealed class CaptureFilterRunner
{
    private readonly CaptureReader _reader;
    private readonly CaptureFilterOutput[] _outputs;
    private int[] _accepted = new int[4096];

    /// <summary>Prepares a pass.</summary>
    /// <param name="reader">The capture; belongs to the caller.</param>
    /// <param name="outputs">The filters; each sees every packet.</param>
    public CaptureFilterRunner(CaptureReader reader, params ReadOnlySpan<CaptureFilterOutput> outputs)
    {
        ArgumentNullException.ThrowIfNull(reader);
        _reader = reader;
        _outputs = outputs.ToArray();
    }

    /// <summary>Metadata that stands above what the capture records, or null.</summary>
    public MetadataSettings? Settings { get; init; }

    /// <summary>Is shown what matched, after it was counted and written; or null.</summary>
    public MatchHandler? OnMatch { get; init; }

    /// <summary>Whether bytes are counted too: a little work for each packet.</summary>
    public bool CountsBytes { get; init; }

    /// <summary>Packets read so far.</summary>
    public long Packets { get; private set; }

    /// <summary>Their captured bytes, when <see cref="CountsBytes"/>.</summary>
    public long Bytes { get; private set; }

    /// <summary>Reads to the end of the capture, or until <see cref="OnMatch"/> or the token stops it. Why reading ended, the reader knows.</summary>
    public void Run(CancellationToken cancellation = default)
    {
        bool goOn = true;
        while (goOn && !cancellation.IsCancellationRequested && _reader.TryReadBatch(out CaptureBatch batch))
        {
            Packets += batch.Records.Length;
            if (CountsBytes)
                foreach (ref readonly PacketRecord record in batch.Records)
                    Bytes += record.CapturedLength;
            if (batch.Records.Length > _accepted.Length)
                _accepted = new int[batch.Records.Length];
            foreach (CaptureFilterOutput output in _outputs)
                goOn &= Filter(output, batch);
        }
    }

    private bool Filter(CaptureFilterOutput output, in CaptureBatch batch)
    {
        int count = output.EngineFor(batch.LinkType) is { } engine ? engine.Select(_reader, batch, Settings, _accepted) : 0;
        ReadOnlySpan<int> accepted = _accepted.AsSpan(0, count);
        output.Matched += count;
        if (CountsBytes)
            foreach (int index in accepted)
                output.MatchedBytes += batch.Records[index].CapturedLength;
        if (count == batch.Records.Length)
            output.Writer?.Write(_reader, batch);
        else
            output.Writer?.Write(_reader, batch, accepted);
        return count == 0 || OnMatch is null || OnMatch(output, batch, accepted);
    }
}
