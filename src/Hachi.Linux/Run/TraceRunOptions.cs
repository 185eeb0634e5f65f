namespace Hachi.Linux.Run;

/// <summary>How results are written.</summary>
public enum TraceFormat
{
    /// <summary>For people, as bpftrace writes it.</summary>
    Text,

    /// <summary>One JSON object a line, with a type and data.</summary>
    Json,
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

    /// <summary>Whether nothing is said of what was attached.</summary>
    public bool IsQuiet { get; init; }

    /// <summary>Told once everything is attached: a stopped target may go on.</summary>
    public Action? Attached { get; init; }

    /// <summary>Whether to end: asked between records, at least ten times a second.</summary>
    public Func<bool>? ShouldEnd { get; init; }
}
