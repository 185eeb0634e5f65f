using System.Globalization;

namespace Hachi.Linux.Kernel;

/// <summary>
/// What this kernel and this process are, as far as BPF cares: read from /proc and /sys, without asking bpf(2). Made once and cheaply (<see cref="Current"/>); a test makes one of its own.
/// Values that cannot be read are null.
/// </summary>
public sealed record KernelState
{
    private static readonly Lazy<KernelState> s_current = new(() => Read(ReadFile));

    /// <summary>This process, now: read when it is first asked for.</summary>
    public static KernelState Current => s_current.Value;

    /// <summary>The kernel's name for itself, <c>6.18.44-amd64</c>.</summary>
    public string Release { get; init; } = "";

    /// <summary>Its version: major, minor, build; 0.0 when it cannot be read.</summary>
    public Version Version { get; init; } = new(0, 0);

    /// <summary>The effective capabilities, a bit each.</summary>
    public ulong Capabilities { get; init; }

    /// <summary>The effective user.</summary>
    public int UserId { get; init; }

    /// <summary>Whether this is the machine's own user namespace: only there do capabilities count for bpf(2).</summary>
    public bool IsInitialUserNamespace { get; init; } = true;

    /// <summary>kernel.unprivileged_bpf_disabled: 0 allowed to everybody, 1 forbidden until reboot, 2 forbidden.</summary>
    public int? UnprivilegedBpfDisabled { get; init; }

    /// <summary>net.core.bpf_jit_enable: 0 the kernel interprets, 1 and 2 it compiles.</summary>
    public int? JitEnable { get; init; }

    /// <summary>kernel.perf_event_paranoid.</summary>
    public int? PerfEventParanoid { get; init; }

    /// <summary>kernel.kptr_restrict.</summary>
    public int? KptrRestrict { get; init; }

    /// <summary>The lockdown of the kernel: none, integrity, confidentiality.</summary>
    public string? Lockdown { get; init; }

    /// <summary>The security modules that are active, with commas: <c>lockdown,capability,bpf</c>.</summary>
    public string? SecurityModules { get; init; }

    /// <summary>The soft limit of locked memory in bytes; null for none.</summary>
    public long? MemlockBytes { get; init; }

    /// <summary>The mode of seccomp of this process: 0 none, 1 strict, 2 a filter.</summary>
    public int SeccompMode { get; init; }

    /// <summary>What says that this process runs in a container; null for nothing.</summary>
    public string? Container { get; init; }

    /// <summary>Whether /sys/kernel/btf/vmlinux is there.</summary>
    public bool HasBtf { get; init; }

    /// <summary>The file systems that are mounted, by kind (<c>bpf</c>, <c>tracefs</c>, <c>cgroup2</c>, ...), with a place of each.</summary>
    public IReadOnlyDictionary<string, string> Mounts { get; init; } = new Dictionary<string, string>();

    /// <summary>The kernel's configuration; null for that of the running kernel, if it can be read.</summary>
    public KernelConfig? Config { get; init; }

    /// <summary>Whether this process has a capability; CAP_SYS_ADMIN contains CAP_BPF, CAP_PERFMON and, for bpf(2), CAP_NET_ADMIN.</summary>
    public bool Has(Capability capability) => IsSet(capability) || (capability is Capability.Bpf or Capability.Perfmon or Capability.NetAdmin && IsSet(Capability.SysAdmin));

    /// <summary>Whether a line of the kernel's configuration is set (y or m); null when the configuration cannot be read.</summary>
    /// <param name="name">With its CONFIG_.</param>
    public bool? IsConfigured(string name) => (Config ?? KernelConfig.Running)?.Has(name);

    /// <summary>Reads it through a given view of files, of which only those that exist give a text.</summary>
    internal static KernelState Read(Func<string, string?> file)
    {
        string release = file("/proc/sys/kernel/osrelease")?.Trim() ?? "";
        Dictionary<string, string> status = Fields(file("/proc/self/status") ?? "");
        return new KernelState
        {
            Release = release,
            Version = KernelRelease.Parse(release),
            Capabilities = ulong.TryParse(status.GetValueOrDefault("CapEff"), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong capabilities) ? capabilities : 0,
            UserId = status.GetValueOrDefault("Uid") is { } uid && int.TryParse(uid.Split('\t', StringSplitOptions.RemoveEmptyEntries).ElementAtOrDefault(1), out int id) ? id : 0,
            SeccompMode = Number(status.GetValueOrDefault("Seccomp")) ?? 0,
            IsInitialUserNamespace = file("/proc/self/uid_map") is not { } map || map.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries) is ["0", "0", "4294967295"],
            UnprivilegedBpfDisabled = Number(file("/proc/sys/kernel/unprivileged_bpf_disabled")),
            JitEnable = Number(file("/proc/sys/net/core/bpf_jit_enable")),
            PerfEventParanoid = Number(file("/proc/sys/kernel/perf_event_paranoid")),
            KptrRestrict = Number(file("/proc/sys/kernel/kptr_restrict")),
            Lockdown = ParseLockdown(file("/sys/kernel/security/lockdown")),
            SecurityModules = file("/sys/kernel/security/lsm")?.Trim(),
            MemlockBytes = ParseMemlock(file("/proc/self/limits")),
            Container = FindContainer(file),
            HasBtf = File.Exists("/sys/kernel/btf/vmlinux"),
            Mounts = ParseMounts(file("/proc/self/mounts") ?? ""),
        };
    }

    private bool IsSet(Capability capability) => (Capabilities >> (int)capability & 1) != 0;

    // "none [integrity] confidentiality"
    private static string? ParseLockdown(string? text)
    {
        int open = text?.IndexOf('[') ?? -1, close = text?.IndexOf(']') ?? -1;
        return open >= 0 && close > open ? text![(open + 1)..close] : null;
    }

    private static long? ParseMemlock(string? limits)
    {
        const string Name = "Max locked memory";
        foreach (string line in (limits ?? "").Split('\n'))
            if (line.StartsWith(Name, StringComparison.Ordinal))
                return long.TryParse(line[Name.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault(), NumberStyles.None, CultureInfo.InvariantCulture, out long bytes) ? bytes : null;
        return null;
    }

    private static string? FindContainer(Func<string, string?> file)
    {
        if (File.Exists("/run/.containerenv"))
            return "podman (/run/.containerenv)";
        if (File.Exists("/.dockerenv"))
            return "docker (/.dockerenv)";
        if (Environment.GetEnvironmentVariable("container") is { Length: > 0 } named)
            return $"{named} ($container)";
        string groups = file("/proc/1/cgroup") ?? "";
        return groups.Contains("kubepods", StringComparison.Ordinal) ? "kubernetes (/proc/1/cgroup)" : groups.Contains("/lxc/", StringComparison.Ordinal) ? "lxc (/proc/1/cgroup)" : null;
    }

    private static Dictionary<string, string> Fields(string text)
    {
        var fields = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string line in text.Split('\n'))
            if (line.IndexOf(':') is > 0 and var colon)
                fields[line[..colon]] = line[(colon + 1)..].Trim();
        return fields;
    }

    private static Dictionary<string, string> ParseMounts(string text)
    {
        var mounts = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string line in text.Split('\n'))
            if (line.Split(' ') is [_, var place, var kind, ..])
                mounts.TryAdd(kind, place);
        return mounts;
    }

    private static int? Number(string? text) => int.TryParse(text?.Trim(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number) ? number : null;

    private static string? ReadFile(string path)
    {
        try
        {
            return File.Exists(path) ? File.ReadAllText(path) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
