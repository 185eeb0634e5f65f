using Hachi.Btf;
using Hachi.Uapi;

namespace Hachi.Object.Elf;

/// <summary>Where the definitions of maps lie in <c>.maps</c>, and the types that describe them: the object's own where it has them, or new ones.</summary>
internal sealed record ElfMapLayout(long SizeBytes, IReadOnlyList<(int Map, long Offset, long Size, long Values)> Places, byte[] Btf)
{
    /// <summary>Slots that can be filled from the start: more would make the file large for nothing.</summary>
    public const int SlotsMax = 65_536;

    public static ElfMapLayout Of(BpfObject bpf, bool[] isData)
    {
        int[] maps = [.. Enumerable.Range(0, bpf.Maps.Length).Where(i => !isData[i])];
        byte[] btf = [.. bpf.Btf];
        if (maps.Length == 0)
            return new ElfMapLayout(0, [], btf);
        _ = BtfReader.TryRead(btf, out BtfTypes? types, out _);
        return (types is null ? null : FromTypes(bpf, maps, types, btf)) ?? Made(bpf, maps, types);
    }

    private static ElfMapLayout? FromTypes(BpfObject bpf, int[] maps, BtfTypes types, byte[] btf)
    {
        uint section = types.Find(BtfKind.Datasec, ".maps");
        var variables = types.VariablesOf(section).ToLookup(variable => types.NameOf(variable.Var));
        var places = new List<(int, long, long, long)>();
        foreach (int i in maps)
        {
            if (!variables.Contains(bpf.Maps[i].Name))
                return null;
            BtfVariable variable = variables[bpf.Maps[i].Name].First();
            // A map that was changed since is described anew.
            MapSpec described = new BtfMapReader(types, bpf.Maps[i].Name).Read(types.Resolve(types[variable.Var].SizeOrType));
            if (described with { Slots = bpf.Maps[i].Slots } != bpf.Maps[i])
                return null;
            uint values = types.MembersOf(types.Resolve(types[variable.Var].SizeOrType)).Where(member => member.Name == "values").Select(member => member.BitOffset / 8).FirstOrDefault();
            places.Add((i, variable.Offset, variable.SizeBytes, variable.Offset + values));
        }
        return new ElfMapLayout(types[section].SizeOrType, places, btf);
    }

    // New types; where the object has some, behind those, so that what refers to them stays right.
    private static ElfMapLayout Made(BpfObject bpf, int[] maps, BtfTypes? types)
    {
        BtfWriter btf = types is null ? new BtfWriter() : new BtfWriter(types, isSplit: false);
        if (types?.Find(BtfKind.Datasec, ".maps") is > 0 and uint old)
            btf.Rename(types, old, ".maps.old");
        uint number = btf.Int("int"), function = 0;
        long at = 0;
        var places = new List<(int, long, long, long)>();
        var variables = new List<(uint, uint, uint)>();
        foreach (int i in maps)
        {
            MapSpec map = bpf.Maps[i];
            List<(string, uint)> members = Members(map);
            long own = members.Count * 8L, slots = map.Slots.IsEmpty ? 0 : Math.Min(map.Slots.Max(slot => (long)slot.Index) + 1, Math.Min(map.MaxEntries, SlotsMax)) * 8;
            if (map.Inner is { } inner)
            {
                List<(string, uint)> described = Members(inner);
                members.Add(("values", btf.Array(btf.Pointer(Struct(described)), number, 0)));
            }
            else if (!map.Slots.IsEmpty)
                members.Add(("values", btf.Array(btf.Pointer(function == 0 ? function = btf.FuncProto(number) : function), number, 0)));
            uint variable = btf.Var(map.Name, btf.Struct("", (uint)own, Placed(members)));
            variables.Add((variable, (uint)at, (uint)(own + slots)));
            places.Add((i, at, own + slots, at + own));
            at += own + slots;
        }
        btf.Datasec(".maps", (uint)at, variables);
        return new ElfMapLayout(at, places, btf.ToArray());

        uint Struct(List<(string, uint)> members) => btf.Struct("", (uint)members.Count * 8, Placed(members));

        BtfMember[] Placed(List<(string Name, uint Type)> members) => [.. members.Select((member, i) => new BtfMember(member.Name, member.Type, (uint)i * 64, 0))];

        List<(string, uint)> Members(MapSpec map)
        {
            var members = new List<(string, uint)>();
            Add("type", (uint)map.Type);
            Add("key_size", map.KeySize);
            Add("value_size", map.Inner is null && map.Slots.IsEmpty ? map.ValueSize : 0);
            Add("max_entries", map.MaxEntries);
            Add("map_flags", map.Flags);
            Add("numa_node", map.NumaNode);
            Add("pinning", map.Pin is null ? 0u : 1);
            // Older versions of libbpf know only the first of the two spellings.
            if (map.Extra <= uint.MaxValue)
                Add("map_extra", (uint)map.Extra);
            else
                members.Add(("map_extra", btf.Enum64("", [new BtfEnumerator("map_extra_of_" + map.Name, (long)map.Extra)])));
            return members;

            void Add(string name, uint value)
            {
                if (value != 0)
                    members.Add((name, btf.Pointer(btf.Array(number, number, value))));
            }
        }
    }
}
