using System.Globalization;
using Hachi.Linux.Sys;
using Hachi.Uapi;

namespace Hachi.Linux.Kernel;

/// <summary>
/// The tracing file system, which says what tracepoints there are and what their records hold. Where it is not mounted, root gets a mount of its own that
/// nobody else sees and that ends with the process.
/// </summary>
public static unsafe class TraceFs
{
    private static readonly string[] s_places = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];
    private static readonly Lazy<string?> s_root = new(() => Array.Find(s_places, IsReadable) ?? MountPrivately());
    private static FileHandle? s_mount;

    /// <summary>The directory that it is seen at; null where it is not mounted and this process may not mount it, or may not read it.</summary>
    public static string? Root => s_root.Value;

    /// <summary>The file of a tracepoint.</summary>
    /// <param name="category">Its group, <c>sched</c>.</param>
    /// <param name="name">Its name, <c>sched_switch</c>.</param>
    /// <param name="file"><c>id</c> or <c>format</c>.</param>
    /// <exception cref="BpfException">ENOENT: there is none, or no tracefs; EACCES: not to be read.</exception>
    public static string ReadEvent(string category, string name, string file)
    {
        string root = Root ?? throw new BpfException("tracefs", (int)ErrorNumber.ENOENT, "the tracing file system is not mounted, or not to be read by you: mount -t tracefs tracefs /sys/kernel/tracing, as root");
        bool isName = category.Length > 0 && name.Length > 0 && !category.Contains('/') && !name.Contains('/') && category[0] != '.' && name[0] != '.';
        try
        {
            return isName ? File.ReadAllText(Path.Combine(root, "events", category, name, file)) : throw new FileNotFoundException();
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new BpfException("tracefs", (int)ErrorNumber.ENOENT, $"the kernel has no tracepoint {category}:{name}");
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            throw new BpfException("tracefs", (int)ErrorNumber.EACCES, $"tracepoint {category}:{name}: reading {root} needs root");
        }
    }

    /// <summary>The number of a tracepoint.</summary>
    /// <inheritdoc cref="ReadEvent"/>
    public static ulong EventId(string category, string name) => ulong.Parse(ReadEvent(category, name, "id").Trim(), CultureInfo.InvariantCulture);

    private static bool IsReadable(string path)
    {
        try
        {
            return Directory.Exists(Path.Combine(path, "events"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    // fsopen(2) and its kin give a mount without a place: only this process reaches it, through its descriptor.
    private static string? MountPrivately()
    {
        const int Create = 6, Cloexec = 1;
        int context;
        fixed (byte* kind = "tracefs\0"u8)
            context = (int)Syscall.Invoke(Syscall.Fsopen, (nint)kind, Cloexec);
        if (context < 0)
            return null;
        using var opened = new FileHandle(context);
        if (Syscall.Invoke(Syscall.Fsconfig, context, Create) < 0)
            return null;
        int mount = (int)Syscall.Invoke(Syscall.Fsmount, context, Cloexec, 0);
        if (mount < 0)
            return null;
        s_mount = new FileHandle(mount);
        string path = string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{mount}");
        return IsReadable(path) ? path : null;
    }
}
