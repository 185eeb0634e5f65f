using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using Hachi.Cli.Verbs.Tracing;
using Hachi.Lang.Trace.Check;
using Hachi.Lang.Trace.Lower;
using Hachi.Linux;
using Hachi.Linux.Kernel;
using Hachi.Linux.Run;
using Hachi.Linux.Symbols;
using Hachi.Object;
using Hachi.Object.Plan;
using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Cli.Verbs;

/// <summary><c>hachi trace</c>: runs a script of the tracing language.</summary>
internal sealed class TraceVerb : IVerb
{
    private readonly Argument<string[]> _words = new("ARGS") { Description = "The script's file (without -e), then its parameters", Arity = ArgumentArity.ZeroOrMore };
    private readonly Option<string[]> _script = new("-e") { Description = "The script itself", HelpName = "SCRIPT" };
    private readonly Option<string?> _command = new("-c") { Description = "Run this command and trace it from its first instruction", HelpName = "COMMAND" };
    private readonly Option<string?> _pid = new("-p", "--pid") { Description = "Trace this process only", HelpName = "PID" };
    private readonly Option<string> _format = new("-f") { Description = "text, json or csv", DefaultValueFactory = _ => "text", HelpName = "FORMAT" };
    private readonly Option<string?> _output = new("-o") { Description = "Write results to this file", HelpName = "FILE" };
    private readonly Option<string?> _buffering = new("-B") { Description = "none, line or full: taken for compatibility", HelpName = "MODE" };
    private readonly Option<bool> _quiet = new("-q") { Description = "Say nothing of what is attached" };
    private readonly Option<bool> _verbose = new("-v") { Description = "Say what the scripts use" };
    private readonly Option<bool> _errors = new("-k") { Description = "Tell errors of helper functions" };
    private readonly Option<bool> _unsafe = new("--unsafe") { Description = "Allow functions that change the system" };
    private readonly Option<bool> _noWarnings = new("--no-warnings") { Description = "Leave warnings out" };
    private readonly Option<string[]> _include = new("--include") { Description = "Taken for compatibility: headers are not needed", HelpName = "FILE" };
    private readonly Option<string?> _mode = new("--mode") { Description = "bench: run the bench probes and tell what a run takes", HelpName = "MODE" };
    private readonly Option<string?> _filter = new("--probe-filter") { Description = "Attach only the probes that match this regular expression", HelpName = "REGEX" };
    private readonly Option<string?>[] _ignored =
    [
        new("--debuginfo") { Description = "Taken for compatibility: DWARF is not read", HelpName = "PATH" }, new("--traceable-functions") { Description = "A file with the functions that can be traced, instead of the kernel's list", HelpName = "FILE" },
        new("--no-feature") { Description = "Taken for compatibility", HelpName = "NAMES" }, new("-I") { Description = "Taken for compatibility: headers are not needed", HelpName = "FOLDER" },
    ];
    private readonly Option<bool> _activation = new("--usdt-file-activation") { Description = "Taken for compatibility: semaphores are always raised" };
    private readonly Option<bool> _info = new("--info") { Description = "Tell what this kernel can do" };
    private readonly Option<bool> _list = new("-l", "--list") { Description = "List the probes that match a pattern" };
    private readonly Option<bool> _check = new("--check") { Description = "Compile, verify and load the script; attach nothing" };
    private readonly Option<bool> _explain = new("--explain") { Description = "Say of each probe what it is, how often it may fire, what it costs; attach nothing" };
    private readonly Option<bool> _dryRun = new("--dry-run") { Description = "Only the costs: instructions, nanoseconds; attach nothing" };
    private readonly Option<bool> _top = new("--top") { Description = "Draw the maps every second, the largest entries first" };
    private readonly Option<bool> _csv = new("--csv") { Description = "Write comma-separated values (-f csv)" };
    private readonly Option<bool> _plan = new("--print") { Description = "Print the programs, maps and plan that the script makes" };
    private readonly Option<string?> _flame = new("--flame") { Description = "At the end, draw the stacks that maps are counted by as a flame graph (SVG)", HelpName = "FILE" };
    private readonly Option<bool> _dotnet = new("--dotnet") { Description = "Ask the .NET process given by -p or -c to tell the names of its methods (it writes /tmp/perf-PID.map)" };
    private readonly Option<bool> _fmt = new("--fmt") { Description = "Print the script in one style" };

    public string Name => "trace";

    public string Summary => "Trace the system with a script in bpftrace's language";

    public string Usage => """
        trace -e SCRIPT [PARAMETER...]
        trace FILE [PARAMETER...]
        trace -l [PATTERN] [-v]
        """;

    public string? About => """
        The language is bpftrace's: probes with blocks of statements. Scripts that are written for it run as they are. Named parameters follow -- as --name=value.
        --check and --print need no rights beyond loading programs, or none.
        """;

    public string Examples => """
        hachi trace --print -e 'BEGIN { printf("hello\n"); exit(); }'     what the script becomes
        hachi trace --fmt -e 'BEGIN{@=count()}'                           the same script, laid out
        hachi trace -e 'BEGIN { printf("%d\n", 6 * 7); exit(); }'         run it
        hachi trace -l 't:syscalls:sys_enter_open*' -v                    probes, with their arguments
        """;

    public void Build(Command command, Shell shell)
    {
        command.Add(_words);
        foreach (Option option in (Option[])[_mode, _filter, .. _ignored, _activation, _info, _script, _command, _pid, _format, _output, _buffering, _quiet, _verbose, _errors, _unsafe, _noWarnings, _include, _list, _check, _explain, _dryRun, _top, _csv, _plan, _flame, _dotnet, _fmt])
            command.Add(option);
        command.SetAction(parse => Run(parse, shell));
    }

    private int Run(ParseResult parse, Shell shell)
    {
        string[] words = parse.GetValue(_words) ?? [];
        int pid = 0;
        if (parse.GetValue(_pid) is string given && (!int.TryParse(given, NumberStyles.None, CultureInfo.InvariantCulture, out pid) || pid <= 0))
            return shell.Fail($"failed to parse pid: invalid integer: {given}");
        if (pid > 0 && !IsAlive(pid))
            return shell.Fail($"there is no process {pid}");
        if (parse.GetValue(_info))
            return Features(shell);
        var facts = new MachineFacts(new KernelFacts(parse.GetValue(_ignored[1])), pid);
        var listing = new TraceListing(facts, shell, parse.GetValue(_verbose));
        if (parse.GetValue(_list) && parse.GetValue(_script) is not { Length: > 0 })
            return Listed(listing.Write(words.Length > 0 ? words[0] : "", pid > 0), shell);
        if (parse.GetValue(_mode) is not (null or "bench" or "test"))
            return shell.Fail($"invalid mode \"{parse.GetValue(_mode)}\"", "bench or test");
        (string text, string name, string[] rest) = Script(parse, words, shell);
        if (parse.GetValue(_fmt))
            return Format(text, shell);
        TraceFormat? format = parse.GetValue(_format) switch { "text" => TraceFormat.Text, "json" => TraceFormat.Json, "csv" => TraceFormat.Csv, _ => null };
        format = parse.GetValue(_csv) ? TraceFormat.Csv : format;
        if (format is null)
            return shell.Fail($"invalid output format \"{parse.GetValue(_format)}\"", "text, json or csv");
        using StoppedCommand? target = parse.GetValue(_command) is string line ? StoppedCommand.Start(line) : null;
        if (target?.HasEnded == true)
            return shell.Fail($"the command ended before it began (status {target.ExitCode}): {parse.GetValue(_command)}");
        var options = new TraceOptions
        {
            Parameters = [.. rest.Where(word => !word.StartsWith("--", StringComparison.Ordinal))],
            Named = Named(rest, target),
            IsUnsafe = parse.GetValue(_unsafe),
            TellsErrors = parse.GetValue(_errors),
            Pid = pid,
            ChildPid = target?.Pid ?? 0,
            ProbeFilter = parse.GetValue(_filter),
            Settings = SettingsOfEnvironment(),
            Name = name,
        };
        TraceCompilation made = TraceCompiler.Compile(text, options, facts);
        foreach (Diagnostic diagnostic in made.Diagnostics)
            if (diagnostic.Severity == Severity.Error || (diagnostic.Severity == Severity.Warning && !parse.GetValue(_noWarnings)))
                shell.Report(diagnostic, text);
        if (made.Object is null)
        {
            // What is not to be read looks as if it were not there.
            if (made.Diagnostics.Any(diagnostic => diagnostic.Id is "HT0103" or "HT0136") && TracingRights.Missing([]) is { } unread)
                shell.Error.WriteLine(unread);
            return ExitStatus.BadInput;
        }
        if (parse.GetValue(_list))
            return listing.Write(made.Object.Plan!);
        if (parse.GetValue(_plan))
        {
            shell.Out.Write(ObjectPrinter.Print(made.Object));
            return ExitStatus.Done;
        }
        try
        {
            return Trace(made.Object, parse, shell, format.Value, options, target);
        }
        catch (BpfException e) when ((ErrorNumber)e.Errno is ErrorNumber.EPERM or ErrorNumber.EACCES && e is not BpfVerifierException && TracingRights.Missing(made.Object.Plan!.Probes.Select(probe => probe.Kind).ToList()) is { } missing)
        {
            return shell.Fail("the kernel refuses: tracing takes rights that this process has not", missing, ExitStatus.KernelRefused);
        }
    }

    // A process that nobody has waited for is there, but does nothing any more.
    private static bool IsAlive(int pid)
    {
        try
        {
            string state = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/stat"));
            return state.AsSpan(state.LastIndexOf(')') + 1).TrimStart() is not ['Z' or 'X', ..];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return e is UnauthorizedAccessException;
        }
    }

    // A list that is empty because it may not be read says so.
    private static int Listed(int status, Shell shell)
    {
        if (status != ExitStatus.Done && TraceFs.Root is null && TracingRights.Missing([]) is { } missing)
            shell.Error.WriteLine(missing);
        return status;
    }

    private int Trace(BpfObject made, ParseResult parse, Shell shell, TraceFormat format, TraceOptions options, StoppedCommand? target)
    {
        using TextWriter? file = parse.GetValue(_output) is string path ? new StreamWriter(shell.OpenOutput(path)) : null;
        // What a Ctrl-C does is arranged while the first event is awaited.
        CancellationToken interrupted = default;
        using var run = new TraceRun(made, file ?? shell.Out, shell.Error, new TraceRunOptions
        {
            Format = format,
            IsUnsafe = options.IsUnsafe,
            Pid = options.Pid,
            Target = target?.Pid ?? 0,
            RunsAtOnce = !parse.GetValue(_explain) && !parse.GetValue(_dryRun) && !parse.GetValue(_check) && parse.GetValue(_mode) is null,
            IsQuiet = parse.GetValue(_quiet),
            Redraw = parse.GetValue(_top) ? TimeSpan.FromSeconds(1) : TimeSpan.Zero,
            RedrawLines = shell.IsTerminal ? Math.Max(8, Console.WindowHeight - 1) : 24,
            RedrawStart = shell.IsTerminal ? "\e[H\e[2J" : "\n",
            Attached = () =>
            {
                interrupted = shell.Interrupted;
                target?.Continue();
            },
            ShouldEnd = () => interrupted.IsCancellationRequested || target?.HasEnded == true || (options.Pid > 0 && !IsAlive(options.Pid)),
        });
        if (parse.GetValue(_explain) || parse.GetValue(_dryRun))
        {
            if (parse.GetValue(_explain))
                ScriptCost.Explain(run, made, options.Pid, Processors.Possible, shell);
            else
                ScriptCost.Count(run, made, shell);
            return ExitStatus.Done;
        }
        if (parse.GetValue(_check))
        {
            shell.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{made.Programs.Length} programs, {made.Plan!.Probes.Length} probes: loaded, not attached"));
            return ExitStatus.Done;
        }
        int named = parse.GetValue(_dotnet) ? options.Pid > 0 ? options.Pid : target?.Pid ?? 0 : 0;
        if (named > 0 && DotnetRuntime.TryEnablePerfMap(named) is string refusal)
            throw new CommandException(refusal, "without --dotnet the process is left as it is");
        using var signals = new SignalWatch(made.Plan!, run);
        try
        {
            if (parse.GetValue(_mode) == "bench")
                run.Bench();
            else
                run.Run();
        }
        finally
        {
            if (named > 0)
                _ = DotnetRuntime.TryDisablePerfMap(named);
        }
        if (parse.GetValue(_flame) is string flame)
        {
            using var svg = new StreamWriter(shell.OpenOutput(flame));
            run.Stacks().WriteSvg(svg, "Flame graph", "samples");
        }
        return run.ExitStatus;
    }

    // A script that asks for a pid means the command that it is given.
    private static Dictionary<string, string?> Named(string[] words, StoppedCommand? target)
    {
        Dictionary<string, string?> named = words.Where(word => word.StartsWith("--", StringComparison.Ordinal)).Select(word => word[2..].Split('=', 2)).GroupBy(pair => pair[0]).ToDictionary(group => group.Key, group => group.Last().Length > 1 ? group.Last()[1] : null);
        if (target is not null)
            named.TryAdd("pid", target.Pid.ToString(CultureInfo.InvariantCulture));
        return named;
    }

    private (string Text, string Name, string[] Parameters) Script(ParseResult parse, string[] words, Shell shell)
    {
        if (parse.GetValue(_script) is { Length: > 0 } scripts)
            return (string.Join('\n', scripts), "stdin", words);
        if (words.Length == 0)
            throw new CommandException("there is no script: give a file, or the script itself with -e");
        return (shell.ReadText(words[0]), words[0] == "-" ? "stdin" : words[0], words[1..]);
    }

    // What tracing makes use of, as far as this kernel has it.
    private static int Features(Shell shell)
    {
        var facts = new KernelFacts();
        shell.Out.WriteLine("Kernel: " + KernelFacts.VersionText);
        foreach ((string name, bool has) in ((string, bool)[])
            [("btf", facts.Types is not null), ("kprobe_multi", facts.HasMultiProbes(ProbeKind.Kprobe)), ("uprobe_multi", facts.HasMultiProbes(ProbeKind.Uprobe)), ("kprobe_session", false), ("dwarf", false),
             ("kprobe", facts.Expand(ProbeKind.Kprobe, "", "vfs_read") is { Count: > 0 }), ("iter", facts.Types?.Find(Btf.BtfKind.Struct, "bpf_iter__task") > 0)])
            shell.Out.WriteLine($"  {name}: {(has ? "yes" : "no")}");
        return ExitStatus.Done;
    }

    private static int Format(string text, Shell shell)
    {
        if (TraceCompiler.Format(text, out IReadOnlyList<Diagnostic> diagnostics) is string laidOut)
        {
            shell.Out.Write(laidOut);
            return ExitStatus.Done;
        }
        foreach (Diagnostic diagnostic in diagnostics)
            shell.Report(diagnostic, text);
        return ExitStatus.BadInput;
    }

    private static Dictionary<string, string> SettingsOfEnvironment()
    {
        var settings = new Dictionary<string, string>();
        foreach (System.Collections.DictionaryEntry entry in Environment.GetEnvironmentVariables())
            if (entry is { Key: string key, Value: string value } && key.StartsWith("BPFTRACE_", StringComparison.Ordinal))
                settings[key] = value;
        return settings;
    }
}

/// <summary>Signals to this process that a script has probes for.</summary>
internal sealed class SignalWatch : IDisposable
{
    private const string Names = "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS";

    private readonly List<PosixSignalRegistration> _registrations = [];

    public SignalWatch(RunPlan plan, TraceRun run)
    {
        foreach (string signal in plan.Probes.Where(probe => probe.Kind == ProbeKind.Signal).Select(probe => probe.Function).Distinct())
        {
            int number = Array.IndexOf(Names.Split(' '), signal.StartsWith("SIG", StringComparison.Ordinal) ? signal[3..] : signal) + 1;
            if (number <= 0)
                throw new CommandException($"there is no signal {signal}");
            _registrations.Add(PosixSignalRegistration.Create((PosixSignal)number, context =>
            {
                context.Cancel = true;
                run.Raise(signal);
            }));
        }
    }

    public void Dispose() => _registrations.ForEach(registration => registration.Dispose());
}
