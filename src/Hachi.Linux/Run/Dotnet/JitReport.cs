using System.Globalization;

namespace Hachi.Linux.Run.Dotnet;

/// <summary>Methods that are compiled while the program runs. That a compilation begins is told by its thread, which then compiles nothing else, but may need another method for it.</summary>
internal sealed class JitReport(TextWriter output, int pid, DotnetReportOptions options)
    : DotnetReport(new ReportTable(output, options.Format, "jit", s_columns), pid, options)
{
    private const ulong JitKeyword = 0x10;
    private const int Everything = 5, Loaded = 143, Begins = 145, TierShift = 7, TierMask = 7, BegunMax = 1 << 16;

    private static readonly ReportColumn[] s_columns =
        [new("time_s", "TIME(s)", -9), new("tid", "TID", 8), new("compile_ms", "MS", 8), new("il_bytes", "IL", 6), new("code_bytes", "CODE", 7), new("tier", "TIER", -20), new("method", "METHOD", 0)];

    // NativeCodeVersion::OptimizationTier as the runtime tells it.
    private static readonly string[] s_tiers = ["unknown", "MinOptJitted", "Optimized", "QuickJitted", "OptimizedTier1", "OptimizedTier1OSR", "InstrumentedTier", "InstrumentedTier1"];

    private readonly Dictionary<(long Thread, ulong Method), (long Time, uint IlBytes)> _begun = [];
    private readonly long[] _tiers = new long[s_tiers.Length];
    private long _count;
    private double _milliseconds;

    private protected override EventPipeProvider Provider => new(EventPipeProvider.Runtime, JitKeyword, Everything);

    private protected override void Handle(EventPipeEvent one)
    {
        var fields = new EventPayload(one.Payload.Span);
        ulong method = fields.UInt64();
        _ = fields.UInt64();
        if (one.Id == Begins)
        {
            _ = fields.UInt32();
            if (_begun.Count < BegunMax)
                _begun[(one.ThreadId, method)] = (one.Nanoseconds, fields.UInt32());
        }
        // What was compiled beforehand is loaded without having begun.
        else if (one.Id == Loaded && _begun.Remove((one.ThreadId, method), out (long Time, uint IlBytes) begun))
        {
            _ = fields.UInt64();
            uint codeBytes = fields.UInt32();
            _ = fields.UInt32();
            uint tier = fields.UInt32() >> TierShift & TierMask;
            string type = fields.Text(), name = fields.Text();
            double milliseconds = (one.Nanoseconds - begun.Time) / PerMillisecond;
            _count++;
            _tiers[tier]++;
            _milliseconds += milliseconds;
            if (milliseconds >= Options.Least.TotalMilliseconds)
                Row(one, Seconds(begun.Time), one.ThreadId, ReportCell.Of(milliseconds), begun.IlBytes, codeBytes, s_tiers[tier], type.Length == 0 ? name : $"{type}.{name}");
        }
    }

    private protected override void Sum(TimeSpan time)
    {
        string tiers = string.Join(", ", s_tiers.Zip(_tiers).Where(pair => pair.Second > 0).Select(pair => string.Create(CultureInfo.InvariantCulture, $"{pair.Second} {pair.First}")));
        Summary(string.Create(CultureInfo.InvariantCulture, $"\n{_count} methods compiled in {_milliseconds:0.000} ms{(tiers.Length > 0 ? ": " : "")}{tiers}\n"), [("methods", _count), ("compile_ms", ReportCell.Of(_milliseconds)), ("time_ms", ReportCell.Of(time.TotalMilliseconds)), .. s_tiers.Zip(_tiers).Where(pair => pair.Second > 0).Select(pair => (pair.First, (ReportCell)pair.Second))]);
        Array.Clear(_tiers);
        (_count, _milliseconds) = (0, 0);
    }
}
