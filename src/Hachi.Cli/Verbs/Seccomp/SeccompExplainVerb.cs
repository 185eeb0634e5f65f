using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Hachi.Isa;
using Hachi.Lang.Seccomp;
using Hachi.Lang.Seccomp.Explain;
using Hachi.Linux.Sandbox;
using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Cli.Verbs.Seccomp;

/// <summary><c>hachi seccomp explain</c>: what happens to a call, by which rule, and what would allow it.</summary>
internal sealed class SeccompExplainVerb : IVerb
{
    private readonly Argument<string[]> _words = new("POLICY CALL ARG...") { Description = "A policy or a filter (- is standard input; none with --pid); a system call, by name or number; its arguments, 0 where missing", Arity = ArgumentArity.ZeroOrMore };
    private readonly Option<int?> _pid = new("--pid") { Description = "The filters of a running process; without CALL they are listed", HelpName = "N" };
    private readonly Option<bool> _json = new("--json") { Description = "One object an architecture, a line each" };
    private readonly PolicyInput _input = new();

    public string Name => "explain";

    public string Summary => "Say what happens to a call, by which rule, and what would allow it";

    public string Usage => """
        seccomp explain POLICY CALL [ARG...] [--arch A,...] [--json]
        seccomp explain --pid N [CALL [ARG...]] [--json]
        """;

    public string Examples => """
        hachi seccomp explain profile.json socket AF_VSOCK SOCK_STREAM 0
        hachi seccomp explain filter.bpf clone 0x10000000
        hachi seccomp explain profile.json --arch x86_64,i386,x32 personality -- -1
        sudo hachi seccomp explain --pid 4711 openat
        """;

    public void Build(Command command, Shell shell)
    {
        command.Add(_words);
        command.Add(_pid);
        _input.AddTo(command);
        command.Add(_json);
        command.SetAction(parse => Run(parse, shell));
    }

    private int Run(ParseResult parse, Shell shell)
    {
        string[] words = parse.GetValue(_words) ?? [];
        if (parse.GetValue(_pid) is { } pid)
            return ExplainProcess(parse, shell, pid, words);
        if (words.Length < 2)
            throw new CommandException("a policy and a system call are needed", "hachi seccomp explain profile.json socket 40");
        ClassicProgram program = _input.ReadFilter(shell, parse, words[0], out SeccompPolicy? policy, out string text);
        Explain(parse, shell, program, policy, text, words[1], words[2..]);
        return ExitStatus.Done;
    }

    private int ExplainProcess(ParseResult parse, Shell shell, int pid, string[] words)
    {
        IReadOnlyList<ClassicProgram> filters;
        try
        {
            filters = SeccompDump.Read(pid);
        }
        catch (Exception e) when (e is SandboxException or PlatformNotSupportedException)
        {
            throw new CommandException(e.Message, null, ExitStatus.KernelRefused);
        }
        if (filters.Count == 0)
            shell.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"process {pid} has no filter"));
        for (int i = 0; i < filters.Count; i++)
        {
            if (!parse.GetValue(_json))
                shell.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"filter {i + 1} of {filters.Count}{(i == 0 ? ", the newest" : "")}: {filters[i].Length} instructions"));
            if (words.Length == 0)
                shell.Out.Write(SeccompListing.Print(filters[i]));
            else
                Explain(parse, shell, filters[i], null, "", words[0], words[1..]);
        }
        return ExitStatus.Done;
    }

    private void Explain(ParseResult parse, Shell shell, ClassicProgram program, SeccompPolicy? policy, string text, string name, string[] words)
    {
        IEnumerable<SeccompArchitecture> listed = policy?.Architectures.Select(each => each.Architecture) ?? [SeccompArchitecture.X86_64];
        if (listed.Contains(SeccompArchitecture.X86_64)) // whose programs can make the other two's calls as well
            listed = listed.Union([SeccompArchitecture.I386, SeccompArchitecture.X32]);
        SeccompArchitecture[] architectures = [.. _input.Architectures(parse) ?? [.. listed]];
        bool first = true;
        foreach (SeccompArchitecture architecture in architectures)
        {
            if (!first && SyscallTable.Of(architecture).Find(name) is null)
                continue;
            SeccompExplanation explanation = SeccompExplanation.Of(program, policy, PolicyInput.Call(architecture, name, words));
            if (parse.GetValue(_json))
                shell.WriteJson(json => Write(json, explanation, text));
            else
                Write(shell, explanation, program, text);
            first = false;
        }
    }

    private static void Write(Shell shell, SeccompExplanation explanation, ClassicProgram program, string text)
    {
        TextWriter to = shell.Out;
        to.WriteLine($"{SeccompExplanation.Print(explanation.Data)}: {explanation.Action}");
        if (explanation.Verdict is { } verdict)
            to.WriteLine("  " + Reason(verdict, text));
        if (!explanation.Action.Permits && explanation.Allows.Count > 0)
            to.WriteLine("  allowed if " + string.Join("; or if ", explanation.Allows));
        string cache = explanation.IsCached ? "none of them usually: the kernel remembers that this number is always allowed" : "every time";
        to.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {explanation.Path.Count} of {program.Length} instructions, {cache}: {string.Join(' ', explanation.Path)}"));
    }

    /// <summary>Why a policy answers so, with the line that says it.</summary>
    internal static string Reason(SeccompVerdict verdict, string text) => verdict.Reason switch
    {
        SeccompReason.Rule => string.Create(CultureInfo.InvariantCulture, $"by the rule in line {Line(text, verdict.Rule!)}"),
        SeccompReason.NoRule => "no rule names the call: the default",
        SeccompReason.NoRuleApplies => "the call has rules, but none for these arguments: the default",
        SeccompReason.Newer => "the call is newer than every call that the policy names",
        _ => "the policy does not speak of this architecture",
    };

    private static int Line(string text, SeccompRule rule) => text.AsSpan(0, Math.Clamp(rule.Span.Start, 0, text.Length)).Count('\n') + 1;

    private static void Write(Utf8JsonWriter json, SeccompExplanation explanation, string text)
    {
        json.WriteStartObject();
        json.WriteString("arch", explanation.Architecture.Name());
        json.WriteNumber("nr", explanation.Data.Number);
        json.WriteString("call", explanation.Call?.Name);
        json.WriteString("action", explanation.Action.ToString());
        json.WriteBoolean("permits", explanation.Action.Permits);
        json.WriteBoolean("cached", explanation.IsCached);
        if (explanation.Verdict is { } verdict)
        {
            json.WriteString("reason", verdict.Reason.ToString());
            if (verdict.Rule is not null)
                json.WriteNumber("line", Line(text, verdict.Rule));
        }
        json.WriteStartArray("allowed_if");
        foreach (string allow in explanation.Allows)
            json.WriteStringValue(allow);
        json.WriteEndArray();
        json.WriteStartArray("path");
        foreach (int pc in explanation.Path)
            json.WriteNumberValue(pc);
        json.WriteEndArray();
        json.WriteEndObject();
    }
}
