using System.Globalization;
using System.Text;
using Hachi.Linux.Kernel;
using Hachi.Object.Plan;

namespace Hachi.Cli.Verbs.Tracing;

/// <summary>What this process lacks for tracing, and what to do about it.</summary>
internal static class TracingRights
{
    /// <summary>A line for each right that is missing, and the command to try; null when none is.</summary>
    /// <param name="kinds">The probes of the script; none when it could not be compiled.</param>
    public static string? Missing(IReadOnlyCollection<ProbeKind> kinds)
    {
        KernelState state = KernelState.Current;
        var text = new StringBuilder();
        var needed = new List<string>();
        if (!state.Has(Capability.Bpf))
            Line("cap_bpf", "loading programs and maps", state.UnprivilegedBpfDisabled is { } disabled ? string.Create(CultureInfo.InvariantCulture, $" (kernel.unprivileged_bpf_disabled is {disabled})") : "");
        // Programs of begin, end and intervals are run by the tracer; the kernel asks the same for them.
        if (!state.Has(Capability.Perfmon))
            Line("cap_perfmon", "probes, samples and reading memory", state.PerfEventParanoid is { } paranoid ? string.Create(CultureInfo.InvariantCulture, $" (kernel.perf_event_paranoid is {paranoid})") : "");
        if (TraceFs.Root is null && (kinds.Count == 0 || kinds.Any(kind => kind is ProbeKind.Tracepoint or ProbeKind.Kprobe or ProbeKind.Kretprobe)))
            Line("cap_dac_read_search", "tracepoints and their fields stand in /sys/kernel/tracing, which only root may read", "");
        if (needed.Count == 0)
            return null;
        return text.Append(CultureInfo.InvariantCulture, $"try: sudo hachi trace …, or once: sudo setcap {string.Join(',', needed)}=ep {Environment.ProcessPath ?? "hachi"}").ToString();

        void Line(string capability, string reason, string setting)
        {
            needed.Add(capability);
            text.Append(CultureInfo.InvariantCulture, $"missing: {capability.ToUpperInvariant(),-20} {reason}{setting}\n");
        }
    }
}
