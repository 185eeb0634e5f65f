using System.Text;
using Hachi.Linux.Sys;

namespace Hachi.Linux.Kernel;

/// <summary>Control groups (version 2) by number and by path, and namespaces of processes: what the kernel knows by the number of a file.</summary>
internal static unsafe class ControlGroups
{
    private const int FoldersMax = 1 << 16;
    private const ulong FirstNamespace = 0xeffffffc; // PROC_PID_INIT_INO, include/linux/proc_ns.h

    /// <summary>Where the hierarchy is mounted; null where it is not.</summary>
    public static string? Root()
    {
        foreach (string line in Lines("/proc/self/mounts"))
            if (line.Split(' ') is [_, var place, "cgroup2", ..])
                return place;
        return null;
    }

    /// <summary>Number of the group that has that folder; null when it is none.</summary>
    public static ulong? Number(string folder) => Root() is string root && (folder + "/").StartsWith(root.TrimEnd('/') + "/", StringComparison.Ordinal) ? Look(folder)?.Inode : null;

    /// <summary>Paths of all groups, from the root of the hierarchy, by their numbers.</summary>
    public static Dictionary<ulong, string> Paths()
    {
        var paths = new Dictionary<ulong, string>();
        if (Root() is not string root)
            return paths;
        var left = new Stack<string>([root]);
        while (left.TryPop(out string? folder) && paths.Count < FoldersMax)
        {
            if (Look(folder) is { } found)
                paths[found.Inode] = folder.Length > root.Length ? folder[root.Length..] : "/";
            try
            {
                foreach (string inner in Directory.EnumerateDirectories(folder))
                    left.Push(inner);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // It is gone, or not to be seen.
            }
        }
        return paths;
    }

    /// <summary>The namespace of processes that this process is in; null for the first one.</summary>
    public static (ulong Device, ulong Inode)? ProcessNamespace() => Look("/proc/self/ns/pid") is { } found && found.Inode != FirstNamespace ? found : null;

    // statx(2): the number stands at byte 32, the device's two numbers at 136 and 140; the kernel's own device number has 20 bits for the second.
    private static (ulong Device, ulong Inode)? Look(string path)
    {
        const int Bytes = 256, AtCwd = -100, MaskInode = 0x100, InodeOffset = 32, MajorOffset = 136, MinorOffset = 140;
        byte* answer = stackalloc byte[Bytes];
        fixed (byte* name = Encoding.UTF8.GetBytes(path + '\0'))
            return Syscall.Invoke(Syscall.Statx, AtCwd, (nint)name, 0, MaskInode, (nint)answer) < 0
                ? null
                : ((ulong)*(uint*)(answer + MajorOffset) << 20 | *(uint*)(answer + MinorOffset), *(ulong*)(answer + InodeOffset));
    }

    /// <summary>The lines of a file; none where it cannot be read.</summary>
    internal static string[] Lines(string path)
    {
        try
        {
            return File.ReadAllLines(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
