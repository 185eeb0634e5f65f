using Hachi.Cli;
using Hachi.Text;
using Hachi.Verify.Rejections;

namespace Hachi.Tests.Cli;

/// <summary><c>hachi explain error</c>.</summary>
public sealed class ExplainErrorTests
{
    [Fact]
    public void Explain_error_knows_every_row()
    {
        foreach (DiagnosticInfo row in DiagnosticTable.All)
            Assert.Contains(row.Help, CommandRun.Hachi("explain", "error", row.Id.ToLowerInvariant()).Text);
        Assert.Equal(DiagnosticTable.All.Count + RefusalTable.All.Length, CommandRun.Hachi("explain", "error", "--json").Text.Split('\n').Length - 1);
    }

    [Fact]
    public void Explain_error_of_an_unknown_id_is_bad_input()
    {
        CommandRun run = CommandRun.Hachi("explain", "error", "HX9999");
        Assert.Equal(ExitStatus.BadInput, run.Status);
        Assert.Contains("there is no diagnostic 'HX9999'", run.Error);
    }

    [Fact]
    public void Explain_error_knows_every_refusal()
    {
        foreach (RefusalInfo row in RefusalTable.All)
            Assert.Contains(row.Mend, CommandRun.Hachi("explain", "error", row.Id).Text);
        Assert.Contains("did you mean map-null?", CommandRun.Hachi("explain", "error", "map-nul").Error);
    }

    [Fact]
    public void Explain_log_reads_standard_input_and_says_what_is_wrong()
    {
        byte[] log = "0: R1=ctx() R10=fp0\n0: (bf) r0 = r2\nR2 !read_ok\nprocessed 1 insns (limit 1000000) max_states_per_insn 0\n"u8.ToArray();
        CommandRun run = CommandRun.HachiWith(log, "explain", "log", "-");
        Assert.Equal(ExitStatus.Done, run.Status);
        Assert.StartsWith("refused: R2 !read_ok [uninit-reg]\n  0: r0 = r2\n          ^^\n", run.Text);
        using var json = System.Text.Json.JsonDocument.Parse(CommandRun.HachiWith(log, "explain", "log", "-", "--json").Text);
        Assert.Equal(("uninit-reg", 0, "r0 = r2"), (json.RootElement.GetProperty("reason").GetString(), json.RootElement.GetProperty("slot").GetInt32(), json.RootElement.GetProperty("insn").GetString()));
    }

    [Fact]
    public void Explain_log_of_an_accepted_program_is_no()
    {
        byte[] log = "0: R1=ctx() R10=fp0\n0: (b7) r0 = 0    ; R0=0\n1: (95) exit\nprocessed 2 insns (limit 1000000) max_states_per_insn 0\n"u8.ToArray();
        Assert.Equal(ExitStatus.No, CommandRun.HachiWith(log, "explain", "log", "-").Status);
        Assert.Contains("[eperm]", CommandRun.HachiWith([], "explain", "log", "-", "--errno", "EPERM").Text);
        Assert.Equal(ExitStatus.BadInput, CommandRun.HachiWith([], "explain", "log", "-", "--errno", "EWHAT").Status);
    }
}
