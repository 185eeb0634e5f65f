using Hachi.Uapi;

namespace Hachi.Object;

/// <summary>What the name of a section says of the programs in it.</summary>
/// <param name="Type">Their kind.</param>
/// <param name="AttachType">The kind of place where they attach, if it says so.</param>
/// <param name="Flags">Flags of loading.</param>
/// <param name="Target">What stands behind the first slash, where that names a place; otherwise empty.</param>
public readonly record struct SectionMeaning(ProgramType Type, AttachType? AttachType, uint Flags, string Target);

/// <summary>Section names and what they mean, as libbpf's documentation lists them (Documentation/bpf/libbpf/program_types.rst).</summary>
public static class SectionNames
{
    // linux/bpf.h: BPF_F_SLEEPABLE, BPF_F_XDP_HAS_FRAGS.
    private const uint Sleepable = 1 << 4, HasFrags = 1 << 5;

    // A name that ends in a plus may stand alone or go on with a slash and a place.
    private static readonly (string Name, ProgramType Type, AttachType? Attach, uint Flags)[] s_rows =
    [
        ("socket", ProgramType.SocketFilter, null, 0),
        ("sk_reuseport/migrate", ProgramType.SkReuseport, AttachType.SkReuseportSelectOrMigrate, 0),
        ("sk_reuseport", ProgramType.SkReuseport, AttachType.SkReuseportSelect, 0),
        ("kprobe+", ProgramType.Kprobe, null, 0),
        ("kretprobe+", ProgramType.Kprobe, null, 0),
        ("uprobe+", ProgramType.Kprobe, null, 0),
        ("uretprobe+", ProgramType.Kprobe, null, 0),
        ("uprobe.s+", ProgramType.Kprobe, null, Sleepable),
        ("uretprobe.s+", ProgramType.Kprobe, null, Sleepable),
        ("kprobe.multi+", ProgramType.Kprobe, AttachType.TraceKprobeMulti, 0),
        ("kretprobe.multi+", ProgramType.Kprobe, AttachType.TraceKprobeMulti, 0),
        ("kprobe.session+", ProgramType.Kprobe, AttachType.TraceKprobeSession, 0),
        ("uprobe.multi+", ProgramType.Kprobe, AttachType.TraceUprobeMulti, 0),
        ("uretprobe.multi+", ProgramType.Kprobe, AttachType.TraceUprobeMulti, 0),
        ("uprobe.session+", ProgramType.Kprobe, AttachType.TraceUprobeSession, 0),
        ("uprobe.multi.s+", ProgramType.Kprobe, AttachType.TraceUprobeMulti, Sleepable),
        ("uretprobe.multi.s+", ProgramType.Kprobe, AttachType.TraceUprobeMulti, Sleepable),
        ("uprobe.session.s+", ProgramType.Kprobe, AttachType.TraceUprobeSession, Sleepable),
        ("ksyscall+", ProgramType.Kprobe, null, 0),
        ("kretsyscall+", ProgramType.Kprobe, null, 0),
        ("usdt+", ProgramType.Kprobe, null, 0),
        ("usdt.s+", ProgramType.Kprobe, null, Sleepable),
        ("tc/ingress", ProgramType.SchedCls, AttachType.TcxIngress, 0),
        ("tc/egress", ProgramType.SchedCls, AttachType.TcxEgress, 0),
        ("tcx/ingress", ProgramType.SchedCls, AttachType.TcxIngress, 0),
        ("tcx/egress", ProgramType.SchedCls, AttachType.TcxEgress, 0),
        ("tc", ProgramType.SchedCls, null, 0),
        ("classifier", ProgramType.SchedCls, null, 0),
        ("action", ProgramType.SchedAct, null, 0),
        ("netkit/primary", ProgramType.SchedCls, AttachType.NetkitPrimary, 0),
        ("netkit/peer", ProgramType.SchedCls, AttachType.NetkitPeer, 0),
        ("tracepoint+", ProgramType.Tracepoint, null, 0),
        ("tp+", ProgramType.Tracepoint, null, 0),
        ("raw_tracepoint+", ProgramType.RawTracepoint, null, 0),
        ("raw_tp+", ProgramType.RawTracepoint, null, 0),
        ("raw_tracepoint.w+", ProgramType.RawTracepointWritable, null, 0),
        ("raw_tp.w+", ProgramType.RawTracepointWritable, null, 0),
        ("tp_btf+", ProgramType.Tracing, AttachType.TraceRawTp, 0),
        ("fentry+", ProgramType.Tracing, AttachType.TraceFentry, 0),
        ("fmod_ret+", ProgramType.Tracing, AttachType.ModifyReturn, 0),
        ("fexit+", ProgramType.Tracing, AttachType.TraceFexit, 0),
        ("fentry.s+", ProgramType.Tracing, AttachType.TraceFentry, Sleepable),
        ("fmod_ret.s+", ProgramType.Tracing, AttachType.ModifyReturn, Sleepable),
        ("fexit.s+", ProgramType.Tracing, AttachType.TraceFexit, Sleepable),
        ("freplace+", ProgramType.Ext, null, 0),
        ("lsm+", ProgramType.Lsm, AttachType.LsmMac, 0),
        ("lsm.s+", ProgramType.Lsm, AttachType.LsmMac, Sleepable),
        ("lsm_cgroup+", ProgramType.Lsm, AttachType.LsmCgroup, 0),
        ("iter+", ProgramType.Tracing, AttachType.TraceIter, 0),
        ("iter.s+", ProgramType.Tracing, AttachType.TraceIter, Sleepable),
        ("syscall", ProgramType.Syscall, null, Sleepable),
        ("xdp.frags/devmap", ProgramType.Xdp, AttachType.XdpDevmap, HasFrags),
        ("xdp/devmap", ProgramType.Xdp, AttachType.XdpDevmap, 0),
        ("xdp.frags/cpumap", ProgramType.Xdp, AttachType.XdpCpumap, HasFrags),
        ("xdp/cpumap", ProgramType.Xdp, AttachType.XdpCpumap, 0),
        ("xdp.frags", ProgramType.Xdp, AttachType.Xdp, HasFrags),
        ("xdp", ProgramType.Xdp, AttachType.Xdp, 0),
        ("perf_event", ProgramType.PerfEvent, null, 0),
        ("lwt_in", ProgramType.LwtIn, null, 0),
        ("lwt_out", ProgramType.LwtOut, null, 0),
        ("lwt_xmit", ProgramType.LwtXmit, null, 0),
        ("lwt_seg6local", ProgramType.LwtSeg6local, null, 0),
        ("sockops", ProgramType.SockOps, AttachType.CgroupSockOps, 0),
        ("sk_skb/stream_parser", ProgramType.SkSkb, AttachType.SkSkbStreamParser, 0),
        ("sk_skb/stream_verdict", ProgramType.SkSkb, AttachType.SkSkbStreamVerdict, 0),
        ("sk_skb/verdict", ProgramType.SkSkb, AttachType.SkSkbVerdict, 0),
        ("sk_skb", ProgramType.SkSkb, null, 0),
        ("sk_msg", ProgramType.SkMsg, AttachType.SkMsgVerdict, 0),
        ("lirc_mode2", ProgramType.LircMode2, AttachType.LircMode2, 0),
        ("flow_dissector", ProgramType.FlowDissector, AttachType.FlowDissector, 0),
        ("cgroup_skb/ingress", ProgramType.CgroupSkb, AttachType.CgroupInetIngress, 0),
        ("cgroup_skb/egress", ProgramType.CgroupSkb, AttachType.CgroupInetEgress, 0),
        ("cgroup/skb", ProgramType.CgroupSkb, null, 0),
        ("cgroup/sock_create", ProgramType.CgroupSock, AttachType.CgroupInetSockCreate, 0),
        ("cgroup/sock_release", ProgramType.CgroupSock, AttachType.CgroupInetSockRelease, 0),
        ("cgroup/sock", ProgramType.CgroupSock, AttachType.CgroupInetSockCreate, 0),
        ("cgroup/post_bind4", ProgramType.CgroupSock, AttachType.CgroupInet4PostBind, 0),
        ("cgroup/post_bind6", ProgramType.CgroupSock, AttachType.CgroupInet6PostBind, 0),
        ("cgroup/bind4", ProgramType.CgroupSockAddr, AttachType.CgroupInet4Bind, 0),
        ("cgroup/bind6", ProgramType.CgroupSockAddr, AttachType.CgroupInet6Bind, 0),
        ("cgroup/connect4", ProgramType.CgroupSockAddr, AttachType.CgroupInet4Connect, 0),
        ("cgroup/connect6", ProgramType.CgroupSockAddr, AttachType.CgroupInet6Connect, 0),
        ("cgroup/connect_unix", ProgramType.CgroupSockAddr, AttachType.CgroupUnixConnect, 0),
        ("cgroup/sendmsg4", ProgramType.CgroupSockAddr, AttachType.CgroupUdp4Sendmsg, 0),
        ("cgroup/sendmsg6", ProgramType.CgroupSockAddr, AttachType.CgroupUdp6Sendmsg, 0),
        ("cgroup/sendmsg_unix", ProgramType.CgroupSockAddr, AttachType.CgroupUnixSendmsg, 0),
        ("cgroup/recvmsg4", ProgramType.CgroupSockAddr, AttachType.CgroupUdp4Recvmsg, 0),
        ("cgroup/recvmsg6", ProgramType.CgroupSockAddr, AttachType.CgroupUdp6Recvmsg, 0),
        ("cgroup/recvmsg_unix", ProgramType.CgroupSockAddr, AttachType.CgroupUnixRecvmsg, 0),
        ("cgroup/getpeername4", ProgramType.CgroupSockAddr, AttachType.CgroupInet4Getpeername, 0),
        ("cgroup/getpeername6", ProgramType.CgroupSockAddr, AttachType.CgroupInet6Getpeername, 0),
        ("cgroup/getpeername_unix", ProgramType.CgroupSockAddr, AttachType.CgroupUnixGetpeername, 0),
        ("cgroup/getsockname4", ProgramType.CgroupSockAddr, AttachType.CgroupInet4Getsockname, 0),
        ("cgroup/getsockname6", ProgramType.CgroupSockAddr, AttachType.CgroupInet6Getsockname, 0),
        ("cgroup/getsockname_unix", ProgramType.CgroupSockAddr, AttachType.CgroupUnixGetsockname, 0),
        ("cgroup/sysctl", ProgramType.CgroupSysctl, AttachType.CgroupSysctl, 0),
        ("cgroup/getsockopt", ProgramType.CgroupSockopt, AttachType.CgroupGetsockopt, 0),
        ("cgroup/setsockopt", ProgramType.CgroupSockopt, AttachType.CgroupSetsockopt, 0),
        ("cgroup/dev", ProgramType.CgroupDevice, AttachType.CgroupDevice, 0),
        ("struct_ops+", ProgramType.StructOps, null, 0),
        ("struct_ops.s+", ProgramType.StructOps, null, Sleepable),
        ("sk_lookup", ProgramType.SkLookup, AttachType.SkLookup, 0),
        ("netfilter", ProgramType.Netfilter, AttachType.Netfilter, 0),
    ];

    /// <summary>The name of sections for programs of a kind that need no place in it; null where there is none.</summary>
    internal static string? For(ProgramType type)
    {
        foreach ((string row, ProgramType each, AttachType? _, uint flags) in s_rows)
            if (each == type && row[^1] != '+' && flags == 0 && !row.Contains('/'))
                return row;
        return null;
    }

    /// <summary>What a name means; null when it means nothing. A question mark in front (do not load by itself) is skipped.</summary>
    public static SectionMeaning? Find(string name)
    {
        if (name.StartsWith('?'))
            name = name[1..];
        foreach ((string row, ProgramType type, AttachType? attach, uint flags) in s_rows)
        {
            bool takesPlace = row[^1] == '+';
            ReadOnlySpan<char> head = takesPlace ? row.AsSpan(0, row.Length - 1) : row;
            if (name.AsSpan().SequenceEqual(head))
                return new SectionMeaning(type, attach, flags, "");
            if (takesPlace && name.Length > head.Length && name[head.Length] == '/' && name.AsSpan().StartsWith(head))
                return new SectionMeaning(type, attach, flags, name[(head.Length + 1)..]);
        }
        return null;
    }
}
