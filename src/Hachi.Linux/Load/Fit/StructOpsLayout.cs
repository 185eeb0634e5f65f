using Hachi.Btf;
using Hachi.Linux.Kernel;
using Hachi.Object;
using Hachi.Uapi;

namespace Hachi.Linux.Load.Fit;

/// <summary>How the running kernel, or one of its modules, lays a structure of functions out, and the value around it that its map has (<c>struct bpf_struct_ops_TYPE</c>).</summary>
internal readonly record struct StructOpsLayout(BtfTypes Types, uint TypeId, uint ValueTypeId, int ValueBytes, int DataOffset)
{
    /// <summary>The module whose types these are; null for the kernel itself.</summary>
    public string? Module { get; private init; }

    /// <exception cref="BpfException">ENOENT: neither the kernel nor a module has such a structure, or none that programs may stand in.</exception>
    public static StructOpsLayout Of(string type)
    {
        KernelBtf kernel = RunningTypes.Open(out string reason) ?? throw new BpfException("load", (int)ErrorNumber.ENOENT, $"struct_ops {type}: {reason}");
        return Find(kernel, type)
            ?? throw new BpfException("load", (int)ErrorNumber.ENOENT, $"struct_ops: {Failure.WhyWithout(KernelFeatures.Of(ProgramType.StructOps)) ?? $"neither the kernel nor a module has a structure '{type}' that programs may stand in"}");
    }

    /// <summary>The layout in the kernel's types, else in those of the first module that has it; null for none.</summary>
    internal static StructOpsLayout? Find(KernelBtf kernel, string type)
    {
        if (In(kernel.Types, type) is { } own)
            return own;
        foreach (string module in kernel.Modules)
            if (kernel.Module(module) is { } types && In(types, type) is { } layout)
                return layout with { Module = module };
        return null;
    }

    /// <summary>The types of its module, open, for the kernel to look in; null where the kernel has them itself.</summary>
    public LoadedTypes? OpenModule() => Module is { } name ? LoadedTypes.OfModule(name) : null;

    private static StructOpsLayout? In(BtfTypes types, string type)
    {
        uint id = types.Find(BtfKind.Struct, type), valueId = types.Find(BtfKind.Struct, "bpf_struct_ops_" + type);
        return id != 0 && valueId != 0 && types.SizeOf(valueId) is { } size && types.TryFindMember(valueId, "data", out BtfMember data)
            ? new StructOpsLayout(types, id, valueId, (int)size, (int)data.BitOffset / 8)
            : null;
    }

    /// <summary>A member, and its place among the members.</summary>
    public (int Index, int Offset, int Bytes) Member(string name)
    {
        IReadOnlyList<BtfMember> members = Types.MembersOf(TypeId);
        for (int i = 0; i < members.Count; i++)
            if (members[i].Name == name)
                return (i, DataOffset + (int)members[i].BitOffset / 8, (int)(Types.SizeOf(members[i].Type) ?? 0));
        throw new BpfException("load", (int)ErrorNumber.ENOENT, $"struct_ops: the kernel's {Types.NameOf(TypeId)} has no member '{name}'");
    }

    /// <summary>The program as the kernel wants it told: verified for one member, whose number stands where other programs say their kind of place.</summary>
    public static ProgramSpec Prepare(ProgramSpec program, IReadOnlyList<StructOpsSpec> all, out uint typeId, out LoadedTypes? module)
    {
        foreach (StructOpsSpec spec in all)
            foreach ((string member, string name) in spec.Programs)
                if (name == program.Name)
                {
                    StructOpsLayout layout = Of(spec.Type);
                    (typeId, module) = (layout.TypeId, layout.OpenModule());
                    return program with { AttachType = (AttachType)layout.Member(member).Index };
                }
        (typeId, module) = (0, null);
        return program;
    }
}
