using System.Text.RegularExpressions;
using Hachi.Cli;

namespace Hachi.Tests.Cli;

/// <summary><c>hachi tour</c>.</summary>
public sealed class TourTests
{
    [Fact]
    public void Tour_runs_to_its_end_in_a_pipe_and_every_step_holds()
    {
        CommandRun run = CommandRun.Hachi("tour");
        Assert.Equal("", run.Error);
        Assert.Equal(ExitStatus.Done, run.Status);
        Assert.Equal(6, run.Text.Split("\n[ok] ").Length - 1);
        Assert.DoesNotContain("FAILED", run.Text);
        Assert.Contains("That was the tour.", run.Text);
    }

    [Fact]
    public void Tour_names_only_verbs_that_are_there()
    {
        foreach (Match command in Regex.Matches(CommandRun.Hachi("tour").Text, @"\$ hachi (\w+)"))
            Assert.NotNull(VerbList.Find(command.Groups[1].Value));
    }
}
