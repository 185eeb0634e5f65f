namespace Hachi.Btf;

/// <summary>Names of the kinds of CO-RE relocations, as libbpf's and bpftool's logs write them.</summary>
internal static class CoreNames
{
    private static readonly string[] s_names =
    [
        "byte_off", "byte_sz", "field_exists", "signed", "lshift_u64", "rshift_u64", "local_type_id", "target_type_id", "type_exists", "type_size", "enumval_exists", "enumval_value", "type_matches",
    ];

    /// <summary>All names, in the order of their numbers.</summary>
    public static IReadOnlyList<string> All => s_names;

    /// <summary>The name of a kind.</summary>
    public static string Of(CoreRelocationKind kind) => (int)kind < s_names.Length ? s_names[(int)kind] : ((int)kind).ToString(System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>The kind of a name.</summary>
    public static bool TryParse(ReadOnlySpan<char> name, out CoreRelocationKind kind)
    {
        kind = default;
        for (int i = 0; i < s_names.Length; i++)
            if (name.SequenceEqual(s_names[i]))
            {
                kind = (CoreRelocationKind)i;
                return true;
            }
        return false;
    }
}
