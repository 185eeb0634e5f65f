using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text;
using Hachi.Btf;
using Hachi.Isa;
using Hachi.Object.Elf;
using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Object;

/// <summary>What a reader made of a file or text.</summary>
/// <param name="Object">The object; null when there are errors.</param>
/// <param name="Diagnostics">What it has to say.</param>
public sealed record ObjectRead(BpfObject? Object, IReadOnlyList<Diagnostic> Diagnostics)
{
    /// <summary>Whether there is an object.</summary>
    public bool Success => Object is not null;

    /// <summary>Of an object that was read from text: where each slot of each program comes from. Otherwise empty.</summary>
    public IReadOnlyList<TextSpan[]> Origins { get; init; } = [];
}

/// <summary>
/// ELF objects as <c>clang -target bpf -c</c> makes them: programs by section, each with the functions that it reaches; maps from <c>.maps</c> (described by BTF),
/// <c>maps</c> (older), structures of functions (<c>.struct_ops</c>) and data sections; licence, version, BTF.
/// </summary>
public static class ElfObjectReader
{
    /// <summary>Whether a file begins as ELF files do.</summary>
    public static bool IsElf(ReadOnlySpan<byte> file) => ElfFile.IsElf(file);

    /// <summary>Reads an object. Nothing throws: what cannot be read is a diagnostic, whose message names the section and the offset.</summary>
    public static ObjectRead Read(ReadOnlySpan<byte> file)
    {
        var diagnostics = new List<Diagnostic>();
        BpfObject? read = ElfFile.Read(file, diagnostics) is { } elf ? new ElfObjectRun(elf, diagnostics).Read() : null;
        return new ObjectRead(diagnostics.Exists(diagnostic => diagnostic.Severity == Severity.Error) ? null : read, diagnostics);
    }

    /// <summary>The executable sections as they stand, nothing linked; empty when the file is no BPF object or is damaged (then with diagnostics).</summary>
    public static IReadOnlyList<(string Name, Insn[] Insns)> ReadSections(ReadOnlySpan<byte> file, out IReadOnlyList<Diagnostic> diagnostics)
    {
        var found = new List<Diagnostic>();
        diagnostics = found;
        var sections = new List<(string, Insn[])>();
        if (ElfFile.Read(file, found) is not { } elf)
            return sections;
        foreach (ElfSection section in elf.Sections)
            if (section.IsCode)
            {
                if (Insn.TryDecode(elf.BytesOf(section), out Insn[] insns))
                    sections.Add((section.Name, insns));
                else
                    found.Add(DiagnosticTable.ElfOddCode.At(default, section.Name, section.Size));
            }
        return sections;
    }
}

/// <summary>One reading of one file. Maps, functions and linking are in the other parts.</summary>
internal sealed partial class ElfObjectRun(ElfFile elf, List<Diagnostic> diagnostics)
{
    private const string TextSection = ".text", MapsSection = ".maps", OldMapsSection = "maps";

    private readonly List<MapSpec> _maps = [];
    private readonly Dictionary<(int Section, ulong Value), int> _mapAt = [];
    private readonly Dictionary<int, int> _dataMaps = [];
    private BtfTypes? _types;
    private BtfExt _ext = new();
    private byte[] _btf = [];

    public BpfObject? Read()
    {
        ReadBtf();
        ReadMaps();
        FindFunctions();
        List<ProgramSpec> programs = LinkPrograms();
        FillSlots(programs);
        FillStructOps(programs);
        foreach (ExternUses uses in _externs.Values)
            Report(DiagnosticTable.LinkExtern, uses.Name, uses.Kind switch
            {
                ExternKind.Kfunc => "a kernel function",
                ExternKind.Ksym => "a symbol of the kernel",
                _ => "an option of the kernel's configuration",
            });
        return new BpfObject
        {
            Programs = [.. programs],
            Maps = [.. _maps],
            Externs = [.. _externs.Values.Select(uses => new ExternSpec(uses.Name, uses.Kind) { IsWeak = uses.IsWeak, BtfType = uses.BtfType, Uses = [.. uses.Places] })],
            License = StringOf("license"),
            KernelVersion = elf.Find("version") is >= 0 and int version && elf.BytesOf(elf.Sections[version]) is { Length: >= 4 } bytes ? BinaryPrimitives.ReadUInt32LittleEndian(bytes) : 0,
            Btf = ImmutableArray.Create(_btf),
        };
    }

    private string StringOf(string section)
    {
        if (elf.Find(section) is not (>= 0 and int index))
            return "";
        ReadOnlySpan<byte> bytes = elf.BytesOf(elf.Sections[index]);
        int end = bytes.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? bytes : bytes[..end]);
    }

    // Compilers leave sizes of data sections and offsets of variables to the linker; fill them in from the symbols.
    private void ReadBtf()
    {
        if (elf.Find(".BTF") is not (>= 0 and int index))
            return;
        _btf = elf.BytesOf(elf.Sections[index]).ToArray();
        if (!BtfReader.TryRead(_btf, out _types, out string reason))
        {
            Report(DiagnosticTable.ElfBadBtf, ".BTF", reason);
            return;
        }
        var symbols = new Dictionary<string, ElfSymbol>();
        foreach (ElfSymbol symbol in elf.Symbols)
            if (symbol.Name.Length > 0 && !symbol.IsSection)
                symbols.TryAdd(symbol.Name, symbol);
        for (uint id = 1; id < _types!.Count; id++)
        {
            BtfType type = _types[id];
            if (type.Kind != BtfKind.Datasec || elf.Find(_types.NameOf(id)) is not (>= 0 and int section))
                continue;
            if (type.SizeOrType == 0)
                BinaryPrimitives.WriteUInt32LittleEndian(_btf.AsSpan(type.Tail - 4), (uint)elf.Sections[section].Size);
            foreach (BtfVariable variable in _types.VariablesOf(id))
                if (symbols.TryGetValue(_types.NameOf(variable.Var), out ElfSymbol symbol) && symbol.Section == section)
                    BinaryPrimitives.WriteUInt32LittleEndian(_btf.AsSpan(variable.At + 4), (uint)symbol.Value);
            // Kernels want them by offset.
            int at = type.Tail;
            foreach (BtfVariable variable in _types.VariablesOf(id).OrderBy(variable => variable.Offset))
            {
                BinaryPrimitives.WriteUInt32LittleEndian(_btf.AsSpan(at), variable.Var);
                BinaryPrimitives.WriteUInt32LittleEndian(_btf.AsSpan(at + 4), variable.Offset);
                BinaryPrimitives.WriteUInt32LittleEndian(_btf.AsSpan(at + 8), variable.SizeBytes);
                at += 12;
            }
        }
        if (elf.Find(".BTF.ext") is >= 0 and int ext && !BtfExt.TryRead(elf.BytesOf(elf.Sections[ext]), _types, out _ext, out reason))
            Report(DiagnosticTable.ElfBadBtf, ".BTF.ext", reason);
    }

    private void Report(DiagnosticInfo info, params ReadOnlySpan<object?> args)
    {
        if (diagnostics.Count < Limits.DiagnosticsMax)
            diagnostics.Add(info.At(default, args));
    }

    private void ReportAt(int section, ulong offset, string message) => Report(DiagnosticTable.LinkRelocation, elf.Sections[section].Name, offset, message);
}
