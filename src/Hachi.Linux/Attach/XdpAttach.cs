using System.Buffers.Binary;
using Hachi.Linux.Load;
using Hachi.Linux.Sys;
using Hachi.Uapi;

namespace Hachi.Linux.Attach;

/// <summary>Where an XDP program runs.</summary>
public enum XdpMode
{
    /// <summary>In the driver if it can, else in the kernel's network stack.</summary>
    Any = 0,

    /// <summary>In the network stack, behind the driver: any interface, slower (<c>XDP_FLAGS_SKB_MODE</c>).</summary>
    Generic = 2,

    /// <summary>In the driver (<c>XDP_FLAGS_DRV_MODE</c>).</summary>
    Native = 4,

    /// <summary>On the network card (<c>XDP_FLAGS_HW_MODE</c>).</summary>
    Offload = 8,
}

/// <summary>XDP programs on interfaces.</summary>
public static class XdpAttach
{
    private const ushort IflaXdp = 43, IflaXdpFd = 1, IflaXdpFlags = 3;
    private const uint UpdateIfNoExist = 1;

    /// <summary>On the packets that an interface receives, before the kernel makes anything of them. Ends with the process.</summary>
    /// <param name="program">Of kind xdp.</param>
    /// <param name="interfaceIndex">The interface, in the network namespace of the calling thread.</param>
    /// <param name="mode">Where it runs.</param>
    /// <exception cref="BpfException">EBUSY: another program is there; EOPNOTSUPP: the driver cannot; EINVAL before Linux 5.9: use <see cref="AttachXdpByNetlink"/>.</exception>
    public static BpfLink AttachXdp(this Program program, int interfaceIndex, XdpMode mode = XdpMode.Any)
    {
        ArgumentNullException.ThrowIfNull(program);
        string description = $"XDP on interface {interfaceIndex}";
        var attributes = new BpfAttributes { Link = { Fd = (uint)program.Descriptor, Target = (uint)interfaceIndex, Type = (uint)AttachType.Xdp, Flags = (uint)mode } };
        int result = BpfSystem.Call(BpfCommand.LinkCreate, ref attributes, 16);
        return result < 0 ? throw Refused("bpf(BPF_LINK_CREATE)", Netlink.HasInterface(interfaceIndex) ? result : -(int)ErrorNumber.ENODEV, description, mode) : new BpfLink(new FileHandle(result), description);
    }

    /// <summary>The same through rtnetlink, as kernels before 5.9 know it. It stays when the process ends without disposing the link.</summary>
    /// <inheritdoc cref="AttachXdp"/>
    public static Link AttachXdpByNetlink(this Program program, int interfaceIndex, XdpMode mode = XdpMode.Any)
    {
        ArgumentNullException.ThrowIfNull(program);
        string description = $"XDP on interface {interfaceIndex}";
        int result = Set(interfaceIndex, program.Descriptor, (uint)mode | UpdateIfNoExist);
        return result < 0
            ? throw Refused("rtnetlink(RTM_SETLINK)", result, description, mode)
            : new UndoLink(description, () => _ = Set(interfaceIndex, -1, (uint)mode));
    }

    private static int Set(int interfaceIndex, int descriptor, uint flags)
    {
        // struct ifinfomsg: family, type, index, flags, change.
        Span<byte> body = stackalloc byte[16];
        BinaryPrimitives.WriteInt32LittleEndian(body[4..], interfaceIndex);
        return new Netlink(Netlink.SetLink, 0, body)
            .AddNested(IflaXdp, xdp => xdp.Add(IflaXdpFd, (uint)descriptor).Add(IflaXdpFlags, flags))
            .Send();
    }

    private static BpfException Refused(string call, int result, string description, XdpMode mode) => new(call, -result, (ErrorNumber)(-result) switch
    {
        ErrorNumber.EBUSY or ErrorNumber.EEXIST => $"{description}: a program is there already (bpftool net shows which)",
        ErrorNumber.EOPNOTSUPP => $"{description}: its driver has no {mode} XDP; XdpMode.Generic works on every interface",
        ErrorNumber.ENODEV => $"{description}: there is no such interface in this network namespace",
        ErrorNumber.EPERM => $"{description}: needs CAP_NET_ADMIN",
        _ => description,
    });
}

/// <summary>An attachment that is undone by a call.</summary>
internal sealed class UndoLink(string description, Action undo) : Link(description)
{
    public override bool NeedsRightsToDetach => true;

    private protected override void Detach() => undo();
}
