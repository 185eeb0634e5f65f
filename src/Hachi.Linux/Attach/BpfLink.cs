using System.Runtime.InteropServices;
using System.Text;
using Hachi.Linux.Load;
using Hachi.Linux.Sys;
using Hachi.Uapi;

namespace Hachi.Linux.Attach;

/// <summary>An attachment that is an object of the kernel (<c>struct bpf_link</c>): it has a number, may be pinned, and its program may be exchanged.</summary>
public sealed unsafe class BpfLink : Link
{
    private readonly FileHandle _handle;
    private readonly List<IDisposable> _held;

    internal BpfLink(FileHandle handle, string description, params ReadOnlySpan<IDisposable> held)
        : base(description)
    {
        _handle = handle;
        _held = [.. held];
    }

    /// <summary>The descriptor.</summary>
    public int Descriptor => _handle.Descriptor;

    /// <summary>Its number in the kernel, as <c>bpftool link show id</c> takes it.</summary>
    public uint Id => LinkInfo.Read(Descriptor).Id;

    /// <summary>What the kernel says of it.</summary>
    public LinkInfo ReadInfo() => LinkInfo.Read(Descriptor);

    /// <summary>Puts another program in the place of the one that is attached, at once.</summary>
    /// <param name="program">Of the same kind.</param>
    /// <exception cref="BpfException">EINVAL: this kind of link cannot do that, or not with such a program.</exception>
    public void Replace(Program program)
    {
        ArgumentNullException.ThrowIfNull(program);
        var attributes = new BpfAttributes { Update = { LinkFd = (uint)Descriptor, NewFd = (uint)program.Descriptor } };
        int result = BpfSystem.Call(BpfCommand.LinkUpdate, ref attributes, 16);
        if (result < 0)
            throw Failure.Of(BpfCommand.LinkUpdate, result, Description);
    }

    /// <summary>Gives it a name in a BPF file system: it stays attached until the file is removed, whoever ends.</summary>
    /// <param name="path">A path in a mounted bpffs that does not exist yet.</param>
    public void Pin(string path)
    {
        using PinFolder folder = PinFolder.OpenFor(path, out string name);
        folder.Pin(name, Descriptor);
    }

    /// <summary>The link pinned at a path.</summary>
    public static BpfLink OpenPinned(string path)
    {
        using PinFolder folder = PinFolder.OpenFor(path, out string name);
        return folder.TryOpen(name, PinFolder.LinkKind) is { } handle ? new BpfLink(handle, path) : throw Failure.Of(BpfCommand.ObjGet, -(int)ErrorNumber.ENOENT, path);
    }

    /// <summary>The link with a number.</summary>
    public static BpfLink Open(uint id)
    {
        var attributes = new BpfAttributes { Next = { Id = id } };
        int result = BpfSystem.Call(BpfCommand.LinkGetFdById, ref attributes, 4);
        return result < 0 ? throw Failure.Of(BpfCommand.LinkGetFdById, result, Failure.Numbered(BpfCommand.LinkGetFdById, result, id)) : new BpfLink(new FileHandle(result), $"link {id}");
    }

    /// <summary>The numbers of all links in the kernel, rising.</summary>
    public static IEnumerable<uint> AllIds()
    {
        uint id = 0;
        while (true)
        {
            var attributes = new BpfAttributes { Next = { Id = id } };
            int result = BpfSystem.Call(BpfCommand.LinkGetNextId, ref attributes, 8);
            if (result == -(int)ErrorNumber.ENOENT)
                yield break;
            if (result < 0)
                throw Failure.Of(BpfCommand.LinkGetNextId, result, null);
            yield return id = attributes.Next.Next;
        }
    }

    /// <summary>Detaches for everybody, also where a pin or another descriptor holds the link; the link itself goes with its last holder.</summary>
    /// <exception cref="BpfException">EOPNOTSUPP: this kind of link cannot do that.</exception>
    public void ForceDetach()
    {
        var attributes = new BpfAttributes { Update = { LinkFd = (uint)Descriptor } };
        int result = BpfSystem.Call(BpfCommand.LinkDetach, ref attributes, 4);
        if (result < 0)
            throw Failure.Of(BpfCommand.LinkDetach, result, Description);
    }

    /// <summary>Makes a link.</summary>
    /// <param name="attributes">Filled in but for nothing.</param>
    /// <param name="size">Bytes told.</param>
    /// <param name="description">Where, in words.</param>
    /// <param name="held">What must stay open as long as the link.</param>
    internal static BpfLink Create(ref BpfAttributes attributes, int size, string description, params ReadOnlySpan<IDisposable> held)
    {
        int result = BpfSystem.Call(BpfCommand.LinkCreate, ref attributes, size);
        return result < 0 ? throw Failure.Of(BpfCommand.LinkCreate, result, description) : new BpfLink(new FileHandle(result), description, held);
    }

    private protected override void Detach()
    {
        _handle.Dispose();
        foreach (IDisposable each in _held)
            each.Dispose();
    }
}

/// <summary>What the kernel says of a link.</summary>
/// <param name="Type">Its kind.</param>
/// <param name="Id">Its number.</param>
/// <param name="ProgramId">The number of its program; 0 for none.</param>
/// <param name="AttachType">The kind of place, where the kind of link tells (tracing, cgroup, netns, tcx, netkit, sockmap).</param>
/// <param name="Target">Interface (XDP, tcx, netkit), number of the type (tracing); otherwise 0.</param>
/// <param name="CgroupId">The cgroup's number, for cgroup links.</param>
public readonly record struct LinkInfo(BpfLinkType Type, uint Id, uint ProgramId, AttachType? AttachType, uint Target, ulong CgroupId)
{
    /// <summary>Reads it off a descriptor.</summary>
    internal static unsafe LinkInfo Read(int descriptor)
    {
        var raw = new Raw();
        var attributes = new BpfAttributes { Info = { Fd = (uint)descriptor, Length = (uint)sizeof(Raw), Info = (byte*)&raw } };
        int result = BpfSystem.Call(BpfCommand.ObjGetInfoByFd, ref attributes, 16);
        if (result < 0)
            throw Failure.Of(BpfCommand.ObjGetInfoByFd, result, "link");
        var type = (BpfLinkType)raw.Type;
        return type switch
        {
            BpfLinkType.Tracing => new LinkInfo(type, raw.Id, raw.ProgramId, (AttachType)raw.First, raw.Third, 0),
            BpfLinkType.Cgroup => new LinkInfo(type, raw.Id, raw.ProgramId, (AttachType)raw.Third, 0, raw.First | (ulong)raw.Second << 32),
            BpfLinkType.Xdp => new LinkInfo(type, raw.Id, raw.ProgramId, Uapi.AttachType.Xdp, raw.First, 0),
            BpfLinkType.Tcx or BpfLinkType.Netkit => new LinkInfo(type, raw.Id, raw.ProgramId, (AttachType)raw.Second, raw.First, 0),
            BpfLinkType.Netns => new LinkInfo(type, raw.Id, raw.ProgramId, (AttachType)raw.Second, raw.First, 0),
            BpfLinkType.Sockmap => new LinkInfo(type, raw.Id, raw.ProgramId, (AttachType)raw.Second, raw.First, 0),
            _ => new LinkInfo(type, raw.Id, raw.ProgramId, null, 0, 0),
        };
    }

    /// <summary>struct bpf_link_info: a head, and what the kind adds.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 64)]
    private struct Raw
    {
        public uint Type, Id, ProgramId, Padding, First, Second, Third, Fourth;
    }
}
