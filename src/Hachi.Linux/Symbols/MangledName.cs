using System.Globalization;
using System.Text;

namespace Hachi.Linux.Symbols;

/// <summary>
/// Names of C++ and Rust functions as people write them: scopes and name, without what the function takes (Itanium C++ ABI, section 5.1; Rust's older scheme is a part of it). Names with
/// templates, operators or references back stay as they are.
/// </summary>
internal static class MangledName
{
    private const int HashDigits = 16, LengthMax = 1 << 12;

    private static readonly (string Written, string Read)[] s_escapes = [("$LT$", "<"), ("$GT$", ">"), ("$RF$", "&"), ("$BP$", "*"), ("$C$", ","), ("$u20$", " "), ("$u27$", "'"), ("$u5b$", "["), ("$u5d$", "]"), ("$u7b$", "{"), ("$u7d$", "}"), ("..", "::")];

    /// <summary>The name that stands behind a symbol; the symbol itself where it is not one of these.</summary>
    public static string Readable(string symbol)
    {
        if (!symbol.StartsWith("_Z", StringComparison.Ordinal) || symbol.Length > LengthMax)
            return symbol;
        int at = 2;
        bool isNested = Take(symbol, ref at, 'N');
        while (isNested && at < symbol.Length && symbol[at] is 'r' or 'V' or 'K' or 'R' or 'O')
            at++;
        var name = new StringBuilder();
        string last = "";
        do
        {
            string? part = Part(symbol, ref at, last);
            if (part is null)
                return symbol;
            if (isNested && at < symbol.Length && symbol[at] == 'E' && IsHash(part))
                break;
            name.Append(name.Length > 0 ? "::" : "").Append(Plain(part));
            last = part;
        }
        while (isNested && at < symbol.Length && symbol[at] != 'E');
        // Behind a plain name stand its arguments; behind a template, what it is made for.
        return (isNested && at >= symbol.Length) || (at < symbol.Length && symbol[at] == 'I') ? symbol : name.ToString();
    }

    private static bool Take(string text, ref int at, char letter)
    {
        bool isThere = at < text.Length && text[at] == letter;
        at += isThere ? 1 : 0;
        return isThere;
    }

    // A length and so many letters; constructors and destructors are called like their type.
    private static string? Part(string symbol, ref int at, string last)
    {
        if (last.Length > 0 && at + 1 < symbol.Length && symbol[at] is 'C' or 'D' && char.IsAsciiDigit(symbol[at + 1]))
        {
            at += 2;
            return symbol[at - 2] == 'C' ? last : "~" + last;
        }
        Take(symbol, ref at, 'L');
        int length = 0, start = at;
        while (at < symbol.Length && char.IsAsciiDigit(symbol[at]) && length <= LengthMax)
            length = length * 10 + (symbol[at++] - '0');
        if (at == start || length == 0 || length > symbol.Length - at)
            return null;
        at += length;
        return symbol[(at - length)..at];
    }

    private static bool IsHash(string part) =>
        part.Length == HashDigits + 1 && part[0] == 'h' && ulong.TryParse(part.AsSpan(1), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out _);

    private static string Plain(string part)
    {
        if (part == "_GLOBAL__N_1")
            return "(anonymous namespace)";
        if (!part.Contains('$') && !part.Contains("..", StringComparison.Ordinal))
            return part;
        // Rust puts a letter in front of what would begin with an escape.
        string read = part.StartsWith("_$", StringComparison.Ordinal) ? part[1..] : part;
        foreach ((string written, string meant) in s_escapes)
            read = read.Replace(written, meant, StringComparison.Ordinal);
        return read;
    }
}
