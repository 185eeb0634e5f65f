using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Lang.Seccomp;

/// <summary>Policies in C#: rules in order, of which for each call the first that applies decides.</summary>
/// <example><code>
/// SeccompPolicy policy = new SeccompPolicyBuilder(SeccompAction.Errno(1))
///     .Allow("@system-service")
///     .Allow("socket", when => when.Equal("family", 1))
///     .Build(SeccompArchitecture.X86_64);
/// </code></example>
public sealed class SeccompPolicyBuilder
{
    private readonly SeccompAction _default;
    private readonly List<PolicyStatement> _statements = [];
    private SeccompAction _other = SeccompAction.KillProcess;
    private SeccompAction? _newer;

    /// <summary>An empty policy.</summary>
    /// <param name="defaultAction">For calls without a rule that applies.</param>
    public SeccompPolicyBuilder(SeccompAction defaultAction) => _default = defaultAction;

    /// <summary>Allows calls or groups (<c>@basic-io</c>).</summary>
    public SeccompPolicyBuilder Allow(params ReadOnlySpan<string> calls) => Add(SeccompAction.Allow, calls);

    /// <summary>Allows a call under conditions on its arguments.</summary>
    public SeccompPolicyBuilder Allow(string call, Func<SeccompConditions, SeccompConditions> when) => Add(SeccompAction.Allow, call, when);

    /// <summary>Lets calls or groups fail.</summary>
    public SeccompPolicyBuilder Deny(int errno, params ReadOnlySpan<string> calls) => Add(SeccompAction.Errno(errno), calls);

    /// <summary>Any action for calls or groups.</summary>
    public SeccompPolicyBuilder Add(SeccompAction action, params ReadOnlySpan<string> calls)
    {
        foreach (string call in calls)
        {
            bool isGroup = call.StartsWith('@') && SyscallWords.Group(call) is not null;
            IReadOnlyCollection<string> names = isGroup ? SyscallWords.Group(call)! : [call];
            _statements.Add(new PolicyStatement([.. names.Select(name => (name, default(TextSpan)))], action, [], default) { IsGroup = isGroup });
        }
        return this;
    }

    /// <summary>Any action for a call under conditions on its arguments.</summary>
    public SeccompPolicyBuilder Add(SeccompAction action, string call, Func<SeccompConditions, SeccompConditions> when)
    {
        ArgumentNullException.ThrowIfNull(when);
        _statements.Add(new PolicyStatement([(call, default)], action, when(new SeccompConditions([])).All, default));
        return this;
    }

    /// <summary>What calls of other architectures get; the process ends unless told otherwise.</summary>
    public SeccompPolicyBuilder OtherArchitectures(SeccompAction action)
    {
        _other = action;
        return this;
    }

    /// <summary>What calls get that are newer than all that the rules name; the default unless told otherwise.</summary>
    public SeccompPolicyBuilder Newer(SeccompAction action)
    {
        _newer = action;
        return this;
    }

    /// <summary>The policy for architectures.</summary>
    /// <exception cref="ArgumentException">A rule is wrong; the message says which and why.</exception>
    public SeccompPolicy Build(params ReadOnlySpan<SeccompArchitecture> architectures)
    {
        var diagnostics = new List<Diagnostic>();
        var rules = new PolicyRules { DefaultAction = _default, OtherArchitectures = _other, NewerAction = _newer, Architectures = architectures.ToArray(), Statements = _statements };
        return PolicyResolver.Resolve(rules, diagnostics)
            ?? throw new ArgumentException(string.Join("; ", diagnostics.Where(each => each.Severity == Severity.Error).Select(each => each.Hint is null ? each.Message : $"{each.Message} ({each.Hint})")));
    }
}

/// <summary>Conditions on the arguments of one call, by their names in the kernel; all must hold.</summary>
public sealed class SeccompConditions
{
    internal SeccompConditions(IReadOnlyList<ConditionText> all) => All = all;

    internal IReadOnlyList<ConditionText> All { get; }

    /// <summary>The argument is equal to a value.</summary>
    public SeccompConditions Equal(string argument, ulong value) => With(argument, SeccompOperator.Equal, value);

    /// <summary>It differs from a value.</summary>
    public SeccompConditions NotEqual(string argument, ulong value) => With(argument, SeccompOperator.NotEqual, value);

    /// <summary>It lies between two values, both included.</summary>
    public SeccompConditions Between(string argument, ulong low, ulong high) => With(argument, SeccompOperator.GreaterOrEqual, low).With(argument, SeccompOperator.LessOrEqual, high);

    /// <summary>Its bits under a mask are those of a value.</summary>
    public SeccompConditions Masked(string argument, ulong mask, ulong value) => With(argument, SeccompOperator.MaskedEqual, value, mask);

    /// <summary>Any comparison.</summary>
    public SeccompConditions With(string argument, SeccompOperator op, ulong value, ulong mask = ulong.MaxValue) =>
        new([.. All, new ConditionText(-1, argument, op, value, mask)]);
}
