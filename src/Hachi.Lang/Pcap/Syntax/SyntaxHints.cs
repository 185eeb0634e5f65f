using Hachi.Text;

namespace Hachi.Lang.Pcap.Syntax;

/// <summary>What to suggest where the parser stumbled.</summary>
internal static class SyntaxHints
{
    private static readonly string[] s_words =
    [
        "ether", "link", "wlan", "arp", "rarp", "ip", "ip6", "tcp", "udp", "sctp", "icmp", "icmp6", "igmp", "pim", "vrrp", "carp", "host", "net", "port",
        "portrange", "proto", "protochain", "gateway", "src", "dst", "and", "or", "not", "less", "greater", "broadcast", "multicast", "inbound",
        "outbound", "vlan", "mpls", "pppoes", "pppoed", "geneve", "vxlan", "len", "mask", "type", "subtype", "dir", "ifindex", "anyvlan", "inner", "in",
        "tcpflags", "tcp-fin", "tcp-syn", "tcp-rst", "tcp-push", "tcp-ack", "tcp-urg", "icmptype", "icmpcode", "icmp-echo", "icmp-echoreply", "icmp-unreach",
        "icmp6type", "icmp6code", "icmp6-echo", "icmp6-echoreply", "icmp6-neighborsolicit", "icmp6-neighboradvert", "icmp6-routersolicit", "icmp6-routeradvert",
    ];

    /// <summary>What people write for what this language says in another way.</summary>
    private static readonly Dictionary<string, string> s_habits = new(StringComparer.OrdinalIgnoreCase)
    {
        ["dns"] = "port 53",
        ["dhcp"] = "udp port 67 or udp port 68",
        ["tls"] = "tcp port 443",
        ["ssl"] = "tcp port 443",
        ["quic"] = "udp port 443",
        ["ping"] = "icmp or icmp6",
        ["ipv4"] = "ip",
        ["ipv6"] = "ip6",
        ["icmpv6"] = "icmp6",
        ["dot1q"] = "vlan",
        ["syn"] = "tcp[tcpflags] & tcp-syn != 0",
        ["rst"] = "tcp[tcpflags] & tcp-rst != 0",
        ["fin"] = "tcp[tcpflags] & tcp-fin != 0",
        ["ack"] = "tcp[tcpflags] & tcp-ack != 0",
        ["mac"] = "ether host 02:00:00:00:00:01",
        ["subnet"] = "net 10.0.0.0/8",
        ["ports"] = "port in {80, 443}",
        ["length"] = "len",
        ["any"] = "",
    };

    /// <summary>Fields of display filters (Wireshark's) and what a capture filter says for them.</summary>
    private static readonly Dictionary<string, string> s_display = new(StringComparer.OrdinalIgnoreCase)
    {
        ["ip.addr"] = "host 10.0.0.1",
        ["ip.src"] = "src host 10.0.0.1",
        ["ip.dst"] = "dst host 10.0.0.1",
        ["ipv6.addr"] = "host 2001:db8::1",
        ["ip.proto"] = "ip proto 17",
        ["tcp.port"] = "tcp port 80",
        ["tcp.srcport"] = "tcp src port 80",
        ["tcp.dstport"] = "tcp dst port 80",
        ["udp.port"] = "udp port 53",
        ["udp.srcport"] = "udp src port 53",
        ["udp.dstport"] = "udp dst port 53",
        ["eth.addr"] = "ether host 02:00:00:00:00:01",
        ["eth.src"] = "ether src 02:00:00:00:00:01",
        ["eth.dst"] = "ether dst 02:00:00:00:00:01",
        ["eth.type"] = "ether proto 0x88cc",
        ["frame.len"] = "len > 100",
        ["vlan.id"] = "vlan 100",
        ["tcp.flags"] = "tcp[tcpflags] & tcp-syn != 0",
        ["tcp.flags.syn"] = "tcp[tcpflags] & tcp-syn != 0",
        ["tcp.flags.reset"] = "tcp[tcpflags] & tcp-rst != 0",
        ["icmp.type"] = "icmp[icmptype] = icmp-echo",
    };

    /// <summary>A hint for the word that has no place where it stands, or null.</summary>
    public static string? For(string text, Token wrong)
    {
        Token last = default;
        Token before = default;
        int open = 0;
        var lexer = new Lexer(text);
        while (true)
        {
            Token token = lexer.Next();
            if (token.Start >= wrong.Start || token.Kind == TokenKind.End)
                break;
            before = last;
            last = token;
            open += token.Kind == TokenKind.LeftParen ? 1 : token.Kind == TokenKind.RightParen ? -1 : 0;
        }
        return wrong.Kind switch
        {
            TokenKind.LexError => ForCharacter(text[wrong.Start]),
            TokenKind.End => AtEnd(text, last, open),
            TokenKind.RightParen => open <= 0 ? "there is no '(' for this ')'" : last.Kind == TokenKind.LeftParen ? "nothing stands between the parentheses" : AtEnd(text, last, 0),
            TokenKind.Gt or TokenKind.Lt when last.Kind == TokenKind.Eq && last.End == wrong.Start => wrong.Kind == TokenKind.Gt ? "did you mean '>='?" : "did you mean '<='?",
            TokenKind.Gt when last.Kind == TokenKind.Lt && last.End == wrong.Start => "did you mean '!='?",
            TokenKind.Amp => "did you mean '&&'? A single '&' works on numbers: tcp[13] & 2 != 0",
            TokenKind.Bar => "did you mean '||'? A single '|' works on numbers",
            TokenKind.Slash when last.Kind == TokenKind.Number => "write a network with dots: net 10.0.0.0/8",
            TokenKind.Mask when last.Kind == TokenKind.Number => "write a network with dots: net 10.0.0.0 mask 255.0.0.0",
            TokenKind.Name => ForName(text, wrong, last),
            TokenKind.Number => ForNumber(text, wrong, last, before),
            TokenKind.Ipv4 or TokenKind.Ipv6 => EndsTerm(last) && last.Kind != TokenKind.Protocol ? Join : $"write 'host {Word(text, wrong)}'",
            TokenKind.Mac48 => $"write 'ether host {Word(text, wrong)}'",
            _ when wrong.IsRelation && IsType(last) => ForRelation(text, wrong, last),
            _ when last.Kind == TokenKind.Ipv6 && text[wrong.Start] == '%' => "leave the zone out: a packet does not carry it",
            TokenKind.Proto or TokenKind.ProtoChain or TokenKind.Gateway when last.Kind is TokenKind.Src or TokenKind.Dst or TokenKind.Address =>
                $"'{Word(text, wrong)}' takes no direction",
            _ => ForKeyword(text, wrong, last),
        };
    }

    private const string Join = "join the two with 'and' or 'or'";

    private static string Word(string text, Token token) => text.Substring(token.Start, token.Length);

    private static bool EndsTerm(Token token) => token.Kind is TokenKind.Protocol or TokenKind.Number or TokenKind.Name or TokenKind.Ipv4 or TokenKind.Ipv6
        or TokenKind.Mac48 or TokenKind.Mac8 or TokenKind.RightParen or TokenKind.Broadcast or TokenKind.Multicast or TokenKind.Inbound or TokenKind.Outbound
        or TokenKind.Encapsulation or TokenKind.Llc or TokenKind.AtmType or TokenKind.Mtp2 or TokenKind.RightBracket or TokenKind.Len;

    private static bool IsType(Token token) =>
        token.Kind is TokenKind.Host or TokenKind.Net or TokenKind.Port or TokenKind.PortRange or TokenKind.Proto or TokenKind.ProtoChain or TokenKind.Gateway;

    private static string? ForCharacter(char c) => c switch
    {
        ',' => "join alternatives with 'or', or write a set: port in {80, 443}",
        '{' or '}' => "a set stands behind 'in': port in {80, 443}",
        '"' or '\'' => "names stand without quotes; a backslash makes a name of a keyword: \\tcp",
        '$' => "a MAC-8 address is '$' and one or two hexadecimal digits: link host $7e",
        '@' => "a file stands behind 'in': net in @blocklist.txt",
        _ => null,
    };

    private static string? AtEnd(string text, Token last, int open)
    {
        if (last.Kind is TokenKind.And or TokenKind.Or or TokenKind.Not)
            return $"something must follow '{Word(text, last)}'";
        if (IsType(last) || last.Kind is TokenKind.Src or TokenKind.Dst or TokenKind.Address)
            return $"'{Word(text, last)}' needs {(last.Kind is TokenKind.Host or TokenKind.Src or TokenKind.Dst ? "an address or a name" : "a number or a name")} behind it";
        if (last.IsArithmetic || last.IsRelation)
            return $"a number must follow '{Word(text, last)}'";
        if (last.Kind is TokenKind.Number)
            return $"a number alone means nothing: write 'port {Word(text, last)}' or compare it with something";
        if (last.Kind is TokenKind.Len or TokenKind.RightBracket)
            return "compare the value with something: len > 100, tcp[13] & 2 != 0";
        return open > 0 ? "a ')' is missing" : null;
    }

    private static string? ForName(string text, Token wrong, Token last)
    {
        string word = Word(text, wrong);
        string lower = word.ToLowerInvariant();
        if (lower != word && Keywords.Find(lower).Kind != TokenKind.None)
            return $"keywords are written in lower case: '{lower}'";
        if (last.Kind == TokenKind.Protocol && lower is "flag" or "flags")
            return "flags are bits of a byte: tcp[tcpflags] & tcp-syn != 0";
        if (s_display.TryGetValue(lower, out string? capture))
            return $"'{word}' is a display filter's field; a capture filter says: {capture}";
        if (!IsType(last) && s_habits.TryGetValue(lower, out string? habit))
            return habit.Length > 0 ? $"write '{habit}'" : $"leave '{word}' out: what is not asked for may be anything";
        string? best = Nearest.To(lower, s_words);
        if (best is not null)
            return $"did you mean '{best}'?";
        if (!EndsTerm(last) && Lookup.WellKnown.Service(lower) is not null)
            return $"write 'port {word}'";
        if (word is "anyvlan" or "inner")
            return $"a term must follow '{word}': {word} tcp port 80";
        return EndsTerm(last) && last.Kind != TokenKind.Protocol ? Join : $"write 'host {word}' if it is the name of a host";
    }

    /// <summary>A comparison where a value must stand: <c>port = 80</c>, <c>src port &gt; 1024</c>.</summary>
    private static string ForRelation(string text, Token wrong, Token last)
    {
        string type = Word(text, last);
        return wrong.Kind == TokenKind.Eq || last.Kind is not (TokenKind.Port or TokenKind.PortRange)
            ? $"the value follows without a sign: {type} {(last.Kind is TokenKind.Port or TokenKind.PortRange ? "80" : last.Kind == TokenKind.Net ? "10.0.0.0/8" : last.Kind == TokenKind.Host ? "10.0.0.1" : "6")}"
            : "ports are compared as ranges: portrange 1025-65535";
    }

    private static string? ForNumber(string text, Token wrong, Token last, Token before)
    {
        string number = Word(text, wrong);
        if (last.Kind == TokenKind.Protocol)
        {
            string proto = Word(text, last);
            return (FilterProtocol)last.Number is FilterProtocol.Tcp or FilterProtocol.Udp or FilterProtocol.Sctp
                ? $"write '{proto} port {number}'"
                : $"write '{proto} proto {number}' or '{proto}[{number}]'";
        }
        if (last.Kind == TokenKind.Minus && IsType(before))
            return "a range has two ends: portrange 1-512";
        return EndsTerm(last) ? Join : null;
    }

    private static string? ForKeyword(string text, Token wrong, Token last)
    {
        if (IsType(last) && char.IsAsciiLetter(text[wrong.Start]))
            return $"'{Word(text, wrong)}' is a keyword; if it is meant as a name, write '\\{Word(text, wrong)}'";
        bool begins = char.IsAsciiLetter(text[wrong.Start]) && wrong.Kind is not (TokenKind.And or TokenKind.Or or TokenKind.Mask);
        return begins && EndsTerm(last) ? Join : null;
    }
}
