using System.Runtime.InteropServices;
using System.Text;

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

/// <summary>
/// posix_spawn(3): a child that the runtime does not know. It takes the stops of a traced child that it knows for its end, and their tracer waits for ever
/// (waitid with WEXITED reports them too).
/// </summary>
internal static unsafe partial class Spawn
{
    private const int AttributeBytes = 512, SignalSetBytes = 128, SetSignalDefaults = 4, SignalPipe = 13;

    /// <summary>Starts a program with this process's environment and descriptors.</summary>
    /// <param name="path">Its file.</param>
    /// <param name="arguments">What it is called by, then its arguments.</param>
    /// <returns>Its number, or minus an error number.</returns>
    public static int Start(string path, params ReadOnlySpan<string> arguments)
    {
        var memory = new List<nint>();
        byte* attributes = stackalloc byte[AttributeBytes], signals = stackalloc byte[SignalSetBytes];
        new Span<byte>(attributes, AttributeBytes).Clear();
        new Span<byte>(signals, SignalSetBytes).Clear();
        // The runtime ignores SIGPIPE, which a program would inherit.
        *(ulong*)signals = 1UL << (SignalPipe - 1);
        try
        {
            int pid = 0, result = InitAttributes(attributes);
            if (result != 0)
                return -result;
            _ = SetDefaults(attributes, signals);
            _ = SetFlags(attributes, SetSignalDefaults);
            fixed (byte* file = Encoding.UTF8.GetBytes(path + '\0'))
                result = PosixSpawn(&pid, file, null, attributes, Texts(arguments, memory), Texts(Variables(), memory));
            _ = FreeAttributes(attributes);
            return result == 0 ? pid : -result;
        }
        finally
        {
            memory.ForEach(block => NativeMemory.Free((void*)block));
        }
    }

    private static string[] Variables()
    {
        var all = new List<string>();
        foreach (System.Collections.DictionaryEntry row in Environment.GetEnvironmentVariables())
            all.Add($"{row.Key}={row.Value}");
        return [.. all];
    }

    private static byte** Texts(ReadOnlySpan<string> texts, List<nint> memory)
    {
        byte** all = (byte**)NativeMemory.AllocZeroed((nuint)(texts.Length + 1), (nuint)sizeof(byte*));
        memory.Add((nint)all);
        for (int i = 0; i < texts.Length; i++)
        {
            int count = Encoding.UTF8.GetByteCount(texts[i]);
            all[i] = (byte*)NativeMemory.AllocZeroed((nuint)count + 1);
            memory.Add((nint)all[i]);
            Encoding.UTF8.GetBytes(texts[i], new Span<byte>(all[i], count));
        }
        return all;
    }

    [LibraryImport("libc", EntryPoint = "posix_spawn")]
    private static partial int PosixSpawn(int* pid, byte* path, void* actions, byte* attributes, byte** arguments, byte** environment);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_init")]
    private static partial int InitAttributes(byte* attributes);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_destroy")]
    private static partial int FreeAttributes(byte* attributes);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setsigdefault")]
    private static partial int SetDefaults(byte* attributes, byte* signals);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setflags")]
    private static partial int SetFlags(byte* attributes, short flags);
}
