using System.Runtime.InteropServices;

namespace Hachi.Linux.Sys;

/// <summary>The one place of P/Invoke: system calls by number, each giving a result or a negative error number, read at once.</summary>
internal static unsafe partial class Syscall
{
    private static readonly bool s_isArm = RuntimeInformation.ProcessArchitecture == Architecture.Arm64;

    // Numbers of x86-64 and arm64; a test compares them with eng/uapi/syscalls.txt.
    public static readonly int Bpf = s_isArm ? 280 : 321;
    public static readonly int PerfEventOpen = s_isArm ? 241 : 298;
    public static readonly int Close = s_isArm ? 57 : 3;
    public static readonly int Ioctl = s_isArm ? 29 : 16;
    public static readonly int Mmap = s_isArm ? 222 : 9;
    public static readonly int Munmap = s_isArm ? 215 : 11;
    public static readonly int Socket = s_isArm ? 198 : 41;
    public static readonly int Bind = s_isArm ? 200 : 49;
    public static readonly int Sendto = s_isArm ? 206 : 44;
    public static readonly int Recvfrom = s_isArm ? 207 : 45;
    public static readonly int Setsockopt = s_isArm ? 208 : 54;
    public static readonly int Getsockopt = s_isArm ? 209 : 55;
    public static readonly int Openat = s_isArm ? 56 : 257;
    public static readonly int Read = s_isArm ? 63 : 0;
    public static readonly int Fcntl = s_isArm ? 25 : 72;
    public static readonly int Write = s_isArm ? 64 : 1;
    public static readonly int EpollCreate1 = s_isArm ? 20 : 291;
    public static readonly int EpollCtl = s_isArm ? 21 : 233;
    public static readonly int EpollPwait = s_isArm ? 22 : 281;
    public static readonly int Eventfd2 = s_isArm ? 19 : 290;
    public static readonly int Fstatfs = s_isArm ? 44 : 138;
    public static readonly int Ppoll = s_isArm ? 73 : 271;

    public static readonly int Ptrace = s_isArm ? 117 : 101;
    public static readonly int Wait4 = s_isArm ? 260 : 61;
    public static readonly int Kill = s_isArm ? 129 : 62;
    public static readonly int Statx = s_isArm ? 291 : 332;
    public static readonly int Fsopen = 430;
    public static readonly int Fsconfig = 431;
    public static readonly int Fsmount = 432;

    /// <summary>A system call.</summary>
    /// <returns>Its result, or minus its error number.</returns>
    public static nint Invoke(int number, nint a = 0, nint b = 0, nint c = 0, nint d = 0, nint e = 0, nint f = 0)
    {
        nint result = Call(number, a, b, c, d, e, f);
        return result == -1 ? -Marshal.GetLastPInvokeError() : result;
    }

    /// <summary>A call that is repeated while signals interrupt it.</summary>
    public static nint Retry(int number, nint a = 0, nint b = 0, nint c = 0, nint d = 0, nint e = 0, nint f = 0)
    {
        const int Interrupted = -4;
        nint result;
        do
            result = Invoke(number, a, b, c, d, e, f);
        while (result == Interrupted);
        return result;
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint Call(nint number, nint a, nint b, nint c, nint d, nint e, nint f);
}
