using Hachi.Isa;
using Hachi.Text;

namespace Hachi.Asm;

/// <summary>A number as it was written.</summary>
/// <param name="IsNegative">Whether a minus stood before it.</param>
/// <param name="Magnitude">Its digits' value; <see cref="ulong.MaxValue"/> when it overflowed.</param>
/// <param name="IsDecimal">Whether it was written in base 10.</param>
/// <param name="Overflowed">Whether it has more than 64 bits.</param>
/// <param name="Span">Where it stands, sign included.</param>
internal readonly record struct Number(bool IsNegative, ulong Magnitude, bool IsDecimal, bool Overflowed, TextSpan Span)
{
    /// <summary>The value in a signed field of so many bits. Bases other than 10 may also write the field's bit pattern.</summary>
    public bool TryFit(int bits, out long value)
    {
        value = (long)(IsNegative ? 0 - Magnitude : Magnitude);
        if (Overflowed)
            return false;
        ulong half = 1ul << (bits - 1);
        if (IsNegative)
            return Magnitude <= half;
        if (Magnitude < half)
            return true;
        bool isPattern = (!IsDecimal || bits == 64) && (bits == 64 || Magnitude < half << 1);
        if (isPattern && bits < 64)
            value = (long)Magnitude - (long)(half << 1);
        return isPattern;
    }
}

/// <summary>Reads tokens from a text whose comments are blanked out, and reports what it does not find.</summary>
internal sealed class Cursor(string text, List<Diagnostic> diagnostics)
{
    /// <summary>Where the next character is.</summary>
    public int Position { get; set; }

    /// <summary>Where reading stops: the end of the line, or of the text.</summary>
    public int End { get; set; } = text.Length;

    /// <summary>What was reported.</summary>
    public List<Diagnostic> Diagnostics => diagnostics;

    /// <summary>The whole text, comments blanked.</summary>
    public string Text => text;

    /// <summary>The next character after blanks, or NUL at the end.</summary>
    public char Peek()
    {
        SkipBlanks();
        return Position < End ? text[Position] : '\0';
    }

    /// <summary>Whether nothing but blanks is left.</summary>
    public bool AtEnd => Peek() == '\0' && Position >= End;

    /// <summary>Skips white space.</summary>
    public void SkipBlanks()
    {
        while (Position < End && text[Position] is ' ' or '\t' or '\r' or '\n' or '\f' or '\v')
            Position++;
    }

    /// <summary>Takes this text if it stands here.</summary>
    public bool Accept(string wanted)
    {
        SkipBlanks();
        if (!text.AsSpan(Position, End - Position).StartsWith(wanted, StringComparison.Ordinal))
            return false;
        Position += wanted.Length;
        return true;
    }

    /// <summary>Takes this word if it stands here as a whole.</summary>
    public bool AcceptWord(string wanted)
    {
        if (!PeekWord().SequenceEqual(wanted))
            return false;
        Position += wanted.Length;
        return true;
    }

    /// <summary>Takes this text or reports that it is missing.</summary>
    public bool Expect(string wanted) => Accept(wanted) || Expected($"`{wanted}`");

    /// <summary>The word that stands here (letters, digits, <c>_ . $</c>, no digit first), without taking it; empty when there is none.</summary>
    public ReadOnlySpan<char> PeekWord()
    {
        SkipBlanks();
        int end = Position;
        if (end < End && !char.IsAsciiDigit(text[end]))
            while (end < End && IsWord(text[end]))
                end++;
        return text.AsSpan(Position, end - Position);
    }

    /// <summary>Takes the word that stands here; an empty span when there is none.</summary>
    public TextSpan Word()
    {
        var span = new TextSpan(Position, PeekWord().Length);
        span = span with { Start = Position };
        Position = span.End;
        return span;
    }

    /// <summary>Takes a name, a word or a string in quotes (<c>\"</c>, <c>\\</c>, <c>\u{…}</c>); null, and nothing is taken, when there is none or it is not closed.</summary>
    public string? Name(out TextSpan span)
    {
        span = new TextSpan(Position, 0);
        if (Peek() != '"')
        {
            span = Word();
            return span.Length > 0 ? Of(span).ToString() : null;
        }
        int start = Position, i = Position + 1;
        var value = new System.Text.StringBuilder();
        while (i < End && text[i] != '"')
        {
            char c = text[i++];
            if (c == '\\' && !ReadEscape(ref i, ref c))
                return null;
            value.Append(c);
        }
        if (i >= End)
            return null;
        span = new TextSpan(start, i + 1 - start);
        Position = i + 1;
        return value.ToString();
    }

    private bool ReadEscape(ref int i, ref char c)
    {
        if (i >= End)
            return false;
        c = text[i++];
        if (c is '"' or '\\')
            return true;
        if (c != 'u' || i >= End || text[i++] != '{')
            return false;
        int value = 0, digits = 0;
        for (; i < End && DigitOf(text[i]) < 16 && digits < 4; i++, digits++)
            value = value * 16 + DigitOf(text[i]);
        c = (char)value;
        return digits > 0 && i < End && text[i++] == '}';
    }

    /// <summary>The characters of a span.</summary>
    public ReadOnlySpan<char> Of(TextSpan span) => text.AsSpan(span.Start, span.Length);

    /// <summary>Whether a number stands here, perhaps behind a sign.</summary>
    public bool AtNumber()
    {
        char c = Peek();
        if (c is '-' or '+')
            c = Position + 1 < End ? text[Position + 1] : '\0';
        return char.IsAsciiDigit(c);
    }

    /// <summary>Takes a number: decimal, <c>0x</c>, <c>0b</c> or octal behind a 0, perhaps signed. False, and nothing is taken or reported, when there is none.</summary>
    public bool TryNumber(out Number number)
    {
        number = default;
        if (!AtNumber())
            return false;
        int start = Position;
        bool negative = text[Position] == '-';
        if (text[Position] is '-' or '+')
            Position++;
        int radix = 10;
        if (text[Position] == '0' && Position + 1 < End)
        {
            radix = text[Position + 1] switch { 'x' or 'X' => 16, 'b' or 'B' => 2, >= '0' and <= '7' => 8, _ => 10 };
            bool hasDigits = radix is 8 or 10 || Position + 2 < End && DigitOf(text[Position + 2]) < radix;
            if (!hasDigits)
                radix = 10;
            Position += radix is 16 or 2 ? 2 : 0;
        }
        ulong value = 0;
        bool overflowed = false;
        for (; Position < End && DigitOf(text[Position]) < radix; Position++)
        {
            ulong digit = (ulong)DigitOf(text[Position]);
            overflowed |= value > (ulong.MaxValue - digit) / (ulong)radix;
            value = overflowed ? ulong.MaxValue : value * (ulong)radix + digit;
        }
        number = new Number(negative, value, radix == 10, overflowed, new TextSpan(start, Position - start));
        return true;
    }

    /// <summary>Takes a number that fits a signed field, or reports why not.</summary>
    /// <param name="bits">Width of the field.</param>
    /// <param name="what">What it is, for the messages.</param>
    /// <param name="value">The field's value.</param>
    /// <param name="isDistance">Distances may not be written as bit patterns.</param>
    public bool Integer(int bits, string what, out long value, bool isDistance = false)
    {
        value = 0;
        if (!TryNumber(out Number number))
            return Expected(what);
        if (isDistance)
            number = number with { IsDecimal = true };
        return number.TryFit(bits, out value) || OutOfRange(number, bits);
    }

    /// <summary>Reports that a number does not fit. Always false.</summary>
    public bool OutOfRange(Number number, int bits, string? hint = null) =>
        Report(DiagnosticTable.AsmNumberRange, number.Span, hint, Quote(Of(number.Span)), bits == 64 ? "64 bits" : $"{bits} bits (signed)");

    /// <summary>Reports that something else was expected here. Always false.</summary>
    public bool Expected(string what, string? hint = null)
    {
        TextSpan span = FoundSpan();
        string found = span.Length > 0 ? Quote(Of(span)) : Position >= text.Length ? "the end of the text" : "the end of the line";
        return Report(DiagnosticTable.AsmExpected, span, hint, what, found);
    }

    /// <summary>Reports whatever is left of the line. True when nothing is.</summary>
    public bool ExpectEnd()
    {
        if (AtEnd)
            return true;
        TextSpan span = FoundSpan();
        return Report(DiagnosticTable.AsmTrailing, span, null, Quote(Of(span)));
    }

    /// <summary>Reports. Always false, so that a parser can return it.</summary>
    public bool Report(DiagnosticInfo info, TextSpan span, string? hint, params ReadOnlySpan<object?> args)
    {
        if (diagnostics.Count < Limits.DiagnosticsMax)
            diagnostics.Add(info.AtWithHint(span, hint, args));
        return false;
    }

    /// <summary>The token that stands here: a word, a number, or one character.</summary>
    public TextSpan FoundSpan()
    {
        SkipBlanks();
        int end = Position;
        while (end < End && (IsWord(text[end]) || text[end] == '%' && end == Position))
            end++;
        if (end == Position && end < End)
            end += char.IsHighSurrogate(text[end]) && end + 1 < End ? 2 : 1;
        return new TextSpan(Position, end - Position);
    }

    /// <summary>A piece of source for a message: in backquotes, cut where it is long.</summary>
    public static string Quote(ReadOnlySpan<char> piece) => piece.Length > 40 ? $"`{piece[..37]}...`" : $"`{piece}`";

    /// <summary>Whether a character belongs to words.</summary>
    public static bool IsWord(char c) => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '$';

    /// <summary>Value of a digit in base 16, or a large number.</summary>
    private static int DigitOf(char c) => c switch
    {
        >= '0' and <= '9' => c - '0',
        >= 'a' and <= 'f' => c - 'a' + 10,
        >= 'A' and <= 'F' => c - 'A' + 10,
        _ => int.MaxValue,
    };
}
