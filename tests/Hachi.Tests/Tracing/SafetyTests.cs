using System.Diagnostics;
using System.Globalization;

namespace Hachi.Tests.Tracing;

/// <summary>What must not happen: attaching where only looking was asked for, and leaving something behind.</summary>
public sealed class SafetyTests
{
    private const string Script = "tracepoint:syscalls:sys_enter_getppid /pid == 1/ { @ = count(); } profile:hz:1 /pid == 1/ { @p = count(); } rawtracepoint:sys_enter /pid == 1/ { @r = count(); } interval:ms:50 { exit(); }";

    private static readonly string[] s_attaching = ["BPF_LINK_CREATE", "BPF_RAW_TRACEPOINT_OPEN", "BPF_PROG_ATTACH", "PERF_EVENT_IOC_SET_BPF", "perf_event_open("];

    [Theory]
    [InlineData("--check", false)]
    [InlineData("--explain", false)]
    [InlineData("--dry-run", false)]
    [InlineData("-q", true)]
    public void Only_a_run_attaches(string option, bool attaches)
    {
        Tools.NeedRoot();
        string strace = Tools.Need("strace"), log = Path.GetTempFileName();
        try
        {
            Tools.RunOk(strace, ["-f", "-qq", "-o", log, "-e", "trace=bpf,perf_event_open,ioctl", .. Hachi, "trace", option, "-e", Script]);
            string calls = File.ReadAllText(log);
            Assert.Contains("BPF_PROG_LOAD", calls);
            Assert.Equal(attaches, s_attaching.Any(calls.Contains));
        }
        finally
        {
            File.Delete(log);
        }
    }

    [Fact]
    public void Who_is_killed_leaves_nothing_attached()
    {
        Tools.NeedRoot();
        string bpftool = Tools.Need("bpftool");
        // What the programs are called by nobody else.
        string mark = "hachi_" + Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        using Process work = Process.Start(new ProcessStartInfo(Workload.Program, ["sleep", "3000"]))!;
        using Process tracer = Process.Start(new ProcessStartInfo("dotnet", [.. Hachi[1..], "trace", "-e", $"uprobe:{Workload.Program}:work_sleep /pid == {work.Id}/ {{ @{mark} = count(); }} tracepoint:syscalls:sys_enter_getppid /pid == {work.Id}/ {{ @{mark} = count(); }}"]) { RedirectStandardError = true })!;
        try
        {
            Assert.StartsWith("Attached 2", tracer.StandardError.ReadLine(), StringComparison.Ordinal);
            Assert.Contains("AT_" + mark[..8], Tools.RunOk(bpftool, ["map", "show"]).Text);
            tracer.Kill();
            tracer.WaitForExit();
            for (int i = 0; i < 100 && Tools.RunOk(bpftool, ["map", "show"]).Text.Contains("AT_" + mark[..8], StringComparison.Ordinal); i++)
                Thread.Sleep(50);
            Assert.DoesNotContain("AT_" + mark[..8], Tools.RunOk(bpftool, ["map", "show"]).Text);
            Assert.DoesNotContain(Workload.Program, Tools.RunOk(bpftool, ["perf", "show"]).Text);
        }
        finally
        {
            if (!tracer.HasExited)
                tracer.Kill();
            work.Kill();
            work.WaitForExit();
        }
    }

    [Fact]
    public void A_process_name_full_of_escape_sequences_is_shown_escaped()
    {
        Tools.NeedRoot();
        string folder = Directory.CreateTempSubdirectory("hachi-name-").FullName;
        try
        {
            string program = Path.Combine(folder, "a\e[31mred");
            File.Copy(Workload.Program, program);
            CommandRun run = CommandRun.Hachi("trace", "-q", "-e", "tracepoint:syscalls:sys_enter_getppid /pid == cpid/ { printf(\"%s %-12s|\\n\", comm, comm); @[comm] = count(); }", "-c", $"'{program}' calls 1");
            Assert.DoesNotContain('\e', run.Text);
            Assert.Contains(@"a\x1b[31mred", run.Text);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void A_command_is_traced_from_its_first_instruction_and_nothing_before_it()
    {
        Tools.NeedRoot();
        CommandRun run = CommandRun.Hachi("trace", "-q", "-e", "tracepoint:syscalls:sys_enter_getppid /pid == cpid/ { @calls = count(); } tracepoint:syscalls:sys_enter_execve /pid == cpid/ { @execs = count(); } tracepoint:syscalls:sys_enter_brk /pid == cpid/ { @first = count(); }", "-c", $"{Workload.Program} calls 100000");
        Assert.True(run.Status == 0, run.Error);
        Assert.Contains("@calls: 100000\n", run.Text);
        Assert.Contains("@first: ", run.Text);
        Assert.DoesNotContain("@execs", run.Text);
    }

    [Theory]
    [InlineData("tracepoint:syscalls:sys_enter_getppid { @ = count(); }", "CAP_BPF|CAP_PERFMON|CAP_DAC_READ_SEARCH")]
    [InlineData("profile:hz:99 { @[pid] = count(); }", "CAP_BPF|CAP_PERFMON")]
    public void Nobody_is_told_each_right_that_is_missing(string script, string missing)
    {
        Tools.NeedRoot();
        string setpriv = Tools.Need("setpriv");
        ToolResult run = Tools.Run(setpriv, ["--reuid", "65534", "--regid", "65534", "--clear-groups", .. Hachi, "trace", "-e", script]);
        Assert.True(run.ExitCode is 2 or 4, run.Error);
        foreach (string capability in missing.Split('|'))
            Assert.Contains($"missing: {capability} ", run.Error);
        Assert.Contains($"sudo setcap {missing.ToLowerInvariant().Replace('|', ',')}=ep ", run.Error);
    }

    [Fact]
    public void Processes_that_are_not_there_are_told_and_those_that_go_end_the_trace()
    {
        Tools.NeedRoot();
        CommandRun gone = CommandRun.Hachi("trace", "-p", "999999999", "-e", "BEGIN { }"), missing = CommandRun.Hachi("trace", "-c", "/no/such/program", "-e", "BEGIN { }");
        Assert.Equal((2, 2), (gone.Status, missing.Status));
        Assert.Contains("there is no process 999999999", gone.Error);
        Assert.Contains("ended before it began (status 127)", missing.Error);
        using Process work = Process.Start(new ProcessStartInfo(Workload.Program, ["sleep", "50"]))!;
        CommandRun run = CommandRun.Hachi("trace", "-p", work.Id.ToString(CultureInfo.InvariantCulture), "-e", "BEGIN { @ = 7; } interval:s:60 { exit(); }");
        Assert.Equal(0, run.Status);
        Assert.Contains("@: 7", run.Text);
        work.WaitForExit();
    }

    [Fact]
    public void A_mistyped_probe_has_a_hint()
    {
        Tools.NeedRoot();
        Assert.Contains("did you mean sys_enter_openat?", CommandRun.Hachi("trace", "--check", "-e", "tracepoint:syscalls:sys_enter_opnat { }").Error);
        Assert.Contains("did you mean work_sleep?", CommandRun.Hachi("trace", "--check", "-e", $"uprobe:{Workload.Program}:work_slep {{ }}").Error);
    }

    private static string[] Hachi => ["dotnet", Path.Combine(AppContext.BaseDirectory, "Hachi.Cli.dll")];
}
