using Hachi.Text;

namespace Hachi.Asm;

/// <summary>Blanks out comments, so that every position stays what it was.</summary>
internal static class Comments
{
    /// <summary>eBPF: <c>#</c>, <c>//</c>, <c>;</c> to the end of the line, <c>/* */</c>. A <c>#</c> inside <c>call name#7</c> is none.</summary>
    public static string Blank(string text, List<Diagnostic> diagnostics) => Blank(text, isClassic: false, diagnostics);

    /// <summary>Classic: <c>;</c> and <c>//</c> to the end of the line, <c>/* */</c>, and <c>#</c> where a line begins with it.</summary>
    public static string BlankClassic(string text, List<Diagnostic> diagnostics) => Blank(text, isClassic: true, diagnostics);

    private static string Blank(string text, bool isClassic, List<Diagnostic> diagnostics)
    {
        if (text.AsSpan().IndexOfAny("#;/") < 0)
            return text;
        char[] result = text.ToCharArray();
        bool lineIsBlank = true;
        for (int i = 0; i < result.Length;)
        {
            char c = result[i];
            char next = i + 1 < result.Length ? result[i + 1] : '\0';
            bool isHash = c == '#' && (isClassic ? lineIsBlank : !IsCallId(result, i));
            if (c == '/' && next == '*')
            {
                i = BlankBlock(result, i, diagnostics);
                continue;
            }
            if (c == '"' && !isClassic)
            {
                i = SkipString(result, i);
                continue;
            }
            if (isHash || c == ';' || c == '/' && next == '/')
            {
                while (i < result.Length && result[i] != '\n')
                    result[i++] = ' ';
                continue;
            }
            lineIsBlank = c == '\n' || lineIsBlank && char.IsWhiteSpace(c);
            i++;
        }
        return new string(result);
    }

    // Names in quotes keep what would open a comment; a string ends with its line at the latest.
    private static int SkipString(char[] text, int start)
    {
        int i = start + 1;
        while (i < text.Length && text[i] is not ('"' or '\n'))
            i += text[i] == '\\' && i + 1 < text.Length && text[i + 1] != '\n' ? 2 : 1;
        return i < text.Length && text[i] == '"' ? i + 1 : i;
    }

    private static int BlankBlock(char[] result, int start, List<Diagnostic> diagnostics)
    {
        int i = start;
        result[i++] = ' ';
        result[i++] = ' ';
        while (i < result.Length)
        {
            bool closes = result[i] == '*' && i + 1 < result.Length && result[i + 1] == '/';
            if (closes)
            {
                result[i] = result[i + 1] = ' ';
                return i + 2;
            }
            if (result[i] != '\n')
                result[i] = ' ';
            i++;
        }
        diagnostics.Add(DiagnosticTable.AsmUnclosedComment.At(new TextSpan(start, 2)));
        return i;
    }

    // `call bpf_map_lookup_elem#1`: a word, the mark, a digit, and the word before is `call`.
    private static bool IsCallId(ReadOnlySpan<char> text, int hash)
    {
        bool isDigit = hash + 1 < text.Length && (char.IsAsciiDigit(text[hash + 1]) || text[hash + 1] == '-');
        int i = hash - 1;
        while (i >= 0 && hash - i < 256 && (Cursor.IsWord(text[i]) || text[i] == '-'))
            i--;
        bool hasWord = i < hash - 1;
        while (i >= 0 && hash - i < 256 && text[i] is ' ' or '\t')
            i--;
        return isDigit && hasWord && i >= 3 && text[(i - 3)..(i + 1)].SequenceEqual("call");
    }
}
