using System.Globalization;
using System.Text;
using Hachi.Linux.Sys;
using Hachi.Uapi;

namespace Hachi.Linux.Load;

/// <summary>
/// A directory of a BPF file system, opened once and looked at: names are made and found relative to it, so that nobody can put another directory in its place
/// meanwhile, and a pin that belongs to somebody else is not taken for ours.
/// </summary>
internal sealed unsafe class PinFolder : IDisposable
{
    // linux/magic.h: BPF_FS_MAGIC. linux/bpf.h: BPF_F_PATH_FD, Linux 6.5.
    private const uint BpfFileSystem = 0xcafe4a11, PathFdFlag = 1 << 14;

    /// <summary>What pins are.</summary>
    public const string MapKind = "map", ProgramKind = "prog", LinkKind = "link";

    private readonly FileHandle _handle;
    private readonly string _path;

    private PinFolder(FileHandle handle, string path) => (_handle, _path) = (handle, path);

    /// <summary>Opens a directory.</summary>
    /// <exception cref="BpfException">ENOENT: there is none; EINVAL: it lies in another kind of file system; EACCES: others may change what stands in it.</exception>
    public static PinFolder Open(string path)
    {
        int result = Files.Open(Files.AtCwd, path.Length == 0 ? "." : path, Files.PathOnly | Files.MustBeDirectory);
        if (result < 0)
            throw new BpfException("open", -result, $"{path}: no such directory to pin in, or not to be opened");
        var folder = new PinFolder(new FileHandle(result), path);
        string? wrong = Files.FileSystemOf(result) != BpfFileSystem ? "does not lie in a BPF file system (mount -t bpf bpf DIR)"
            : Files.StatusOf(result, "") is not { } status || (status.IsOpenToOthers || !IsTrusted(status.Owner)) && Files.EffectiveUser == 0 ? "is open to other users, who could put their pins in the place of ours (chmod go-w DIR)" : null;
        if (wrong is null)
            return folder;
        folder.Dispose();
        throw new BpfException("open", (int)(wrong.StartsWith("does", StringComparison.Ordinal) ? ErrorNumber.EINVAL : ErrorNumber.EACCES), $"{path} {wrong}");
    }

    /// <summary>Divides a path into a directory, which is opened, and a name in it.</summary>
    /// <exception cref="BpfException">As <see cref="Open(string)"/>, or the name cannot be one.</exception>
    public static PinFolder OpenFor(string path, out string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        name = Path.GetFileName(path);
        return Open(Path.GetDirectoryName(path) ?? "/");
    }

    /// <summary>The whole path of a pin.</summary>
    public string PathOf(string name) => Path.Combine(_path, name);

    /// <summary>Gives a descriptor a name that is not taken yet.</summary>
    /// <exception cref="BpfException">EEXIST: the name is taken; EPERM: a name that is none; EACCES: no right to write there.</exception>
    public void Pin(string name, int descriptor)
    {
        CheckName(name);
        int result = Call(BpfCommand.ObjPin, name, descriptor);
        if (result < 0)
            throw Failure.Of(BpfCommand.ObjPin, result, PathOf(name));
    }

    /// <summary>What is pinned under a name; null when there is nothing.</summary>
    /// <param name="name">The name.</param>
    /// <param name="kind">What it has to be: <see cref="MapKind"/>, <see cref="ProgramKind"/> or <see cref="LinkKind"/>.</param>
    /// <exception cref="BpfException">EPERM: it belongs to another user, or is no pin; EINVAL: it is of another kind.</exception>
    public FileHandle? TryOpen(string name, string kind)
    {
        CheckName(name);
        if (Files.StatusOf(_handle.Descriptor, name) is not { } status)
            return null;
        if (!status.IsRegular || !IsTrusted(status.Owner))
            throw new BpfException(BpfSystem.Name(BpfCommand.ObjGet), (int)ErrorNumber.EPERM,
                $"{PathOf(name)} {(status.IsRegular ? string.Create(CultureInfo.InvariantCulture, $"belongs to user {status.Owner}, and is not used for that reason") : "is no pin")}");
        int result = Call(BpfCommand.ObjGet, name, 0);
        if (result < 0)
            return result == -(int)ErrorNumber.ENOENT ? null : throw Failure.Of(BpfCommand.ObjGet, result, PathOf(name));
        // The kernel says of a descriptor what it is only by the name of its file: anon_inode:bpf-map.
        var handle = new FileHandle(result);
        string? is_ = new FileInfo(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{result}")).LinkTarget;
        if (is_ is null || is_.Replace('-', '_').Contains("bpf_" + kind, StringComparison.Ordinal))
            return handle;
        handle.Dispose();
        throw new BpfException(BpfSystem.Name(BpfCommand.ObjGet), (int)ErrorNumber.EINVAL, $"{PathOf(name)} is no {(kind == ProgramKind ? "program" : kind)} ({is_})");
    }

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();

    private static bool IsTrusted(uint owner) => owner == 0 || owner == Files.EffectiveUser;

    // kernel/bpf/inode.c, bpf_lookup: names with dots are the kernel's.
    private void CheckName(string name)
    {
        if (name.Length == 0 || name.AsSpan().ContainsAny('/', '.', '\0'))
            throw new BpfException(BpfSystem.Name(BpfCommand.ObjPin), (int)ErrorNumber.EPERM, $"{PathOf(name)}: the name of a pin has no dot and no slash");
    }

    private int Call(BpfCommand command, string name, int descriptor)
    {
        int result;
        fixed (byte* pointer = Encoding.UTF8.GetBytes(name + '\0'))
        {
            var attributes = new BpfAttributes { Pin = { Path = pointer, Fd = (uint)descriptor, FileFlags = PathFdFlag, PathFd = _handle.Descriptor } };
            result = BpfSystem.Call(command, ref attributes, 20);
        }
        if (result != -(int)ErrorNumber.EINVAL && result != -(int)ErrorNumber.E2BIG)
            return result;
        // Older kernels know no directory here; the same by the name that the descriptor has in /proc.
        fixed (byte* pointer = Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{_handle.Descriptor}/{name}\0")))
        {
            var attributes = new BpfAttributes { Pin = { Path = pointer, Fd = (uint)descriptor } };
            return BpfSystem.Call(command, ref attributes, 16);
        }
    }
}
