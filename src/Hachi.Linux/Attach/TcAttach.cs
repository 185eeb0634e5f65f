using System.Buffers.Binary;
using Hachi.Linux.Load;
using Hachi.Linux.Sys;
using Hachi.Uapi;

namespace Hachi.Linux.Attach;

/// <summary>Which way packets go.</summary>
public enum TcDirection
{
    /// <summary>Received.</summary>
    Ingress,

    /// <summary>Sent.</summary>
    Egress,
}

/// <summary>How a program joins the traffic control of an interface.</summary>
public sealed record TcOptions
{
    /// <summary>In front of this link's program; null for none in particular. With tcx only.</summary>
    public BpfLink? Before { get; init; }

    /// <summary>Behind this link's program; null for none in particular. With tcx only.</summary>
    public BpfLink? After { get; init; }

    /// <summary>The order among filters of clsact, 1 to 65535, lower first; 0: the kernel chooses. Without tcx only.</summary>
    public ushort Priority { get; init; }

    /// <summary>Attach by clsact and cls_bpf even where the kernel has tcx.</summary>
    public bool UseClassifier { get; init; }
}

/// <summary>Programs in traffic control: tcx links where the kernel has them (6.6), clsact with cls_bpf by rtnetlink elsewhere; the same call.</summary>
public static class TcAttach
{
    private const ushort TcaKind = 1, TcaOptions = 2, TcaBpfFd = 6, TcaBpfName = 7, TcaBpfFlags = 8;
    private const uint ClsactHandle = 0xffff0000, ClsactParent = 0xfffffff1, IngressParent = 0xfffffff2, EgressParent = 0xfffffff3;
    private const uint DirectAction = 1, FlagBefore = 1 << 3, FlagAfter = 1 << 4, FlagLink = 1 << 13, ProtocolAll = 0x0300;

    /// <summary>On the packets of an interface. Ends with the process where the kernel has tcx; by clsact it stays until the link is disposed.</summary>
    /// <param name="program">Of kind sched_cls.</param>
    /// <param name="interfaceIndex">The interface, in the network namespace of the calling thread.</param>
    /// <param name="direction">Received or sent packets.</param>
    /// <param name="options">The order among others; null for the end.</param>
    /// <exception cref="BpfException">EPERM: needs CAP_NET_ADMIN; ENODEV: no such interface; ENOENT by clsact: the kernel lacks cls_bpf or sch_ingress.</exception>
    public static Link AttachTc(this Program program, int interfaceIndex, TcDirection direction, TcOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(program);
        options ??= new TcOptions();
        string description = $"tc {(direction == TcDirection.Ingress ? "ingress" : "egress")} on interface {interfaceIndex}";
        if (options.UseClassifier)
            return AttachClassifier(program, interfaceIndex, direction, options, description);
        BpfLink? other = options.Before ?? options.After;
        var attributes = new BpfAttributes
        {
            Link =
            {
                Fd = (uint)program.Descriptor,
                Target = (uint)interfaceIndex,
                Type = (uint)(direction == TcDirection.Ingress ? AttachType.TcxIngress : AttachType.TcxEgress),
                Flags = other is null ? 0 : FlagLink | (options.Before is null ? FlagAfter : FlagBefore),
                RelativeFd = (uint)(other?.Descriptor ?? 0),
            },
        };
        int result = BpfSystem.Call(BpfCommand.LinkCreate, ref attributes, 32);
        if (result >= 0)
            return new BpfLink(new FileHandle(result), description);
        // Before tcx the kernel does not know the kind of place: EINVAL, whatever else is right.
        return result == -(int)ErrorNumber.EINVAL && other is null
            ? AttachClassifier(program, interfaceIndex, direction, options, description)
            : throw Refused("bpf(BPF_LINK_CREATE)", result, description);
    }

    private static UndoLink AttachClassifier(Program program, int interfaceIndex, TcDirection direction, TcOptions options, string description)
    {
        int result = new Netlink(Netlink.NewQdisc, Netlink.FlagCreate | Netlink.FlagExclusive, Message(interfaceIndex, ClsactHandle, ClsactParent, 0)).Add(TcaKind, "clsact").Send();
        bool madeQdisc = result == 0;
        if (result < 0 && result != -(int)ErrorNumber.EEXIST)
            throw Refused("rtnetlink(RTM_NEWQDISC clsact)", result, description);
        uint parent = direction == TcDirection.Ingress ? IngressParent : EgressParent;
        // A priority that the kernel chose it would have to tell us; ours are told apart by their handle.
        ushort priority = options.Priority == 0 ? (ushort)1 : options.Priority;
        uint handle = program.Id;
        uint info = (uint)priority << 16 | ProtocolAll;
        result = new Netlink(Netlink.NewFilter, Netlink.FlagCreate | Netlink.FlagExclusive, Message(interfaceIndex, handle, parent, info))
            .Add(TcaKind, "bpf")
            .AddNested(TcaOptions, bpf => bpf.Add(TcaBpfFd, (uint)program.Descriptor).Add(TcaBpfName, program.Name.Length == 0 ? "hachi" : program.Name).Add(TcaBpfFlags, DirectAction))
            .Send();
        if (result < 0)
        {
            if (madeQdisc)
                _ = new Netlink(Netlink.DeleteQdisc, 0, Message(interfaceIndex, ClsactHandle, ClsactParent, 0)).Send();
            throw Refused("rtnetlink(RTM_NEWTFILTER bpf)", result, description);
        }
        return new UndoLink(description, () =>
        {
            _ = new Netlink(Netlink.DeleteFilter, 0, Message(interfaceIndex, handle, parent, info)).Add(TcaKind, "bpf").Send();
            if (madeQdisc && !HasFilters(interfaceIndex))
                _ = new Netlink(Netlink.DeleteQdisc, 0, Message(interfaceIndex, ClsactHandle, ClsactParent, 0)).Send();
        });
    }

    // Others may have joined the qdisc that this process made: it goes with the last.
    private static bool HasFilters(int interfaceIndex)
    {
        bool any = false;
        foreach (uint parent in (ReadOnlySpan<uint>)[IngressParent, EgressParent])
            _ = new Netlink(Netlink.GetFilter, Netlink.FlagDump, Message(interfaceIndex, 0, parent, 0)).Send((_, _) => any = true);
        return any;
    }

    /// <summary>struct tcmsg: family, index, handle, parent, info.</summary>
    private static byte[] Message(int interfaceIndex, uint handle, uint parent, uint info)
    {
        byte[] body = new byte[20];
        BinaryPrimitives.WriteInt32LittleEndian(body.AsSpan(4), interfaceIndex);
        BinaryPrimitives.WriteUInt32LittleEndian(body.AsSpan(8), handle);
        BinaryPrimitives.WriteUInt32LittleEndian(body.AsSpan(12), parent);
        BinaryPrimitives.WriteUInt32LittleEndian(body.AsSpan(16), info);
        return body;
    }

    private static BpfException Refused(string call, int result, string description) => new(call, -result, (ErrorNumber)(-result) switch
    {
        ErrorNumber.EPERM => $"{description}: needs CAP_NET_ADMIN",
        ErrorNumber.ENODEV => $"{description}: there is no such interface in this network namespace",
        ErrorNumber.ENOENT => $"{description}: the kernel lacks the module (sch_ingress, cls_bpf)",
        ErrorNumber.EEXIST => $"{description}: a filter of this priority and handle is there already",
        _ => description,
    });
}
