using System.Globalization;
using System.Numerics;

namespace Hachi.Lang.Pcap;

/// <summary>Puts a comparison of a resolved filter into plain words.</summary>
internal static class TestNotes
{
    private enum Form : byte
    {
        Number,
        Hex2,
        Hex4,
        Hex8,
        IPv4,
        EtherType,
        Protocol,
    }

    /// <summary>The words, or null when the test is no comparison or nothing is known about what it looks at.</summary>
    public static string? Describe(Test test)
    {
        if (test.Field == TestField.None || test.A is not { } a || test.B is not { Op: ArithOp.Const } b)
            return null;
        (string subject, Form form) = Subject(test.Field);
        uint value = b.K;
        if (a.Op == ArithOp.And && a.B is { Op: ArithOp.Const } mask && test.Op == TestOp.Eq)
            return Masked(subject, form, value, mask.K);
        return test.Op switch
        {
            TestOp.Eq => $"{subject} is {Format(form, value)}",
            TestOp.Gt => $"{subject} is greater than {Format(form, value)}",
            TestOp.Ge => $"{subject} is at least {Format(form, value)}",
            TestOp.Set => BitOperations.IsPow2(value) || test.Field == TestField.FragmentOffset ? Bit(test.Field, subject, value) : $"{subject} has one of the bits 0x{value:x}",
            _ => null,
        };
    }

    /// <summary>What a field is called: "the EtherType".</summary>
    public static string SubjectOf(TestField field) => Subject(field).Subject;

    /// <summary>A value that a packet had for a comparison, written as <see cref="Describe"/> writes the value that was wanted.</summary>
    /// <param name="test">A comparison.</param>
    /// <param name="found">Its first operand, masked if the test masks it.</param>
    /// <param name="loaded">The same before the mask.</param>
    public static string ValueOf(Test test, uint found, uint loaded)
    {
        Form form = Subject(test.Field).Form;
        if (test.Op == TestOp.Set)
            return form == Form.Number ? Format(form, found & (test.B is { Op: ArithOp.Const } bits ? bits.K : found)) : Format(form, found);
        if (test.A is not { Op: ArithOp.And, B: { Op: ArithOp.Const } mask } || test.Op != TestOp.Eq)
            return Format(form, found);
        if (form == Form.IPv4)
            return Format(form, loaded);
        bool isShifted = form is not (Form.Hex2 or Form.Hex4 or Form.Hex8) && mask.K != 0 && BitOperations.IsPow2(((ulong)mask.K >> BitOperations.TrailingZeroCount(mask.K)) + 1);
        return Format(form, isShifted ? found >> BitOperations.TrailingZeroCount(mask.K) : found);
    }

    private static string Bit(TestField field, string subject, uint value) => field switch
    {
        TestField.FragmentOffset => "it is a later fragment (the fragment offset is not 0)",
        TestField.MacMulticast => "the destination MAC address is a group address",
        TestField.WlanToDs => "the frame goes to the distribution system (To DS)",
        TestField.WlanFromDs => "the frame comes from the distribution system (From DS)",
        TestField.WlanDataBit => "the data bit of the 802.11 frame type is set",
        TestField.WlanControlBit => "the control bit of the 802.11 frame type is set",
        _ => $"{subject} has the bit 0x{value:x}",
    };

    private static string Masked(string subject, Form form, uint value, uint mask)
    {
        if (form == Form.IPv4 && BitOperations.IsPow2(~mask + 1))
            return $"{subject} is in {Format(form, value)}/{BitOperations.PopCount(mask)}";
        if (BitOperations.IsPow2(mask) || BitOperations.IsPow2((mask >> BitOperations.TrailingZeroCount(mask)) + 1))
        {
            int shift = form is Form.Hex2 or Form.Hex4 or Form.Hex8 ? 0 : BitOperations.TrailingZeroCount(mask);
            return $"{subject} is {Format(form, value >> shift)}";
        }

        return $"{subject} masked with 0x{mask:x} is {Format(form, value)}";
    }

    private static string Format(Form form, uint value) => form switch
    {
        Form.Hex2 => string.Create(CultureInfo.InvariantCulture, $"0x{value:x2}"),
        Form.Hex4 => string.Create(CultureInfo.InvariantCulture, $"0x{value:x4}"),
        Form.Hex8 => string.Create(CultureInfo.InvariantCulture, $"0x{value:x8}"),
        Form.IPv4 => string.Create(CultureInfo.InvariantCulture, $"{value >> 24}.{(value >> 16) & 255}.{(value >> 8) & 255}.{value & 255}"),
        Form.EtherType => EtherTypeName(value) is { } name ? $"{name} (0x{value:x4})" : $"0x{value:x4}",
        Form.Protocol => ProtocolName(value) is { } name ? $"{name} ({value})" : value.ToString(CultureInfo.InvariantCulture),
        _ => value.ToString(CultureInfo.InvariantCulture),
    };

    private static string? EtherTypeName(uint value) => value switch
    {
        0x0800 => "IPv4",
        0x86dd => "IPv6",
        0x0806 => "ARP",
        0x8035 => "RARP",
        0x8100 => "VLAN",
        0x88a8 => "provider VLAN",
        0x9100 => "QinQ VLAN",
        0x8847 => "MPLS",
        0x8863 => "PPPoE discovery",
        0x8864 => "PPPoE session",
        0x809b => "AppleTalk",
        0x80f3 => "AppleTalk ARP",
        0x6003 => "DECnet",
        0x8137 => "IPX",
        0x88cc => "LLDP",
        _ => null,
    };

    private static string? ProtocolName(uint value) => value switch
    {
        1 => "ICMP",
        2 => "IGMP",
        6 => "TCP",
        17 => "UDP",
        44 => "fragment header",
        47 => "GRE",
        50 => "ESP",
        51 => "AH",
        58 => "ICMPv6",
        103 => "PIM",
        112 => "VRRP",
        132 => "SCTP",
        _ => null,
    };

    private static (string Subject, Form Form) Subject(TestField field) => field switch
    {
        TestField.Length => ("the packet length", Form.Number),
        TestField.Byte => ("the byte", Form.Number),
        TestField.Relation => ("the value", Form.Number),
        TestField.EtherType => ("the EtherType", Form.EtherType),
        TestField.EtherLength => ("the EtherType (802.3: the length)", Form.Number),
        TestField.LlcDsap => ("the LLC DSAP", Form.Hex2),
        TestField.LlcSaps => ("the pair of LLC SAPs", Form.Hex4),
        TestField.LlcControl => ("the LLC control field", Form.Hex2),
        TestField.SnapHigh => ("the start of the LLC and SNAP headers", Form.Hex8),
        TestField.SnapLow => ("the rest of the SNAP header", Form.Hex8),
        TestField.SnapType => ("the SNAP protocol type", Form.EtherType),
        TestField.HdlcProtocol => ("the HDLC protocol", Form.EtherType),
        TestField.PppProtocol => ("the PPP protocol", Form.Hex4),
        TestField.AddressFamily => ("the address family", Form.Hex8),
        TestField.IpVersion => ("the IP version", Form.Number),
        TestField.ArcnetProtocol => ("the ARCnet system code", Form.Hex2),
        TestField.FrameRelayProtocol => ("the control field and NLPID", Form.Hex4),
        TestField.IpnetFamily => ("the address family", Form.Number),
        TestField.SllType => ("the protocol of the cooked header", Form.EtherType),
        TestField.JuniperMagic => ("the Juniper magic number", Form.Hex8),
        TestField.NotRawIpx => ("the start of the 802.3 payload", Form.Hex4),
        TestField.PpiLinkType => ("the link type of the PPI header", Form.Hex8),
        TestField.IpProtocol => ("the IP protocol", Form.Protocol),
        TestField.Ip6NextHeader => ("the IPv6 next header", Form.Protocol),
        TestField.Ip6FragmentNextHeader => ("the next header after the IPv6 fragment header", Form.Protocol),
        TestField.FragmentOffset => ("the fragment offset", Form.Number),
        TestField.IsoProtocol => ("the OSI protocol", Form.Hex2),
        TestField.IsisPduType => ("the IS-IS PDU type", Form.Number),
        TestField.SourceAddress => ("the source address", Form.IPv4),
        TestField.DestinationAddress => ("the destination address", Form.IPv4),
        TestField.SourceAddress6 => ("a word of the IPv6 source address", Form.Hex8),
        TestField.DestinationAddress6 => ("a word of the IPv6 destination address", Form.Hex8),
        TestField.DecnetAddress => ("the DECnet address", Form.Hex4),
        TestField.DecnetFormat => ("the DECnet header format", Form.Hex4),
        TestField.SourcePort => ("the source port", Form.Number),
        TestField.DestinationPort => ("the destination port", Form.Number),
        TestField.SourceMac => ("the end of the source MAC address", Form.Hex8),
        TestField.SourceMacLow => ("the start of the source MAC address", Form.Hex4),
        TestField.DestinationMac => ("the end of the destination MAC address", Form.Hex8),
        TestField.DestinationMacLow => ("the start of the destination MAC address", Form.Hex4),
        TestField.SourceMac8 => ("the source address", Form.Hex2),
        TestField.DestinationMac8 => ("the destination address", Form.Hex2),
        TestField.MacMulticast => ("the first byte of the destination MAC address", Form.Hex2),
        _ => Subject2(field),
    };

    private static (string Subject, Form Form) Subject2(TestField field) => field switch
    {
        TestField.WlanAddress => ("the end of the 802.11 address", Form.Hex8),
        TestField.WlanAddressLow => ("the start of the 802.11 address", Form.Hex4),
        TestField.WlanType => ("the 802.11 frame type", Form.Number),
        TestField.WlanSubtype => ("the 802.11 frame subtype", Form.Number),
        TestField.WlanDirection => ("the direction bits of the 802.11 frame", Form.Number),
        TestField.WlanQos => ("the 802.11 frame control field", Form.Hex2),
        TestField.VlanId => ("the VLAN id", Form.Number),
        TestField.VlanPresent => ("the presence of a VLAN tag beside the packet", Form.Number),
        TestField.MplsLabel => ("the MPLS label", Form.Number),
        TestField.MplsBottom => ("the bottom-of-stack bit", Form.Number),
        TestField.PppoeSession => ("the PPPoE session id", Form.Number),
        TestField.GeneveVersion => ("the Geneve version", Form.Number),
        TestField.GeneveVni => ("the Geneve network id", Form.Number),
        TestField.VxlanFlags => ("the VXLAN flags", Form.Hex2),
        TestField.VxlanVni => ("the VXLAN network id", Form.Number),
        TestField.Direction => ("the direction", Form.Number),
        TestField.InterfaceIndex => ("the interface index", Form.Number),
        TestField.PacketType => ("the packet type (4: outgoing)", Form.Number),
        TestField.PflogInterface => ("a part of the interface name", Form.Hex8),
        TestField.PflogRuleset => ("a part of the ruleset name", Form.Hex8),
        TestField.PflogRule => ("the rule number", Form.Number),
        TestField.PflogSubrule => ("the subrule number", Form.Number),
        TestField.PflogReason => ("the reason", Form.Number),
        TestField.PflogAction => ("the action", Form.Number),
        TestField.AtmVpi => ("the VPI", Form.Number),
        TestField.AtmVci => ("the VCI", Form.Number),
        TestField.AtmProtocol => ("the ATM traffic type (1: LANE, 2: LLC)", Form.Number),
        TestField.AtmMessage => ("the Q.2931 message type", Form.Hex2),
        TestField.AtmLaneControl => ("the LANE marker", Form.Hex4),
        TestField.Mtp2Length => ("the MTP2 length indicator", Form.Number),
        TestField.Mtp3Sio => ("the service information octet", Form.Number),
        TestField.Mtp3Opc => ("the originating point code (as on the wire)", Form.Hex8),
        TestField.Mtp3Dpc => ("the destination point code (as on the wire)", Form.Hex4),
        TestField.Mtp3Sls => ("the signalling link selection", Form.Number),
        TestField.AvsCookie => ("the header's cookie", Form.Hex8),
        TestField.RadiotapFlags or TestField.RadiotapExtended or TestField.RadiotapTsft => ("the radiotap presence word", Form.Hex8),
        TestField.RadiotapPadding => ("the radiotap flags", Form.Hex2),
        TestField.TransparentEthernet => ("the Geneve protocol type", Form.EtherType),
        _ => ("the value", Form.Number),
    };
}
