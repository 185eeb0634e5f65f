using System.Globalization;

namespace Hachi.Linux.Kernel;

/// <summary>A line of /proc/kallsyms.</summary>
/// <param name="Address">Where it lies; 0 where kptr_restrict hides that.</param>
/// <param name="Kind">As nm(1) has it: <c>t</c> and <c>T</c> are functions.</param>
/// <param name="Name">Its name.</param>
/// <param name="Module">The module; empty for the kernel itself.</param>
internal readonly record struct KernelSymbol(ulong Address, char Kind, string Name, string Module);

/// <summary>The kernel's symbols and its modules' (/proc/kallsyms), read anew each time: <c>ffffffff81000000 T _text</c>, with the module in brackets behind a tabulator.</summary>
internal static class Kallsyms
{
    private const string Path = "/proc/kallsyms";
    private const int AddressDigits = 16, NameColumn = 19;

    /// <summary>All of them; none where they cannot be read.</summary>
    public static IEnumerable<KernelSymbol> Read()
    {
        using StreamReader? reader = Open();
        while (reader is not null && Next(reader) is { } line)
        {
            if (line.Length <= NameColumn || !ulong.TryParse(line.AsSpan(0, AddressDigits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong address))
                continue;
            int tab = line.IndexOf('\t', NameColumn);
            yield return tab < 0 ? new KernelSymbol(address, line[AddressDigits + 1], line[NameColumn..], "")
                : new KernelSymbol(address, line[AddressDigits + 1], line[NameColumn..tab], line[(tab + 1)..].Trim('[', ']'));
        }
    }

    /// <summary>The address of a symbol; null where there is none of that name, or it is hidden.</summary>
    public static ulong? AddressOf(string name)
    {
        foreach (KernelSymbol symbol in Read())
            if (symbol.Name == name)
                return symbol.Address == 0 ? null : symbol.Address;
        return null;
    }

    private static StreamReader? Open()
    {
        try
        {
            return new StreamReader(Path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string? Next(StreamReader reader)
    {
        try
        {
            return reader.ReadLine();
        }
        catch (IOException)
        {
            return null;
        }
    }
}
