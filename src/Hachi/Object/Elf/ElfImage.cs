using System.Buffers.Binary;
using System.Text;

namespace Hachi.Object.Elf;

/// <summary>A relocatable ELF file for BPF in the making: sections, symbols, relocations. The counterpart of <see cref="ElfFile"/>.</summary>
internal sealed class ElfImage
{
    /// <summary>Symbols of functions, of data, and of sections, local and global (<c>st_info</c>).</summary>
    public const byte LocalFunction = 0x02, GlobalFunction = 0x12, GlobalObject = 0x11, LocalSection = 0x03, Undefined = 0x10, WeakUndefined = 0x20;

    /// <summary>Flags of sections (<c>SHF_*</c>).</summary>
    public const int Code = 6, Data = 3, Constants = 2, Information = 0;

    private const int HeaderBytes = 64, SectionHeaderBytes = 64, SymbolBytes = 24, RelocationBytes = 16, MachineBpf = 247;

    private sealed record Section(string Name, uint Type, int Flags, byte[] Bytes, long Size, uint Link, uint Info, int EntryBytes);

    private readonly List<Section> _sections = [new("", 0, 0, [], 0, 0, 0, 0)];
    private readonly List<(string Name, byte Info, int Section, long Value, long Size)> _symbols = [];
    private readonly SortedDictionary<int, List<(long Offset, uint Type, int Symbol)>> _relocations = [];

    /// <summary>Adds a section with bytes; its index.</summary>
    public int Add(string name, int flags, byte[] bytes) => Add(new Section(name, ElfSection.ProgBits, flags, bytes, bytes.Length, 0, 0, 0));

    /// <summary>Adds a section of zeros that takes no room in the file; its index.</summary>
    public int AddZeros(string name, long size) => Add(new Section(name, ElfSection.NoBits, Data, [], size, 0, 0, 0));

    /// <summary>Gives a section its bytes.</summary>
    public void SetBytes(int section, byte[] bytes) => _sections[section] = _sections[section] with { Bytes = bytes, Size = bytes.Length };

    /// <summary>Adds a symbol; what relocations call it.</summary>
    public int AddSymbol(string name, byte info, int section, long value, long size)
    {
        _symbols.Add((name, info, section, value, size));
        return _symbols.Count - 1;
    }

    /// <summary>Adds a relocation.</summary>
    public void Relocate(int section, long offset, uint type, int symbol)
    {
        if (!_relocations.TryGetValue(section, out List<(long, uint, int)>? all))
            _relocations[section] = all = [];
        all.Add((offset, type, symbol));
    }

    /// <summary>The file.</summary>
    public byte[] ToArray()
    {
        // Local symbols come first.
        int[] order = [.. Enumerable.Range(0, _symbols.Count).OrderBy(i => _symbols[i].Info >> 4 != 0)];
        int[] placeOf = new int[order.Length];
        for (int i = 0; i < order.Length; i++)
            placeOf[order[i]] = i + 1;
        int symbolTable = _sections.Count + _relocations.Count, stringTable = symbolTable + 1;
        foreach ((int section, List<(long Offset, uint Type, int Symbol)> all) in _relocations)
        {
            byte[] bytes = new byte[all.Count * RelocationBytes];
            for (int i = 0; i < all.Count; i++)
            {
                BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(i * RelocationBytes), all[i].Offset);
                BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(i * RelocationBytes + 8), (long)placeOf[all[i].Symbol] << 32 | all[i].Type);
            }
            Add(new Section(".rel" + _sections[section].Name, ElfSection.Rel, 0, bytes, bytes.Length, (uint)symbolTable, (uint)section, RelocationBytes));
        }
        var strings = new Strings();
        byte[] symbols = Symbols(order, strings);
        int locals = 1 + _symbols.Count(symbol => symbol.Info >> 4 == 0);
        Add(new Section(".symtab", ElfSection.SymTab, 0, symbols, symbols.Length, (uint)stringTable, (uint)locals, SymbolBytes));
        uint[] names = [.. _sections.Select(section => strings.Add(section.Name)), strings.Add(".strtab")];
        byte[] text = strings.ToArray();
        Add(new Section(".strtab", ElfSection.StrTab, 0, text, text.Length, 0, 0, 0));
        return Assemble(names);
    }

    private int Add(Section section)
    {
        _sections.Add(section);
        return _sections.Count - 1;
    }

    private byte[] Symbols(int[] order, Strings strings)
    {
        byte[] bytes = new byte[(order.Length + 1) * SymbolBytes];
        for (int i = 0; i < order.Length; i++)
        {
            (string name, byte info, int section, long value, long size) = _symbols[order[i]];
            Span<byte> at = bytes.AsSpan((i + 1) * SymbolBytes);
            BinaryPrimitives.WriteUInt32LittleEndian(at, strings.Add(name));
            at[4] = info;
            BinaryPrimitives.WriteUInt16LittleEndian(at[6..], (ushort)section);
            BinaryPrimitives.WriteInt64LittleEndian(at[8..], value);
            BinaryPrimitives.WriteInt64LittleEndian(at[16..], size);
        }
        return bytes;
    }

    private byte[] Assemble(uint[] names)
    {
        int at = HeaderBytes;
        int[] offsets = new int[_sections.Count];
        for (int i = 1; i < _sections.Count; i++)
        {
            offsets[i] = at = (at + 7) / 8 * 8;
            at += _sections[i].Bytes.Length;
        }
        int table = (at + 7) / 8 * 8;
        byte[] file = new byte[table + _sections.Count * SectionHeaderBytes];
        "\u007fELF\u0002\u0001\u0001"u8.CopyTo(file);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(16), 1); // relocatable
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(18), MachineBpf);
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(20), 1);
        BinaryPrimitives.WriteInt64LittleEndian(file.AsSpan(40), table);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(52), HeaderBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(58), SectionHeaderBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(60), (ushort)_sections.Count);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(62), (ushort)(_sections.Count - 1));
        for (int i = 1; i < _sections.Count; i++)
        {
            Section section = _sections[i];
            section.Bytes.CopyTo(file, offsets[i]);
            Span<byte> header = file.AsSpan(table + i * SectionHeaderBytes);
            BinaryPrimitives.WriteUInt32LittleEndian(header, names[i]);
            BinaryPrimitives.WriteUInt32LittleEndian(header[4..], section.Type);
            BinaryPrimitives.WriteInt64LittleEndian(header[8..], section.Flags);
            BinaryPrimitives.WriteInt64LittleEndian(header[24..], offsets[i]);
            BinaryPrimitives.WriteInt64LittleEndian(header[32..], section.Size);
            BinaryPrimitives.WriteUInt32LittleEndian(header[40..], section.Link);
            BinaryPrimitives.WriteUInt32LittleEndian(header[44..], section.Info);
            BinaryPrimitives.WriteInt64LittleEndian(header[48..], section.EntryBytes == 0 && section.Flags == 0 ? 1 : 8);
            BinaryPrimitives.WriteInt64LittleEndian(header[56..], section.EntryBytes);
        }
        return file;
    }

    /// <summary>A string table; equal strings are one.</summary>
    private sealed class Strings
    {
        private readonly List<byte> _bytes = [0];
        private readonly Dictionary<string, uint> _at = new() { [""] = 0 };

        public uint Add(string text)
        {
            if (_at.TryGetValue(text, out uint at))
                return at;
            at = (uint)_bytes.Count;
            _bytes.AddRange(Encoding.UTF8.GetBytes(text));
            _bytes.Add(0);
            return _at[text] = at;
        }

        public byte[] ToArray() => [.. _bytes];
    }
}
