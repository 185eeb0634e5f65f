namespace Hachi.Lang.Trace.Check;

/// <summary>Headers that scripts include: none is read, but a name that nobody knows is a mistake.</summary>
internal static class Headers
{
    // Folders of the kernel's headers and sources, and of the C library's.
    private static readonly string[] s_folders =
    [
        "linux", "net", "uapi", "asm", "asm-generic", "sys", "bits", "arpa", "netinet", "netinet6", "netpacket", "netax25", "scsi", "rdma", "drm", "crypto", "trace", "video", "sound", "media", "xen", "kvm",
        "acpi", "memory", "misc", "mtd", "ras", "soc", "vdso", "clocksource", "generated", "kernel", "mm", "fs", "block", "drivers", "arch", "include", "security", "ipc", "init", "lib", "bpf", "gnu", "rpc", "x86_64-linux-gnu",
    ];

    private static readonly string[] s_files =
    [
        "errno", "signal", "stdint", "stdbool", "stddef", "stdlib", "stdio", "string", "strings", "unistd", "fcntl", "limits", "inttypes", "netdb", "pthread", "sched", "time", "math", "ctype", "poll", "pwd", "grp",
        "dirent", "dlfcn", "elf", "endian", "assert", "ifaddrs", "mqueue", "semaphore", "stdarg", "syslog", "termios", "ucontext", "utime", "vmlinux", "kconfig", "tracepoint", "zlib",
    ];

    /// <summary>Whether a header of that path is one of the kernel's or the C library's, as far as its path tells; relative ones are taken as they are.</summary>
    public static bool IsKnown(string path)
    {
        path = path.Trim('<', '>', '"');
        int slash = path.IndexOf('/', StringComparison.Ordinal);
        return path.Length == 0 ? false : slash < 0 ? path.EndsWith(".h", StringComparison.Ordinal) && s_files.Contains(path[..^2]) : slash == 0 || path[0] == '.' || s_folders.Contains(path[..slash]);
    }
}
