using System.Text;
using Hachi.Linux.Sys;
using Hachi.Uapi;

namespace Hachi.Linux.Load;

/// <summary>Something of the kernel that a descriptor holds: a <see cref="Map"/> or a <see cref="Program"/>. It is gone when the last descriptor, pin and link are.</summary>
public abstract unsafe class KernelResource : IDisposable
{
    private protected const int NameBytes = 15;

    private protected KernelResource(FileHandle handle) => Handle = handle;

    /// <summary>The descriptor, for calls that this library does not make. Valid until <see cref="Dispose"/>.</summary>
    public int Descriptor => Handle.Descriptor;

    internal FileHandle Handle { get; }

    /// <summary>Gives it a name in a BPF file system, where it stays until the file is removed, whoever ends.</summary>
    /// <param name="path">A path in a mounted bpffs that does not exist yet; its directories must.</param>
    /// <exception cref="BpfException">EEXIST: the name is taken; EINVAL: no bpffs there; EPERM: the name has a dot; EACCES: no right to write; ENOENT: no such directory.</exception>
    public void Pin(string path)
    {
        using PinFolder folder = PinFolder.OpenFor(path, out string name);
        folder.Pin(name, Descriptor);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Handle.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Fills in what the kernel says of a descriptor (BPF_OBJ_GET_INFO_BY_FD).</summary>
    private protected static int ReadInfo(int descriptor, void* info, int length)
    {
        var attributes = new BpfAttributes { Info = { Fd = (uint)descriptor, Length = (uint)length, Info = (byte*)info } };
        return BpfSystem.Call(BpfCommand.ObjGetInfoByFd, ref attributes, 16);
    }

    /// <summary>The pinned descriptor at a path; of which kind see <see cref="PinFolder.TryOpen"/>.</summary>
    private protected static FileHandle OpenPath(string path, string kind)
    {
        using PinFolder folder = PinFolder.OpenFor(path, out string name);
        return folder.TryOpen(name, kind) ?? throw Failure.Of(BpfCommand.ObjGet, -(int)ErrorNumber.ENOENT, $"nothing is pinned at {path}");
    }

    /// <summary>The descriptor of what has a number.</summary>
    private protected static FileHandle OpenId(BpfCommand command, uint id)
    {
        var attributes = new BpfAttributes { Next = { Id = id } };
        int result = BpfSystem.Call(command, ref attributes, 12);
        return result < 0 ? throw Failure.Of(command, result, Failure.Numbered(command, result, id)) : new FileHandle(result);
    }

    /// <summary>The numbers of everything of a kind, in rising order.</summary>
    private protected static IEnumerable<uint> Ids(BpfCommand command)
    {
        uint id = 0;
        while (true)
        {
            var attributes = new BpfAttributes { Next = { Id = id } };
            int result = BpfSystem.Call(command, ref attributes, 12);
            if (result == -(int)ErrorNumber.ENOENT)
                yield break;
            if (result < 0)
                throw Failure.Of(command, result, null);
            id = attributes.Next.Next;
            yield return id;
        }
    }

    /// <summary>A name as the kernel takes it: at most 15 of letters, digits, dots and underscores.</summary>
    internal static void NameInto(byte* to, string name)
    {
        for (int i = 0; i < Math.Min(NameBytes, name.Length); i++)
            to[i] = char.IsAsciiLetterOrDigit(name[i]) || name[i] is '_' or '.' ? (byte)name[i] : (byte)'_';
    }

    /// <summary>A name as the kernel gives it.</summary>
    private protected static string GetName(byte* from) => Encoding.UTF8.GetString(new ReadOnlySpan<byte>(from, NameBytes + 1).SliceToZero());
}
