namespace Hachi.Lang.Trace.Check;

/// <summary>What the command line says of a script.</summary>
public sealed record TraceOptions
{
    /// <summary>Positional parameters: <c>$1</c> is the first.</summary>
    public IReadOnlyList<string> Parameters { get; init; } = [];

    /// <summary>Named parameters for <c>getopt</c>; a value of null stands for one that was only named.</summary>
    public IReadOnlyDictionary<string, string?> Named { get; init; } = new Dictionary<string, string?>();

    /// <summary>Whether functions that change the system are allowed (<c>--unsafe</c>). It is asked again at run time.</summary>
    public bool IsUnsafe { get; init; }

    /// <summary>Whether what helper functions could not do is told, with the place (<c>-k</c>).</summary>
    public bool TellsErrors { get; init; }

    /// <summary>The process that alone is traced, or 0 for all (<c>-p</c>).</summary>
    public int Pid { get; init; }

    /// <summary>The process that was started to be traced (<c>cpid</c>), or 0.</summary>
    public int ChildPid { get; init; }

    /// <summary>Settings that win over those of the script (<c>BPFTRACE_*</c>, <c>max_strlen</c>), by name.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();

    /// <summary>A regular expression that probes other than begin and end must match (<c>--probe-filter</c>); null for none.</summary>
    public string? ProbeFilter { get; init; }

    /// <summary>Name of the script in places that are printed (<c>stdin</c>, a file's name).</summary>
    public string Name { get; init; } = "stdin";
}
