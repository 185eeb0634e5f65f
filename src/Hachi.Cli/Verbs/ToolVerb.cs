using System.CommandLine;
using System.Globalization;
using System.Text.RegularExpressions;
using Hachi.Cli.Verbs.Tracing;
using Hachi.Linux.Kernel;
using Hachi.Text;

namespace Hachi.Cli.Verbs;

/// <summary><c>hachi tool</c>: the scripts of ours that answer the usual questions, by name.</summary>
internal sealed partial class ToolVerb : IVerb
{
    private const string Folder = "tools/", OlderFolder = "older/", Extension = ".bt", ReportExtension = ".report";

    private readonly Argument<string?> _name = new("NAME") { Description = "The tool; without one, all are listed", Arity = ArgumentArity.ZeroOrOne };
    private readonly Argument<string[]> _words = new("ARGS") { Description = "Its arguments, if it takes any", Arity = ArgumentArity.ZeroOrMore };
    private readonly Option<string?> _pid = new("-p", "--pid") { Description = "Only this process, where the tool can tell", HelpName = "PID" };
    private readonly Option<double> _duration = new("-d", "--duration") { Description = "End after so long", HelpName = "SECONDS" };
    private readonly Option<double> _interval = new("-i", "--interval") { Description = "Tell every so often what it comes to (dotnet tools)", HelpName = "SECONDS" };
    private readonly Option<double> _min = new("-m", "--min") { Description = "Leave out what is shorter, where the tool has such a limit", HelpName = "MS" };
    private readonly Option<string[]> _set = new("--set") { Description = "Another option of the tool, by its long name (may be repeated)", HelpName = "NAME=VALUE" };
    private readonly Option<string?> _command = new("-c") { Description = "Run this command and trace it from its first instruction", HelpName = "COMMAND" };
    private readonly Option<string> _format = new("-f") { Description = "text, json or csv", DefaultValueFactory = _ => "text", HelpName = "FORMAT" };
    private readonly Option<string?> _output = new("-o") { Description = "Write results to this file", HelpName = "FILE" };
    private readonly Option<bool> _top = new("--top") { Description = "Draw the maps every second, the largest entries first" };
    private readonly Option<bool> _csv = new("--csv") { Description = "Write comma-separated values" };
    private readonly Option<bool> _dotnet = new("--dotnet") { Description = "Ask the .NET process given by -p or -c to tell the names of its methods" };
    private readonly Option<bool> _explain = new("--explain") { Description = "Say what it would do and cost; attach nothing" };
    private readonly Option<string?> _flame = new("--flame") { Description = "Draw the stacks that are counted as a flame graph (SVG)", HelpName = "FILE" };
    private readonly Option<bool> _check = new("--check") { Description = "Compile, verify and load; attach nothing" };
    private readonly Option<bool> _show = new("--show") { Description = "Show the script" };

    public string Name => "tool";

    public string Summary => "Run a tracing tool: execsnoop, opensnoop, profile and more";

    public string Usage => """
        tool
        tool NAME [ARGUMENT...] [-p PID] [-d SECONDS] [--set NAME=VALUE]... [-c COMMAND]
        """;

    public string Examples => """
        hachi tool                                       the tools, a line each
        hachi tool opensnoop --show                      the script behind one
        hachi tool opensnoop -c 'ls /'                   the files that a command opens
        hachi tool profile -p 4711 --flame out.svg       what a process spends its time on
        hachi tool dotnet-gc -p 4711 -d 10               the collections of a .NET process in ten seconds
        """;

    public string About => """
        Each tool is a script in hachi's tracing language, explained in its first lines; --show prints it, so that it can be changed and run by hachi trace.
        """;

    public void Build(Command command, Shell shell)
    {
        command.Add(_name);
        command.Add(_words);
        foreach (Option option in (Option[])[_pid, _duration, _interval, _min, _set, _command, _format, _output, _flame, _top, _csv, _dotnet, _explain, _check, _show])
            command.Add(option);
        command.SetAction(parse => parse.GetValue(_name) is { } name ? Run(parse, name, shell) : List(shell));
    }

    /// <summary>The names of the tools.</summary>
    public static IReadOnlyList<string> Names { get; } =
        [.. typeof(ToolVerb).Assembly.GetManifestResourceNames().Where(name => name.StartsWith(Folder, StringComparison.Ordinal)).Select(name => Path.GetFileNameWithoutExtension(name)).Order(StringComparer.Ordinal)];

    /// <summary>Whether a tool tells what a runtime says of itself, and is no script.</summary>
    public static bool IsReport(string name) => Read(Folder + name + ReportExtension) is not null;

    /// <summary>The script of a tool, of those for several kernels the one for this; of a report what it says of itself.</summary>
    public static string Script(string name) => Script(name, isForOlder: false);

    /// <summary>The same; for older kernels where that is asked for.</summary>
    internal static string Script(string name, bool isForOlder)
    {
        string script = Read(Folder + name + Extension) ?? Read(Folder + name + ReportExtension) ?? throw new CommandException($"there is no tool '{name}'", Nearest.To(name, Names) is { } near ? $"did you mean {near}?" : "hachi tool lists them");
        return KernelLine().Match(script) is { Success: true } since && (isForOlder || IsBefore(since)) && Read(OlderFolder + name + Extension) is { } older ? older : script;
    }

    private static bool IsBefore(Match since) =>
        new KernelFacts().Version < (uint)(int.Parse(since.Groups[1].ValueSpan, CultureInfo.InvariantCulture) << 16 | int.Parse(since.Groups[2].ValueSpan, CultureInfo.InvariantCulture) << 8);

    private static string? Read(string name)
    {
        using Stream? stream = typeof(ToolVerb).Assembly.GetManifestResourceStream(name);
        if (stream is null)
            return null;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    private static int List(Shell shell)
    {
        foreach (string name in Names)
        {
            string first = Script(name).Split('\n')[0];
            shell.Out.WriteLine($"{name,-16} {first[(first.IndexOf(':') + 2)..]}");
        }
        return ExitStatus.Done;
    }

    private int Run(ParseResult parse, string name, Shell shell)
    {
        string script = Script(name);
        if (parse.GetValue(_show))
        {
            shell.Out.Write(script);
            return ExitStatus.Done;
        }
        script = Filled(name, script, parse.GetValue(_words) ?? []);
        if (IsReport(name))
            return Report(parse, name, shell);
        if (parse.GetValue(_duration) is > 0 and var seconds)
            script += string.Create(CultureInfo.InvariantCulture, $"\ninterval:us:{Math.Max(1, (long)(seconds * 1e6))} {{ exit(); }}\n");
        var args = new List<string> { "trace", "-e", script };
        Pass(parse, _command, "-c", args);
        Pass(parse, _flame, "--flame", args);
        Pass(parse, _output, "-o", args);
        args.AddRange(["-f", parse.GetValue(_format)!]);
        foreach (Option<bool> flag in (Option<bool>[])[_check, _explain, _top, _csv, _dotnet])
            if (parse.GetValue(flag))
                args.Add(flag.Name);
        args.Add("--");
        HashSet<string> known = [.. OptionLine().Matches(script).Select(match => match.Groups[1].Value)];
        foreach (string setting in (parse.GetValue(_set) ?? []).Concat(parse.GetValue(_pid) is { } pid ? [$"pid={pid}"] : []).Concat(parse.GetValue(_min) is > 0 and var min ? [string.Create(CultureInfo.InvariantCulture, $"min={min}")] : []))
        {
            string key = setting.Split('=')[0];
            if (!known.Contains(key))
                throw new CommandException($"{name} has no option '{key}'", known.Count == 0 ? "it has none" : $"it has: {string.Join(", ", known)}");
            args.Add("--" + setting);
        }
        return Program.Run([.. args], shell);
    }

    private int Report(ParseResult parse, string name, Shell shell)
    {
        foreach (Option option in (Option[])[_set, _flame, _top, _explain, _check])
            if (parse.GetResult(option) is { Implicit: false })
                throw new CommandException($"{name} has no option '{option.Name}'", "--show tells what it has");
        return DotnetTool.Run(name, new DotnetToolOptions(
            parse.GetValue(_pid), parse.GetValue(_command), parse.GetValue(_csv) ? "csv" : parse.GetValue(_format)!, parse.GetValue(_output),
            parse.GetValue(_duration), parse.GetValue(_interval), parse.GetValue(_min), parse.GetValue(_dotnet)), shell);
    }

    /// <summary>The script with its arguments: <c>$NAME</c> stands for the one that a line of its header describes, with what it is when nothing is given.</summary>
    private static string Filled(string name, string script, string[] words)
    {
        Match[] arguments = ArgumentLine().Matches(script).ToArray();
        if (words.Length > arguments.Length)
            throw new CommandException($"{name} takes {(arguments.Length == 0 ? "no argument" : arguments.Length == 1 ? "one argument" : $"{arguments.Length} arguments")}: '{words[arguments.Length]}'", "--show prints its script, which begins with what it takes");
        for (int i = 0; i < arguments.Length; i++)
        {
            string? value = i < words.Length ? words[i] : arguments[i].Groups[2] is { Success: true } given ? given.Value : null;
            if (value is null)
                throw new CommandException($"{name} takes one argument", $"{arguments[i].Groups[1].Value}: {arguments[i].Groups[3].Value.Trim()}");
            script = script.Replace("$" + arguments[i].Groups[1].Value, value, StringComparison.Ordinal);
        }
        return script;
    }

    private static void Pass(ParseResult parse, Option<string?> option, string name, List<string> args)
    {
        if (parse.GetValue(option) is { } value)
            args.AddRange([name, value]);
    }

    [GeneratedRegex(@"^// option: (?:-\w )?--(\w+)", RegexOptions.Multiline)]
    private static partial Regex OptionLine();

    [GeneratedRegex(@"^// argument: ([A-Z]+)(?: = (\S.*?))?\s{2,}(.*)$", RegexOptions.Multiline)]
    private static partial Regex ArgumentLine();

    [GeneratedRegex(@"^// .* Linux (\d+)\.(\d+)\.\n")]
    private static partial Regex KernelLine();
}
