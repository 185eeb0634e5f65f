using System.Text;
using Hachi.Text;

namespace Hachi.Lang.Trace.Syntax;

/// <summary>Probes: what stands before the block is not made of words, so it is read as characters.</summary>
internal sealed partial class Parser
{
    private ProbeItem Probe(int start)
    {
        var points = new List<AttachPoint>();
        _lexer.Position = start;
        do
        {
            _lexer.SkipBlank();
            if (_lexer.Position < _lexer.Text.Length && _lexer.Text[_lexer.Position] is '{' or '/')
                break;
            points.Add(AttachPoint());
            _lexer.SkipBlank();
        }
        while (TakeComma());
        _token = default;
        Advance();
        Expr? predicate = null;
        if (_token.Is("/"))
        {
            Advance();
            predicate = Expression();
            if (_token.Kind == TokenKind.EndPredicate)
                Advance();
            else
            {
                Report(DiagnosticTable.TraceExpected, _token.Span, "'/' and the block", Describe(_token));
                while (_token.Kind is not (TokenKind.End or TokenKind.EndPredicate) && !_token.Is("{"))
                    Advance();
                if (_token.Kind == TokenKind.EndPredicate)
                    Advance();
            }
        }
        if (_token.Kind == TokenKind.EndPredicate)
        {
            Report(DiagnosticTable.TraceExpected, _token.Span, "a condition", Describe(_token));
            Advance();
        }
        if (!_token.Is("{"))
        {
            Report(DiagnosticTable.TraceExpected, _token.Span, "the probe's block", Describe(_token));
            SkipBeyondBlock();
            return new ProbeItem(From(start), points, predicate, new Block(_token.Span, []));
        }
        return new ProbeItem(From(start), points, predicate, Block());
    }

    private bool TakeComma()
    {
        if (_lexer.Position >= _lexer.Text.Length || _lexer.Text[_lexer.Position] != ',')
            return false;
        _lexer.Position++;
        return true;
    }

    private AttachPoint AttachPoint()
    {
        string text = _lexer.Text;
        int start = _lexer.Position, at = start;
        var raw = new StringBuilder();
        var parts = new List<string>();
        string? name = null;
        while (at < text.Length && !EndsPoint(at))
        {
            char c = text[at];
            if (c == ':')
            {
                parts.Add(raw.ToString());
                raw.Clear();
            }
            else if (c == '"')
            {
                at = Quoted(at, raw);
                continue;
            }
            else if (c == '=' && parts.Count == 0 && name is null)
            {
                name = raw.ToString();
                raw.Clear();
            }
            else if (c == '$' && at + 1 < text.Length && char.IsAsciiDigit(text[at + 1]))
            {
                at = Parameter(at, raw, parts);
                continue;
            }
            else
                raw.Append(c);
            at++;
        }
        parts.Add(raw.ToString());
        _lexer.Position = at;
        var span = new TextSpan(start, at - start);
        if (at > start && raw.Length == 0 && parts.Count == 1)
            Report(DiagnosticTable.TraceNoProbe, span, $"'{text[start..at]}', which is empty");
        if (at == start)
        {
            Report(DiagnosticTable.TraceNoProbe, new TextSpan(start, start < text.Length ? 1 : 0), start < text.Length ? $"'{text[start]}'" : "the end of the script");
            _lexer.Position = Math.Min(text.Length, at + 1);
        }
        return new AttachPoint(span, parts, name);
    }

    /// <summary>Whether a point ends here: a blank, a comma, the block, or the slash of a predicate (a slash of a path has a colon behind the path, or one before it).</summary>
    private bool EndsPoint(int at)
    {
        string text = _lexer.Text;
        if (text[at] is ' ' or '\t' or '\r' or '\n' or ',' or '{' or ';' or '}')
            return true;
        if (text[at] != '/' || (at > 0 && text[at - 1] is ':' or '@'))
            return false;
        int end = at;
        while (end < text.Length && (char.IsLetterOrDigit(text[end]) || text[end] is '/' or '.' or '_' or '-' or '+' or '*' or '#' or '$' or '!' or '@' or '~' or '[' or ']' or '?'))
            end++;
        return end >= text.Length || text[end] != ':';
    }

    private int Quoted(int at, StringBuilder raw)
    {
        _lexer.Position = at;
        Token token = _lexer.Next();
        raw.Append(token.Text);
        return Math.Max(at + 1, _lexer.Position);
    }

    /// <summary>A positional parameter in a point's name: its text may bring colons of its own.</summary>
    private int Parameter(int at, StringBuilder raw, List<string> parts)
    {
        int end = at + 1, number = 0;
        while (end < _lexer.Text.Length && char.IsAsciiDigit(_lexer.Text[end]))
            number = Math.Min((number * 10) + (_lexer.Text[end++] - '0'), 1_000_000);
        if (number < 1 || number > _parameters.Count)
            return end;
        foreach (char c in _parameters[number - 1])
        {
            if (c == ':')
            {
                parts.Add(raw.ToString());
                raw.Clear();
            }
            else
                raw.Append(c);
        }
        return end;
    }
}
