using Hachi.Uapi;
using Hachi.Vm.Machine;

namespace Hachi.Vm.Contexts;

/// <summary>What programs of each kind may do with their context (net/core/filter.c, <c>sk_filter_is_valid_access</c>, <c>tc_cls_act_is_valid_access</c> and others).</summary>
internal static class ContextTable
{
    private static readonly string[] s_common =
    [
        "len", "pkt_type", "mark", "queue_mapping", "protocol", "vlan_present", "vlan_tci", "vlan_proto", "priority", "ingress_ifindex", "ifindex", "tc_index", "cb", "hash", "napi_id",
        "gso_segs", "gso_size",
    ];

    private static readonly ContextRules s_socket = Make(ContextLayouts.SkBuff, [], s_common, ["cb"]);
    private static readonly ContextRules s_cgroup = Make(ContextLayouts.SkBuff, ["data", "data_end"], [.. s_common, "tstamp"], ["mark", "priority", "cb", "tstamp"]);
    private static readonly ContextRules s_tc = Make(ContextLayouts.SkBuff, ["data", "data_end", "data_meta"], [.. s_common, "tc_classid", "tstamp", "wire_len", "hwtstamp"],
        ["mark", "tc_index", "priority", "tc_classid", "cb", "tstamp", "queue_mapping"]);
    private static readonly ContextRules s_xdp = Make(ContextLayouts.XdpMd, ["data", "data_end", "data_meta"], ["ingress_ifindex", "rx_queue_index", "egress_ifindex"], []);

    /// <summary>The rules of a kind of programs; null where the context is plain memory.</summary>
    public static ContextRules? RulesOf(ProgramType type) => type switch
    {
        ProgramType.SocketFilter => s_socket,
        ProgramType.CgroupSkb => s_cgroup,
        ProgramType.SchedCls or ProgramType.SchedAct => s_tc,
        ProgramType.Xdp => s_xdp,
        _ => null,
    };

    /// <summary>Whether programs of a kind may write the packet directly.</summary>
    public static bool IsPacketWritable(ProgramType type) => type is ProgramType.SchedCls or ProgramType.SchedAct or ProgramType.Xdp;

    /// <summary>Where a field of <c>__sk_buff</c> stands.</summary>
    public static int SkBuffOffset(string name) => ContextLayouts.SkBuff.Find(name)!.Value.Offset;

    private static ContextRules Make(ContextLayout layout, string[] pointers, string[] readable, string[] writable)
    {
        (int, int) Run(string name)
        {
            ContextField field = layout.Find(name)!.Value;
            return (field.Offset, field.SizeBytes);
        }
        return new ContextRules(
            [.. pointers.Select(name => new PointerField(layout.Find(name)!.Value.Offset, 4, name switch
            {
                "data" => MachineState.PacketStartOffset,
                "data_end" => MachineState.PacketEndOffset,
                _ => MachineState.PacketMetaOffset,
            }))],
            [.. readable.Select(Run)],
            [.. writable.Select(Run)]);
    }
}
