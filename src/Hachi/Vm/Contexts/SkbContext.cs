using System.Buffers.Binary;
using Hachi.Vm.Machine;

namespace Hachi.Vm.Contexts;

/// <summary>A packet as socket filters, tc and cgroup programs see it (<c>struct __sk_buff</c>).</summary>
public sealed unsafe class SkbContext : PacketContext
{
    private const int HeadroomBytes = 256, TailroomBytes = 4096, LengthMax = 65_535 + EthernetBytes;

    private readonly byte[] _fields = GC.AllocateArray<byte>(200, pinned: true);
    private readonly int _linkBytes;

    /// <summary>Makes the context of a packet.</summary>
    /// <param name="frame">The packet, from its link-layer header on; at most 65,549 bytes.</param>
    /// <param name="linkBytes">
    /// Bytes at its front that the program does not count: 0 for tc, which sees the frame, the length of the link-layer header for programs that begin at the network header.
    /// </param>
    public SkbContext(ReadOnlySpan<byte> frame, int linkBytes = 0)
        : base(frame, HeadroomBytes, TailroomBytes, LengthMax)
    {
        if ((uint)linkBytes > (uint)frame.Length)
            throw new ArgumentOutOfRangeException(nameof(linkBytes));
        _linkBytes = linkBytes;
        Start = Meta = HeadroomBytes + linkBytes;
        LinkOffset = HeadroomBytes;
        NetworkOffset = HeadroomBytes + Math.Min(frame.Length, EthernetBytes);
        Protocol = frame.Length >= EthernetBytes ? BinaryPrimitives.ReadUInt16LittleEndian(frame[12..]) : (ushort)0;
    }

    /// <summary>The protocol of the network layer, as in the Ethernet header: big-endian.</summary>
    public ushort Protocol { get; set; }

    /// <summary>The mark.</summary>
    public uint Mark { get => Read("mark"); set => Write("mark", value); }

    /// <summary>The priority.</summary>
    public uint Priority { get => Read("priority"); set => Write("priority", value); }

    /// <summary>For whom the packet is (<c>PACKET_HOST</c> and others).</summary>
    public uint PacketType { get => Read("pkt_type"); set => Write("pkt_type", value); }

    /// <summary>The queue.</summary>
    public uint QueueMapping { get => Read("queue_mapping"); set => Write("queue_mapping", value); }

    /// <summary>The interface.</summary>
    public uint Ifindex { get => Read("ifindex"); set => Write("ifindex", value); }

    /// <summary>The interface that it came in by.</summary>
    public uint IngressIfindex { get => Read("ingress_ifindex"); set => Write("ingress_ifindex", value); }

    /// <summary>The flow hash.</summary>
    public uint Hash { get => Read("hash"); set => Write("hash", value); }

    /// <summary>The class that a tc program chose.</summary>
    public uint TcClassid { get => Read("tc_classid"); set => Write("tc_classid", value); }

    /// <summary>The traffic control index.</summary>
    public uint TcIndex { get => Read("tc_index"); set => Write("tc_index", value); }

    /// <summary>The time stamp in nanoseconds.</summary>
    public ulong Tstamp
    {
        get => BinaryPrimitives.ReadUInt64LittleEndian(_fields.AsSpan(ContextTable.SkBuffOffset("tstamp")));
        set => BinaryPrimitives.WriteUInt64LittleEndian(_fields.AsSpan(ContextTable.SkBuffOffset("tstamp")), value);
    }

    /// <summary>The VLAN tag that stands beside the packet and not in it (tag control information), or null.</summary>
    public ushort? VlanTci { get; set; }

    /// <summary>The protocol of that tag, big-endian.</summary>
    public ushort VlanProtocol { get; set; } = BinaryPrimitives.ReverseEndianness((ushort)0x8100);

    /// <summary>Five words that programs hand on to each other.</summary>
    public Span<byte> Cb => _fields.AsSpan(ContextTable.SkBuffOffset("cb"), 20);

    /// <summary>The cookie of its socket.</summary>
    public ulong SocketCookie { get; set; }

    /// <summary>The user of its socket.</summary>
    public uint SocketUid { get; set; } = 65_534;

    /// <summary>How many checksums inside one another are known to be right, less one; null when none is (<c>bpf_csum_level</c>).</summary>
    internal int? ChecksumLevel { get; set; }

    internal int LinkOffset { get; private set; }

    internal int NetworkOffset { get; private set; }

    private protected override bool IsWritable => true;

    private protected override int LinkStart => Math.Min(LinkOffset, Start);

    internal override void Enter(Invocation invocation)
    {
        base.Enter(invocation);
        fixed (byte* fields = _fields)
            ShowFields(invocation, fields);
    }

    internal override void Show(Invocation invocation)
    {
        base.Show(invocation);
        invocation.NetworkOffset = (uint)(NetworkOffset - Start);
        Write("len", (uint)(End - Start));
        Write("wire_len", (uint)(End - Start));
        Write("protocol", Protocol);
        Write("vlan_present", VlanTci is null ? 0u : 1);
        Write("vlan_tci", VlanTci ?? 0u);
        Write("vlan_proto", VlanTci is null ? 0u : VlanProtocol);
    }

    /// <summary>bpf_skb_change_head: room in front, zeroed, where the link layer begins now.</summary>
    internal bool Push(int bytes)
    {
        if (Start - bytes < 0 || End - Start + bytes > LengthMax)
            return false;
        Start -= bytes;
        Meta = Start;
        LinkOffset = Start;
        new Span<byte>(Memory + Start, bytes).Clear();
        return true;
    }

    /// <summary>bpf_skb_change_tail: another length; what is new is zero.</summary>
    internal bool Resize(long bytes)
    {
        // The kernel does not cut into the link layer.
        if (bytes < NetworkOffset - Start || Start + bytes > BufferBytes)
            return false;
        int end = Start + (int)bytes;
        if (end > End)
            new Span<byte>(Memory + End, end - End).Clear();
        End = end;
        return true;
    }

    /// <summary>Puts 4 bytes behind the two addresses of the Ethernet header, or takes them out.</summary>
    internal bool MoveVlan(bool isPush)
    {
        const int addresses = 12, tag = 4;
        if (End - Start < addresses + tag || isPush && Start < tag)
            return false;
        int to = isPush ? Start - tag : Start + tag;
        Buffer.MemoryCopy(Memory + Start, Memory + to, addresses, addresses);
        Start = Meta = LinkOffset = to;
        // The network header stays behind the addresses and a type: a tag in the packet counts as its first bytes.
        NetworkOffset = isPush ? NetworkOffset - tag : Math.Max(NetworkOffset, Start + EthernetBytes);
        return true;
    }

    private uint Read(string name) => BinaryPrimitives.ReadUInt32LittleEndian(_fields.AsSpan(ContextTable.SkBuffOffset(name)));

    private void Write(string name, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(_fields.AsSpan(ContextTable.SkBuffOffset(name)), value);
}
