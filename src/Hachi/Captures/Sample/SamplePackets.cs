using System.Buffers.Binary;

namespace Hachi.Captures.Sample;

/// <summary>The packets that a frame can hold. Each method writes at a place in the frame and returns where the frame ends.</summary>
internal sealed class SamplePackets(FrameBuilder frame)
{
    private const int Syn = 2, Rst = 4, Push = 8, Ack = 16, Fin = 1;
    private const int ProtocolTcp = 6, ProtocolUdp = 17;
    private const uint AllHosts = 0xe0000001;

    /// <summary>The next packet of a conversation, from its IP header on.</summary>
    internal int Transport(ref SampleRandom random, ref SampleFlow flow, int at)
    {
        bool fromClient = flow.IsTcp ? flow.Step % 3 != 1 : flow.Step % 2 == 0;
        int header = flow.IsIpv6 ? FrameBuilder.Ipv6Bytes : FrameBuilder.Ipv4Bytes;
        uint source = fromClient ? flow.Client : flow.Server, destination = fromClient ? flow.Server : flow.Client;
        int l4 = at + header;
        int length = flow.IsTcp
            ? Tcp(ref random, ref flow, l4, fromClient, source, destination)
            : Udp(ref random, flow, l4, fromClient, source, destination);
        flow.Step++;
        return Ip(ref random, flow.IsIpv6, at, length, flow.IsTcp ? ProtocolTcp : ProtocolUdp, source, destination);
    }

    /// <summary>Ethernet, IPv4 and UDP around a tunnel's header and frame that end at <paramref name="end"/>.</summary>
    internal int OuterUdp(ref SampleRandom random, int end, int port, uint macs)
    {
        const int L4 = FrameBuilder.EthernetBytes + FrameBuilder.Ipv4Bytes;
        frame.Udp(L4, end - L4 - FrameBuilder.UdpBytes, 49152 + random.Below(16384), port, 0);
        return OuterIp(ref random, end, ProtocolUdp, macs);
    }

    /// <summary>Ethernet and IPv4 between two tunnel ends, around what ends at <paramref name="end"/>.</summary>
    internal int OuterIp(ref SampleRandom random, int end, int protocol, uint macs)
    {
        const int At = FrameBuilder.EthernetBytes;
        frame.Ethernet(0, 1, macs, 0x0800);
        frame.Ipv4(At, FrameBuilder.Ipv4Bytes, end - At - FrameBuilder.Ipv4Bytes, protocol, 0x0a090001, 0x0a090002, random.Below(65536), 0, 64);
        return end;
    }

    internal int Arp(ref SampleRandom random, in SampleFlow flow, int start, int typeAt, uint macs)
    {
        bool request = random.PerMille(500);
        if (request)
            frame.Mac(start, 0xffffff);
        frame.Put16(typeAt, random.PerMille(50) ? 0x8035 : 0x0806);
        int at = typeAt + 2;
        frame.Put32(at, 0x00010800);
        frame.Put16(at + 4, 0x0604);
        frame.Put16(at + 6, request ? 1 : 2);
        frame.Mac(at + 8, macs);
        frame.Put32(at + 14, flow.Client);
        frame.Mac(at + 18, 0);
        if (request)
            frame.At(at)[18..24].Clear();
        frame.Put32(at + 24, flow.Server);
        return at + 28;
    }

    /// <summary>A configuration BPDU in an LLC frame.</summary>
    internal int Stp(ref SampleRandom random, int start, int typeAt)
    {
        frame.Put16(start, 0x0180);
        frame.Put32(start + 2, 0xc2000000);
        frame.Put16(typeAt, 38);
        int at = typeAt + 2;
        frame.Put16(at, 0x4242);
        frame.Put8(at + 2, 3);
        frame.At(at + 3)[..35].Clear();
        frame.Put16(at + 8, 0x8000);
        frame.Mac(at + 10, 1);
        frame.Put16(at + 20, 0x8000);
        frame.Mac(at + 22, (uint)random.Below(4));
        frame.Put16(at + 28, 0x8001);
        frame.Put16(at + 32, 20 << 8);
        frame.Put16(at + 34, 2 << 8);
        frame.Put16(at + 36, 15 << 8);
        return at + 38;
    }

    internal int Lldp(ref SampleRandom random, int start, int typeAt)
    {
        frame.Put16(start, 0x0180);
        frame.Put32(start + 2, 0xc200000e);
        frame.Put16(typeAt, 0x88cc);
        int at = typeAt + 2;
        frame.Put16(at, 0x0207);
        frame.Put8(at + 2, 4);
        frame.Mac(at + 3, 1);
        frame.Put16(at + 9, 0x0403);
        frame.Put8(at + 11, 7);
        frame.Put16(at + 12, 0x7000 | random.Below(100));
        frame.Put16(at + 14, 0x0602);
        frame.Put16(at + 16, 120);
        frame.Put16(at + 18, 0);
        return at + 20;
    }

    /// <summary>PPPoE discovery: initiation with an empty service name.</summary>
    internal int Pppoed(ref SampleRandom random, uint macs)
    {
        frame.Ethernet(0, 0xffffff, macs, 0x8863);
        frame.Put16(14, 0x1109);
        frame.Put16(16, 0);
        frame.Put16(18, 12);
        frame.Put32(20, 0x01010000);
        frame.Put32(24, 0x01030004);
        frame.Put32(28, (uint)random.Next());
        return 32;
    }

    /// <summary>What is seldom: ICMP, fragments, options, extension headers, SCTP, routing and IPsec protocols.</summary>
    internal int Rare(ref SampleRandom random, in SampleFlow flow, int start, int typeAt)
    {
        int choice = random.Below(40), at = typeAt + 2;
        bool ipv6 = choice is >= 18 and < 29;
        frame.Put16(typeAt, ipv6 ? 0x86dd : 0x0800);
        return choice switch
        {
            < 18 => Icmp(ref random, flow, at),
            < 25 => Icmp6(ref random, flow, start, at),
            < 29 => Ipv6Extensions(ref random, flow, at),
            < 33 => Fragment(ref random, flow, at),
            < 35 => IpOptions(ref random, flow, at),
            < 37 => Sctp(ref random, flow, at),
            _ => Other(ref random, flow, start, at),
        };
    }

    private int Tcp(ref SampleRandom random, ref SampleFlow flow, int at, bool fromClient, uint source, uint destination)
    {
        int payload = 0, flags = Ack, options = 12;
        if (flow.Step == 0 || flow.Step == 1)
        {
            flags = flow.Step == 0 ? Syn : Syn | Ack;
            options = 20;
        }
        else if (flow.Step > 36)
        {
            flags = random.PerMille(150) ? Rst | Ack : Fin | Ack;
        }
        else if (flow.Step > 2)
        {
            int size = random.Below(100);
            payload = size < 40 ? 0 : size < 50 ? random.Between(20, 200) : size < 64 ? random.Between(200, 1000) : 1448;
            flags = payload > 0 && (payload < 1448 || random.PerMille(300)) ? Ack | Push : Ack;
        }

        ref uint sequence = ref fromClient ? ref flow.ClientSequence : ref flow.ServerSequence;
        uint acknowledged = fromClient ? flow.ServerSequence : flow.ClientSequence;
        int header = FrameBuilder.TcpBytes + options;
        frame.Put16(at, fromClient ? flow.ClientPort : flow.ServerPort);
        frame.Put16(at + 2, fromClient ? flow.ServerPort : flow.ClientPort);
        frame.Put32(at + 4, sequence);
        frame.Put32(at + 8, (flags & Ack) != 0 ? acknowledged : 0);
        frame.Put16(at + 12, (header / 4 << 12) | flags);
        frame.Put16(at + 14, 502);
        frame.Put32(at + 16, 0);
        TcpOptions(ref random, at + 20, (flags & Syn) != 0, flow.Step);
        Payload(ref random, flow, at + header, payload, fromClient);
        sequence += (uint)payload + ((flags & (Syn | Fin)) != 0 ? 1u : 0u);
        int length = header + payload;
        uint pseudo = flow.IsIpv6
            ? FrameBuilder.Pseudo6(source, destination, ProtocolTcp, length)
            : FrameBuilder.Pseudo4(source, destination, ProtocolTcp, length);
        frame.Put16(at + 16, FrameBuilder.Checksum(frame.At(at)[..length], pseudo));
        return length;
    }

    private void TcpOptions(ref SampleRandom random, int at, bool syn, int step)
    {
        if (syn)
        {
            frame.Put32(at, 0x020405b4); // maximum segment size 1460
            frame.Put16(at + 4, 0x0402); // SACK permitted
            at += 6;
        }
        else
        {
            frame.Put16(at, 0x0101);
            at += 2;
        }

        frame.Put16(at, 0x080a); // time stamps
        frame.Put32(at + 2, 100_000u + ((uint)step * 17));
        frame.Put32(at + 6, syn && step == 0 ? 0 : 99_990u + (uint)random.Below(10));
        if (syn)
            frame.Put32(at + 10, 0x01030307); // window scale 7
    }

    private void Payload(ref SampleRandom random, in SampleFlow flow, int at, int length, bool fromClient)
    {
        frame.Noise(at, length, (int)random.Next());
        if (flow.ServerPort == 443 && length > 5)
        {
            frame.Put8(at, 0x17); // a TLS record of application data
            frame.Put16(at + 1, 0x0303);
            frame.Put16(at + 3, length - 5);
        }
        else if (flow.ServerPort is 80 or 8080 && length > 40)
        {
            ReadOnlySpan<byte> start = fromClient ? "GET /index.html HTTP/1.1\r\nHost: example\r\n"u8 : "HTTP/1.1 200 OK\r\nContent-Type: text/html"u8;
            start[..Math.Min(start.Length, length)].CopyTo(frame.At(at));
        }
    }

    private int Udp(ref SampleRandom random, in SampleFlow flow, int at, bool fromClient, uint source, uint destination)
    {
        int payload = flow.ServerPort switch
        {
            53 or 5353 => Dns(ref random, at + FrameBuilder.UdpBytes, fromClient),
            443 => random.PerMille(600) ? 1242 : random.Between(30, 300),
            123 => 48,
            _ => random.Between(40, 1100),
        };
        if (flow.ServerPort is not (53 or 5353))
            frame.Noise(at + FrameBuilder.UdpBytes, payload, (int)random.Next());
        int length = FrameBuilder.UdpBytes + payload;
        uint pseudo = flow.IsIpv6
            ? FrameBuilder.Pseudo6(source, destination, ProtocolUdp, length)
            : FrameBuilder.Pseudo4(source, destination, ProtocolUdp, length);
        frame.Udp(at, payload, fromClient ? flow.ClientPort : flow.ServerPort, fromClient ? flow.ServerPort : flow.ClientPort, pseudo);
        return length;
    }

    /// <summary>A question for an A record, and its answer.</summary>
    private int Dns(ref SampleRandom random, int at, bool query)
    {
        frame.Put16(at, random.Below(65536));
        frame.Put16(at + 2, query ? 0x0100 : 0x8180);
        frame.Put32(at + 4, query ? 0x00010000u : 0x00010001u);
        frame.Put32(at + 8, 0);
        ReadOnlySpan<byte> name = "\u0003www\u0007example\u0003org\0"u8;
        name.CopyTo(frame.At(at + 12));
        int end = at + 12 + name.Length;
        frame.Put32(end, 0x00010001);
        end += 4;
        if (query)
            return end - at;
        frame.Put32(end, 0xc00c0001);
        frame.Put16(end + 4, 1);
        frame.Put32(end + 6, 3600);
        frame.Put16(end + 10, 4);
        frame.Put32(end + 12, 0xcb007100 | (uint)random.Below(256));
        int records = random.Below(8) * 16; // further answers make some larger
        for (int i = 0; i < records; i += 16)
            frame.At(end)[..16].CopyTo(frame.At(end + 16 + i));
        frame.Put16(at + 6, 1 + (records / 16));
        return end + 16 + records - at;
    }

    private int Ip(ref SampleRandom random, bool ipv6, int at, int length, int protocol, uint source, uint destination)
    {
        if (ipv6)
        {
            frame.Ipv6(at, length, protocol, source, destination, 64);
            return at + FrameBuilder.Ipv6Bytes + length;
        }

        frame.Ipv4(at, FrameBuilder.Ipv4Bytes, length, protocol, source, destination, random.Below(65536), 0x4000, 64);
        return at + FrameBuilder.Ipv4Bytes + length;
    }

    private int Icmp(ref SampleRandom random, in SampleFlow flow, int at)
    {
        int l4 = at + FrameBuilder.Ipv4Bytes, length;
        int type = random.Below(10) switch { < 4 => 8, < 8 => 0, 8 => 3, _ => 11 };
        frame.Put16(l4, (type << 8) | (type == 3 ? random.Below(4) : 0));
        frame.Put16(l4 + 2, 0);
        if (type is 3 or 11)
        {
            // the header that caused it, and eight bytes more
            frame.Put32(l4 + 4, 0);
            frame.Ipv4(l4 + 8, FrameBuilder.Ipv4Bytes, 8, ProtocolUdp, flow.Server, flow.Client, 1, 0, 1);
            frame.Udp(l4 + 28, 0, flow.ClientPort, flow.ServerPort, 0);
            length = 36;
        }
        else
        {
            length = random.PerMille(800) ? 64 : random.Between(8, 1480);
            frame.Put32(l4 + 4, ((uint)flow.ClientPort << 16) | (uint)random.Below(1000));
            frame.Noise(l4 + 8, length - 8, (int)random.Next());
        }

        frame.Put16(l4 + 2, FrameBuilder.Checksum(frame.At(l4)[..length], 0));
        return Ip(ref random, false, at, length, 1, flow.Client, flow.Server);
    }

    private int Icmp6(ref SampleRandom random, in SampleFlow flow, int start, int at)
    {
        int l4 = at + FrameBuilder.Ipv6Bytes, length = 24;
        int type = random.Below(8) switch { < 2 => 128, < 4 => 129, < 6 => 135, 6 => 136, _ => 134 };
        frame.Put16(l4, type << 8);
        frame.Put16(l4 + 2, 0);
        frame.Put32(l4 + 4, type == 136 ? 0x60000000u : (uint)flow.ClientPort);
        if (type is 135 or 136)
            frame.Ipv6Address(l4 + 8, flow.Server);
        else
            frame.Noise(l4 + 8, length - 8, (int)random.Next());
        if (type == 135)
        {
            frame.Put16(start, 0x3333);
            frame.Put32(start + 2, 0xff000000 | (flow.Server & 0xffffff));
        }

        frame.Put16(l4 + 2, FrameBuilder.Checksum(frame.At(l4)[..length], FrameBuilder.Pseudo6(flow.Client, flow.Server, 58, length)));
        frame.Ipv6(at, length, 58, flow.Client, flow.Server, 255);
        return l4 + length;
    }

    /// <summary>Hop-by-hop or destination options, perhaps a routing or fragment header behind, then TCP or UDP.</summary>
    private int Ipv6Extensions(ref SampleRandom random, in SampleFlow flow, int at)
    {
        SampleFlow inner = flow;
        inner.IsIpv6 = true;
        int protocol = flow.IsTcp ? ProtocolTcp : ProtocolUdp;
        int second = random.Below(3) switch { 0 => 44, 1 => 43, _ => 0 }, extension = at + FrameBuilder.Ipv6Bytes;
        int l4 = extension + 8 + (second != 0 ? 8 : 0);
        int length = flow.IsTcp
            ? Tcp(ref random, ref inner, l4, true, flow.Client, flow.Server)
            : Udp(ref random, inner, l4, true, flow.Client, flow.Server);
        int first = random.PerMille(600) ? 0 : 60;
        frame.Put8(extension, second != 0 ? second : protocol);
        frame.Put8(extension + 1, 0);
        frame.Put16(extension + 2, 0x0104); // PadN of six bytes
        frame.Put32(extension + 4, 0);
        if (second != 0)
        {
            frame.Put8(extension + 8, protocol);
            frame.Put8(extension + 9, 0);
            frame.Put16(extension + 10, second == 44 ? 1 : 0); // a first fragment, or a routing header without segments left
            frame.Put32(extension + 12, (uint)random.Next());
        }

        frame.Ipv6(at, l4 - extension + length, first, flow.Client, flow.Server, 64);
        return l4 + length;
    }

    private int Fragment(ref SampleRandom random, in SampleFlow flow, int at)
    {
        int length = random.PerMille(500) ? 1480 : random.Between(8, 800), offset = random.PerMille(400) ? 0 : random.Between(1, 8) * 185;
        int l4 = at + FrameBuilder.Ipv4Bytes;
        frame.Noise(l4, length, (int)random.Next());
        if (offset == 0)
            frame.Udp(l4, length - FrameBuilder.UdpBytes, flow.ClientPort, 5044, 0);
        bool more = offset == 0 || random.PerMille(500);
        frame.Ipv4(at, FrameBuilder.Ipv4Bytes, length, ProtocolUdp, flow.Client, flow.Server, random.Below(65536), (more ? 0x2000 : 0) | offset, 64);
        return l4 + length;
    }

    /// <summary>Router alert or a record of the route before the transport header.</summary>
    private int IpOptions(ref SampleRandom random, in SampleFlow flow, int at)
    {
        SampleFlow inner = flow;
        inner.IsIpv6 = false;
        int options = random.PerMille(500) ? 4 : 40, header = FrameBuilder.Ipv4Bytes + options;
        int length = flow.IsTcp
            ? Tcp(ref random, ref inner, at + header, true, flow.Client, flow.Server)
            : Udp(ref random, inner, at + header, true, flow.Client, flow.Server);
        frame.At(at + 20)[..options].Clear();
        frame.Put32(at + 20, options == 4 ? 0x94040000u : 0x07270400u);
        frame.Ipv4(at, header, length, flow.IsTcp ? ProtocolTcp : ProtocolUdp, flow.Client, flow.Server, random.Below(65536), 0, 64);
        return at + header + length;
    }

    /// <summary>One DATA or HEARTBEAT chunk.</summary>
    private int Sctp(ref SampleRandom random, in SampleFlow flow, int at)
    {
        int l4 = at + FrameBuilder.Ipv4Bytes, data = random.Between(1, 100) * 4;
        bool heartbeat = random.PerMille(300);
        frame.Put16(l4, flow.ClientPort);
        frame.Put16(l4 + 2, 2905);
        frame.Put32(l4 + 4, (uint)random.Next());
        frame.Put32(l4 + 8, 0);
        frame.Noise(l4 + 12, 16 + data, (int)random.Next());
        frame.Put16(l4 + 12, heartbeat ? 0x0400 : 0x0003);
        frame.Put16(l4 + 14, 16 + data);
        int length = 28 + data;
        uint crc = FrameBuilder.Crc32C(frame.At(l4)[..length]);
        BinaryPrimitives.WriteUInt32LittleEndian(frame.At(l4 + 8), crc);
        return Ip(ref random, false, at, length, 132, flow.Client, flow.Server);
    }

    /// <summary>IGMP, OSPF, PIM, VRRP to their groups; ESP and AH.</summary>
    private int Other(ref SampleRandom random, in SampleFlow flow, int start, int at)
    {
        int l4 = at + FrameBuilder.Ipv4Bytes;
        int protocol = random.Below(6) switch { 0 => 2, 1 => 89, 2 => 103, 3 => 112, 4 => 50, _ => 51 };
        if (protocol is 50 or 51)
        {
            int ipsec = protocol == 50 ? Esp(ref random, l4) : AuthenticationHeader(ref random, flow, l4);
            frame.Ipv4(at, FrameBuilder.Ipv4Bytes, ipsec, protocol, flow.Client, flow.Server, random.Below(65536), 0, 64);
            return l4 + ipsec;
        }

        uint group = protocol switch { 2 => AllHosts, 89 => AllHosts + 4, 103 => AllHosts + 12, _ => AllHosts + 17 };
        frame.Put16(start, 0x0100);
        frame.Put32(start + 2, 0x5e000000 | (group & 0x7fffff));
        int length = protocol switch { 2 => 8, 89 => 44, 103 => 34, _ => 20 };
        int checksum = protocol switch { 2 or 103 => 2, 89 => 12, _ => 6 };
        frame.At(l4)[..length].Clear();
        switch (protocol)
        {
            case 2: // IGMP membership query
                frame.Put16(l4, 0x1164);
                break;
            case 89: // OSPF hello
                frame.Put32(l4, 0x0201002c);
                frame.Put32(l4 + 4, flow.Client);
                frame.Put32(l4 + 24, 0xffffff00);
                frame.Put32(l4 + 28, 0x000a0201);
                frame.Put32(l4 + 32, 40);
                break;
            case 103: // PIM hello: hold time, priority, generation
                frame.Put16(l4, 0x2000);
                frame.Put32(l4 + 4, 0x00010002);
                frame.Put16(l4 + 8, 105);
                frame.Put32(l4 + 10, 0x00130004);
                frame.Put32(l4 + 18, 0x00140004);
                frame.Put32(l4 + 22, flow.Client);
                length = 26;
                break;
            default: // VRRP advertisement of one address
                frame.Put32(l4, 0x21016401);
                frame.Put16(l4 + 4, 1);
                frame.Put32(l4 + 8, flow.Server);
                break;
        }

        frame.Put16(l4 + checksum, FrameBuilder.Checksum(frame.At(l4)[..length], 0));
        frame.Ipv4(at, FrameBuilder.Ipv4Bytes, length, protocol, flow.Client, group, random.Below(65536), 0, 1);
        return l4 + length;
    }

    private int Esp(ref SampleRandom random, int at)
    {
        int length = random.Between(6, 360) * 4;
        frame.Noise(at, length, (int)random.Next());
        return length;
    }

    /// <summary>The header with a 96-bit check value, then UDP.</summary>
    private int AuthenticationHeader(ref SampleRandom random, in SampleFlow flow, int at)
    {
        frame.Noise(at, 24, (int)random.Next());
        frame.Put32(at, (ProtocolUdp << 24) | (4 << 16));
        int payload = random.Between(20, 200), length = FrameBuilder.UdpBytes + payload;
        frame.Noise(at + 24 + FrameBuilder.UdpBytes, payload, (int)random.Next());
        frame.Udp(at + 24, payload, flow.ClientPort, 5044, FrameBuilder.Pseudo4(flow.Client, flow.Server, ProtocolUdp, length));
        return 24 + length;
    }
}
