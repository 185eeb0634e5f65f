using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Hachi.Captures.Print;

/// <summary>
/// One line about a packet, in the manner of tcpdump: time, the headers from the outside in, what matters of each. Cut-off packets end in
/// <c>[|header]</c>. Only numbers and our own words are printed, never bytes of the packet, so that nothing in it reaches a terminal.
/// </summary>
public static class PacketLine
{
    /// <summary>Most headers in one another; deeper ones are named by their length only.</summary>
    internal const int DepthMax = 12;

    /// <summary>The line as a string, without a line end.</summary>
    public static string Format(LinkType linkType, ReadOnlySpan<byte> data, uint originalLength, long timestamp)
    {
        var builder = new StringBuilder(160);
        Append(builder, linkType, data, originalLength, timestamp);
        return builder.ToString();
    }

    /// <summary>Appends the line, without a line end.</summary>
    /// <param name="to">Where to; reuse one for many lines.</param>
    /// <param name="linkType">What the packet starts with.</param>
    /// <param name="data">The captured bytes.</param>
    /// <param name="originalLength">Bytes on the wire.</param>
    /// <param name="timestamp">Nanoseconds since 1970; the time of day is printed in UTC, to the microsecond.</param>
    public static void Append(StringBuilder to, LinkType linkType, ReadOnlySpan<byte> data, uint originalLength, long timestamp)
    {
        ArgumentNullException.ThrowIfNull(to);
        AppendTime(to, timestamp);
        to.Append(' ');
        var network = new NetworkLine(to);
        switch (linkType.Dlt)
        {
            case 1:
                network.Ethernet(data, (int)Math.Min(originalLength, int.MaxValue), 0);
                return;
            case 12 or 14 or 228 or 229:
                network.Ip(data, 0);
                return;
            case 0 or 108:
                Loopback(to, network, data, linkType);
                return;
            case 9 or 50 or 166:
                Ppp(to, network, data);
                return;
            case 51:
                network.Pppoe(data, session: true, 0);
                return;
            case 104:
                Cooked(to, network, data, data.Length >= 4 ? Word(data, 2) : -1, 4);
                return;
            case 113:
                PacketType(to, data.Length >= 2 ? Word(data, 0) : -1);
                Cooked(to, network, data, data.Length >= 16 ? Word(data, 14) : -1, 16);
                return;
            case 276:
                PacketType(to, data.Length >= 11 ? data[10] : -1);
                Cooked(to, network, data, data.Length >= 20 ? Word(data, 0) : -1, 20);
                return;
            case 105:
                WirelessLine.Append(to, network, data, originalLength);
                return;
            case 127:
                int radio = data.Length >= 4 ? BinaryPrimitives.ReadUInt16LittleEndian(data[2..]) : int.MaxValue;
                if (radio <= data.Length)
                    WirelessLine.Append(to, network, data[radio..], originalLength - Math.Min(originalLength, (uint)radio));
                else
                    to.Append("[|radiotap]");
                return;
            case 219:
                network.Mpls(data, 0);
                return;
            default:
                to.Append(linkType.Name).Append(" length ").Append(originalLength);
                if (data.Length < originalLength)
                    to.Append(" (").Append(data.Length).Append(" captured)");
                return;
        }
    }

    /// <summary>Appends HH:MM:SS.ffffff.</summary>
    internal static void AppendTime(StringBuilder to, long timestamp)
    {
        (long seconds, long rest) = Math.DivRem(timestamp, 1_000_000_000);
        if (rest < 0)
        {
            rest += 1_000_000_000;
            seconds--;
        }

        int day = (int)(((seconds % 86_400) + 86_400) % 86_400);
        to.Append(CultureInfo.InvariantCulture, $"{day / 3600:d2}:{day / 60 % 60:d2}:{day % 60:d2}.{rest / 1000:d6}");
    }

    private static int Word(ReadOnlySpan<byte> data, int at) => BinaryPrimitives.ReadUInt16BigEndian(data[at..]);

    /// <summary>An address family in the byte order of the machine that captured (NULL) or in network order (LOOP).</summary>
    private static void Loopback(StringBuilder to, NetworkLine network, ReadOnlySpan<byte> data, LinkType linkType)
    {
        if (data.Length < 4)
        {
            to.Append("[|null]");
            return;
        }

        uint family = BinaryPrimitives.ReadUInt32BigEndian(data);
        if (linkType.Dlt == 0 && family > 0xffff)
            family = BinaryPrimitives.ReverseEndianness(family);
        if (family is 2 or 10 or 24 or 28 or 30)
            network.Ip(data[4..], 0);
        else
            to.Append("AF ").Append(family).Append(", length ").Append(data.Length - 4);
    }

    private static void Ppp(StringBuilder to, NetworkLine network, ReadOnlySpan<byte> data)
    {
        int at = data.Length >= 2 && (data[0] == 0xff || data[0] <= 1) && data[1] == 3 ? 2 : 0;
        if (data.Length >= 4 && at == 0 && (data[0] == 0x0f || data[0] == 0x8f))
        {
            Cooked(to, network, data, Word(data, 2), 4); // Cisco HDLC inside a PPP capture
            return;
        }

        network.Ppp(data[at..], 0);
    }

    private static void Cooked(StringBuilder to, NetworkLine network, ReadOnlySpan<byte> data, int type, int header)
    {
        if (type < 0)
            to.Append("[|link]");
        else
            network.EtherType(type, data[header..], data.Length - header, 0);
    }

    private static void PacketType(StringBuilder to, int type) => to.Append(type switch
    {
        0 => "In  ",
        1 => "B   ",
        2 => "M   ",
        3 => "P   ",
        4 => "Out ",
        _ => "?   ",
    });
}
