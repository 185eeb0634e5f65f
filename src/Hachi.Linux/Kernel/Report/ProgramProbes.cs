using Hachi.Isa;
using Hachi.Uapi;

namespace Hachi.Linux.Kernel.Report;

/// <summary>Kinds of programs, levels of instructions, helpers.</summary>
internal static class ProgramProbes
{
    private const uint Sleepable = 1 << 4;

    private static readonly (string Name, Version Since, Insn[] Insns)[] s_levels =
    [
        ("v1", new Version(3, 19), BpfProbe.Trivial),
        // if r0 < 0 goto +0
        ("v2", new Version(4, 14), [new Insn(0xb7), new Insn(0xa5), new Insn(0x95)]),
        // if w0 != 0 goto +0
        ("v3", new Version(5, 1), [new Insn(0xb7), new Insn(0x56), new Insn(0x95)]),
        // r0 = (s8)r0
        ("v4", new Version(6, 6), [new Insn(0xb7), new Insn(0xbf, 0, 0, 8, 0), new Insn(0x95)]),
        // r0 = atomic_fetch_add(r10 - 8, r0)
        ("atomic-fetch", new Version(5, 12), [new Insn(0xb7), new Insn(0x7b, 10, 0, -8, 0), new Insn(0xdb, 10, 0, -8, 0x01), new Insn(0x95)]),
        // may_goto +0
        ("may-goto", new Version(6, 9), [new Insn(0xb7), new Insn(0xe5), new Insn(0x95)]),
        // r0 = load_acquire(r10 - 8)
        ("load-acquire", new Version(6, 15), [new Insn(0xb7), new Insn(0x7b, 10, 0, -8, 0), new Insn(0xdb, 0, 10, -8, 0x100), new Insn(0x95)]),
    ];

    /// <summary>Each kind of program, loaded where nothing more than a kind is needed.</summary>
    public static IEnumerable<Feature> Types(KernelState state)
    {
        foreach (ProgramType type in Enum.GetValues<ProgramType>())
        {
            if (type == ProgramType.Unspec || KernelNeeds.Of(type) is not { } need)
                continue;
            ProbeResult result = TryType(type);
            string since = $"since Linux {need.Since}";
            yield return Judge(FeatureKind.Program, type.Name(), result, BpfCommand.ProgLoad, new ReasonContext { ProgramType = type, State = state }, since);
        }
    }

    /// <summary>Loads a program of a kind with the attach type that it insists on.</summary>
    public static ProbeResult TryType(ProgramType type) => type switch
    {
        ProgramType.CgroupSockAddr => BpfProbe.TryLoad(type, [new Insn(0xb7, 0, 0, 0, 1), new Insn(0x95)], AttachType.CgroupInet4Bind),
        ProgramType.CgroupSockopt => BpfProbe.TryLoad(type, [new Insn(0xb7, 0, 0, 0, 1), new Insn(0x95)], AttachType.CgroupSetsockopt),
        ProgramType.SkLookup => BpfProbe.TryLoad(type, BpfProbe.Trivial, AttachType.SkLookup),
        ProgramType.Netfilter => BpfProbe.TryLoad(type, BpfProbe.Trivial, AttachType.Netfilter),
        ProgramType.Syscall => BpfProbe.TryLoad(type, BpfProbe.Trivial, flags: Sleepable),
        // What these attach to is a type of the kernel's; without one the verifier says so, if they are there.
        ProgramType.Tracing => BpfProbe.TryLoad(type, BpfProbe.Trivial, AttachType.TraceRawTp),
        ProgramType.Lsm => BpfProbe.TryLoad(type, BpfProbe.Trivial, AttachType.LsmMac),
        _ => BpfProbe.TryLoad(type, BpfProbe.Trivial),
    };

    public static IEnumerable<Feature> Instructions(KernelState state)
    {
        foreach ((string name, Version since, Insn[] insns) in s_levels)
        {
            ProbeResult result = BpfProbe.TryLoad(ProgramType.SocketFilter, insns);
            // Here what the verifier says is the answer: an unknown opcode or a reserved field.
            var plain = new ProbeResult(result.Result, "");
            yield return Judge(FeatureKind.Instructions, name, plain, BpfCommand.ProgLoad, new ReasonContext { Place = $"instruction set {name}", Need = new KernelNeed(since), State = state }, $"since Linux {since}");
        }
    }

    /// <summary>Which helpers there are: at all, or for programs of a kind.</summary>
    public static IEnumerable<Feature> Helpers(KernelState state, ProgramType type, bool isKnownOnly)
    {
        foreach (HelperPrototype helper in HelperTable.All)
        {
            ProbeResult result = BpfProbe.TryLoad(type, [new Insn(0x85, 0, 0, 0, (int)helper.Id), new Insn(0x95)], AttachOf(type), type == ProgramType.Syscall ? Sleepable : 0);
            Version since = KernelNeeds.Of(helper.Id) ?? new Version(0, 0);
            var context = new ReasonContext { Place = helper.Name, Need = new KernelNeed(since), State = state };
            if (!result.IsKnown)
                yield return Judge(FeatureKind.Helper, helper.Name, result, BpfCommand.ProgLoad, context with { Need = null, Place = null, ProgramType = type }, null);
            else if (result.Log.Contains("invalid func", StringComparison.Ordinal))
                yield return new Feature(FeatureKind.Helper, helper.Name, Availability.No, null, Reasons.Missing(context, state) ?? new LikelyReason("this kernel is built without it"));
            else if (!isKnownOnly && IsForbidden(result.Log))
                yield return new Feature(FeatureKind.Helper, helper.Name, Availability.No, null, new LikelyReason($"not for {type.Name()} programs in this kernel"));
            else
                yield return new Feature(FeatureKind.Helper, helper.Name, Availability.Yes, $"since Linux {since}");
        }
    }

    /// <summary>A finding from an attempt.</summary>
    public static Feature Judge(FeatureKind kind, string name, ProbeResult result, BpfCommand command, ReasonContext context, string? note)
    {
        if (result.IsKnown)
            return new Feature(kind, name, Availability.Yes, note);
        // Without a right the kernel does not say whether it has something; its version may.
        LikelyReason? missing = result.Errno == (int)ErrorNumber.EPERM ? TooOld(context) : null;
        LikelyReason? why = missing ?? Reasons.Of(command, result.Errno, context) ?? new LikelyReason($"the kernel answers {Errno.Name(result.Errno)}");
        return new Feature(kind, name, result.Errno == (int)ErrorNumber.EPERM && missing is null ? Availability.Denied : Availability.No, note, why);
    }

    private static LikelyReason? TooOld(ReasonContext context)
    {
        KernelNeed? need = context.Need ?? (context.ProgramType is { } program ? KernelNeeds.Of(program) : context.MapType is { } map ? KernelNeeds.Of(map) : null);
        return need is { } known && context.State!.Version < known.Since ? Reasons.Missing(context, context.State) : null;
    }

    private static bool IsForbidden(string log) =>
        log.Contains("program of this type cannot use helper", StringComparison.Ordinal) || log.Contains("unknown func ", StringComparison.Ordinal);

    private static AttachType AttachOf(ProgramType type) => type switch
    {
        ProgramType.CgroupSockAddr => AttachType.CgroupInet4Connect,
        ProgramType.CgroupSockopt => AttachType.CgroupSetsockopt,
        ProgramType.SkLookup => AttachType.SkLookup,
        ProgramType.Netfilter => AttachType.Netfilter,
        _ => 0,
    };
}
