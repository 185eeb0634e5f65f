using System.Buffers.Binary;
using Hachi.Captures;

namespace Hachi.Vm;

/// <summary>
/// The <c>poff</c> extension: where the payload behind the innermost transport header starts. Follows what Linux's flow dissector walks through (VLAN, PPPoE,
/// HSR, GRE, IP in IP, IPv6 extension headers) and stops where it stops (MPLS, fragments, ARP).
/// </summary>
internal ref struct PayloadOffset
{
    private const uint Ip = 0x0800, Arp = 0x0806, Rarp = 0x8035, Vlan = 0x8100, Ipv6 = 0x86dd, MplsUnicast = 0x8847, MplsMulticast = 0x8848,
        PppoeSession = 0x8864, ServiceVlan = 0x88a8, Tipc = 0x88ca, Ptp = 0x88f7, Prp = 0x88fb, Fcoe = 0x8906, Hsr = 0x892f, TransparentBridging = 0x6558,
        PppInGre = 0x880b;

    /// <summary>Headers that Linux dissects at most after the first.</summary>
    private const int HeadersMax = 15;

    /// <summary>What follows the header just read.</summary>
    private enum Next : byte
    {
        /// <summary>The transport header of the IP header just read.</summary>
        Transport,

        /// <summary>A header named by an EtherType.</summary>
        Network,

        /// <summary>Another header named by an IP protocol number.</summary>
        Extension,

        /// <summary>Nothing that is walked through.</summary>
        Done,

        /// <summary>Something broken.</summary>
        Bad,
    }

    private readonly ReadOnlySpan<byte> _packet;
    private int _at;
    private uint _protocol;
    private byte _ipProtocol;
    private bool _fragment;
    private bool _firstFragment;
    private int _headers;

    private PayloadOffset(ReadOnlySpan<byte> packet, in PacketMetadata metadata)
    {
        _packet = packet;
        _at = (int)Math.Min(metadata.NetworkOffset, int.MaxValue / 2);
        _protocol = metadata.Protocol;
        _headers = metadata.VlanPresent != 0 ? 1 : 0; // the tag that was taken off counts
    }

    /// <summary>The offset from the start of the packet, or 0 when the headers are not understood.</summary>
    public static uint Find(ReadOnlySpan<byte> packet, in PacketMetadata metadata)
    {
        var walk = new PayloadOffset(packet, metadata);
        return walk.Dissect() ? walk.BehindTransport() : 0;
    }

    private bool Dissect()
    {
        Next next = NetworkHeader();
        while (true)
        {
            if (next == Next.Transport)
                next = TransportHeader();
            if (next is Next.Done or Next.Bad)
                return next == Next.Done;
            if (++_headers > HeadersMax)
                return true;
            next = next == Next.Network ? NetworkHeader() : TransportHeader();
        }
    }

    /// <summary>Adds the length of the transport header to the place where it starts.</summary>
    private readonly uint BehindTransport()
    {
        uint at = Math.Min((uint)Math.Min(_at, _packet.Length), ushort.MaxValue);
        if (_fragment && !_firstFragment)
            return at;
        switch (_ipProtocol)
        {
            case 6: // TCP: its data offset
                int dataOffset = (int)at + 12;
                return dataOffset < _packet.Length ? at + Math.Max(20u, (uint)(_packet[dataOffset] & 0xf0) >> 2) : at;
            case 1 or 2 or 17 or 58 or 136: // ICMP, IGMP, UDP, ICMPv6, UDP-Lite
                return at + 8;
            case 33: // DCCP
                return at + 12;
            case 132: // SCTP
                return at + 12;
            default:
                return at;
        }
    }

    private readonly bool Has(int bytes) => _packet.Length - _at >= bytes;

    private readonly uint Half(int offset) => BinaryPrimitives.ReadUInt16BigEndian(_packet[(_at + offset)..]);

    private Next NetworkHeader()
    {
        switch (_protocol)
        {
            case Ip:
                return Ipv4Header();
            case Ipv6:
                if (!Has(40))
                    return Next.Bad;
                _ipProtocol = _packet[_at + 6];
                _at += 40;
                return Next.Transport;
            case Vlan or ServiceVlan:
                return Skip(4, Has(4) ? Half(2) : 0, Has(4));
            case Prp or Hsr:
                return Skip(6, Has(6) ? Half(4) : 0, Has(6));
            case PppoeSession:
                return PppoeHeader();
            case MplsUnicast or MplsMulticast:
                _at += 4;
                return Next.Done;
            case Arp or Rarp:
                return Next.Done;
            case Tipc:
                return Has(16) ? Next.Done : Next.Bad;
            case Ptp:
                return End(34);
            case Fcoe:
                return End(38);
            default:
                return Next.Bad;
        }
    }

    private Next Skip(int bytes, uint protocol, bool present)
    {
        if (!present)
            return Next.Bad;
        _at += bytes;
        _protocol = protocol;
        return Next.Network;
    }

    private Next End(int bytes)
    {
        if (!Has(bytes))
            return Next.Bad;
        _at += bytes;
        return Next.Done;
    }

    private Next Ipv4Header()
    {
        if (!Has(20) || (_packet[_at] & 0xf) < 5)
            return Next.Bad;
        _ipProtocol = _packet[_at + 9];
        uint fragment = Half(6);
        _at += (_packet[_at] & 0xf) * 4;
        if ((fragment & 0x3fff) == 0)
            return Next.Transport;
        _fragment = true;
        _firstFragment = (fragment & 0x1fff) == 0;
        return Next.Done;
    }

    private Next PppoeHeader()
    {
        if (!Has(8) || _packet[_at] != 0x11 || _packet[_at + 1] != 0)
            return Next.Bad;
        uint ppp = Half(6);
        if ((ppp & 0x0100) != 0) // a protocol number of one byte is odd: RFC 2516 has none, and newer kernels do not follow it (older ones did)
            return Next.Bad;
        _at += 8;
        return PppProtocol(ppp);
    }

    private Next PppProtocol(uint ppp)
    {
        switch (ppp)
        {
            case 0x21:
                _protocol = Ip;
                return Next.Network;
            case 0x57:
                _protocol = Ipv6;
                return Next.Network;
            case 0x281:
                _protocol = MplsUnicast;
                return Next.Network;
            case 0x283:
                _protocol = MplsMulticast;
                return Next.Network;
            default:
                return (ppp & 0x0101) == 1 ? Next.Done : Next.Bad;
        }
    }

    private Next TransportHeader()
    {
        switch (_ipProtocol)
        {
            case 47:
                return GreHeader();
            case 0 or 43 or 60 when _protocol == Ipv6: // hop-by-hop, routing, destination options
                if (!Has(2))
                    return Next.Bad;
                _ipProtocol = _packet[_at];
                _at += (_packet[_at + 1] + 1) * 8;
                return Next.Extension;
            case 44 when _protocol == Ipv6: // fragment
                if (!Has(8))
                    return Next.Bad;
                _fragment = true;
                _firstFragment |= (Half(2) & 0xfff8) == 0;
                _ipProtocol = _packet[_at];
                _at += 8;
                return Next.Done;
            case 4:
                _protocol = Ip;
                return Next.Network;
            case 41:
                _protocol = Ipv6;
                return Next.Network;
            case 137:
                _protocol = MplsUnicast;
                return Next.Network;
            default:
                return Next.Done;
        }
    }

    private Next GreHeader()
    {
        const uint checksum = 0x8000, routing = 0x4000, key = 0x2000, sequence = 0x1000, acknowledgement = 0x0080, version = 7;
        if (!Has(4))
            return Next.Bad;
        uint flags = Half(0), protocol = Half(2);
        if ((flags & routing) != 0 || (flags & version) > 1)
            return Next.Done;
        bool pptp = (flags & version) == 1;
        if (pptp && !(protocol == PppInGre && (flags & key) != 0))
            return Next.Done;
        int offset = 4 + Words(flags, checksum) + Words(flags, key) + Words(flags, sequence);
        if (!pptp)
        {
            if (protocol == TransparentBridging)
            {
                if (!Has(offset + 14))
                    return Next.Bad;
                protocol = Half(offset + 12);
                offset += 14;
            }
            _protocol = protocol;
            _at += offset;
            return Next.Network;
        }
        offset += Words(flags, acknowledgement);
        if (!Has(offset + 4))
            return Next.Bad;
        uint ppp = Half(offset + 2);
        _at += offset + 4;
        if (ppp is 0x21 or 0x57)
            return PppProtocol(ppp);
        _protocol = protocol; // the walk goes on with PPP itself, which it does not know
        return Next.Network;
    }

    private static int Words(uint flags, uint flag) => (flags & flag) != 0 ? 4 : 0;
}
