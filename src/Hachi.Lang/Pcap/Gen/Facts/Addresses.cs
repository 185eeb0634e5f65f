namespace Hachi.Lang.Pcap.Gen.Facts;

/// <summary>Reads the dotted numbers that the grammar lets through.</summary>
internal static class Addresses
{
    /// <summary>One to four decimal numbers of at most 255: their bytes, not shifted, and how many bits they are; -1 if one is too large.</summary>
    public static int ReadIpv4(ReadOnlySpan<char> text, out uint value)
    {
        value = 0;
        int bits = 0;
        uint number = 0;
        foreach (char c in text)
        {
            if (c == '.')
            {
                value = (value << 8) | number;
                bits += 8;
                number = 0;
                continue;
            }

            if (!char.IsAsciiDigit(c))
                return -1;
            number = (number * 10) + (uint)(c - '0');
            if (number > 255)
                return -1;
        }

        value = (value << 8) | number;
        bits += 8;
        return bits <= 32 ? bits : -1;
    }

    /// <summary>A DECnet address, AREA.NODE.</summary>
    public static bool TryReadDecnet(ReadOnlySpan<char> text, out uint value)
    {
        value = 0;
        int dot = text.IndexOf('.');
        if (dot <= 0 || !TryNumber(text[..dot], 63, out uint area) || !TryNumber(text[(dot + 1)..], 1023, out uint node))
            return false;
        value = (area << 10) | node;
        return true;
    }

    /// <summary>Moves a number to the left until its first byte is not 0 (networks are written without their zeros), the mask with it.</summary>
    public static void LeftJustify(ref uint value, out uint mask)
    {
        mask = 0xffffffff;
        while (value != 0 && (value & 0xff000000) == 0)
        {
            value <<= 8;
            mask <<= 8;
        }
    }

    private static bool TryNumber(ReadOnlySpan<char> text, uint max, out uint value)
    {
        value = 0;
        foreach (char c in text)
        {
            if (!char.IsAsciiDigit(c))
                return false;
            value = (value * 10) + (uint)(c - '0');
            if (value > max)
                return false;
        }

        return text.Length > 0;
    }
}
