using System.Runtime.InteropServices;

namespace Hachi.Linux.Sys;

/// <summary>What this process may do, and giving it up (credentials(7), capabilities(7)). Each gives 0 or a negative error number.</summary>
internal static unsafe partial class ProcessRights
{
    private const uint CapabilityVersion3 = 0x20080522;
    private const int SetNoNewPrivs = 38, BoundingDrop = 24, CapabilitiesMax = 64;
    private static readonly bool s_isArm = RuntimeInformation.ProcessArchitecture == Architecture.Arm64;
    private static readonly int s_prctl = s_isArm ? 167 : 157;
    private static readonly int s_capset = s_isArm ? 91 : 126;

    /// <summary>
    /// Becomes another user for good. By the C library's functions, for they do it for every thread, while the system calls do it for one; from root to another
    /// user this ends every capability.
    /// </summary>
    public static int BecomeUser(uint userId, uint groupId)
    {
        if (SetGroups(1, &groupId) < 0 || SetResGid(groupId, groupId, groupId) < 0 || SetResUid(userId, userId, userId) < 0)
            return -Marshal.GetLastPInvokeError();
        return 0;
    }

    /// <summary>Takes every capability from the calling thread and from all that it starts, those included that a program could gain when it is executed.</summary>
    public static int DropCapabilities()
    {
        // Those that are not ours to drop are left; behind the last that the kernel has there is nothing.
        int capability = 0;
        while (capability < CapabilitiesMax && Syscall.Invoke(s_prctl, BoundingDrop, capability) != -(int)Uapi.ErrorNumber.EINVAL)
            capability++;
        uint* header = stackalloc uint[2] { CapabilityVersion3, 0 };
        uint* sets = stackalloc uint[6];
        new Span<uint>(sets, 6).Clear();
        return (int)Syscall.Invoke(s_capset, (nint)header, (nint)sets);
    }

    /// <summary>No program that is executed from here gains privileges.</summary>
    public static int SetNoNewPrivileges() => (int)Syscall.Invoke(s_prctl, SetNoNewPrivs, 1);

    /// <summary>Makes a signal that is ignored one with its default effect; one that is handled stays so.</summary>
    public static void StopIgnoring(int signal)
    {
        const nint Default = 0, Ignored = 1;
        nint before = Signal(signal, Default);
        if (before != Ignored && before != Default)
            Signal(signal, before);
    }

    [LibraryImport("libc", EntryPoint = "signal")]
    private static partial nint Signal(int signal, nint handler);

    [LibraryImport("libc", EntryPoint = "setgroups", SetLastError = true)]
    private static partial int SetGroups(nuint count, uint* groups);

    [LibraryImport("libc", EntryPoint = "setresgid", SetLastError = true)]
    private static partial int SetResGid(uint real, uint effective, uint saved);

    [LibraryImport("libc", EntryPoint = "setresuid", SetLastError = true)]
    private static partial int SetResUid(uint real, uint effective, uint saved);
}
