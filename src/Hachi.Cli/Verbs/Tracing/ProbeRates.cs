using System.Globalization;
using Hachi.Object.Plan;

namespace Hachi.Cli.Verbs.Tracing;

/// <summary>How often probes may fire on this machine now, as far as it counts that anyhow (/proc/stat, /proc/vmstat): two looks, nothing attached.</summary>
internal sealed class ProbeRates
{
    private const int LookMilliseconds = 200;

    // Functions and events that much goes through: what they are good for is seldom worth their price, and never without a filter.
    private static readonly string[] s_hotEvents =
    [
        "sched:sched_switch", "sched:sched_wakeup", "sched:sched_waking", "sched:sched_stat_runtime", "raw_syscalls:sys_enter", "raw_syscalls:sys_exit", "kmem:kmalloc", "kmem:kfree", "kmem:kmem_cache_alloc",
        "kmem:kmem_cache_free", "kmem:mm_page_alloc", "kmem:mm_page_free", "lock:lock_acquire", "lock:lock_release", "timer:hrtimer_start", "timer:hrtimer_cancel", "timer:timer_start", "irq:softirq_entry",
        "irq:softirq_exit", "irq:softirq_raise", "rcu:rcu_utilization", "net:netif_receive_skb", "net:net_dev_xmit", "exceptions:page_fault_user", "syscalls:sys_enter_futex", "syscalls:sys_enter_read",
        "syscalls:sys_enter_write", "syscalls:sys_exit_futex", "syscalls:sys_exit_read", "syscalls:sys_exit_write",
    ];

    private static readonly string[] s_hotFunctions =
    [
        "schedule", "__schedule", "finish_task_switch", "kmalloc", "kfree", "__kmalloc", "kmem_cache_alloc", "kmem_cache_free", "__alloc_pages", "_raw_spin_lock", "_raw_spin_unlock", "mutex_lock", "mutex_unlock",
        "vfs_read", "vfs_write", "fput", "fget", "__fget", "ktime_get", "try_to_wake_up", "handle_mm_fault", "do_syscall_64", "malloc", "free", "pthread_mutex_lock", "pthread_mutex_unlock", "memcpy", "strlen",
    ];

    private readonly Dictionary<string, double> _rates = [];

    private ProbeRates()
    {
    }

    /// <summary>Looks twice.</summary>
    public static ProbeRates Measure()
    {
        var rates = new ProbeRates();
        Dictionary<string, double> before = Read();
        Thread.Sleep(LookMilliseconds);
        foreach ((string name, double count) in Read())
            if (before.TryGetValue(name, out double first))
                rates._rates[name] = (count - first) * 1000 / LookMilliseconds;
        return rates;
    }

    /// <summary>Times a second; null where nobody counts.</summary>
    public double? Of(PlanProbe probe, int processors) => probe.Kind switch
    {
        ProbeKind.Profile => processors * PerSecond(probe),
        ProbeKind.Interval => PerSecond(probe),
        ProbeKind.Tracepoint or ProbeKind.RawTracepoint => Counter(probe.Function) is { } counter && _rates.TryGetValue(counter, out double rate) ? rate : null,
        ProbeKind.Software when probe.Function is "page-faults" or "faults" && _rates.TryGetValue("pgfault", out double faults) => faults / probe.Number,
        ProbeKind.Software when probe.Function is "context-switches" or "cs" && _rates.TryGetValue("ctxt", out double switches) => switches / probe.Number,
        _ => null,
    };

    /// <summary>Whether it is known for being hit all the time.</summary>
    public static bool IsHot(PlanProbe probe) => probe.Kind switch
    {
        ProbeKind.Tracepoint => s_hotEvents.Contains($"{probe.Target}:{probe.Function}"),
        ProbeKind.RawTracepoint => probe.Function is "sys_enter" or "sys_exit" || s_hotEvents.Any(known => known.EndsWith(":" + probe.Function, StringComparison.Ordinal)),
        ProbeKind.Kprobe or ProbeKind.Kretprobe or ProbeKind.Fentry or ProbeKind.Fexit or ProbeKind.Uprobe or ProbeKind.Uretprobe => s_hotFunctions.Contains(probe.Function),
        ProbeKind.Profile => PerSecond(probe) > 1000,
        _ => false,
    };

    private static double PerSecond(PlanProbe probe) => probe.Target switch
    {
        "hz" => probe.Number,
        "s" => 1.0 / probe.Number,
        "ms" => 1e3 / probe.Number,
        "us" => 1e6 / probe.Number,
        _ => 1e9 / probe.Number,
    };

    private static string? Counter(string tracepoint) => tracepoint switch
    {
        "sched_switch" => "ctxt",
        "irq_handler_entry" or "irq_handler_exit" => "intr",
        "softirq_entry" or "softirq_exit" => "softirq",
        "sched_process_fork" => "processes",
        "page_fault_user" => "pgfault",
        "mm_page_alloc" => "pgalloc_normal",
        "mm_page_free" => "pgfree",
        _ => null,
    };

    private static Dictionary<string, double> Read()
    {
        var counts = new Dictionary<string, double>();
        foreach (string file in (string[])["/proc/stat", "/proc/vmstat"])
            try
            {
                foreach (string line in File.ReadLines(file))
                    if (line.Split(' ', 3) is [var name, var count, ..] && double.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out double value))
                        counts[name] = value;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Then nothing is said of how often.
            }
        return counts;
    }
}
