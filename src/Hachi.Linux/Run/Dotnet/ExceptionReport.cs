using System.Globalization;
using Hachi.Text;

namespace Hachi.Linux.Run.Dotnet;

/// <summary>Exceptions as they are thrown, caught or not.</summary>
internal sealed class ExceptionReport(TextWriter output, int pid, DotnetReportOptions options)
    : DotnetReport(new ReportTable(output, options.Format, "exception", s_columns), pid, options)
{
    private const ulong ExceptionKeyword = 0x8000;
    private const int Errors = 2, Thrown = 80, TypesMax = 10_000;

    private static readonly ReportColumn[] s_columns =
        [new("time_s", "TIME(s)", -9), new("tid", "TID", 8), new("hresult", "HRESULT", -10), new("how", "HOW", -8), new("type", "TYPE", -40), new("message", "MESSAGE", 0)];

    private readonly Dictionary<string, long> _counts = new(StringComparer.Ordinal);
    private long _count;

    private protected override EventPipeProvider Provider => new(EventPipeProvider.Runtime, ExceptionKeyword, Errors);

    private protected override void Handle(EventPipeEvent one)
    {
        const int Nested = 2, Again = 4;
        if (one.Id != Thrown)
            return;
        var fields = new EventPayload(one.Payload.Span);
        string type = fields.Text(), message = fields.Text();
        _ = fields.UInt64();
        uint code = fields.UInt32(), flags = fields.UInt16();
        _count++;
        if (_counts.Count < TypesMax || _counts.ContainsKey(type))
            _counts[type] = _counts.GetValueOrDefault(type) + 1;
        string how = (flags & Again) != 0 ? "again" : (flags & Nested) != 0 ? "nested" : "thrown";
        Row(one, Seconds(one.Nanoseconds), one.ThreadId, $"0x{code:x8}", how, type, message);
    }

    private protected override void Sum(TimeSpan time)
    {
        List<KeyValuePair<string, long>> types = [.. _counts.OrderByDescending(pair => pair.Value).ThenBy(pair => pair.Key, StringComparer.Ordinal)];
        string lines = string.Concat(types.Select(pair => string.Create(CultureInfo.InvariantCulture, $"{pair.Value,8} {Escaper.Escape(pair.Key)}\n")));
        Summary(string.Create(CultureInfo.InvariantCulture, $"\n{_count} exceptions, {_count / Math.Max(0.001, time.TotalSeconds):0.0} a second\n{lines}"), [("count", _count), ("time_ms", ReportCell.Of(time.TotalMilliseconds)), .. types.Select(pair => (pair.Key, (ReportCell)pair.Value))]);
        _counts.Clear();
        _count = 0;
    }
}
