using System.Globalization;

namespace Hachi.Linux.Run.Dotnet;

/// <summary>Threads that wait for a lock (lock statements, System.Threading.Lock). A row is written when the wait is over.</summary>
internal sealed class ContentionReport(TextWriter output, int pid, DotnetReportOptions options)
    : DotnetReport(new ReportTable(output, options.Format, "contention", s_columns), pid, options)
{
    private const ulong ContentionKeyword = 0x4000;
    private const int Information = 4, Begins = 81, Ends = 91, WaitingMax = 1 << 16;

    private static readonly ReportColumn[] s_columns =
        [new("time_s", "TIME(s)", -9), new("tid", "TID", 8), new("wait_ms", "WAIT(ms)", 10), new("owner_tid", "OWNER", 8), new("lock", "LOCK", -18), new("kind", "KIND", 0)];

    private readonly Dictionary<long, (EventPipeEvent Start, byte Flags, ulong Lock, ulong Owner)> _waiting = [];
    private long _count;
    private double _milliseconds, _longest;

    private protected override EventPipeProvider Provider => new(EventPipeProvider.Runtime, ContentionKeyword, Information);

    private protected override void Handle(EventPipeEvent one)
    {
        var fields = new EventPayload(one.Payload.Span);
        byte flags = fields.Byte();
        _ = fields.UInt16();
        if (one.Id == Begins)
        {
            // Lock, object that it belongs to, thread that has it: from version 2 on.
            ulong which = fields.UInt64(), thing = fields.UInt64(), owner = fields.UInt64();
            if (_waiting.Count < WaitingMax)
                _waiting[one.ThreadId] = (one, flags, which == 0 ? thing : which, owner);
        }
        else if (one.Id == Ends && _waiting.Remove(one.ThreadId, out (EventPipeEvent Start, byte Flags, ulong Lock, ulong Owner) waited))
        {
            double milliseconds = (one.Version >= 1 ? fields.Double() : one.Nanoseconds - waited.Start.Nanoseconds) / PerMillisecond;
            _count++;
            _milliseconds += milliseconds;
            _longest = Math.Max(_longest, milliseconds);
            if (milliseconds >= Options.Least.TotalMilliseconds)
                Row(waited.Start, Seconds(waited.Start.Nanoseconds), one.ThreadId, ReportCell.Of(milliseconds), (long)waited.Owner, $"0x{waited.Lock:x}", waited.Flags == 0 ? "managed" : "native");
        }
    }

    private protected override void Sum(TimeSpan time)
    {
        Summary(string.Create(CultureInfo.InvariantCulture, $"\n{_count} waits for locks, {_milliseconds:0.000} ms in all, the longest {_longest:0.000} ms; {_waiting.Count} threads wait now\n"),
            ("count", _count), ("wait_ms", ReportCell.Of(_milliseconds)), ("longest_wait_ms", ReportCell.Of(_longest)), ("waiting_now", _waiting.Count), ("time_ms", ReportCell.Of(time.TotalMilliseconds)));
        (_count, _milliseconds, _longest) = (0, 0, 0);
    }
}
