using System.Buffers;
using System.Globalization;
using System.Text;

namespace Hachi.Text;

/// <summary>
/// The one way by which text from outside (payload, comments, interface names, paths, symbols, kernel logs) reaches a terminal: C0 and C1 controls, DEL,
/// bidirectional controls, line and paragraph separators and broken surrogates are written as <c>\xNN</c> or <c>\u{NNNN}</c>.
/// </summary>
public static class Escaper
{
    /// <summary>Makes text safe for a terminal.</summary>
    /// <param name="text">Anything.</param>
    /// <param name="keepLines">Keep line feeds and tabs, for text of several lines.</param>
    public static string Escape(string text, bool keepLines = false)
    {
        int first = FirstUnsafe(text, keepLines);
        if (first < 0)
            return text;
        var builder = new StringBuilder(text.Length + 16);
        builder.Append(text, 0, first);
        Append(builder, text.AsSpan(first), keepLines);
        return builder.ToString();
    }

    /// <summary>Makes UTF-8 bytes safe for a terminal; bytes that are no UTF-8 become <c>\xNN</c>.</summary>
    public static string Escape(ReadOnlySpan<byte> utf8, bool keepLines = false)
    {
        var builder = new StringBuilder(utf8.Length + 16);
        Append(builder, utf8, keepLines);
        return builder.ToString();
    }

    /// <summary>Appends text, escaped.</summary>
    public static void Append(StringBuilder builder, ReadOnlySpan<char> text, bool keepLines = false)
    {
        while (!text.IsEmpty)
        {
            OperationStatus status = Rune.DecodeFromUtf16(text, out Rune rune, out int used);
            if (status != OperationStatus.Done)
                AppendNumber(builder, text[0]);
            else if (IsUnsafe(rune.Value, keepLines))
                AppendNumber(builder, rune.Value);
            else
                builder.Append(text[..used]);
            text = text[used..];
        }
    }

    /// <summary>Appends UTF-8 bytes, escaped.</summary>
    public static void Append(StringBuilder builder, ReadOnlySpan<byte> utf8, bool keepLines = false)
    {
        Span<char> chars = stackalloc char[2];
        while (!utf8.IsEmpty)
        {
            OperationStatus status = Rune.DecodeFromUtf8(utf8, out Rune rune, out int used);
            if (status != OperationStatus.Done)
            {
                for (int i = 0; i < used; i++)
                    AppendNumber(builder, utf8[i]);
            }
            else if (IsUnsafe(rune.Value, keepLines))
            {
                AppendNumber(builder, rune.Value);
            }
            else
            {
                builder.Append(chars[..rune.EncodeToUtf16(chars)]);
            }

            utf8 = utf8[used..];
        }
    }

    private static int FirstUnsafe(string text, bool keepLines)
    {
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (char.IsSurrogate(c))
            {
                if (Rune.DecodeFromUtf16(text.AsSpan(i), out Rune rune, out int used) != OperationStatus.Done || IsUnsafe(rune.Value, keepLines))
                    return i;
                i += used - 1;
            }
            else if (IsUnsafe(c, keepLines))
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>C0, DEL, C1; soft hyphen-like invisibles are left alone, what reorders or breaks lines is not; tag characters hide text.</summary>
    private static bool IsUnsafe(int c, bool keepLines) => c switch
    {
        '\n' or '\t' => !keepLines,
        < 0x20 or (>= 0x7f and < 0xa0) => true,
        < 0x61c => false,
        0x61c or 0x200e or 0x200f or (>= 0x2028 and <= 0x202e) or (>= 0x2066 and <= 0x2069) => true,
        (>= 0xfff9 and <= 0xfffb) or 0xfeff => true,
        >= 0xe0000 and <= 0xe007f => true,
        _ => false,
    };

    private static void AppendNumber(StringBuilder builder, int value)
    {
        if (value < 0x100)
            builder.Append(CultureInfo.InvariantCulture, $"\\x{value:x2}");
        else
            builder.Append(CultureInfo.InvariantCulture, $"\\u{{{value:x4}}}");
    }
}
