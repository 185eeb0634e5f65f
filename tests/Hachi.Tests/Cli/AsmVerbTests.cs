using System.Text;
using Hachi.Asm;
using Hachi.Cli;
using Hachi.Object;
using Hachi.Tests.Support;

namespace Hachi.Tests.Cli;

public sealed class AsmVerbTests
{
    private const string Program = "r1 = 0x5 ll\nr0 = r1\nexit\n";

    [Theory]
    [InlineData("raw")]
    [InlineData("hex")]
    [InlineData("elf")]
    public void What_asm_writes_disasm_reads(string form)
    {
        CommandRun asm = CommandRun.HachiWith(Encoding.UTF8.GetBytes(Program), "asm", "-", "--to", form);
        Assert.Equal((0, ""), (asm.Status, asm.Error));
        CommandRun disasm = CommandRun.HachiWith(asm.Output, "disasm", "-");
        Assert.Equal(form == "elf" ? ".program main section \".text\"\n" + string.Concat(Program.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => $"        {line}\n")) : Program, disasm.Text);
        Assert.Equal((0, ""), (disasm.Status, disasm.Error));
    }

    [Theory]
    [InlineData("raw")]
    [InlineData("dd")]
    [InlineData("ddd")]
    [InlineData("compact")]
    public void What_asm_writes_disasm_reads_classic(string form)
    {
        const string Filter = "        ldh [12]\n        jne #0x800, L3\n        ret #65535\nL3:     ret #0\n";
        CommandRun asm = CommandRun.HachiWith(Encoding.UTF8.GetBytes(Filter), "asm", "-", "--classic", "--check", "--to", form);
        Assert.Equal((0, ""), (asm.Status, asm.Error));
        CommandRun disasm = CommandRun.HachiWith(asm.Output, "disasm", "-", "--classic");
        Assert.Equal((0, Filter), (disasm.Status, disasm.Text));
    }

    [Fact]
    public void Hex_from_the_command_line() =>
        Assert.Equal("r0 = 0x5\nexit\n", CommandRun.Hachi("disasm", "--hex", "b7000000 05000000 95000000 00000000").Text);

    [Fact]
    public void Errors_show_the_line_and_the_place()
    {
        CommandRun run = CommandRun.HachiWith("exit\nadd32 5, %r1\n"u8.ToArray(), "asm", "-");
        Assert.Equal(ExitStatus.BadInput, run.Status);
        Assert.Empty(run.Output);
        Assert.Contains("expected register, found `5`", run.Error);
        Assert.Contains("add32 5, %r1", run.Error);
    }

    [Fact]
    public void Check_says_what_the_kernel_would_refuse()
    {
        CommandRun run = CommandRun.HachiWith("r0 = 0x0\nr0 /= 0x0\nexit"u8.ToArray(), "asm", "-", "--check");
        Assert.Equal(ExitStatus.No, run.Status);
        Assert.Contains("HA0210", run.Error);
        Assert.Contains("r0 /= 0x0", run.Error);
        Assert.Equal(ExitStatus.No, CommandRun.Hachi("disasm", "--hex", "b700000005000000", "--check").Status);
    }

    [Theory]
    [InlineData("disasm")]
    [InlineData("disasm", "--hex", "b7")]
    [InlineData("disasm", "--hex", "xyz")]
    [InlineData("disasm", "/nonexistent")]
    [InlineData("asm", "-", "--to", "ddd")]
    [InlineData("asm", "-", "--classic", "--to", "elf")]
    public void Bad_usage(params string[] args) => Assert.Equal(ExitStatus.BadInput, CommandRun.HachiWith("ret #0"u8.ToArray(), args).Status);

    [Fact]
    public void Damaged_objects_are_refused()
    {
        byte[] file = ElfObjectWriter.Write(ObjectParser.Parse(Program).Object!);
        Assert.Equal(ExitStatus.BadInput, CommandRun.HachiWith(file[..^1], "disasm", "-").Status);
    }
}
