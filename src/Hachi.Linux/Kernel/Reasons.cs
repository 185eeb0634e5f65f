using Hachi.Uapi;

namespace Hachi.Linux.Kernel;

/// <summary>What a refused command was about, as far as the caller knows.</summary>
public sealed record ReasonContext
{
    /// <summary>The kind of program.</summary>
    public ProgramType? ProgramType { get; init; }

    /// <summary>The kind of map.</summary>
    public MapType? MapType { get; init; }

    /// <summary>The kind of place that the program is for.</summary>
    public AttachType? AttachType { get; init; }

    /// <summary>Where it was to go: a name such as <c>tcx_ingress</c>; with what it needs.</summary>
    public string? Place { get; init; }

    /// <summary>What that place, or anything else that was asked for, needs; null: what the kind of program or map needs.</summary>
    public KernelNeed? Need { get; init; }

    /// <summary>Slots of the program.</summary>
    public int? InsnCount { get; init; }

    /// <summary>Whether the verifier wrote something: then it, not this table, knows why.</summary>
    public bool HasLog { get; init; }

    /// <summary>The kernel and process; null for those of this process.</summary>
    public KernelState? State { get; init; }
}

/// <summary>Why the kernel probably refused, and what would help.</summary>
/// <param name="Reason">One sentence without a final full stop.</param>
/// <param name="Remedy">What to do; null where nothing helps.</param>
public sealed record LikelyReason(string Reason, string? Remedy = null)
{
    /// <summary>Both in one line.</summary>
    public override string ToString() => Remedy is null ? Reason : $"{Reason}; {Remedy}";
}

/// <summary>
/// The kernel answers with a number; this table says what it probably means for a command, from what the process may do, the kernel's version and the sysctls.
/// Used by <see cref="BpfException"/> and by the report of what the kernel can do.
/// </summary>
public static class Reasons
{
    private const int Enotsupp = 524;

    private const string Privileged = "run it as root (sudo), or give the binary the capabilities: setcap cap_bpf,cap_perfmon,cap_net_admin=ep FILE";

    /// <summary>The likely reason, or null where the number says all there is.</summary>
    /// <param name="command">The command of bpf(2).</param>
    /// <param name="errno">The error number, positive.</param>
    /// <param name="context">What it was about; null for nothing known.</param>
    public static LikelyReason? Of(BpfCommand command, int errno, ReasonContext? context = null)
    {
        context ??= new ReasonContext();
        KernelState state = context.State ?? KernelState.Current;
        if (errno == Enotsupp)
            return new LikelyReason($"{What(context)} is known to this kernel, but not in this combination (ENOTSUPP)", "leave out what is special about it: the JIT may lack it, or the structure has no such member");
        return (ErrorNumber)errno switch
        {
            ErrorNumber.ENOSYS => state.SeccompMode == 2
                ? new LikelyReason("a seccomp filter hides bpf(2) from this process", Container(state))
                : new LikelyReason("this kernel is built without CONFIG_BPF_SYSCALL", "use a kernel with it"),
            ErrorNumber.EPERM => command is BpfCommand.ObjPin or BpfCommand.ObjGet && state.Has(Capability.Bpf)
                ? new LikelyReason("the path must lie in a mounted BPF file system", "mount -t bpf bpf /sys/fs/bpf")
                : IsByNumber(command) && state.IsInitialUserNamespace && !state.Has(Capability.SysAdmin)
                ? new LikelyReason("this process lacks CAP_SYS_ADMIN, which the kernel asks for where things are named by number (CAP_BPF is not enough)", "run it as root (sudo); what is pinned can be named by its path")
                : Permission(context, state),
            ErrorNumber.EACCES when command is BpfCommand.ObjGet or BpfCommand.ObjPin => new LikelyReason("the file or its directory is not yours", "as root, or change its owner"),
            _ => OfCommand(command, (ErrorNumber)errno, context, state),
        };
    }

    /// <summary>Why a process may not do what it asked for: the first obstacle in the order in which the kernel meets them.</summary>
    public static LikelyReason Permission(ReasonContext context, KernelState state)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(state);
        KernelNeed? need = NeedOf(context);
        if (!state.IsInitialUserNamespace)
            return new LikelyReason("this process is in a user namespace, where its capabilities do not count for bpf(2)",
                state.Version >= new Version(6, 9) ? "run it outside; or let the host delegate BPF to the namespace (a bpffs mounted with delegate_cmds, BPF_TOKEN_CREATE)" : "run it outside the user namespace");
        if (state.Version < KernelNeeds.Capabilities && !state.Has(Capability.SysAdmin))
            return new LikelyReason("kernels before 5.8 ask for CAP_SYS_ADMIN", "run it as root (sudo)");
        if (!state.Has(Capability.Bpf))
        {
            string sysctl = state.UnprivilegedBpfDisabled is { } disabled ? $" (kernel.unprivileged_bpf_disabled is {disabled})" : "";
            string beside = need?.Capability is { } more ? $" and {more.KernelName()}" : "";
            return new LikelyReason($"this process lacks CAP_BPF{beside}{sysctl}", state.SeccompMode == 2 ? Container(state) : Privileged);
        }
        if (need?.Capability is { } capability && !state.Has(capability))
            return new LikelyReason($"this process lacks {capability.KernelName()}, which is needed beside CAP_BPF", Privileged);
        if (state.Version < KernelNeeds.NoMemlock && state.MemlockBytes is { } bytes)
            return new LikelyReason($"the limit of locked memory is {bytes >> 10} KiB, to which kernels before 5.11 count maps and programs", "ulimit -l unlimited, which needs CAP_SYS_RESOURCE");
        if (state.SeccompMode == 2)
            return new LikelyReason("a seccomp filter (of a container?) may forbid bpf(2)", Container(state));
        string lockdown = state.Lockdown is "integrity" or "confidentiality" ? $"lockdown is \"{state.Lockdown}\"" : "a security module or a patch of its maker's";
        return new LikelyReason($"this kernel forbids it by policy, although the process has the capabilities ({lockdown})", "another kernel, for example in a virtual machine of your own");
    }

    /// <summary>Why the kernel does not have what was asked for: too old, or built without; null where neither is known to be so.</summary>
    public static LikelyReason? Missing(ReasonContext context, KernelState state)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(state);
        if (NeedOf(context) is not { } need)
            return null;
        if (context.AttachType is { } place && context.Need is null && KernelFeatures.Of(place) is { } feature && Missing(context with { AttachType = null, Place = $"attach type {place.Name()}", Need = new KernelNeed(feature.Since, feature.Option) }, state) is { } why)
            return why;
        if (state.Version < need.Since && state.Version.Major > 0)
            return new LikelyReason($"{What(context)} exists since Linux {need.Since}, this is {state.Version.ToString(2)}", $"a kernel of at least {need.Since}");
        if (need.Config is { } config && state.IsConfigured(config) is not true)
            return state.IsConfigured(config) is false
                ? new LikelyReason($"this kernel is built without {config}", $"a kernel with {config}=y")
                : new LikelyReason($"this kernel is probably built without {config}", $"a kernel with {config}=y");
        return null;
    }

    // kernel/bpf/syscall.c: bpf_obj_get_next_id and bpf_*_get_fd_by_id.
    private static bool IsByNumber(BpfCommand command) => command is BpfCommand.ProgGetNextId or BpfCommand.MapGetNextId or BpfCommand.LinkGetNextId or BpfCommand.BtfGetNextId
        or BpfCommand.ProgGetFdById or BpfCommand.MapGetFdById or BpfCommand.LinkGetFdById or BpfCommand.BtfGetFdById;

    private static LikelyReason? OfCommand(BpfCommand command, ErrorNumber errno, ReasonContext context, KernelState state) => (command, errno) switch
    {
        (BpfCommand.ProgLoad, ErrorNumber.E2BIG) when context.InsnCount is 0 => new LikelyReason("the program has no instructions"),
        (BpfCommand.ProgLoad, ErrorNumber.E2BIG) when context.InsnCount > (state.Has(Capability.Bpf) ? 1_000_000 : 4096) =>
            new LikelyReason($"{context.InsnCount} instructions are more than the kernel takes", state.Has(Capability.Bpf) ? "split the program by tail calls" : "with CAP_BPF a million are allowed, without 4096"),
        (_, ErrorNumber.E2BIG) when command is BpfCommand.MapCreate => new LikelyReason($"the values or entries are more than {What(context)} takes", "make the value smaller, or split it"),
        (_, ErrorNumber.E2BIG) => new LikelyReason("the kernel is older than a field that was set", "leave out newer options, or use a newer kernel"),
        (BpfCommand.ProgLoad, ErrorNumber.ENOSPC) => new LikelyReason("the verifier's log did not fit its buffer; the program may be fine", "load with a larger log buffer, or without a log"),
        (BpfCommand.ProgLoad, ErrorNumber.EACCES) when !context.HasLog => new LikelyReason("the verifier refused the program", "load it with a log to see why"),
        (BpfCommand.ProgLoad or BpfCommand.MapCreate, ErrorNumber.EINVAL) when context.HasLog => null,
        (BpfCommand.ProgLoad or BpfCommand.MapCreate or BpfCommand.LinkCreate or BpfCommand.ProgAttach or BpfCommand.RawTracepointOpen, ErrorNumber.EINVAL or ErrorNumber.EOPNOTSUPP) => Missing(context, state) ?? Invalid(command, context),
        (_, ErrorNumber.ENOMEM) => new LikelyReason("the kernel found no memory, or its cgroup may have no more", "fewer entries; BPF_F_NO_PREALLOC for hashes"),
        (_, ErrorNumber.EBUSY) => new LikelyReason("the place is taken by another program, or the map is in use", "hachi list links shows what is attached"),
        (_, ErrorNumber.EBADF) => new LikelyReason("a descriptor that was named is closed or of another kind"),
        (BpfCommand.ObjGet, ErrorNumber.ENOENT) => new LikelyReason("nothing is pinned there"),
        (BpfCommand.MapLookupElem or BpfCommand.MapDeleteElem, ErrorNumber.ENOENT) => new LikelyReason("no such key"),
        (_, ErrorNumber.ENOENT) when command is BpfCommand.ProgGetFdById or BpfCommand.MapGetFdById or BpfCommand.LinkGetFdById or BpfCommand.BtfGetFdById => new LikelyReason("there is none with this number"),
        (_, ErrorNumber.ENODEV) => new LikelyReason("there is no such interface or device"),
        (_, ErrorNumber.EEXIST) => new LikelyReason("there is one already"),
        (BpfCommand.BtfLoad, ErrorNumber.EINVAL) => new LikelyReason("the types use something that this kernel does not know, or are damaged"),
        _ => null,
    };

    private static LikelyReason Invalid(BpfCommand command, ReasonContext context) => command switch
    {
        BpfCommand.MapCreate => new LikelyReason($"{What(context)} does not take these sizes or flags"),
        BpfCommand.ProgLoad => new LikelyReason($"{What(context)} does not go with this place or these flags"),
        _ => new LikelyReason($"{What(context)} does not go there, or not with these options"),
    };

    private static KernelNeed? NeedOf(ReasonContext context) =>
        context.Need ?? (context.ProgramType is { } program ? KernelNeeds.Of(program) : context.MapType is { } map ? KernelNeeds.Of(map) : null);

    private static string What(ReasonContext context) =>
        context.Place ?? (context.ProgramType is { } program ? $"a {program.Name()} program" : context.MapType is { } map ? $"a {map.Name()} map" : "this");

    private static string Container(KernelState state) =>
        (state.Container is null ? "" : "in the container: ") + "allow bpf and perf_event_open in the seccomp profile, add the capabilities (docker run --cap-add BPF --cap-add PERFMON --cap-add NET_ADMIN --security-opt seccomp=FILE)";
}
