using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Hachi.Captures.Print;

/// <summary>Ethernet, its tags and what an EtherType or PPP number names: ARP, IP, IPv6, MPLS, PPPoE, LLC.</summary>
internal readonly struct NetworkLine(StringBuilder to)
{
    private readonly StringBuilder _to = to;

    internal StringBuilder To => _to;

    internal void Ethernet(ReadOnlySpan<byte> frame, int length, int depth)
    {
        if (frame.Length < 14)
        {
            _to.Append("[|ether]");
            return;
        }

        EtherType(Word(frame, 12), frame[14..], length - 14, depth);
    }

    /// <summary>What an EtherType names; a number below 0x600 is the length of an LLC frame. Tags are taken off in a loop.</summary>
    internal void EtherType(int type, ReadOnlySpan<byte> data, int length, int depth)
    {
        while (type is 0x8100 or 0x88a8 or 0x9100)
        {
            if (data.Length < 4)
            {
                _to.Append("[|vlan]");
                return;
            }

            _to.Append("vlan ").Append(Word(data, 0) & 0xfff);
            if (data[0] >> 5 != 0)
                _to.Append(", p ").Append(data[0] >> 5);
            _to.Append(", ");
            type = Word(data, 2);
            data = data[4..];
            length -= 4;
        }

        switch (type)
        {
            case 0x0800 or 0x86dd:
                Ip(data, depth);
                break;
            case 0x0806 or 0x8035:
                Arp(data, type == 0x8035);
                break;
            case 0x8847 or 0x8848:
                Mpls(data, depth);
                break;
            case 0x8863 or 0x8864:
                Pppoe(data, type == 0x8864, depth);
                break;
            case < 0x600:
                Llc(data, type, depth);
                break;
            default:
                string? name = type switch { 0x88cc => "LLDP", 0x8809 => "Slow Protocols", 0x888e => "EAPOL", 0x6558 => null, 0x9000 => "Loopback", 0x8137 => "IPX", _ => null };
                if (type == 0x6558 && depth < PacketLine.DepthMax)
                    Ethernet(data, length, depth + 1);
                else
                    Named(name ?? string.Create(CultureInfo.InvariantCulture, $"ethertype 0x{type:x4}"), Math.Max(length, 0));
                break;
        }
    }

    internal void Ip(ReadOnlySpan<byte> data, int depth)
    {
        if (data.IsEmpty)
            _to.Append("[|ip]");
        else if (depth >= PacketLine.DepthMax)
            Named("IP", data.Length);
        else if (data[0] >> 4 == 4)
            Ipv4(data, depth);
        else if (data[0] >> 4 == 6)
            Ipv6(data, depth);
        else
            _to.Append("IP version ").Append(data[0] >> 4).Append(", length ").Append(data.Length);
    }

    internal void Mpls(ReadOnlySpan<byte> data, int depth)
    {
        _to.Append("MPLS (");
        string separator = "";
        while (data.Length >= 4)
        {
            uint entry = BinaryPrimitives.ReadUInt32BigEndian(data);
            _to.Append(separator).Append("label ").Append(entry >> 12).Append(", ttl ").Append(entry & 0xff);
            separator = ", ";
            data = data[4..];
            if ((entry & 0x100) == 0)
                continue;
            _to.Append(") ");
            Ip(data, depth + 1);
            return;
        }

        _to.Append(") [|mpls]");
    }

    internal void Pppoe(ReadOnlySpan<byte> data, bool session, int depth)
    {
        if (data.Length < 6)
        {
            _to.Append("[|pppoe]");
            return;
        }

        if (session && data[1] == 0)
        {
            _to.Append("PPPoE ses 0x").Append(CultureInfo.InvariantCulture, $"{Word(data, 2):x} ");
            Ppp(data[6..], depth);
            return;
        }

        string code = data[1] switch { 0x09 => "PADI", 0x07 => "PADO", 0x19 => "PADR", 0x65 => "PADS", 0xa7 => "PADT", _ => "code" };
        _to.Append("PPPoE ").Append(code).Append(", session ").Append(Word(data, 2)).Append(", length ").Append(Word(data, 4));
    }

    internal void Ppp(ReadOnlySpan<byte> data, int depth)
    {
        if (data.IsEmpty || ((data[0] & 1) == 0 && data.Length < 2))
        {
            _to.Append("[|ppp]");
            return;
        }

        bool isCompressed = (data[0] & 1) != 0;
        int protocol = isCompressed ? data[0] : Word(data, 0);
        data = data[(isCompressed ? 1 : 2)..];
        switch (protocol)
        {
            case 0x21 or 0x57:
                Ip(data, depth + 1);
                break;
            case 0x281 or 0x283:
                Mpls(data, depth + 1);
                break;
            default:
                string? name = protocol switch { 0xc021 => "LCP", 0xc023 => "PAP", 0xc223 => "CHAP", 0x8021 => "IPCP", 0x8057 => "IP6CP", _ => null };
                Named(name ?? string.Create(CultureInfo.InvariantCulture, $"PPP protocol 0x{protocol:x4}"), data.Length);
                break;
        }
    }

    private static int Word(ReadOnlySpan<byte> data, int at) => BinaryPrimitives.ReadUInt16BigEndian(data[at..]);

    private void Named(string name, int length) => _to.Append(name).Append(", length ").Append(length);

    private void Llc(ReadOnlySpan<byte> data, int length, int depth)
    {
        if (data.Length < 3)
            _to.Append("[|llc]");
        else if (data[0] == 0x42 && data[1] == 0x42)
            Stp(data[3..]);
        else if (data[0] == 0xaa && data[1] == 0xaa && data.Length >= 8 && data[3] == 0 && data[4] == 0 && data[5] == 0 && depth < PacketLine.DepthMax)
            EtherType(Math.Max(Word(data, 6), 0x600), data[8..], length - 8, depth + 1);
        else
            _to.Append(CultureInfo.InvariantCulture, $"LLC, dsap 0x{data[0]:x2}, ssap 0x{data[1]:x2}, length {length}");
    }

    private void Stp(ReadOnlySpan<byte> data)
    {
        if (data.Length < 4)
        {
            _to.Append("[|stp]");
            return;
        }

        _to.Append(data[2] switch { 0 => "STP 802.1d", 2 => "STP 802.1w, Rapid STP", 3 => "STP 802.1s, MSTP", _ => "STP" });
        _to.Append(data[3] switch { 0 => ", Config", 0x80 => ", Topology Change", _ => "" });
        _to.Append(", length ").Append(data.Length);
    }

    private void Arp(ReadOnlySpan<byte> data, bool reverse)
    {
        string name = reverse ? "RARP" : "ARP";
        if (data.Length < 8 || data.Length < 8 + (2 * (data[4] + data[5])))
        {
            _to.Append("[|").Append(name).Append(']');
            return;
        }

        int hardware = data[4], protocol = data[5], operation = Word(data, 6);
        ReadOnlySpan<byte> senderMac = data.Slice(8, hardware), sender = data.Slice(8 + hardware, protocol);
        ReadOnlySpan<byte> targetMac = data.Slice(8 + hardware + protocol, hardware), target = data.Slice(8 + (2 * hardware) + protocol, protocol);
        _to.Append(name).Append(", ");
        if (protocol != 4 || hardware > 8)
        {
            _to.Append("operation ").Append(operation);
        }
        else
        {
            switch (operation)
            {
                case 1:
                    AddressText.Ip(_to.Append("Request who-has "), target);
                    AddressText.Ip(_to.Append(" tell "), sender);
                    break;
                case 2:
                    AddressText.Ip(_to.Append("Reply "), sender);
                    AddressText.Mac(_to.Append(" is-at "), senderMac);
                    break;
                case 3:
                    AddressText.Mac(_to.Append("Reverse Request who-is "), targetMac);
                    AddressText.Mac(_to.Append(" tell "), senderMac);
                    break;
                case 4:
                    AddressText.Mac(_to.Append("Reverse Reply "), targetMac);
                    AddressText.Ip(_to.Append(" at "), target);
                    break;
                default:
                    _to.Append("operation ").Append(operation);
                    break;
            }
        }

        _to.Append(", length ").Append(data.Length);
    }

    private void Ipv4(ReadOnlySpan<byte> data, int depth)
    {
        _to.Append("IP ");
        int header = (data[0] & 15) * 4;
        if (data.Length < 20 || header < 20)
        {
            _to.Append("[|ip]");
            return;
        }

        int total = Word(data, 2), fragment = Word(data, 6), offset = (fragment & 0x1fff) * 8;
        if (total >= header && total < data.Length)
            data = data[..total]; // the frame's padding is no payload
        var line = new TransportLine(this, data.Slice(12, 4), data.Slice(16, 4), depth);
        if (data.Length < header)
        {
            line.Addresses();
            _to.Append("[|ip]");
        }
        else if (offset > 0)
        {
            line.Addresses();
            _to.Append(TransportLine.ProtocolName(data[9])).Append(", fragment at ").Append(offset).Append(", length ").Append(Math.Max(total - header, 0));
        }
        else
        {
            line.Append(data[9], data[header..], total == 0 ? data.Length - header : Math.Max(total - header, 0));
            if ((fragment & 0x2000) != 0)
                _to.Append(", first fragment");
        }
    }

    private void Ipv6(ReadOnlySpan<byte> data, int depth)
    {
        _to.Append("IP6 ");
        if (data.Length < 40)
        {
            _to.Append("[|ip6]");
            return;
        }

        int payload = Word(data, 4), next = data[6];
        var line = new TransportLine(this, data.Slice(8, 16), data.Slice(24, 16), depth);
        data = payload > 0 && 40 + payload < data.Length ? data[40..(40 + payload)] : data[40..];
        int length = payload == 0 ? data.Length : payload;
        string? note = null;
        while (next is 0 or 43 or 44 or 60)
        {
            int size = next == 44 ? 8 : data.Length >= 2 ? (data[1] + 1) * 8 : int.MaxValue;
            if (size > data.Length)
            {
                line.Addresses();
                _to.Append("[|").Append(TransportLine.ProtocolName(next)).Append(']');
                return;
            }

            if (next == 44 && (Word(data, 2) & 0xfff8) != 0)
            {
                line.Addresses();
                _to.Append(TransportLine.ProtocolName(data[0])).Append(", fragment at ").Append(Word(data, 2) & 0xfff8).Append(", length ").Append(length - 8);
                return;
            }

            note ??= next switch { 0 => "HBH ", 43 => "RT ", 44 => "frag ", _ => "DSTOPT " };
            next = data[0];
            data = data[size..];
            length = Math.Max(length - size, 0);
        }

        _to.Append(note);
        line.Append(next, data, length);
    }
}
