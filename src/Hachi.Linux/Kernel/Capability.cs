namespace Hachi.Linux.Kernel;

/// <summary>The capabilities that BPF asks for (linux/capability.h, capabilities(7)).</summary>
public enum Capability
{
    /// <summary>CAP_NET_ADMIN: programs for the network, attaching them, interfaces.</summary>
    NetAdmin = 12,

    /// <summary>CAP_NET_RAW: packet sockets, that is capturing.</summary>
    NetRaw = 13,

    /// <summary>CAP_SYS_PTRACE: looking into other people's processes.</summary>
    SysPtrace = 19,

    /// <summary>CAP_SYS_ADMIN: contains Bpf and Perfmon, and is what kernels before 5.8 ask for in their place.</summary>
    SysAdmin = 21,

    /// <summary>CAP_SYS_RESOURCE: raising limits, such as that of locked memory.</summary>
    SysResource = 24,

    /// <summary>CAP_SYSLOG: the kernel's addresses.</summary>
    Syslog = 34,

    /// <summary>CAP_PERFMON: tracing, reading kernel memory (from 5.8 on).</summary>
    Perfmon = 38,

    /// <summary>CAP_BPF: maps and programs (from 5.8 on).</summary>
    Bpf = 39,
}

/// <summary>Their names.</summary>
public static class CapabilityNames
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<Capability> All { get; } =
        [Capability.Bpf, Capability.Perfmon, Capability.NetAdmin, Capability.NetRaw, Capability.SysAdmin, Capability.SysPtrace, Capability.SysResource, Capability.Syslog];

    /// <summary>The kernel's name, <c>CAP_NET_ADMIN</c>.</summary>
    public static string KernelName(this Capability capability) => capability switch
    {
        Capability.NetAdmin => "CAP_NET_ADMIN",
        Capability.NetRaw => "CAP_NET_RAW",
        Capability.SysPtrace => "CAP_SYS_PTRACE",
        Capability.SysAdmin => "CAP_SYS_ADMIN",
        Capability.SysResource => "CAP_SYS_RESOURCE",
        Capability.Syslog => "CAP_SYSLOG",
        Capability.Perfmon => "CAP_PERFMON",
        Capability.Bpf => "CAP_BPF",
        _ => $"capability {(int)capability}",
    };
}
