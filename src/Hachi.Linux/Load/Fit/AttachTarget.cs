using Hachi.Btf;
using Hachi.Linux.Kernel;
using Hachi.Object;
using Hachi.Uapi;

namespace Hachi.Linux.Load.Fit;

/// <summary>What a tracing or LSM program is verified for: a function or type of the kernel or of a module, by its number among the types there.</summary>
internal readonly struct AttachTarget : IDisposable
{
    private readonly LoadedTypes? _module;
    private readonly Program? _program;

    private AttachTarget(uint typeId, LoadedTypes? module, Program? program = null) => (TypeId, _module, _program) = (typeId, module, program);

    /// <summary>The number; 0 where none is needed.</summary>
    public uint TypeId { get; }

    /// <summary>The descriptor of the program that the function is in, or of the module's types; 0 for the kernel's own.</summary>
    public int Descriptor => _program?.Descriptor ?? _module?.Descriptor ?? 0;

    /// <summary>Finds it by the program's section (<c>fentry/do_unlinkat</c>, <c>lsm/inode_mkdir</c>, <c>tp_btf/sched_switch</c>, <c>iter/task</c>).</summary>
    /// <param name="spec">The program.</param>
    /// <param name="program">The program that it is for, where it is for a function of one; null for the kernel.</param>
    /// <exception cref="BpfException">ENOENT: the kernel has no such function, or no types.</exception>
    public static AttachTarget Find(ProgramSpec spec, Program? program)
    {
        if (SectionNames.Find(spec.Section) is not { Target: { Length: > 0 } place })
            return default;
        if (spec.Type == ProgramType.Ext || (program is not null && spec.AttachType is AttachType.TraceFentry or AttachType.TraceFexit))
            return InProgram(spec, place, program);
        if (Form(spec.AttachType) is not (string prefix, BtfKind kind))
            return default;
        KernelBtf kernel = RunningTypes.Open(out string reason) ?? throw new BpfException("load", (int)ErrorNumber.ENOENT, $"program {spec.Name}: {reason}");
        string? only = place.IndexOf(':') is > 0 and int colon ? place[..colon] : null;
        string name = prefix + place[(only?.Length + 1 ?? 0)..];
        if (only is null or "vmlinux" && kernel.Types.Find(kind, name) is > 0 and uint id)
            return new AttachTarget(id, null);
        foreach (string module in only is null ? kernel.Modules : [only])
            if (kernel.Module(module) is { } types && types.Find(kind, name) is uint inModule && inModule >= types.FirstId)
                return new AttachTarget(inModule, LoadedTypes.OfModule(module));
        throw new BpfException("load", (int)ErrorNumber.ENOENT, $"program {spec.Name}: {Missing(spec.AttachType!.Value, place)}");
    }

    /// <inheritdoc/>
    public void Dispose() => _module?.Dispose();

    private static AttachTarget InProgram(ProgramSpec spec, string function, Program? program)
    {
        if (program is null)
            throw new BpfException("load", (int)ErrorNumber.EINVAL, $"program {spec.Name}: say which program has the function '{function}' (LoadOptions.Target)");
        if (program.BtfId == 0)
            throw new BpfException("load", (int)ErrorNumber.ENOENT, $"program {spec.Name}: program {program.Name} has no types to find '{function}' in");
        using LoadedTypes types = LoadedTypes.Open(program.BtfId);
        return BtfReader.TryRead(types.Read(), out BtfTypes? read, out _) && read!.Find(BtfKind.Func, function) is > 0 and uint id
            ? new AttachTarget(id, null, program)
            : throw new BpfException("load", (int)ErrorNumber.ENOENT, $"program {spec.Name}: program {program.Name} has no function '{function}'");
    }

    private static (string Prefix, BtfKind Kind)? Form(AttachType? type) => type switch
    {
        AttachType.TraceRawTp => ("btf_trace_", BtfKind.Typedef),
        AttachType.LsmMac or AttachType.LsmCgroup => ("bpf_lsm_", BtfKind.Func),
        AttachType.TraceIter => ("bpf_iter_", BtfKind.Func),
        AttachType.TraceFentry or AttachType.TraceFexit or AttachType.ModifyReturn => ("", BtfKind.Func),
        _ => null,
    };

    private static string Missing(AttachType type, string place) => type switch
    {
        AttachType.TraceRawTp => $"the kernel has no tracepoint '{place}'",
        AttachType.LsmMac or AttachType.LsmCgroup => $"{Failure.WhyWithout(KernelFeatures.Of(type)) ?? $"the kernel has no LSM hook '{place}'"}",
        AttachType.TraceIter => $"the kernel has no iterator '{place}'",
        _ => $"the kernel has no function '{place}' among its types (it may be inlined, or renamed by the compiler)",
    };
}
