using System.Buffers.Binary;
using System.Text;
using Hachi.Isa;

namespace Hachi.Asm;

/// <summary>Bare code in a little-endian ELF object for BPF: one section without maps, relocations or BTF. Reading takes every executable section.</summary>
public static class ElfCode
{
    private const int HeaderBytes = 64, SectionHeaderBytes = 64, SymbolBytes = 24, MachineBpf = 247, SectionsMax = 4096;

    /// <summary>Whether a file begins as ELF objects do.</summary>
    public static bool IsElf(ReadOnlySpan<byte> file) => file.StartsWith("\u007fELF"u8);

    /// <summary>An object whose section <paramref name="section"/> holds the program, with one global function symbol over it.</summary>
    public static byte[] Write(ReadOnlySpan<Insn> insns, string section = ".text", string symbol = "main")
    {
        byte[] code = Insn.Encode(insns);
        byte[] names = Encoding.UTF8.GetBytes($"\0{section}\0.symtab\0.strtab\0{symbol}\0");
        int symtabName = 2 + Encoding.UTF8.GetByteCount(section), strtabName = symtabName + 8, symbolName = strtabName + 8;
        int symbolsAt = HeaderBytes + code.Length, namesAt = symbolsAt + 2 * SymbolBytes, sectionsAt = (namesAt + names.Length + 7) / 8 * 8;
        byte[] file = new byte[sectionsAt + 4 * SectionHeaderBytes];
        "\u007fELF\u0002\u0001\u0001"u8.CopyTo(file);
        Put16(file, 16, 1); // ET_REL
        Put16(file, 18, MachineBpf);
        Put32(file, 20, 1);
        Put64(file, 40, sectionsAt);
        Put16(file, 52, HeaderBytes);
        Put16(file, 58, SectionHeaderBytes);
        Put16(file, 60, 4);
        Put16(file, 62, 3);
        code.CopyTo(file, HeaderBytes);
        Put32(file, symbolsAt + SymbolBytes, symbolName);
        file[symbolsAt + SymbolBytes + 4] = 0x12; // global function
        Put16(file, symbolsAt + SymbolBytes + 6, 1);
        Put64(file, symbolsAt + SymbolBytes + 16, code.Length);
        names.CopyTo(file, namesAt);
        Section(file.AsSpan(sectionsAt + SectionHeaderBytes), name: 1, type: 1, flags: 6, HeaderBytes, code.Length); // PROGBITS, alloc and exec
        Span<byte> symtab = file.AsSpan(sectionsAt + 2 * SectionHeaderBytes);
        Section(symtab, symtabName, type: 2, flags: 0, symbolsAt, 2 * SymbolBytes);
        Put32(symtab, 40, 3); // its strings
        Put32(symtab, 44, 1); // first global
        Put64(symtab, 56, SymbolBytes);
        Section(file.AsSpan(sectionsAt + 3 * SectionHeaderBytes), strtabName, type: 3, flags: 0, namesAt, names.Length);
        return file;
    }

    /// <summary>The names and bytes of the executable sections; null when the file is no little-endian 64-bit BPF object or is damaged.</summary>
    public static IReadOnlyList<(string Name, byte[] Code)>? TryRead(ReadOnlySpan<byte> file)
    {
        if (!IsElf(file) || file.Length < HeaderBytes || file[4] != 2 || file[5] != 1 || BinaryPrimitives.ReadUInt16LittleEndian(file[18..]) != MachineBpf)
            return null;
        ulong sectionsAt = BinaryPrimitives.ReadUInt64LittleEndian(file[40..]);
        int count = BinaryPrimitives.ReadUInt16LittleEndian(file[60..]), nameSection = BinaryPrimitives.ReadUInt16LittleEndian(file[62..]);
        bool fits = BinaryPrimitives.ReadUInt16LittleEndian(file[58..]) == SectionHeaderBytes && count <= SectionsMax && nameSection < count
            && sectionsAt <= (ulong)file.Length && (ulong)count * SectionHeaderBytes <= (ulong)file.Length - sectionsAt;
        if (!fits)
            return null;
        ReadOnlySpan<byte> headers = file[(int)sectionsAt..];
        if (!TrySlice(file, headers[(nameSection * SectionHeaderBytes)..], out ReadOnlySpan<byte> names))
            return null;
        var found = new List<(string, byte[])>();
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> header = headers[(i * SectionHeaderBytes)..];
            bool isCode = BinaryPrimitives.ReadUInt32LittleEndian(header[4..]) == 1 && (BinaryPrimitives.ReadUInt64LittleEndian(header[8..]) & 4) != 0;
            if (!isCode)
                continue;
            if (!TrySlice(file, header, out ReadOnlySpan<byte> code))
                return null;
            if (code.Length > 0)
                found.Add((NameAt(names, BinaryPrimitives.ReadUInt32LittleEndian(header)), code.ToArray()));
        }
        return found;
    }

    private static bool TrySlice(ReadOnlySpan<byte> file, ReadOnlySpan<byte> header, out ReadOnlySpan<byte> content)
    {
        ulong offset = BinaryPrimitives.ReadUInt64LittleEndian(header[24..]), size = BinaryPrimitives.ReadUInt64LittleEndian(header[32..]);
        bool fits = offset <= (ulong)file.Length && size <= (ulong)file.Length - offset;
        content = fits ? file.Slice((int)offset, (int)size) : default;
        return fits;
    }

    private static string NameAt(ReadOnlySpan<byte> names, uint at)
    {
        if (at >= names.Length)
            return "";
        ReadOnlySpan<byte> name = names[(int)at..];
        int end = name.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? name : name[..end]);
    }

    private static void Section(Span<byte> at, int name, int type, int flags, int offset, int size)
    {
        Put32(at, 0, name);
        Put32(at, 4, type);
        Put64(at, 8, flags);
        Put64(at, 24, offset);
        Put64(at, 32, size);
        Put64(at, 48, 8);
    }

    private static void Put16(Span<byte> to, int at, int value) => BinaryPrimitives.WriteUInt16LittleEndian(to[at..], (ushort)value);

    private static void Put32(Span<byte> to, int at, int value) => BinaryPrimitives.WriteInt32LittleEndian(to[at..], value);

    private static void Put64(Span<byte> to, int at, long value) => BinaryPrimitives.WriteInt64LittleEndian(to[at..], value);
}
