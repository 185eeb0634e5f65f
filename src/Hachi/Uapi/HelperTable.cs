namespace Hachi.Uapi;

/// <summary>All helpers that the kernel has, with their prototypes.</summary>
public static partial class HelperTable
{
    /// <summary>All of them, by id.</summary>
    public static IEnumerable<HelperPrototype> All => s_rows.OfType<HelperPrototype>();

    /// <summary>The helper of an id, or null.</summary>
    public static HelperPrototype? Find(int id) => (uint)id < (uint)s_rows.Length ? s_rows[id] : null;

    /// <summary>The helper of a name, with or without <c>bpf_</c>; or null.</summary>
    public static HelperPrototype? Find(ReadOnlySpan<char> name)
    {
        const string Prefix = "bpf_";
        if (name.StartsWith(Prefix))
            name = name[Prefix.Length..];
        foreach (HelperPrototype? row in s_rows)
            if (row is not null && name.SequenceEqual(row.Name.AsSpan(Prefix.Length)))
                return row;
        return null;
    }
}
