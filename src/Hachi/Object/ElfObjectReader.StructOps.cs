using System.Collections.Immutable;
using Hachi.Btf;
using Hachi.Isa;
using Hachi.Object.Elf;
using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Object;

// Structures of functions that the kernel calls: a map for each variable of .struct_ops and .struct_ops.link, whose slots are the members that programs stand in.
internal sealed partial class ElfObjectRun
{
    internal const string StructOpsSection = ".struct_ops", StructOpsLinkSection = ".struct_ops.link";

    private readonly List<(int Map, int Section, BtfVariable Variable, uint Type)> _structOps = [];

    private void ReadStructOps()
    {
        foreach (string name in (ReadOnlySpan<string>)[StructOpsSection, StructOpsLinkSection])
        {
            if (elf.Find(name) is not (>= 0 and int section) || elf.Sections[section].Type != ElfSection.ProgBits)
                continue;
            uint datasec = _types?.Find(BtfKind.Datasec, name) ?? 0;
            if (datasec == 0)
            {
                Report(DiagnosticTable.ElfNoBtf);
                continue;
            }
            foreach (BtfVariable variable in _types!.VariablesOf(datasec))
                AddStructOps(section, variable, name == StructOpsLinkSection);
        }
    }

    private void AddStructOps(int section, BtfVariable variable, bool isLink)
    {
        string name = _types!.NameOf(variable.Var);
        uint type = _types[variable.Var].Kind == BtfKind.Var ? _types.Resolve(_types[variable.Var].SizeOrType) : 0;
        ReadOnlySpan<byte> bytes = elf.BytesOf(elf.Sections[section]);
        bool isStruct = type != 0 && _types[type].Kind == BtfKind.Struct;
        uint size = isStruct ? _types[type].SizeOrType : 0;
        string? wrong = !isStruct ? "it is no structure" : (ulong)variable.Offset + size > (ulong)bytes.Length ? "its contents are cut"
            : _maps.Exists(map => map.Name == name) || _maps.Count >= MapsMax ? "there are two of it, or too many maps" : null;
        if (wrong is not null)
        {
            Report(DiagnosticTable.LinkMap, name, wrong);
            return;
        }
        ReadOnlySpan<byte> data = bytes.Slice((int)variable.Offset, (int)size);
        _mapAt[(section, variable.Offset)] = _maps.Count;
        _structOps.Add((_maps.Count, section, variable, type));
        _maps.Add(new MapSpec(name, MapType.StructOps, sizeof(uint), size, 1)
        {
            Data = data.ContainsAnyExcept((byte)0) ? ImmutableArray.Create(data) : [],
            Flags = isLink ? (uint)MapFlags.Link : 0,
            ValueType = type,
        });
    }

    // A member that points to a program is a relocation.
    private void FillStructOps(List<ProgramSpec> programs)
    {
        foreach ((int map, int section, BtfVariable variable, uint type) in _structOps)
        {
            var slots = new List<(uint Index, string Name)>();
            IReadOnlyList<BtfMember> members = _types!.MembersOf(type);
            foreach (ElfRelocation relocation in elf.RelocationsOf(section))
            {
                if (relocation.Type == 0 || relocation.Offset < variable.Offset || relocation.Offset - variable.Offset >= _maps[map].ValueSize)
                    continue;
                ulong bits = (relocation.Offset - variable.Offset) * 8;
                int member = -1;
                for (int i = 0; i < members.Count && member < 0; i++)
                    member = members[i].BitOffset == bits ? i : -1;
                if (member < 0 || SlotTarget(relocation, programs) is not { } target || slots.Count >= Limits.InsnsMax)
                    ReportAt(section, relocation.Offset, "a member of a structure of functions names no program");
                else
                    slots.Add(((uint)member, target));
            }
            _maps[map] = _maps[map] with { Slots = [.. slots.OrderBy(slot => slot.Index)] };
        }
    }
}
