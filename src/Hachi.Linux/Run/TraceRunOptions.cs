namespace Hachi.Linux.Run;

/// <summary>How results are written.</summary>
public enum TraceFormat
{
    /// <summary>For people, as bpftrace writes it.</summary>
    Text,

    /// <summary>One JSON object a line, with a type and data.</summary>
    Json,

    /// <summary>
    /// Comma-separated values (RFC 4180): a printf gives its arguments; a map its name, then a column for each part of the key, then the value, for statistics count, average and total, for
    /// histograms from, to (not included) and count, a row a bucket.
    /// </summary>
    Csv,
}

/// <summary>How a plan is carried out.</summary>
public sealed record TraceRunOptions
{
    /// <summary>How results are written.</summary>
    public TraceFormat Format { get; init; }

    /// <summary>Whether commands may be run (<c>system</c>): asked here, whatever the object says.</summary>
    public bool IsUnsafe { get; init; }

    /// <summary>The one process that is traced, or 0.</summary>
    public int Pid { get; init; }

    /// <summary>The process whose functions are to be named even when it is gone, or 0: the command that is traced.</summary>
    public int Target { get; init; }

    /// <summary>Whether <see cref="TraceRun.Run"/> follows at once: clocks then begin to tick while programs are loaded.</summary>
    public bool RunsAtOnce { get; init; }

    /// <summary>Whether nothing is said of what was attached.</summary>
    public bool IsQuiet { get; init; }

    /// <summary>How often maps are drawn anew, in place of what stood there; zero for never.</summary>
    public TimeSpan Redraw { get; init; }

    /// <summary>Lines that a drawing may take.</summary>
    public int RedrawLines { get; init; } = 24;

    /// <summary>What goes before a drawing: on a terminal, what clears it.</summary>
    public string RedrawStart { get; init; } = "";

    /// <summary>Told once everything is attached: a stopped target may go on.</summary>
    public Action? Attached { get; init; }

    /// <summary>Whether to end: asked between records, at least ten times a second.</summary>
    public Func<bool>? ShouldEnd { get; init; }
}
