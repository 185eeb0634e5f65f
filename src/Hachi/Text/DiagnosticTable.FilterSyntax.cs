namespace Hachi.Text;

public static partial class DiagnosticTable
{
    // Capture filters: what the scanner and the parser refuse (HF0001 to HF0099). The formats are libpcap's texts where it has one.
#pragma warning disable CS1591 // each row says what it is
    public static readonly DiagnosticInfo FilterSyntax = SyntaxError("HF0001", "can't parse filter expression: syntax error",
        "A word stands where the language has no use for it; the caret is under the first such word.");
    public static readonly DiagnosticInfo FilterTooDeep = SyntaxError("HF0002", "can't parse filter expression: nested more than {0} levels deep",
        "Too many parentheses or operators inside each other; split the expression.");
    public static readonly DiagnosticInfo FilterNotOctal = SyntaxError("HF0003", "number {0} contains non-octal digit",
        "A number with a leading zero is octal, as in C; leave the zero out.");
    public static readonly DiagnosticInfo FilterNumberTooBig = SyntaxError("HF0004", "{0} number {1} overflows 32 bits", "Numbers are unsigned and have 32 bits.");
    public static readonly DiagnosticInfo FilterBadMac = SyntaxError("HF0005", "invalid Ethernet address {0}",
        "Something with colons is neither a MAC address (six parts of one or two hexadecimal digits) nor an IPv6 address.");
    public static readonly DiagnosticInfo FilterBadIpv6 = SyntaxError("HF0006", "invalid IPv6 address {0}",
        "The dotted end of an IPv6 address is four decimal numbers up to 255 without leading zeros.");
    public static readonly DiagnosticInfo FilterQualifierOnAddress = SyntaxError("HF0007", "'{0}' qualifier applied to {1}",
        "An address is a host or a net; ports and protocols are numbers or names.");
    public static readonly DiagnosticInfo FilterWlanTypeValue = SyntaxError("HF0008", "invalid 802.11 type value 0x{0:x2}", "The type is 0x00, 0x04, 0x08 or 0x0c: its two bits in place.");
    public static readonly DiagnosticInfo FilterWlanTypeName = SyntaxError("HF0009", "unknown 802.11 type name \"{0}\"", "The types are mgt, ctl and data.");
    public static readonly DiagnosticInfo FilterWlanSubtypeValue = SyntaxError("HF0010", "invalid 802.11 subtype value 0x{0:x2}", "The subtype is 0x00 to 0xf0: its four bits in place.");
    public static readonly DiagnosticInfo FilterWlanSubtypeName = SyntaxError("HF0011", "unknown 802.11 subtype name \"{0}\"", "The name is not a subtype of this type; see the language reference.");
    public static readonly DiagnosticInfo FilterWlanNoSubtypes = SyntaxError("HF0012", "unknown 802.11 type", "Type 0x0c is reserved: its subtypes have no names, write a number.");
    public static readonly DiagnosticInfo FilterWlanAnySubtype = SyntaxError("HF0013", "unknown 802.11 type name", "No type has a subtype of this name; see the language reference.");
    public static readonly DiagnosticInfo FilterWlanDirectionValue = SyntaxError("HF0014", "invalid 802.11 direction value 0x{0:x}", "The direction is 0 to 3.");
    public static readonly DiagnosticInfo FilterWlanDirectionName = SyntaxError("HF0015", "unknown 802.11 direction", "The directions are nods, tods, fromds and dstods.");
    public static readonly DiagnosticInfo FilterLlcName = SyntaxError("HF0016", "unknown LLC type name \"{0}\"",
        "The types are i, s, u, rr, rnr, rej, ui, ua, disc, dm, sabme, test, xid and frmr.");
    public static readonly DiagnosticInfo FilterPfReason = SyntaxError("HF0017", "unknown PF reason \"{0}\"",
        "The reasons are match, bad-offset, fragment, short, normalize, memory, bad-timestamp, congestion, ip-option, proto-cksum, state-mismatch, state-insert, state-limit, src-limit and synproxy.");
    public static readonly DiagnosticInfo FilterPfAction = SyntaxError("HF0018", "unknown PF action \"{0}\"",
        "The actions are pass, block, scrub, noscrub, nat, nonat, binat, nobinat, rdr, nordr and synproxy-drop.");
    public static readonly DiagnosticInfo FilterSet = SyntaxError("HF0019", "a set is a list in braces, or @FILE, behind host, net or port", "Write for example 'port in {22, 80, 5000-5100}' or 'net in @blocklist.txt'.");
    public static readonly DiagnosticInfo FilterPrefixes = SyntaxError("HF0020", "more than {0} of anyvlan and inner in each other",
        "Each of them multiplies the places where a header may be; write the cases that you want as alternatives.");
#pragma warning restore CS1591

    private static DiagnosticInfo SyntaxError(string id, string format, string help) => Add(id, Severity.Error, format, help);
}
