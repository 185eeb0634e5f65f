using System.Globalization;
using System.Text;
using Hachi.Linux.Sys;
using Microsoft.Win32.SafeHandles;

namespace Hachi.Linux.Symbols;

/// <summary>
/// Files of a process that is looked at, as it sees them (/proc/PID/root). It may be hostile: links and pipes are not followed, and a file must be as large as
/// it may be and belong to whom it should.
/// </summary>
internal static unsafe class TargetFile
{
    public const long BytesMax = 1L << 31;
    private const int KindMask = 0xf000, RegularFile = 0x8000;
    private const int ReadOnly = 0, NoFollow = 0x20000, NonBlocking = 0x800, Cloexec = 0x80000, AtCwd = -100;

    /// <summary>Opens a regular file of a process; null where there is none, or it is not to be trusted.</summary>
    /// <param name="pid">The process.</param>
    /// <param name="path">The path as the process sees it.</param>
    /// <param name="isOwnedByProcess">Whether it must belong to the process's user or to root.</param>
    public static SafeFileHandle? Open(int pid, string path, bool isOwnedByProcess = false)
    {
        string whole = string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/root{path}");
        int descriptor;
        fixed (byte* name = Encoding.UTF8.GetBytes(whole + '\0'))
            descriptor = (int)Syscall.Retry(Syscall.Openat, AtCwd, (nint)name, ReadOnly | NoFollow | NonBlocking | Cloexec);
        if (descriptor < 0)
            return null;
        var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        bool isGood = false;
        try
        {
            isGood = Look(descriptor, "") is { } file && (file.Mode & KindMask) == RegularFile && RandomAccess.GetLength(handle) is > 0 and <= BytesMax && (!isOwnedByProcess || IsOwned(pid, file.Owner));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Not a file then.
        }
        if (isGood)
            return handle;
        handle.Dispose();
        return null;
    }

    /// <summary>The process's number where it lives: the last of its namespaces'.</summary>
    public static int InnerPid(int pid)
    {
        try
        {
            string? line = File.ReadLines($"/proc/{pid}/status").FirstOrDefault(line => line.StartsWith("NSpid:", StringComparison.Ordinal));
            return line is not null && int.TryParse(line.Split('\t', ' ')[^1], NumberStyles.None, CultureInfo.InvariantCulture, out int inner) ? inner : pid;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return pid;
        }
    }

    private static bool IsOwned(int pid, uint owner) =>
        owner == 0 || Look(AtCwd, string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}")) is { } process && process.Owner == owner;

    // statx(2): the owner stands at byte 20, the mode at byte 28. The process's own user is that of /proc/PID.
    private static (uint Owner, int Mode)? Look(int directory, string path)
    {
        const int Bytes = 256, EmptyPath = 0x1000, MaskTypeModeUid = 1 | 2 | 8, OwnerOffset = 20, ModeOffset = 28;
        byte* answer = stackalloc byte[Bytes];
        fixed (byte* name = Encoding.UTF8.GetBytes(path + '\0'))
            return Syscall.Invoke(Syscall.Statx, directory, (nint)name, path.Length == 0 ? EmptyPath : 0, MaskTypeModeUid, (nint)answer) < 0
                ? null
                : (*(uint*)(answer + OwnerOffset), *(ushort*)(answer + ModeOffset));
    }
}
