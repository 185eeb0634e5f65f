using Hachi.Linux.Kernel;

namespace Hachi.Linux.Symbols;

/// <summary>Names of the running kernel and its modules (/proc/kallsyms). Read when the first is asked for; without the right to see addresses there are none.</summary>
public sealed class KernelSymbols
{
    private readonly Lazy<SymbolTable> _table = new(Read);

    /// <summary>The name that an address belongs to; null where nobody knows.</summary>
    public Symbol? Find(ulong address)
    {
        if (address == 0 || _table.Value.Find(address) is not (string name, ulong offset))
            return null;
        // "name [module]"
        int module = name.IndexOf('\t');
        return module < 0 ? new Symbol(name, offset, "") : new Symbol(name[..module], offset, name[(module + 1)..].Trim('[', ']'));
    }

    /// <summary>The address of a function; null where there is none of that name.</summary>
    public ulong? AddressOf(string name) => _table.Value.AddressOf(name);

    private static SymbolTable Read()
    {
        var rows = new List<(ulong, ulong, string)>(1 << 17);
        foreach (KernelSymbol symbol in Kallsyms.Read())
            if (symbol.Address != 0 && symbol.Kind is 't' or 'T' or 'w' or 'W')
                rows.Add((symbol.Address, 0, symbol.Module.Length == 0 ? symbol.Name : $"{symbol.Name}\t[{symbol.Module}]"));
        return new SymbolTable(rows);
    }
}
