using System.Globalization;
using System.Text;
using Hachi.Text;

namespace Hachi.Lang.Trace.Syntax;

internal sealed partial class Lexer
{
    /// <summary>What a duration's letters are worth, in nanoseconds.</summary>
    private static readonly (string Unit, ulong Nanoseconds)[] s_units =
        [("ns", 1), ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000), ("d", 86_400_000_000_000)];

    /// <summary>A number: decimal with <c>_</c> and <c>1e6</c>, hexadecimal, octal; C's suffixes mean nothing; or a duration.</summary>
    private Token Number(int start)
    {
        int end = start;
        while (end < Text.Length && IsNamePart(Text[end]))
            end++;
        Position = end;
        string word = Text[start..end];
        TextSpan span = TextBetween(start, end);
        (ulong value, bool isDuration, bool ok) = Value(word);
        if (!ok)
            Report(DiagnosticTable.TraceBadNumber, span, word);
        return new Token(TokenKind.Integer, word, span) { Value = value, IsDuration = isDuration };
    }

    /// <summary>The value of a number as scripts and command lines write it.</summary>
    public static (ulong Value, bool IsDuration, bool Ok) Value(string word)
    {
        string digits = word.Replace("_", "", StringComparison.Ordinal);
        foreach ((string unit, ulong nanoseconds) in s_units)
            if (digits.EndsWith(unit, StringComparison.Ordinal) && digits.Length > unit.Length && digits.AsSpan(0, digits.Length - unit.Length).IndexOfAnyExceptInRange('0', '9') < 0)
            {
                bool fits = ulong.TryParse(digits.AsSpan(0, digits.Length - unit.Length), NumberStyles.None, CultureInfo.InvariantCulture, out ulong count) && count <= ulong.MaxValue / nanoseconds;
                return (fits ? count * nanoseconds : 0, true, fits);
            }
        ReadOnlySpan<char> number = digits.AsSpan();
        bool isHex = number.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        number = number.TrimEnd("uUlL");
        ulong value;
        if (isHex)
            return ulong.TryParse(number[2..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value) ? (value, false, true) : default;
        int e = number.IndexOfAny('e', 'E');
        if (e > 0)
            return Scientific(number[..e], number[(e + 1)..]);
        if (number.Length > 1 && number[0] == '0')
            return Octal(number[1..]);
        return ulong.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out value) ? (value, false, true) : default;
    }

    private static (ulong Value, bool IsDuration, bool Ok) Scientific(ReadOnlySpan<char> mantissa, ReadOnlySpan<char> exponent)
    {
        if (!ulong.TryParse(mantissa, NumberStyles.None, CultureInfo.InvariantCulture, out ulong value) || !byte.TryParse(exponent, NumberStyles.None, CultureInfo.InvariantCulture, out byte power) || power > 16)
            return default;
        for (; power > 0; power--)
        {
            if (value > ulong.MaxValue / 10)
                return default;
            value *= 10;
        }
        return (value, false, true);
    }

    private static (ulong Value, bool IsDuration, bool Ok) Octal(ReadOnlySpan<char> digits)
    {
        ulong value = 0;
        foreach (char c in digits)
        {
            if (c is < '0' or > '7' || value >> 61 != 0)
                return default;
            value = (value << 3) | (uint)(c - '0');
        }
        return (value, false, true);
    }

    /// <summary>A string; its contents are characters up to U+00FF for bytes that were written as escapes.</summary>
    private Token String(int start)
    {
        var contents = new StringBuilder();
        int at = start + 1;
        while (at < Text.Length && Text[at] is not ('"' or '\n'))
        {
            if (Text[at] == '\\')
                at = Escape(at, contents);
            else
                contents.Append(Text[at++]);
        }
        bool closed = at < Text.Length && Text[at] == '"';
        if (!closed)
            Report(DiagnosticTable.TraceUnclosedString, new TextSpan(start, 1));
        Position = closed ? at + 1 : at;
        return new Token(TokenKind.String, contents.ToString(), TextBetween(start, Position));
    }

    /// <summary>Reads one escape; returns where the text goes on.</summary>
    private int Escape(int at, StringBuilder contents)
    {
        char c = at + 1 < Text.Length ? Text[at + 1] : '\0';
        const string Letters = "ntrabfv\\\"'", Values = "\n\t\r\a\b\f\v\\\"'";
        int known = Letters.IndexOf(c, StringComparison.Ordinal);
        if (known >= 0 && c != '\0')
        {
            contents.Append(Values[known]);
            return at + 2;
        }
        if (c == '\n')
            return at + 2;
        if (c == 'e')
        {
            contents.Append('\x1b');
            return at + 2;
        }
        bool isHex = c == 'x';
        int from = isHex ? at + 2 : at + 1, end = from, value = 0;
        while (end < Text.Length && end < from + (isHex ? 2 : 3) && (isHex ? char.IsAsciiHexDigit(Text[end]) : Text[end] is >= '0' and <= '7'))
        {
            value = (value * (isHex ? 16 : 8)) + Convert.ToInt32(Text[end].ToString(), 16);
            end++;
        }
        if (end == from || value > 255)
        {
            Report(DiagnosticTable.TraceBadEscape, TextBetween(at, Math.Min(Text.Length, Math.Max(end, at + 2))), Text[at..Math.Min(Text.Length, Math.Max(end, at + 2))]);
            return Math.Min(Text.Length, Math.Max(end, at + 2));
        }
        contents.Append((char)value);
        return end;
    }
}
