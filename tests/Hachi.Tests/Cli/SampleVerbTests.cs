using Hachi.Captures.Sample;
using Hachi.Tests.Support;

namespace Hachi.Tests.Cli;

public sealed class SampleVerbTests
{
    [Fact]
    public void Sample_writes_the_built_in_capture_unless_told_otherwise()
    {
        CommandRun run = CommandRun.Hachi("sample", "-w", "-");
        Assert.Equal((0, ""), (run.Status, run.Error));
        Assert.Equal(SampleCapture.BuiltIn(), run.Output);
        Assert.NotEqual(run.Output, CommandRun.Hachi("sample", "--seed", "8", "-w", "-").Output);
        Assert.Equal(24, CommandRun.Hachi("sample", "--packets", "0", "-w", "-").Output.Length);
    }

    [Fact]
    public void Sample_refuses_what_it_cannot_do()
    {
        Assert.Equal(2, CommandRun.Hachi("sample", "--packets", "-5", "-w", "-").Status);
        Assert.Equal(2, CommandRun.Hachi("sample").Status);
    }
}
