using Hachi.Btf;
using Hachi.Linux.Kernel;
using Hachi.Object;
using Hachi.Uapi;

namespace Hachi.Linux.Load.Fit;

/// <summary>How the running kernel lays a structure of functions out, and the value around it that its map has (<c>struct bpf_struct_ops_TYPE</c>).</summary>
internal readonly record struct StructOpsLayout(BtfTypes Types, uint TypeId, uint ValueTypeId, int ValueBytes, int DataOffset)
{
    /// <exception cref="BpfException">ENOENT: the kernel has no such structure, or none that programs may stand in.</exception>
    public static StructOpsLayout Of(string type)
    {
        KernelBtf kernel = RunningTypes.Open(out string reason) ?? throw new BpfException("load", (int)ErrorNumber.ENOENT, $"struct_ops {type}: {reason}");
        BtfTypes types = kernel.Types;
        uint id = types.Find(BtfKind.Struct, type), valueId = types.Find(BtfKind.Struct, "bpf_struct_ops_" + type);
        return id != 0 && valueId != 0 && types.SizeOf(valueId) is { } size && types.TryFindMember(valueId, "data", out BtfMember data)
            ? new StructOpsLayout(types, id, valueId, (int)size, (int)data.BitOffset / 8)
            : throw new BpfException("load", (int)ErrorNumber.ENOENT, $"struct_ops: {Failure.WhyWithout(KernelFeatures.Of(ProgramType.StructOps)) ?? $"the kernel has no structure '{type}' that programs may stand in"}");
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
    public static ProgramSpec Prepare(ProgramSpec program, IReadOnlyList<StructOpsSpec> all, out uint typeId)
    {
        foreach (StructOpsSpec spec in all)
            foreach ((string member, string name) in spec.Programs)
                if (name == program.Name)
                {
                    StructOpsLayout layout = Of(spec.Type);
                    typeId = layout.TypeId;
                    return program with { AttachType = (AttachType)layout.Member(member).Index };
                }
        typeId = 0;
        return program;
    }
}
