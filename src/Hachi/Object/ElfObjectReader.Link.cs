using System.Runtime.InteropServices;
using Hachi.Btf;
using Hachi.Isa;
using Hachi.Object.Elf;
using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Object;

// Functions, their relocations, and programs: each carries the functions that it reaches.
internal sealed partial class ElfObjectRun
{
    // Slots of all programs together; each carries its own copies of shared functions.
    private const int SlotsMax = 4 * Limits.InsnsMax;
    private const uint RelocWide = 1, RelocCall = 10;

    /// <summary>A function of the file; its code is prepared when a program reaches it.</summary>
    private sealed class Function(string name, int section, int start, int length, bool isGlobal)
    {
        public string Name => name;

        public int Section => section;

        public int Start => start;

        public int Length => length;

        public bool IsGlobal => isGlobal;

        public Insn[]? Code { get; set; }

        /// <summary>Calls and references: slot, and the function it leads to.</summary>
        public List<(int Slot, int Target)> Links { get; } = [];

        public List<(int Slot, string Extern)> Externs { get; } = [];
    }

    /// <summary>A program in the making.</summary>
    private sealed record Linked(Insn[] Insns, List<FunctionSpec> Functions, List<LineInfo> Lines, List<CoreRelocation> Relocations);

    private sealed class ExternUses(string name, ExternKind kind, bool isWeak, uint btfType)
    {
        public string Name => name;

        public ExternKind Kind => kind;

        public bool IsWeak => isWeak;

        public uint BtfType => btfType;

        public List<(int Program, int Slot)> Places { get; } = [];
    }

    private readonly List<Function> _functions = [];
    private readonly Dictionary<(int Section, int Slot), int> _functionAt = [];
    private readonly Dictionary<string, ExternUses> _externs = [];
    private readonly Dictionary<int, Dictionary<ulong, ElfRelocation>> _relocations = [];

    private void FindFunctions()
    {
        ILookup<int, ElfSymbol> named = elf.Symbols.Where(symbol => symbol.IsFunction).ToLookup(symbol => symbol.Section);
        for (int i = 0; i < elf.Sections.Length; i++)
        {
            ElfSection section = elf.Sections[i];
            if (!section.IsCode)
                continue;
            if (section.Size % Insn.SizeBytes != 0 || section.Size > (ulong)Limits.InsnsMax * Insn.SizeBytes)
            {
                Report(DiagnosticTable.ElfOddCode, section.Name, section.Size);
                continue;
            }
            int slots = (int)(section.Size / Insn.SizeBytes);
            var relocations = new Dictionary<ulong, ElfRelocation>();
            foreach (ElfRelocation relocation in elf.RelocationsOf(i))
                if (relocation.Type != 0)
                    relocations[relocation.Offset] = relocation;
            _relocations[i] = relocations;
            // Of several names for one place the first global one counts.
            ElfSymbol[] symbols = [.. named[i].Where(symbol => symbol.Value < section.Size && symbol.Value % Insn.SizeBytes == 0)
                .OrderBy(symbol => symbol.Value).ThenBy(symbol => !symbol.IsGlobal).DistinctBy(symbol => symbol.Value)];
            if (symbols.Length == 0)
                AddFunction(new Function(section.Name, i, 0, slots, isGlobal: true));
            for (int k = 0; k < symbols.Length; k++)
            {
                int start = (int)(symbols[k].Value / Insn.SizeBytes), next = k + 1 < symbols.Length ? (int)(symbols[k + 1].Value / Insn.SizeBytes) : slots;
                int size = symbols[k].Size is > 0 and ulong bytes && bytes / Insn.SizeBytes < (ulong)(next - start) ? (int)(bytes / Insn.SizeBytes) : next - start;
                AddFunction(new Function(symbols[k].Name, i, start, Math.Max(size, 1), symbols[k].IsGlobal));
            }
        }
    }

    private void AddFunction(Function function)
    {
        _functionAt[(function.Section, function.Start)] = _functions.Count;
        _functions.Add(function);
    }

    private List<ProgramSpec> LinkPrograms()
    {
        var programs = new List<ProgramSpec>();
        bool hasOthers = _functions.Exists(function => function.IsGlobal && elf.Sections[function.Section].Name != TextSection);
        var names = new HashSet<string>();
        int total = 0;
        for (int i = 0; i < _functions.Count; i++)
        {
            Function function = _functions[i];
            string section = elf.Sections[function.Section].Name;
            bool isEntry = function.IsGlobal && (section != TextSection || !hasOthers);
            if (!isEntry)
            {
                if (section != TextSection)
                    Report(DiagnosticTable.LinkStaticProgram, function.Name, section);
                continue;
            }
            SectionMeaning? meaning = SectionNames.Find(section);
            if (meaning is null && section != TextSection)
                Report(DiagnosticTable.LinkSection, section);
            if (Link(i, programs.Count, ref total) is not { } linked)
                continue;
            string name = names.Add(function.Name) ? function.Name : $"{function.Name}.{programs.Count}";
            programs.Add(new ProgramSpec(name, meaning?.Type ?? ProgramType.Unspec, ImmutableCollectionsMarshal.AsImmutableArray(linked.Insns))
            {
                Section = section,
                AttachType = meaning?.AttachType,
                Flags = meaning?.Flags ?? 0,
                Functions = [.. linked.Functions],
                Lines = [.. linked.Lines],
                CoreRelocations = [.. linked.Relocations],
            });
        }
        if (programs.Count == 0)
            Report(DiagnosticTable.LinkNoPrograms);
        return programs;
    }

    // The function and all that it reaches, in the order in which they are met.
    private Linked? Link(int entry, int program, ref int total)
    {
        var order = new List<int> { entry };
        var starts = new Dictionary<int, int> { [entry] = 0 };
        int length = 0;
        for (int k = 0; k < order.Count; k++)
        {
            Function function = _functions[order[k]];
            starts[order[k]] = length;
            length += function.Length;
            total += function.Length;
            if (total > SlotsMax)
            {
                Report(DiagnosticTable.LinkTooLarge, SlotsMax);
                return null;
            }
            Prepare(function);
            foreach ((int _, int target) in function.Links)
                if (starts.TryAdd(target, 0))
                    order.Add(target);
        }
        var insns = new Insn[length];
        var linked = new Linked(insns, [], [], []);
        foreach (int index in order)
        {
            Function function = _functions[index];
            int start = starts[index];
            function.Code!.CopyTo(insns, start);
            foreach ((int slot, int target) in function.Links)
                insns[start + slot] = insns[start + slot] with { Imm = starts[target] - (start + slot) - 1 };
            foreach ((int slot, string name) in function.Externs)
                _externs[name].Places.Add((program, start + slot));
            AddInformation(linked, function, start);
        }
        return linked;
    }

    // What .BTF.ext says of a function, counted from the start of the program.
    private void AddInformation(Linked linked, Function function, int start)
    {
        string section = elf.Sections[function.Section].Name;
        int distance = start - function.Start;
        uint type = Within(_ext.Functions, section, function) is [var first, ..] && first.Slot == function.Start ? first.Type : 0;
        linked.Functions.Add(new FunctionSpec(function.Name, start, function.IsGlobal) { BtfType = type });
        foreach (LineInfo line in Within(_ext.Lines, section, function))
            linked.Lines.Add(line with { Slot = line.Slot + distance });
        foreach (CoreRelocation relocation in Within(_ext.Relocations, section, function))
            linked.Relocations.Add(relocation with { Slot = relocation.Slot + distance });
    }

    private static ReadOnlySpan<T> Within<T>(IReadOnlyDictionary<string, List<T>> all, string section, Function function)
        where T : IAtSlot
    {
        if (!all.TryGetValue(section, out List<T>? items))
            return [];
        ReadOnlySpan<T> span = CollectionsMarshal.AsSpan(items);
        int first = FirstFrom(span, function.Start);
        return span[first..FirstFrom(span, function.Start + function.Length)];
    }

    private static int FirstFrom<T>(ReadOnlySpan<T> items, int slot)
        where T : IAtSlot
    {
        int low = 0, high = items.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (items[middle].Slot < slot)
                low = middle + 1;
            else
                high = middle;
        }
        return low;
    }

    private void Prepare(Function function)
    {
        if (function.Code is not null)
            return;
        ReadOnlySpan<byte> bytes = elf.BytesOf(elf.Sections[function.Section]).Slice(function.Start * Insn.SizeBytes, function.Length * Insn.SizeBytes);
        _ = Insn.TryDecode(bytes, out Insn[] code);
        function.Code = code;
        Dictionary<ulong, ElfRelocation> relocations = _relocations[function.Section];
        for (int slot = 0; slot < code.Length; slot++)
        {
            Insn insn = code[slot];
            ulong offset = (ulong)(function.Start + slot) * Insn.SizeBytes;
            bool isWide = insn.IsWide && slot + 1 < code.Length;
            if (relocations.TryGetValue(offset, out ElfRelocation relocation))
                Relocate(function, slot, offset, relocation);
            else if (insn.Opcode == (Opcode.Jmp | Opcode.Call) && insn.Src == Pseudo.Call || isWide && insn.Src == Pseudo.Func)
                AddLink(function, slot, function.Section, function.Start + slot + 1L + insn.Imm);
            else if (Validity.TargetOf(insn, slot) is { } target && (target < 0 || target >= code.Length))
                ReportAt(function.Section, offset, $"a jump leaves function '{function.Name}'");
            slot += isWide ? 1 : 0;
        }
    }

    private void Relocate(Function function, int slot, ulong offset, in ElfRelocation relocation)
    {
        Insn insn = function.Code![slot];
        if ((uint)relocation.Symbol >= elf.Symbols.Length)
        {
            ReportAt(function.Section, offset, "its relocation names no symbol");
            return;
        }
        ElfSymbol symbol = elf.Symbols[relocation.Symbol];
        bool isCall = insn.Opcode == (Opcode.Jmp | Opcode.Call), isWide = insn.IsWide && slot + 1 < function.Code.Length;
        if (relocation.Type == RelocCall && isCall)
            RelocateCall(function, slot, symbol);
        else if (relocation.Type == RelocWide && isWide)
            RelocateWide(function, slot, offset, symbol, insn.Imm + relocation.Addend);
        else
            ReportAt(function.Section, offset, $"relocation of type {relocation.Type} on an instruction that cannot have it");
    }

    private void RelocateCall(Function function, int slot, in ElfSymbol symbol)
    {
        ref Insn insn = ref function.Code![slot];
        if (symbol.Section == ElfSymbol.Undefined)
        {
            insn = insn with { Src = Pseudo.KfuncCall, Imm = 0, Offset = 0 };
            UseExtern(function, slot, symbol, ExternKind.Kfunc);
            return;
        }
        insn = insn with { Src = Pseudo.Call };
        AddLink(function, slot, symbol.Section, (long)(symbol.Value / Insn.SizeBytes) + insn.Imm + 1);
    }

    private void RelocateWide(Function function, int slot, ulong offset, in ElfSymbol symbol, long addend)
    {
        ref Insn first = ref function.Code![slot], second = ref function.Code[slot + 1];
        if (symbol.Section == ElfSymbol.Undefined)
        {
            UseExtern(function, slot, symbol, ExternKind.Ksym);
            return;
        }
        if ((uint)symbol.Section >= elf.Sections.Length)
        {
            ReportAt(function.Section, offset, $"'{symbol.Name}' stands in no section");
            return;
        }
        ulong place = symbol.Value + (ulong)addend;
        if (_mapAt.TryGetValue((symbol.Section, place), out int map))
        {
            first = first with { Src = Pseudo.MapIdx, Imm = map };
            second = second with { Imm = 0 };
        }
        else if (_dataMaps.TryGetValue(symbol.Section, out int data))
        {
            first = first with { Src = Pseudo.MapIdxValue, Imm = data };
            second = second with { Imm = (int)place };
        }
        else if (elf.Sections[symbol.Section].IsCode && place % Insn.SizeBytes == 0 && place < elf.Sections[symbol.Section].Size)
        {
            first = first with { Src = Pseudo.Func };
            second = second with { Imm = 0 };
            AddLink(function, slot, symbol.Section, (long)(place / Insn.SizeBytes));
        }
        else
        {
            string name = symbol.Name.Length > 0 ? symbol.Name : elf.Sections[symbol.Section].Name;
            ReportAt(function.Section, offset, $"'{name}' is neither map, data nor function");
        }
    }

    private void AddLink(Function function, int slot, int section, long target)
    {
        if (target is >= 0 and <= int.MaxValue && _functionAt.TryGetValue((section, (int)target), out int found))
        {
            function.Links.Add((slot, found));
            return;
        }
        string where = (uint)section < elf.Sections.Length ? $"slot {target} of section '{elf.Sections[section].Name}'" : "no section";
        Report(DiagnosticTable.LinkCall, elf.Sections[function.Section].Name, function.Start + slot, where);
    }

    private void UseExtern(Function function, int slot, in ElfSymbol symbol, ExternKind kind)
    {
        function.Externs.Add((slot, symbol.Name));
        if (_externs.ContainsKey(symbol.Name))
            return;
        uint type = 0;
        if (_types is not null)
        {
            type = _types.Find(kind == ExternKind.Kfunc ? BtfKind.Func : BtfKind.Var, symbol.Name);
            uint options = _types.Find(BtfKind.Datasec, ".kconfig");
            if (options != 0 && type != 0 && _types.VariablesOf(options).Any(variable => variable.Var == type))
                kind = ExternKind.Kconfig;
        }
        _externs.Add(symbol.Name, new ExternUses(symbol.Name, kind, symbol.IsWeak, type));
    }
}
