using System.CommandLine;
using System.Runtime.InteropServices;
using Hachi.Isa;
using Hachi.Lang.Seccomp;
using Hachi.Lang.Seccomp.Explain;
using Hachi.Linux.Sandbox;
using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Cli.Verbs.Seccomp;

/// <summary><c>hachi seccomp run</c>: a command under a policy.</summary>
internal sealed class SeccompRunVerb : IVerb
{
    private readonly Option<string> _profile = new("--profile", "-p") { Description = "The policy, or a filter", Required = true, HelpName = "P" };
    private readonly Option<bool> _explain = new("--explain-denied") { Description = "Say on standard error which calls are denied, by which rule, and what would allow them" };
    private readonly Option<bool> _log = new("--log") { Description = "Let the kernel log what is denied (its audit log)" };
    private readonly Option<bool> _audit = new("--audit") { Description = "Deny nothing: what would be denied is made, and logged by the kernel" };
    private readonly Option<bool> _keep = new("--as-root") { Description = "Under sudo: run the command as root, not as the user who called sudo" };
    private readonly Argument<string[]> _command = new("CMD") { Description = "The command and its arguments, after --", Arity = ArgumentArity.ZeroOrMore };
    private readonly PolicyInput _input = new();

    public string Name => "run";

    public string Summary => "Run a command under a policy; no root is needed";

    public string Usage => "seccomp run --profile P [--explain-denied] [--log] [--audit] -- CMD [ARG...]";

    public string Examples => """
        hachi seccomp run --profile profile.json -- ./server
        hachi seccomp run --profile profile.json --explain-denied -- git status
        """;

    public string About => """
        The command gets no_new_privs and the filter, which it and its descendants cannot take off. hachi's status is the command's (128 + N for signal N).
        With --explain-denied denied calls are brought to hachi, which says what they were and answers as the policy does; nothing that is denied is let pass.
        Calls that the policy notifies of are brought to hachi in any case: it says what they were and answers ENOSYS.
        """;

    public void Build(Command command, Shell shell)
    {
        foreach (Option option in (Option[])[_profile, _explain, _log, _audit, _keep])
            command.Add(option);
        _input.AddTo(command);
        command.Add(_command);
        command.SetAction(parse => Run(parse, shell));
    }

    private int Run(ParseResult parse, Shell shell)
    {
        ClassicProgram program = _input.ReadFilter(shell, parse, parse.GetValue(_profile)!, out SeccompPolicy? policy, out string text);
        string[] words = parse.GetValue(_command) ?? [];
        if (parse.GetValue(_audit))
            program = Permissive(program);
        shell.Out.Flush();
        // Ctrl-C goes to the command as well; what becomes of it decides.
        using PosixSignalRegistration ignored = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => context.Cancel = true);
        bool explains = parse.GetValue(_explain);
        if (!explains && !SeccompSupervisor.IsNeeded(program))
        {
            using SandboxedProcess process = ChildCommand.Start(ChildCommand.Of(words, program, false, parse.GetValue(_keep)) with { LogsDenied = parse.GetValue(_log) });
            return process.Wait();
        }
        var supervisor = new SeccompSupervisor(program, onlyNotified: !explains);
        using SandboxedProcess watched = ChildCommand.Start(ChildCommand.Of(words, supervisor.Filter, true, parse.GetValue(_keep)) with { LogsDenied = parse.GetValue(_log) });
        var said = new HashSet<string>(StringComparer.Ordinal);
        int status = supervisor.Run(watched, denied => Say(shell, denied, program, policy, text, said));
        return watched.StartError == 0 ? status : shell.Fail($"{words[0]}: {Errno.Name(watched.StartError)}: the command could not be started", null, ExitStatus.KernelRefused);
    }

    private static void Say(Shell shell, DeniedCall denied, ClassicProgram program, SeccompPolicy? policy, string text, HashSet<string> said)
    {
        SeccompExplanation explanation = SeccompExplanation.Of(program, policy, denied.Data);
        string call = SeccompExplanation.Print(denied.Data);
        foreach ((int index, string value) in denied.Strings)
            call += $", {explanation.Call?.Arguments?[index].Name ?? "arg"} points to \"{Escaper.Escape(value)}\"";
        string line = $"{call}: {denied.Action}";
        if (!said.Add(line))
            return;
        shell.Error.WriteLine((denied.Action.Kind == SeccompActionKind.UserNotif ? "notified: " : "denied: ") + line);
        if (explanation.Verdict is { } verdict)
            shell.Error.WriteLine("  " + SeccompExplainVerb.Reason(verdict, text));
        if (Remedy(explanation, text) is { } remedy)
            shell.Error.WriteLine("  " + remedy);
    }

    private static string? Remedy(SeccompExplanation explanation, string text)
    {
        SeccompRule? rule = explanation.Verdict?.Rule;
        string name = explanation.Call?.Name ?? "the call";
        if (!PolicyInput.IsProfile(text))
        {
            if (explanation.SuggestedLine() is { } line)
                return $"this line{(rule is null ? "" : " in front of it")} allows it: {line}";
            return rule is null ? null : $"to allow it, take {name} out of that line";
        }
        if (rule is not null)
            return $"to allow it, take \"{name}\" out of the names of that entry, and allow it in one of its own where the default does not";
        return explanation.SuggestedEntry() is { } entry ? $"this entry of syscalls allows it: {entry}" : null;
    }

    /// <summary>The same filter, with LOG for all that is not allowed.</summary>
    private static ClassicProgram Permissive(ClassicProgram program)
    {
        ClassicInsn[] insns = program.Insns.ToArray();
        for (int i = 0; i < insns.Length; i++)
            if (insns[i].Code == (ClassicOpcode.Ret | ClassicOpcode.K) && !new SeccompAction(insns[i].K).Permits)
                insns[i] = insns[i] with { K = (uint)SeccompActionKind.Log };
        return new ClassicProgram(insns);
    }
}
