using System.Text;
using Hachi.Btf;
using Hachi.Isa;
using Hachi.Object.Elf;
using Hachi.Uapi;

namespace Hachi.Object;

/// <summary>
/// Writes an object as clang would have made it: programs in their sections, the functions that they share in <c>.text</c>, maps described by BTF, data sections, relocations.
/// <see cref="ElfObjectReader"/>, libbpf, bpftool and llvm-objdump read it.
/// </summary>
public static class ElfObjectWriter
{
    /// <summary>The ELF file.</summary>
    public static byte[] Write(BpfObject bpf)
    {
        ArgumentNullException.ThrowIfNull(bpf);
        return new ElfWriterRun(bpf).Write();
    }

    /// <summary>The section that a program stands in: what it says itself, or what its kind is called.</summary>
    internal static string SectionOf(BpfObject bpf, ProgramSpec program) =>
        program.Section.Length > 0 ? program.Section
        : SectionNames.For(program.Type) is { } name ? name
        : bpf.Programs.Length == 1 ? ".text" : "prog/" + program.Name;
}

/// <summary>One writing of one object.</summary>
internal sealed class ElfWriterRun(BpfObject bpf)
{
    private const uint RelocWide = 1, RelocPointer = 2, RelocCall = 10;
    private const ulong StructOpsBytesMax = 1 << 20;

    /// <summary>A function of a program: its slots, and where it was put.</summary>
    private sealed class Piece(string name, int start, int length, bool isGlobal)
    {
        public string Name => name;

        public int Start => start;

        public int Length => length;

        public bool IsGlobal => isGlobal;

        public int Section { get; set; }

        public int Slot { get; set; }

        public int Symbol { get; set; }

        public bool IsLocal { get; set; }
    }

    private readonly ElfImage _image = new();
    private readonly int[] _mapSymbols = new int[bpf.Maps.Length], _newIndex = new int[bpf.Maps.Length];
    private readonly bool[] _isData = new bool[bpf.Maps.Length];
    private readonly List<(string Name, List<Insn> Code, int Index)> _codeSections = [];
    private readonly Dictionary<string, int> _programSymbols = [];

    public byte[] Write()
    {
        var programs = bpf.Programs.Select(program => (Program: program, Pieces: PiecesOf(program))).ToList();
        Place(programs.ConvertAll(each => (ElfObjectWriter.SectionOf(bpf, each.Program), each.Pieces)));
        foreach ((ProgramSpec program, List<Piece> pieces) in programs)
            foreach (Piece piece in pieces)
            {
                bool isFirst = piece == pieces[0];
                byte info = isFirst || piece.IsGlobal && _codeSections[piece.Section].Name != ElfObjectWriter.SectionOf(bpf, program) ? ElfImage.GlobalFunction : ElfImage.LocalFunction;
                piece.IsLocal = info == ElfImage.LocalFunction;
                piece.Symbol = _image.AddSymbol(piece.Name, info, _codeSections[piece.Section].Index, piece.Slot * (long)Insn.SizeBytes, piece.Length * (long)Insn.SizeBytes);
                if (isFirst)
                    _programSymbols.TryAdd(program.Name, piece.Symbol);
            }
        WriteMaps();
        WriteTypes(programs);
        for (int p = 0; p < programs.Count; p++)
            foreach (Piece piece in programs[p].Pieces)
                Fill(p, programs[p].Program, programs[p].Pieces, piece);
        // Sections were added empty, so that symbols could name them; their code comes now.
        foreach ((string _, List<Insn> code, int index) in _codeSections)
            _image.SetBytes(index, Insn.Encode([.. code]));
        if (bpf.License.Length > 0)
            _image.Add("license", ElfImage.Data, [.. Encoding.UTF8.GetBytes(bpf.License), 0]);
        if (bpf.KernelVersion != 0)
            _image.Add("version", ElfImage.Data, BitConverter.GetBytes(bpf.KernelVersion));
        return _image.ToArray();
    }

    // Functions begin where the object says, and where calls and references lead.
    private static List<Piece> PiecesOf(ProgramSpec program)
    {
        var starts = new SortedDictionary<int, (string Name, bool IsGlobal)> { [0] = (program.Name, true) };
        ReadOnlySpan<Insn> insns = program.Insns.AsSpan();
        foreach (FunctionSpec function in program.Functions)
            if (function.Start > 0 && function.Start < insns.Length)
                starts.TryAdd(function.Start, (function.Name, function.IsGlobal));
        for (int i = 0; i < insns.Length; i++)
        {
            if (IsLink(insns[i]) && Validity.TargetOf(insns[i], i) is { } target && target > 0 && target < insns.Length)
                starts.TryAdd((int)target, ($"{program.Name}_{target}", false));
            i += insns[i].IsWide ? 1 : 0;
        }
        int[] at = [.. starts.Keys, insns.Length];
        return [.. starts.Select((start, i) => new Piece(start.Value.Name, start.Key, at[i + 1] - start.Key, start.Value.IsGlobal))];
    }

    private static bool IsLink(in Insn insn) =>
        insn.Opcode == (Opcode.Jmp | Opcode.Call) && insn.Src == Pseudo.Call || insn.IsWide && insn.Src == Pseudo.Func;

    private void Place(List<(string Section, List<Piece> Pieces)> programs)
    {
        foreach ((string section, List<Piece> pieces) in programs)
            foreach (Piece piece in pieces)
            {
                string name = piece == pieces[0] ? section : ".text";
                int index = _codeSections.FindIndex(each => each.Name == name);
                if (index < 0)
                {
                    index = _codeSections.Count;
                    _codeSections.Add((name, [], _image.Add(name, ElfImage.Code, [])));
                }
                (piece.Section, piece.Slot) = (index, _codeSections[index].Code.Count);
                for (int i = 0; i < piece.Length; i++)
                    _codeSections[index].Code.Add(default);
            }
    }

    private void Fill(int index, ProgramSpec program, List<Piece> pieces, Piece piece)
    {
        List<Insn> code = _codeSections[piece.Section].Code;
        int section = _codeSections[piece.Section].Index;
        Dictionary<int, int> externs = ExternsOf(index);
        for (int i = 0; i < piece.Length; i++)
        {
            int slot = piece.Start + i;
            Insn insn = program.Insns[slot];
            bool isWide = insn.IsWide && i + 1 < piece.Length;
            Insn second = isWide ? program.Insns[slot + 1] : default;
            long offset = (piece.Slot + i) * (long)Insn.SizeBytes;
            if (externs.TryGetValue(slot, out int symbol))
            {
                _image.Relocate(section, offset, isWide ? RelocWide : RelocCall, symbol);
                insn = isWide ? insn with { Imm = 0 } : insn with { Src = Pseudo.Call, Imm = -1 };
            }
            else if (IsLink(insn) && pieces.Find(each => each.Start == Validity.TargetOf(insn, slot)) is { } target)
            {
                // As clang does: global functions by their symbols, local ones by their section and a distance from its start.
                int from = target.IsLocal ? target.Slot : 0;
                _image.Relocate(section, offset, isWide ? RelocWide : RelocCall, target.IsLocal ? SectionSymbol(target.Section) : target.Symbol);
                insn = insn with { Imm = isWide ? from * Insn.SizeBytes : from - 1 };
            }
            else if (isWide && insn.Src is Pseudo.MapIdx or Pseudo.MapIdxValue && (uint)insn.Imm < (uint)bpf.Maps.Length)
                (insn, second) = MapReference(section, offset, insn, second);
            code[piece.Slot + i] = insn;
            if (isWide)
                code[piece.Slot + ++i] = second;
        }
    }

    private (Insn First, Insn Second) MapReference(int section, long offset, in Insn first, in Insn second)
    {
        bool isValue = first.Src == Pseudo.MapIdxValue;
        if (isValue != _isData[first.Imm])
            return (first with { Imm = _newIndex[first.Imm] }, second); // no relocation says this
        _image.Relocate(section, offset, RelocWide, _mapSymbols[first.Imm]);
        return (first with { Src = 0, Imm = isValue ? second.Imm : 0 }, second with { Imm = 0 });
    }

    private int SectionSymbol(int section)
    {
        if (!_sectionSymbols.TryGetValue(section, out int symbol))
            _sectionSymbols[section] = symbol = _image.AddSymbol("", ElfImage.LocalSection, _codeSections[section].Index, 0, 0);
        return symbol;
    }

    private readonly Dictionary<string, int> _externSymbols = [];
    private readonly Dictionary<int, int> _sectionSymbols = [];

    private Dictionary<int, int> ExternsOf(int program)
    {
        var found = new Dictionary<int, int>();
        foreach (ExternSpec each in bpf.Externs)
            foreach ((int user, int slot) in each.Uses)
            {
                if (user != program)
                    continue;
                if (!_externSymbols.TryGetValue(each.Name, out int symbol))
                    _externSymbols[each.Name] = symbol = _image.AddSymbol(each.Name, each.IsWeak ? ElfImage.WeakUndefined : ElfImage.Undefined, 0, 0, 0);
                found[slot] = symbol;
            }
        return found;
    }

    private void WriteMaps()
    {
        int next = 0;
        bool[] isApart = new bool[bpf.Maps.Length];
        for (int i = 0; i < bpf.Maps.Length; i++)
        {
            _isData[i] = bpf.Maps[i] is { Type: MapType.Array, KeySize: 4, MaxEntries: 1 } map && ElfObjectRun.IsDataName(map.Name);
            isApart[i] = _isData[i] || bpf.Maps[i].Type == MapType.StructOps;
            _newIndex[i] = isApart[i] ? 0 : next++;
        }
        for (int i = 0; i < bpf.Maps.Length; i++)
            if (_isData[i])
            {
                MapSpec map = bpf.Maps[i];
                _newIndex[i] = next++;
                int flags = map.IsFrozen ? ElfImage.Constants : ElfImage.Data;
                int section = map.Data.IsEmpty && map.Name.StartsWith(".bss", StringComparison.Ordinal)
                    ? _image.AddZeros(map.Name, map.ValueSize)
                    : _image.Add(map.Name, flags, Padded(map));
                _mapSymbols[i] = _image.AddSymbol("", ElfImage.LocalSection, section, 0, 0);
            }
        WriteStructOps(ref next);
        var layout = ElfMapLayout.Of(bpf, isApart);
        if (layout.SizeBytes > 0)
        {
            int section = _image.Add(".maps", ElfImage.Data, new byte[layout.SizeBytes]);
            foreach ((int map, long offset, long size, long values) in layout.Places)
            {
                _mapSymbols[map] = _image.AddSymbol(bpf.Maps[map].Name, ElfImage.GlobalObject, section, offset, size);
            }
            foreach ((int map, long _, long _, long values) in layout.Places)
                foreach ((uint slot, string name) in bpf.Maps[map].Slots)
                    if (SymbolOf(name) is { } symbol && slot < Math.Min(bpf.Maps[map].MaxEntries, ElfMapLayout.SlotsMax))
                        _image.Relocate(section, values + slot * 8L, RelocPointer, symbol);
        }
        _btf = layout.Btf;
    }

    // Structures of functions lie where the object's types say, in sections of their own; an object without types cannot have them in a file.
    private void WriteStructOps(ref int next)
    {
        if (!bpf.Maps.Any(map => map.Type == MapType.StructOps) || !BtfReader.TryRead(bpf.Btf.AsMemory(), out BtfTypes? types, out _))
            return;
        foreach (string name in (ReadOnlySpan<string>)[ElfObjectRun.StructOpsSection, ElfObjectRun.StructOpsLinkSection])
        {
            BtfVariable[] variables = [.. types!.VariablesOf(types.Find(BtfKind.Datasec, name)).Where(each => IndexOf(types.NameOf(each.Var)) >= 0)];
            ulong size = variables.Length == 0 ? 0 : variables.Max(each => each.Offset + (ulong)bpf.Maps[IndexOf(types.NameOf(each.Var))].ValueSize);
            if (size is 0 or > StructOpsBytesMax)
                continue;
            byte[] bytes = new byte[size];
            int section = _image.Add(name, ElfImage.Data, bytes);
            foreach (BtfVariable variable in variables)
            {
                int index = IndexOf(types.NameOf(variable.Var));
                MapSpec map = bpf.Maps[index];
                map.Data.AsSpan()[..Math.Min(map.Data.Length, (int)map.ValueSize)].CopyTo(bytes.AsSpan((int)variable.Offset));
                _newIndex[index] = next++;
                _mapSymbols[index] = _image.AddSymbol(map.Name, ElfImage.GlobalObject, section, variable.Offset, map.ValueSize);
                IReadOnlyList<BtfMember> members = types.MembersOf(types.Resolve(map.ValueType));
                foreach ((uint member, string program) in map.Slots)
                    if (member < (uint)members.Count && variable.Offset + members[(int)member].BitOffset / 8ul + 8 <= size && _programSymbols.TryGetValue(program, out int symbol))
                        _image.Relocate(section, variable.Offset + members[(int)member].BitOffset / 8, RelocPointer, symbol);
            }
            _image.SetBytes(section, bytes);
        }

        int IndexOf(string name)
        {
            for (int i = 0; i < bpf.Maps.Length; i++)
                if (bpf.Maps[i].Name == name && bpf.Maps[i].Type == MapType.StructOps)
                    return i;
            return -1;
        }
    }

    private byte[] _btf = [];

    // .BTF, and .BTF.ext where there is something for it, which counts by places in the new sections.
    private void WriteTypes(List<(ProgramSpec Program, List<Piece> Pieces)> programs)
    {
        bool isKnown = BtfReader.TryRead(bpf.Btf.AsMemory(), out _, out _) & BtfReader.TryRead(_btf, out BtfTypes? types, out _);
        bool isTold = programs.Exists(each => !each.Program.Lines.IsEmpty || !each.Program.CoreRelocations.IsEmpty || each.Program.Functions.Any(function => function.BtfType != 0));
        byte[] ext = [];
        if (isKnown && isTold)
        {
            var writer = new BtfWriter(types!, isSplit: false);
            int before = writer.StringBytes;
            ext = Information(programs).Write(writer.String);
            _btf = writer.StringBytes > before ? writer.ToArray() : _btf;
        }
        if (_btf.Length > 0)
            _image.Add(".BTF", ElfImage.Information, _btf);
        if (ext.Length > 0)
            _image.Add(".BTF.ext", ElfImage.Information, ext);
    }

    private BtfExt Information(List<(ProgramSpec Program, List<Piece> Pieces)> programs)
    {
        var ext = new BtfExt();
        foreach ((ProgramSpec program, List<Piece> pieces) in programs)
        {
            int[] starts = [.. pieces.Select(piece => piece.Start)];
            foreach (FunctionSpec function in program.Functions)
                if (function.BtfType != 0 && Moved(function.Start) is { } to && starts.AsSpan().BinarySearch(function.Start) >= 0)
                    Of(ext.Functions, to.Section).Add(new FuncInfo(to.Slot, function.BtfType));
            foreach (LineInfo line in program.Lines)
                if (Moved(line.Slot) is { } to)
                    Of(ext.Lines, to.Section).Add(line with { Slot = to.Slot });
            foreach (CoreRelocation relocation in program.CoreRelocations)
                if (Moved(relocation.Slot) is { } to)
                    Of(ext.Relocations, to.Section).Add(relocation with { Slot = to.Slot });

            (string Section, int Slot)? Moved(int slot)
            {
                if ((uint)slot >= (uint)program.Insns.Length)
                    return null;
                int found = starts.AsSpan().BinarySearch(slot);
                Piece piece = pieces[found < 0 ? ~found - 1 : found];
                return (_codeSections[piece.Section].Name, piece.Slot + slot - piece.Start);
            }
        }
        return ext;

        static List<T> Of<T>(SortedDictionary<string, List<T>> all, string section) => all.TryGetValue(section, out List<T>? items) ? items : all[section] = [];
    }

    private int? SymbolOf(string name)
    {
        for (int i = 0; i < bpf.Maps.Length; i++)
            if (bpf.Maps[i].Name == name && !_isData[i])
                return _mapSymbols[i];
        return _programSymbols.TryGetValue(name, out int symbol) ? symbol : null;
    }

    private static byte[] Padded(MapSpec map)
    {
        byte[] bytes = new byte[Math.Max(map.Data.Length, (int)Math.Min(map.ValueSize, int.MaxValue / 2))];
        map.Data.CopyTo(bytes);
        return bytes;
    }
}
