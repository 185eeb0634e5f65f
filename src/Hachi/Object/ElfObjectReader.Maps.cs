using System.Buffers.Binary;
using System.Collections.Immutable;
using Hachi.Btf;
using Hachi.Object.Elf;
using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Object;

// Maps: from .maps, described by BTF; from the older `maps`, an array of struct bpf_map_def; and of data sections.
internal sealed partial class ElfObjectRun
{
    private const int MapsMax = 4096;

    private void ReadMaps()
    {
        if (elf.Find(MapsSection) is >= 0 and int maps)
            ReadBtfMaps(maps);
        if (elf.Find(OldMapsSection) is >= 0 and int old)
            ReadOldMaps(old);
        for (int i = 0; i < elf.Sections.Length && _maps.Count < MapsMax; i++)
            if (elf.Sections[i] is { IsAllocated: true, Size: > 0, Type: ElfSection.ProgBits or ElfSection.NoBits } section && IsDataName(section.Name))
                AddDataMap(i, section);
        ReadStructOps();
    }

    /// <summary>Whether sections of that name hold data, which become maps.</summary>
    internal static bool IsDataName(string name) =>
        name is ".data" or ".rodata" or ".bss" || name.StartsWith(".data.", StringComparison.Ordinal) || name.StartsWith(".rodata.", StringComparison.Ordinal)
        || name.StartsWith(".bss.", StringComparison.Ordinal);

    private void AddDataMap(int index, in ElfSection section)
    {
        if (section.Size > int.MaxValue)
        {
            Report(DiagnosticTable.LinkMap, section.Name, $"{section.Size} bytes are too many");
            return;
        }
        bool isReadOnly = section.Name.StartsWith(".rodata", StringComparison.Ordinal);
        _dataMaps[index] = _maps.Count;
        _maps.Add(new MapSpec(UniqueName(section.Name), MapType.Array, 4, (uint)section.Size, 1)
        {
            Data = elf.BytesOf(section).ContainsAnyExcept((byte)0) ? ImmutableArray.Create(elf.BytesOf(section)) : [],
            IsFrozen = isReadOnly,
            Flags = isReadOnly ? (uint)MapFlags.RdonlyProg : 0,
            ValueType = _types?.Find(BtfKind.Datasec, section.Name) ?? 0,
        });
        foreach (ElfRelocation relocation in elf.RelocationsOf(index))
            if (relocation.Type != 0)
            {
                Report(DiagnosticTable.LinkDataPointer, section.Name, relocation.Offset);
                break;
            }
    }

    // Sections may share a name; maps may not.
    private string UniqueName(string name)
    {
        return _maps.Exists(map => map.Name == name) ? $"{name}.{_maps.Count}" : name;
    }

    private void ReadBtfMaps(int section)
    {
        uint datasec = _types?.Find(BtfKind.Datasec, MapsSection) ?? 0;
        if (datasec == 0)
        {
            Report(DiagnosticTable.ElfNoBtf);
            return;
        }
        foreach (BtfVariable variable in _types!.VariablesOf(datasec).OrderBy(variable => variable.Offset))
        {
            string name = _types.NameOf(variable.Var);
            bool isMap = _types[variable.Var].Kind == BtfKind.Var && _types[_types.Resolve(_types[variable.Var].SizeOrType)].Kind == BtfKind.Struct;
            bool isNew = !_mapAt.ContainsKey((section, variable.Offset)) && !_maps.Exists(map => map.Name == name) && _maps.Count < MapsMax;
            if (!isMap || !isNew)
            {
                Report(DiagnosticTable.LinkMap, name, isMap ? "there are two of it, or too many maps" : "it is no structure");
                continue;
            }
            _mapAt[(section, variable.Offset)] = _maps.Count;
            var reader = new BtfMapReader(_types, name);
            MapSpec map = reader.Read(_types.Resolve(_types[variable.Var].SizeOrType));
            if (reader.Wrong is not null)
                Report(DiagnosticTable.LinkMap, name, reader.Wrong);
            _maps.Add(map);
            if (reader.ValuesOffset is { } values)
                _valuesOf.Add((_maps.Count - 1, section, variable.Offset + values));
        }
    }

    private readonly List<(int Map, int Section, ulong Offset)> _valuesOf = [];

    // `.values = { [1] = &inner, … }` is a relocation for each slot; what it names may be a map defined later, or a program.
    private void FillSlots(List<ProgramSpec> programs)
    {
        if (_valuesOf.Count == 0)
            return;
        ElfRelocation[] relocations = [.. elf.RelocationsOf(_valuesOf[0].Section).Where(relocation => relocation.Type != 0).OrderBy(relocation => relocation.Offset)];
        ulong[] offsets = Array.ConvertAll(relocations, relocation => relocation.Offset);
        ulong[] starts = [.. _mapAt.Keys.Where(at => at.Section == _valuesOf[0].Section).Select(at => at.Value).Order()];
        foreach ((int map, int section, ulong start) in _valuesOf)
        {
            int next = Array.BinarySearch(starts, start), first = Array.BinarySearch(offsets, start);
            next = next < 0 ? ~next : next + 1;
            ulong end = Math.Min(start + _maps[map].MaxEntries * 8ul, next < starts.Length ? starts[next] : ulong.MaxValue);
            var slots = new List<(uint Index, string Name)>();
            for (int i = first < 0 ? ~first : first; i < relocations.Length && relocations[i].Offset < end; i++)
            {
                ElfRelocation relocation = relocations[i];
                string? target = SlotTarget(relocation, programs);
                if (target is null)
                    ReportAt(section, relocation.Offset, "a slot of a map names neither a map nor a program");
                else
                    slots.Add(((uint)((relocation.Offset - start) / 8), target));
            }
            _maps[map] = _maps[map] with { Slots = [.. slots.OrderBy(slot => slot.Index)] };
        }
    }

    private string? SlotTarget(in ElfRelocation relocation, List<ProgramSpec> programs)
    {
        if ((uint)relocation.Symbol >= elf.Symbols.Length)
            return null;
        ElfSymbol symbol = elf.Symbols[relocation.Symbol];
        if (_mapAt.TryGetValue((symbol.Section, symbol.Value), out int inner))
            return _maps[inner].Name;
        return symbol.IsFunction ? programs.Find(program => program.Name == symbol.Name)?.Name : null;
    }

    // struct bpf_map_def { unsigned type, key_size, value_size, max_entries, map_flags; } and perhaps more that must be zero; the section's size over its symbols says how long.
    private void ReadOldMaps(int section)
    {
        ReadOnlySpan<byte> bytes = elf.BytesOf(elf.Sections[section]);
        ElfSymbol[] symbols = [.. elf.Symbols.Where(symbol => symbol.Section == section && !symbol.IsSection && symbol.Name.Length > 0).OrderBy(symbol => symbol.Value)];
        if (symbols.Length == 0)
            return;
        int each = bytes.Length / symbols.Length;
        foreach (ElfSymbol symbol in symbols)
        {
            bool fits = each >= 20 && symbol.Value <= (ulong)bytes.Length - (ulong)each;
            bool isNew = !_mapAt.ContainsKey((section, symbol.Value)) && !_maps.Exists(map => map.Name == symbol.Name) && _maps.Count < MapsMax;
            if (!fits || !isNew)
            {
                Report(DiagnosticTable.LinkMap, symbol.Name, fits ? "there are two of it, or too many maps" : "its definition is cut");
                continue;
            }
            ReadOnlySpan<byte> at = bytes.Slice((int)symbol.Value, each);
            _mapAt[(section, symbol.Value)] = _maps.Count;
            _maps.Add(new MapSpec(symbol.Name, (MapType)Word(at, 0), Word(at, 4), Word(at, 8), Word(at, 12)) { Flags = Word(at, 16) });
            if (at[20..].ContainsAnyExcept((byte)0))
                Report(DiagnosticTable.LinkMap, symbol.Name, "its definition has members that are not known");
        }
    }

    private static uint Word(ReadOnlySpan<byte> from, int at) => BinaryPrimitives.ReadUInt32LittleEndian(from[at..]);
}
