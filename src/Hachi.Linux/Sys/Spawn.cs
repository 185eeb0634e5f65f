using System.Runtime.InteropServices;
using System.Text;

namespace Hachi.Linux.Sys;

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
