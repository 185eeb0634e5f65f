using System.Buffers.Binary;
using System.Text;

namespace Hachi.Object.Elf;

/// <summary>Reads a part of a file: as many bytes as asked for, or fewer at its end.</summary>
/// <param name="offset">Where.</param>
/// <param name="length">How many; never more than 256 MiB.</param>
public delegate byte[] FileReader(long offset, int length);

/// <summary>A function, or another named place, of an executable.</summary>
/// <param name="Name">Its name, without a version.</param>
/// <param name="Version">The version behind an at sign (<c>GLIBC_2.2.5</c>); empty for none.</param>
/// <param name="Address">Where it is, before the file is moved by the loader.</param>
/// <param name="Size">Bytes; 0 where the file does not say.</param>
/// <param name="IsFunction">Whether it is code.</param>
public readonly record struct ElfName(string Name, string Version, ulong Address, ulong Size, bool IsFunction);

/// <summary>A statically defined probe (a <c>.note.stapsdt</c> entry).</summary>
/// <param name="Provider">Its provider.</param>
/// <param name="Name">Its name.</param>
/// <param name="Arguments">Where its arguments are, as the note says it: <c>-4@%edi 8@-16(%rbp)</c>.</param>
/// <param name="Address">The instruction.</param>
/// <param name="Semaphore">Address of the counter that says whether somebody looks; 0 for none.</param>
public readonly record struct UsdtProbe(string Provider, string Name, string Arguments, ulong Address, ulong Semaphore);

/// <summary>
/// A 64-bit little-endian ELF executable or library: its segments, names and notes, read only when asked for. For hostile files: every size is checked against
/// the file's, and nothing is read twice.
/// </summary>
public sealed class ElfExecutable
{
    private const int HeaderBytes = 64, SectionBytes = 64, SegmentBytes = 56, SymbolBytes = 24, PartMax = 1 << 28;
    private const uint SymbolTable = 2, DynamicSymbols = 11, NoBits = 8, Note = 7, LoadSegment = 1, StapNote = 3, BuildIdNote = 3;

    private readonly FileReader _read;
    private readonly long _length;
    private readonly Section[] _sections;
    private readonly Segment[] _segments;

    private ElfExecutable(FileReader read, long length, Section[] sections, Segment[] segments, ushort machine, bool isPositionIndependent)
    {
        (_read, _length, _sections, _segments) = (read, length, sections, segments);
        Machine = machine;
        IsPositionIndependent = isPositionIndependent;
    }

    private readonly record struct Section(string Name, uint Type, ulong Address, long Offset, long Size, int Link);

    private readonly record struct Segment(ulong Address, ulong Offset, ulong FileSize, bool IsCode);

    /// <summary>The processor (62 x86-64, 183 arm64).</summary>
    public ushort Machine { get; }

    /// <summary>Whether the loader may put it anywhere.</summary>
    public bool IsPositionIndependent { get; }

    /// <summary>Reads its headers; null when it is no such file.</summary>
    /// <param name="read">Reads parts of it.</param>
    /// <param name="length">Bytes in all.</param>
    public static ElfExecutable? Read(FileReader read, long length)
    {
        ArgumentNullException.ThrowIfNull(read);
        byte[] header = length < HeaderBytes ? [] : read(0, HeaderBytes);
        if (header.Length < HeaderBytes || !ElfFile.IsElf(header) || header[4] != 2 || header[5] != 1)
            return null;
        ushort type = U16(header, 16);
        var elf = new ElfExecutable(read, length, [], [], U16(header, 18), type == 3);
        byte[] segments = elf.Part((long)U64(header, 32), (long)U16(header, 56) * SegmentBytes);
        byte[] sections = elf.Part((long)U64(header, 40), (long)U16(header, 60) * SectionBytes);
        return new ElfExecutable(read, length, elf.Sections(sections, U16(header, 62)), Segments(segments), elf.Machine, elf.IsPositionIndependent);
    }

    /// <summary>Where in the file the byte at an address is; null when it is not in the file.</summary>
    public ulong? FileOffset(ulong address)
    {
        foreach (Segment segment in _segments)
            if (address >= segment.Address && address - segment.Address < segment.FileSize)
                return address - segment.Address + segment.Offset;
        return null;
    }

    /// <summary>Whether what is loaded at an address is to be run.</summary>
    public bool IsCode(ulong address) => Array.Exists(_segments, segment => segment.IsCode && address >= segment.Address && address - segment.Address < segment.FileSize);

    /// <summary>The address of the byte at a place in the file; null when it is not loaded.</summary>
    public ulong? Address(ulong fileOffset)
    {
        foreach (Segment segment in _segments)
            if (fileOffset >= segment.Offset && fileOffset - segment.Offset < segment.FileSize)
                return fileOffset - segment.Offset + segment.Address;
        return null;
    }

    /// <summary>The defined names: of the symbol table, and, where that is stripped, of the dynamic one.</summary>
    public IEnumerable<ElfName> Names() =>
        new[] { SymbolTable, DynamicSymbols }.SelectMany(type => _sections.Where(section => section.Type == type)).SelectMany(Names);

    /// <summary>The first name that is meant by <c>NAME</c>, <c>NAME@VERSION</c> or <c>NAME@@VERSION</c>; functions before others.</summary>
    public ElfName? Find(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        int at = name.IndexOf('@');
        string bare = at < 0 ? name : name[..at], version = at < 0 ? "" : name[at..].TrimStart('@');
        ElfName? other = null;
        foreach (ElfName each in Names())
        {
            if (each.Name != bare || version.Length > 0 && each.Version != version)
                continue;
            if (each.IsFunction)
                return each;
            other ??= each;
        }
        return other;
    }

    /// <summary>The statically defined probes.</summary>
    public IReadOnlyList<UsdtProbe> Probes()
    {
        var probes = new List<UsdtProbe>();
        ulong baseNow = Array.Find(_sections, section => section.Name == ".stapsdt.base").Address;
        foreach (Section section in _sections.Where(section => section is { Name: ".note.stapsdt", Type: Note }))
            foreach ((string owner, uint type, ReadOnlyMemory<byte> description) in Notes(section))
                if (owner == "stapsdt" && type == StapNote && Probe(description.Span, baseNow) is { } probe)
                    probes.Add(probe);
        return probes;
    }

    /// <summary>The linker's number of this build, in hexadecimal; empty for none.</summary>
    public string BuildId()
    {
        foreach (Section section in _sections.Where(section => section is { Name: ".note.gnu.build-id", Type: Note }))
            foreach ((string owner, uint type, ReadOnlyMemory<byte> description) in Notes(section))
                if (owner == "GNU" && type == BuildIdNote)
                    return Convert.ToHexStringLower(description.Span);
        return "";
    }

    /// <summary>The file that holds what was stripped (<c>.gnu_debuglink</c>), without a folder; empty for none.</summary>
    public string DebugLink()
    {
        Section section = Array.Find(_sections, section => section.Name == ".gnu_debuglink");
        return section.Size == 0 ? "" : Text(Part(section.Offset, section.Size), 0);
    }

    private List<ElfName> Names(Section section)
    {
        var names = new List<ElfName>();
        byte[] symbols = Bytes(section), text = (uint)section.Link < (uint)_sections.Length ? Bytes(_sections[section.Link]) : [];
        string[]? versions = section.Type == DynamicSymbols ? Versions(text) : null;
        byte[] numbers = versions is null ? [] : Bytes(Array.Find(_sections, each => each.Name == ".gnu.version"));
        for (int at = 0; at + SymbolBytes <= symbols.Length; at += SymbolBytes)
        {
            int kind = symbols[at + 4] & 0xf;
            // Functions (2, and 10 for those chosen at run time), objects (1), names without a kind (0); of no section: defined elsewhere.
            if (kind is not (0 or 1 or 2 or 10) || U16(symbols, at + 6) == 0)
                continue;
            string name = Text(text, (int)Math.Min(U32(symbols, at), int.MaxValue)), version = "";
            if (name.Length == 0)
                continue;
            int split = name.IndexOf('@');
            if (split > 0)
                (name, version) = (name[..split], name[split..].TrimStart('@'));
            else if (versions is not null && at / SymbolBytes * 2 + 2 <= numbers.Length)
                version = (U16(numbers, at / SymbolBytes * 2) & 0x7fff) is var number && number < versions.Length ? versions[number] ?? "" : "";
            names.Add(new ElfName(name, version, U64(symbols, at + 8), U64(symbols, at + 16), kind is 2 or 10));
        }
        return names;
    }

    // .gnu.version_d: definitions, each with its number and, in its first auxiliary entry, its name.
    private string[] Versions(byte[] text)
    {
        byte[] bytes = Bytes(Array.Find(_sections, section => section.Name == ".gnu.version_d"));
        var names = new string[Math.Min(bytes.Length / 20 + 2, 1 << 15)];
        long at = 0;
        for (int i = 0; i < names.Length && at + 20 <= bytes.Length; i++)
        {
            int number = U16(bytes, (int)at + 4) & 0x7fff;
            long auxiliary = at + U32(bytes, (int)at + 12), next = U32(bytes, (int)at + 16);
            if (number > 1 && number < names.Length && auxiliary + 8 <= bytes.Length)
                names[number] = Text(text, (int)Math.Min(U32(bytes, (int)auxiliary), int.MaxValue));
            if (next == 0)
                break;
            at += next;
        }
        return names;
    }

    private List<(string Owner, uint Type, ReadOnlyMemory<byte> Description)> Notes(Section section)
    {
        byte[] bytes = Bytes(section);
        var notes = new List<(string, uint, ReadOnlyMemory<byte>)>();
        for (long at = 0; at + 12 <= bytes.Length;)
        {
            long name = U32(bytes, (int)at), description = U32(bytes, (int)at + 4), start = at + 12 + (name + 3 & ~3L);
            if (start + description > bytes.Length)
                break;
            notes.Add((Text(bytes, (int)at + 12), U32(bytes, (int)at + 8), bytes.AsMemory((int)start, (int)description)));
            at = start + (description + 3 & ~3L);
        }
        return notes;
    }

    // Three addresses (instruction, base, semaphore), then three texts. The base tells by how much the file was moved since the note was written (prelink).
    private static UsdtProbe? Probe(ReadOnlySpan<byte> note, ulong baseNow)
    {
        if (note.Length < 27)
            return null;
        byte[] bytes = note.ToArray();
        ulong moved = baseNow == 0 ? 0 : baseNow - U64(bytes, 8), semaphore = U64(bytes, 16);
        string provider = Text(bytes, 24);
        int at = 24 + Encoding.UTF8.GetByteCount(provider) + 1;
        string name = Text(bytes, at);
        at += Encoding.UTF8.GetByteCount(name) + 1;
        return new UsdtProbe(provider, name, Text(bytes, at), U64(bytes, 0) + moved, semaphore == 0 ? 0 : semaphore + moved);
    }

    private Section[] Sections(byte[] headers, int nameSection)
    {
        var sections = new Section[headers.Length / SectionBytes];
        for (int i = 0; i < sections.Length; i++)
        {
            int at = i * SectionBytes;
            sections[i] = new Section("", U32(headers, at + 4), U64(headers, at + 16), (long)U64(headers, at + 24), (long)U64(headers, at + 32), (int)U32(headers, at + 40));
        }
        if ((uint)nameSection >= (uint)sections.Length)
            return sections;
        byte[] names = Bytes(sections[nameSection]);
        for (int i = 0; i < sections.Length; i++)
            sections[i] = sections[i] with { Name = Text(names, (int)Math.Min(U32(headers, i * SectionBytes), int.MaxValue)) };
        return sections;
    }

    private static Segment[] Segments(byte[] headers)
    {
        var segments = new List<Segment>();
        for (int at = 0; at + SegmentBytes <= headers.Length; at += SegmentBytes)
            if (U32(headers, at) == LoadSegment)
                segments.Add(new Segment(U64(headers, at + 16), U64(headers, at + 8), U64(headers, at + 32), (U32(headers, at + 4) & 1) != 0));
        return [.. segments];
    }

    private byte[] Bytes(Section section) => section.Type is 0 or NoBits ? [] : Part(section.Offset, section.Size);

    private byte[] Part(long offset, long size) =>
        offset < 0 || size <= 0 || size > PartMax || offset > _length || size > _length - offset ? [] : _read(offset, (int)size);

    private static string Text(byte[] bytes, int at)
    {
        if ((uint)at >= (uint)bytes.Length)
            return "";
        int end = Array.IndexOf(bytes, (byte)0, at);
        return Encoding.UTF8.GetString(bytes, at, (end < 0 ? bytes.Length : end) - at);
    }

    private static ushort U16(byte[] bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(at));

    private static uint U32(byte[] bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at));

    private static ulong U64(byte[] bytes, int at) => BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(at));
}
