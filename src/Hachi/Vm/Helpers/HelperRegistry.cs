using Hachi.Uapi;
using Hachi.Vm.Contexts;
using Hachi.Vm.Helpers.Packets;
using Hachi.Vm.Machine;

namespace Hachi.Vm.Helpers;

/// <summary>Kinds of programs as far as helpers tell them apart.</summary>
[Flags]
internal enum HelperPlaces : byte
{
    None = 0,
    Socket = 1,
    Tc = 2,
    Xdp = 4,
    CgroupSkb = 8,
    Tracing = 16,
    Plain = 32,

    /// <summary>Those whose context is a socket buffer.</summary>
    Skb = Socket | Tc | CgroupSkb,

    /// <summary>Wherever there is no packet of the wrong kind in the way.</summary>
    All = 0xff,
}

/// <summary>The helpers that this machine has, and for which kinds of programs.</summary>
internal static class HelperRegistry
{
    private static readonly Dictionary<Helper, (HelperBody Body, HelperPlaces Places)> s_rows = Build();

    /// <summary>Ids of all of them.</summary>
    public static IEnumerable<int> Ids(ProgramType type) => s_rows.Where(row => (row.Value.Places & PlaceOf(type)) != 0).Select(row => (int)row.Key);

    /// <summary>The body of a helper for programs of a kind, or null.</summary>
    public static HelperBody? Find(int id, ProgramType type) =>
        s_rows.TryGetValue((Helper)id, out var row) && (row.Places & PlaceOf(type)) != 0 ? row.Body : null;

    /// <summary>What a helper is called, and where it can be called from, for a message.</summary>
    public static string Describe(int id)
    {
        HelperPrototype? prototype = HelperTable.Find(id);
        if (prototype is null)
            return $"{id} (the kernel has none of that number)";
        if (!s_rows.TryGetValue((Helper)id, out var row))
            return $"{id} ({prototype.Name}, which exists in the kernel only)";
        string places = string.Join(", ", Enum.GetValues<HelperPlaces>().Where(place => place is not (HelperPlaces.None or HelperPlaces.All or HelperPlaces.Skb) && (row.Places & place) != 0)
            .Select(place => place switch
            {
                HelperPlaces.Socket => "socket filters",
                HelperPlaces.Tc => "tc",
                HelperPlaces.Xdp => "XDP",
                HelperPlaces.CgroupSkb => "cgroup_skb",
                HelperPlaces.Tracing => "tracing",
                _ => "plain memory",
            }));
        return $"{id} ({prototype.Name}, which is there for {places})";
    }

    /// <summary>Whether a helper may move an end of the packet, so that what a program knows of it is no longer true.</summary>
    public static bool MovesPacket(int id) => (Helper)id is Helper.XdpAdjustHead or Helper.XdpAdjustTail or Helper.XdpAdjustMeta or Helper.SkbChangeHead or Helper.SkbChangeTail
        or Helper.SkbVlanPush or Helper.SkbVlanPop or Helper.SkbPullData or Helper.TailCall;

    private static unsafe ulong NoPacket(HelperPrototype prototype, Invocation call) =>
        call.SetFault(FaultReason.HelperArgument, call.State->HelperInsn, $"{prototype.Name} needs a packet: run the program on one");

    private static HelperPlaces PlaceOf(ProgramType type) => type switch
    {
        ProgramType.SocketFilter => HelperPlaces.Socket,
        ProgramType.SchedCls or ProgramType.SchedAct => HelperPlaces.Tc,
        ProgramType.Xdp => HelperPlaces.Xdp,
        ProgramType.CgroupSkb => HelperPlaces.CgroupSkb,
        ProgramType.Kprobe or ProgramType.Tracepoint or ProgramType.RawTracepoint or ProgramType.RawTracepointWritable or ProgramType.PerfEvent or ProgramType.Tracing or ProgramType.Lsm => HelperPlaces.Tracing,
        _ => HelperPlaces.Plain,
    };

    private static Dictionary<Helper, (HelperBody Body, HelperPlaces Places)> Build()
    {
        var rows = new Dictionary<Helper, (HelperBody, HelperPlaces)>();
        void Checked(Helper id, HelperPlaces places, FrameBody body)
        {
            HelperPrototype prototype = HelperTable.Find((int)id)!;
            // What only programs on packets can call expects a packet.
            if ((places & (HelperPlaces.Plain | HelperPlaces.Tracing)) == 0)
                rows[id] = (call => call.Environment is PacketContext ? HelperFrame.Invoke(prototype, body, call) : NoPacket(prototype, call), places);
            else
                rows[id] = (call => HelperFrame.Invoke(prototype, body, call), places);
        }
        rows[Helper.MapLookupElem] = (MapHelpers.Lookup, HelperPlaces.All);
        MapHelpers.Register(Checked);
        FlowHelpers.Register(Checked);
        TimeHelpers.Register(Checked);
        TextHelpers.Register(Checked);
        RingHelpers.Register(Checked);
        TaskHelpers.Register(Checked);
        ChecksumHelpers.Register(Checked);
        SkbHelpers.Register(Checked);
        XdpHelpers.Register(Checked);
        return rows;
    }
}

/// <summary>Adds a helper whose arguments are checked against its prototype.</summary>
internal delegate void RegisterHelper(Helper id, HelperPlaces places, FrameBody body);
