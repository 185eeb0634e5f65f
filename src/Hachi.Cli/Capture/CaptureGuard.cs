using System.Globalization;
using System.Runtime.CompilerServices;
using Hachi.Isa;
using Hachi.Lang.Seccomp;
using Hachi.Linux.Sandbox;
using Hachi.Uapi;

namespace Hachi.Cli.Capture;

/// <summary>What a capture gives up once its sockets are open: root, capabilities, and every system call that it does not make.</summary>
internal static class CaptureGuard
{
    private const int Eperm = 1, Enosys = 38;
    private const ulong CloneThread = 0x10000, ProtExec = 4, AfNetlink = 16, SolSocket = 1, SolPacket = 263;

    /// <summary>Whether sudo started this, for a user who is not root.</summary>
    public static bool IsUnderSudo { get; } = FromSudo("SUDO_UID") is > 0;

    /// <summary>Gives up root: under sudo for the user who called it, otherwise only the capabilities.</summary>
    public static void DropRights(bool keepsUser)
    {
        try
        {
            Privileges.Drop(keepsUser ? null : FromSudo("SUDO_UID"), keepsUser ? null : FromSudo("SUDO_GID"));
        }
        catch (SandboxException e)
        {
            throw new CommandException(e.Message, "--as-root captures without becoming another user", ExitStatus.KernelRefused);
        }
    }

    /// <summary>What of it can be done while the sockets are being opened.</summary>
    public static void DropRightsAhead(bool keepsUser)
    {
        if (keepsUser || FromSudo("SUDO_UID") is null)
            Privileges.DropForRuntime();
    }

    /// <summary>The filter of system calls; null where this kernel has none, or what this process runs in permits none.</summary>
    /// <param name="opensFiles">Whether files are opened later on, for rotation.</param>
    public static ClassicProgram? Compile(bool opensFiles) =>
        SeccompFilter.IsSupported ? SeccompCompiler.Compile(Policy(opensFiles, RuntimeFeature.IsDynamicCodeSupported).Build(SeccompFilter.Native)).Program : null;

    /// <summary>Installs it for all threads.</summary>
    /// <returns>False, and the capture runs on without it.</returns>
    public static bool TryApply(ClassicProgram filter)
    {
        try
        {
            SeccompFilter.Apply(filter);
            return true;
        }
        catch (SandboxException)
        {
            return false;
        }
    }

    /// <summary>
    /// What a capture calls: it reads rings, writes descriptors that are open, waits, and manages its memory and threads. A runtime that compiles while it runs
    /// loads its libraries when it first needs them, and makes memory executable.
    /// </summary>
    internal static SeccompPolicyBuilder Policy(bool opensFiles, bool compiles)
    {
        int self = Environment.ProcessId;
        SeccompPolicyBuilder policy = new SeccompPolicyBuilder(SeccompAction.Errno(Eperm))
            .Allow("read", "pread64", "readv", "write", "pwrite64", "writev", "pwritev", "close", "lseek", "fsync", "fdatasync", "ftruncate", "fallocate", "flock", "fadvise64", "fcntl")
            .Allow("fstat", "stat", "newfstatat", "statx", "pipe2", "poll", "ppoll", "epoll_wait", "epoll_pwait", "eventfd2")
            .Allow("futex", "munmap", "mremap", "madvise", "brk", "membarrier", "exit", "exit_group", "restart_syscall", "set_robust_list", "rseq", "get_mempolicy")
            .Allow("rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "rt_sigtimedwait", "gettid", "getpid", "getppid", "getuid", "geteuid", "getgid", "getegid")
            .Allow("sched_yield", "sched_getaffinity", "sched_setaffinity", "sched_getparam", "sched_getscheduler", "sched_setscheduler", "sched_get_priority_max", "sched_get_priority_min", "getcpu", "getrandom", "uname", "sysinfo", "getrusage", "times", "prlimit64")
            .Allow("clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday")
            .Allow("getsockopt", "recvfrom", "sendto", "ioctl", "getcwd")
            .Allow("setsockopt", when => when.Equal("level", SolSocket))
            .Allow("setsockopt", when => when.Equal("level", SolPacket))
            .Allow("socket", when => when.Equal("family", AfNetlink).Equal("protocol", 0))
            .Allow("tgkill", when => when.Equal("tgid", (ulong)self))
            .Allow("kill", when => when.Equal("pid", (ulong)self))
            .Allow("clone", when => when.Masked("clone_flags", CloneThread, CloneThread))
            .Allow("prctl")
            .Deny(Enosys, "clone3"); // its flags lie in memory, where no filter sees them: the C library then calls clone
        if (opensFiles || compiles)
            policy.Allow("openat", "readlink", "readlinkat", "access", "faccessat", "getdents64");
        return compiles
            ? policy.Allow("mmap", "mprotect", "memfd_create", "mlock", "munlock", "mincore", "unlink", "unlinkat")
            : policy.Allow("mmap", when => when.Masked("prot", ProtExec, 0)).Allow("mprotect", when => when.Masked("prot", ProtExec, 0));
    }

    private static int? FromSudo(string variable) =>
        Environment.IsPrivilegedProcess && int.TryParse(Environment.GetEnvironmentVariable(variable), NumberStyles.None, CultureInfo.InvariantCulture, out int id) ? id : null;
}
