using System.Runtime.InteropServices;
using Hachi.Linux.Load;
using Hachi.Linux.Sys;
using Hachi.Uapi;

namespace Hachi.Linux.Attach;

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
