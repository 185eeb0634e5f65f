using Hachi.Uapi;

namespace Hachi.Linux.Kernel;

/// <summary>What a program type, map type or place needs: the first Linux that has it, a line of its configuration, capabilities.</summary>
/// <param name="Since">The first version.</param>
/// <param name="Config">The line of the configuration that it stands or falls with, beside CONFIG_BPF_SYSCALL; null for none.</param>
/// <param name="Capability">What it needs beside CAP_BPF; null for nothing.</param>
public readonly record struct KernelNeed(Version Since, string? Config = null, Capability? Capability = null);

/// <summary>What the kernel asks of a process beside CAP_BPF (kernel/bpf/syscall.c), beside since when it has what (<see cref="KernelFeatures"/>).</summary>
public static class KernelNeeds
{
    // The last helper id of each version, in order: ids are given out in the order of time.
    private static readonly (int LastId, int Major, int Minor)[] s_helpers =
    [
        (3, 3, 19), (11, 4, 1), (16, 4, 2), (22, 4, 3), (25, 4, 4), (26, 4, 5), (30, 4, 6), (36, 4, 8), (41, 4, 9), (44, 4, 10), (45, 4, 11), (47, 4, 12), (50, 4, 13), (53, 4, 14), (57, 4, 15),
        (59, 4, 16), (64, 4, 17), (80, 4, 18), (83, 4, 19), (90, 4, 20), (92, 5, 0), (98, 5, 1), (108, 5, 2), (110, 5, 3), (116, 5, 5), (119, 5, 6), (120, 5, 7), (121, 5, 6), (124, 5, 7),
        (135, 5, 8), (141, 5, 9), (155, 5, 10), (162, 5, 11), (163, 5, 12), (165, 5, 13), (168, 5, 14), (175, 5, 15), (179, 5, 16), (185, 5, 17), (193, 5, 18), (203, 5, 19), (207, 6, 0),
        (209, 6, 1), (211, 6, 2),
    ];

    /// <summary>What programs of a kind need; null for one that is not in the table.</summary>
    public static KernelNeed? Of(ProgramType type) => Need(KernelFeatures.Of(type), type switch
    {
        ProgramType.Kprobe or ProgramType.Tracepoint or ProgramType.PerfEvent or ProgramType.RawTracepoint or ProgramType.RawTracepointWritable or ProgramType.Tracing or ProgramType.StructOps
            or ProgramType.Ext or ProgramType.Lsm => Capability.Perfmon,
        ProgramType.SocketFilter or ProgramType.CgroupSkb or ProgramType.LircMode2 or ProgramType.SkReuseport or ProgramType.SkLookup or ProgramType.Syscall => null,
        _ => Capability.NetAdmin,
    });

    /// <summary>What maps of a kind need; null for one that is not in the table.</summary>
    public static KernelNeed? Of(MapType type) => Need(KernelFeatures.Of(type), type switch
    {
        MapType.Devmap or MapType.DevmapHash or MapType.Sockmap or MapType.Sockhash or MapType.Xskmap => Capability.NetAdmin,
        _ => null,
    });

    /// <summary>The first version with a helper; null for an id beyond the table.</summary>
    public static Version? Of(Helper helper)
    {
        foreach ((int lastId, int major, int minor) in s_helpers)
            if ((int)helper <= lastId)
                return new Version(major, minor);
        return null;
    }

    /// <summary>The first version with the CAP_BPF and CAP_PERFMON capabilities; before, CAP_SYS_ADMIN is asked for.</summary>
    public static Version Capabilities { get; } = new(5, 8);

    /// <summary>From this version on the memory of maps and programs is charged to the memory cgroup; before, to the limit of locked memory.</summary>
    public static Version NoMemlock { get; } = new(5, 11);

    /// <summary>What something that kernels can have needs, with a capability beside CAP_BPF.</summary>
    public static KernelNeed? Need(KernelFeature? feature, Capability? capability) => feature is null ? null : new KernelNeed(feature.Since, feature.Option, capability);
}
