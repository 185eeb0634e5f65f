using System.Globalization;
using Hachi.Linux.Sys;
using Hachi.Uapi;

namespace Hachi.Linux.Kernel.Report;

/// <summary>The machine and the process, each with what it means for BPF.</summary>
internal static class MachineFacts
{
    private const int BadDescriptor = -1;

    public static IEnumerable<Feature> All(KernelState state)
    {
        yield return Syscall(state);
        yield return Unprivileged(state);
        foreach (Capability capability in CapabilityNames.All)
            yield return Has(capability, state);
        yield return new Feature(FeatureKind.Machine, "user namespace", state.IsInitialUserNamespace ? Availability.Yes : Availability.No,
            state.IsInitialUserNamespace ? "the machine's own" : "one of its own: capabilities in it do not count for bpf(2)",
            state.IsInitialUserNamespace ? null : Reasons.Permission(new ReasonContext(), state));
        yield return Seccomp(state);
        yield return Lockdown(state);
        yield return Jit(state);
        yield return state.HasBtf
            ? Yes("BTF", $"/sys/kernel/btf/vmlinux, {new FileInfo("/sys/kernel/btf/vmlinux").Length >> 10} KiB")
            : No("BTF", "/sys/kernel/btf/vmlinux is not there", Built(state, "CONFIG_DEBUG_INFO_BTF"), "a kernel with it, or a BTF file of this kernel");
        yield return Memlock(state);
        yield return Mounted(state, "bpf", "bpffs", "pinning", "mount -t bpf bpf /sys/fs/bpf");
        yield return Mounted(state, "cgroup2", "cgroup2", "programs on cgroups", "mount -t cgroup2 none /sys/fs/cgroup/unified");
        yield return Tracing(state);
        yield return Paranoid(state);
        if (state.KptrRestrict is { } restrict)
            yield return restrict < 2 && state.Has(Capability.Syslog) ? Yes("kernel addresses", $"kernel.kptr_restrict is {restrict}") : new Feature(FeatureKind.Machine, "kernel addresses", Availability.Denied, null,
                new LikelyReason($"kernel.kptr_restrict is {restrict}, and CAP_SYSLOG {(state.Has(Capability.Syslog) ? "is there" : "is missing")}", "as root: sysctl kernel.kptr_restrict=1"));
        if (state.Container is { } container)
            yield return Yes("container", container);
    }

    private static Feature Yes(string name, string? note = null) => new(FeatureKind.Machine, name, Availability.Yes, note);

    private static Feature No(string name, string? note, string reason, string? remedy) => new(FeatureKind.Machine, name, Availability.No, note, new LikelyReason(reason, remedy));

    // A look-up in a map that there is not: needs no right, so EPERM and ENOSYS are a filter's.
    private static Feature Syscall(KernelState state)
    {
        var attributes = new BpfAttributes { Element = { MapFd = unchecked((uint)BadDescriptor) } };
        int errno = -BpfSystem.Call(BpfCommand.MapLookupElem, ref attributes, 32);
        return errno switch
        {
            (int)ErrorNumber.EBADF => Yes("bpf(2)"),
            (int)ErrorNumber.EPERM when state.SeccompMode != 2 => Yes("bpf(2)", "for the privileged only"),
            _ => new Feature(FeatureKind.Machine, "bpf(2)", errno == (int)ErrorNumber.EPERM ? Availability.Denied : Availability.No, null,
                Reasons.Of(BpfCommand.MapLookupElem, errno == (int)ErrorNumber.EPERM ? (int)ErrorNumber.ENOSYS : errno, new ReasonContext { State = state }) ?? new LikelyReason($"it gives {Errno.Name(errno)}")),
        };
    }

    private static Feature Unprivileged(KernelState state) => state.UnprivilegedBpfDisabled switch
    {
        0 => Yes("unprivileged BPF", "socket filters and cgroup_skb for everybody"),
        null => No("unprivileged BPF", null, "kernel.unprivileged_bpf_disabled cannot be read", null),
        { } value => No("unprivileged BPF", null, $"kernel.unprivileged_bpf_disabled is {value}", value == 1 ? "fixed until the next boot; better so: give capabilities instead" : "sysctl kernel.unprivileged_bpf_disabled=0, as root; better: give capabilities instead"),
    };

    private static Feature Has(Capability capability, KernelState state)
    {
        if (state.Has(capability))
            return Yes(capability.KernelName(), state.IsInitialUserNamespace ? null : "inside the user namespace only");
        string reason = state.UserId == 0 ? "root was started without it (a container, or a service)" : $"user {state.UserId} does not have it";
        return No(capability.KernelName(), Purpose(capability), reason, state.UserId == 0 ? "start the container or service with it" : "as root (sudo), or setcap on the binary");
    }

    private static string Purpose(Capability capability) => capability switch
    {
        Capability.Bpf => "maps and programs",
        Capability.Perfmon => "tracing",
        Capability.NetAdmin => "programs for the network",
        Capability.NetRaw => "capturing packets",
        Capability.SysAdmin => "mounts, other processes' objects by number",
        Capability.SysPtrace => "other users' processes",
        Capability.SysResource => "raising limits",
        _ => "kernel addresses",
    };

    private static Feature Seccomp(KernelState state) => state.SeccompMode switch
    {
        0 => Yes("no seccomp filter"),
        2 => new Feature(FeatureKind.Machine, "no seccomp filter", Availability.No, null, new LikelyReason("this process is under a seccomp filter", "if bpf(2) works above, it lets BPF pass")),
        _ => No("no seccomp filter", null, $"seccomp mode {state.SeccompMode}", null),
    };

    private static Feature Lockdown(KernelState state) => state.Lockdown switch
    {
        "none" => Yes("no lockdown"),
        "integrity" => No("no lockdown", null, "lockdown is \"integrity\": programs may not write to user memory (bpf_probe_write_user)", "lockdown= on the kernel's command line, without secure boot"),
        "confidentiality" => No("no lockdown", null, "lockdown is \"confidentiality\": programs may not read kernel memory", "lockdown=integrity on the kernel's command line"),
        _ => Yes("no lockdown", "as far as can be seen: /sys/kernel/security/lockdown cannot be read"),
    };

    private static Feature Jit(KernelState state) => state.JitEnable switch
    {
        1 or 2 => Yes("JIT"),
        0 => No("JIT", null, "net.core.bpf_jit_enable is 0: programs are interpreted, and some kinds are refused", "sysctl net.core.bpf_jit_enable=1, as root"),
        _ => state.IsConfigured("CONFIG_BPF_JIT_ALWAYS_ON") is true || state.IsConfigured("CONFIG_BPF_JIT") is true
            ? Yes("JIT", "net.core.bpf_jit_enable cannot be read here; the kernel is built with it")
            : No("JIT", null, "net.core.bpf_jit_enable cannot be read", null),
    };

    private static Feature Memlock(KernelState state)
    {
        string limit = state.MemlockBytes is { } bytes ? string.Create(CultureInfo.InvariantCulture, $"{bytes >> 10} KiB") : "no limit";
        return state.Version >= KernelNeeds.NoMemlock || state.MemlockBytes is null
            ? Yes("locked memory", state.Version >= KernelNeeds.NoMemlock ? $"{limit}; not charged for BPF since 5.11" : limit)
            : No("locked memory", limit, "maps and programs are charged to this limit before Linux 5.11", "ulimit -l unlimited");
    }

    private static Feature Mounted(KernelState state, string kind, string name, string purpose, string remedy) => state.Mounts.TryGetValue(kind, out string? place)
        ? Yes(name, place)
        : No(name, purpose, $"no {kind} file system is mounted here", remedy + ", as root");

    private static Feature Tracing(KernelState state)
    {
        if (TraceFs.Root is { } root)
            return Yes("tracefs", root.StartsWith("/proc/", StringComparison.Ordinal) ? "not mounted; hachi mounts it for itself" : root);
        return state.Mounts.TryGetValue("tracefs", out string? place)
            ? new Feature(FeatureKind.Machine, "tracefs", Availability.Denied, place, new LikelyReason("it may be read by root only", "as root (sudo)"))
            : new Feature(FeatureKind.Machine, "tracefs", Availability.No, "records of tracepoints", new LikelyReason("it is not mounted", "mount -t tracefs tracefs /sys/kernel/tracing, as root"));
    }

    private static Feature Paranoid(KernelState state) => state.PerfEventParanoid switch
    {
        null => No("perf events", null, "kernel.perf_event_paranoid is not there: built without CONFIG_PERF_EVENTS", "a kernel with it"),
        { } value when value < 0 || state.Has(Capability.Perfmon) => Yes("perf events", string.Create(CultureInfo.InvariantCulture, $"kernel.perf_event_paranoid is {value}")),
        { } value => new Feature(FeatureKind.Machine, "perf events", Availability.Denied, null, new LikelyReason($"kernel.perf_event_paranoid is {value}, and CAP_PERFMON is missing", "as root (sudo); or sysctl kernel.perf_event_paranoid=-1")),
    };

    private static string Built(KernelState state, string config) => state.IsConfigured(config) is true ? $"hidden here, although the kernel is built with {config}" : $"this kernel is built without {config}";
}
