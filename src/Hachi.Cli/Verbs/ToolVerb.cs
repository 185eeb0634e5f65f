using System.CommandLine;
using System.Text.RegularExpressions;
using Hachi.Text;

namespace Hachi.Cli.Verbs;

/// <summary><c>hachi tool</c>: the scripts of ours that answer the usual questions, by name.</summary>
internal sealed partial class ToolVerb : IVerb
{
    private const string Folder = "tools/", Extension = ".bt", NameMark = "$PROBE";

    private readonly Argument<string?> _name = new("NAME") { Description = "The tool; without one, all are listed", Arity = ArgumentArity.ZeroOrOne };
    private readonly Argument<string[]> _words = new("ARGS") { Description = "Its argument, if it takes one", Arity = ArgumentArity.ZeroOrMore };
    private readonly Option<string?> _pid = new("-p", "--pid") { Description = "Only this process, where the tool can tell", HelpName = "PID" };
    private readonly Option<string[]> _set = new("--set") { Description = "Another option of the tool, by its long name (may be repeated)", HelpName = "NAME=VALUE" };
    private readonly Option<string?> _command = new("-c") { Description = "Run this command and trace it from its first instruction", HelpName = "COMMAND" };
    private readonly Option<string> _format = new("-f") { Description = "text or json", DefaultValueFactory = _ => "text", HelpName = "FORMAT" };
    private readonly Option<string?> _flame = new("--flame") { Description = "Draw the stacks that are counted as a flame graph (SVG)", HelpName = "FILE" };
    private readonly Option<bool> _check = new("--check") { Description = "Compile, verify and load; attach nothing" };
    private readonly Option<bool> _show = new("--show") { Description = "Show the script" };

    public string Name => "tool";

    public string Summary => "Run a tracing tool: execsnoop, opensnoop, profile and more";

    public string Usage => """
        tool
        tool NAME [ARGUMENT] [-p PID] [--set NAME=VALUE]... [-c COMMAND] [-f FORMAT] [--flame FILE] [--check] [--show]
        """;

    public string Examples => """
        hachi tool                                       the tools, a line each
        hachi tool opensnoop --show                      the script behind one
        hachi tool opensnoop -c 'ls /'                   the files that a command opens
        hachi tool profile -p 4711 --flame out.svg       what a process spends its time on
        """;

    public string About => """
        Each tool is a script in hachi's tracing language, explained in its first lines; --show prints it, so that it can be changed and run by hachi trace.
        """;

    public void Build(Command command, Shell shell)
    {
        command.Add(_name);
        command.Add(_words);
        foreach (Option option in (Option[])[_pid, _set, _command, _format, _flame, _check, _show])
            command.Add(option);
        command.SetAction(parse => parse.GetValue(_name) is { } name ? Run(parse, name, shell) : List(shell));
    }

    /// <summary>The names of the tools.</summary>
    public static IReadOnlyList<string> Names { get; } =
        [.. typeof(ToolVerb).Assembly.GetManifestResourceNames().Where(name => name.StartsWith(Folder, StringComparison.Ordinal)).Select(name => name[Folder.Length..^Extension.Length]).Order(StringComparer.Ordinal)];

    /// <summary>The script of a tool.</summary>
    public static string Script(string name)
    {
        using Stream stream = typeof(ToolVerb).Assembly.GetManifestResourceStream(Folder + name + Extension)
            ?? throw new CommandException($"there is no tool '{name}'", Nearest.To(name, Names) is { } near ? $"did you mean {near}?" : "hachi tool lists them");
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
        string[] words = parse.GetValue(_words) ?? [];
        bool takesArgument = script.Contains(NameMark, StringComparison.Ordinal);
        if (parse.GetValue(_show))
        {
            shell.Out.Write(script);
            return ExitStatus.Done;
        }
        if (takesArgument != (words.Length == 1))
            throw new CommandException(takesArgument ? $"{name} takes one argument" : $"{name} takes no argument: '{words[0]}'", ArgumentLine().Match(script) is { Success: true } line ? line.Groups[1].Value.Trim() : null);
        if (takesArgument)
            script = script.Replace(NameMark, words[0], StringComparison.Ordinal);
        var args = new List<string> { "trace", "-e", script };
        Pass(parse, _command, "-c", args);
        Pass(parse, _flame, "--flame", args);
        args.AddRange(["-f", parse.GetValue(_format)!]);
        if (parse.GetValue(_check))
            args.Add("--check");
        args.Add("--");
        HashSet<string> known = [.. OptionLine().Matches(script).Select(match => match.Groups[1].Value)];
        foreach (string setting in (parse.GetValue(_set) ?? []).Concat(parse.GetValue(_pid) is { } pid ? [$"pid={pid}"] : []))
        {
            string key = setting.Split('=')[0];
            if (!known.Contains(key))
                throw new CommandException($"{name} has no option '{key}'", known.Count == 0 ? "it has none" : $"it has: {string.Join(", ", known)}");
            args.Add("--" + setting);
        }
        return Program.Run([.. args], shell);
    }

    private static void Pass(ParseResult parse, Option<string?> option, string name, List<string> args)
    {
        if (parse.GetValue(option) is { } value)
            args.AddRange([name, value]);
    }

    [GeneratedRegex(@"^// option: (?:-\w )?--(\w+)", RegexOptions.Multiline)]
    private static partial Regex OptionLine();

    [GeneratedRegex(@"^// argument: (.*)$", RegexOptions.Multiline)]
    private static partial Regex ArgumentLine();
}
