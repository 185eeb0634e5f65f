using Hachi.Text;

namespace Hachi.Lang.Trace.Syntax;

/// <summary>Cuts a script into words. Lines that begin with <c>#</c> are directives: they are obeyed (<c>#ifdef</c>) or kept (<c>#include</c>, <c>#define</c>).</summary>
/// <remarks>It can be set back (<see cref="Position"/>): what was reported or kept before that place is not reported or kept again.</remarks>
internal sealed partial class Lexer(string text)
{
    private static readonly string[] s_symbols =
    [
        "<<=", ">>=", "...",
        "++", "--", "->", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "..", "::",
        "+", "-", "*", "/", "%", "&", "|", "^", "~", "!", "<", ">", "=", "?", ":", ";", ",", ".", "(", ")", "[", "]", "{", "}",
    ];

    private int _reported = -1;

    /// <summary>Where the next word is looked for.</summary>
    public int Position { get; set; }

    /// <summary>The text.</summary>
    public string Text { get; } = text;

    /// <summary>What was wrong so far.</summary>
    public List<Diagnostic> Diagnostics { get; } = [];

    /// <summary>Skips what says nothing and reads one word.</summary>
    public Token Next()
    {
        while (true)
        {
            SkipBlank();
            int at = Position;
            if (at >= Text.Length)
                return new Token(TokenKind.End, "", new TextSpan(Text.Length, 0));
            char c = Text[at];
            if (IsNameStart(c))
                return Name(at, at, TokenKind.Identifier);
            if (c == '@')
                return Name(at, at + 1, TokenKind.Map);
            if (c == '$' && TryDollar(at, out Token dollar))
                return dollar;
            if (char.IsAsciiDigit(c))
                return Number(at);
            if (c == '"')
                return String(at);
            if (TrySymbol(at, out Token symbol))
                return symbol;
            int length = char.IsHighSurrogate(c) && at + 1 < Text.Length && char.IsLowSurrogate(Text[at + 1]) ? 2 : 1;
            Report(DiagnosticTable.TraceBadCharacter, new TextSpan(at, length), Text.Substring(at, length));
            Position = at + length;
        }
    }

    /// <summary>Passes white space, comments and directives.</summary>
    public void SkipBlank()
    {
        while (Position < Text.Length)
        {
            char c = Text[Position];
            if (c is ' ' or '\t' or '\r' or '\n' or '\f' or '\v' or '\ufeff')
                Position++;
            else if (c == '/' && At(1) == '/')
                Position = LineEnd(Position);
            else if (c == '/' && At(1) == '*')
                SkipComment();
            else if (c == '#' && StartsLine(Position))
                Directive();
            else
                return;
        }
    }

    private char At(int offset) => Position + offset < Text.Length ? Text[Position + offset] : '\0';

    private int LineEnd(int from)
    {
        int end = Text.IndexOf('\n', from);
        return end < 0 ? Text.Length : end;
    }

    private bool StartsLine(int at)
    {
        while (at > 0 && Text[at - 1] is ' ' or '\t')
            at--;
        return at == 0 || Text[at - 1] == '\n';
    }

    private void SkipComment()
    {
        int start = Position;
        int end = Text.IndexOf("*/", start + 2, StringComparison.Ordinal);
        if (end < 0)
            Report(DiagnosticTable.TraceUnclosedComment, new TextSpan(start, 2));
        Position = end < 0 ? Text.Length : end + 2;
    }

    private Token Name(int start, int from, TokenKind kind)
    {
        int end = from;
        while (end < Text.Length && IsNamePart(Text[end]))
            end++;
        Position = end;
        return new Token(kind, Text[from..end], TextBetween(start, end));
    }

    private bool TryDollar(int at, out Token token)
    {
        char next = At(1);
        if (IsNameStart(next))
        {
            token = Name(at, at + 1, TokenKind.Variable);
            return true;
        }
        if (next == '#')
        {
            Position = at + 2;
            token = new Token(TokenKind.PositionalCount, "$#", new TextSpan(at, 2));
            return true;
        }
        int end = at + 1;
        while (end < Text.Length && char.IsAsciiDigit(Text[end]))
            end++;
        token = default;
        if (end == at + 1)
            return false;
        TextSpan span = TextBetween(at, end);
        if (!ulong.TryParse(Text.AsSpan(at + 1, end - at - 1), out ulong number) || number is 0 or > 1_000_000)
            Report(DiagnosticTable.TracePositional, span, Text[at..end]);
        Position = end;
        token = new Token(TokenKind.Positional, Text[at..end], span) { Value = number };
        return true;
    }

    private bool TrySymbol(int at, out Token token)
    {
        foreach (string symbol in s_symbols)
        {
            if (string.CompareOrdinal(Text, at, symbol, 0, symbol.Length) != 0)
                continue;
            bool ends = symbol == "/" && EndsPredicate(at + 1);
            Position = at + symbol.Length;
            token = new Token(ends ? TokenKind.EndPredicate : TokenKind.Symbol, symbol, new TextSpan(at, symbol.Length));
            return true;
        }
        token = default;
        return false;
    }

    /// <summary>Whether a brace comes next: then a slash before it ends a predicate.</summary>
    private bool EndsPredicate(int at)
    {
        int back = Position;
        Position = at;
        SkipBlank();
        bool ends = Position < Text.Length && Text[Position] == '{';
        Position = back;
        return ends;
    }

    private void Report(DiagnosticInfo info, TextSpan span, params ReadOnlySpan<object?> args)
    {
        if (span.Start <= _reported)
            return;
        _reported = span.Start;
        Diagnostics.Add(info.At(span, args));
    }

    private static TextSpan TextBetween(int start, int end) => new(start, end - start);

    private static bool IsNameStart(char c) => char.IsAsciiLetter(c) || c == '_';

    private static bool IsNamePart(char c) => char.IsAsciiLetterOrDigit(c) || c == '_';
}
