using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using Hachi.Linux.Symbols;

namespace Hachi.Linux.Run.Dotnet;

/// <summary>What a report tells of a .NET process.</summary>
public enum DotnetReportKind
{
    /// <summary>Collections of garbage: generation, reason, how long everything stood still, what was left.</summary>
    Gc,

    /// <summary>Exceptions that are thrown: type and message.</summary>
    Exceptions,

    /// <summary>Methods that are compiled while the program runs: time, sizes, tier.</summary>
    Jit,

    /// <summary>Threads that wait for a lock which another one holds.</summary>
    Contention,
}

/// <summary>How a report is made.</summary>
public sealed record DotnetReportOptions
{
    /// <summary>How rows are written. JSON: an object a row with <c>type</c> and <c>data</c>; CSV: a first line with the names.</summary>
    public TraceFormat Format { get; init; }

    /// <summary>How long; zero until the process ends or <see cref="ShouldEnd"/> says so.</summary>
    public TimeSpan Duration { get; init; }

    /// <summary>How often what it comes to is told and counting begins anew; zero for once, at the end.</summary>
    public TimeSpan Interval { get; init; }

    /// <summary>Rows with a shorter pause, compilation or wait are left out; they are counted all the same.</summary>
    public TimeSpan Least { get; init; }

    /// <summary>Whether rows carry the functions that the thread was in. Those that the process compiled as it ran have names where it writes a perf map (<see cref="DotnetRuntime"/>).</summary>
    public bool HasStacks { get; init; }

    /// <summary>Told once events come.</summary>
    public Action? Attached { get; init; }

    /// <summary>Whether to end: asked at least ten times a second.</summary>
    public Func<bool>? ShouldEnd { get; init; }
}

/// <summary>
/// A report of what the runtime of a .NET process says of itself (EventPipe; the events are those of Microsoft-Windows-DotNETRuntime, learn.microsoft.com/dotnet/fundamentals/diagnostics/runtime-events).
/// The process needs no preparation, and nothing of it changes but that it tells.
/// </summary>
public abstract class DotnetReport
{
    private protected const double PerMillisecond = 1e6;

    private readonly ReportTable _table;
    private readonly ProcessSymbols? _symbols;
    private readonly int _pid;
    private long _begun;

    private protected DotnetReport(ReportTable table, int pid, DotnetReportOptions options)
    {
        (_table, _pid, Options) = (table, pid, options);
        _symbols = options.HasStacks ? new ProcessSymbols() : null;
    }

    private protected DotnetReportOptions Options { get; }

    private protected abstract EventPipeProvider Provider { get; }

    private protected abstract void Handle(EventPipeEvent one);

    /// <summary>Tells what it came to, and forgets it.</summary>
    private protected abstract void Sum(TimeSpan time);

    /// <summary>Makes a report until it is to end, or the process is gone.</summary>
    /// <param name="kind">Which.</param>
    /// <param name="pid">The process.</param>
    /// <param name="output">Gets the rows.</param>
    /// <param name="errors">Gets what is said beside them.</param>
    /// <param name="options">How.</param>
    /// <returns>Null when it is made; otherwise why it could not be.</returns>
    public static string? Run(DotnetReportKind kind, int pid, TextWriter output, TextWriter errors, DotnetReportOptions options)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(errors);
        ArgumentNullException.ThrowIfNull(options);
        DotnetReport report = kind switch
        {
            DotnetReportKind.Gc => new GcReport(output, pid, options),
            DotnetReportKind.Exceptions => new ExceptionReport(output, pid, options),
            DotnetReportKind.Jit => new JitReport(output, pid, options),
            _ => new ContentionReport(output, pid, options),
        };
        using EventPipeSession? session = EventPipeSession.Start(pid, [report.Provider], out string problem);
        if (session is null)
            return problem;
        report.Follow(session, errors);
        report._symbols?.Dispose();
        return session.Problem is { } broken ? $"the events of process {pid} cannot be read: {broken}" : null;
    }

    private void Follow(EventPipeSession session, TextWriter errors)
    {
        long begun = Stopwatch.GetTimestamp(), summed = begun, end = Options.Duration > TimeSpan.Zero ? begun + Ticks(Options.Duration) : long.MaxValue;
        _begun = (long)(begun * (1e9 / Stopwatch.Frequency));
        var events = new List<EventPipeEvent>();
        _table.Begin();
        _table.Flush();
        Options.Attached?.Invoke();
        for (bool more = true; more;)
        {
            more = session.Read(events);
            foreach (EventPipeEvent one in events)
                if (one.Provider == EventPipeProvider.Runtime)
                    Handle(one);
            events.Clear();
            long now = Stopwatch.GetTimestamp();
            if (Options.Interval > TimeSpan.Zero && now - summed >= Ticks(Options.Interval))
            {
                Sum(Stopwatch.GetElapsedTime(summed, now));
                summed = now;
            }
            _table.Flush();
            if (now >= end || Options.ShouldEnd?.Invoke() == true)
                session.Stop();
        }
        Sum(Stopwatch.GetElapsedTime(summed));
        _table.Flush();
        if (session.Lost > 0)
            errors.Write(string.Create(CultureInfo.InvariantCulture, $"WARNING: Lost {session.Lost} events: the process had no room for them\n"));
    }

    private static long Ticks(TimeSpan time) => (long)(time.TotalSeconds * Stopwatch.Frequency);

    /// <summary>Seconds from the start of the report to an event.</summary>
    private protected ReportCell Seconds(long nanoseconds) => ReportCell.Of(Math.Max(0, nanoseconds - _begun) / 1e9);

    private protected void Row(EventPipeEvent one, params ReportCell[] cells) => _table.Row(cells, _symbols is null ? [] : Frames(one.Stack.Span));

    private protected void Summary(string text, params (string Name, ReportCell Value)[] values) => _table.Sum(text, values);

    private List<string> Frames(ReadOnlySpan<byte> stack)
    {
        var names = new List<string>();
        for (int i = 0; i + 8 <= stack.Length; i += 8)
        {
            ulong address = BinaryPrimitives.ReadUInt64LittleEndian(stack[i..]);
            names.Add(_symbols!.Find(_pid, address) is { } symbol ? symbol.Name
                : _symbols.FindFile(_pid, address) is (string path, ulong offset) ? string.Create(CultureInfo.InvariantCulture, $"[{Path.GetFileName(path)}+0x{offset:x}]") : string.Create(CultureInfo.InvariantCulture, $"0x{address:x}"));
        }
        return names;
    }
}
