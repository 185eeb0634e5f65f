using System.Buffers.Text;
using System.Globalization;
using System.Text;
using Hachi.Object.Plan;

namespace Hachi.Linux.Run;

/// <summary>A format of printf, read once. Widths, precisions and length modifiers are C's.</summary>
internal sealed class PrintFormat
{
    private readonly Part[] _parts;
    private Utf8Writer? _text;

    private sealed record Part(byte[] Literal, char Conversion, string Flags, int Width, int Precision, bool StarWidth, bool StarPrecision, int Bytes, char Detail)
    {
        /// <summary>Whether only the conversion is written, with or without a modifier for 64 bits.</summary>
        public bool IsPlain { get; } = Flags.Length == 0 && Bytes is 4 or 8 && Conversion is 's' or 'd' or 'i' or 'u';
    }

    public PrintFormat(string format)
    {
        var literal = new StringBuilder();
        var parts = new List<Part>();
        for (int i = 0; i < format.Length; i++)
        {
            if (format[i] != '%')
                literal.Append(format[i]);
            else if (i + 1 < format.Length && format[i + 1] == '%')
                literal.Append(format[i++]);
            else
            {
                i = Conversion(format, i + 1, literal.ToString(), parts);
                literal.Clear();
            }
        }
        parts.Add(new Part(Encoding.UTF8.GetBytes(literal.ToString()), '\0', "", 0, -1, false, false, 0, '\0'));
        _parts = [.. parts];
    }

    private static int Conversion(string format, int at, string literal, List<Part> parts)
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
        parts.Add(new Part(Encoding.UTF8.GetBytes(literal), conversion, flag, Math.Min(width, 4096), Math.Min(precision, 65536), starWidth, starPrecision, bytes, detail));
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
    public string Apply(ReadOnlySpan<byte> record, PlanEvent known, ValueText values)
    {
        _text ??= new Utf8Writer(TextWriter.Null) { IsHeld = true };
        _text.Clear();
        Write(_text, record, known, values);
        return Encoding.UTF8.GetString(_text.Written);
    }

    /// <summary>Writes it. This is where a printf's time goes, so the plain conversions write numbers and letters straight there.</summary>
    public void Write(Utf8Writer output, ReadOnlySpan<byte> record, PlanEvent known, ValueText values)
    {
        ReadOnlySpan<PlanField> fields = known.Fields.AsSpan();
        int next = 0;
        foreach (Part part in _parts)
        {
            output.Write(part.Literal);
            if (part.Conversion == '\0')
                continue;
            int width = part.StarWidth ? (int)Number(record, fields, ref next) : part.Width;
            int precision = part.StarPrecision ? (int)Number(record, fields, ref next) : part.Precision;
            if (next >= fields.Length)
                break;
            PlanField field = fields[next++];
            if (part.IsPlain && width == 0 && precision < 0 && TryWrite(output, part.Conversion, record[field.Offset..], field.Type, values))
                continue;
            string text = One(part, precision, record[field.Offset..], field.Type, values);
            bool left = part.Flags.Contains('-') || width < 0;
            width = Math.Min(Math.Abs(width), 4096);
            output.Write(left ? text.PadRight(width) : part.Flags.Contains('0') && part.Conversion is not ('s' or 'c') ? Zeros(text, width) : text.PadLeft(width));
        }
    }

    private static bool TryWrite(Utf8Writer output, char conversion, ReadOnlySpan<byte> bytes, PlanType type, ValueText values)
    {
        const int DigitsMax = 24;
        if (conversion == 's')
            return type.Kind == PlanKind.String && values.TryWritePlain(output, bytes, type);
        if (type.Kind == PlanKind.UserSymbol || type.SizeBytes > 8)
            return false;
        long number = ValueReader.Number(bytes, type);
        int written;
        _ = conversion == 'u' ? Utf8Formatter.TryFormat((ulong)number, output.Room(DigitsMax), out written) : Utf8Formatter.TryFormat(number, output.Room(DigitsMax), out written);
        output.Advance(written);
        return true;
    }

    private static string Zeros(string text, int width)
    {
        int sign = text.StartsWith('-') || text.StartsWith('+') ? 1 : 0;
        return text.Length >= width ? text : text[..sign] + new string('0', width - text.Length) + text[sign..];
    }

    private static long Number(ReadOnlySpan<byte> record, ReadOnlySpan<PlanField> fields, ref int next)
    {
        if (next >= fields.Length)
            return 0;
        PlanField field = fields[next++];
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

/// <summary>
/// Results on their way out, as bytes: lines are put together where they are written from, and go out in large pieces. What gets them is a writer that has a stream of UTF-8 behind it, which the bytes
/// go to directly, or any other one, which gets text.
/// </summary>
internal sealed class Utf8Writer : TextWriter
{
    private const int BufferBytes = 1 << 16;

    private readonly TextWriter _target;
    private readonly Stream? _stream;
    private byte[] _buffer = new byte[BufferBytes];
    private int _used;

    public Utf8Writer(TextWriter target)
    {
        _target = target;
        _stream = target is StreamWriter { Encoding: UTF8Encoding } writer ? writer.BaseStream : null;
    }

    /// <inheritdoc/>
    public override Encoding Encoding => Encoding.UTF8;

    /// <summary>What was written and has not gone out.</summary>
    public ReadOnlySpan<byte> Written => _buffer.AsSpan(0, _used);

    /// <summary>Room for so many bytes, which <see cref="Advance"/> then takes.</summary>
    public Span<byte> Room(int bytes)
    {
        if (_buffer.Length - _used < bytes)
        {
            if (_used > 0 && !IsHeld)
                Send();
            if (_buffer.Length - _used < bytes)
                Array.Resize(ref _buffer, Math.Max(_buffer.Length * 2, _used + bytes));
        }
        return _buffer.AsSpan(_used);
    }

    /// <summary>Whether nothing goes out by itself: who writes wants to look at it first.</summary>
    public bool IsHeld { get; init; }

    public void Advance(int bytes) => _used += bytes;

    /// <summary>Forgets what has not gone out.</summary>
    public void Clear() => _used = 0;

    public void Write(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(Room(bytes.Length));
        _used += bytes.Length;
    }

    /// <inheritdoc/>
    public override void Write(char value) => Write([value]);

    /// <inheritdoc/>
    public override void Write(string? value) => Write(value.AsSpan());

    /// <inheritdoc/>
    public override void Write(char[] buffer, int index, int count) => Write(buffer.AsSpan(index, count));

    /// <inheritdoc/>
    public override void Write(ReadOnlySpan<char> buffer) => _used += Encoding.UTF8.GetBytes(buffer, Room(Encoding.UTF8.GetMaxByteCount(buffer.Length)));

    /// <inheritdoc/>
    public override void Flush()
    {
        Send();
        if (_stream is null)
            _target.Flush();
        else
            _stream.Flush();
    }

    private void Send()
    {
        if (_used == 0)
            return;
        if (_stream is null)
            _target.Write(Encoding.UTF8.GetString(_buffer, 0, _used));
        else
        {
            // What was written to it as text stands before this.
            _target.Flush();
            _stream.Write(_buffer, 0, _used);
        }
        _used = 0;
    }
}
