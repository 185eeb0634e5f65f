using System.CommandLine;
using Hachi.Cli;
using Hachi.Text;

namespace Hachi.Tests.Cli;

/// <summary>The habits that all verbs share.</summary>
public sealed class FrameTests
{
    [Fact]
    public void Bare_hachi_shows_tasks() => Assert.Contains("hachi --help", CommandRun.Hachi().Text);

    [Fact]
    public void Help_lists_every_verb()
    {
        string help = CommandRun.Hachi("--help").Text;
        foreach (IVerb verb in VerbList.All)
            Assert.Matches($@"(?m)^  {verb.Name} +{System.Text.RegularExpressions.Regex.Escape(verb.Summary)}", help);
    }

    [Fact]
    public void Every_verb_has_help_with_usage_and_an_example()
    {
        foreach (IVerb verb in VerbList.All)
        {
            foreach (string[] args in new string[][] { [verb.Name, "--help"], ["help", verb.Name], [verb.Name, "-h"] })
            {
                CommandRun run = CommandRun.Hachi(args);
                Assert.Equal(0, run.Status);
                Assert.Contains($"Usage:\n  hachi {verb.Name}", run.Text);
                Assert.Contains($"Examples:\n  hachi {verb.Name}", run.Text);
                Assert.Equal("", run.Error);
            }
        }
    }

    [Fact]
    public void Tree_of_every_verb_is_described()
    {
        using var shell = new Shell(() => Stream.Null, Stream.Null, Stream.Null);
        foreach (IVerb verb in VerbList.All)
        {
            Assert.False(verb.Summary.EndsWith('.'), verb.Name);
            Command command = CommandLine.Tree(verb, shell).Subcommands[0];
            foreach (Command each in command.Subcommands.Prepend(command))
                foreach (Symbol symbol in each.Options.Cast<Symbol>().Concat(each.Arguments))
                    Assert.True(symbol.Hidden || each.Hidden || !string.IsNullOrWhiteSpace(symbol.Description), $"hachi {verb.Name}: {symbol.Name} has no description");
        }
    }

    [Theory]
    [InlineData("versoin", "did you mean 'hachi version'?")]
    [InlineData("--nonsense", "unknown option '--nonsense'")]
    [InlineData("xyzzy", "hachi --help lists the verbs")]
    public void Unknown_verb_is_bad_input(string word, string says)
    {
        CommandRun run = CommandRun.Hachi(word);
        Assert.Equal(ExitStatus.BadInput, run.Status);
        Assert.Contains(says, run.Error);
        Assert.Equal("", run.Text);
    }

    [Fact]
    public void Unknown_option_is_an_error_never_an_argument()
    {
        CommandRun run = CommandRun.Hachi("completion", "words", "--frob", "x");
        Assert.Equal(ExitStatus.BadInput, run.Status);
        Assert.Contains("unknown option '--frob'", run.Error);
        run = CommandRun.Hachi("version", "--jsno");
        Assert.Equal(ExitStatus.BadInput, run.Status);
        Assert.Contains("did you mean --json?", run.Error);
    }

    [Fact]
    public void Two_dashes_end_options()
    {
        CommandRun run = CommandRun.Hachi("completion", "words", "--", "version", "--j");
        Assert.Equal("", run.Error);
        Assert.Equal("--json\n", run.Text);
    }

    [Fact]
    public void At_sign_is_no_response_file() => Assert.Equal(0, CommandRun.Hachi("completion", "words", "@nothing").Status);

    [Fact]
    public void Missing_and_surplus_arguments_are_bad_input()
    {
        Assert.Equal(ExitStatus.BadInput, CommandRun.Hachi("completion").Status);
        CommandRun run = CommandRun.Hachi("version", "surplus");
        Assert.Equal(ExitStatus.BadInput, run.Status);
        Assert.Contains("surplus", run.Error);
    }

    [Fact]
    public void Version_as_json_is_one_object()
    {
        using var json = System.Text.Json.JsonDocument.Parse(CommandRun.Hachi("version", "--json").Text);
        Assert.Equal("jit", json.RootElement.GetProperty("build").GetString());
    }

    [Fact]
    public void Completion_offers_verbs_and_subcommands()
    {
        Assert.Contains("version\n", CommandRun.Hachi("completion", "words", "--", "ver").Text);
        Assert.Equal("bash\nfish\nzsh\n", CommandRun.Hachi("completion", "words", "--", "completion", "").Text);
    }

    [Fact]
    public void What_goes_wrong_inside_is_one_line_without_a_stack_trace()
    {
        var error = new MemoryStream();
        using var shell = new Shell(() => Stream.Null, new FailingStream(new InvalidOperationException("deep inside")), error);
        int status = Program.Run(["--version"], shell);
        string said = System.Text.Encoding.UTF8.GetString(error.ToArray());
        Assert.Equal(ExitStatus.BadInput, status);
        Assert.Contains("deep inside", said);
        Assert.DoesNotContain("   at ", said);
        shell.Abandon();
    }

    [Fact]
    public void Closed_pipe_is_quiet()
    {
        var error = new MemoryStream();
        using var shell = new Shell(() => Stream.Null, new FailingStream(new IOException("Broken pipe", 32)), error);
        Assert.Equal(ExitStatus.Done, Program.Run(["--version"], shell));
        Assert.Equal(0, error.Length);
    }

    [Fact]
    public void Diagnostic_in_a_text_of_several_lines_names_the_line()
    {
        var error = new MemoryStream();
        using var shell = new Shell(() => Stream.Null, Stream.Null, error);
        shell.Report(new Diagnostic("HA0000", Severity.Error, "unknown word", new TextSpan(11, 4)), "ld [0]\nret WHAT\nret 0");
        Assert.Equal("line 2:\n  ret WHAT\n      ^^^^\nerror: unknown word [HA0000]\n", System.Text.Encoding.UTF8.GetString(error.ToArray()));
    }

    private sealed class FailingStream(Exception failure) : MemoryStream
    {
        public override void Write(byte[] buffer, int offset, int count) => throw failure;

        public override void Write(ReadOnlySpan<byte> buffer) => throw failure;
    }
}
