using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Hachi.Captures.Print;

/// <summary>What stands in an IP packet: TCP, UDP and its tunnels, ICMP, SCTP, GRE and the rest by name.</summary>
internal readonly ref struct TransportLine(NetworkLine network, ReadOnlySpan<byte> source, ReadOnlySpan<byte> destination, int depth)
{
    private readonly NetworkLine _network = network;
    private readonly StringBuilder _to = network.To;
    private readonly ReadOnlySpan<byte> _source = source;
    private readonly ReadOnlySpan<byte> _destination = destination;
    private readonly int _depth = depth;

    internal static string ProtocolName(int protocol) => protocol switch
    {
        0 => "HBH",
        1 => "ICMP",
        2 => "IGMP",
        4 => "IPIP",
        6 => "TCP",
        17 => "UDP",
        41 => "IP6",
        43 => "RT",
        44 => "frag",
        46 => "RSVP",
        47 => "GRE",
        50 => "ESP",
        51 => "AH",
        58 => "ICMP6",
        59 => "no next header",
        60 => "DSTOPT",
        88 => "EIGRP",
        89 => "OSPF",
        94 => "IPIP",
        97 => "EtherIP",
        103 => "PIM",
        108 => "IPComp",
        112 => "VRRP",
        115 => "L2TP",
        132 => "SCTP",
        _ => "ip-proto-" + protocol.ToString(CultureInfo.InvariantCulture),
    };

    /// <summary>Appends "source &gt; destination: ".</summary>
    internal void Addresses()
    {
        AddressText.Ip(_to, _source);
        AddressText.Ip(_to.Append(" > "), _destination);
        _to.Append(": ");
    }

    /// <summary>Appends addresses and everything behind the IP header.</summary>
    /// <param name="protocol">Protocol number.</param>
    /// <param name="data">The captured bytes of the payload.</param>
    /// <param name="length">How many bytes it had on the wire.</param>
    internal void Append(int protocol, ReadOnlySpan<byte> data, int length)
    {
        switch (protocol)
        {
            case 6:
                Tcp(data, length);
                return;
            case 17 or 136:
                Udp(data, length);
                return;
            case 132:
                Sctp(data);
                return;
        }

        Addresses();
        switch (protocol)
        {
            case 1:
                Icmp(data, length);
                break;
            case 58:
                Icmp6(data, length);
                break;
            case 4 or 41:
                _network.Ip(data, _depth + 1);
                break;
            case 47:
                Gre(data);
                break;
            case 51:
                AuthenticationHeader(data);
                break;
            case 50 when data.Length >= 8:
                _to.Append(CultureInfo.InvariantCulture, $"ESP(spi=0x{Long(data, 0):x8},seq=0x{Long(data, 4):x}), length {length}");
                break;
            default:
                _to.Append(ProtocolName(protocol)).Append(", length ").Append(length);
                break;
        }
    }

    private static int Word(ReadOnlySpan<byte> data, int at) => BinaryPrimitives.ReadUInt16BigEndian(data[at..]);

    private static uint Long(ReadOnlySpan<byte> data, int at) => BinaryPrimitives.ReadUInt32BigEndian(data[at..]);

    private void Ports(ReadOnlySpan<byte> data)
    {
        AddressText.Ip(_to, _source);
        _to.Append('.').Append(Word(data, 0)).Append(" > ");
        AddressText.Ip(_to, _destination);
        _to.Append('.').Append(Word(data, 2)).Append(": ");
    }

    private bool TryPorts(ReadOnlySpan<byte> data, int need, string name)
    {
        if (data.Length >= 4)
            Ports(data);
        else
            Addresses();
        if (data.Length >= need)
            return true;
        _to.Append("[|").Append(name).Append(']');
        return false;
    }

    private void Tcp(ReadOnlySpan<byte> data, int length)
    {
        if (!TryPorts(data, 20, "tcp"))
            return;
        int flags = data[13], header = (data[12] >> 4) * 4;
        _to.Append("Flags [");
        ReadOnlySpan<char> letters = "FSRP.UEW";
        if (flags == 0)
            _to.Append("none");
        for (int bit = 0; bit < 8; bit++)
        {
            if ((flags >> bit & 1) != 0)
                _to.Append(letters[bit]);
        }

        _to.Append(']');
        int payload = Math.Max(length - header, 0);
        uint sequence = Long(data, 4);
        if (payload > 0 || (flags & 7) != 0)
        {
            _to.Append(", seq ").Append(sequence);
            if (payload > 0)
                _to.Append(':').Append(unchecked(sequence + (uint)payload));
        }

        if ((flags & 16) != 0)
            _to.Append(", ack ").Append(Long(data, 8));
        _to.Append(", win ").Append(Word(data, 14));
        if ((flags & 32) != 0)
            _to.Append(", urg ").Append(Word(data, 18));
        if (header < 20)
        {
            _to.Append(", bad header length ").Append(header);
            return;
        }

        if (header > 20)
            TcpOptions(data[20..Math.Min(header, data.Length)], data.Length < header);
        _to.Append(", length ").Append(payload);
    }

    private void TcpOptions(ReadOnlySpan<byte> options, bool isCut)
    {
        string separator = "";
        _to.Append(", options [");
        while (!options.IsEmpty && options[0] != 0)
        {
            _to.Append(separator);
            separator = ",";
            if (options[0] == 1)
            {
                _to.Append("nop");
                options = options[1..];
                continue;
            }

            int size = options.Length >= 2 ? options[1] : 0;
            if (size < 2 || size > options.Length)
            {
                isCut = true;
                break;
            }

            ReadOnlySpan<byte> value = options[2..size];
            switch (options[0], value.Length)
            {
                case (2, 2):
                    _to.Append("mss ").Append(Word(value, 0));
                    break;
                case (3, 1):
                    _to.Append("wscale ").Append(value[0]);
                    break;
                case (4, 0):
                    _to.Append("sackOK");
                    break;
                case (5, _):
                    _to.Append("sack ").Append(value.Length / 8);
                    break;
                case (8, 8):
                    _to.Append("TS val ").Append(Long(value, 0)).Append(" ecr ").Append(Long(value, 4));
                    break;
                default:
                    _to.Append("opt-").Append(options[0]);
                    break;
            }

            options = options[size..];
        }

        if (options is [0, ..])
            _to.Append(separator).Append("eol");
        _to.Append(isCut ? "|tcp]" : "]");
    }

    private void Udp(ReadOnlySpan<byte> data, int length)
    {
        if (!TryPorts(data, 8, "udp"))
            return;
        int port = Word(data, 2);
        ReadOnlySpan<byte> payload = data[8..];
        if (port == 4789 && payload.Length >= 8 && _depth < PacketLine.DepthMax)
        {
            _to.Append("VXLAN, vni ").Append(Long(payload, 4) >> 8).Append(": ");
            _network.Ethernet(payload[8..], payload.Length - 8, _depth + 1);
        }
        else if (port == 6081 && payload.Length >= 8 && 8 + ((payload[0] & 63) * 4) <= payload.Length && _depth < PacketLine.DepthMax)
        {
            int header = 8 + ((payload[0] & 63) * 4);
            _to.Append("Geneve, vni ").Append(Long(payload, 4) >> 8).Append(": ");
            _network.EtherType(Math.Max(Word(payload, 2), 0x600), payload[header..], payload.Length - header, _depth + 1);
        }
        else
        {
            _to.Append("UDP, length ").Append(Math.Max(length - 8, 0));
        }
    }

    private void Sctp(ReadOnlySpan<byte> data)
    {
        if (!TryPorts(data, 12, "sctp"))
            return;
        _to.Append("sctp");
        data = data[12..];
        for (int chunk = 1; data.Length >= 4 && chunk <= 8; chunk++)
        {
            string? name = data[0] switch
            {
                0 => "DATA",
                1 => "INIT",
                2 => "INIT ACK",
                3 => "SACK",
                4 => "HB REQ",
                5 => "HB ACK",
                6 => "ABORT",
                7 => "SHUTDOWN",
                8 => "SHUTDOWN ACK",
                9 => "ERROR",
                10 => "COOKIE ECHO",
                11 => "COOKIE ACK",
                14 => "SHUTDOWN COMPLETE",
                _ => null,
            };
            _to.Append(" (").Append(chunk).Append(") [");
            if (name is null)
                _to.Append("chunk ").Append(data[0]);
            else
                _to.Append(name);
            _to.Append(']');
            int size = Word(data, 2);
            if (size < 4 || size + 3 > data.Length)
                return;
            data = data[((size + 3) & ~3)..];
        }
    }

    private void Gre(ReadOnlySpan<byte> data)
    {
        int header = data.Length < 4 ? int.MaxValue : 4 + ((data[0] & 0x80) != 0 ? 4 : 0) + ((data[0] & 0x20) != 0 ? 4 : 0) + ((data[0] & 0x10) != 0 ? 4 : 0);
        if (header > data.Length)
        {
            _to.Append("[|gre]");
            return;
        }

        _to.Append("GREv").Append(data[1] & 7).Append(": ");
        if ((data[1] & 7) == 0 && _depth < PacketLine.DepthMax)
            _network.EtherType(Math.Max(Word(data, 2), 0x600), data[header..], data.Length - header, _depth + 1);
        else
            _to.Append("length ").Append(data.Length);
    }

    /// <summary>Its length counts words without the first two.</summary>
    private void AuthenticationHeader(ReadOnlySpan<byte> data)
    {
        int header = data.Length < 12 ? int.MaxValue : (data[1] + 2) * 4;
        if (header > data.Length)
        {
            _to.Append("[|ah]");
            return;
        }

        _to.Append(CultureInfo.InvariantCulture, $"AH(spi=0x{Long(data, 4):x8},seq=0x{Long(data, 8):x}): ");
        if (_depth < PacketLine.DepthMax)
            new TransportLine(_network, _source, _destination, _depth + 1).Append(data[0], data[header..], data.Length - header);
        else
            _to.Append("length ").Append(data.Length - header);
    }

    private void Icmp(ReadOnlySpan<byte> data, int length)
    {
        if (data.Length < 8)
        {
            _to.Append("[|icmp]");
            return;
        }

        _to.Append("ICMP ");
        switch (data[0])
        {
            case 0 or 8:
                _to.Append(data[0] == 8 ? "echo request" : "echo reply").Append(", id ").Append(Word(data, 4)).Append(", seq ").Append(Word(data, 6));
                break;
            case 3 when data.Length >= 28:
                AddressText.Ip(_to, data.Slice(24, 4));
                _to.Append(data[1] switch { 0 => " net unreachable", 1 => " unreachable", 2 => " protocol unreachable", 3 => " port unreachable", 4 => " unreachable - need to frag", _ => " unreachable, code " });
                if (data[1] > 4)
                    _to.Append(data[1]);
                break;
            default:
                string? name = data[0] switch { 3 => "unreachable", 4 => "source quench", 5 => "redirect", 9 => "router advertisement", 10 => "router solicitation", 11 => "time exceeded", 12 => "parameter problem", _ => null };
                if (name is null)
                    _to.Append("type ").Append(data[0]).Append(" code ").Append(data[1]);
                else
                    _to.Append(name);
                break;
        }

        _to.Append(", length ").Append(length);
    }

    private void Icmp6(ReadOnlySpan<byte> data, int length)
    {
        if (data.Length < 8)
        {
            _to.Append("[|icmp6]");
            return;
        }

        _to.Append("ICMP6, ");
        string? name = data[0] switch
        {
            1 => "destination unreachable",
            2 => "packet too big",
            3 => "time exceeded",
            4 => "parameter problem",
            128 => "echo request",
            129 => "echo reply",
            130 => "multicast listener query",
            131 => "multicast listener report",
            132 => "multicast listener done",
            133 => "router solicitation",
            134 => "router advertisement",
            135 => "neighbor solicitation",
            136 => "neighbor advertisement",
            137 => "redirect",
            143 => "multicast listener report v2",
            _ => null,
        };
        if (name is null)
            _to.Append("type ").Append(data[0]).Append(" code ").Append(data[1]);
        else
            _to.Append(name);
        if (data[0] is 128 or 129)
            _to.Append(", id ").Append(Word(data, 4)).Append(", seq ").Append(Word(data, 6));
        if (data[0] is 135 or 136 && data.Length >= 24)
            AddressText.Ip(_to.Append(data[0] == 135 ? ", who has " : ", tgt is "), data.Slice(8, 16));
        _to.Append(", length ").Append(length);
    }
}
