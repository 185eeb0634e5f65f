namespace Hachi.Lang.Pcap.Syntax;

/// <summary>Shapes and values of numbers and addresses as they are written in filter expressions.</summary>
internal static class AddressText
{
    /// <summary>Value of a hexadecimal digit.</summary>
    public static uint HexDigit(char c) => c <= '9' ? (uint)(c - '0') : (uint)((c | 0x20) - 'a' + 10);

    /// <summary>Value of hexadecimal digits.</summary>
    public static uint Hex(ReadOnlySpan<char> digits)
    {
        uint value = 0;
        foreach (char c in digits)
            value = (value << 4) | HexDigit(c);
        return value;
    }

    /// <summary>Length of the decimal digits, or of 0x and hexadecimal digits, at the start; 0 if there is no number.</summary>
    public static int NumberLength(ReadOnlySpan<char> text)
    {
        if (text.Length > 2 && text[0] == '0' && text[1] is 'x' or 'X' && char.IsAsciiHexDigit(text[2]))
            return 2 + HexLength(text[2..], int.MaxValue);
        int i = 0;
        while (i < text.Length && char.IsAsciiDigit(text[i]))
            i++;
        return i;
    }

    /// <summary>Whether the whole text is <paramref name="min"/> to 4 numbers with dots between them.</summary>
    public static bool IsDotted(ReadOnlySpan<char> text, int min)
    {
        for (int parts = 1; ; parts++)
        {
            int length = NumberLength(text);
            if (length == 0)
                return false;
            if (length == text.Length)
                return parts >= min;
            if (text[length] != '.' || parts == 4)
                return false;
            text = text[(length + 1)..];
        }
    }

    /// <summary>Parses a whole MAC-48 address: six parts of one or two digits with <c>:</c>, <c>-</c> or <c>.</c> between, <c>xxxx.xxxx.xxxx</c>, or twelve digits.</summary>
    public static bool TryMac48(ReadOnlySpan<char> text, out ulong mac)
    {
        mac = 0;
        if (text.Length == 12 && HexLength(text, 12) == 12)
        {
            mac = ((ulong)Hex(text[..6]) << 24) | Hex(text[6..]);
            return true;
        }
        if (text.Length == 14 && HexLength(text, 5) == 4 && text[4] == '.' && HexLength(text[5..], 5) == 4 && text[9] == '.' && HexLength(text[10..], 4) == 4)
        {
            mac = ((ulong)Hex(text[..4]) << 32) | ((ulong)Hex(text[5..9]) << 16) | Hex(text[10..]);
            return true;
        }
        int first = HexLength(text, 2);
        if (first == 0 || first >= text.Length || text[first] is not (':' or '-' or '.'))
            return false;
        char separator = text[first];
        ulong value = 0;
        for (int part = 0; part < 6; part++)
        {
            int length = HexLength(text, 2);
            if (length == 0)
                return false;
            value = (value << 8) | Hex(text[..length]);
            text = text[length..];
            if (part == 5)
                break;
            if (text.IsEmpty || text[0] != separator)
                return false;
            text = text[1..];
        }
        mac = value;
        return text.IsEmpty;
    }

    /// <summary>Length of a MAC-48 address with colons at the start of the text, or 0.</summary>
    public static int ColonMacLength(ReadOnlySpan<char> text)
    {
        int at = 0;
        for (int part = 0; part < 6; part++)
        {
            if (part != 0)
            {
                if (at >= text.Length || text[at] != ':')
                    return 0;
                at++;
            }
            int length = HexLength(text[at..], 2);
            if (length == 0)
                return 0;
            at += length;
        }
        return at;
    }

    /// <summary>Length of what libpcap takes for a broken MAC-48: at least two times (one or two digits, then colons); or 0.</summary>
    public static int BrokenMacLength(ReadOnlySpan<char> text)
    {
        int end = 0;
        for (int parts = 1; ; parts++)
        {
            int at = end;
            int length = HexLength(text[at..], 2);
            at += length;
            if (length == 0 || at >= text.Length || text[at] != ':')
                return parts > 2 ? end : 0;
            while (at < text.Length && text[at] == ':')
                at++;
            end = at;
        }
    }

    /// <summary>Length of the longest start of the text that has the shape of an IPv6 address, or 0.</summary>
    public static int Ipv6Length(ReadOnlySpan<char> text)
    {
        int best = 0;
        int at = 0;
        int groups = 0;
        bool gap = text.StartsWith("::");
        if (gap)
            best = at = 2;
        while (true)
        {
            if (gap ? groups <= 5 : groups == 6)
            {
                int quad = QuadLength(text[at..]);
                if (quad != 0)
                    best = Math.Max(best, at + quad);
            }
            int length = HexLength(text[at..], 4);
            if (length == 0)
                return best;
            at += length;
            groups++;
            if (gap || groups == 8)
                best = Math.Max(best, at);
            if (groups == (gap ? 7 : 8) || at >= text.Length || text[at] != ':')
                return best;
            at++;
            if (!gap && at < text.Length && text[at] == ':')
            {
                gap = true;
                at++;
                best = Math.Max(best, at);
                if (groups == 7)
                    return best;
            }
        }
    }

    /// <summary>Parses a whole IPv6 address strictly: a dotted quad at its end is four decimal numbers up to 255 without leading zeros.</summary>
    public static bool TryIpv6(ReadOnlySpan<char> text, out UInt128 value)
    {
        value = default;
        UInt128 high = 0;
        UInt128 low = 0;
        int groups = 0;
        int after = -1;
        while (!text.IsEmpty)
        {
            if (text[0] == ':')
            {
                if (text.Length > 1 && text[1] == ':' && after < 0)
                {
                    after = groups;
                    high = low;
                    low = 0;
                    text = text[2..];
                    continue;
                }
                text = text[1..];
            }
            int length = HexLength(text, 4);
            if (length < text.Length && text[length] == '.')
            {
                if (!TryQuad(text, out uint quad))
                    return false;
                low = (low << 32) | quad;
                groups += 2;
                break;
            }
            if (length == 0)
                return false;
            low = (low << 16) | Hex(text[..length]);
            groups++;
            text = text[length..];
        }
        if (after < 0 ? groups != 8 : groups > 7)
            return false;
        value = after <= 0 ? low : (high << (16 * (8 - after))) | low;
        return true;
    }

    /// <summary>Parses a whole strict dotted quad, as inet_pton(3) does.</summary>
    public static bool TryQuad(ReadOnlySpan<char> text, out uint value)
    {
        value = 0;
        for (int part = 0; part < 4; part++)
        {
            int length = 0;
            uint octet = 0;
            while (length < text.Length && length < 4 && char.IsAsciiDigit(text[length]))
                octet = octet * 10 + (uint)(text[length++] - '0');
            if (length == 0 || octet > 255 || (length > 1 && text[0] == '0'))
                return false;
            value = (value << 8) | octet;
            text = text[length..];
            if (part == 3)
                break;
            if (text.IsEmpty || text[0] != '.')
                return false;
            text = text[1..];
        }
        return text.IsEmpty;
    }

    private static int QuadLength(ReadOnlySpan<char> text)
    {
        int at = 0;
        for (int part = 0; part < 4; part++)
        {
            if (part != 0)
            {
                if (at >= text.Length || text[at] != '.')
                    return 0;
                at++;
            }
            int length = NumberLength(text[at..]);
            if (length == 0)
                return 0;
            at += length;
        }
        return at;
    }

    private static int HexLength(ReadOnlySpan<char> text, int max)
    {
        int i = 0;
        while (i < text.Length && i < max && char.IsAsciiHexDigit(text[i]))
            i++;
        return i;
    }
}
