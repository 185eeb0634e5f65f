using System.Globalization;
using System.Text;

namespace Hachi.Uapi;

/// <summary>An argument of a system call.</summary>
/// <param name="Type">Its C type, as the kernel declares it.</param>
/// <param name="Name">Its name there.</param>
public readonly record struct SyscallArgument(string Type, string Name)
{
    /// <summary>Whether it points somewhere: a filter sees the address, never what stands there.</summary>
    public bool IsPointer => Type.EndsWith('*') || Type.EndsWith("handler_t", StringComparison.Ordinal) || Type.Contains("cap_user_", StringComparison.Ordinal);

    /// <summary>
    /// Whether the kernel looks at the lower 32 bits only. What the upper half of the register holds then depends on the C library and means nothing.
    /// </summary>
    public bool Is32Bit => !IsPointer && (Type.StartsWith("const ", StringComparison.Ordinal) ? Type["const ".Length..] : Type) is "int" or "unsigned int" or "unsigned" or "u32" or "__u32" or "__s32" or "s32" or "pid_t" or "uid_t" or "gid_t"
        or "old_uid_t" or "old_gid_t" or "umode_t" or "key_t" or "key_serial_t" or "clockid_t" or "timer_t" or "mqd_t" or "rwf_t" or "qid_t" or "id_t"
        or "enum landlock_rule_type" or "enum pid_type";

    /// <inheritdoc/>
    public override string ToString() => Type.EndsWith('*') ? Type + Name : Type + " " + Name;
}

/// <summary>A system call of one architecture.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Number">Its number (of x32: without the bit).</param>
/// <param name="Arguments">Its arguments; null where nobody implements it any more and they are not known.</param>
public sealed record SyscallInfo(string Name, int Number, IReadOnlyList<SyscallArgument>? Arguments);

/// <summary>The system calls of one architecture: of the text table <c>eng/uapi/syscalls.txt</c>.</summary>
public sealed class SyscallTable
{
    private static readonly SyscallTable?[] s_tables = new SyscallTable?[4];
    private static readonly Lazy<HashSet<string>> s_names = new(() => [.. SeccompArchitectures.All.SelectMany(architecture => Of(architecture).All.Select(call => call.Name))]);

    private readonly Dictionary<string, SyscallInfo> _byName = new(StringComparer.Ordinal);
    private readonly Dictionary<int, SyscallInfo> _byNumber = [];
    private readonly List<SyscallInfo> _all = [];

    private SyscallTable(SeccompArchitecture architecture)
    {
        Architecture = architecture;
        Read();
        _all.Sort((a, b) => a.Number.CompareTo(b.Number));
    }

    /// <summary>The table of an architecture.</summary>
    public static SyscallTable Of(SeccompArchitecture architecture) => s_tables[(int)architecture] ??= new SyscallTable(architecture);

    /// <summary>Whether some architecture has a call of this name.</summary>
    public static bool IsKnown(string name)
    {
        foreach (SeccompArchitecture architecture in SeccompArchitectures.All)
            if (Of(architecture).Find(name) is not null) // (the first table has most of them: the others are seldom read)
                return true;
        return false;
    }

    /// <summary>The names that some architecture has.</summary>
    public static IReadOnlyCollection<string> Names => s_names.Value;

    /// <summary>The architecture.</summary>
    public SeccompArchitecture Architecture { get; }

    /// <summary>All calls, by number.</summary>
    public IReadOnlyList<SyscallInfo> All => _all;

    /// <summary>The call with a number, or null.</summary>
    public SyscallInfo? Find(int number) => _byNumber.GetValueOrDefault(number);

    /// <summary>The call with a name, or null.</summary>
    public SyscallInfo? Find(string name) => _byName.GetValueOrDefault(name);

    private void Read()
    {
        string architecture = Architecture.Name();
        var special = new Dictionary<string, string>(StringComparer.Ordinal);
        var rows = new List<(string Name, int Number, string? Arguments)>();
        foreach (Range range in SplitLines(SyscallText.Rows))
        {
            string line = Encoding.ASCII.GetString(SyscallText.Rows[range]);
            int colon = line.IndexOf(':', StringComparison.Ordinal);
            string[] words = (colon < 0 ? line : line[..colon]).Split(' ', StringSplitOptions.RemoveEmptyEntries);
            string? arguments = colon < 0 ? null : line[(colon + 1)..].Trim();
            if (words[0].IndexOf('@', StringComparison.Ordinal) is > 0 and var at)
            {
                if (words[0][(at + 1)..].Split(',').Contains(architecture))
                    special[words[0][..at]] = arguments!;
            }
            else if (words[1 + (int)Architecture] is var number && number != "-")
            {
                rows.Add((words[0], int.Parse(number, CultureInfo.InvariantCulture), arguments));
            }
        }
        foreach ((string name, int number, string? arguments) in rows)
        {
            var call = new SyscallInfo(name, number, Parse(special.GetValueOrDefault(name) ?? arguments));
            _byName.Add(name, call);
            _byNumber.Add(number, call);
            _all.Add(call);
        }
    }

    private static List<Range> SplitLines(ReadOnlySpan<byte> text)
    {
        var lines = new List<Range>();
        foreach (Range line in text.Split((byte)'\n'))
            if (!text[line].IsEmpty && text[line][0] != (byte)'#')
                lines.Add(line);
        return lines;
    }

    private static SyscallArgument[]? Parse(string? text)
    {
        if (text is null)
            return null;
        string[] parts = text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        var arguments = new SyscallArgument[parts.Length];
        for (int i = 0; i < parts.Length; i++)
        {
            int name = parts[i].LastIndexOfAny([' ', '*']) + 1;
            arguments[i] = new SyscallArgument(parts[i][..name].TrimEnd(), parts[i][name..]);
        }
        return arguments;
    }
}
