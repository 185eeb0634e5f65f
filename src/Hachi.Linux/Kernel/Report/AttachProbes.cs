using Hachi.Isa;
using Hachi.Linux.Sys;
using Hachi.Uapi;

namespace Hachi.Linux.Kernel.Report;

/// <summary>Places to attach to. Nothing is attached: the place that is named does not exist, and what the kernel says to that tells whether it knows the kind of place.</summary>
internal static unsafe class AttachProbes
{
    private enum Way
    {
        /// <summary>Loading with the attach type decides.</summary>
        Load,

        /// <summary>BPF_PROG_ATTACH to a descriptor that is none: EBADF when the kind is known.</summary>
        Attach,

        /// <summary>BPF_LINK_CREATE on a descriptor or interface that is none: anything but EINVAL and EOPNOTSUPP.</summary>
        Link,

        /// <summary>BPF_LINK_CREATE on a function of the kernel that there is not.</summary>
        KprobeMulti,

        /// <summary>BPF_LINK_CREATE on a path that is no file.</summary>
        UprobeMulti,

        /// <summary>BPF_RAW_TRACEPOINT_OPEN of a tracepoint that there is not.</summary>
        RawTracepoint,

        /// <summary>A kind of event of perf_event_open(2).</summary>
        Perf,

        /// <summary>Loading, and the version: asking would need a place that there is.</summary>
        Version,
    }

    // Feature: a row of eng/uapi/features.txt.
    private readonly record struct Row(string Feature, Way Way, ProgramType Type, AttachType Attach);

    private static readonly Row[] s_rows =
    [
        new("other kprobe", Way.Perf, ProgramType.Kprobe, 0),
        new("other uprobe", Way.Perf, ProgramType.Kprobe, 0),
        new("program tracepoint", Way.Perf, ProgramType.Tracepoint, 0),
        new("attach perf_event", Way.Link, ProgramType.PerfEvent, AttachType.PerfEvent),
        new("program raw_tracepoint", Way.RawTracepoint, ProgramType.RawTracepoint, 0),
        new("attach trace_kprobe_multi", Way.KprobeMulti, ProgramType.Kprobe, AttachType.TraceKprobeMulti),
        new("attach trace_kprobe_session", Way.KprobeMulti, ProgramType.Kprobe, AttachType.TraceKprobeSession),
        new("attach trace_uprobe_multi", Way.UprobeMulti, ProgramType.Kprobe, AttachType.TraceUprobeMulti),
        new("attach trace_uprobe_session", Way.UprobeMulti, ProgramType.Kprobe, AttachType.TraceUprobeSession),
        new("attach trace_raw_tp", Way.Load, ProgramType.Tracing, AttachType.TraceRawTp),
        new("attach trace_fentry", Way.Load, ProgramType.Tracing, AttachType.TraceFentry),
        new("attach trace_fexit", Way.Load, ProgramType.Tracing, AttachType.TraceFexit),
        new("attach modify_return", Way.Load, ProgramType.Tracing, AttachType.ModifyReturn),
        new("attach trace_iter", Way.Load, ProgramType.Tracing, AttachType.TraceIter),
        new("program ext", Way.Load, ProgramType.Ext, 0),
        new("attach lsm_mac", Way.Load, ProgramType.Lsm, AttachType.LsmMac),
        new("attach lsm_cgroup", Way.Load, ProgramType.Lsm, AttachType.LsmCgroup),
        new("attach tcx_ingress", Way.Link, ProgramType.SchedCls, AttachType.TcxIngress),
        new("attach tcx_egress", Way.Link, ProgramType.SchedCls, AttachType.TcxEgress),
        new("attach netkit_primary", Way.Link, ProgramType.SchedCls, AttachType.NetkitPrimary),
        new("attach xdp", Way.Version, ProgramType.Xdp, AttachType.Xdp),
        new("attach netfilter", Way.Link, ProgramType.Netfilter, AttachType.Netfilter),
        new("other cgroup_link", Way.Link, ProgramType.CgroupSkb, AttachType.CgroupInetIngress),
        new("attach cgroup_inet_ingress", Way.Attach, ProgramType.CgroupSkb, AttachType.CgroupInetIngress),
        new("attach cgroup_inet_egress", Way.Attach, ProgramType.CgroupSkb, AttachType.CgroupInetEgress),
        new("attach cgroup_inet_sock_create", Way.Attach, ProgramType.CgroupSock, AttachType.CgroupInetSockCreate),
        new("attach cgroup_inet_sock_release", Way.Attach, ProgramType.CgroupSock, AttachType.CgroupInetSockRelease),
        new("attach cgroup_inet4_post_bind", Way.Attach, ProgramType.CgroupSock, AttachType.CgroupInet4PostBind),
        new("attach cgroup_inet4_bind", Way.Attach, ProgramType.CgroupSockAddr, AttachType.CgroupInet4Bind),
        new("attach cgroup_inet6_bind", Way.Attach, ProgramType.CgroupSockAddr, AttachType.CgroupInet6Bind),
        new("attach cgroup_inet4_connect", Way.Attach, ProgramType.CgroupSockAddr, AttachType.CgroupInet4Connect),
        new("attach cgroup_inet6_connect", Way.Attach, ProgramType.CgroupSockAddr, AttachType.CgroupInet6Connect),
        new("attach cgroup_udp4_sendmsg", Way.Attach, ProgramType.CgroupSockAddr, AttachType.CgroupUdp4Sendmsg),
        new("attach cgroup_udp6_sendmsg", Way.Attach, ProgramType.CgroupSockAddr, AttachType.CgroupUdp6Sendmsg),
        new("attach cgroup_udp4_recvmsg", Way.Attach, ProgramType.CgroupSockAddr, AttachType.CgroupUdp4Recvmsg),
        new("attach cgroup_udp6_recvmsg", Way.Attach, ProgramType.CgroupSockAddr, AttachType.CgroupUdp6Recvmsg),
        new("attach cgroup_inet4_getpeername", Way.Attach, ProgramType.CgroupSockAddr, AttachType.CgroupInet4Getpeername),
        new("attach cgroup_inet4_getsockname", Way.Attach, ProgramType.CgroupSockAddr, AttachType.CgroupInet4Getsockname),
        new("attach cgroup_unix_connect", Way.Attach, ProgramType.CgroupSockAddr, AttachType.CgroupUnixConnect),
        new("attach cgroup_sock_ops", Way.Attach, ProgramType.SockOps, AttachType.CgroupSockOps),
        new("attach cgroup_device", Way.Attach, ProgramType.CgroupDevice, AttachType.CgroupDevice),
        new("attach cgroup_sysctl", Way.Attach, ProgramType.CgroupSysctl, AttachType.CgroupSysctl),
        new("attach cgroup_getsockopt", Way.Attach, ProgramType.CgroupSockopt, AttachType.CgroupGetsockopt),
        new("attach cgroup_setsockopt", Way.Attach, ProgramType.CgroupSockopt, AttachType.CgroupSetsockopt),
        new("attach sk_skb_stream_parser", Way.Attach, ProgramType.SkSkb, AttachType.SkSkbStreamParser),
        new("attach sk_skb_stream_verdict", Way.Attach, ProgramType.SkSkb, AttachType.SkSkbStreamVerdict),
        new("attach sk_skb_verdict", Way.Attach, ProgramType.SkSkb, AttachType.SkSkbVerdict),
        new("attach sk_msg_verdict", Way.Attach, ProgramType.SkMsg, AttachType.SkMsgVerdict),
        new("attach sk_lookup", Way.Link, ProgramType.SkLookup, AttachType.SkLookup),
        new("other flow_dissector_link", Way.Link, ProgramType.FlowDissector, AttachType.FlowDissector),
    ];

    public static IEnumerable<Feature> All(KernelState state)
    {
        int error = ClassicFilterProbe.Attach(new ClassicProgram([new ClassicInsn(ClassicOpcode.Ret)]));
        yield return error == 0
            ? new Feature(FeatureKind.Attach, "socket_classic", Availability.Yes, "since Linux 2.2, for everybody")
            : new Feature(FeatureKind.Attach, "socket_classic", Availability.No, null, new LikelyReason($"SO_ATTACH_FILTER gives {Errno.Name(error)}"));
        foreach (Row row in s_rows)
            yield return Try(row, state);
    }

    private static Feature Try(Row row, KernelState state)
    {
        KernelFeature feature = KernelFeatures.Find(row.Feature) ?? throw new InvalidOperationException(row.Feature);
        Version since = feature.Since;
        string name = row.Feature[(row.Feature.IndexOf(' ') + 1)..];
        var context = new ReasonContext { Place = feature.Name, ProgramType = row.Type, Need = KernelNeeds.Need(feature, CapabilityOf(row)), State = state };
        string note = $"since Linux {since}";
        if (row.Way == Way.Perf)
            return Perf(name, context, note);
        ProbeResult loaded = Load(row);
        if (loaded.Result >= 0 && row.Way == Way.Version)
        {
            BpfProbe.Close(loaded.Result);
            return ProgramProbes.Judge(FeatureKind.Attach, name, new ProbeResult(state.Version >= since ? 0 : -(int)ErrorNumber.EINVAL, ""), BpfCommand.LinkCreate, context, $"{note}; by its version");
        }
        if (row.Way == Way.Load || loaded.Result < 0)
        {
            BpfProbe.Close(loaded.Result);
            return ProgramProbes.Judge(FeatureKind.Attach, name, loaded.Result >= 0 || row.Way == Way.Load ? loaded : loaded with { Log = "" }, BpfCommand.ProgLoad, context, note);
        }
        (BpfCommand command, int result) = Ask(row, loaded.Result);
        BpfProbe.Close(loaded.Result);
        BpfProbe.Close(result);
        bool isKnown = result >= 0 || (ErrorNumber)(-result) is not (ErrorNumber.EINVAL or ErrorNumber.EOPNOTSUPP or ErrorNumber.EPERM);
        // Some places answer EINVAL to those who may not.
        if (!isKnown && context.Need!.Value.Capability is { } capability && !state.Has(capability))
            result = -(int)ErrorNumber.EPERM;
        return ProgramProbes.Judge(FeatureKind.Attach, name, isKnown ? new ProbeResult(0, "") : new ProbeResult(result, ""), command, context, note);
    }

    // Programs for cgroup_skb and sk_lookup can be loaded without it, but not attached.
    private static Capability? CapabilityOf(Row row) =>
        row.Type is ProgramType.CgroupSkb or ProgramType.SkLookup ? Capability.NetAdmin : KernelNeeds.Of(row.Type)?.Capability;

    private static ProbeResult Load(Row row) => row.Type is ProgramType.CgroupSockAddr or ProgramType.CgroupSockopt
        ? BpfProbe.Load(row.Type, [new Insn(0xb7, 0, 0, 0, 1), new Insn(0x95)], row.Attach)
        : BpfProbe.Load(row.Type, BpfProbe.Trivial, row.Type is ProgramType.SkSkb or ProgramType.SkMsg or ProgramType.FlowDissector or ProgramType.PerfEvent ? 0 : row.Attach);

    private static (BpfCommand Command, int Result) Ask(Row row, int program)
    {
        const int None = -1;
        var attributes = new BpfAttributes();
        switch (row.Way)
        {
            case Way.Attach:
                (attributes.Attach.Target, attributes.Attach.Fd, attributes.Attach.Type) = (unchecked((uint)None), (uint)program, (uint)row.Attach);
                return (BpfCommand.ProgAttach, BpfSystem.Call(BpfCommand.ProgAttach, ref attributes, 20));
            case Way.RawTracepoint:
                fixed (byte* name = "hachi_there_is_none\0"u8)
                {
                    attributes.RawTracepoint.Name = name;
                    attributes.RawTracepoint.Fd = (uint)program;
                    return (BpfCommand.RawTracepointOpen, BpfSystem.Call(BpfCommand.RawTracepointOpen, ref attributes, 16));
                }
            default:
                return (BpfCommand.LinkCreate, AskLink(row, program, ref attributes));
        }
    }

    private static int AskLink(Row row, int program, ref BpfAttributes attributes)
    {
        (attributes.Link.Fd, attributes.Link.Type) = ((uint)program, (uint)row.Attach);
        if (row.Way == Way.Link)
        {
            // No interface has this number; nor has a process that many descriptors.
            attributes.Link.Target = row.Type == ProgramType.Netfilter ? 0u : int.MaxValue;
            return BpfSystem.Call(BpfCommand.LinkCreate, ref attributes, row.Type == ProgramType.Netfilter ? 32 : 16);
        }
        ulong offset = 0;
        fixed (byte* name = "hachi_there_is_none\0"u8, path = "/\0"u8)
        {
            byte* symbol = name;
            if (row.Way == Way.KprobeMulti)
                attributes.Link.Kprobes = new MultiKprobe { Count = 1, Symbols = &symbol };
            else
                attributes.Link.Uprobes = new MultiUprobe { Path = path, Offsets = &offset, Count = 1 };
            return BpfSystem.Call(BpfCommand.LinkCreate, ref attributes, row.Way == Way.KprobeMulti ? 48 : 64);
        }
    }

    // What perf_event_open(2) knows stands in sysfs; whether the process may is a question of capabilities.
    private static Feature Perf(string name, ReasonContext context, string note)
    {
        if (!File.Exists($"/sys/bus/event_source/devices/{name}/type"))
            return new Feature(FeatureKind.Attach, name, Availability.No, note, Reasons.Missing(context, context.State!) ?? new LikelyReason($"this kernel offers no {name} events (/sys/bus/event_source/devices)"));
        if (name == "tracepoint" && !context.State!.Mounts.ContainsKey("tracefs") && TraceFs.Root is null)
            return new Feature(FeatureKind.Attach, name, Availability.Denied, note, new LikelyReason("the tracing file system is not mounted or not to be read", "mount -t tracefs tracefs /sys/kernel/tracing, as root"));
        ProbeResult result = BpfProbe.TryLoad(context.ProgramType!.Value, BpfProbe.Trivial);
        return ProgramProbes.Judge(FeatureKind.Attach, name, result, BpfCommand.ProgLoad, context, note);
    }
}
