using Hachi.Isa;
using Hachi.Text;
using Hachi.Uapi;
using Hachi.Verify;
using Hachi.Verify.Seccomp;

namespace Hachi.Lang.Seccomp.Explain;

/// <summary>Looks for what is known to go wrong with filters: of ours or anybody's, from what the instructions answer, for all calls and arguments.</summary>
public sealed class SeccompAudit
{
    private readonly SeccompSpace _space = new();
    private readonly DecisionDiagram _d;
    private readonly SeccompOutcomes _outcomes;
    private readonly List<Diagnostic> _findings = [];
    private readonly List<SeccompArchitecture> _present = [];
    private int _permitted;

    private SeccompAudit(ClassicProgram program)
    {
        _d = _space.Diagram;
        _outcomes = SeccompMeaning.Follow(program, _space);
    }

    /// <summary>Audits a filter.</summary>
    /// <param name="program">The filter.</param>
    /// <param name="refused">Why its meaning could not be found, or null.</param>
    public static IReadOnlyList<Diagnostic> Run(ClassicProgram program, out string? refused)
    {
        ArgumentNullException.ThrowIfNull(program);
        var audit = new SeccompAudit(program);
        refused = audit._outcomes.Refused;
        if (refused is null)
            audit.Run();
        return audit._findings;
    }

    private void Run()
    {
        foreach ((uint action, int when) in _outcomes.When)
            if (new SeccompAction(action).Permits)
                _permitted = _d.Or(_permitted, when);
        foreach (SeccompArchitecture architecture in SeccompArchitectures.All)
            if (SyscallTable.Of(architecture).All.Any(call => May(architecture, call)))
                _present.Add(architecture);
        Architecture();
        Hole(SeccompArchitecture.X32, DiagnosticTable.AuditX32);
        Hole(SeccompArchitecture.I386, DiagnosticTable.AuditI386);
        foreach (SeccompArchitecture architecture in _present)
        {
            Multiplexers(architecture);
            if (architecture is SeccompArchitecture.X32)
                continue;
            Calls(architecture);
        }
    }

    private void Architecture()
    {
        int others = DecisionDiagram.True;
        foreach (SeccompArchitecture architecture in SeccompArchitectures.All)
            others = _d.And(others, _d.Not(_space.IsEqual(4, architecture.Audit())));
        if (_space.Find(_d.And(_permitted, others)) is { } call)
            Say(DiagnosticTable.AuditArchitecture, call.Architecture, Answer(call));
    }

    /// <summary>Calls that x86_64 does not let pass, whatever the arguments, and the other convention does.</summary>
    private void Hole(SeccompArchitecture other, DiagnosticInfo row)
    {
        if (!_present.Contains(SeccompArchitecture.X86_64) || !_present.Contains(other))
            return;
        var found = new List<string>();
        SeccompData example = default;
        foreach (SyscallInfo call in SyscallTable.Of(SeccompArchitecture.X86_64).All)
        {
            if (May(SeccompArchitecture.X86_64, call) || SyscallTable.Of(other).Find(call.Name) is not { } there || Permitted(other, there) is not { } data)
                continue;
            if (found.Count == 0)
                example = data;
            found.Add(call.Name);
        }
        if (found.Count == 0)
            return;
        SeccompData same = SeccompData.Of(SeccompArchitecture.X86_64, SyscallTable.Of(SeccompArchitecture.X86_64).Find(found[0])!.Number);
        Say(row, Some(found), Answer(example), Answer(same));
    }

    private void Multiplexers(SeccompArchitecture architecture)
    {
        if (architecture != SeccompArchitecture.I386)
            return;
        SyscallTable table = SyscallTable.Of(architecture), native = SyscallTable.Of(SeccompArchitecture.X86_64);
        bool hasNative = _present.Contains(SeccompArchitecture.X86_64);
        foreach ((string multiplexer, string[] calls) in AuditFacts.Multiplexers)
        {
            if (!May(architecture, table.Find(multiplexer)!))
                continue;
            var held = calls.Where(name => (table.Find(name) is { } call && !Always(architecture, call))
                || (hasNative && native.Find(name) is { } same && !Always(SeccompArchitecture.X86_64, same))).ToList();
            if (held.Count > 0)
                Say(DiagnosticTable.AuditMultiplexer, multiplexer, Some(held));
        }
    }

    private void Calls(SeccompArchitecture architecture)
    {
        SyscallTable table = SyscallTable.Of(architecture);
        string at = architecture == _present[0] ? "" : $" ({architecture.Name()})";
        foreach (string[] twins in AuditFacts.Twins)
        {
            SyscallInfo[] there = [.. twins.Select(table.Find).OfType<SyscallInfo>()];
            SyscallInfo? open = Array.Find(there, call => May(architecture, call));
            string[] shut = [.. there.Where(call => !May(architecture, call) && !IsEnosys(architecture, call)).Select(call => call.Name)];
            if (open is not null && shut.Length > 0)
                Say(DiagnosticTable.AuditTwin, open.Name + at, Some(shut));
        }
        foreach ((string name, string why) in AuditFacts.Dangerous)
            if (table.Find(name) is { } call && May(architecture, call))
                Say(DiagnosticTable.AuditDangerous, name + at, why);
        foreach (string name in AuditFacts.Probed)
            if (table.Find(name) is { } call && !May(architecture, call) && AnswerTo(architecture, call) is { Kind: SeccompActionKind.Errno, Data: not SeccompAction.Enosys } answer)
                Say(DiagnosticTable.AuditEperm, name + at, Errno.Name(answer.Data));
        foreach ((string name, string why) in AuditFacts.Needed)
            if (table.Find(name) is { } call && !May(architecture, call))
                Say(DiagnosticTable.AuditNoWayOut, name + at, why);
        foreach (SyscallInfo call in table.All)
            UpperHalves(architecture, call, at);
    }

    private void UpperHalves(SeccompArchitecture architecture, SyscallInfo call, string at)
    {
        if (architecture.Is32Bit() || call.Arguments is null)
            return;
        for (int i = 0; i < call.Arguments.Count; i++)
            if (call.Arguments[i].Is32Bit && _space.DependsOn(_d.And(_permitted, Here(architecture, call)), (uint)(SeccompData.ArgumentsOffset + (8 * i) + 4)))
                Say(DiagnosticTable.AuditUpperHalf, call.Name + at, call.Arguments[i]);
    }

    private int Here(SeccompArchitecture architecture, SyscallInfo call) =>
        _d.And(_space.IsEqual(4, architecture.Audit()), _space.IsEqual(0, architecture.DataNumber(call.Number)));

    private SeccompData? Permitted(SeccompArchitecture architecture, SyscallInfo call) => _space.Find(_d.And(_permitted, Here(architecture, call)));

    private bool May(SeccompArchitecture architecture, SyscallInfo call) => _d.And(_permitted, Here(architecture, call)) != DecisionDiagram.False;

    private bool Always(SeccompArchitecture architecture, SyscallInfo call) => Here(architecture, call) is var here && _d.And(_permitted, here) == here;

    private bool IsEnosys(SeccompArchitecture architecture, SyscallInfo call) => AnswerTo(architecture, call) is { Kind: SeccompActionKind.Errno, Data: SeccompAction.Enosys };

    private SeccompAction AnswerTo(SeccompArchitecture architecture, SyscallInfo call) => Answer(SeccompData.Of(architecture, call.Number));

    private SeccompAction Answer(in SeccompData call)
    {
        int here = _d.And(_space.IsEqual(4, call.Architecture), _space.IsEqual(0, call.Number));
        for (uint offset = SeccompData.ArgumentsOffset; offset < SeccompData.Size && here != DecisionDiagram.False; offset += 4)
            here = _d.And(here, _space.IsEqual(offset, call.Word(offset)));
        foreach ((uint action, int when) in _outcomes.When)
            if (_d.And(when, here) != DecisionDiagram.False)
                return new SeccompAction(action);
        return SeccompAction.KillProcess;
    }

    private static string Some(IReadOnlyList<string> names) =>
        names.Count <= 6 ? string.Join(", ", names) : string.Join(", ", names.Take(5)) + string.Create(null, $" and {names.Count - 5} more");

    private void Say(DiagnosticInfo row, params ReadOnlySpan<object?> args) => _findings.Add(row.At(default, args));
}
