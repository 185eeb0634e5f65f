namespace Hachi.Lang.Seccomp.Explain;

/// <summary>What the audit knows of system calls.</summary>
internal static class AuditFacts
{
    /// <summary>Calls that do the same; a name may stand in several rows.</summary>
    public static readonly string[][] Twins =
    [
        ["open", "openat", "openat2"], ["execve", "execveat"], ["sendfile", "sendfile64"], ["umount", "umount2"], ["stat", "newfstatat", "statx", "stat64", "fstatat64"],
        ["clone", "clone3"], ["kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal"], ["chmod", "fchmodat", "fchmodat2"],
        ["chown", "lchown", "fchownat"], ["mkdir", "mkdirat"], ["mknod", "mknodat"], ["unlink", "unlinkat"], ["rename", "renameat", "renameat2"],
        ["link", "linkat"], ["symlink", "symlinkat"], ["mount", "fsopen", "move_mount"], ["socket", "socketpair"], ["init_module", "finit_module"],
        ["kexec_load", "kexec_file_load"], ["ptrace", "process_vm_readv", "process_vm_writev"], ["setxattr", "lsetxattr", "fsetxattr", "setxattrat"],
        ["clock_settime", "clock_settime64", "settimeofday", "stime"], ["semtimedop", "semtimedop_time64"], ["prlimit64", "setrlimit"],
    ];

    /// <summary>Calls that give more than their name says, and what.</summary>
    public static readonly (string Name, string Why)[] Dangerous =
    [
        ("io_uring_setup", "what is done through io_uring passes no filter"),
        ("bpf", "programs in the kernel"),
        ("perf_event_open", "a large surface of the kernel, and a view of other processes"),
        ("ptrace", "control of other processes, and before Linux 4.8 a way round the filter"),
        ("process_vm_writev", "writing into other processes"),
        ("userfaultfd", "stops the kernel in the middle of a call: the tool of many exploits"),
        ("keyctl", "keyrings are not separated by namespaces"),
        ("add_key", "keyrings are not separated by namespaces"),
        ("request_key", "keyrings are not separated by namespaces"),
        ("open_by_handle_at", "opens files outside of the visible tree"),
        ("init_module", "code in the kernel"),
        ("finit_module", "code in the kernel"),
        ("kexec_load", "another kernel"),
        ("kexec_file_load", "another kernel"),
        ("mount", "changes the tree of files"),
        ("fsopen", "changes the tree of files"),
        ("move_mount", "changes the tree of files"),
        ("pivot_root", "changes the tree of files"),
        ("setns", "enters other namespaces"),
        ("unshare", "makes namespaces, and with them capabilities inside"),
        ("iopl", "the hardware's ports"),
        ("ioperm", "the hardware's ports"),
        ("lookup_dcookie", "an old interface for profilers, seldom looked at"),
        ("nfsservctl", "an old interface, seldom looked at"),
        ("modify_ldt", "segments of 16 bits, a seldom tested part of the kernel"),
        ("uselib", "an old interface, seldom looked at"),
        ("acct", "writes a file of every process's end"),
        ("quotactl", "the quotas of file systems"),
        ("swapon", "the machine's memory"),
        ("reboot", "the machine"),
        ("syslog", "the kernel's log, with addresses"),
        ("vm86", "the processor's 16-bit mode"),
        ("vm86old", "the processor's 16-bit mode"),
    ];

    /// <summary>New calls that C libraries try first, falling back when the kernel does not have them.</summary>
    public static readonly string[] Probed =
        ["clone3", "faccessat2", "openat2", "statx", "rseq", "close_range", "fchmodat2", "futex_waitv", "pidfd_open", "preadv2", "pwritev2", "copy_file_range", "epoll_pwait2", "getrandom", "memfd_create", "mseal", "map_shadow_stack", "execveat"];

    /// <summary>Calls that every program needs, and what goes wrong without.</summary>
    public static readonly (string Name, string Why)[] Needed =
    [
        ("exit_group", "a program cannot end"),
        ("rt_sigreturn", "a signal handler cannot return"),
    ];

    /// <summary>What goes through a multiplexer of i386.</summary>
    public static readonly (string Multiplexer, string[] Calls)[] Multiplexers =
        [("socketcall", ["socket", "connect", "bind", "listen", "sendto", "socketpair"]), ("ipc", ["semget", "shmget", "msgget"])];
}
