using Hachi.Linux.Attach;
using Hachi.Linux.Kernel;
using Hachi.Linux.Load;
using Hachi.Linux.Sys;
using Hachi.Object.Plan;
using Hachi.Uapi;

namespace Hachi.Linux.Run;

/// <summary>Attaches what a plan's probes name.</summary>
internal static class ProbeStarter
{
    /// <summary>Whether the tracer runs the program itself instead of attaching it.</summary>
    public static bool IsOwn(ProbeKind kind) => kind is ProbeKind.Begin or ProbeKind.End or ProbeKind.Interval or ProbeKind.Signal or ProbeKind.Test or ProbeKind.Bench or ProbeKind.Iterator;

    /// <summary>Attaches a probe.</summary>
    /// <exception cref="BpfException">The kernel refuses.</exception>
    /// <param name="probe">Which.</param>
    /// <param name="program">Its program.</param>
    /// <param name="pid">The process, or 0.</param>
    /// <param name="place">Which of the program's probes it is: the cookie that the program asks for.</param>
    public static Link Attach(PlanProbe probe, Program program, int pid, ulong place = 0)
    {
        switch (probe.Kind)
        {
            case ProbeKind.Tracepoint:
                return program.AttachTracepoint(probe.Target, probe.Function);
            case ProbeKind.RawTracepoint:
                return program.AttachRawTracepoint(probe.Function);
            case ProbeKind.Fentry or ProbeKind.Fexit:
                return program.AttachTracing();
            case ProbeKind.Kprobe or ProbeKind.Kretprobe:
                return program.AttachKprobe(probe.Function, new ProbeOptions { IsReturn = probe.Kind == ProbeKind.Kretprobe, Offset = probe.Number, Cookie = place });
            case ProbeKind.Uprobe or ProbeKind.Uretprobe:
                return Uprobe(probe, program, pid, place);
            case ProbeKind.Usdt:
                return Usdt(probe, program, pid);
            case ProbeKind.Profile:
                return OnTasks(program, Clock(probe), pid, probe.Name);
            case ProbeKind.Software or ProbeKind.Hardware:
                return OnTasks(program, Event(probe) with { Period = probe.Number }, pid, probe.Name);
            case ProbeKind.Watchpoint:
                uint access = (probe.Target.Contains('r') ? 1u : 0) | (probe.Target.Contains('w') ? 2u : 0) | (probe.Target.Contains('x') ? 4u : 0);
                return OnTasks(program, PerfEventSpec.Watchpoint(probe.Number, (ulong)probe.Length, access), pid, probe.Name);
            default:
                throw new BpfException("attach", (int)ErrorNumber.EINVAL, $"{probe.Name} cannot be attached yet");
        }
    }

    /// <summary>
    /// Opens the events of a clock on all processors before its program is there: it ticks from now on, and the first sample need not wait a whole period from when the program is attached.
    /// </summary>
    /// <returns>The events; none where the kernel refuses, which is told when it is attached.</returns>
    public static List<FileHandle> OpenClock(PlanProbe probe)
    {
        var opened = new List<FileHandle>();
        PerfEvent.Attributes attributes = Clock(probe).ToAttributes();
        try
        {
            foreach (int processor in Processors.Online)
                opened.Add(PerfAttachment.Open(ref attributes, PerfEvent.AnyProcess, processor, probe.Name, _ => null));
        }
        catch (BpfException)
        {
            opened.ForEach(handle => handle.Dispose());
            opened.Clear();
        }
        return opened;
    }

    /// <summary>Attaches the program of a clock whose events are open.</summary>
    public static Link AttachClock(PlanProbe probe, Program program, List<FileHandle> opened) =>
        PerfAttachment.All([.. Enumerable.Range(0, opened.Count)], probe.Name, i => PerfAttachment.Attach(program, opened[i], 0, probe.Name));

    private static PerfEventSpec Clock(PlanProbe probe) => probe.Target == "hz" ? PerfEventSpec.Sampling(probe.Number) : PerfEventSpec.Sampling(Period(probe));

    // An event of a process is one of each of its threads.
    private static Link OnTasks(Program program, PerfEventSpec spec, int pid, string name)
    {
        if (pid <= 0)
            return program.AttachPerfEvent(spec);
        var links = new List<Link>();
        try
        {
            foreach (string folder in Directory.EnumerateDirectories(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"/proc/{pid}/task")))
                if (int.TryParse(Path.GetFileName(folder), out int task))
                    links.Add(program.AttachPerfEvent(spec, task));
        }
        catch (Exception e) when (e is BpfException or IOException)
        {
            foreach (Link link in links)
                link.Dispose();
            throw e is BpfException ? e : new BpfException("attach", (int)ErrorNumber.ESRCH, $"no process {pid}");
        }
        return links.Count == 1 ? links[0] : new LinkGroup(links, name);
    }

    /// <summary>Attaches a program to all of its functions: one link for those of the kernel, one for each file.</summary>
    /// <exception cref="BpfException">The kernel refuses.</exception>
    public static List<Link> AttachMany(IReadOnlyList<PlanProbe> probes, Program program, int pid)
    {
        bool isReturn = probes[0].Kind is ProbeKind.Kretprobe or ProbeKind.Uretprobe;
        IEnumerable<(PlanProbe Probe, ulong Cookie)> numbered = probes.Select((probe, i) => (probe, (ulong)i));
        if (probes[0].Kind is ProbeKind.Kprobe or ProbeKind.Kretprobe)
            return [program.AttachKprobeMulti([.. probes.Select(probe => probe.Function)], new MultiProbeOptions { IsReturn = isReturn, Cookies = [.. numbered.Select(each => each.Cookie)] })];
        var links = new List<Link>();
        try
        {
            foreach (var file in numbered.Select(each => (Place: UprobeTarget.Find(each.Probe.Target, each.Probe.Function), each.Cookie)).GroupBy(each => each.Place.Path))
                links.Add(program.AttachUprobeMulti(file.Key, [.. file.Select(each => each.Place.FileOffset)], new MultiProbeOptions { IsReturn = isReturn, Cookies = [.. file.Select(each => each.Cookie)], Pid = pid }));
        }
        catch
        {
            foreach (Link link in links)
                link.Dispose();
            throw;
        }
        return links;
    }

    private static Link Uprobe(PlanProbe probe, Program program, int pid, ulong cookie)
    {
        UprobeTarget target = UprobeTarget.Find(probe.Target, probe.Function.Length == 0 ? $"0x{probe.Number:x}" : probe.Function);
        ulong offset = probe.Function.Length == 0 ? 0 : probe.Number;
        return program.AttachUprobe(target.Path, target.FileOffset, new ProbeOptions { IsReturn = probe.Kind == ProbeKind.Uretprobe, Offset = offset, Cookie = cookie, Pid = pid > 0 ? pid : -1 });
    }

    // A probe may stand at several places of a file.
    private static Link Usdt(PlanProbe probe, Program program, int pid)
    {
        string[] name = probe.Function.Split(':', 2);
        var links = new List<Link>();
        try
        {
            foreach ((UprobeTarget target, _) in UprobeTarget.FindUsdt(probe.Target, name.Length > 1 ? name[0] : null, name[^1]))
                links.Add(program.AttachUprobe(target.Path, target.FileOffset, new ProbeOptions { Cookie = (ulong)links.Count + 1, SemaphoreOffset = (uint)target.SemaphoreOffset, Pid = pid > 0 ? pid : -1 }));
        }
        catch
        {
            foreach (Link link in links)
                link.Dispose();
            throw;
        }
        return links.Count == 1 ? links[0] : new LinkGroup(links, probe.Name);
    }

    /// <summary>How often a clock ticks.</summary>
    public static TimeSpan Period(PlanProbe probe) => probe.Target switch
    {
        "s" => TimeSpan.FromSeconds(probe.Number),
        "ms" => TimeSpan.FromMilliseconds(probe.Number),
        "us" => TimeSpan.FromMicroseconds(probe.Number),
        "hz" => TimeSpan.FromSeconds(1.0 / probe.Number),
        _ => TimeSpan.FromTicks((long)Math.Max(1, probe.Number / 100)),
    };

    // Numbers of linux/perf_event.h.
    private static PerfEventSpec Event(PlanProbe probe) => probe.Function switch
    {
        "cpu-clock" or "cpu" => PerfEventSpec.Software(0, probe.Function),
        "task-clock" => PerfEventSpec.Software(1, probe.Function),
        "page-faults" or "faults" => PerfEventSpec.Software(2, probe.Function),
        "context-switches" or "cs" => PerfEventSpec.Software(3, probe.Function),
        "cpu-migrations" => PerfEventSpec.Software(4, probe.Function),
        "minor-faults" => PerfEventSpec.Software(5, probe.Function),
        "major-faults" => PerfEventSpec.Software(6, probe.Function),
        "alignment-faults" => PerfEventSpec.Software(7, probe.Function),
        "emulation-faults" => PerfEventSpec.Software(8, probe.Function),
        "dummy" => PerfEventSpec.Software(9, probe.Function),
        "bpf-output" => PerfEventSpec.Software(10, probe.Function),
        "cpu-cycles" or "cycles" => PerfEventSpec.Hardware(0, probe.Function),
        "instructions" => PerfEventSpec.Hardware(1, probe.Function),
        "cache-references" => PerfEventSpec.Hardware(2, probe.Function),
        "cache-misses" => PerfEventSpec.Hardware(3, probe.Function),
        "branch-instructions" or "branches" => PerfEventSpec.Hardware(4, probe.Function),
        "branch-misses" => PerfEventSpec.Hardware(5, probe.Function),
        "bus-cycles" => PerfEventSpec.Hardware(6, probe.Function),
        "frontend-stalls" => PerfEventSpec.Hardware(7, probe.Function),
        "backend-stalls" => PerfEventSpec.Hardware(8, probe.Function),
        _ => PerfEventSpec.Hardware(9, probe.Function),
    };
}
