using System.CommandLine;

namespace Hachi.Cli.Verbs;

/// <summary><c>hachi completion SHELL</c>: the script that a shell sources; and <c>hachi completion words</c>, which that script calls.</summary>
internal sealed class CompletionVerb : IVerb
{
    public string Name => "completion";

    public string Summary => "Print the completion script of a shell";

    public string Usage => "completion bash|zsh|fish";

    public string Examples => """
        hachi completion bash > ~/.local/share/bash-completion/completions/hachi
        hachi completion zsh > ~/.zfunc/_hachi
        hachi completion fish > ~/.config/fish/completions/hachi.fish
        """;

    public void Build(Command command, Shell shell)
    {
        Add("bash", "For bash", Bash);
        Add("zsh", "For zsh", Zsh);
        Add("fish", "For fish", Fish);

        var typed = new Argument<string[]>("word") { Arity = ArgumentArity.ZeroOrMore };
        var words = new Command("words", "What may stand in place of the last word, a line each") { Hidden = true };
        words.Add(typed);
        words.SetAction(parse =>
        {
            foreach (string candidate in Candidates(parse.GetValue(typed) ?? [], shell))
                shell.Out.WriteLine(candidate);
            return ExitStatus.Done;
        });
        command.Add(words);

        void Add(string name, string description, string script)
        {
            var sub = new Command(name, description);
            sub.SetAction(_ =>
            {
                shell.Out.Write(script);
                return ExitStatus.Done;
            });
            command.Add(sub);
        }
    }

    /// <summary>Candidates for the last of the words typed after <c>hachi</c> (it may be empty).</summary>
    private static IEnumerable<string> Candidates(string[] words, Shell shell)
    {
        string last = words.Length == 0 ? "" : words[^1];
        IEnumerable<string> all = words.Length < 2 || VerbList.Find(words[0]) is not { } verb
            ? VerbList.All.Select(v => v.Name)
            : OfCommand(CommandLine.Tree(verb, shell).Subcommands[0], words[1..^1], last);
        return all.Where(name => name.StartsWith(last, StringComparison.Ordinal)).Distinct().Order(StringComparer.Ordinal);
    }

    private static IEnumerable<string> OfCommand(Command command, string[] before, string last)
    {
        foreach (string word in before)
            command = command.Subcommands.FirstOrDefault(sub => sub.Name == word) ?? command;
        if (before.Length > 0 && command.Options.FirstOrDefault(option => option.Name == before[^1] || option.Aliases.Contains(before[^1])) is { } waiting
            && waiting.Arity.MaximumNumberOfValues > 0 && waiting.ValueType != typeof(bool))
            return waiting.GetCompletions(System.CommandLine.Completions.CompletionContext.Empty).Select(item => item.Label);
        IEnumerable<string> names = command.Subcommands.Where(sub => !sub.Hidden).Select(sub => sub.Name);
        return last.StartsWith('-')
            ? command.Options.Where(option => !option.Hidden).SelectMany(option => option.Aliases.Append(option.Name))
            : names.Concat(command.Arguments.SelectMany(argument => argument.GetCompletions(System.CommandLine.Completions.CompletionContext.Empty)).Select(item => item.Label));
    }

    private const string Bash = """
        # hachi completion for bash
        _hachi() {
            local IFS=$'\n'
            COMPREPLY=($(hachi completion words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
        }
        complete -o default -F _hachi hachi

        """;

    private const string Zsh = """
        #compdef hachi
        # hachi completion for zsh
        _hachi() {
            local -a candidates
            candidates=("${(@f)$(hachi completion words -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
            if [[ -n "${candidates[1]}" ]]; then compadd -- $candidates; else _files; fi
        }
        if [ "$funcstack[1]" = "_hachi" ]; then _hachi "$@"; else compdef _hachi hachi; fi

        """;

    private const string Fish = """
        # hachi completion for fish
        complete -c hachi -a '(set -l words (commandline -opc) (commandline -ct); hachi completion words -- $words[2..-1] 2>/dev/null)'

        """;
}
