using System.IO.Enumeration;
using Hachi.Btf;
using Hachi.Btf.Print;
using Hachi.Object.Plan;

namespace Hachi.Cli.Verbs.Tracing;

/// <summary>The probes of this machine that match a pattern, with their arguments where they are asked for: <c>hachi trace -l</c>.</summary>
/// <param name="facts">What can be probed.</param>
/// <param name="shell">Where it is written.</param>
/// <param name="isVerbose">Whether arguments are told.</param>
internal sealed class TraceListing(IKernelFacts facts, Shell shell, bool isVerbose)
{
    private const string HardwareNames = "cpu-cycles cycles instructions cache-references cache-misses branch-instructions branches branch-misses bus-cycles frontend-stalls backend-stalls ref-cycles";
    private const string SoftwareNames = "cpu-clock cpu task-clock page-faults faults context-switches cs cpu-migrations minor-faults major-faults alignment-faults emulation-faults dummy bpf-output";

    private static readonly (ProbeKind Kind, string Name, string[] Short)[] s_kinds =
    [
        (ProbeKind.Hardware, "hardware", ["h"]), (ProbeKind.Software, "software", ["s"]), (ProbeKind.Profile, "profile", ["p"]), (ProbeKind.Interval, "interval", ["i"]),
        (ProbeKind.Iterator, "iter", ["it"]), (ProbeKind.Tracepoint, "tracepoint", ["t"]), (ProbeKind.RawTracepoint, "rawtracepoint", ["rt"]),
        (ProbeKind.Kprobe, "kprobe", ["k"]), (ProbeKind.Kretprobe, "kretprobe", ["kr"]), (ProbeKind.Fentry, "fentry", ["f", "kfunc"]), (ProbeKind.Fexit, "fexit", ["fr", "kretfunc"]),
        (ProbeKind.Uprobe, "uprobe", ["u"]), (ProbeKind.Uretprobe, "uretprobe", ["ur"]), (ProbeKind.Usdt, "usdt", ["U"]),
    ];

    private int _count;

    /// <summary>Lists what matches patterns, which commas separate.</summary>
    /// <param name="patterns">Such as <c>tracepoint:sched:*,kprobe:vfs_*</c>; empty for everything.</param>
    /// <param name="hasProcess">Whether a process is asked about: then files need no names.</param>
    public int Write(string patterns, bool hasProcess)
    {
        foreach (string pattern in patterns.Length == 0 ? ["*"] : patterns.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            One(pattern, hasProcess, patterns.Length == 0);
        return _count > 0 || patterns.EndsWith(".bt", StringComparison.Ordinal) ? ExitStatus.Done : ExitStatus.No;
    }

    /// <summary>Lists the probes of a plan.</summary>
    public int Write(RunPlan plan)
    {
        foreach (PlanProbe probe in plan.Probes)
            if (probe.Kind is not (ProbeKind.Begin or ProbeKind.End))
                Tell(probe.Kind, probe.Target, probe.Function, probe.Name);
        return ExitStatus.Done;
    }

    private void One(string pattern, bool hasProcess, bool isEverything)
    {
        string[] parts = pattern.Split(':');
        bool isKind = parts.Length > 1 || s_kinds.Any(row => Matches(parts[0], row));
        if (!isKind && pattern.EndsWith(".bt", StringComparison.Ordinal))
            shell.Error.WriteLine($"WARNING: It appears that '{pattern}' is a filename but the file does not exist. Treating '{pattern}' as a search pattern.");
        // What is asked of a process comes first: it may end while the kernel's functions are listed.
        foreach ((ProbeKind Kind, string Name, string[] Short) row in hasProcess ? s_kinds.OrderBy(row => row.Kind is ProbeKind.Uprobe or ProbeKind.Uretprobe or ProbeKind.Usdt ? 0 : 1) : s_kinds.AsEnumerable())
        {
            if (isKind && !Matches(parts[0], row))
                continue;
            bool isUser = row.Kind is ProbeKind.Uprobe or ProbeKind.Uretprobe or ProbeKind.Usdt;
            // Returns are everywhere where entries are: they are listed for who asks.
            if (row.Kind is ProbeKind.Kretprobe or ProbeKind.Fexit or ProbeKind.Uretprobe && (isEverything || !isKind || HasWildcard(parts[0])))
                continue;
            if (isUser && !hasProcess && (parts.Length < 2 || parts[1] is "" or "*"))
                continue;
            string[] rest = isKind ? parts[1..] : ["*" + pattern + "*"];
            foreach ((string target, string function) in isUser ? Users(row.Kind, rest) : Kernels(row.Kind, isKind ? rest : []))
            {
                string name = function.Length == 0 ? $"{row.Name}:{target}:" : target.Length > 0 ? $"{row.Name}:{target}:{function}" : $"{row.Name}:{function}";
                if (!isKind ? FileSystemName.MatchesSimpleExpression(pattern.Contains('*') ? pattern : $"*{pattern}*", name, ignoreCase: false) : isUser || Fits(rest, target, function))
                    Tell(row.Kind, target, function, name);
            }
        }
    }

    // `fentry:vfs_*` means any module; `tracepoint:sched:*` names both.
    private static bool Fits(string[] rest, string target, string function) => rest switch
    {
        [] or [""] or ["*"] => true,
        [var one] => FileSystemName.MatchesSimpleExpression(one, function.Length == 0 ? target : function, ignoreCase: false) || FileSystemName.MatchesSimpleExpression(one, target, ignoreCase: false),
        [var first, var second, ..] => FileSystemName.MatchesSimpleExpression(first, target, ignoreCase: false) && (second.Length == 0 || FileSystemName.MatchesSimpleExpression(second, function, ignoreCase: false)),
    };

    private IEnumerable<(string Target, string Function)> Users(ProbeKind kind, string[] rest)
    {
        string file = rest.Length > 0 && rest[0].Length > 0 ? rest[0] : "*";
        string name = rest.Length > 1 ? string.Join(':', rest[1..]) : "*";
        return facts.Expand(kind, file, name.Length > 0 ? name : "*") ?? [];
    }

    private IEnumerable<(string Target, string Function)> Kernels(ProbeKind kind, string[] rest) => kind switch
    {
        ProbeKind.Hardware => HardwareNames.Split(' ').Select(name => (name, "")),
        ProbeKind.Software => SoftwareNames.Split(' ').Select(name => (name, "")),
        ProbeKind.Profile or ProbeKind.Interval => ((string[])["count", "hz", "ms", "s", "us"]).Where(unit => kind == ProbeKind.Profile || unit != "count").Select(name => (name, "")),
        ProbeKind.Iterator => ((string[])["task", "task_file", "task_vma"]).Where(name => facts.Types?.Find(BtfKind.Struct, "bpf_iter__" + name) > 0).Select(name => ("", name)),
        ProbeKind.Tracepoint => facts.Expand(kind, rest.Length > 1 ? rest[0] : "*", "*") ?? [],
        ProbeKind.Kprobe or ProbeKind.Kretprobe => (facts.Expand(kind, rest.Length > 1 ? rest[0] : "", rest.Length > 0 && rest[^1].Length > 0 ? rest[^1] : "*") ?? []).Select(pair => (rest.Length > 1 ? pair.Target : "", pair.Name)),
        ProbeKind.Fentry or ProbeKind.Fexit => facts.Expand(kind, rest.Length > 1 ? rest[0] : "*", rest.Length > 0 && rest[^1].Length > 0 ? rest[^1] : "*") ?? [],
        _ => facts.Expand(kind, "", "*") ?? [],
    };

    private void Tell(ProbeKind kind, string target, string function, string name)
    {
        shell.Out.WriteLine(Text.Escaper.Escape(name));
        _count++;
        if (!isVerbose)
            return;
        if (kind == ProbeKind.Tracepoint && facts.Tracepoint(target, function) is TracepointFormat format)
            foreach (TracepointField field in format.Fields.Where(field => !field.Name.StartsWith("common_", StringComparison.Ordinal)))
                shell.Out.WriteLine($"    {field.Type} {field.Name}");
        else if (facts.Types is BtfTypes types && kind is ProbeKind.Fentry or ProbeKind.Fexit && types.Find(BtfKind.Func, function) is > 0 and var id)
        {
            Parameters(types, types[id].SizeOrType, 0);
            if (kind == ProbeKind.Fexit && types[types[id].SizeOrType].SizeOrType is > 0 and var result)
                shell.Out.WriteLine("    " + BtfCText.Declare(types, result, "retval"));
        }
        else if (facts.Types is BtfTypes known && kind == ProbeKind.RawTracepoint && Caller(known, function) is > 0 and var caller)
            Parameters(known, known[caller].SizeOrType, 1);
    }

    // A function of the tracepoint whose parameters have names.
    private static uint Caller(BtfTypes types, string name) =>
        types.Find(BtfKind.Func, "__probestub_" + name) is > 0 and var stub ? stub : types.Find(BtfKind.Func, "__traceiter_" + name) is > 0 and var caller ? caller : types.Find(BtfKind.Func, "__bpf_trace_" + name);

    private void Parameters(BtfTypes types, uint prototype, int skip)
    {
        foreach (BtfParameter parameter in types.ParametersOf(prototype).Skip(skip))
            shell.Out.WriteLine("    " + BtfCText.Declare(types, parameter.Type, parameter.Name));
    }

    private static bool Matches(string pattern, (ProbeKind Kind, string Name, string[] Short) row) => row.Short.Contains(pattern) || FileSystemName.MatchesSimpleExpression(pattern, row.Name, ignoreCase: false);

    private static bool HasWildcard(string text) => text.AsSpan().IndexOfAny('*', '?') >= 0;
}
