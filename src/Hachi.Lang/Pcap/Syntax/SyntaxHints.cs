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
    ];

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
        string? best = Nearest.To(lower, s_words);
        if (best is not null)
            return $"did you mean '{best}'?";
        if (word is "anyvlan" or "inner")
            return $"a term must follow '{word}': {word} tcp port 80";
        return EndsTerm(last) && last.Kind != TokenKind.Protocol ? Join : $"write 'host {word}' if it is the name of a host";
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
