using System.Reflection.PortableExecutable;
using Hachi.Object.Elf;
using Microsoft.Win32.SafeHandles;

namespace Hachi.Linux.Symbols;

/// <summary>Names in one file that processes map: an ELF program or library, or a .NET assembly with machine code in it (ReadyToRun).</summary>
internal sealed class ModuleSymbols
{
    private readonly Func<ulong, (string Name, ulong Offset)?> _find;

    private ModuleSymbols(Func<ulong, (string, ulong)?> find) => _find = find;

    /// <summary>A file in which nothing is named.</summary>
    public static ModuleSymbols None { get; } = new(_ => null);

    /// <summary>The name at a place in the file.</summary>
    public (string Name, ulong Offset)? Find(ulong fileOffset) => _find(fileOffset);

    /// <summary>Reads the names of a file.</summary>
    /// <param name="file">The file, which is not needed afterwards.</param>
    /// <param name="debug">Opens the file of what was stripped, by build id and by its name; null for none.</param>
    public static ModuleSymbols Read(SafeFileHandle file, Func<string, string, ElfExecutable?> debug)
    {
        ElfExecutable? elf = ReadElf(file);
        if (elf is not null)
        {
            var names = Functions(elf).ToList();
            if (debug(elf.BuildId(), elf.DebugLink()) is { } other && other.BuildId() == elf.BuildId())
                names.AddRange(Functions(other));
            var table = new SymbolTable(names);
            return new ModuleSymbols(offset => elf.Address(offset) is { } address ? table.Find(address) : null);
        }
        byte[] head = new byte[2];
        if (RandomAccess.Read(file, head, 0) == 2 && head[0] == 'M' && head[1] == 'Z')
            return ReadPortable(file) ?? None;
        return None;
    }

    /// <summary>An ELF file; its parts are read when they are asked for, as long as the handle is open.</summary>
    public static ElfExecutable? ReadElf(SafeFileHandle file) => ElfExecutable.Read((offset, length) =>
    {
        byte[] bytes = new byte[length];
        int read = RandomAccess.Read(file, bytes, offset);
        return read == length ? bytes : bytes[..Math.Max(0, read)];
    }, RandomAccess.GetLength(file));

    private static IEnumerable<(ulong, ulong, string)> Functions(ElfExecutable elf) =>
        elf.Names().Where(name => name.IsFunction || name.Size == 0 && !name.Name.StartsWith('$')).OrderBy(name => name.IsFunction ? 0 : 1).Select(name => (name.Address, name.Size, name.Name));

    private static ModuleSymbols? ReadPortable(SafeFileHandle file)
    {
        try
        {
            byte[] bytes = new byte[RandomAccess.GetLength(file)];
            if (RandomAccess.Read(file, bytes, 0) != bytes.Length)
                return null;
            using var image = new PEReader(new MemoryStream(bytes));
            SymbolTable? table = ReadyToRun.Read(image);
            if (table is null)
                return null;
            SectionHeader[] sections = [.. image.PEHeaders.SectionHeaders];
            return new ModuleSymbols(offset =>
            {
                foreach (SectionHeader section in sections)
                    if (offset >= (ulong)section.PointerToRawData && offset - (ulong)section.PointerToRawData < (ulong)section.SizeOfRawData)
                        return table.Find(offset - (ulong)section.PointerToRawData + (ulong)section.VirtualAddress);
                return null;
            });
        }
        catch (Exception e) when (e is BadImageFormatException or InvalidOperationException or ArgumentException or IndexOutOfRangeException or OverflowException)
        {
            return null;
        }
    }
}
