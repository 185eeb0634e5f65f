using System.Globalization;
using Hachi.Text;

namespace Hachi.Lang.Seccomp.Syntax;

internal enum PolicyTokenKind : byte
{
    End,
    LineEnd,
    Word,
    Number,
    Sign,
    Bad,
}

internal readonly record struct PolicyToken(PolicyTokenKind Kind, TextSpan Span, string Text, ulong Value = 0)
{
    public bool Is(string text) => Kind is PolicyTokenKind.Word or PolicyTokenKind.Sign && Text == text;

    /// <summary>For messages.</summary>
    public string Name => Kind switch
    {
        PolicyTokenKind.End => "the end",
        PolicyTokenKind.LineEnd => "the end of the line",
        _ => "'" + Text + "'",
    };
}

/// <summary>Cuts the text of a policy into words, numbers and signs. A line end ends a statement, except inside parentheses and braces, and after a comma.</summary>
internal sealed class PolicyLexer(string text)
{
    private static readonly string[] s_signs = ["==", "!=", "<=", ">=", "..", "&&", "||", "<", ">", "&", "|", "~", "(", ")", "{", "}", ","];

    private int _at, _depth;
    private bool _afterComma;

    public PolicyToken Next()
    {
        while (_at < text.Length)
        {
            char c = text[_at];
            if (c == '#')
            {
                int end = text.IndexOf('\n', _at);
                _at = end < 0 ? text.Length : end;
            }
            else if (c == '\n' && _depth == 0 && !_afterComma)
            {
                return new PolicyToken(PolicyTokenKind.LineEnd, new TextSpan(_at++, 1), "");
            }
            else if (char.IsWhiteSpace(c))
            {
                _at++;
            }
            else
            {
                break;
            }
        }
        if (_at == text.Length)
            return new PolicyToken(PolicyTokenKind.End, new TextSpan(_at, 0), "");
        PolicyToken token = Read();
        _afterComma = token.Is(",");
        _depth += token.Is("(") || token.Is("{") ? 1 : token.Is(")") || token.Is("}") ? -1 : 0;
        _depth = Math.Max(0, _depth);
        _at = token.Span.End;
        return token;
    }

    /// <summary>After an error: statements end at line ends again.</summary>
    public void Reset() => (_depth, _afterComma) = (0, false);

    private PolicyToken Read()
    {
        int start = _at, end = start;
        char c = text[start];
        if (char.IsAsciiDigit(c))
        {
            while (end < text.Length && char.IsAsciiLetterOrDigit(text[end]))
                end++;
            return Number(start, end);
        }
        if (char.IsAsciiLetter(c) || c is '_' or '@')
        {
            for (end++; end < text.Length && (char.IsAsciiLetterOrDigit(text[end]) || text[end] is '_' || (text[end] == '-' && end + 1 < text.Length && char.IsAsciiLetter(text[end + 1]))); end++)
            {
            }
            return new PolicyToken(PolicyTokenKind.Word, new TextSpan(start, end - start), text[start..end]);
        }
        foreach (string sign in s_signs)
            if (string.CompareOrdinal(text, start, sign, 0, sign.Length) == 0)
                return new PolicyToken(PolicyTokenKind.Sign, new TextSpan(start, sign.Length), sign);
        end = start + (char.IsHighSurrogate(c) && start + 1 < text.Length ? 2 : 1);
        return new PolicyToken(PolicyTokenKind.Bad, new TextSpan(start, end - start), text[start..end]);
    }

    private PolicyToken Number(int start, int end)
    {
        string digits = text[start..end];
        var span = new TextSpan(start, end - start);
        bool isHex = digits.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        bool isNumber = isHex
            ? ulong.TryParse(digits.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong value)
            : ulong.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out value);
        if (!isHex && digits.Length > 1 && digits[0] == '0' && isNumber) // as in C
            isNumber = TryOctal(digits, out value);
        return isNumber ? new PolicyToken(PolicyTokenKind.Number, span, digits, value) : new PolicyToken(PolicyTokenKind.Bad, span, digits);
    }

    private static bool TryOctal(string digits, out ulong value)
    {
        value = 0;
        foreach (char c in digits)
        {
            if (c > '7' || value >> 61 != 0)
                return false;
            value = (value << 3) | (uint)(c - '0');
        }
        return true;
    }
}
