using Hachi.Text;

namespace Hachi.Lang.Pcap.Syntax;

/// <summary>
/// Cuts an expression into words by the rule of the longest match, as libpcap's scanner does: <c>1.2.3.4.5</c> is a name, <c>ftp-data-90</c> is one word,
/// <c>012345670123</c> is a MAC address, <c>0:0:0:</c> a broken one.
/// </summary>
internal ref struct Lexer(string text)
{
    private readonly string _text = text;
    private int _at;

    /// <summary>The address of the last Ipv6, Mac48 or Mac8 token.</summary>
    public UInt128 Address { get; private set; }

    /// <summary>Set together with a LexError token whose message is not just "syntax error", and with a malformed address.</summary>
    public Diagnostic? Error { get; private set; }

    /// <summary>Where the next word is looked for.</summary>
    public int Position
    {
        readonly get => _at;
        set => _at = value;
    }

    /// <summary>Skips white space and reads one word.</summary>
    public Token Next()
    {
        string text = _text;
        int at = _at;
        while (at < text.Length && text[at] is ' ' or '\t' or '\r' or '\n')
            at++;
        if (at >= text.Length)
        {
            _at = at;
            return new Token(TokenKind.End, at, 0, 0);
        }
        char c = text[at];
        Token token = char.IsAsciiLetterOrDigit(c) ? Word(at) : Symbol(at, c);
        _at = token.End;
        return token;
    }

    private Token Symbol(int at, char c)
    {
        char next = at + 1 < _text.Length ? _text[at + 1] : '\0';
        switch (c)
        {
            case '+': return new(TokenKind.Plus, at, 1, 0);
            case '-': return new(TokenKind.Minus, at, 1, 0);
            case '*': return new(TokenKind.Star, at, 1, 0);
            case '/': return new(TokenKind.Slash, at, 1, 0);
            case '%': return new(TokenKind.Percent, at, 1, 0);
            case '^': return new(TokenKind.Caret, at, 1, 0);
            case '[': return new(TokenKind.LeftBracket, at, 1, 0);
            case ']': return new(TokenKind.RightBracket, at, 1, 0);
            case '(': return new(TokenKind.LeftParen, at, 1, 0);
            case ')': return new(TokenKind.RightParen, at, 1, 0);
            case '&': return next == '&' ? new(TokenKind.And, at, 2, 0) : new(TokenKind.Amp, at, 1, 0);
            case '|': return next == '|' ? new(TokenKind.Or, at, 2, 0) : new(TokenKind.Bar, at, 1, 0);
            case '=': return new(TokenKind.Eq, at, next == '=' ? 2 : 1, 0);
            case '!': return next == '=' ? new(TokenKind.Ne, at, 2, 0) : new(TokenKind.Not, at, 1, 0);
            case '>': return next switch { '=' => new(TokenKind.Ge, at, 2, 0), '>' => new(TokenKind.Rsh, at, 2, 0), _ => new(TokenKind.Gt, at, 1, 0) };
            case '<': return next switch { '=' => new(TokenKind.Le, at, 2, 0), '<' => new(TokenKind.Lsh, at, 2, 0), _ => new(TokenKind.Lt, at, 1, 0) };
            case ':': return next == ':' ? Colons(at) : new(TokenKind.Colon, at, 1, 0);
            case '\\': return Escaped(at);
            case '$' when char.IsAsciiHexDigit(next):
                int length = at + 2 < _text.Length && char.IsAsciiHexDigit(_text[at + 2]) ? 3 : 2;
                Address = AddressText.Hex(_text.AsSpan(at + 1, length - 1));
                return new(TokenKind.Mac8, at, length, 0);
            default: return new(TokenKind.LexError, at, char.IsHighSurrogate(c) && char.IsLowSurrogate(next) ? 2 : 1, 0);
        }
    }

    private readonly Token Escaped(int at)
    {
        int end = at + 1;
        while (end < _text.Length && _text[end] is not (' ' or '!' or '(' or ')' or '\n' or '\t'))
            end++;
        return end == at + 1 ? new(TokenKind.LexError, at, 1, 0) : new(TokenKind.Name, at, end - at, 0);
    }

    /// <summary>A word that starts with a letter or a digit.</summary>
    private Token Word(int at)
    {
        string text = _text;
        int end = at + 1;
        while (end < text.Length && (char.IsAsciiLetterOrDigit(text[end]) || text[end] is '-' or '_' or '.'))
            end++;
        if (end < text.Length && text[end] == ':' && end - at <= 4 && char.IsAsciiHexDigit(text[at]))
        {
            Token token = Colons(at);
            if (token.Kind != TokenKind.None)
                return token;
        }
        while (end - at > 1 && text[end - 1] is '-' or '_')
            end--;

        ReadOnlySpan<char> word = text.AsSpan(at, end - at);
        if (char.IsAsciiLetter(word[0]))
        {
            (TokenKind kind, uint value) = Keywords.Find(word);
            if (kind != TokenKind.None)
                return new Token(kind, at, word.Length, value);
        }
        if (char.IsAsciiHexDigit(word[0]) && word.Length >= 11 && AddressText.TryMac48(word, out ulong mac))
        {
            Address = mac;
            return new Token(TokenKind.Mac48, at, word.Length, 0);
        }
        if (char.IsAsciiDigit(word[0]))
        {
            if (AddressText.NumberLength(word) == word.Length)
                return Number(at, word);
            if (AddressText.IsDotted(word, 2))
                return new Token(TokenKind.Ipv4, at, word.Length, 0);
        }
        return new Token(TokenKind.Name, at, word.Length, 0);
    }

    /// <summary>MAC-48 with colons, IPv6, or what looks like a broken MAC-48: the longest; None if it is none of them.</summary>
    private Token Colons(int at)
    {
        ReadOnlySpan<char> rest = _text.AsSpan(at);
        int mac = AddressText.ColonMacLength(rest);
        int ip6 = AddressText.Ipv6Length(rest);
        int broken = AddressText.BrokenMacLength(rest);
        if (mac != 0 && mac >= ip6 && mac >= broken)
        {
            AddressText.TryMac48(rest[..mac], out ulong value);
            Address = value;
            return new Token(TokenKind.Mac48, at, mac, 0);
        }
        if (ip6 != 0 && ip6 >= broken)
        {
            if (AddressText.TryIpv6(rest[..ip6], out UInt128 value))
                Address = value;
            else
                Error = DiagnosticTable.FilterBadIpv6.At(new TextSpan(at, ip6), rest[..ip6].ToString());
            return new Token(TokenKind.Ipv6, at, ip6, 0);
        }
        if (broken != 0)
        {
            Error = DiagnosticTable.FilterBadMac.AtWithHint(
                new TextSpan(at, broken), "a MAC address has six parts: 00:1b:44:11:3a:b7", rest[..broken].ToString());
            return new Token(TokenKind.Mac48, at, broken, 0);
        }
        return default;
    }

    private Token Number(int at, ReadOnlySpan<char> word)
    {
        bool zero = word[0] == '0' && word.Length > 1;
        bool hex = zero && word[1] is 'x' or 'X';
        uint radix = hex ? 16u : zero ? 8u : 10u;
        ulong value = 0;
        for (int i = hex ? 2 : 0; i < word.Length; i++)
        {
            uint digit = AddressText.HexDigit(word[i]);
            if (digit >= radix)
            {
                Error = DiagnosticTable.FilterNotOctal.AtWithHint(
                    new TextSpan(at, word.Length), "a number with a leading zero is octal", word.ToString());
                return new Token(TokenKind.LexError, at, word.Length, 0);
            }
            value = value * radix + digit;
            if (value > uint.MaxValue)
            {
                string name = hex ? "hexadecimal" : zero ? "octal" : "decimal";
                Error = DiagnosticTable.FilterNumberTooBig.At(new TextSpan(at, word.Length), name, word.ToString());
                return new Token(TokenKind.LexError, at, word.Length, 0);
            }
        }
        return new Token(TokenKind.Number, at, word.Length, (uint)value);
    }
}
