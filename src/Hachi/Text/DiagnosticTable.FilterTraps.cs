namespace Hachi.Text;

/// <summary>What <c>hachi explain</c> says of expressions that compile but may not mean what they seem to.</summary>
public static partial class DiagnosticTable
{
#pragma warning disable CS1591 // the texts say what each row is
    public static readonly DiagnosticInfo TrapNeverMatches = Add("HF0201", Severity.Warning, "this part can never match: {0}",
        "Two tests of the part contradict each other, for example ip6 and tcp[13], which reads IPv4 only. The other parts still match.");
    public static readonly DiagnosticInfo TrapShift = Add("HF0202", Severity.Warning, "'{0}' shifts everything to its right, whether it matched or not: '{1}' is looked for {2}",
        "The keywords vlan, mpls, pppoes, geneve and vxlan move the offsets of all that is written to their right, across and, or, not and parentheses.");
    public static readonly DiagnosticInfo TrapAndOr = Add("HF0203", Severity.Warning, "'and' and 'or' bind equally, from left to right: this is {0}",
        "Write parentheses wherever 'and' and 'or' meet.");
    public static readonly DiagnosticInfo TrapPrecedence = Add("HF0204", Severity.Warning, "'{0}' takes all that stands to its right: this is {1}",
        "libpcap's grammar gives % and ^ no precedence. Write parentheses.");
    public static readonly DiagnosticInfo TrapInherited = Add("HF0205", Severity.Info, "'{0}' inherits the qualifiers in front of it: it means '{1}'",
        "A name, address or number without qualifiers takes those of the primitive before: 'not host a and b' is 'not host a and host b'.");
    public static readonly DiagnosticInfo TrapAddresses = Add("HF0206", Severity.Info, "'{0}' has {1} addresses; each of them matches",
        "The addresses were asked for now; when they change, the filter does not.");
    public static readonly DiagnosticInfo TrapIpv4Only = Add("HF0207", Severity.Info, "'{0}[...]' reads IPv4 packets only, and first fragments only: no IPv6 packet matches",
        "libpcap finds the header behind an IPv4 header only. Behind an IPv6 header without extension headers it is at ip6[40].");
    public static readonly DiagnosticInfo TrapPorts = Add("HF0208", Severity.Info, "ports are seen in first IPv4 fragments only, and in IPv6 packets without extension headers",
        "Later fragments carry no ports, and the headers between the IPv6 header and TCP or UDP are not walked.");
    public static readonly DiagnosticInfo TrapIpv6Headers = Add("HF0209", Severity.Info, "IPv6 extension headers are not walked, but for one fragment header",
        "A packet with hop-by-hop options or a routing header is not seen; 'ip6 protochain' walks them, in user space only.");
    public static readonly DiagnosticInfo TrapInclusive = Add("HF0210", Severity.Info, "'{0} {1}' includes {1} itself",
        "less N is len <= N, greater N is len >= N; the length is that on the wire.");
#pragma warning restore CS1591
}
