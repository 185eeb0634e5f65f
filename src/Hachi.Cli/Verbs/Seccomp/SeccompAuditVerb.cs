using System.CommandLine;
using Hachi.Isa;
using Hachi.Lang.Seccomp.Explain;
using Hachi.Text;

namespace Hachi.Cli.Verbs.Seccomp;

/// <summary><c>hachi seccomp audit</c>: what is known to go wrong with filters.</summary>
internal sealed class SeccompAuditVerb : IVerb
{
    private readonly Argument<string> _filter = new("POLICY") { Description = "A policy, or a filter; - is standard input" };
    private readonly Option<bool> _json = new("--json") { Description = "One object a finding, a line each" };
    private readonly PolicyInput _input = new();

    public string Name => "audit";

    public string Summary => "Look for what is known to go wrong with filters";

    public string Usage => "seccomp audit POLICY [--arch A,...] [--json]";

    public string Examples => """
        hachi seccomp audit profile.json
        hachi seccomp audit filter.bpf --json
        """;

    public string About => """
        The findings come from what the filter answers, for all calls and all arguments, not from how it is written: a missing check of the architecture,
        x32 and i386 holes, multiplexers, twins of denied calls, dangerous calls, EPERM where C libraries expect ENOSYS, int arguments compared as 64 bits.
        The status is 1 when a finding is an error. hachi explain error ID tells more about each.
        """;

    public void Build(Command command, Shell shell)
    {
        command.Add(_filter);
        _input.AddTo(command);
        command.Add(_json);
        command.SetAction(parse => Run(parse, shell));
    }

    private int Run(ParseResult parse, Shell shell)
    {
        ClassicProgram program = _input.ReadFilter(shell, parse, parse.GetValue(_filter)!, out _, out _);
        IReadOnlyList<Diagnostic> findings = SeccompAudit.Run(program, out string? refused);
        if (refused is not null)
            return shell.Fail($"the filter's meaning could not be found: {refused}", null, ExitStatus.No);
        foreach (Diagnostic finding in findings)
        {
            if (!parse.GetValue(_json))
            {
                shell.Out.WriteLine($"{finding.Severity.ToString().ToLowerInvariant()}: {finding.Message} [{finding.Id}]");
                continue;
            }
            shell.WriteJson(json =>
            {
                json.WriteStartObject();
                json.WriteString("id", finding.Id);
                json.WriteString("severity", finding.Severity.ToString().ToLowerInvariant());
                json.WriteString("message", finding.Message);
                json.WriteEndObject();
            });
        }
        return findings.Any(finding => finding.Severity == Severity.Error) ? ExitStatus.No : ExitStatus.Done;
    }
}
