namespace Hachi.Linux.Symbols;

/// <summary>A name and how far behind its beginning an address is.</summary>
/// <param name="Name">The name, as its source has it: escape it before it reaches a terminal.</param>
/// <param name="Offset">Bytes behind the beginning.</param>
/// <param name="Module">The file or module that it is in; empty for the kernel itself and for code without a file.</param>
public readonly record struct Symbol(string Name, ulong Offset, string Module)
{
    /// <summary><c>name+offset</c>, the offset in decimal.</summary>
    public override string ToString() => Offset == 0 ? Name : $"{Name}+{Offset}";
}

/// <summary>Names by address: sorted once, found by halving. Two arrays, no object a name but the text.</summary>
internal sealed class SymbolTable
{
    private readonly ulong[] _addresses;
    private readonly ulong[] _sizes;
    private readonly string[] _names;

    /// <param name="names">Address, size (0: up to the next) and name, in any order; of those at one address the first stays.</param>
    public SymbolTable(IEnumerable<(ulong Address, ulong Size, string Name)> names)
    {
        var rows = names.ToList();
        int[] order = [.. Enumerable.Range(0, rows.Count)];
        Array.Sort(order, (a, b) => rows[a].Address != rows[b].Address ? rows[a].Address.CompareTo(rows[b].Address) : a.CompareTo(b));
        var kept = new List<int>(order.Length);
        foreach (int row in order)
            if (kept.Count == 0 || rows[kept[^1]].Address != rows[row].Address)
                kept.Add(row);
        _addresses = [.. kept.Select(row => rows[row].Address)];
        _sizes = [.. kept.Select(row => rows[row].Size)];
        _names = [.. kept.Select(row => rows[row].Name)];
    }

    public int Count => _addresses.Length;

    /// <summary>The name that an address belongs to; null where there is none.</summary>
    public (string Name, ulong Offset)? Find(ulong address)
    {
        int at = Array.BinarySearch(_addresses, address);
        at = at < 0 ? ~at - 1 : at;
        if (at < 0)
            return null;
        ulong offset = address - _addresses[at];
        return _sizes[at] == 0 || offset < _sizes[at] ? (_names[at], offset) : null;
    }

    /// <summary>The address of a name; null where there is none.</summary>
    public ulong? AddressOf(string name)
    {
        int at = Array.IndexOf(_names, name);
        return at < 0 ? null : _addresses[at];
    }
}
