using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Hachi.Isa;
using Hachi.Lang.Seccomp;
using Hachi.Lang.Seccomp.Compile;
using Hachi.Text;
using Hachi.Verify.Seccomp;

namespace Hachi.Cli.Verbs.Seccomp;

/// <summary><c>hachi seccomp compile</c>: a policy to a proven filter.</summary>
internal sealed class SeccompCompileVerb : IVerb
{
    private readonly Argument<string> _policy = new("POLICY") { Description = "The policy; - is standard input" };
    private readonly PolicyInput _input = new();
    private readonly Option<string?> _weights = new("--weights") { Description = "How often calls are made: a name and a count a line", HelpName = "FILE" };
    private readonly Option<string?> _to = new("--to") { Description = "Form of the filter: raw (an array of struct sock_filter), asm, d, dd, ddd, json; d on a terminal", HelpName = "FORM" };
    private readonly Option<string> _output = new("-o") { Description = "Where it goes; - is standard output", DefaultValueFactory = _ => "-", HelpName = "FILE" };

    public string Name => "compile";

    public string Summary => "Compile a policy to a filter, and prove it";

    public string Usage => "seccomp compile POLICY [--arch A,...] [--caps CAP,...] [--kernel V] [--weights FILE] [--to raw|asm|d|dd|ddd|json] [-o FILE]";

    public string Examples => """
        hachi seccomp compile profile.json                      the filter as text
        hachi seccomp compile profile.json --to raw -o f.bpf    for seccomp(2), bwrap --seccomp, systemd-nspawn ...
        strace -fc program 2>&1 | awk '...' > w && hachi seccomp compile profile.json --weights w
        """;

    public string About => """
        The filter is compared with the policy for every call, every architecture and all arguments before it is written; if they differ nothing is, and
        the status is 1. Without options a profile is resolved as Docker does for a container with its default capabilities.
        """;

    public void Build(Command command, Shell shell)
    {
        _to.AcceptOnlyFromAmong("raw", "asm", "d", "dd", "ddd", "json");
        command.Add(_policy);
        _input.AddTo(command);
        foreach (Option option in (Option[])[_weights, _to, _output])
            command.Add(option);
        command.SetAction(parse => Run(parse, shell));
    }

    private int Run(ParseResult parse, Shell shell)
    {
        SeccompPolicy policy = _input.ReadPolicy(shell, parse, parse.GetValue(_policy)!, out _);
        ClassicProgram program = PolicyInput.Compile(shell, policy, Weights(shell, parse.GetValue(_weights)));
        SeccompEquality proof = SeccompProver.Prove(policy, program);
        if (!proof.AreEqual)
            return shell.Fail($"the filter could not be proven: {proof.Refused ?? "it differs from the policy"}", "please report this with the policy", ExitStatus.No);
        string form = parse.GetValue(_to) ?? (parse.GetValue(_output) == "-" ? "d" : "raw");
        byte[] bytes = form == "json" ? Json(program) : ProgramFile.Classic(program.Insns, form);
        ProgramFile.Write(shell, parse.GetValue(_output)!, bytes);
        shell.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"proved: {program.Length} instructions answer every call as the policy does"));
        return ExitStatus.Done;
    }

    private static SeccompWeights? Weights(Shell shell, string? path)
    {
        if (path is null)
            return null;
        string text = shell.ReadText(path);
        var diagnostics = new List<Diagnostic>();
        SeccompWeights? weights = SeccompWeights.Parse(text, diagnostics);
        foreach (Diagnostic diagnostic in diagnostics)
            shell.Report(diagnostic, text);
        return weights ?? throw new CommandException($"'{path}' is no frequency file");
    }

    private static byte[] Json(ClassicProgram program)
    {
        var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            json.WriteStartArray("insns");
            foreach (ClassicInsn insn in program.Insns)
            {
                json.WriteStartArray();
                json.WriteNumberValue(insn.Code);
                json.WriteNumberValue(insn.Jt);
                json.WriteNumberValue(insn.Jf);
                json.WriteNumberValue(insn.K);
                json.WriteEndArray();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        return [.. stream.ToArray(), .. Encoding.ASCII.GetBytes("\n")];
    }
}
