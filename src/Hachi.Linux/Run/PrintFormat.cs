using System.Globalization;
using System.Text;
using Hachi.Object.Plan;

namespace Hachi.Linux.Run;

/// <summary>A format of printf, read once. Widths, precisions and length modifiers are C's.</summary>
internal sealed class PrintFormat
{
    private readonly List<Part> _parts = [];
    private readonly StringBuilder _line = new();

    private readonly record struct Part(string Literal, char Conversion, string Flags, int Width, int Precision, bool StarWidth, bool StarPrecision, int Bytes, char Detail)
    {
        /// <summary>Whether only the conversion is written, with or without a modifier for 64 bits.</summary>
        public bool IsPlain { get; } = Flags.Length == 0 && Bytes is 4 or 8 && Conversion is 's' or 'd' or 'i' or 'u';
    }

    public PrintFormat(string format)
    {
        var literal = new StringBuilder();
        for (int i = 0; i < format.Length; i++)
        {
            if (format[i] != '%')
                literal.Append(format[i]);
            else if (i + 1 < format.Length && format[i + 1] == '%')
                literal.Append(format[i++]);
            else
            {
                i = Conversion(format, i + 1, literal.ToString());
                literal.Clear();
            }
        }
        _parts.Add(new Part(literal.ToString(), '\0', "", 0, -1, false, false, 0, '\0'));
    }

    private int Conversion(string format, int at, string literal)
    {
        int flags = at;
        while (at < format.Length && format[at] is '-' or '+' or ' ' or '#' or '0')
            at++;
        string flag = format[flags..at];
        bool starWidth = at < format.Length && format[at] == '*';
        int width = starWidth ? 0 : Digits(format, ref at);
        at += starWidth ? 1 : 0;
        int precision = -1;
        bool starPrecision = false;
        if (at < format.Length && format[at] == '.')
        {
            at++;
            starPrecision = at < format.Length && format[at] == '*';
            precision = starPrecision ? 0 : Digits(format, ref at);
            at += starPrecision ? 1 : 0;
        }
        int modifier = at;
        while (at < format.Length && format[at] is 'h' or 'l' or 'j' or 'z' or 't')
            at++;
        int bytes = format[modifier..at] switch { "hh" => 1, "h" => 2, "" => 4, _ => 8 };
        char conversion = at < format.Length ? format[at] : '\0';
        char detail = conversion == 'r' && at + 1 < format.Length && format[at + 1] is 'x' or 'h' ? format[++at] : '\0';
        _parts.Add(new Part(literal, conversion, flag, Math.Min(width, 4096), Math.Min(precision, 65536), starWidth, starPrecision, bytes, detail));
        return at;
    }

    private static int Digits(string format, ref int at)
    {
        int value = 0;
        while (at < format.Length && char.IsAsciiDigit(format[at]))
            value = Math.Min((value * 10) + (format[at++] - '0'), 1 << 16);
        return value;
    }

    /// <summary>The text that the format makes of a record's fields.</summary>
    public string Apply(ReadOnlySpan<byte> record, PlanEvent known, ValueText values) => Line(record, known, values).ToString();

    /// <summary>The same without a string; it holds until the next call. This is where a printf's time goes, so the plain conversions write numbers and letters straight there.</summary>
    public StringBuilder Line(ReadOnlySpan<byte> record, PlanEvent known, ValueText values)
    {
        StringBuilder output = _line.Clear();
        int next = 0;
        foreach (Part part in _parts)
        {
            output.Append(part.Literal);
            if (part.Conversion == '\0')
                continue;
            int width = part.StarWidth ? (int)Number(record, known, ref next) : part.Width;
            int precision = part.StarPrecision ? (int)Number(record, known, ref next) : part.Precision;
            if (next >= known.Fields.Length)
                break;
            PlanField field = known.Fields[next++];
            if (part.IsPlain && width == 0 && precision < 0 && TryAppend(output, part.Conversion, record[field.Offset..], field.Type, values))
                continue;
            string text = One(part, precision, record[field.Offset..], field.Type, values);
            bool left = part.Flags.Contains('-') || width < 0;
            width = Math.Min(Math.Abs(width), 4096);
            output.Append(left ? text.PadRight(width) : part.Flags.Contains('0') && part.Conversion is not ('s' or 'c') ? Zeros(text, width) : text.PadLeft(width));
        }
        return output;
    }

    private static bool TryAppend(StringBuilder output, char conversion, ReadOnlySpan<byte> bytes, PlanType type, ValueText values)
    {
        if (conversion == 's')
            return type.Kind == PlanKind.String && values.TryAppendPlain(output, bytes, type);
        if (type.Kind == PlanKind.UserSymbol || type.SizeBytes > 8)
            return false;
        long number = ValueReader.Number(bytes, type);
        if (conversion == 'u')
            output.Append(CultureInfo.InvariantCulture, $"{(ulong)number}");
        else
            output.Append(CultureInfo.InvariantCulture, $"{number}");
        return true;
    }

    private static string Zeros(string text, int width)
    {
        int sign = text.StartsWith('-') || text.StartsWith('+') ? 1 : 0;
        return text.Length >= width ? text : text[..sign] + new string('0', width - text.Length) + text[sign..];
    }

    private static long Number(ReadOnlySpan<byte> record, PlanEvent known, ref int next)
    {
        if (next >= known.Fields.Length)
            return 0;
        PlanField field = known.Fields[next++];
        return ValueReader.Number(record[field.Offset..], field.Type);
    }

    private static string One(Part part, int precision, ReadOnlySpan<byte> bytes, PlanType type, ValueText values)
    {
        long number = type.Kind == PlanKind.UserSymbol ? (long)ValueReader.Word(bytes) : ValueReader.Number(bytes, type);
        switch (part.Conversion)
        {
            case 's':
                string text = type.Kind is PlanKind.Enum ? ValueText.Enumerator(number, type) : values.Text(bytes, type);
                return precision >= 0 && precision < text.Length ? text[..precision] : text;
            case 'r':
                ReadOnlySpan<byte> data = type.Kind == PlanKind.Buffer ? ValueReader.Buffer(bytes, type) : bytes[..type.SizeBytes];
                return part.Detail switch
                {
                    'h' => string.Join(' ', data.ToArray().Select(b => b.ToString("x2", CultureInfo.InvariantCulture))),
                    'x' => string.Concat(data.ToArray().Select(b => "\\x" + b.ToString("x2", CultureInfo.InvariantCulture))),
                    _ => ValueReader.Escaped(data),
                };
            case 'c': return ((char)(byte)number).ToString();
            case 'p': return "0x" + number.ToString("x", CultureInfo.InvariantCulture);
            default: return Integer(part, precision, number, type);
        }
    }

    // Decimal numbers keep their 64 bits unless a modifier takes some away; others are words as C has them.
    private static string Integer(Part part, int precision, long number, PlanType type)
    {
        bool isDecimal = part.Conversion is 'd' or 'i' or 'u';
        int bytes = isDecimal && part.Bytes == 4 ? 8 : part.Bytes;
        ulong bits = bytes == 8 ? (ulong)number : (ulong)number & (ulong.MaxValue >> (64 - (bytes * 8)));
        string digits = part.Conversion switch
        {
            'x' => bits.ToString("x", CultureInfo.InvariantCulture),
            'X' => bits.ToString("X", CultureInfo.InvariantCulture),
            'o' => Octal(bits),
            'u' => bits.ToString(CultureInfo.InvariantCulture),
            _ => (bytes == 8 ? number : number << (64 - (bytes * 8)) >> (64 - (bytes * 8))).ToString(CultureInfo.InvariantCulture),
        };
        if (part.Flags.Contains('#') && bits != 0)
            digits = part.Conversion switch { 'x' => "0x" + digits, 'X' => "0X" + digits, 'o' => "0" + digits, _ => digits };
        if (precision > digits.Length)
            digits = digits.StartsWith('-') ? "-" + digits[1..].PadLeft(precision, '0') : digits.PadLeft(precision, '0');
        if (part.Conversion is 'd' or 'i' && !digits.StartsWith('-') && (part.Flags.Contains('+') || part.Flags.Contains(' ')))
            digits = (part.Flags.Contains('+') ? "+" : " ") + digits;
        _ = type;
        return digits;
    }

    private static string Octal(ulong value)
    {
        var digits = new StringBuilder();
        do
        {
            digits.Insert(0, (char)('0' + (value & 7)));
            value >>= 3;
        }
        while (value != 0);
        return digits.ToString();
    }
}
