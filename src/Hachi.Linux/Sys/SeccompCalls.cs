using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Hachi.Isa;
using Hachi.Uapi;

namespace Hachi.Linux.Sys;

/// <summary>The system calls of the sandbox. One P/Invoke, <c>syscall(2)</c>: after a fork nothing else of the C library or the runtime may be touched.</summary>
internal static unsafe partial class SeccompCalls
{
    public const int PrSetPdeathsig = 1, PrSetNoNewPrivs = 38, SetModeFilter = 1, GetActionAvail = 2, GetNotifSizes = 3;
    public const uint FlagTsync = 1, FlagLog = 2, FlagSpecAllow = 4, FlagNewListener = 8, FlagTsyncEsrch = 16, FlagWaitKillable = 32;
    public const long IoctlRecv = 0xc0502100, IoctlSend = 0xc0182101, IoctlIdValid = 0x40082102, IoctlSetFlags = 0x40082104;
    public const int CloneFiles = 0x400, SigChld = 17, SigPipe = 13, SigKill = 9, SigSys = 31, SigTerm = 15;
    public const int Eperm = 1, Enoent = 2, Eintr = 4, Eacces = 13, Einval = 22, Enosys = 38;

    /// <summary>struct sock_fprog.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct SockFprog
    {
        public ushort Length;
        public ClassicInsn* Filter;
    }

    /// <summary>struct seccomp_notif.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Notification
    {
        public ulong Id;
        public uint Pid, Flags;
        public SeccompData Data;
    }

    /// <summary>struct seccomp_notif_resp.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Response
    {
        public ulong Id;
        public long Value;
        public int Error;
        public uint Flags;
    }

    /// <summary>struct pollfd.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct PollFd
    {
        public int Fd;
        public short Events, Revents;
    }

    private static readonly SyscallTable s_table = SyscallTable.Of(Native ?? SeccompArchitecture.X86_64);

    /// <summary>The architecture of this process; null for one that there are no tables for.</summary>
    public static SeccompArchitecture? Native => RuntimeInformation.ProcessArchitecture switch
    {
        Architecture.X64 => SeccompArchitecture.X86_64,
        Architecture.Arm64 => SeccompArchitecture.Aarch64,
        _ => null,
    };

    /// <summary>The number of a call on this machine.</summary>
    public static nint Number(string name) => s_table.Find(name)!.Number;

    /// <summary>A call that may wait. -1 and the last error when it fails.</summary>
    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    public static partial nint Call(nint number, nint a = 0, nint b = 0, nint c = 0, nint d = 0, nint e = 0, nint f = 0);

    /// <summary>A call that does not wait, without any of the runtime's bookkeeping: the only kind that a forked child may make.</summary>
    [LibraryImport("libc", EntryPoint = "syscall")]
    [SuppressGCTransition]
    public static partial nint Raw(nint number, nint a = 0, nint b = 0, nint c = 0, nint d = 0, nint e = 0, nint f = 0);

    /// <summary>
    /// Where the C library keeps this thread's error. A forked child reads it there: <see cref="Marshal.GetLastSystemError"/> is a method of the runtime, which after enough calls
    /// stops to have it compiled again, and waits for threads that a child does not have.
    /// </summary>
    [LibraryImport("libc", EntryPoint = "__errno_location")]
    [SuppressGCTransition]
    public static partial int* ErrnoLocation();

    /// <summary>Sleeps for less than a millisecond, which <see cref="Thread.Sleep(int)"/> cannot.</summary>
    public static void Pause(int microseconds)
    {
        long* time = stackalloc long[2];
        (time[0], time[1]) = (0, microseconds * 1000L);
        Call(Number("nanosleep"), (nint)time);
    }

    /// <summary>The error of the last <see cref="Call"/>.</summary>
    public static int LastError => Marshal.GetLastPInvokeError();

    /// <summary>Binds <see cref="Raw"/>, so that a child finds it bound.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Warm()
    {
        Raw(Number("getpid"));
        ErrnoLocation();
    }
}
