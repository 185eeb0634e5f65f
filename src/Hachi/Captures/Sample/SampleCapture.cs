namespace Hachi.Captures.Sample;

/// <summary>
/// Makes a synthetic capture: Ethernet frames of the kinds that filters care about, in a mix and in sizes like those of an office uplink (mean about
/// 540 bytes), checksums right, the same for the same seed on every machine.
/// TCP, UDP, ICMP, ARP, IPv6 with extension headers, VLAN, QinQ, MPLS, PPPoE, VXLAN, Geneve, GRE, fragments, IP options, SCTP, STP, and packets
/// that the capture cut off.
/// </summary>
public sealed class SampleCapture
{
    /// <summary>Number of packets of <see cref="BuiltIn"/>.</summary>
    public const int BuiltInPackets = 200;

    /// <summary>Seed of <see cref="BuiltIn"/>.</summary>
    public const ulong BuiltInSeed = 7;

    private const long StartNanoseconds = 1_767_225_600_000_000_000; // 2026-01-01 00:00:00 UTC
    private const int Flows = 256;

    private readonly SampleFlow[] _flows = new SampleFlow[Flows];
    private readonly FrameBuilder _frame;
    private readonly SamplePackets _packets;
    private SampleRandom _random;
    private long _time = StartNanoseconds;

    /// <summary>Starts a capture.</summary>
    /// <param name="seed">Another seed, another capture.</param>
    public SampleCapture(ulong seed = 1)
    {
        _random = new SampleRandom(seed);
        _frame = new FrameBuilder(seed ^ 0x5eed);
        _packets = new SamplePackets(_frame);
        for (int i = 0; i < Flows; i++)
            _flows[i] = SampleFlow.Make(ref _random, IsTcpSlot(i));
    }

    /// <summary>Makes the next packet. The bytes are valid until the next call.</summary>
    /// <param name="timestamp">Nanoseconds since 1970.</param>
    /// <param name="originalLength">Bytes on the wire; more than the result has when the capture cut the packet off.</param>
    public ReadOnlySpan<byte> Next(out long timestamp, out uint originalLength)
    {
        _time += 1_000 * (1 + (long)_random.Below(60));
        timestamp = _time;
        int length = MakeFrame();
        if (length < 60)
        {
            _frame.Bytes[length..60].Clear(); // Ethernet pads
            length = 60;
        }

        originalLength = (uint)length;
        int cut = _random.Below(1000);
        if (cut < 6)
            length = Math.Min(length, 96);
        else if (cut < 10)
            length = Math.Min(length, _random.Between(1, 64));
        return _frame.Bytes[..length];
    }

    /// <summary>Writes so many packets, fewer when it is cancelled.</summary>
    public static void Write(CaptureWriter writer, long packets, ulong seed = 1, CancellationToken cancelled = default)
    {
        ArgumentNullException.ThrowIfNull(writer);
        var sample = new SampleCapture(seed);
        for (long i = 0; i < packets && !cancelled.IsCancellationRequested; i++)
        {
            ReadOnlySpan<byte> packet = sample.Next(out long timestamp, out uint originalLength);
            writer.Write(timestamp, originalLength, packet);
        }
    }

    /// <summary>The small capture that every build carries (a pcap file of 200 packets): for <c>--sample</c> and the tour.</summary>
    public static byte[] BuiltIn()
    {
        var bytes = new MemoryStream();
        using (CaptureWriter writer = CaptureWriter.Create(bytes, CaptureFormat.Pcap, LinkType.Ethernet, leaveOpen: true))
            Write(writer, BuiltInPackets, BuiltInSeed);
        return bytes.ToArray();
    }

    private static bool IsTcpSlot(int slot) => slot % 100 < 72;

    /// <summary>Chooses the encapsulation, then what is in it; returns the length of the frame.</summary>
    private int MakeFrame()
    {
        int slot = _random.Below(Flows);
        ref SampleFlow flow = ref _flows[slot];
        if (flow.Step > 40 || _random.PerMille(4))
            flow = SampleFlow.Make(ref _random, IsTcpSlot(slot));
        uint macs = flow.Client & 0xff;
        int choice = _random.Below(1000);
        return choice switch
        {
            < 856 => MakeInner(ref flow, 0, 12, macs),
            < 955 => MakeVlan(ref flow, macs),
            < 965 => MakeQinQ(ref flow, macs),
            < 975 => MakeMpls(ref flow, macs),
            < 983 => MakePppoe(ref flow, macs),
            < 988 => MakeVxlan(ref flow, macs),
            < 993 => MakeGeneve(ref flow, macs),
            < 996 => MakeGre(ref flow, macs),
            < 998 => MakeIpInIp(ref flow, macs),
            _ => _packets.Pppoed(ref _random, macs),
        };
    }

    private int MakeVlan(ref SampleFlow flow, uint macs)
    {
        int tag = _random.Below(10) switch { < 5 => 100, < 8 => 200, 8 => 1506, _ => _random.Between(1, 4094) };
        _frame.Put16(12, 0x8100);
        _frame.Put16(14, (_random.Below(8) << 13) | tag);
        return MakeInner(ref flow, 0, 16, macs);
    }

    private int MakeQinQ(ref SampleFlow flow, uint macs)
    {
        _frame.Put16(12, _random.Below(4) switch { 0 => 0x8100, 1 => 0x9100, _ => 0x88a8 });
        _frame.Put16(14, _random.Between(1, 3) * 100);
        _frame.Put16(16, 0x8100);
        _frame.Put16(18, _random.PerMille(500) ? 100 : _random.Between(1, 4094));
        return MakeInner(ref flow, 0, 20, macs);
    }

    private int MakeMpls(ref SampleFlow flow, uint macs)
    {
        _frame.Ethernet(0, 1, macs, 0x8847);
        int labels = _random.Between(1, 3), at = 14;
        for (int i = 0; i < labels; i++, at += 4)
        {
            uint label = i == 0 && _random.PerMille(600) ? 100u : (uint)_random.Between(16, 1000);
            _frame.Put32(at, (label << 12) | (i == labels - 1 ? 0x100u : 0u) | 64);
        }

        return _packets.Transport(ref _random, ref flow, at);
    }

    private int MakePppoe(ref SampleFlow flow, uint macs)
    {
        _frame.Ethernet(0, 1, macs, 0x8864);
        int end = _packets.Transport(ref _random, ref flow, 22);
        _frame.Put16(14, 0x1100);
        _frame.Put16(16, _random.PerMille(700) ? 0x3b : _random.Between(1, 500));
        _frame.Put16(18, end - 20);
        _frame.Put16(20, flow.IsIpv6 ? 0x57 : 0x21);
        return end;
    }

    private int MakeVxlan(ref SampleFlow flow, uint macs)
    {
        const int Outer = FrameBuilder.EthernetBytes + FrameBuilder.Ipv4Bytes + FrameBuilder.UdpBytes, Inner = Outer + 8;
        int end = MakeInner(ref flow, Inner, Inner + 12, macs);
        _frame.Put32(Outer, 0x08000000);
        _frame.Put32(Outer + 4, (uint)_random.Between(1, 3) * 1000 << 8);
        return _packets.OuterUdp(ref _random, end, 4789, macs);
    }

    private int MakeGeneve(ref SampleFlow flow, uint macs)
    {
        const int Outer = FrameBuilder.EthernetBytes + FrameBuilder.Ipv4Bytes + FrameBuilder.UdpBytes;
        int options = _random.Below(3) * 8, inner = Outer + 8 + options;
        int end = MakeInner(ref flow, inner, inner + 12, macs);
        _frame.Put8(Outer, options / 4);
        _frame.Put8(Outer + 1, 0);
        _frame.Put16(Outer + 2, 0x6558);
        _frame.Put32(Outer + 4, (_random.PerMille(700) ? 7001u : (uint)_random.Between(1, 9000)) << 8);
        for (int at = Outer + 8; at < inner; at += 8)
        {
            _frame.Put32(at, 0x01020101); // class 0x0102, type 1, one word of data
            _frame.Put32(at + 4, (uint)at);
        }

        return _packets.OuterUdp(ref _random, end, 6081, macs);
    }

    private int MakeGre(ref SampleFlow flow, uint macs)
    {
        const int Outer = FrameBuilder.EthernetBytes + FrameBuilder.Ipv4Bytes;
        int end = _packets.Transport(ref _random, ref flow, Outer + 4);
        _frame.Put16(Outer, 0);
        _frame.Put16(Outer + 2, flow.IsIpv6 ? 0x86dd : 0x0800);
        return _packets.OuterIp(ref _random, end, 47, macs);
    }

    private int MakeIpInIp(ref SampleFlow flow, uint macs)
    {
        const int Outer = FrameBuilder.EthernetBytes + FrameBuilder.Ipv4Bytes;
        int end = _packets.Transport(ref _random, ref flow, Outer);
        return _packets.OuterIp(ref _random, end, flow.IsIpv6 ? 41 : 4, macs);
    }

    /// <summary>A frame whose addresses start at <paramref name="start"/> and whose type stands at <paramref name="typeAt"/> (tags lie between).</summary>
    private int MakeInner(ref SampleFlow flow, int start, int typeAt, uint macs)
    {
        _frame.Mac(start, flow.Step % 2 == 0 ? 1 : macs);
        _frame.Mac(start + 6, flow.Step % 2 == 0 ? macs : 1);
        int choice = _random.Below(1000);
        if (choice < 13)
            return _packets.Arp(ref _random, flow, start, typeAt, macs);
        if (choice < 18)
            return _packets.Stp(ref _random, start, typeAt);
        if (choice < 20)
            return _packets.Lldp(ref _random, start, typeAt);
        if (choice < 60)
            return _packets.Rare(ref _random, flow, start, typeAt);
        _frame.Put16(typeAt, flow.IsIpv6 ? 0x86dd : 0x0800);
        return _packets.Transport(ref _random, ref flow, typeAt + 2);
    }
}
