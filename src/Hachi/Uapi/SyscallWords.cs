using System.Globalization;
using System.Text;

namespace Hachi.Uapi;

/// <summary>What policies call things by: groups of system calls and named constants of their arguments.</summary>
public static class SyscallWords
{
    private static readonly Lazy<Dictionary<string, ulong>> s_constants = new(ReadConstants);
    private static readonly Lazy<Dictionary<string, string[]>> s_groups = new(ReadGroups);

    /// <summary>Names of constants: <c>AF_UNIX</c>, <c>CLONE_NEWUSER</c>, <c>PROT_EXEC</c> ...</summary>
    public static IReadOnlyCollection<string> Constants => s_constants.Value.Keys;

    /// <summary>Names of groups, with the <c>@</c>.</summary>
    public static IReadOnlyCollection<string> Groups => s_groups.Value.Keys;

    /// <summary>The value of a constant, or null.</summary>
    public static ulong? Constant(string name) => s_constants.Value.TryGetValue(name, out ulong value) ? value : null;

    /// <summary>The system calls of a group, those of the groups in it among them; null for an unknown group.</summary>
    /// <param name="name">With the <c>@</c>. <c>@known</c> is all calls.</param>
    public static IReadOnlyCollection<string>? Group(string name)
    {
        if (name == "@known")
            return SyscallTable.Names;
        if (!s_groups.Value.ContainsKey(name))
            return null;
        var calls = new SortedSet<string>(StringComparer.Ordinal);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var open = new Stack<string>([name]);
        while (open.TryPop(out string? group))
        {
            if (!seen.Add(group))
                continue;
            foreach (string member in s_groups.Value[group])
            {
                if (member[0] == '@')
                    open.Push(member);
                else
                    calls.Add(member);
            }
        }
        return calls;
    }

    private static Dictionary<string, ulong> ReadConstants()
    {
        var constants = new Dictionary<string, ulong>(StringComparer.Ordinal);
        foreach (string line in Encoding.ASCII.GetString(SyscallConstantText.Rows).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            int blank = line.IndexOf(' ', StringComparison.Ordinal);
            ReadOnlySpan<char> value = line.AsSpan(blank + 1);
            constants.Add(line[..blank], value.StartsWith("0x") ? ulong.Parse(value[2..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture) : ulong.Parse(value, NumberStyles.None, CultureInfo.InvariantCulture));
        }
        return constants;
    }

    private static Dictionary<string, string[]> ReadGroups()
    {
        var groups = new Dictionary<string, string[]>(StringComparer.Ordinal);
        foreach (string line in Encoding.ASCII.GetString(SyscallGroupText.Rows).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] words = line.Split(' ');
            groups.Add(words[0], words[1..]);
        }
        return groups;
    }
}
