using System.Buffers.Binary;
using System.Text;
using Hachi.Text;

namespace Hachi.Object.Elf;

/// <summary>A section of an ELF file.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">What it holds (<c>SHT_*</c>).</param>
/// <param name="Flags">Whether it is written, allocated, executed (<c>SHF_*</c>).</param>
/// <param name="Offset">Where its bytes begin in the file.</param>
/// <param name="Size">Bytes; those of SHT_NOBITS are not in the file.</param>
/// <param name="Link">The section that it refers to.</param>
/// <param name="Info">Of relocations, the section that they change.</param>
internal readonly record struct ElfSection(string Name, uint Type, ulong Flags, ulong Offset, ulong Size, uint Link, uint Info)
{
    public const uint ProgBits = 1, SymTab = 2, StrTab = 3, Rela = 4, NoBits = 8, Rel = 9;

    public bool IsCode => Type == ProgBits && (Flags & 4) != 0 && Size > 0;

    public bool IsAllocated => (Flags & 2) != 0;
}

/// <summary>A symbol.</summary>
internal readonly record struct ElfSymbol(string Name, byte Info, int Section, ulong Value, ulong Size)
{
    public const int Undefined = 0;

    public bool IsFunction => (Info & 0xf) == 2;

    public bool IsSection => (Info & 0xf) == 3;

    public bool IsGlobal => Info >> 4 is 1 or 2;

    public bool IsWeak => Info >> 4 == 2;
}

/// <summary>A relocation: what to change where.</summary>
internal readonly record struct ElfRelocation(ulong Offset, uint Type, int Symbol, long Addend);

/// <summary>The tables of a 64-bit little-endian relocatable ELF file for BPF. Every place and length is checked against the file.</summary>
internal sealed class ElfFile
{
    private const int HeaderBytes = 64, SectionHeaderBytes = 64, SymbolBytes = 24, MachineBpf = 247, SectionsMax = 4096;

    private readonly byte[] _file;
    private readonly Dictionary<string, int> _sectionByName = [];

    private ElfFile(byte[] file) => _file = file;

    public ElfSection[] Sections { get; private set; } = [];

    public ElfSymbol[] Symbols { get; private set; } = [];

    /// <summary>Whether a file begins as ELF files do.</summary>
    public static bool IsElf(ReadOnlySpan<byte> file) => file.StartsWith("\u007fELF"u8);

    /// <summary>Reads the tables, or says what is wrong.</summary>
    public static ElfFile? Read(ReadOnlySpan<byte> file, List<Diagnostic> diagnostics)
    {
        if (!IsElf(file))
            return Fail(DiagnosticTable.ElfNotElf);
        if (file.Length < HeaderBytes)
            return Fail(DiagnosticTable.ElfDamaged, "its header is cut");
        if (file[4] != 2)
            return Fail(DiagnosticTable.ElfWrongKind, "it is a 32-bit file");
        if (file[5] != 1)
            return Fail(DiagnosticTable.ElfWrongKind, file[5] == 2 ? "it is big-endian (built for bpfeb)" : "its byte order is unknown");
        ushort type = Half(file, 16), machine = Half(file, 18);
        if (machine != MachineBpf)
            return Fail(DiagnosticTable.ElfWrongKind, $"it is for machine {machine}");
        if (type != 1)
            return Fail(DiagnosticTable.ElfWrongKind, "it is linked, not relocatable");
        var elf = new ElfFile(file.ToArray());
        string? wrong = elf.ReadSections() ?? elf.ReadSymbols();
        return wrong is null ? elf : Fail(DiagnosticTable.ElfDamaged, wrong);

        ElfFile? Fail(DiagnosticInfo info, params ReadOnlySpan<object?> args)
        {
            diagnostics.Add(info.At(default, args));
            return null;
        }
    }

    /// <summary>The bytes of a section; none for SHT_NOBITS.</summary>
    public ReadOnlySpan<byte> BytesOf(in ElfSection section) => section.Type == ElfSection.NoBits ? [] : _file.AsSpan((int)section.Offset, (int)section.Size);

    /// <summary>The first section of that name, or -1.</summary>
    public int Find(string name) => _sectionByName.GetValueOrDefault(name, -1);

    /// <summary>The relocations of a section, in the order of the file.</summary>
    public List<ElfRelocation> RelocationsOf(int section)
    {
        var found = new List<ElfRelocation>();
        foreach (ElfSection table in Sections)
        {
            if (table.Info != section || table.Type is not (ElfSection.Rel or ElfSection.Rela))
                continue;
            int each = table.Type == ElfSection.Rel ? 16 : 24;
            for (int at = (int)table.Offset, end = at + (int)table.Size; at + each <= end; at += each)
            {
                ulong info = Long(_file, at + 8);
                found.Add(new ElfRelocation(Long(_file, at), (uint)info, (int)Math.Min(info >> 32, int.MaxValue), each == 24 ? (long)Long(_file, at + 16) : 0));
            }
        }
        return found;
    }

    private string? ReadSections()
    {
        ulong at = Long(_file, 40);
        int count = Half(_file, 60), names = Half(_file, 62);
        if (Half(_file, 58) != SectionHeaderBytes || at > (ulong)_file.Length || (ulong)count * SectionHeaderBytes > (ulong)_file.Length - at || count > SectionsMax)
            return "its section table lies outside it";
        if (names >= count)
            return "it does not say where the names of its sections stand";
        var sections = new ElfSection[count];
        ulong total = 0;
        for (int i = 0; i < count; i++)
        {
            int header = (int)at + i * SectionHeaderBytes;
            sections[i] = new ElfSection("", Word(_file, header + 4), Long(_file, header + 8), Long(_file, header + 24), Long(_file, header + 32), Word(_file, header + 40), Word(_file, header + 44));
            bool fits = sections[i].Type is 0 or ElfSection.NoBits || sections[i].Offset <= (ulong)_file.Length && sections[i].Size <= (ulong)_file.Length - sections[i].Offset;
            if (!fits)
                return $"section {i} lies outside it";
            // Sections that share bytes would make a small file a large object.
            total += sections[i].Type is 0 or ElfSection.NoBits ? 0 : sections[i].Size;
            if (total > (ulong)_file.Length)
                return "its sections overlap";
        }
        ReadOnlySpan<byte> strings = BytesOf(sections[names] is { Type: not 0 } table ? table : default);
        for (int i = 0; i < count; i++)
        {
            sections[i] = sections[i] with { Name = StringAt(strings, Word(_file, (int)at + i * SectionHeaderBytes)) };
            if (sections[i].Type != 0)
                _sectionByName.TryAdd(sections[i].Name, i);
        }
        Sections = sections;
        return null;
    }

    private string? ReadSymbols()
    {
        int index = Array.FindIndex(Sections, section => section.Type == ElfSection.SymTab);
        if (index < 0)
            return null;
        ElfSection table = Sections[index];
        if (table.Link >= Sections.Length || Sections[table.Link].Type != ElfSection.StrTab)
            return "its symbols have no names";
        ReadOnlySpan<byte> strings = BytesOf(Sections[table.Link]), bytes = BytesOf(table);
        var symbols = new ElfSymbol[bytes.Length / SymbolBytes];
        for (int i = 0; i < symbols.Length; i++)
        {
            ReadOnlySpan<byte> entry = bytes[(i * SymbolBytes)..];
            int section = Half(entry, 6);
            symbols[i] = new ElfSymbol(StringAt(strings, Word(entry, 0)), entry[4], section, Long(entry, 8), Long(entry, 16));
        }
        Symbols = symbols;
        return null;
    }

    // Names are short; hostile ones may overlap, and would take the square of the file's size.
    private static string StringAt(ReadOnlySpan<byte> strings, uint at)
    {
        const int NameBytesMax = 512;
        if (at >= strings.Length)
            return "";
        ReadOnlySpan<byte> name = strings[(int)at..];
        name = name[..Math.Min(name.Length, NameBytesMax)];
        int end = name.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? name : name[..end]);
    }

    private static ushort Half(ReadOnlySpan<byte> from, int at) => BinaryPrimitives.ReadUInt16LittleEndian(from[at..]);

    private static uint Word(ReadOnlySpan<byte> from, int at) => BinaryPrimitives.ReadUInt32LittleEndian(from[at..]);

    private static ulong Long(ReadOnlySpan<byte> from, int at) => BinaryPrimitives.ReadUInt64LittleEndian(from[at..]);
}
