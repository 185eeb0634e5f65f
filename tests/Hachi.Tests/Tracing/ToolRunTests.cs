using System.Text.RegularExpressions;

namespace Hachi.Tests.Tracing;

/// <summary>
/// Tools against a workload that makes their event happen, each with the content of what it says. All of them keep to the workload's process (<c>-c</c>), or to its
/// port; those that look at everything run in the test kernels.
/// </summary>
public sealed class ToolRunTests
{
    [Theory]
    [InlineData("execsnoop", "exec", @"^\d+ +\d+ +0 +echo hachi argument$")]
    [InlineData("statsnoop", "stat", @"^\d+ +hachi_work +20 /proc/version/nothing$")]
    [InlineData("syscount", "calls 1000", @"^@call\[110\]: 1000$")]
    [InlineData("killsnoop", "kill", @"^(\d+) +hachi_work +0 +\1 +0$")]
    [InlineData("exitsnoop", "exit 7", @"^hachi_work +(\d+) +\1 +0 +7$")]
    [InlineData("udpconnect", "udp 47811", @"^\d+ +hachi_work +sendto +3 +127\.0\.0\.1 +47811$")]
    [InlineData("gethostlatency", "host", @"^\d+ +hachi_work +\d+ localhost$")]
    [InlineData("filelife", "unlink /tmp/hachi_work_gone", @"^\d+ +hachi_work +/tmp/hachi_work_gone$")]
    [InlineData("fileslower", "slowread", @"^\d+ +hachi_work +read +3 +1 +([5-9]\d|\d{3,})$")]
    [InlineData("threadsnoop", "thread", @"^\d+ +\d+ +hachi_work +work_thread$")]
    [InlineData("cpudist", "spin 300", @"^@usecs\[hachi_work\]: $")]
    [InlineData("runqlat", "sleep 20", @"^@usecs: $")]
    [InlineData("offcputime", "sleep 30", @"work_sleep\+\d+")]
    [InlineData("memleak", "leak", @"^\]: 12345$")]
    [InlineData("tcptop", "tcp 47812", @"^@sent\[\d+, hachi_work, 127\.0\.0\.1, 47812\]: 100000$")]
    [InlineData("tcpconnect", "tcp 47813", @"^\d+ +hachi_work +127\.0\.0\.1 +47813$")]
    [InlineData("tcplife", "tcp 47814", @"^\d+ +hachi_work +127\.0\.0\.1 +\d+ +127\.0\.0\.1 +47814 +10000[0-2] +[01] +\d{2,}$")]
    [InlineData("capable", "capability", @"^\d+ +0 +\d+ +hachi_work +23 +0$")]
    public void A_tool_sees_its_event(string tool, string work, string expected)
    {
        Tools.NeedRoot();
        string[] output = Run(tool, [], work);
        Assert.True(output.Any(line => Regex.IsMatch(line, expected)), string.Join('\n', output));
    }

    [Theory]
    [InlineData("funccount", "uprobe:FILE:work_cal*", "call 50", @"^@\[uprobe:.*:work_called\]: 50$")]
    [InlineData("argdist", "uprobe:FILE:work_called", "call 50", @"^\[4, 8\) +50 \|@+\|$")]
    [InlineData("funclatency", "FILE:work_sleep", "sleep 20", @"^\[8M, 16M\) +\d+ \|@+")]
    [InlineData("stackcount", "uprobe:FILE:work_called", "call 50", @"^ +work_called\+0$")]
    [InlineData("trace", "uprobe:FILE:work_called|\"n=%d\", arg0", "call 1", @"^\d+ +(\d+) +\1 +hachi_work +n=7$")]
    [InlineData("sslsniff", "FILE", "ssl", @"^\d+ +\d+ +hachi_work +write +15 secret question$")]
    [InlineData("sslsniff", "FILE", "ssl", @"^\d+ +\d+ +hachi_work +read +13 secret answer$")]
    public void A_tool_sees_the_functions_of_a_program(string tool, string arguments, string work, string expected)
    {
        Tools.NeedRoot();
        string[] output = Run(tool, arguments.Replace("FILE", Workload.Program, StringComparison.Ordinal).Split('|'), work);
        Assert.True(output.Any(line => Regex.IsMatch(line, expected)), string.Join('\n', output));
    }

    [Fact]
    public void Profile_and_runqlen_sample_a_process_that_works()
    {
        Tools.NeedRoot();
        Assert.Contains(Run("profile", [], "spin 500"), line => line.Contains("work_spin+", StringComparison.Ordinal));
        Assert.Contains(Run("runqlen", [], "spin 500"), line => Regex.IsMatch(line, @"^@waiting\[\d+\]: $"));
    }

    [Fact]
    public void Bashreadline_sees_a_line_that_bash_reads()
    {
        Tools.NeedRoot();
        string bash = Tools.Need("bash");
        string input = Path.GetTempFileName();
        try
        {
            File.WriteAllText(input, "true hachi_line\nexit\n");
            CommandRun run = CommandRun.Hachi("tool", "bashreadline", bash, "-c", $"{bash} --norc --noprofile -i < {input} > /dev/null 2>&1");
            Assert.True(run.Status == 0, run.Error);
            Assert.Matches(@"(?m)^\d+ +\d+ +true hachi_line$", run.Text);
        }
        finally
        {
            File.Delete(input);
        }
    }

    private static string[] Run(string tool, string[] arguments, string work)
    {
        CommandRun run = CommandRun.Hachi(["tool", tool, .. arguments, "-c", $"{Workload.Program} {work}"]);
        Assert.True(run.Status == 0, run.Error);
        return run.Text.Split('\n');
    }
}
