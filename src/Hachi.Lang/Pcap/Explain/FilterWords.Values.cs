using System.Globalization;
using System.Numerics;
using Hachi.Lang.Pcap.Syntax;

namespace Hachi.Lang.Pcap.Explain;

/// <summary>Relations between numbers.</summary>
internal sealed partial class FilterWords
{
    private static readonly string[] s_tcpFlags = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"];

    private static string Relation(RelationNode node)
    {
        if (node.Left is BinaryNode { Op: ArithOp.And } and && Constant(and.Right) is { } mask && Constant(node.Right) is { } value && mask != 0
            && node.Op is RelationOp.Eq or RelationOp.Ne && (value == 0 || value == mask || IsTcpFlags(and.Left)))
            return Bits(and.Left, mask, value, node.Op == RelationOp.Ne);
        string words = node.Op switch
        {
            RelationOp.Eq => "is",
            RelationOp.Ne => "is not",
            RelationOp.Gt => "is greater than",
            RelationOp.Ge => "is at least",
            RelationOp.Lt => "is less than",
            _ => "is at most",
        };
        return $"{Value(node.Left)} {words} {Value(node.Right)}";
    }

    private static string Bits(ValueNode field, uint mask, uint value, bool isNot)
    {
        bool isFlags = IsTcpFlags(field) && mask < 256 && value < 256;
        string names = isFlags ? FlagNames(mask) : string.Create(CultureInfo.InvariantCulture, $"0x{mask:x2}");
        string plural = BitOperations.IsPow2(mask) ? "bit" : "bits";
        if (value == 0 || (isNot && value == mask && BitOperations.IsPow2(mask)))
        {
            bool isSet = isNot == (value == 0);
            string none = BitOperations.IsPow2(mask) ? $"has the bit {names} clear" : $"has none of the bits {names}";
            string some = BitOperations.IsPow2(mask) ? $"has the bit {names} set" : $"has at least one of the bits {names}";
            return $"{Value(field)} {(isSet ? some : none)}";
        }
        if (value == mask)
            return $"{Value(field)} has {(isNot ? "not all of " : plural == "bits" ? "all of " : "")}the {plural} {names}{(plural == "bit" ? " set" : "")}";
        return $"{Value(field)}, of the bits {names}, has {(isNot ? "not exactly" : "exactly")} {(isFlags ? FlagNames(value) : string.Create(CultureInfo.InvariantCulture, $"0x{value:x2}"))}";
    }

    private static string FlagNames(uint mask)
    {
        var names = new List<string>();
        for (int i = 0; i < 8; i++)
            if ((mask >> i & 1) != 0)
                names.Add(s_tcpFlags[i]);
        return string.Join(", ", names);
    }

    private static bool IsTcpFlags(ValueNode node) => node is AccessorNode { Proto: FilterProtocol.Tcp, Size: 1 } accessor && Constant(accessor.Offset) == 13;

    /// <summary>The value of a constant expression of sums and bits, or null.</summary>
    private static uint? Constant(ValueNode node) => node switch
    {
        NumberNode number => number.Value,
        BinaryNode binary when Constant(binary.Left) is { } a && Constant(binary.Right) is { } b => binary.Op switch
        {
            ArithOp.Or => a | b,
            ArithOp.And => a & b,
            ArithOp.Add => a + b,
            _ => null,
        },
        _ => null,
    };

    private static string Value(ValueNode node) => node switch
    {
        NumberNode number => number.Value > 0xffff ? string.Create(CultureInfo.InvariantCulture, $"0x{number.Value:x}") : string.Create(CultureInfo.InvariantCulture, $"{number.Value}"),
        LengthNode => "the length of the packet",
        NegateNode negate => $"-({Value(negate.Operand)})",
        AccessorNode accessor => Accessor(accessor),
        BinaryNode binary => Constant(binary) is { } constant ? Number(constant, binary.Op != ArithOp.Add) : $"({Value(binary.Left)} {NoteIndex.Sign(binary.Op)} {Value(binary.Right)})",
        _ => Printer.Print(node),
    };

    private static string Number(uint value, bool isHex) =>
        isHex ? string.Create(CultureInfo.InvariantCulture, $"0x{value:x}") : value.ToString(CultureInfo.InvariantCulture);

    private static string Accessor(AccessorNode node)
    {
        string header = node.Proto is FilterProtocol.Link ? "the link-layer header" : $"the {ProtocolName(node.Proto, false)} header";
        if (Constant(node.Offset) is not { } offset)
            return Printer.Print(node);
        string place = node.Size == 1 ? string.Create(CultureInfo.InvariantCulture, $"byte {offset} of {header}") : string.Create(CultureInfo.InvariantCulture, $"the field at bytes {offset} to {(ulong)offset + node.Size - 1} of {header}");
        return FieldName(node.Proto, offset, node.Size) is { } name ? $"{place} ({name})" : place;
    }

    private static string? FieldName(FilterProtocol proto, uint offset, uint size) => (proto, offset, size) switch
    {
        (FilterProtocol.Link, 0, 1) => "start of the destination address",
        (FilterProtocol.Ip, 0, 1) => "version and header length",
        (FilterProtocol.Ip, 1, 1) => "type of service",
        (FilterProtocol.Ip, 2, 2) => "total length",
        (FilterProtocol.Ip, 4, 2) => "identification",
        (FilterProtocol.Ip, 6, 1) => "flags and start of the fragment offset",
        (FilterProtocol.Ip, 6, 2) => "flags and fragment offset",
        (FilterProtocol.Ip, 8, 1) => "time to live",
        (FilterProtocol.Ip, 9, 1) => "protocol",
        (FilterProtocol.Ip, 12, 4) => "source address",
        (FilterProtocol.Ip, 16, 4) => "destination address",
        (FilterProtocol.Ip6, 4, 2) => "payload length",
        (FilterProtocol.Ip6, 6, 1) => "next header",
        (FilterProtocol.Ip6, 7, 1) => "hop limit",
        (FilterProtocol.Arp or FilterProtocol.Rarp, 6, 2) => "operation",
        (FilterProtocol.Tcp or FilterProtocol.Udp or FilterProtocol.Sctp, 0, 2) => "source port",
        (FilterProtocol.Tcp or FilterProtocol.Udp or FilterProtocol.Sctp, 2, 2) => "destination port",
        (FilterProtocol.Tcp, 4, 4) => "sequence number",
        (FilterProtocol.Tcp, 8, 4) => "acknowledgement number",
        (FilterProtocol.Tcp, 12, 1) => "data offset",
        (FilterProtocol.Tcp, 13, 1) => "flags",
        (FilterProtocol.Tcp, 14, 2) => "window",
        (FilterProtocol.Udp, 4, 2) => "length",
        (FilterProtocol.Icmp or FilterProtocol.Icmp6, 0, 1) => "type",
        (FilterProtocol.Icmp or FilterProtocol.Icmp6, 1, 1) => "code",
        _ => null,
    };
}
