using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Hachi.Guest;

/// <summary>The system calls that the agent itself makes, to set a machine up and to do what is to be observed. Attaching is Hachi.Linux's part.</summary>
internal static unsafe partial class Calls
{
    public const int CloneNewNet = 0x40000000, AfInet = 2, AfPacket = 17, AfNetlink = 16, SockStream = 1, SockDgram = 2, SockRaw = 3, SockCloexec = 0x80000, SolSocket = 1;

    private const int SysFinitModule = 313;

    [LibraryImport("libc", EntryPoint = "mount", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Mount(string source, string target, string type, nuint flags, string? data);

    [LibraryImport("libc", EntryPoint = "reboot", SetLastError = true)]
    private static partial int Reboot(int command);

    [LibraryImport("libc", EntryPoint = "sync")]
    private static partial void Sync();

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    public static partial nint Syscall(nint number, nint a = 0, nint b = 0, nint c = 0, nint d = 0, nint e = 0, nint f = 0);

    [LibraryImport("libc", EntryPoint = "unshare", SetLastError = true)]
    public static partial int Unshare(int flags);

    [LibraryImport("libc", EntryPoint = "mkdir", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int MakeFolder(string path, uint mode);

    [LibraryImport("libc", EntryPoint = "rmdir", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int RemoveFolder(string path);

    [LibraryImport("libc", EntryPoint = "getpgid", SetLastError = true)]
    public static partial int GetProcessGroup(int pid);

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    public static partial int Socket(int family, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    public static partial int Close(int fd);

    [LibraryImport("libc", EntryPoint = "bind", SetLastError = true)]
    public static partial int Bind(int fd, void* address, uint length);

    [LibraryImport("libc", EntryPoint = "connect", SetLastError = true)]
    public static partial int Connect(int fd, void* address, uint length);

    [LibraryImport("libc", EntryPoint = "send", SetLastError = true)]
    public static partial nint Send(int fd, void* data, nuint length, int flags);

    [LibraryImport("libc", EntryPoint = "recv", SetLastError = true)]
    public static partial nint Receive(int fd, void* data, nuint length, int flags);

    [LibraryImport("libc", EntryPoint = "setsockopt", SetLastError = true)]
    public static partial int SetSockOpt(int fd, int level, int name, void* value, uint length);

    [LibraryImport("libc", EntryPoint = "getsockopt", SetLastError = true)]
    public static partial int GetSockOpt(int fd, int level, int name, void* value, uint* length);

    [LibraryImport("libc", EntryPoint = "if_nametoindex", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial uint InterfaceIndex(string name);

    [LibraryImport("libc", EntryPoint = "getppid")]
    public static partial int ParentProcess();

    /// <summary>Loads a module from an open file; flag 4: it is compressed.</summary>
    public static int FinitModule(int fd, string parameters, int flags)
    {
        nint text = Marshal.StringToCoTaskMemUTF8(parameters);
        try
        {
            return (int)Syscall(SysFinitModule, fd, text, flags);
        }
        finally
        {
            Marshal.FreeCoTaskMem(text);
        }
    }

    /// <summary>Ends the machine.</summary>
    public static void PowerOff()
    {
        Sync();
        _ = Reboot(0x4321fedc);
    }

    /// <summary>Throws with the system's words when a call gave -1.</summary>
    public static int Must(int result, string call) =>
        result >= 0 ? result : throw new Win32Exception(Marshal.GetLastPInvokeError(), $"{call}: {Marshal.GetLastPInvokeErrorMessage()}");
}
