using Hachi.Text;

namespace Hachi.Lang.Trace.Syntax;

/// <summary>The lines that begin with <c>#</c>.</summary>
internal sealed partial class Lexer
{
    private const int ConditionalsMax = 100;

    private readonly List<TextSpan> _conditionals = [];
    private readonly HashSet<string> _defined = new(StringComparer.Ordinal) { "BPFTRACE_HAVE_BTF", "__x86_64__" };
    private int _kept = -1;

    /// <summary>Directives that stay in the script: includes and definitions, in the order of the text.</summary>
    public List<Item> Kept { get; } = [];

    /// <summary>The conditional that nothing closes, or null.</summary>
    public TextSpan? OpenConditional => _conditionals.Count > 0 ? _conditionals[^1] : null;

    private void Directive()
    {
        int start = Position;
        string line = LogicalLine(start, out int end);
        Position = end;
        if (line.StartsWith("#!", StringComparison.Ordinal))
            return;
        (string word, string rest) = Cut(line[1..].TrimStart());
        var span = new TextSpan(start, line.TrimEnd().Length);
        bool isNew = start > _kept;
        switch (word)
        {
            case "include" when isNew:
                Keep(start, new IncludeItem(span, rest));
                break;
            case "define" when isNew:
                Define(start, span, rest);
                break;
            case "undef":
                _defined.Remove(rest.Trim());
                break;
            case "ifdef" or "ifndef" or "if":
                if (isNew)
                    Conditional(start, span, Holds(word, rest));
                else
                    Pass(Holds(word, rest));
                break;
            case "else" or "elif":
                SkipBranch(span, toEnd: true);
                break;
            case "endif":
                if (_conditionals.Count > 0)
                    _conditionals.RemoveAt(_conditionals.Count - 1);
                break;
            case "include" or "define" or "pragma" or "line" or "error" or "warning":
                break;
            default:
                Report(DiagnosticTable.TraceDirective, span, word);
                break;
        }
    }

    private void Keep(int start, Item item)
    {
        _kept = start;
        Kept.Add(item);
    }

    private void Define(int start, TextSpan span, string rest)
    {
        int end = 0;
        while (end < rest.Length && IsNamePart(rest[end]))
            end++;
        string name = rest[..end];
        if (name.Length == 0)
        {
            Report(DiagnosticTable.TraceDirective, span, "define");
            return;
        }
        _defined.Add(name);
        if (end < rest.Length && rest[end] == '(')
            Report(DiagnosticTable.TraceDefineArguments, span, name);
        Keep(start, new DefineItem(span, name, rest[end..].Trim()));
    }

    private void Conditional(int start, TextSpan span, bool holds)
    {
        if (_conditionals.Count >= ConditionalsMax)
        {
            Report(DiagnosticTable.TraceTooDeep, span);
            return;
        }
        _kept = Math.Max(_kept, start);
        _conditionals.Add(span);
        Pass(holds);
    }

    private void Pass(bool holds)
    {
        if (!holds)
            SkipBranch(default, toEnd: false);
    }

    private bool Holds(string word, string rest)
    {
        string condition = rest.Trim();
        if (word != "if")
            return _defined.Contains(condition) == (word == "ifdef");
        bool not = condition.StartsWith('!');
        string inner = condition.TrimStart('!', ' ').Replace("defined", "", StringComparison.Ordinal).Trim('(', ')', ' ');
        bool isTrue = _defined.Contains(inner) || (Value(inner) is { Ok: true } number && number.Value != 0);
        return isTrue != not;
    }

    /// <summary>Passes lines up to the matching <c>#else</c> (when wanted) or <c>#endif</c>.</summary>
    private void SkipBranch(TextSpan span, bool toEnd)
    {
        int depth = 0;
        while (Position < Text.Length)
        {
            int start = Position;
            string line = LogicalLine(start, out int end).TrimStart();
            Position = Math.Min(Text.Length, end + 1);
            if (!line.StartsWith('#'))
                continue;
            string word = Cut(line[1..].TrimStart()).Word;
            if (word is "if" or "ifdef" or "ifndef")
                depth++;
            else if (word == "endif" && depth-- == 0)
            {
                if (_conditionals.Count > 0)
                    _conditionals.RemoveAt(_conditionals.Count - 1);
                return;
            }
            else if (word is "else" or "elif" && depth == 0 && !toEnd)
                return;
        }
        if (span.Length > 0 && _conditionals.Count == 0)
            Report(DiagnosticTable.TraceDirective, span, "else");
    }

    /// <summary>A line with those that a backslash joins to it, comments cut off.</summary>
    private string LogicalLine(int start, out int end)
    {
        end = LineEnd(start);
        while (end > start && end < Text.Length && Text[end - 1] == '\\')
            end = LineEnd(end + 1);
        string line = Text[start..end].Replace("\\\n", " \n", StringComparison.Ordinal).Replace('\n', ' ');
        int comment = line.IndexOf("//", StringComparison.Ordinal);
        int block = line.IndexOf("/*", StringComparison.Ordinal);
        if (block >= 0 && (comment < 0 || block < comment))
        {
            comment = block;
            int close = line.IndexOf("*/", block + 2, StringComparison.Ordinal);
            end = close < 0 ? start + block : end;
        }
        return comment < 0 ? line : line[..comment];
    }

    private static (string Word, string Tail) Cut(string line)
    {
        int end = 0;
        while (end < line.Length && char.IsAsciiLetter(line[end]))
            end++;
        return (line[..end], line[end..].Trim());
    }
}
