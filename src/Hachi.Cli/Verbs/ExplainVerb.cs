using System.CommandLine;
using Hachi.Text;

namespace Hachi.Cli.Verbs;

/// <summary><c>hachi explain error ID</c>: what a diagnostic means and what to do about it.</summary>
internal sealed class ExplainVerb : IVerb
{
    public string Name => "explain";

    public string Summary => "Explain what hachi says";

    public string Usage => "explain error [ID] [--json]";

    public string Examples => """
        hachi explain error HF0001    what this diagnostic means, and what to do
        hachi explain error           every diagnostic there is
        """;

    public void Build(Command command, Shell shell) => command.Add(ExplainError.Command(shell));
}

/// <summary>The subcommand <c>explain error</c>.</summary>
internal static class ExplainError
{
    public static Command Command(Shell shell)
    {
        var id = new Argument<string?>("ID") { Description = "The id in brackets at the end of a message; without one, all are listed", Arity = ArgumentArity.ZeroOrOne };
        id.CompletionSources.Add(_ => DiagnosticTable.All.Select(row => new System.CommandLine.Completions.CompletionItem(row.Id)));
        var json = new Option<bool>("--json") { Description = "One JSON object a line: id, severity, format, help" };
        var command = new Command("error", "Say what a diagnostic means and what to do about it") { id, json };
        command.SetAction(parse => Run(shell, parse.GetValue(id), parse.GetValue(json)));
        return command;
    }

    private static int Run(Shell shell, string? id, bool json)
    {
        IReadOnlyList<DiagnosticInfo> rows = DiagnosticTable.All;
        if (id is not null)
        {
            if (DiagnosticTable.Find(id) is not { } row)
            {
                string? near = Nearest.To(id.ToUpperInvariant(), rows.Select(each => each.Id));
                throw new CommandException($"there is no diagnostic '{id}'", near is null ? "hachi explain error lists them" : $"did you mean {near}? hachi explain error lists them");
            }
            rows = [row];
        }
        foreach (DiagnosticInfo row in rows)
        {
            if (json)
                shell.WriteJson(to => WriteJson(to, row));
            else if (id is null)
                shell.Out.WriteLine($"{row.Id}  {Escaper.Escape(row.Format)}");
            else
                shell.Out.WriteLine($"{row.Id}, {Word(row.Severity)}: {Escaper.Escape(row.Format)}\n\n{Escaper.Escape(row.Help)}");
        }
        return ExitStatus.Done;
    }

    private static void WriteJson(System.Text.Json.Utf8JsonWriter to, DiagnosticInfo row)
    {
        to.WriteStartObject();
        to.WriteString("id", row.Id);
        to.WriteString("severity", Word(row.Severity));
        to.WriteString("format", row.Format);
        to.WriteString("help", row.Help);
        to.WriteEndObject();
    }

    private static string Word(Severity severity) => severity switch { Severity.Error => "error", Severity.Warning => "warning", _ => "note" };
}
