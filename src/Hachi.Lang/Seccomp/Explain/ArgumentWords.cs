using System.Collections.Frozen;
using System.Globalization;
using Hachi.Uapi;

namespace Hachi.Lang.Seccomp.Explain;

/// <summary>What numbers in arguments are called: families, protections, flags, options. For reading only; policies are written with the same names.</summary>
internal static class ArgumentWords
{
    private static readonly string[] s_noValues = ["_MASK", "_SHIFT", "_MAX", "_TYPE", "_OP_", "_O_", "_EVENT_", "_FAILED", "_ACCMODE"];

    /// <summary>Where several constants of a group have one value: the one to print.</summary>
    private static readonly FrozenSet<string> s_preferred = FrozenSet.Create(StringComparer.Ordinal, "AF_UNIX", "AF_NETLINK", "MAP_ANONYMOUS", "O_NONBLOCK", "MAP_PRIVATE", "MAP_SHARED");

    /// <summary>Arguments by call and position: the prefix of their constants, and whether these are bits.</summary>
    private static readonly FrozenDictionary<string, (string Prefix, bool AreBits)> s_arguments = new Dictionary<string, (string, bool)>(StringComparer.Ordinal)
    {
        ["socket 0"] = ("AF_", false),
        ["socketpair 0"] = ("AF_", false),
        ["socket 1"] = ("SOCK_", false),
        ["socketpair 1"] = ("SOCK_", false),
        ["accept4 3"] = ("SOCK_", true),
        ["clone 0"] = ("CLONE_", true),
        ["unshare 0"] = ("CLONE_", true),
        ["setns 1"] = ("CLONE_", true),
        ["mmap 2"] = ("PROT_", true),
        ["mmap2 2"] = ("PROT_", true),
        ["mprotect 2"] = ("PROT_", true),
        ["pkey_mprotect 2"] = ("PROT_", true),
        ["mmap 3"] = ("MAP_", true),
        ["mmap2 3"] = ("MAP_", true),
        ["open 1"] = ("O_", true),
        ["openat 2"] = ("O_", true),
        ["pipe2 1"] = ("O_", true),
        ["dup3 2"] = ("O_", true),
        ["mount 3"] = ("MS_", true),
        ["prctl 0"] = ("PR_", false),
        ["ptrace 0"] = ("PTRACE_", false),
        ["arch_prctl 0"] = ("ARCH_", false),
        ["madvise 2"] = ("MADV_", false),
        ["keyctl 0"] = ("KEYCTL_", false),
        ["clock_gettime 0"] = ("CLOCK_", false),
        ["clock_settime 0"] = ("CLOCK_", false),
        ["clock_nanosleep 0"] = ("CLOCK_", false),
        ["setsockopt 1"] = ("SOL_", false),
        ["getsockopt 1"] = ("SOL_", false),
        ["prlimit64 1"] = ("RLIMIT_", false),
        ["setrlimit 0"] = ("RLIMIT_", false),
        ["getrlimit 0"] = ("RLIMIT_", false),
    }.ToFrozenDictionary(StringComparer.Ordinal);

    private static readonly Lazy<FrozenDictionary<string, (string Name, ulong Value)[]>> s_groups = new(ReadGroups);

    /// <summary>The words for an argument, or null where there are none: <c>AF_VSOCK</c>, <c>PROT_READ|PROT_EXEC</c>, <c>CLONE_NEWUSER|0x11</c>.</summary>
    /// <param name="call">Name of the system call.</param>
    /// <param name="index">Position of the argument, from 0.</param>
    /// <param name="value">What the register holds.</param>
    /// <param name="name">The argument's name, where it is known.</param>
    public static string? Of(string? call, int index, ulong value, string? name = null)
    {
        if (name is not null && name.EndsWith("dfd", StringComparison.Ordinal) && (uint)value == SyscallWords.Constant("AT_FDCWD"))
            return "AT_FDCWD";
        if (call is null || !s_arguments.TryGetValue(string.Create(CultureInfo.InvariantCulture, $"{call} {index}"), out (string Prefix, bool AreBits) argument))
            return null;
        (string Name, ulong Value)[] group = s_groups.Value[argument.Prefix];
        if (argument.Prefix == "SOCK_" && !argument.AreBits) // a type in the lowest bits, flags above
        {
            string? type = One(group, value & 0xf);
            return type is null || (value & ~0xful) == 0 ? type : Bits(group, value & ~0xful) is { } flags ? $"{type}|{flags}" : null;
        }
        return argument.AreBits ? Bits(group, value) : One(group, value);
    }

    private static string? One((string Name, ulong Value)[] group, ulong value)
    {
        string? found = null;
        foreach ((string name, ulong k) in group)
            if (k == value && (found is null || s_preferred.Contains(name)))
                found = name;
        return found;
    }

    private static string? Bits((string Name, ulong Value)[] group, ulong value)
    {
        var words = new List<string>();
        ulong left = value;
        for (int bit = 0; bit < 64; bit++)
        {
            if ((value >> bit & 1) == 0 || One(group, 1ul << bit) is not { } name)
                continue;
            words.Add(name);
            left &= ~(1ul << bit);
        }
        if (words.Count == 0)
            return null;
        if (left != 0)
            words.Add(string.Create(CultureInfo.InvariantCulture, $"0x{left:x}"));
        return string.Join('|', words);
    }

    private static FrozenDictionary<string, (string Name, ulong Value)[]> ReadGroups() => s_arguments.Values.Select(argument => argument.Prefix).Distinct().ToFrozenDictionary(
        prefix => prefix,
        prefix => SyscallWords.Constants
            .Where(name => name.StartsWith(prefix, StringComparison.Ordinal) && !s_noValues.Any(part => name.Contains(part, StringComparison.Ordinal)))
            .OrderBy(name => IsMain(prefix, name) ? 0 : 1).ThenBy(name => name, StringComparer.Ordinal)
            .Select(name => (name, SyscallWords.Constant(name)!.Value)).ToArray(),
        StringComparer.Ordinal);

    /// <summary>Options of prctl come before the values that go with them.</summary>
    private static bool IsMain(string prefix, string name) =>
        prefix != "PR_" || name.StartsWith("PR_SET_", StringComparison.Ordinal) && !name.StartsWith("PR_SET_MM_", StringComparison.Ordinal) || name.StartsWith("PR_GET_", StringComparison.Ordinal)
        || name is "PR_CAPBSET_DROP" or "PR_CAPBSET_READ" or "PR_CAP_AMBIENT";
}
