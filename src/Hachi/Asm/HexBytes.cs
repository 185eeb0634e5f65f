using Hachi.Text;

namespace Hachi.Asm;

/// <summary>Bytes written as pairs of hexadecimal digits, blanks, commas and <c>0x</c> between them optional.</summary>
public static class HexBytes
{
    /// <summary>Whether a file's content is such a text rather than bytes.</summary>
    public static bool LooksLikeText(ReadOnlySpan<byte> content)
    {
        foreach (byte b in content)
            if (!char.IsAsciiHexDigit((char)b) && b is not ((byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n' or (byte)',' or (byte)'x'))
                return false;
        return !content.IsEmpty;
    }

    /// <summary>Reads the bytes; null, and a diagnostic, where the text is something else.</summary>
    public static byte[]? Parse(string text, out Diagnostic? diagnostic)
    {
        diagnostic = null;
        var bytes = new List<byte>(text.Length / 2);
        for (int i = 0; i < text.Length;)
        {
            bool isPrefix = text[i] == '0' && i + 1 < text.Length && text[i + 1] is 'x' or 'X';
            if (isPrefix || char.IsWhiteSpace(text[i]) || text[i] == ',')
            {
                i += isPrefix ? 2 : 1;
                continue;
            }
            if (i + 1 >= text.Length || !char.IsAsciiHexDigit(text[i]) || !char.IsAsciiHexDigit(text[i + 1]))
            {
                var span = new TextSpan(i, Math.Min(2, text.Length - i));
                diagnostic = DiagnosticTable.AsmBadHex.At(span, Cursor.Quote(text.AsSpan(span.Start, span.Length)));
                return null;
            }
            bytes.AddRange(Convert.FromHexString(text.AsSpan(i, 2)));
            i += 2;
        }
        return [.. bytes];
    }
}
