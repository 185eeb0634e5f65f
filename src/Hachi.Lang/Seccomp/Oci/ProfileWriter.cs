using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Hachi.Uapi;

namespace Hachi.Lang.Seccomp.Oci;

/// <summary>Writes profiles of the OCI runtime specification from calls that were seen.</summary>
public static class ProfileWriter
{
    private static readonly Dictionary<SeccompArchitecture, string> s_names = new()
    {
        [SeccompArchitecture.X86_64] = "SCMP_ARCH_X86_64",
        [SeccompArchitecture.I386] = "SCMP_ARCH_X86",
        [SeccompArchitecture.X32] = "SCMP_ARCH_X32",
        [SeccompArchitecture.Aarch64] = "SCMP_ARCH_AARCH64",
    };

    /// <summary>Arguments worth telling apart, by call: those that choose what the call does. Bit 0 is the first.</summary>
    public static IReadOnlyDictionary<string, byte> Selectors { get; } = new Dictionary<string, byte>(StringComparer.Ordinal)
    {
        ["socket"] = 0b111,
        ["socketpair"] = 0b111,
        ["clone"] = 0b1,
        ["unshare"] = 0b1,
        ["setns"] = 0b10,
        ["prctl"] = 0b1,
        ["arch_prctl"] = 0b1,
        ["ioctl"] = 0b10,
        ["fcntl"] = 0b10,
        ["personality"] = 0b1,
        ["setsockopt"] = 0b110,
        ["getsockopt"] = 0b110,
        ["madvise"] = 0b100,
        ["mprotect"] = 0b100,
        ["mmap"] = 0b1100,
        ["futex"] = 0b10,
        ["kill"] = 0b10,
        ["tgkill"] = 0b100,
        ["keyctl"] = 0b1,
        ["bpf"] = 0b1,
        ["ptrace"] = 0b1,
    };

    /// <summary>
    /// Calls that a C library makes when it starts, ends, or tries something newer first, whether a given run shows them or not.
    /// </summary>
    public static IReadOnlyList<string> BaseLibc { get; } =
    [
        "access", "arch_prctl", "brk", "clock_gettime", "clock_nanosleep", "close", "execve", "exit", "exit_group", "fcntl", "fstat", "futex", "getcwd", "getdents64", "getpid", "getrandom", "gettid", "getuid",
        "geteuid", "getgid", "getegid", "lseek", "lstat", "madvise", "mmap", "mprotect", "mremap", "munmap", "newfstatat", "openat", "poll", "pread64", "prlimit64", "read", "readlink", "restart_syscall", "rseq",
        "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sched_yield", "set_robust_list", "set_tid_address", "sigaltstack", "stat", "tgkill", "uname", "write", "writev",
    ];

    /// <summary>What the .NET runtime needs beyond that: threads, collections, timers, files, signals.</summary>
    public static IReadOnlyList<string> BaseDotnet { get; } =
    [
        "clone", "clone3", "dup", "dup2", "eventfd2", "faccessat2", "fadvise64", "flock", "ftruncate", "get_mempolicy", "getppid", "getpriority", "getrusage", "getsid", "ioctl", "kill", "mbind",
        "membarrier", "memfd_create", "mincore", "mkdir", "mlock", "munlock", "mknodat", "msync", "nanosleep", "openat2", "pipe2", "ppoll", "prctl", "pwrite64", "readlinkat", "rt_sigtimedwait", "sched_getaffinity",
        "sched_getparam", "sched_getscheduler", "sched_setaffinity", "sched_setscheduler", "socket", "connect", "bind", "listen", "accept4", "socketpair", "statfs", "fstatfs", "statx", "sysinfo", "timerfd_create",
        "timerfd_settime", "unlink", "wait4", "waitid",
    ];

    /// <summary>New calls that fall back when the kernel does not have them: those that were not seen are told so.</summary>
    private static readonly string[] s_probed = ["clone3", "faccessat2", "openat2", "statx", "rseq", "close_range", "fchmodat2", "pidfd_open", "epoll_pwait2", "futex_waitv", "mseal", "map_shadow_stack"];

    /// <summary>Writes a profile that allows calls, and nothing else.</summary>
    /// <param name="calls">Each call once; its arguments count if its name is in <paramref name="arguments"/>.</param>
    /// <param name="arguments">The calls whose arguments are told apart: those of <see cref="Selectors"/>.</param>
    /// <param name="names">Names that are allowed whatever the arguments.</param>
    public static string Write(IEnumerable<SeccompData> calls, IReadOnlyDictionary<string, byte> arguments, IEnumerable<string> names)
    {
        var plain = new SortedSet<string>(names, StringComparer.Ordinal);
        var told = new SortedDictionary<string, List<SeccompData>>(StringComparer.Ordinal);
        var architectures = new SortedSet<SeccompArchitecture>();
        foreach (SeccompData call in calls)
        {
            if (SeccompArchitectures.Of(call.Architecture, call.Number) is not { } architecture)
                continue;
            uint number = architecture == SeccompArchitecture.X32 ? call.Number & ~SeccompArchitectures.X32Bit : call.Number;
            if (number > int.MaxValue || SyscallTable.Of(architecture).Find((int)number) is not { } info)
                continue;
            architectures.Add(architecture);
            if (!arguments.ContainsKey(info.Name))
            {
                plain.Add(info.Name);
                continue;
            }
            if (!told.TryGetValue(info.Name, out List<SeccompData>? list))
                told.Add(info.Name, list = []);
            list.Add(call);
        }
        var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true, IndentCharacter = '\t', IndentSize = 1, NewLine = "\n", Encoder = JavaScriptEncoder.Default }))
            Write(json, plain, told, architectures, arguments);
        return Encoding.UTF8.GetString(stream.ToArray()) + "\n";
    }

    private static void Write(Utf8JsonWriter json, SortedSet<string> plain, SortedDictionary<string, List<SeccompData>> told, SortedSet<SeccompArchitecture> architectures, IReadOnlyDictionary<string, byte> arguments)
    {
        json.WriteStartObject();
        json.WriteString("defaultAction", "SCMP_ACT_ERRNO");
        json.WriteNumber("defaultErrnoRet", SeccompAction.Eperm);
        json.WriteStartArray("architectures");
        foreach (SeccompArchitecture architecture in architectures)
            json.WriteStringValue(s_names[architecture]);
        json.WriteEndArray();
        json.WriteStartArray("syscalls");
        WriteNames(json, plain, null);
        WriteNames(json, s_probed.Where(name => !plain.Contains(name) && !told.ContainsKey(name)), SeccompAction.Enosys);
        foreach ((string name, List<SeccompData> calls) in told)
        {
            if (plain.Contains(name))
                continue;
            byte mask = arguments[name];
            foreach (SeccompArguments each in calls.Select(call => call.Arguments).Distinct().OrderBy(each => each[0]).ThenBy(each => each[1]).ThenBy(each => each[2]))
                WriteConditions(json, name, mask, each);
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteNames(Utf8JsonWriter json, IEnumerable<string> names, int? errno)
    {
        string[] all = [.. names];
        if (all.Length == 0)
            return;
        json.WriteStartObject();
        json.WriteStartArray("names");
        foreach (string name in all)
            json.WriteStringValue(name);
        json.WriteEndArray();
        json.WriteString("action", errno is null ? "SCMP_ACT_ALLOW" : "SCMP_ACT_ERRNO");
        if (errno is { } number)
            json.WriteNumber("errnoRet", number);
        json.WriteEndObject();
    }

    private static void WriteConditions(Utf8JsonWriter json, string name, byte mask, in SeccompArguments values)
    {
        json.WriteStartObject();
        json.WriteStartArray("names");
        json.WriteStringValue(name);
        json.WriteEndArray();
        json.WriteString("action", "SCMP_ACT_ALLOW");
        json.WriteStartArray("args");
        for (int i = 0; i < SeccompData.ArgumentsMax; i++)
        {
            if ((mask >> i & 1) == 0)
                continue;
            json.WriteStartObject();
            json.WriteNumber("index", i);
            json.WriteNumber("value", values[i]);
            json.WriteString("op", "SCMP_CMP_EQ");
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }
}
