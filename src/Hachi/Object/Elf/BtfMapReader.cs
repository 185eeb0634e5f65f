using Hachi.Btf;
using Hachi.Uapi;

namespace Hachi.Object.Elf;

/// <summary>
/// A map's definition from its structure's type: <c>__uint(name, N)</c> is a pointer to an array of N, <c>__type(name, T)</c> a pointer to T, <c>__ulong(name, N)</c> an
/// enumeration with the value N, <c>__array(values, T)</c> an array of pointers to T.
/// </summary>
internal sealed class BtfMapReader(BtfTypes types, string name)
{
    private const int MembersMax = 64;

    private bool _isInner;

    /// <summary>What is wrong, or null.</summary>
    public string? Wrong { get; private set; }

    /// <summary>Where the values of the map begin in the variable, if it has any.</summary>
    public ulong? ValuesOffset { get; private set; }

    public MapSpec Read(uint structure)
    {
        var map = new MapSpec(name, MapType.Unspec, 0, 0, 0);
        if (types[structure].Count > MembersMax)
            return Fail(map, "it has too many members");
        foreach (BtfMember member in types.MembersOf(structure))
        {
            uint id = types.Resolve(member.Type);
            map = member.Name switch
            {
                "type" => map with { Type = (MapType)Number(member) },
                "max_entries" => map with { MaxEntries = Number32(member) },
                "map_flags" => map with { Flags = Number32(member) },
                "numa_node" => map with { NumaNode = Number32(member), Flags = map.Flags | (uint)MapFlags.NumaNode },
                "map_extra" => map with { Extra = Number(member) },
                "key_size" => map with { KeySize = Number32(member) },
                "value_size" => map with { ValueSize = Number32(member) },
                "key" => map with { KeySize = Pointed(member, id), KeyType = types[id].SizeOrType },
                "value" => map with { ValueSize = Pointed(member, id), ValueType = types[id].SizeOrType },
                "pinning" => map with { Pin = Number(member) == 1 ? name : null },
                "values" => ReadValues(map, member, id),
                _ => Fail(map, $"its member '{member.Name}' is not known"),
            };
        }
        if (map.Type == MapType.Unspec)
            return Fail(map, "it has no type");
        // Some kinds take no BTF of their keys and values; the kernel says so by refusing it.
        return map;
    }

    // Of a map of maps: what the inner ones look like. Of a program array: programs.
    private MapSpec ReadValues(MapSpec map, in BtfMember member, uint id)
    {
        uint element = types.Resolve(types.ArrayOf(id).Element);
        uint target = types.Resolve(types[element].SizeOrType);
        if (types[id].Kind != BtfKind.Array || types[element].Kind != BtfKind.Ptr || _isInner)
            return Fail(map, "its values are no array of pointers");
        ValuesOffset = member.BitOffset / 8;
        if (types[target].Kind == BtfKind.FuncProto)
            return map with { ValueSize = 4 };
        if (types[target].Kind != BtfKind.Struct)
            return Fail(map, "its values are neither maps nor programs");
        var inner = new BtfMapReader(types, name + ".inner") { _isInner = true };
        MapSpec spec = inner.Read(target);
        Wrong ??= inner.Wrong;
        return map with { ValueSize = 4, Inner = spec };
    }

    private uint Pointed(in BtfMember member, uint id)
    {
        if (types[id].Kind == BtfKind.Ptr && types.SizeOf(types[id].SizeOrType) is { } size)
            return size;
        Wrong ??= $"'{member.Name}' is no pointer to a type with a size";
        return 0;
    }

    private uint Number32(in BtfMember member)
    {
        ulong number = Number(member);
        if (number > uint.MaxValue)
            Wrong ??= $"'{member.Name}' is {number}, which does not fit 32 bits";
        return (uint)number;
    }

    private ulong Number(in BtfMember member)
    {
        uint id = types.Resolve(member.Type);
        BtfType type = types[id];
        if (type.Kind == BtfKind.Ptr && types[types.Resolve(type.SizeOrType)].Kind == BtfKind.Array)
            return types.ArrayOf(types.Resolve(type.SizeOrType)).Count;
        foreach ((string _, long value) in types.ValuesOf(id))
            return (ulong)value;
        Wrong ??= $"'{member.Name}' is not written as __uint or __ulong write it";
        return 0;
    }

    private MapSpec Fail(MapSpec map, string wrong)
    {
        Wrong ??= wrong;
        return map;
    }
}
