using Hachi.Text;

namespace Hachi.Lang.Pcap;

/// <summary>What to suggest where an expression reads well and yet cannot be meant so.</summary>
internal static class MeaningHints
{
    private static readonly string[] s_services =
    [
        "http", "https", "ssh", "ftp", "telnet", "smtp", "domain", "bootps", "bootpc", "tftp", "www", "kerberos", "pop3", "sunrpc", "ntp", "imap", "snmp", "bgp", "ldap",
        "microsoft-ds", "syslog", "rtsp", "ldaps", "imaps", "pop3s", "mysql", "postgresql", "radius", "sip",
    ];

    private static readonly string[] s_protocols = ["icmp", "igmp", "tcp", "udp", "sctp", "esp", "ah", "pim", "vrrp", "ipv6-icmp", "gre", "ospf", "arp", "rarp", "ip", "ip6"];

    /// <summary>The same diagnostics, the first with a hint where there is one to give.</summary>
    public static IReadOnlyList<Diagnostic> AddTo(IReadOnlyList<Diagnostic> diagnostics, string text) =>
        diagnostics is [{ Hint: null } first, ..] && For(first, text) is { } hint ? [first with { Hint = hint }, .. diagnostics.Skip(1)] : diagnostics;

    private static string? For(Diagnostic diagnostic, string text)
    {
        string word = diagnostic.Span.Start + diagnostic.Span.Length <= text.Length ? text.Substring(diagnostic.Span.Start, diagnostic.Span.Length) : "";
        return diagnostic.Id switch
        {
            "HF0008" or "HF0009" when Follows(text, diagnostic.Span, "icmp6") => "a field of ICMPv6 is a byte: icmp6[icmp6type] = 135",
            "HF0008" or "HF0009" when Follows(text, diagnostic.Span, "icmp") => "a field of ICMP is a byte: icmp[icmptype] = icmp-echo",
            "HF0103" when IsWireless(word) => "wireless frames have link types of their own: --link IEEE802_11 or IEEE802_11_RADIO",
            "HF0109" => Suggest(word, s_services),
            "HF0110" => Suggest(word, s_protocols),
            "HF0133" => "say it with --netmask 255.255.255.0",
            "HF0134" => "the kernel knows it while it captures: --live compiles for that",
            "HF0135" => "it stands in the packets of OpenBSD's pflog alone; hachi capture -i chooses an interface",
            "HF0901" => "no packet can be all of this at once; 'or' stands between what may be either",
            _ => null,
        };
    }

    private static string? Suggest(string word, string[] names)
    {
        // the place may be the whole primitive
        string last = word[(word.LastIndexOf(' ') + 1)..];
        return Nearest.To(last.ToLowerInvariant(), names) is { } near ? $"did you mean '{near}'?" : null;
    }

    private static bool IsWireless(string word) =>
        word.StartsWith("wlan ", StringComparison.Ordinal) || word.StartsWith("type ", StringComparison.Ordinal) || word.StartsWith("subtype ", StringComparison.Ordinal)
        || word.StartsWith("dir ", StringComparison.Ordinal);

    private static bool Follows(string text, TextSpan span, string protocol)
    {
        string[] words = text[..span.Start].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return words is [.., var before, "type" or "subtype"] && before == protocol;
    }
}
