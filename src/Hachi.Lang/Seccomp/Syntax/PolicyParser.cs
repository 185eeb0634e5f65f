using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Lang.Seccomp.Syntax;

/// <summary>Statements of a policy. After an error the next line is read, so that one reading tells of all errors.</summary>
internal sealed partial class PolicyParser
{
    private static readonly string[] s_words = ["allow", "log", "deny", "errno", "kill", "kill-process", "kill-thread", "trap", "notify", "trace", "default", "other-arch", "newer", "arch"];

    private readonly PolicyLexer _lexer;
    private readonly List<Diagnostic> _diagnostics;
    private readonly List<PolicyStatement> _statements = [];
    private readonly HashSet<string> _once = [];
    private PolicyToken _token;
    private SeccompAction? _default, _other, _newer;
    private List<SeccompArchitecture>? _architectures;
    private bool _failed;

    public PolicyParser(string text, List<Diagnostic> diagnostics)
    {
        _lexer = new PolicyLexer(text);
        _diagnostics = diagnostics;
        _token = _lexer.Next();
    }

    public PolicyRules? Parse(IReadOnlyList<SeccompArchitecture> architectures)
    {
        while (_token.Kind != PolicyTokenKind.End && _diagnostics.Count < Isa.Limits.DiagnosticsMax)
        {
            if (_token.Kind != PolicyTokenKind.LineEnd)
            {
                _failed = false;
                Statement();
                if (!_failed && _token.Kind is not (PolicyTokenKind.LineEnd or PolicyTokenKind.End))
                    Expected("the end of the line");
                while (_token.Kind is not (PolicyTokenKind.LineEnd or PolicyTokenKind.End))
                    Next();
            }
            _lexer.Reset();
            if (_token.Kind == PolicyTokenKind.LineEnd)
                Next();
        }
        if (_default is not { } normal)
        {
            if (!_once.Contains("default")) // (otherwise it has been said what is wrong with it)
                Say(DiagnosticTable.PolicyNoDefault.At(default));
            return null;
        }
        return new PolicyRules
        {
            DefaultAction = normal,
            OtherArchitectures = _other ?? SeccompAction.KillProcess,
            NewerAction = _newer,
            Architectures = _architectures ?? architectures,
            Statements = _statements,
        };
    }

    private void Statement()
    {
        PolicyToken word = _token;
        if (word.Kind == PolicyTokenKind.Word && word.Text is "default" or "other-arch" or "newer" or "arch" && !_once.Add(word.Text))
            Fail(DiagnosticTable.PolicyTwice.At(word.Span, word.Text));
        switch (word.Text)
        {
            case "default" when !_failed:
                Next();
                _default = Action();
                break;
            case "other-arch" when !_failed:
                Next();
                _other = Action();
                break;
            case "newer" when !_failed:
                Next();
                _newer = Action();
                break;
            case "arch" when !_failed:
                Next();
                Architectures();
                break;
            default:
                if (Action() is { } action)
                    Calls(action);
                break;
        }
    }

    private void Architectures()
    {
        _architectures = [];
        do
        {
            PolicyToken name = _token;
            if (name.Kind != PolicyTokenKind.Word)
            {
                Expected("an architecture");
                return;
            }
            Next();
            if (SeccompArchitectures.Parse(name.Text) is not { } architecture)
            {
                Fail(DiagnosticTable.PolicyUnknownArchitecture.AtWithHint(name.Span, "x86_64, i386, x32 or aarch64", name.Text));
                return;
            }
            _architectures.Add(architecture);
        }
        while (Take(","));
    }

    private SeccompAction? Action()
    {
        PolicyToken word = _token;
        if (word.Kind == PolicyTokenKind.Word)
            Next();
        switch (word.Text)
        {
            case "allow":
                return SeccompAction.Allow;
            case "log":
                return new SeccompAction(SeccompActionKind.Log);
            case "deny":
                return SeccompAction.Errno(SeccompAction.Eperm);
            case "errno":
                return ErrnoAction();
            case "kill" or "kill-process":
                return SeccompAction.KillProcess;
            case "kill-thread":
                return SeccompAction.KillThread;
            case "trap":
                return new SeccompAction(SeccompActionKind.Trap);
            case "notify":
                return new SeccompAction(SeccompActionKind.UserNotif);
            case "trace":
                PolicyToken number = _token;
                if (number.Kind != PolicyTokenKind.Number || number.Value > ushort.MaxValue)
                {
                    Expected("a number of 16 bits");
                    return null;
                }
                Next();
                return new SeccompAction(SeccompActionKind.Trace, (int)number.Value);
            default:
                string? near = word.Kind == PolicyTokenKind.Word ? Nearest.To(word.Text, s_words) : null;
                Fail(DiagnosticTable.PolicyUnknownWord.AtWithHint(word.Span, near is null ? null : $"did you mean {near}?", word.Name));
                return null;
        }
    }

    private SeccompAction? ErrnoAction()
    {
        PolicyToken name = _token;
        int? errno = name.Kind == PolicyTokenKind.Word ? Errno.Number(name.Text) : name is { Kind: PolicyTokenKind.Number, Value: <= SeccompAction.ErrnoMax } ? (int)name.Value : null;
        if (errno is not { } number)
        {
            string? near = name.Kind == PolicyTokenKind.Word ? Nearest.To(name.Text, Errno.Names) : null;
            Fail(DiagnosticTable.PolicyUnknownErrno.AtWithHint(name.Span, near is null ? null : $"did you mean {near}?", name.Name));
            return null;
        }
        Next();
        return SeccompAction.Errno(number);
    }

    private void Calls(SeccompAction action)
    {
        do
        {
            PolicyToken name = _token;
            if (name.Kind != PolicyTokenKind.Word)
            {
                Expected("a system call or a group");
                return;
            }
            Next();
            bool isGroup = name.Text[0] == '@';
            if (isGroup && !AddGroup(action, name))
                return;
            if (!_token.Is("("))
            {
                if (!isGroup)
                    _statements.Add(new PolicyStatement([(name.Text, name.Span)], action, [], name.Span));
                continue;
            }
            if (isGroup)
            {
                Fail(DiagnosticTable.PolicyGroupConditions.At(_token.Span));
                return;
            }
            Next();
            List<List<ConditionText>>? alternatives = Alternatives();
            if (alternatives is null)
                return;
            if (!Take(")"))
            {
                Expected("'and', 'or' or ')'");
                return;
            }
            foreach (List<ConditionText> conditions in alternatives)
                _statements.Add(new PolicyStatement([(name.Text, name.Span)], action, conditions, name.Span));
        }
        while (!_failed && Take(","));
    }

    private bool AddGroup(SeccompAction action, PolicyToken name)
    {
        if (SyscallWords.Group(name.Text) is not { } calls)
        {
            string? near = Nearest.To(name.Text, SyscallWords.Groups);
            Fail(DiagnosticTable.PolicyUnknownGroup.AtWithHint(name.Span, near is null ? null : $"did you mean {near}?", name.Text));
            return false;
        }
        _statements.Add(new PolicyStatement([.. calls.Select(call => (call, name.Span))], action, [], name.Span) { IsGroup = true });
        return true;
    }

    private void Next() => _token = _lexer.Next();

    private bool Take(string sign)
    {
        if (!_token.Is(sign))
            return false;
        Next();
        return true;
    }

    private void Expected(string what) => Fail(DiagnosticTable.PolicyExpected.At(_token.Span, what, _token.Name));

    private void Fail(Diagnostic diagnostic)
    {
        if (!_failed)
            Say(diagnostic);
        _failed = true;
    }

    private void Say(Diagnostic diagnostic)
    {
        if (_diagnostics.Count < Isa.Limits.DiagnosticsMax)
            _diagnostics.Add(diagnostic);
    }
}
