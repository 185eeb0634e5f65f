using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using Hachi.Cli.Capture;
using Hachi.Text;

namespace Hachi.Cli;

/// <summary>The habits that all verbs share, laid over System.CommandLine: no response files, an unknown option is an error, <c>--</c> ends options.</summary>
internal static class CommandLine
{
    // Response files are off: '@' is an ordinary character (net in @FILE).
    private static readonly ParserConfiguration s_configuration = new() { ResponseFileTokenReplacer = null };

    /// <summary>The command tree with only this verb in it: building all of them would cost more than running one.</summary>
    public static Command Tree(IVerb verb, Shell shell)
    {
        var root = new Command("hachi");
        root.Add(Build(verb, shell));
        return root;
    }

    /// <summary>Parses the arguments, the verb first. Errors end in a <see cref="CommandException"/>.</summary>
    public static ParseResult Parse(IVerb verb, string[] args, Shell shell)
    {
        ParseResult parse = Tree(verb, shell).Parse(args, s_configuration);
        if (parse.Action is HelpWriter)
            return parse;
        if (parse.CommandResult.Command is { Subcommands.Count: > 0, Action: null } group)
            throw WithoutCommand(group, parse);
        if (UnknownOption(parse) is { } option)
            throw new CommandException($"unknown option '{option}'", OptionHint(option, parse.CommandResult.Command, verb));
        if (parse.Errors.Count > 0)
            throw new CommandException(string.Join(' ', parse.Errors[0].Message.TrimEnd('.').Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)), // (it may have several lines)
                $"hachi {verb.Name} --help shows what it takes");
        return parse;
    }

    /// <summary>How the action is called: exceptions and Ctrl-C are ours.</summary>
    public static InvocationConfiguration Invocation(Shell shell) =>
        new() { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null, Output = shell.Out, Error = shell.Error };

    internal static Command Build(IVerb verb, Shell shell)
    {
        var command = new Command(verb.Name, verb.Summary);
        verb.Build(command, shell);
        command.Add(new HelpOption("--help", "-h") { Description = "Show this help", Action = new HelpWriter(verb, shell) });
        return command;
    }

    /// <summary>
    /// System.CommandLine takes a word with a dash that no option claims for an argument where one fits; here that is an error,
    /// unless the word stands behind <c>--</c> or is a lone dash (standard input or output).
    /// </summary>
    private static string? UnknownOption(ParseResult parse)
    {
        var ended = new HashSet<Token>(ReferenceEqualityComparer.Instance);
        foreach (Token token in parse.Tokens.SkipWhile(token => token.Type != TokenType.DoubleDash))
            ended.Add(token);
        foreach (SymbolResult result in parse.CommandResult.Children)
            if (result is ArgumentResult argument)
                foreach (Token token in argument.Tokens)
                    if (token.Value.Length > 1 && token.Value[0] == '-' && !ended.Contains(token))
                        return token.Value;
        return parse.UnmatchedTokens.FirstOrDefault(word => word.Length > 1 && word[0] == '-' && !ended.Any(token => token.Value == word));
    }

    private static CommandException WithoutCommand(Command group, ParseResult parse)
    {
        IEnumerable<string> names = group.Subcommands.Select(command => command.Name);
        string all = $"there are: {string.Join(", ", names)}; hachi {group.Name} --help says what each is for";
        if (parse.UnmatchedTokens is not [var word, ..])
            return new CommandException($"{group.Name} needs a command", all);
        return new CommandException($"{group.Name} has no command '{word}'", Nearest.To(word, names) is { } near ? $"did you mean {near}?" : all);
    }

    private static string OptionHint(string word, Command command, IVerb verb)
    {
        IEnumerable<string> names = command.Options.SelectMany(option => option.Aliases.Append(option.Name));
        if (OtherTools.Hint(verb.Name, word) is { } known)
            return known;
        string? near = word.StartsWith("--", StringComparison.Ordinal) ? Nearest.To(word.Split('=')[0], names) : null;
        return near is null ? $"write -- before an argument that starts with a minus; hachi {verb.Name} --help lists the options" : $"did you mean {near}?";
    }

    private sealed class HelpWriter(IVerb verb, Shell shell) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            HelpPage.WriteVerb(shell.Out, verb, parseResult.CommandResult.Command);
            return ExitStatus.Done;
        }
    }
}
