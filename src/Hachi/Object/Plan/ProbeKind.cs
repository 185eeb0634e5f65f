namespace Hachi.Object.Plan;

/// <summary>What makes a tracing program run.</summary>
public enum ProbeKind
{
    /// <summary>Once, before anything else.</summary>
    Begin,

    /// <summary>Once, when tracing ends.</summary>
    End,

    /// <summary>When the tracer itself gets a signal; the target is its name.</summary>
    Signal,

    /// <summary>Once, in a test of the script.</summary>
    Test,

    /// <summary>Many times over, to be measured.</summary>
    Bench,

    /// <summary>Entry of a kernel function, or an address in it.</summary>
    Kprobe,

    /// <summary>Return of a kernel function.</summary>
    Kretprobe,

    /// <summary>Entry of a function of a program or library, or an address in it.</summary>
    Uprobe,

    /// <summary>Return of a function of a program or library.</summary>
    Uretprobe,

    /// <summary>A probe that a program declares itself (SystemTap's notes).</summary>
    Usdt,

    /// <summary>A tracepoint with its record.</summary>
    Tracepoint,

    /// <summary>A tracepoint with its raw arguments.</summary>
    RawTracepoint,

    /// <summary>Entry of a kernel function, with typed arguments.</summary>
    Fentry,

    /// <summary>Return of a kernel function, with typed arguments and result.</summary>
    Fexit,

    /// <summary>A clock, on every processor.</summary>
    Profile,

    /// <summary>A clock, once.</summary>
    Interval,

    /// <summary>An event that the kernel counts.</summary>
    Software,

    /// <summary>An event that the processor counts.</summary>
    Hardware,

    /// <summary>Access to an address.</summary>
    Watchpoint,

    /// <summary>Every object of a kind, once.</summary>
    Iterator,
}
