using Hachi.Btf;

namespace Hachi.Object.Relocate;

/// <summary>Types as kernels accept them: they know no externs, which are the loader's business.</summary>
public static class ExternTypes
{
    private const int Extern = 2;

    /// <summary>The object, its types without externs: loaders do this once those are filled in. Ids and strings keep their numbers.</summary>
    public static BpfObject WithoutExterns(BpfObject bpf)
    {
        ArgumentNullException.ThrowIfNull(bpf);
        return BtfReader.TryRead(bpf.Btf.AsMemory(), out BtfTypes? types, out _) ? bpf with { Btf = [.. WithoutExterns(types!)] } : bpf;
    }

    /// <summary>The types without externs: in the place of each stands a pointer that nothing uses.</summary>
    internal static byte[] WithoutExterns(BtfTypes types)
    {
        var gone = new HashSet<uint>();
        for (uint id = 1; id < types.Count; id++)
        {
            BtfType type = types[id];
            bool isExtern = type.Kind switch
            {
                BtfKind.Func => type.Count == Extern,
                BtfKind.Var => types.ExtraOf(id) == Extern,
                BtfKind.Datasec => types.NameOf(id) is ".ksyms" or ".kconfig",
                _ => false,
            };
            if (isExtern)
                gone.Add(id);
        }
        for (uint id = 1; id < types.Count && gone.Count > 0; id++)
            if (types[id] is { Kind: BtfKind.DeclTag } tag && gone.Contains(tag.SizeOrType))
                gone.Add(id);
        return gone.Count == 0 ? types.Section.ToArray() : new BtfWriter(types, gone).ToArray();
    }
}
