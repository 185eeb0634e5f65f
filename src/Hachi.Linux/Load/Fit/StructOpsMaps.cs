using Hachi.Btf;
using Hachi.Linux.Kernel;
using Hachi.Linux.Sys;
using Hachi.Object;
using Hachi.Uapi;

namespace Hachi.Linux.Load.Fit;

/// <summary>The maps that hold structures of functions: laid out by the kernel's types, whatever the object's say.</summary>
internal static unsafe class StructOpsMaps
{
    /// <summary>Whether the kernel registers such structures by links, which end with the process (Linux 6.4).</summary>
    public static bool HasLinks => KernelFeatures.Find("other struct_ops_link") is not { } feature || KernelRelease.WhyWithout(feature) is null;

    /// <summary>The flags that a map of an object is made with: by link wherever the kernel has them, whichever section the structure stood in, so that nothing stays registered when the process is killed.</summary>
    public static uint FlagsOf(MapSpec map) => HasLinks ? map.Flags | (uint)MapFlags.Link : map.Flags & ~(uint)MapFlags.Link;

    /// <summary>What each such map of an object asks for, member by member; a member that is zero asks for nothing.</summary>
    public static IReadOnlyList<(string Map, StructOpsSpec Spec)> SpecsOf(BpfObject bpf)
    {
        var specs = new List<(string, StructOpsSpec)>();
        BtfTypes? types = null;
        foreach (MapSpec map in bpf.Maps)
            if (map.Type == MapType.StructOps)
            {
                if (types is null && !BtfReader.TryRead(bpf.Btf.AsMemory(), out types, out string reason))
                    throw new BpfException("load", (int)ErrorNumber.EINVAL, $"struct_ops {map.Name}: the object has no types that say what its members are ({reason})");
                specs.Add((map.Name, SpecOf(map, types!)));
            }
        return specs;
    }

    /// <summary>Makes the map.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="type">The structure.</param>
    /// <param name="flags">Flags of the specification.</param>
    /// <param name="types">Types of the object's in the kernel; null for none.</param>
    public static Map Create(string name, string type, uint flags, FileHandle? types)
    {
        StructOpsLayout layout = StructOpsLayout.Of(type);
        // The kernel asks for types of the program's, though it looks at its own only.
        using FileHandle? made = types is null ? LoadAnyTypes() : null;
        using LoadedTypes? module = layout.OpenModule();
        if (module is not null)
            flags |= (uint)MapFlags.VtypeBtfObjFd;
        return Map.Create(new MapSpec(name, MapType.StructOps, sizeof(uint), (uint)layout.ValueBytes, 1) { Flags = flags }, types ?? made, layout.ValueTypeId, module);
    }

    private static StructOpsSpec SpecOf(MapSpec map, BtfTypes types)
    {
        var programs = new Dictionary<string, string>();
        var values = new Dictionary<string, byte[]>();
        uint type = types.Resolve(map.ValueType);
        IReadOnlyList<BtfMember> members = types.MembersOf(type);
        for (int i = 0; i < members.Count; i++)
        {
            (string member, int offset, uint size) = (members[i].Name, (int)(members[i].BitOffset / 8), types.SizeOf(members[i].Type) ?? 0);
            if (map.Slots.FirstOrDefault(slot => slot.Index == i) is { Name: { } program })
                programs[member] = program;
            else if (offset + (long)size <= map.Data.Length && map.Data.AsSpan(offset, (int)size) is var bytes && bytes.ContainsAnyExcept((byte)0))
                values[member] = bytes.ToArray();
        }
        // A type of the object's may have a flavour of its own: tcp_congestion_ops___mine.
        string name = types.NameOf(type);
        int flavour = name.IndexOf("___", StringComparison.Ordinal);
        return new StructOpsSpec(flavour > 0 ? name[..flavour] : name) { Programs = programs, Values = values };
    }

    private static FileHandle LoadAnyTypes()
    {
        var writer = new BtfWriter();
        writer.Int("int");
        byte[] section = writer.ToArray();
        fixed (byte* pointer = section)
        {
            var attributes = new BpfAttributes { Btf = { Btf = pointer, Size = (uint)section.Length } };
            int result = BpfSystem.Call(BpfCommand.BtfLoad, ref attributes, 28);
            return result < 0 ? throw Failure.Of(BpfCommand.BtfLoad, result, "a type of its own") : new FileHandle(result);
        }
    }
}
