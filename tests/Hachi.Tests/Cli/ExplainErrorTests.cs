using Hachi.Cli;
using Hachi.Text;

namespace Hachi.Tests.Cli;

/// <summary><c>hachi explain error</c>.</summary>
public sealed class ExplainErrorTests
{
    [Fact]
    public void Explain_error_knows_every_row()
    {
        foreach (DiagnosticInfo row in DiagnosticTable.All)
            Assert.Contains(row.Help, CommandRun.Hachi("explain", "error", row.Id.ToLowerInvariant()).Text);
        Assert.Equal(DiagnosticTable.All.Count, CommandRun.Hachi("explain", "error", "--json").Text.Split('\n').Length - 1);
    }

    [Fact]
    public void Explain_error_of_an_unknown_id_is_bad_input()
    {
        CommandRun run = CommandRun.Hachi("explain", "error", "HX9999");
        Assert.Equal(ExitStatus.BadInput, run.Status);
        Assert.Contains("there is no diagnostic 'HX9999'", run.Error);
    }
}
