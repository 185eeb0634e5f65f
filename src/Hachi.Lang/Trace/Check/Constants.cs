using System.Collections.Frozen;
using System.Globalization;
using Hachi.Isa;
using Hachi.Uapi;

namespace Hachi.Lang.Trace.Check;

/// <summary>Constants that headers define with <c>#define</c>, so that no kernel's types tell them, and that scripts use: numbers of the kernel's and the C library's interface (POSIX, Linux uapi).</summary>
internal static class Constants
{
    // Name and value.
    private const string Rows = """
        NULL=0 AF_UNSPEC=0 AF_UNIX=1 AF_LOCAL=1 AF_INET=2 AF_INET6=10 AF_NETLINK=16 AF_PACKET=17 AF_VSOCK=40 IPPROTO_ICMP=1 IPPROTO_TCP=6
        IPPROTO_UDP=17 IPPROTO_ICMPV6=58 SOCK_STREAM=1 SOCK_DGRAM=2 O_RDONLY=0 O_WRONLY=1 O_RDWR=2 O_CREAT=64 O_EXCL=128 O_TRUNC=512 O_APPEND=1024
        O_NONBLOCK=2048 O_CLOEXEC=524288 AT_FDCWD=-100 PROT_READ=1 PROT_WRITE=2 PROT_EXEC=4 MAP_SHARED=1 MAP_PRIVATE=2 MAP_ANONYMOUS=32 S_IFMT=61440
        S_IFSOCK=49152 S_IFLNK=40960 S_IFREG=32768 S_IFBLK=24576 S_IFDIR=16384 S_IFCHR=8192 S_IFIFO=4096 CLONE_VM=256 CLONE_THREAD=65536
        CLONE_NEWNS=131072 CLONE_NEWUSER=268435456 CLONE_NEWPID=536870912 CLONE_NEWNET=1073741824 NSEC_PER_SEC=1000000000 NSEC_PER_MSEC=1000000
        NSEC_PER_USEC=1000 USEC_PER_SEC=1000000 PAGE_SIZE=4096 PAGE_SHIFT=12 TASK_RUNNING=0 TASK_INTERRUPTIBLE=1 TASK_UNINTERRUPTIBLE=2
        TASK_COMM_LEN=16 PF_KTHREAD=2097152 INT_MAX=2147483647 UINT_MAX=4294967295 LONG_MAX=9223372036854775807 INT_MIN=-2147483648 PATH_MAX=4096
        NAME_MAX=255 REQ_OP_BITS=8 REQ_OP_MASK=255 REQ_OP_SHIFT=24 MINORBITS=20 MINORMASK=1048575
        """;

    private static readonly FrozenDictionary<string, long> s_all = Table().ToFrozenDictionary(StringComparer.Ordinal);

    public static long? Find(string name) => s_all.TryGetValue(name, out long value) ? value
        : name.StartsWith("__NR_", StringComparison.Ordinal) ? SyscallTable.Of(SeccompArchitecture.X86_64).Find(name["__NR_".Length..])?.Number
        : name.StartsWith("SYS_", StringComparison.Ordinal) ? SyscallTable.Of(SeccompArchitecture.X86_64).Find(name["SYS_".Length..])?.Number : null;

    private static Dictionary<string, long> Table()
    {
        var all = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (string row in Rows.Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries))
            all[row[..row.IndexOf('=')]] = long.Parse(row.AsSpan(row.IndexOf('=') + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        Number(all, 1, "EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT ENOTBLK EBUSY EEXIST EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE EDEADLK ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY ELOOP");
        Number(all, 97, "EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ENOBUFS EISCONN ENOTCONN ESHUTDOWN ETOOMANYREFS ETIMEDOUT ECONNREFUSED EHOSTDOWN EHOSTUNREACH EALREADY EINPROGRESS ESTALE");
        all["EWOULDBLOCK"] = 11;
        Number(all, 1, "SIGHUP SIGINT SIGQUIT SIGILL SIGTRAP SIGABRT SIGBUS SIGFPE SIGKILL SIGUSR1 SIGSEGV SIGUSR2 SIGPIPE SIGALRM SIGTERM SIGSTKFLT SIGCHLD SIGCONT SIGSTOP SIGTSTP SIGTTIN SIGTTOU SIGURG SIGXCPU SIGXFSZ SIGVTALRM SIGPROF SIGWINCH SIGIO SIGPWR SIGSYS");
        Number(all, 1, "TCP_ESTABLISHED TCP_SYN_SENT TCP_SYN_RECV TCP_FIN_WAIT1 TCP_FIN_WAIT2 TCP_TIME_WAIT TCP_CLOSE TCP_CLOSE_WAIT TCP_LAST_ACK TCP_LISTEN TCP_CLOSING TCP_NEW_SYN_RECV");
        return all;
    }

    private static void Number(Dictionary<string, long> all, long first, string names)
    {
        foreach (string name in names.Split(' '))
            all[name] = first++;
    }
}
