using System.Globalization;
using Hachi.Linux.Sys;
using Microsoft.Win32.SafeHandles;

namespace Hachi.Linux.Symbols;

/// <summary>
/// Files of a process that is looked at, as it sees them (/proc/PID/root). It may be hostile: links and pipes are not followed, and a file must be as large as
/// it may be and belong to whom it should.
/// </summary>
internal static class TargetFile
{
    public const long BytesMax = 1L << 31;

    /// <summary>Opens a regular file of a process; null where there is none, or it is not to be trusted.</summary>
    /// <param name="pid">The process.</param>
    /// <param name="path">The path as the process sees it.</param>
    /// <param name="isOwnedByProcess">Whether it must belong to the process's user or to root.</param>
    public static SafeFileHandle? Open(int pid, string path, bool isOwnedByProcess = false) =>
        OpenWhole(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/root{path}"), owner => !isOwnedByProcess || IsOwned(pid, owner));

    /// <summary>The same for a process that is gone, where this one sees the files that it saw.</summary>
    public static SafeFileHandle? OpenHere(string path) => path.StartsWith('/') ? OpenWhole(path, _ => true) : null;

    private static SafeFileHandle? OpenWhole(string whole, Func<uint, bool> isOwnerGood)
    {
        int descriptor = Files.Open(Files.AtCwd, whole, Files.ReadOnly | Files.NoFollow | Files.NonBlocking);
        if (descriptor < 0)
            return null;
        var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        bool isGood = false;
        try
        {
            isGood = Files.StatusOf(descriptor, "") is { IsRegular: true } file && RandomAccess.GetLength(handle) is > 0 and <= BytesMax && isOwnerGood(file.Owner);
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
        owner == 0 || Files.StatusOf(Files.AtCwd, string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}")) is { } process && process.Owner == owner;
}
