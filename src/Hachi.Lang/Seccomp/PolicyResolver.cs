using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Lang.Seccomp;

/// <summary>Turns rules by name into a <see cref="SeccompPolicy"/> of numbers, and finds what contradicts itself.</summary>
public sealed class PolicyResolver
{
    private const int SocketCallBase = 1, SuggestionsMax = 1000;

    // socketcall's first argument: linux/net.h, SYS_SOCKET = 1 and on; accept4 and the two *mmsg calls close the list.
    private static readonly string[] s_socketCalls =
    [
        "socket", "bind", "connect", "listen", "accept", "getsockname", "getpeername", "socketpair", "send", "recv", "sendto", "recvfrom", "shutdown",
        "setsockopt", "getsockopt", "sendmsg", "recvmsg", "accept4", "recvmmsg", "sendmmsg",
    ];

    // ipc's first argument: linux/ipc.h.
    private static readonly Dictionary<string, ulong> s_ipcCalls = new(StringComparer.Ordinal)
    {
        ["semop"] = 1,
        ["semget"] = 2,
        ["semctl"] = 3,
        ["semtimedop"] = 4,
        ["msgsnd"] = 11,
        ["msgrcv"] = 12,
        ["msgget"] = 13,
        ["msgctl"] = 14,
        ["shmat"] = 21,
        ["shmdt"] = 22,
        ["shmget"] = 23,
        ["shmctl"] = 24,
    };

    private readonly PolicyRules _rules;
    private readonly List<Diagnostic> _diagnostics;
    private readonly HashSet<(string Id, TextSpan Span)> _said = [];

    private PolicyResolver(PolicyRules rules, List<Diagnostic> diagnostics)
    {
        _rules = rules;
        _diagnostics = diagnostics;
    }

    /// <summary>Resolves rules; null when a diagnostic is an error.</summary>
    /// <param name="rules">The rules.</param>
    /// <param name="diagnostics">What there is to say is added here.</param>
    public static SeccompPolicy? Resolve(PolicyRules rules, List<Diagnostic> diagnostics)
    {
        ArgumentNullException.ThrowIfNull(rules);
        ArgumentNullException.ThrowIfNull(diagnostics);
        int before = diagnostics.Count;
        var resolver = new PolicyResolver(rules, diagnostics);
        resolver.CheckNames();
        var policies = new List<SeccompArchitecturePolicy>();
        foreach (SeccompArchitecture architecture in rules.Architectures.Distinct())
            policies.Add(resolver.Resolve(architecture));
        for (int i = before; i < diagnostics.Count; i++)
            if (diagnostics[i].Severity == Severity.Error)
                return null;
        return new SeccompPolicy(rules.DefaultAction, rules.OtherArchitectures, policies);
    }

    private void CheckNames()
    {
        foreach (PolicyStatement statement in _rules.Statements)
        {
            foreach ((string name, TextSpan span) in statement.Names)
            {
                if (SyscallTable.IsKnown(name))
                    continue;
                string? near = Nearest.To(name, SyscallTable.Names.Take(SuggestionsMax));
                string? hint = near is null ? null : $"did you mean {near}?";
                Say((_rules.IsOci ? DiagnosticTable.SeccompIgnoredCall : DiagnosticTable.SeccompUnknownCall).AtWithHint(span, hint, name));
            }
        }
    }

    private SeccompArchitecturePolicy Resolve(SeccompArchitecture architecture)
    {
        SyscallTable table = SyscallTable.Of(architecture);
        var rules = new Dictionary<int, (SyscallInfo Info, List<SeccompRule> Rules)>();
        int last = -1;
        foreach (PolicyStatement statement in _rules.Statements)
        {
            foreach ((string name, TextSpan span) in statement.Names)
            {
                if (architecture == SeccompArchitecture.I386)
                    AddMultiplexed(table, rules, statement, name, span);
                if (table.Find(name) is not { } call)
                    continue;
                last = Math.Max(last, call.Number);
                Add(rules, call, statement, Conditions(statement, call, architecture), span);
            }
        }
        var calls = new Dictionary<int, SeccompCall>();
        foreach ((int number, (SyscallInfo info, List<SeccompRule> all)) in rules)
        {
            List<SeccompRule> kept = Settle(info, all);
            if (kept.Count > 0)
                calls.Add(number, new SeccompCall(info, kept));
        }
        (int, SeccompAction)? newer = _rules.NewerAction is { } action && last >= 0 ? (last, action) : null;
        return new SeccompArchitecturePolicy(architecture, calls, newer);
    }

    private void Add(Dictionary<int, (SyscallInfo Info, List<SeccompRule> Rules)> rules, SyscallInfo call, PolicyStatement statement, List<SeccompCondition> conditions, TextSpan span)
    {
        if (_rules.IsOci && statement.Action == _rules.DefaultAction)
            return;
        if (conditions.Count != statement.Conditions.Count)
            return; // a condition was wrong, and that has been said
        if (!rules.TryGetValue(call.Number, out (SyscallInfo Info, List<SeccompRule> Rules) row))
            rules.Add(call.Number, row = (call, []));
        bool alternatives = _rules.IsOci && conditions.Select(condition => condition.Index).Distinct().Count() < conditions.Count;
        if (!alternatives)
        {
            row.Rules.Add(new SeccompRule(statement.Action, conditions, span) { IsOfGroup = statement.IsGroup });
            return;
        }
        foreach (SeccompCondition condition in conditions)
            row.Rules.Add(new SeccompRule(statement.Action, [condition], span));
    }

    private void AddMultiplexed(SyscallTable table, Dictionary<int, (SyscallInfo Info, List<SeccompRule> Rules)> rules, PolicyStatement statement, string name, TextSpan span)
    {
        int socket = Array.IndexOf(s_socketCalls, name);
        bool isIpc = s_ipcCalls.TryGetValue(name, out ulong number);
        if (socket < 0 && !isIpc)
            return;
        string multiplexer = isIpc ? "ipc" : "socketcall";
        if (!isIpc)
            number = (ulong)(socket + SocketCallBase);
        if (statement.Conditions.Count > 0)
        {
            Say(DiagnosticTable.SeccompMultiplexed.At(span, name, multiplexer));
            return;
        }
        var condition = new SeccompCondition(0, SeccompOperator.Equal, number, IsWord: true);
        if (_rules.IsOci && statement.Action == _rules.DefaultAction)
            return;
        SyscallInfo call = table.Find(multiplexer)!;
        if (!rules.TryGetValue(call.Number, out (SyscallInfo Info, List<SeccompRule> Rules) row))
            rules.Add(call.Number, row = (call, []));
        row.Rules.Add(new SeccompRule(statement.Action, [condition], span) { IsOfGroup = statement.IsGroup });
    }

    private List<SeccompCondition> Conditions(PolicyStatement statement, SyscallInfo call, SeccompArchitecture architecture)
    {
        var conditions = new List<SeccompCondition>(statement.Conditions.Count);
        foreach (ConditionText text in statement.Conditions)
        {
            int index = text.Index;
            if (text.Name is not null)
                index = call.Arguments is null ? -1 : call.Arguments.ToList().FindIndex(argument => argument.Name == text.Name);
            bool isKnown = call.Arguments is not null;
            if (index < 0 || index >= SeccompData.ArgumentsMax || (isKnown && index >= call.Arguments!.Count && !_rules.IsOci))
            {
                string? near = text.Name is null || !isKnown ? null : Nearest.To(text.Name, call.Arguments!.Select(argument => argument.Name));
                string has = !isKnown ? "no known arguments" : call.Arguments!.Count == 0 ? "no arguments" : string.Join(", ", call.Arguments);
                Say(DiagnosticTable.SeccompArgumentCount.AtWithHint(text.Span, near is null ? null : $"did you mean {near}?", call.Name, has, text.Name ?? index.ToString(null, null)));
                continue;
            }
            SyscallArgument? argument = isKnown && index < call.Arguments!.Count ? call.Arguments[index] : null;
            bool isWord = architecture.Is32Bit() || (_rules.ComparesWords && argument is { Is32Bit: true });
            SeccompCondition condition = new SeccompCondition(index, text.Operator, text.Value, text.Mask).ForWidth(isWord);
            if ((condition.Operator == SeccompOperator.MaskedEqual && (condition.Value & ~condition.Mask) != 0)
                || (condition.IsWord && condition.Operator == SeccompOperator.Equal && condition.Value > uint.MaxValue))
                Say(DiagnosticTable.SeccompNeverHolds.At(text.Span));
            if (argument is { IsPointer: true } && !_rules.IsOci && condition.Value != 0)
                Say(DiagnosticTable.SeccompPointerArgument.At(text.Span, argument.Value.Name, call.Name));
            conditions.Add(condition);
        }
        return conditions;
    }

    /// <summary>Orders the rules of one call so that the first one that applies decides, and says where they contradict each other.</summary>
    private List<SeccompRule> Settle(SyscallInfo call, List<SeccompRule> rules)
    {
        // A rule that names the call goes before one that names its group.
        rules = [.. rules.Where(rule => !rule.IsOfGroup), .. rules.Where(rule => rule.IsOfGroup)];
        if (rules.FindIndex(rule => rule.Conditions.Count == 0) is >= 0 and var decides && !rules[decides].IsOfGroup)
            rules.RemoveAll(rule => rule.IsOfGroup);
        SeccompRule? always = rules.Find(rule => rule.Conditions.Count == 0);
        foreach (SeccompRule rule in rules)
        {
            SeccompRule first = rules.First(other => other.Conditions.SequenceEqual(rule.Conditions));
            if (first.Action != rule.Action)
                Say(DiagnosticTable.SeccompContradiction.At(rule.Span, call.Name, rule.Action, first.Action));
        }
        if (always is null)
            return rules;
        if (_rules.IsOci)
            return [always];
        int at = rules.IndexOf(always);
        for (int i = at + 1; i < rules.Count; i++)
            if (rules[i].Conditions.Count > 0)
                Say(DiagnosticTable.SeccompShadowed.At(rules[i].Span, call.Name));
        return rules[..(at + 1)];
    }

    /// <summary>Adds a diagnostic, once for each place.</summary>
    private void Say(Diagnostic diagnostic)
    {
        if (_diagnostics.Count < Isa.Limits.DiagnosticsMax && _said.Add((diagnostic.Id, diagnostic.Span)))
            _diagnostics.Add(diagnostic);
    }
}
