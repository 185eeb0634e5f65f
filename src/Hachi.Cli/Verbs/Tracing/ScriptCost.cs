using System.Globalization;
using Hachi.Isa;
using Hachi.Linux.Load;
using Hachi.Linux.Run;
using Hachi.Object;
using Hachi.Object.Plan;
using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Cli.Verbs.Tracing;

/// <summary>What a script would do and cost, said before it does it: <c>--explain</c> and, in figures only, <c>--dry-run</c>. Programs are loaded; nothing is attached.</summary>
internal static class ScriptCost
{
    private const double NanosecondsPerInsn = 0.4, WarnShare = 0.05;
    private const int HotProbes = 1000, ShownProbes = 8;

    // What getting to the program costs, in nanoseconds, measured on one machine of 2026: the order of magnitude is what matters. A uprobe on an instruction that
    // must be single-stepped costs 10 us.
    private static readonly Dictionary<ProbeKind, (double Nanoseconds, string What)> s_kinds = new()
    {
        [ProbeKind.Begin] = (0, "once, before anything is attached"),
        [ProbeKind.End] = (0, "once, when tracing ends"),
        [ProbeKind.Signal] = (0, "when hachi itself gets the signal"),
        [ProbeKind.Test] = (0, "once"),
        [ProbeKind.Bench] = (0, "many times over, to be measured"),
        [ProbeKind.Kprobe] = (120, "the entry of a kernel function, in whatever thread or interrupt calls it"),
        [ProbeKind.Kretprobe] = (250, "the return of a kernel function"),
        [ProbeKind.Uprobe] = (600, "the entry of a function of a program: a trap into the kernel each time"),
        [ProbeKind.Uretprobe] = (1200, "the return of a function of a program: two traps into the kernel each time"),
        [ProbeKind.Usdt] = (600, "a probe that a program declares itself: a trap into the kernel each time"),
        [ProbeKind.Tracepoint] = (100, "a fixed place in the kernel, with a record of its arguments"),
        [ProbeKind.RawTracepoint] = (40, "a fixed place in the kernel, its arguments as they are"),
        [ProbeKind.Fentry] = (25, "the entry of a kernel function, reached without a trap"),
        [ProbeKind.Fexit] = (40, "the return of a kernel function, reached without a trap"),
        [ProbeKind.Profile] = (400, "a clock on every processor"),
        [ProbeKind.Interval] = (0, "a clock, run by hachi itself"),
        [ProbeKind.Software] = (200, "an event that the kernel counts, every so often"),
        [ProbeKind.Hardware] = (400, "an event that the processor counts, every so often"),
        [ProbeKind.Watchpoint] = (800, "access to an address: the processor traps"),
        [ProbeKind.Iterator] = (0, "once for every object of the kernel of this kind"),
    };

    /// <summary>Says it all, probe by probe.</summary>
    public static void Explain(TraceRun run, BpfObject made, int pid, int processors, Shell shell)
    {
        ProbeRates rates = ProbeRates.Measure();
        TextWriter output = shell.Out;
        for (int i = 0; i < made.Programs.Length; i++)
        {
            PlanProbe[] probes = [.. made.Plan!.Probes.Where(probe => probe.Program == i)];
            if (probes.Length == 0)
                continue;
            output.WriteLine(string.Join(", ", probes.Take(ShownProbes).Select(probe => Escaper.Escape(probe.Name))) + (probes.Length > ShownProbes ? $", and {probes.Length - ShownProbes} more" : ""));
            output.WriteLine($"    what     {s_kinds[probes[0].Kind].What}");
            double? rate = probes.Any(probe => rates.Of(probe, processors) is not null) ? probes.Sum(probe => rates.Of(probe, processors) ?? 0) : null;
            double each = EventNanoseconds(made.Programs[i], probes[0].Kind, made);
            output.WriteLine($"    fires    {HowOften(probes[0], rate, pid)}");
            output.WriteLine($"    code     {Code(run, made.Programs[i])}");
            if (s_kinds[probes[0].Kind].Nanoseconds > 0)
                output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"    cost     about {each:F0} ns an event{(rate is > 0 ? $": {rate.Value * each / 1e7:F2} % of a processor at that rate" : "")}"));
            foreach (string warning in Warnings(probes, rate, each, pid))
                output.WriteLine($"    warning  {warning}");
        }
        Maps(run, made, output);
        output.WriteLine("Nothing was attached.");
    }

    /// <summary>The figures alone, a line a program.</summary>
    public static void Count(TraceRun run, BpfObject made, Shell shell)
    {
        for (int i = 0; i < made.Programs.Length; i++)
        {
            PlanProbe[] probes = [.. made.Plan!.Probes.Where(probe => probe.Program == i)];
            if (probes.Length > 0)
                shell.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Code(run, made.Programs[i])}; about {EventNanoseconds(made.Programs[i], probes[0].Kind, made):F0} ns an event; {probes.Length} x {Escaper.Escape(probes[0].Name)}"));
        }
        shell.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{made.Programs.Length} programs, {made.Plan!.Probes.Length} probes: loaded, not attached"));
    }

    private static string HowOften(PlanProbe probe, double? rate, int pid)
    {
        string whose = pid > 0 ? string.Create(CultureInfo.InvariantCulture, $"; the program ends at once but for process {pid}") : "";
        return rate is { } known ? string.Create(CultureInfo.InvariantCulture, $"{known:F0} times a second on this machine now{whose}") : s_kinds[probe.Kind].Nanoseconds == 0 ? "not by others' doing" : $"as often as it is reached{whose}";
    }

    private static string Code(TraceRun run, ProgramSpec spec)
    {
        Linux.Load.Program program = run.Loaded.Program(spec.Name);
        return string.Create(CultureInfo.InvariantCulture, $"{spec.Insns.Length} instructions, {program.TranslatedBytes / Insn.SizeBytes} as the kernel has rewritten them, {program.VerifiedInsns} looked at by its verifier, {program.JitedBytes} bytes of machine code");
    }

    private static IEnumerable<string> Warnings(PlanProbe[] probes, double? rate, double each, int pid)
    {
        if (rate * each / 1e9 > WarnShare)
            yield return "this alone would take more than a twentieth of a processor";
        if (probes.FirstOrDefault(ProbeRates.IsHot) is { } hot)
            yield return $"{Escaper.Escape(hot.Name)} is hit all the time by everybody{(pid > 0 ? "" : ": -p PID, or a predicate, keeps most of it out early")}";
        if (probes.Length > HotProbes)
            yield return $"{probes.Length} probes take time to attach and to detach";
    }

    private static double EventNanoseconds(ProgramSpec program, ProbeKind kind, BpfObject made)
    {
        double helpers = 0;
        for (int i = 0; i < program.Insns.Length; i++)
            if (program.Insns[i] is { Opcode: 0x85, Src: 0 } call)
                helpers += Nanoseconds((Helper)call.Imm);
        bool hashes = made.Maps.Any(map => map.Type is MapType.Hash or MapType.PercpuHash or MapType.LruHash or MapType.LruPercpuHash);
        return s_kinds[kind].Nanoseconds + (program.Insns.Length * NanosecondsPerInsn) + helpers + (hashes ? 20 : 0);
    }

    private static double Nanoseconds(Helper helper) => helper switch
    {
        Helper.GetStackid => 500,
        Helper.RingbufReserve or Helper.RingbufOutput => 60,
        Helper.RingbufSubmit => 40,
        Helper.MapUpdateElem or Helper.MapDeleteElem => 40,
        Helper.ProbeReadUserStr or Helper.ProbeReadKernelStr or Helper.ProbeReadUser or Helper.ProbeReadKernel => 25,
        Helper.KtimeGetNs => 15,
        _ => 5,
    };

    private static void Maps(TraceRun run, BpfObject made, TextWriter output)
    {
        output.WriteLine("memory");
        long all = 0;
        for (int i = 0; i < made.Maps.Length; i++)
        {
            Map map = run.Loaded.Maps[i];
            long bytes = map.Type == MapType.Ringbuf ? map.MaxEntries : (long)map.MaxEntries * (map.KeySize + map.ValueBytes);
            all += bytes;
            string name = made.Plan!.Maps.FirstOrDefault(plan => plan.Map == i)?.Name ?? map.Type switch { MapType.Ringbuf => "records", MapType.StackTrace => "stacks", _ => "its own" };
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"    {Escaper.Escape(name),-12} {map.Type.Name()}, {(map.Type == MapType.Ringbuf ? "" : $"{map.MaxEntries} entries, ")}{(bytes + 1023) / 1024} KiB at most"));
        }
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"    {(all + 1023) / 1024} KiB in all"));
    }
}
