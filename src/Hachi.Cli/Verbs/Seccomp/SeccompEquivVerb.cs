using System.CommandLine;
using Hachi.Isa;
using Hachi.Lang.Seccomp.Explain;
using Hachi.Uapi;
using Hachi.Verify.Seccomp;

namespace Hachi.Cli.Verbs.Seccomp;

/// <summary><c>hachi seccomp equiv</c> and <c>diff</c>: whether two filters are the same, and calls on which they are not.</summary>
internal sealed class SeccompEquivVerb(string name) : IVerb
{
    private readonly Argument<string> _left = new(name == "diff" ? "OLD" : "A") { Description = "A policy, or a filter" };
    private readonly Argument<string> _right = new(name == "diff" ? "NEW" : "B") { Description = "Another one" };
    private readonly Option<bool> _json = new("--json") { Description = "One object a difference, a line each" };
    private readonly PolicyInput _input = new();

    public string Name => name;

    public string Summary => name == "diff" ? "Show what changes from one filter to another, a call for each kind of change" : "Decide whether two filters answer every call alike";

    public string Usage => name == "diff" ? "seccomp diff OLD NEW [--arch A,...] [--json]" : "seccomp equiv A B [--arch A,...] [--json]";

    public string Examples => name == "diff" ? "hachi seccomp diff old.json new.json" : "hachi seccomp equiv profile.json filter.bpf";

    public string About => "Status 0 when they are equal, 1 when they differ or when it cannot be decided.";

    public void Build(Command command, Shell shell)
    {
        command.Add(_left);
        command.Add(_right);
        _input.AddTo(command);
        command.Add(_json);
        command.SetAction(parse => Run(parse, shell));
    }

    private int Run(ParseResult parse, Shell shell)
    {
        ClassicProgram left = _input.ReadFilter(shell, parse, parse.GetValue(_left)!, out _, out _);
        ClassicProgram right = _input.ReadFilter(shell, parse, parse.GetValue(_right)!, out _, out _);
        SeccompEquality equality = SeccompComparison.Compare(left, right);
        if (equality.Refused is not null)
            return shell.Fail($"undecided: {equality.Refused}", null, ExitStatus.No);
        bool json = parse.GetValue(_json);
        if (equality.AreEqual && !json)
            shell.Out.WriteLine("equal: both answer every call alike");
        foreach (SeccompDifference difference in name == "diff" || json ? equality.Differences : equality.Differences.Take(1))
        {
            if (json)
                Write(shell, difference);
            else
                shell.Out.WriteLine($"{SeccompExplanation.Print(difference.Data)}: {difference.Left} -> {difference.Right}");
        }
        return equality.AreEqual ? ExitStatus.Done : ExitStatus.No;
    }

    private static void Write(Shell shell, SeccompDifference difference) => shell.WriteJson(json =>
    {
        json.WriteStartObject();
        json.WriteString("call", SeccompExplanation.Print(difference.Data));
        json.WriteNumber("nr", difference.Data.Number);
        json.WriteNumber("arch", difference.Data.Architecture);
        json.WriteStartArray("args");
        for (int i = 0; i < SeccompData.ArgumentsMax; i++)
            json.WriteNumberValue(difference.Data.Arguments[i]);
        json.WriteEndArray();
        json.WriteString("left", difference.Left.ToString());
        json.WriteString("right", difference.Right.ToString());
        json.WriteEndObject();
    });
}
