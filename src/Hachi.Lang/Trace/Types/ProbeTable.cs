using Hachi.Object.Plan;

namespace Hachi.Lang.Trace.Types;

/// <summary>A kind of probe.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Name">Its name.</param>
/// <param name="Short">Its short names.</param>
/// <param name="Form">How it is written.</param>
internal sealed record ProbeInfo(ProbeKind Kind, string Name, string[] Short, string Form);

/// <summary>The kinds of probes, each once.</summary>
internal static class ProbeTable
{
    public static readonly ProbeInfo[] All =
    [
        new(ProbeKind.Begin, "begin", ["BEGIN"], "begin"),
        new(ProbeKind.End, "end", ["END"], "end"),
        new(ProbeKind.Signal, "self", [], "self:signal:SIGUSR1"),
        new(ProbeKind.Test, "test", [], "test:name"),
        new(ProbeKind.Bench, "bench", [], "bench:name"),
        new(ProbeKind.Kprobe, "kprobe", ["k"], "kprobe:[module:]function[+offset]"),
        new(ProbeKind.Kretprobe, "kretprobe", ["kr"], "kretprobe:[module:]function"),
        new(ProbeKind.Uprobe, "uprobe", ["u"], "uprobe:file:function[+offset]"),
        new(ProbeKind.Uretprobe, "uretprobe", ["ur"], "uretprobe:file:function"),
        new(ProbeKind.Usdt, "usdt", ["U"], "usdt:file:[provider:]name"),
        new(ProbeKind.Tracepoint, "tracepoint", ["t"], "tracepoint:category:event"),
        new(ProbeKind.RawTracepoint, "rawtracepoint", ["rt"], "rawtracepoint:[module:]event"),
        new(ProbeKind.Fentry, "fentry", ["f", "kfunc"], "fentry:[module:]function"),
        new(ProbeKind.Fexit, "fexit", ["fr", "kretfunc"], "fexit:[module:]function"),
        new(ProbeKind.Profile, "profile", ["p"], "profile:hz:99"),
        new(ProbeKind.Interval, "interval", ["i"], "interval:s:1"),
        new(ProbeKind.Software, "software", ["s"], "software:event[:count]"),
        new(ProbeKind.Hardware, "hardware", ["h"], "hardware:event[:count]"),
        new(ProbeKind.Watchpoint, "watchpoint", ["w"], "watchpoint:address:length:mode"),
        new(ProbeKind.Iterator, "iter", ["it"], "iter:task"),
    ];

    /// <summary>The events that the kernel counts: name, other name, default count.</summary>
    public static readonly (string Name, string Alias, ulong Count)[] Software =
    [
        ("cpu-clock", "cpu", 1_000_000), ("task-clock", "", 1_000_000), ("page-faults", "faults", 100), ("context-switches", "cs", 1000), ("cpu-migrations", "", 1),
        ("minor-faults", "", 100), ("major-faults", "", 1), ("alignment-faults", "", 1), ("emulation-faults", "", 1), ("dummy", "", 1), ("bpf-output", "", 1),
    ];

    /// <summary>The events that processors count.</summary>
    public static readonly (string Name, string Alias, ulong Count)[] Hardware =
    [
        ("cpu-cycles", "cycles", 1_000_000), ("instructions", "", 1_000_000), ("cache-references", "", 1_000_000), ("cache-misses", "", 1_000_000), ("branch-instructions", "branches", 100_000),
        ("branch-misses", "", 100_000), ("bus-cycles", "", 100_000), ("frontend-stalls", "", 1_000_000), ("backend-stalls", "", 1_000_000), ("ref-cycles", "", 1_000_000),
    ];

    /// <summary>The kind of that name, or null.</summary>
    public static ProbeInfo? Find(string name)
    {
        foreach (ProbeInfo info in All)
            if (info.Name == name || info.Short.Contains(name))
                return info;
        return null;
    }

    public static ProbeInfo Of(ProbeKind kind) => Array.Find(All, info => info.Kind == kind)!;

    /// <summary>Whether a wildcard stands in a name.</summary>
    public static bool HasWildcard(string text) => text.AsSpan().IndexOfAny('*', '?', '[') >= 0;

    /// <summary>Whether a name matches a pattern of <c>*</c>, <c>?</c> and <c>[…]</c>.</summary>
    public static bool Matches(ReadOnlySpan<char> pattern, ReadOnlySpan<char> text)
    {
        int p = 0, t = 0, star = -1, mark = 0;
        while (t < text.Length)
        {
            if (p < pattern.Length && pattern[p] == '*')
                (star, mark) = (p++, t);
            else if (p < pattern.Length && Single(pattern, p, text[t]) is > 0 and int length)
                (p, t) = (p + length, t + 1);
            else if (star >= 0)
                (p, t) = (star + 1, ++mark);
            else
                return false;
        }
        while (p < pattern.Length && pattern[p] == '*')
            p++;
        return p == pattern.Length;
    }

    // How much of the pattern stands for this character; 0 when it does not.
    private static int Single(ReadOnlySpan<char> pattern, int at, char c)
    {
        if (pattern[at] == '?')
            return 1;
        int close = pattern[at] == '[' ? pattern[at..].IndexOf(']') : -1;
        if (close < 2)
            return pattern[at] == c ? 1 : 0;
        ReadOnlySpan<char> set = pattern.Slice(at + 1, close - 1);
        bool not = set[0] is '!' or '^';
        set = not ? set[1..] : set;
        bool found = false;
        for (int i = 0; i < set.Length; i++)
            if (i + 2 < set.Length && set[i + 1] == '-')
            {
                found |= c >= set[i] && c <= set[i + 2];
                i += 2;
            }
            else
                found |= c == set[i];
        return found != not ? close + 1 : 0;
    }
}
