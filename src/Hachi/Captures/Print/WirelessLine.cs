using System.Buffers.Binary;
using System.Text;

namespace Hachi.Captures.Print;

/// <summary>IEEE 802.11: the kind of frame, and what an unprotected data frame carries.</summary>
internal static class WirelessLine
{
    private static readonly string[] s_management =
    [
        "Assoc Request", "Assoc Response", "ReAssoc Request", "ReAssoc Response", "Probe Request", "Probe Response", "Timing Advertisement", "Reserved",
        "Beacon", "ATIM", "Disassociation", "Authentication", "DeAuthentication", "Action", "Action No Ack", "Reserved",
    ];

    private static readonly string[] s_control =
    [
        "Reserved", "Reserved", "Trigger", "TACK", "Beamforming Report Poll", "VHT NDP Announcement", "Control Extension", "Control Wrapper",
        "Block Ack Request", "Block Ack", "PS-Poll", "RTS", "CTS", "Ack", "CF-End", "CF-End+Ack",
    ];

    internal static void Append(StringBuilder to, NetworkLine network, ReadOnlySpan<byte> frame, uint length)
    {
        if (frame.Length < 2)
        {
            to.Append("[|802.11]");
            return;
        }

        int subtype = frame[0] >> 4, type = frame[0] >> 2 & 3;
        bool toDs = (frame[1] & 1) != 0, fromDs = (frame[1] & 2) != 0, isProtected = (frame[1] & 0x40) != 0;
        if (type != 2)
        {
            to.Append(type switch { 0 => s_management[subtype], 1 => s_control[subtype], _ => "802.11 extension" }).Append(", length ").Append(length);
            return;
        }

        int header = 24 + (toDs && fromDs ? 6 : 0);
        if ((subtype & 8) != 0)
            header += 2 + ((frame[1] & 0x80) != 0 ? 4 : 0);
        bool hasLlc = (subtype & 4) == 0 && !isProtected && frame.Length >= header + 8
            && BinaryPrimitives.ReadUInt32BigEndian(frame[header..]) == 0xaaaa0300;
        if (hasLlc)
            network.EtherType(BinaryPrimitives.ReadUInt16BigEndian(frame[(header + 6)..]), frame[(header + 8)..], frame.Length - header - 8, 0);
        else
            to.Append(isProtected ? "Data (protected), length " : "Data, length ").Append(length);
    }
}
