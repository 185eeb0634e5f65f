using System.Globalization;
using Hachi.Linux.Load;
using Hachi.Linux.Sys;
using Hachi.Object;
using Hachi.Uapi;

namespace Hachi.Linux.Attach;

/// <summary>
/// A place to attach to, as a person writes it: <c>xdp:eth0</c>, <c>tc:eth0:ingress</c>, <c>tracepoint:sched:sched_switch</c>, <c>kprobe:do_unlinkat</c>,
/// <c>uprobe:/bin/bash:readline</c>, <c>usdt:/bin/x:provider:name</c>, <c>raw_tracepoint:sys_enter</c>, <c>perf_event:99hz</c>, <c>cgroup:/sys/fs/cgroup/x</c>,
/// <c>netns</c>; <c>fentry:FUNCTION</c> and its kin for programs that were loaded for it. Colons and slashes both separate; a path may hold slashes behind a colon.
/// </summary>
public sealed record Place
{
    private Place(string kind, string[] parts) => (Kind, Parts) = (kind, parts);

    /// <summary>The first word.</summary>
    public string Kind { get; }

    /// <summary>What stands behind it.</summary>
    public IReadOnlyList<string> Parts { get; }

    /// <summary>The kinds of places, with their forms.</summary>
    public static IReadOnlyList<(string Kind, string Form)> Forms { get; } =
    [
        ("xdp", "xdp:INTERFACE[:generic|native|offload]"),
        ("tc", "tc:INTERFACE[:ingress|egress]"),
        ("tracepoint", "tracepoint:CATEGORY:NAME"),
        ("raw_tracepoint", "raw_tracepoint:NAME"),
        ("kprobe", "kprobe:FUNCTION[+OFFSET]"),
        ("kretprobe", "kretprobe:FUNCTION"),
        ("fentry", "fentry:FUNCTION"),
        ("fexit", "fexit:FUNCTION"),
        ("fmod_ret", "fmod_ret:FUNCTION"),
        ("tp_btf", "tp_btf:NAME"),
        ("lsm", "lsm:HOOK"),
        ("iter", "iter:KIND"),
        ("uprobe", "uprobe:FILE:SYMBOL[+OFFSET]"),
        ("uretprobe", "uretprobe:FILE:SYMBOL"),
        ("usdt", "usdt:FILE[:PROVIDER]:NAME"),
        ("perf_event", "perf_event:N(hz|ms|us|s)"),
        ("cgroup", "cgroup:PATH"),
        ("netns", "netns[:PATH]"),
        ("sockmap", "sockmap:MAP (its number, or the path of its pin)"),
    ];

    /// <summary>Reads a place.</summary>
    /// <param name="text">What was written.</param>
    /// <param name="place">The place, when it is one.</param>
    /// <param name="problem">What is wrong with it, when it is none.</param>
    public static bool TryParse(string text, out Place? place, out string problem)
    {
        ArgumentNullException.ThrowIfNull(text);
        place = null;
        problem = "";
        int end = text.AsSpan().IndexOfAny(':', '/');
        string kind = (end < 0 ? text : text[..end]) switch { "tp" => "tracepoint", "raw_tp" => "raw_tracepoint", "tcx" => "tc", var word => word };
        int row = Forms.ToList().FindIndex(each => each.Kind == kind);
        if (row < 0)
        {
            problem = $"'{kind}' is no kind of place; there are: {string.Join(", ", Forms.Select(each => each.Kind))}";
            return false;
        }
        string rest = end < 0 ? "" : text[(end + 1)..];
        // A path may stand in front of the last part.
        string[] parts = kind switch
        {
            _ when rest.Length == 0 => [],
            "cgroup" or "netns" or "sockmap" => [rest],
            "tracepoint" or "tc" or "xdp" => rest.Split(':', '/'),
            _ => rest.Split(':'),
        };
        (int least, int most) = kind switch { "tracepoint" or "uprobe" or "uretprobe" => (2, 2), "usdt" => (2, 3), "xdp" or "tc" => (1, 2), "netns" => (0, 1), _ => (1, 1) };
        if (parts.Length < least || parts.Length > most || parts.Any(part => part.Length == 0))
        {
            problem = $"'{text}' is no {kind} place: write {Forms[row].Form}";
            return false;
        }
        place = new Place(kind, parts);
        return true;
    }

    /// <summary>The place that a program's section names, where it names a whole one.</summary>
    public static Place? OfSection(string section)
    {
        ArgumentNullException.ThrowIfNull(section);
        if (SectionNames.Find(section) is not { } meaning)
            return null;
        // Of these there is one place, that of the namespace.
        if (meaning.Type is ProgramType.SkLookup or ProgramType.FlowDissector)
            return new Place("netns", []);
        if (meaning.Target is not { Length: > 0 })
            return null;
        string kind = section.TrimStart('?').Split('/')[0];
        return TryParse($"{kind.Split('.')[0]}:{meaning.Target}", out Place? place, out _) ? place : null;
    }

    /// <inheritdoc/>
    public override string ToString() => Parts.Count == 0 ? Kind : $"{Kind}:{string.Join(':', Parts)}";
}

/// <summary>Programs attached to places that were written as text, or that their sections name.</summary>
public static class PlaceAttach
{
    // Which programs go where; what is not here asks the kernel.
    private static readonly (string Kind, ProgramType Type)[] s_fitting =
    [
        ("xdp", ProgramType.Xdp), ("tc", ProgramType.SchedCls), ("tc", ProgramType.SchedAct), ("tracepoint", ProgramType.Tracepoint), ("raw_tracepoint", ProgramType.RawTracepoint),
        ("raw_tracepoint", ProgramType.RawTracepointWritable), ("kprobe", ProgramType.Kprobe), ("kretprobe", ProgramType.Kprobe), ("uprobe", ProgramType.Kprobe), ("uretprobe", ProgramType.Kprobe),
        ("usdt", ProgramType.Kprobe), ("fentry", ProgramType.Tracing), ("fexit", ProgramType.Tracing), ("fmod_ret", ProgramType.Tracing), ("tp_btf", ProgramType.Tracing), ("lsm", ProgramType.Lsm), ("iter", ProgramType.Tracing),
        ("perf_event", ProgramType.PerfEvent), ("netns", ProgramType.SkLookup), ("netns", ProgramType.FlowDissector), ("sockmap", ProgramType.SkSkb), ("sockmap", ProgramType.SkMsg),
    ];

    private static readonly (string Unit, double Seconds)[] s_units = [("hz", 0), ("ms", 1e-3), ("us", 1e-6), ("s", 1)];

    /// <summary>Attaches a program to a place.</summary>
    /// <param name="program">The program, of the kind that goes there.</param>
    /// <param name="place">The place.</param>
    /// <param name="pid">The process, for uprobes and samples; -1 for all.</param>
    /// <exception cref="BpfException">There is no such place, or the kernel refuses.</exception>
    public static Link Attach(this Program program, Place place, int pid = -1)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentNullException.ThrowIfNull(place);
        ProgramType[] fitting = [.. s_fitting.Where(each => each.Kind == place.Kind).Select(each => each.Type)];
        if (fitting.Length > 0 && !fitting.Contains(program.Type))
            throw new BpfException("attach", (int)ErrorNumber.EINVAL, $"program {program.Name} is of kind {program.Type.Name()}, and {place} takes {string.Join(" or ", fitting.Select(type => type.Name()))}");
        IReadOnlyList<string> parts = place.Parts;
        return place.Kind switch
        {
            "xdp" => program.AttachXdp(Interface(parts[0]), parts.Count > 1 && Enum.TryParse(parts[1], ignoreCase: true, out XdpMode mode) ? mode : XdpMode.Any),
            "tc" => program.AttachTc(Interface(parts[0]), IsEgress(program, parts) ? TcDirection.Egress : TcDirection.Ingress),
            "tracepoint" => program.AttachTracepoint(parts[0], parts[1]),
            "raw_tracepoint" => program.AttachRawTracepoint(parts[0]),
            "kprobe" or "kretprobe" => Kernel(program, place.Kind, parts[0]),
            "fentry" or "fexit" or "fmod_ret" or "tp_btf" or "lsm" or "iter" => Traced(program, place),
            "uprobe" or "uretprobe" => User(program, place.Kind, parts, pid),
            "usdt" => Usdt(program, parts, pid),
            "perf_event" => program.AttachPerfEvent(Sampling(parts[0]), pid),
            "cgroup" => program.AttachCgroup(parts[0].StartsWith('/') ? parts[0] : "/" + parts[0]),
            "sockmap" => Sockmap(program, parts[0]),
            _ => program.AttachNetns(parts.Count > 0 ? parts[0] : null),
        };
    }

    /// <summary>The number of an interface in the calling thread's network namespace.</summary>
    /// <param name="nameOrIndex">Its name, or its number in digits.</param>
    /// <exception cref="BpfException">ENODEV: there is none.</exception>
    public static int Interface(string nameOrIndex)
    {
        ArgumentNullException.ThrowIfNull(nameOrIndex);
        if (int.TryParse(nameOrIndex, NumberStyles.None, CultureInfo.InvariantCulture, out int index))
            return index;
        return Netlink.InterfaceIndex(nameOrIndex) ?? throw new BpfException("rtnetlink(RTM_GETLINK)", (int)ErrorNumber.ENODEV, $"there is no interface '{nameOrIndex}' in this network namespace");
    }

    private static bool IsEgress(Program program, IReadOnlyList<string> parts) =>
        parts.Count > 1 ? parts[1] == "egress" : program.ExpectedAttachType == AttachType.TcxEgress || program.Section.EndsWith("egress", StringComparison.Ordinal);

    private static Link Kernel(Program program, string kind, string text)
    {
        if (program.ExpectedAttachType is AttachType.TraceKprobeMulti or AttachType.TraceKprobeSession)
            return program.AttachKprobeMulti([text], new MultiProbeOptions { IsReturn = kind == "kretprobe" });
        (string function, ulong offset) = Split(text);
        return program.AttachKprobe(function, new ProbeOptions { IsReturn = kind[1] == 'r' && kind != "kprobe", Offset = offset });
    }

    // Such a program was verified for one place, which its section names.
    private static BpfLink Traced(Program program, Place place) =>
        SectionNames.Find(program.Section) is { } meaning && meaning.Target == place.Parts[0]
            ? place.Kind == "iter" ? program.AttachIterator() : program.AttachTracing()
            : throw new BpfException("attach", (int)ErrorNumber.EINVAL, $"program {program.Name} was loaded for {program.Section}: it cannot go to {place}");

    private static Link Sockmap(Program program, string text)
    {
        using Map map = uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint id) ? Map.Open(id) : Map.OpenPinned(text);
        return program.AttachSockmap(map);
    }

    private static Link User(Program program, string kind, IReadOnlyList<string> parts, int pid)
    {
        (string symbol, ulong offset) = Split(parts[1]);
        if (program.ExpectedAttachType is AttachType.TraceUprobeMulti or AttachType.TraceUprobeSession)
            return program.AttachUprobeMulti(parts[0], [UprobeTarget.Find(parts[0], symbol).FileOffset + offset], new MultiProbeOptions { IsReturn = kind == "uretprobe", Pid = Math.Max(0, pid) });
        return program.AttachUprobe(UprobeTarget.Find(parts[0], symbol), new ProbeOptions { IsReturn = kind == "uretprobe", Offset = offset, Pid = pid });
    }

    private static Link Usdt(Program program, IReadOnlyList<string> parts, int pid)
    {
        IReadOnlyList<(UprobeTarget Target, Hachi.Object.Elf.UsdtProbe Probe)> found = UprobeTarget.FindUsdt(parts[0], parts.Count > 2 ? parts[1] : null, parts[^1]);
        return PerfAttachment.All([.. Enumerable.Range(0, found.Count)], $"usdt {string.Join(':', parts)}", i => program.AttachUprobe(found[i].Target, new ProbeOptions { Pid = pid }));
    }

    private static PerfEventSpec Sampling(string text)
    {
        foreach ((string unit, double seconds) in s_units)
            if (text.EndsWith(unit, StringComparison.Ordinal) && ulong.TryParse(text.AsSpan(0, text.Length - unit.Length), NumberStyles.None, CultureInfo.InvariantCulture, out ulong number) && number > 0)
                return seconds == 0 ? PerfEventSpec.Sampling(number) : PerfEventSpec.Sampling(TimeSpan.FromSeconds(number * seconds));
        throw new BpfException("perf_event", (int)ErrorNumber.EINVAL, $"'{text}' is no rate: write 99hz or 10ms");
    }

    private static (string Name, ulong Offset) Split(string text)
    {
        int plus = text.LastIndexOf('+');
        if (plus <= 0)
            return (text, 0);
        string digits = text[(plus + 1)..];
        bool isNumber = digits.StartsWith("0x", StringComparison.OrdinalIgnoreCase)
            ? ulong.TryParse(digits.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong offset)
            : ulong.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out offset);
        return isNumber ? (text[..plus], offset) : (text, 0);
    }
}
