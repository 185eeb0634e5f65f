using System.CommandLine;
using System.Globalization;
using System.Text;
using Hachi.Isa;
using Hachi.Lang.Seccomp;
using Hachi.Lang.Seccomp.Oci;
using Hachi.Linux.Sandbox;
using Hachi.Uapi;

namespace Hachi.Cli.Verbs.Seccomp;

/// <summary><c>hachi seccomp learn</c>: the policy that a command needs.</summary>
internal sealed class SeccompLearnVerb : IVerb
{
    private readonly Option<string?> _merge = new("--merge") { Description = "A profile that was learned before, whose calls are kept", HelpName = "P" };
    private readonly Option<string?> _args = new("--args") { Description = "Calls whose arguments are learned, too: " + string.Join(", ", ProfileWriter.Selectors.Keys.Order(StringComparer.Ordinal)), HelpName = "CALL,..." };
    private readonly Option<int> _runs = new("--runs") { Description = "How often the command is run", DefaultValueFactory = _ => 1, HelpName = "N" };
    private readonly Option<string> _base = new("--base") { Description = "Packs of calls that are always allowed: libc (default), dotnet, none", DefaultValueFactory = _ => "libc", HelpName = "PACK,..." };
    private readonly Option<bool> _keep = new("--as-root") { Description = "Under sudo: run the command as root, not as the user who called sudo" };
    private readonly Option<string> _output = new("-o") { Description = "Where the profile goes; - is standard output", DefaultValueFactory = _ => "-", HelpName = "FILE" };
    private readonly Argument<string[]> _command = new("CMD") { Description = "The command and its arguments, after --", Arity = ArgumentArity.ZeroOrMore };

    public string Name => "learn";

    public string Summary => "Run a command and write the policy that it needs; no root is needed";

    public string Usage => "seccomp learn [--merge P] [--args CALL,...] [--runs N] [--base PACK,...] [-o FILE] -- CMD [ARG...]";

    public string Examples => """
        hachi seccomp learn -o git.json -- git status
        hachi seccomp learn --runs 5 --args socket,prctl -o app.json -- dotnet app.dll
        hachi seccomp learn --merge app.json -o app.json -- dotnet app.dll --other-path
        """;

    public string About => """
        Every call of the command, of its threads and descendants that is not in the base pack (or the merged profile) is seen and let go on. What a run does not do is not learned: run what the program can do,
        and merge. Calls that only some runs made are named on standard error. The command's output goes where hachi's goes: give -o a file.
        """;

    public void Build(Command command, Shell shell)
    {
        foreach (Option option in (Option[])[_merge, _args, _runs, _base, _keep, _output])
            command.Add(option);
        command.Add(_command);
        command.SetAction(parse => Run(parse, shell));
    }

    private int Run(ParseResult parse, Shell shell)
    {
        var arguments = new Dictionary<string, byte>(StringComparer.Ordinal);
        foreach (string name in (parse.GetValue(_args) ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
            arguments[name] = ProfileWriter.Selectors.TryGetValue(name, out byte mask) ? mask : throw new CommandException($"the arguments of '{name}' are not learned", "hachi seccomp learn --help lists the calls");
        var names = new SortedSet<string>(Base(parse.GetValue(_base)!), StringComparer.Ordinal);
        var calls = new List<SeccompData>();
        if (parse.GetValue(_merge) is { } earlier)
            Merge(shell, earlier, names, calls, arguments);
        int runs = parse.GetValue(_runs) is > 0 and var n ? n : throw new CommandException("--runs must be at least 1");
        string[] words = parse.GetValue(_command) ?? [];
        ClassicProgram filter = LearningFilter(names.Except(arguments.Keys));
        var seen = new Dictionary<string, int>(StringComparer.Ordinal);
        int status = 0;
        for (int run = 0; run < runs && !shell.Interrupted.IsCancellationRequested; run++)
        {
            var recorder = new SyscallRecorder(arguments);
            using SandboxedProcess process = ChildCommand.Start(ChildCommand.Of(words, filter, true, parse.GetValue(_keep)));
            int ended = recorder.Watch(process, shell.Interrupted);
            if (process.StartError != 0)
                return shell.Fail($"{words[0]}: {Errno.Name(process.StartError)}: the command could not be started", null, ExitStatus.KernelRefused);
            status = Math.Max(status, ended);
            Collect(recorder, calls, seen);
        }
        // Arguments of calls of the packs are told apart only where they are asked for.
        names.ExceptWith(arguments.Keys);
        string profile = ProfileWriter.Write(calls, arguments, names);
        ProgramFile.Write(shell, parse.GetValue(_output)!, Encoding.UTF8.GetBytes(profile));
        Report(shell, seen, runs, status);
        return ExitStatus.Done;
    }

    /// <summary>Asks for every call that is not in the profile already: those go on at full speed.</summary>
    private static ClassicProgram LearningFilter(IEnumerable<string> known)
    {
        if (!SeccompFilter.IsSupported)
            return SyscallRecorder.Filter;
        var ask = new SeccompAction(SeccompActionKind.UserNotif);
        SeccompPolicy policy = new SeccompPolicyBuilder(ask).OtherArchitectures(ask).Allow([.. known]).Build(SeccompFilter.Native);
        return SeccompCompiler.Compile(policy).Program ?? SyscallRecorder.Filter;
    }

    private static void Collect(SyscallRecorder recorder, List<SeccompData> calls, Dictionary<string, int> seen)
    {
        var here = new HashSet<string>(StringComparer.Ordinal);
        foreach ((SeccompData call, long _) in recorder.Calls)
        {
            calls.Add(call);
            if (SeccompArchitectures.Of(call.Architecture, call.Number) is { } architecture && SyscallTable.Of(architecture).Find((int)(call.Number & ~SeccompArchitectures.X32Bit)) is { } info)
                here.Add(info.Name);
        }
        foreach (string name in here)
            seen[name] = seen.GetValueOrDefault(name) + 1;
    }

    private static void Report(Shell shell, Dictionary<string, int> seen, int runs, int status)
    {
        string line = string.Create(CultureInfo.InvariantCulture, $"learned {seen.Count} calls beyond those that were known, in {runs} {(runs == 1 ? "run" : "runs")}");
        if (status != 0)
            line += string.Create(CultureInfo.InvariantCulture, $"; the command ended with status {status}");
        string[] sometimes = [.. seen.Where(row => row.Value < runs).Select(row => row.Key).Order(StringComparer.Ordinal)];
        if (runs > 1)
            line += sometimes.Length == 0 ? "; every run made the same" : "; not made by every run: " + string.Join(", ", sometimes);
        shell.Error.WriteLine(line);
    }

    private static IEnumerable<string> Base(string packs) =>
        packs.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).SelectMany(pack => pack switch
        {
            "libc" => ProfileWriter.BaseLibc,
            "dotnet" => [.. ProfileWriter.BaseLibc, .. ProfileWriter.BaseDotnet],
            "none" => [],
            _ => throw new CommandException($"there is no pack '{pack}'", "libc, dotnet or none"),
        });

    private static void Merge(Shell shell, string path, SortedSet<string> names, List<SeccompData> calls, Dictionary<string, byte> arguments)
    {
        string text = shell.ReadText(path);
        PolicyReading reading = OciProfile.Read(text, new OciContext { AnswersEnosys = false });
        foreach (Text.Diagnostic diagnostic in reading.Diagnostics.Where(each => each.Severity == Text.Severity.Error))
            shell.Report(diagnostic, text);
        if (reading.Policy is null)
            throw new CommandException($"'{path}' is no profile that can be used");
        if (!ProfileMerge.TryTake(reading.Policy, names, calls, arguments, out string? refused))
            throw new CommandException($"'{path}' has a condition on {refused} that is no equality: it was not learned", "merge profiles that learn has written");
    }
}
