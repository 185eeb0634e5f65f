using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Lang.Seccomp;

/// <summary>A condition as it is written: for whatever width the argument has.</summary>
/// <param name="Index">Which argument, from 0; of conditions by name, -1.</param>
/// <param name="Name">The argument's name, or null.</param>
/// <param name="Operator">The comparison.</param>
/// <param name="Value">What it is compared with.</param>
/// <param name="Mask">The bits that are compared.</param>
/// <param name="Span">Where it stands.</param>
public sealed record ConditionText(int Index, string? Name, SeccompOperator Operator, ulong Value, ulong Mask = ulong.MaxValue, TextSpan Span = default);

/// <summary>A rule as it is written: for calls by name, on every architecture that has them.</summary>
/// <param name="Names">The calls and where each is named.</param>
/// <param name="Action">The answer.</param>
/// <param name="Conditions">All must hold.</param>
/// <param name="Span">Where the rule stands.</param>
public sealed record PolicyStatement(IReadOnlyList<(string Name, TextSpan Span)> Names, SeccompAction Action, IReadOnlyList<ConditionText> Conditions, TextSpan Span)
{
    /// <summary>Whether the calls stand there as members of a group: a rule that names a call goes before.</summary>
    public bool IsGroup { get; init; }
}

/// <summary>How rules become those of one architecture.</summary>
public sealed record PolicyRules
{
    /// <summary>For calls without a rule that applies.</summary>
    public required SeccompAction DefaultAction { get; init; }

    /// <summary>For calls of architectures that are not listed.</summary>
    public SeccompAction OtherArchitectures { get; init; } = SeccompAction.KillProcess;

    /// <summary>The architectures.</summary>
    public required IReadOnlyList<SeccompArchitecture> Architectures { get; init; }

    /// <summary>The rules, in order.</summary>
    public required IReadOnlyList<PolicyStatement> Statements { get; init; }

    /// <summary>What calls get that are newer than all that the rules name; null: the default.</summary>
    public SeccompAction? NewerAction { get; init; }

    /// <summary>
    /// Whether container runtimes' habits hold: unknown names are ignored, rules that say what the default says are dropped, a rule without conditions
    /// decides over all others of its call, and conditions of one rule on the same argument are alternatives.
    /// </summary>
    public bool IsOci { get; init; }

    /// <summary>Whether arguments that the kernel takes as 32 bits are compared as such; otherwise all 64 bits of the register are, as libseccomp does.</summary>
    public bool ComparesWords { get; init; } = true;
}
