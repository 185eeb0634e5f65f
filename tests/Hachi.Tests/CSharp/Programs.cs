#pragma warning disable CS0649 // Headers are laid over packets: nobody assigns their fields.
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Hachi.Lang.CSharp;
using Hachi.Uapi;

namespace Hachi.Tests.CSharp;

/// <summary>Programs that the tests compile out of this assembly; each also runs as the C# that it is.</summary>
internal static unsafe class Programs
{
    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    public struct Ethernet
    {
        public ulong Low;
        public uint High;
        public ushort Protocol;
    }

    public struct Ipv4
    {
        public byte VersionLength, Service;
        public ushort Length, Id, Fragment;
        public byte TimeToLive, Protocol;
        public ushort Check;
        public uint Source, Destination;

        public readonly int HeaderBytes => (VersionLength & 15) * 4;
    }

    public struct Udp
    {
        public ushort Source, Destination, Length, Check;
    }

    public struct Flow : IEquatable<Flow>
    {
        public uint Source, Destination;

        public readonly bool Equals(Flow other) => Source == other.Source && Destination == other.Destination;

        public override readonly bool Equals(object? obj) => obj is Flow other && Equals(other);

        public override readonly int GetHashCode() => HashCode.Combine(Source, Destination);
    }

    public struct Totals
    {
        public ulong Packets, Bytes;
    }

    [Map(MaxEntries = 10_240)]
    private static readonly HashMap<uint, ulong> s_counts = new();

    [Map(MaxEntries = 4096)]
    private static readonly HashMap<Flow, Totals> s_flows = new();

    [Map(MaxEntries = 8)]
    private static readonly ArrayMap<uint> s_kinds = new() { MaxEntries = 8 };

    private static ushort Swap(ushort value) => BinaryPrimitives.ReverseEndianness(value);

    private static bool TryIpv4(ref Packet packet, out Ref<Ipv4> ip)
    {
        ip = default;
        return packet.TryRead(out Ref<Ethernet> ethernet) && ethernet.Value.Protocol == Swap(0x800) && packet.TryRead(out ip);
    }

    [Xdp]
    public static XdpAction CountBySource(ref XdpContext context)
    {
        Packet packet = context.Packet;
        if (!packet.TryRead(out Ref<Ethernet> ethernet) || ethernet.Value.Protocol != Swap(0x800))
            return XdpAction.Pass;
        if (!packet.TryRead(out Ref<Ipv4> ip))
            return XdpAction.Pass;
        if (s_counts.TryGetRef(ip.Value.Source, out Ref<ulong> n))
        {
            Interlocked.Increment(ref n.Value);
            return n.Value > 3 ? XdpAction.Drop : XdpAction.Pass;
        }
        s_counts.Set(ip.Value.Source, 1);
        return XdpAction.Pass;
    }

    [Xdp]
    public static XdpAction UdpFirewall(ref XdpContext context)
    {
        Packet packet = context.Packet;
        if (!TryIpv4(ref packet, out Ref<Ipv4> ip))
            return XdpAction.Pass;
        int header = ip.Value.HeaderBytes;
        if (header < 20 || ip.Value.Protocol != 17)
            return XdpAction.Pass;
        packet.Skip(header - 20);
        if (!packet.TryRead(out Ref<Udp> udp))
            return XdpAction.Drop;
        var flow = new Flow { Source = ip.Value.Source & 0x0300_0000, Destination = udp.Value.Destination };
        if (s_flows.TryGetRef(flow, out Ref<Totals> totals))
        {
            totals.Value.Packets++;
            totals.Value.Bytes += Swap(udp.Value.Length);
        }
        else
        {
            s_flows.Set(flow, new Totals { Packets = 1, Bytes = Swap(udp.Value.Length) });
        }
        return Swap(udp.Value.Destination) switch
        {
            53 or 123 => XdpAction.Pass,
            < 1024 => XdpAction.Drop,
            _ => (udp.Value.Source & 1) == 0 ? XdpAction.Tx : XdpAction.Pass,
        };
    }

    [Xdp]
    public static XdpAction Pointers(ref XdpContext context)
    {
        byte* data = context.Data, end = context.DataEnd;
        if (data + 34 > end)
            return XdpAction.Aborted;
        uint hash = 2166136261;
        for (int i = 0; i < 20; i++)
        {
            hash ^= data[14 + i];
            hash *= 16777619;
        }
        int signed = (sbyte)data[15] / 3 - (short)(data[16] << 8) % 7;
        long wide = signed * 1_000_003L + (long)(hash >> 3);
        if (s_kinds.TryGetRef(hash & 7, out Ref<uint> kind))
            kind.Value += (uint)signed;
        return (XdpAction)(int)((wide ^ (wide >> 17)) & 0x7fff_ffff);
    }

    [Xdp]
    public static XdpAction Loop(ref XdpContext context)
    {
        byte* data = context.Data;
        uint sum = 0, odd = 0;
        for (uint i = 0; i < 64 && data + i + 2 <= context.DataEnd; i++)
        {
            uint word = *(ushort*)(data + i);
            sum += word;
            if ((word & 1) != 0 && word > 0x100)
                odd = Math.Max(odd, word);
            else if (word == 0)
                break;
        }
        return (XdpAction)(int)((sum * 31 + odd) & 0xff_ffff);
    }

    [SocketFilter]
    public static int Tcp(ref SocketContext context)
    {
        if (!context.TryLoad(12, out ushort protocol) || protocol != Swap(0x800))
            return 0;
        if (!context.TryLoad(14, out Ipv4 ip) || ip.Protocol != 6)
            return 0;
        return context.Length < 60 ? context.Length : 14 + ip.HeaderBytes;
    }
}

/// <summary>Programs that are refused, each with the line that the message names.</summary>
internal static class RefusedPrograms
{
    private static readonly int s_number = Environment.ProcessId;

    [Xdp]
    public static XdpAction Heap(ref XdpContext context)
    {
        object boxed = new();                                           // HM0005 names the local's type
        return boxed is null ? XdpAction.Drop : XdpAction.Pass;
    }

    [Xdp]
    public static XdpAction Text(ref XdpContext context) => Enum.Parse<XdpAction>("Pass");

    [Xdp]
    public static XdpAction Recursive(ref XdpContext context) => (XdpAction)Fibonacci(5);

    [Xdp]
    public static XdpAction Static(ref XdpContext context) => (XdpAction)s_number;

    [Xdp]
    public static XdpAction Catch(ref XdpContext context)
    {
        try
        {
            return XdpAction.Pass;
        }
        finally
        {
            _ = s_number;
        }
    }

    [Xdp]
    public static int Shape(int context) => context;

    private static int Fibonacci(int n) => n < 2 ? n : Fibonacci(n - 1) + Fibonacci(n - 2);
}
