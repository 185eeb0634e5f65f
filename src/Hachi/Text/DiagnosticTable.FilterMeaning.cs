namespace Hachi.Text;

public static partial class DiagnosticTable
{
    // Capture filters: an expression that can be parsed but has no meaning for this link type, or none at all. The formats are libpcap's texts.
#pragma warning disable CS1591 // each row says what it is
    public static readonly DiagnosticInfo FilterQualifier = FilterError("HF0101", "'{0}' is not a valid qualifier for '{1}'",
        "These two words do not go together; see the qualifiers of the primitive in the language reference.");
    public static readonly DiagnosticInfo FilterWlanOnly = FilterError("HF0102", "'{0}' is valid for 802.11 syntax only",
        "addr1 to addr4, ra and ta exist only for MAC addresses of 802.11 captures: write 'wlan addr1 …'.");
    public static readonly DiagnosticInfo FilterNotOnLink = FilterError("HF0103", "'{0}' not supported on {1}",
        "Packets of this link type do not have what the primitive looks at; check --link or the capture's link type.");
    public static readonly DiagnosticInfo FilterNoLinkProtocol = FilterError("HF0104", "link-layer type filtering not implemented for {0}",
        "Headers of this link type do not say which protocol follows, or nobody taught the filter to read them; 'link[N:M]' always works.");
    public static readonly DiagnosticInfo FilterTooLarge = FilterError("HF0105", "{0} {1} greater than maximum {2}", "The field has fewer bits than this number needs.");
    public static readonly DiagnosticInfo FilterUnknownHost = FilterError("HF0106", "unknown host '{0}'", "The name has no address: check the spelling and /etc/hosts.");
    public static readonly DiagnosticInfo FilterUnknownHostFamily = FilterError("HF0107", "unknown host '{0}' for specified address family",
        "The name has addresses, but none of the family that the qualifier asks for.");
    public static readonly DiagnosticInfo FilterUnknownNetwork = FilterError("HF0108", "unknown network '{0}'", "The name is not in /etc/networks; write the network as 10.0.0.0/8.");
    public static readonly DiagnosticInfo FilterUnknownPort = FilterError("HF0109", "unknown port '{0}'", "The name is not in /etc/services; write the number.");
    public static readonly DiagnosticInfo FilterUnknownProtocol = FilterError("HF0110", "unknown '{0}' value '{1}'", "No protocol has this name here; write the number.");
    public static readonly DiagnosticInfo FilterUnknownEther = FilterError("HF0111", "unknown Ethernet-like host '{0}'", "The name is not in /etc/ethers; write the MAC address.");
    public static readonly DiagnosticInfo FilterPortProtocol = FilterError("HF0112", "port '{0}' is {1}", "The service belongs to the other protocol.");
    public static readonly DiagnosticInfo FilterPortRangeProtocol = FilterError("HF0113", "port in range '{0}' is {1}", "A service of the range belongs to the other protocol.");
    public static readonly DiagnosticInfo FilterPortRange = FilterError("HF0114", "port range '{0}' {1}", "Write a range as FIRST-LAST, with numbers or names.");
    public static readonly DiagnosticInfo FilterInvalidPort = FilterError("HF0115", "'{0}' is not a valid port", "The name is not in /etc/services; write the number.");
    public static readonly DiagnosticInfo FilterInvalidIpv4 = FilterError("HF0116", "invalid IPv4 address '{0}'", "Each of the numbers between the dots is at most 255.");
    public static readonly DiagnosticInfo FilterInvalidDecnet = FilterError("HF0117", "invalid DECnet address '{0}'", "Write AREA.NODE, area at most 63, node at most 1023.");
    public static readonly DiagnosticInfo FilterLinkAddress = FilterError("HF0118", "illegal link-layer address '{0}'", "Write a MAC address (or $XX on ARCnet and MS/TP).");
    public static readonly DiagnosticInfo FilterHostBits = FilterError("HF0119", "non-network bits set in \"{0}\"", "Bits behind the prefix must be 0.");
    public static readonly DiagnosticInfo FilterMaskLength = FilterError("HF0120", "mask length must be <= {0}", "The prefix is longer than the address.");
    public static readonly DiagnosticInfo FilterMacNotLink = FilterError("HF0122", "Ethernet address used in non-ether expression",
        "A MAC address goes with 'ether host', 'ether src' or 'ether dst'.");
    public static readonly DiagnosticInfo FilterMac8NotLink = FilterError("HF0123", "'link' is the only valid proto qualifier for 'host $XX'", "Write 'link host $XX'.");
    public static readonly DiagnosticInfo FilterNoAbbreviation = FilterError("HF0125", "'{0}' cannot be used as an abbreviation", "This word is a qualifier only.");
    public static readonly DiagnosticInfo FilterNoIndex = FilterError("HF0126", "'{0}' does not support the index operation", "Use an accessor of the protocol that carries it, for example link[…].");
    public static readonly DiagnosticInfo FilterLoadSize = FilterError("HF0127", "data size must be 1, 2, or 4", "An accessor reads 1, 2 or 4 bytes.");
    public static readonly DiagnosticInfo FilterNoRadio = FilterError("HF0128", "radio information not present in capture", "radio[…] needs a capture with radiotap, AVS or Prism headers.");
    public static readonly DiagnosticInfo FilterDivisionByZero = FilterError("HF0129", "division by zero", "A divisor that begins with the constant 0 is refused.");
    public static readonly DiagnosticInfo FilterModulusByZero = FilterError("HF0130", "modulus by zero", "A divisor that begins with the constant 0 is refused.");
    public static readonly DiagnosticInfo FilterShift = FilterError("HF0131", "shift by more than 31 bits", "Words have 32 bits.");
    public static readonly DiagnosticInfo FilterRegisters = FilterError("HF0132", "too many registers needed to evaluate expression",
        "Classic BPF has 16 words of memory; arithmetic is nested too deeply to the right.");
    public static readonly DiagnosticInfo FilterNetMask = FilterError("HF0133", "netmask not known, so 'ip broadcast' not supported", "Give the netmask with --netmask.");
    public static readonly DiagnosticInfo FilterNotLive = FilterError("HF0134", "not a live capture, '{0}' not supported on {1}",
        "A file of this link type does not record it; compile with --live for a live capture.");
    public static readonly DiagnosticInfo FilterOnlyOn = FilterError("HF0135", "'{0}' supported only on {1}", "Packets of this link type do not have what the primitive looks at.");
    public static readonly DiagnosticInfo FilterNameLength = FilterError("HF0136", "{0} names can only be {1} characters", "The field of the log header is no longer than that.");
    public static readonly DiagnosticInfo FilterVlanAfterMpls = FilterError("HF0137", "no VLAN match after MPLS", "Behind a label there is no VLAN tag; put vlan in front of mpls.");
    public static readonly DiagnosticInfo FilterOverMpls = FilterError("HF0138", "unsupported protocol over mpls", "Behind a label only ip and ip6 can be told.");
    public static readonly DiagnosticInfo FilterProtoChain = FilterError("HF0139", "'protochain' not supported with variable length headers",
        "Not on 802.11 and not behind vxlan or geneve.");
    public static readonly DiagnosticInfo FilterUnknownLink = FilterError("HF0140", "unknown data link type {0}", "No link type has this number.");
    public static readonly DiagnosticInfo FilterSnapLength = FilterError("HF0141", "snaplen of 0 rejects all packets", "Give a snapshot length of at least 1.");
    public static readonly DiagnosticInfo FilterNoQualifier = FilterError("HF0142", "syntax error in filter expression",
        "A name or address stands where there is no qualifier to inherit; write host, net or port in front of it.");
    public static readonly DiagnosticInfo FilterGatewayName = FilterError("HF0143", "'gateway' requires a name", "Write the name of a host that is in /etc/hosts and /etc/ethers.");
    public static readonly DiagnosticInfo FilterSetItem = FilterError("HF0150", "'{0}' cannot stand in this set", "host and net sets hold addresses, names and ranges of addresses; port sets hold ports and ranges.");
    public static readonly DiagnosticInfo FilterSetFile = FilterError("HF0151", "cannot read the file '{0}'", "The list of a set is a text file with one item a line; # begins a comment.");
    public static readonly DiagnosticInfo FilterSetRange = FilterError("HF0152", "the range '{0}' runs backwards", "Write the smaller end first.");
    public static readonly DiagnosticInfo FilterSetSize = FilterError("HF0153", "a set with more than {0} items", "Programs of that size cannot be loaded anywhere.");
#pragma warning restore CS1591

    private static DiagnosticInfo FilterError(string id, string format, string help) => Add(id, Severity.Error, format, help);
}
