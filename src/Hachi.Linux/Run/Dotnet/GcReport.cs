using System.Globalization;

namespace Hachi.Linux.Run.Dotnet;

/// <summary>
/// Collections. Everything stands still from when the runtime begins to stop the threads until all run again; a collection in the background stops them twice, and others may happen while it works.
/// </summary>
internal sealed class GcReport(TextWriter output, int pid, DotnetReportOptions options)
    : DotnetReport(new ReportTable(output, options.Format, "gc", s_columns), pid, options)
{
    private const ulong GcKeyword = 1;
    private const int Information = 4, Start = 1, End = 2, Restarted = 3, HeapStats = 4, Suspending = 9;
    private const uint ForGc = 1, ForGcPreparation = 6;

    private static readonly ReportColumn[] s_columns =
    [
        new("time_s", "TIME(s)", -9), new("number", "GC", 6), new("generation", "GEN", 3), new("reason", "REASON", -18), new("type", "TYPE", -13),
        new("pause_ms", "PAUSE(ms)", 10), new("total_ms", "TOTAL(ms)", 10), new("heap_mb", "HEAP(MB)", 9), new("promoted_mb", "PROMOTED(MB)", 12),
    ];

    // The runtime's numbers: gc_reason and gc_etw_type.
    private static readonly string[] s_reasons =
        ["AllocSmall", "Induced", "LowMemory", "Empty", "AllocLarge", "OutOfSpaceSOH", "OutOfSpaceLOH", "InducedNotForced", "Internal", "InducedLowMemory", "InducedCompacting", "LowMemoryHost", "PMFullGC", "LowMemoryHostBlocking"];

    private static readonly string[] s_types = ["blocking", "background", "foreground"];

    private readonly List<Collection> _running = [];
    private readonly long[] _counts = new long[3];
    private long _suspended = -1;
    private double _pauses, _longest;
    private Collection? _inPause, _last;

    private sealed class Collection(uint number, uint generation, uint reason, uint type, EventPipeEvent start)
    {
        public uint Number => number;

        public uint Generation => generation;

        public string Reason => reason < s_reasons.Length ? s_reasons[reason] : reason.ToString(CultureInfo.InvariantCulture);

        public string Type => type < s_types.Length ? s_types[type] : type.ToString(CultureInfo.InvariantCulture);

        public bool IsBackground => type == 1;

        public EventPipeEvent Began => start;

        public long Ended { get; set; } = -1;

        public long Pause { get; set; }

        public ulong HeapBytes { get; set; }

        public ulong PromotedBytes { get; set; }
    }

    private protected override EventPipeProvider Provider => new(EventPipeProvider.Runtime, GcKeyword, Information);

    private protected override void Handle(EventPipeEvent one)
    {
        var fields = new EventPayload(one.Payload.Span);
        switch (one.Id)
        {
            case Suspending:
                if (fields.UInt32() is ForGc or ForGcPreparation)
                    _suspended = one.Nanoseconds;
                _inPause = null;
                break;
            case Start:
                _running.Add(_inPause = new Collection(fields.UInt32(), fields.UInt32(), fields.UInt32(), fields.UInt32(), one));
                break;
            case End:
                uint number = fields.UInt32();
                _last = _running.Find(running => running.Number == number);
                _last?.Ended = one.Nanoseconds;
                break;
            case HeapStats:
                ReadHeap(ref fields, one.Version);
                if (_suspended < 0)
                    Tell();
                break;
            case Restarted when _suspended >= 0:
                if ((_inPause ?? _running.Find(running => running.IsBackground) ?? _last) is { } stopping)
                    stopping.Pause += one.Nanoseconds - _suspended;
                _suspended = -1;
                Tell();
                break;
        }
    }

    // For generations 0, 1, 2 and large objects: bytes left, bytes kept; finalization, pinned objects, handles; from version 2 on pinned heap.
    private void ReadHeap(ref EventPayload fields, int version)
    {
        const int Heaps = 4;
        ulong left = 0, kept = 0;
        for (int i = 0; i < Heaps; i++)
        {
            left += fields.UInt64();
            kept += fields.UInt64();
        }
        for (int i = 0; i < 2; i++)
            _ = fields.UInt64();
        for (int i = 0; i < 3; i++)
            _ = fields.UInt32();
        _ = fields.UInt16();
        if (version >= 2)
        {
            left += fields.UInt64();
            kept += fields.UInt64();
        }
        if (_last is not null)
            (_last.HeapBytes, _last.PromotedBytes) = (left, kept);
    }

    private void Tell()
    {
        const double Megabyte = 1e6;
        foreach (Collection one in _running.Where(running => running.Ended >= 0).ToList())
        {
            _running.Remove(one);
            double pause = one.Pause / PerMillisecond;
            _counts[Math.Min(one.Generation, 2)]++;
            _pauses += pause;
            _longest = Math.Max(_longest, pause);
            if (pause >= Options.Least.TotalMilliseconds)
                Row(one.Began, Seconds(one.Began.Nanoseconds), one.Number, one.Generation, one.Reason, one.Type, ReportCell.Of(pause), ReportCell.Of((one.Ended - one.Began.Nanoseconds) / PerMillisecond), ReportCell.Of(one.HeapBytes / Megabyte), ReportCell.Of(one.PromotedBytes / Megabyte));
        }
    }

    private protected override void Sum(TimeSpan time)
    {
        Tell();
        double share = _pauses / Math.Max(1, time.TotalMilliseconds) * 100;
        Summary(
            string.Create(CultureInfo.InvariantCulture, $"\n{_counts.Sum()} collections: {_counts[0]} of generation 0, {_counts[1]} of 1, {_counts[2]} of 2; pauses {_pauses:0.000} ms in all ({share:0.0} % of the time), the longest {_longest:0.000} ms\n"),
            ("generation_0", _counts[0]), ("generation_1", _counts[1]), ("generation_2", _counts[2]), ("pauses_ms", ReportCell.Of(_pauses)), ("longest_pause_ms", ReportCell.Of(_longest)), ("time_ms", ReportCell.Of(time.TotalMilliseconds)));
        Array.Clear(_counts);
        (_pauses, _longest) = (0, 0);
    }
}
