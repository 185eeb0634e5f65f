using Hachi.Lang.Seccomp;
using Hachi.Lang.Seccomp.Oci;
using Hachi.Linux.Sandbox;
using Hachi.Tests.Support;
using Hachi.Uapi;

namespace Hachi.Tests.Seccomp;

/// <summary>Commands under filters, as children of their own.</summary>
public sealed class SandboxTests
{
    [Fact]
    public void A_command_runs_and_its_status_comes_back()
    {
        SkipWhereMissing();
        Assert.Equal(0, Run(null, "/bin/sh", "-c", "exit 0"));
        Assert.Equal(7, Run(null, "/bin/sh", "-c", "exit 7"));
        Assert.Equal(128 + 9, Run(null, "/bin/sh", "-c", "kill -9 $$"));
        SeccompPolicy all = Policy("""{"defaultAction":"SCMP_ACT_ALLOW"}""");
        Assert.Equal(7, Run(all, "/bin/sh", "-c", "exit 7"));
    }

    [Fact]
    public void What_is_denied_fails_with_its_errno_and_what_kills_kills()
    {
        SkipWhereMissing();
        string folder = Directory.CreateTempSubdirectory("hachi-seccomp-").FullName;
        try
        {
            SeccompPolicy denied = Policy("""{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":28}]}""");
            Assert.NotEqual(0, Run(denied, "/bin/sh", "-c", $"mkdir {folder}/a 2>{folder}/said"));
            Assert.False(Directory.Exists(folder + "/a"));
            Assert.Contains("No space left", File.ReadAllText(folder + "/said"), StringComparison.Ordinal);
            SeccompPolicy killed = Policy("""{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_KILL_PROCESS"}]}""");
            Assert.Equal(128 + 31, Run(killed, "/bin/mkdir", folder + "/b"));
            Assert.False(Directory.Exists(folder + "/b"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void What_cannot_be_started_is_said()
    {
        SkipWhereMissing();
        Assert.Equal(2, Assert.Throws<SandboxException>(() => Run(null, "/no/such/program")).Errno);
        SandboxException refused = Assert.Throws<SandboxException>(() => Run(Policy("""{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["exit_group"],"action":"SCMP_ACT_ALLOW"}]}"""), "/bin/true"));
        Assert.Contains("allow execve", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_recorder_sees_every_call_of_all_descendants()
    {
        SkipWhereMissing();
        var recorder = new SyscallRecorder(new Dictionary<string, byte> { ["kill"] = 0b10 });
        using SandboxedProcess process = SandboxedProcess.Start(Start("/bin/sh", "-c", "(cd /tmp; kill -0 $$); exit 5") with { Filter = SyscallRecorder.Filter, Listens = true });
        Assert.Equal(5, recorder.Watch(process, TestContext.Current.CancellationToken));
        SyscallTable table = SyscallTable.Of(SeccompFilter.Native);
        var names = recorder.Calls.Select(call => table.Find((int)call.Call.Number)!.Name).ToHashSet();
        foreach (string name in (string[])["execve", "mmap", "chdir", "wait4", "exit_group", "kill"])
            Assert.Contains(name, names);
        Assert.Equal(0ul, recorder.Calls.Single(call => table.Find((int)call.Call.Number)!.Name == "kill").Call.Arguments[1]);
    }

    [Fact]
    public void A_supervisor_hears_of_what_is_denied_and_answers_as_the_filter()
    {
        SkipWhereMissing();
        SeccompPolicy policy = Policy("""{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":28}]}""");
        var supervisor = new SeccompSupervisor(SeccompCompiler.Compile(policy).Program!);
        var heard = new List<DeniedCall>();
        using SandboxedProcess process = SandboxedProcess.Start(Start("/bin/sh", "-c", "exec 2>/dev/null; mkdir /tmp/hachi-denied-directory") with { Filter = supervisor.Filter, Listens = true });
        Assert.Equal(1, supervisor.Run(process, heard.Add));
        DeniedCall call = Assert.Single(heard);
        Assert.Equal(SeccompAction.Errno(28), call.Action);
        Assert.Contains("/tmp/hachi-denied-directory", call.Strings.Values);
        Assert.False(Directory.Exists("/tmp/hachi-denied-directory"));
    }

    [Fact]
    public void A_learned_profile_is_enough()
    {
        SkipWhereMissing();
        string[] command = ["/bin/sh", "-c", "ls / >/dev/null; x=$(echo a | tr a b); exit 3"];
        var recorder = new SyscallRecorder(new Dictionary<string, byte>());
        using (SandboxedProcess process = SandboxedProcess.Start(Start(command) with { Filter = SyscallRecorder.Filter, Listens = true }))
            Assert.Equal(3, recorder.Watch(process, TestContext.Current.CancellationToken));
        string profile = ProfileWriter.Write(recorder.Calls.Select(call => call.Call), new Dictionary<string, byte>(), ProfileWriter.BaseLibc);
        SeccompPolicy policy = Policy(profile);
        for (int i = 0; i < Volume.Of(50, 3); i++)
            Assert.Equal(3, Run(policy, command));
    }

    [Fact]
    public void A_process_with_fourteen_threads_filters_itself()
    {
        SkipWhereMissing();
        bool isHosted = Path.GetFileNameWithoutExtension(Environment.ProcessPath!) == "dotnet"; // ./test runs the tests so
        string[] program = isHosted ? [typeof(ThreadsScenario).Assembly.Location] : [];
        ToolResult run = Tools.Run(Environment.ProcessPath!, [.. program, "-explicit", "only", "-class", typeof(ThreadsScenario).FullName!], null, 100, null, new Dictionary<string, string?> { [ThreadsScenario.Variable] = ThreadsScenario.Name });
        Assert.Contains("Total: 1, Errors: 0, Failed: 0, Skipped: 0", run.Text, StringComparison.Ordinal);
        Assert.True(run.ExitCode == 0, $"status {run.ExitCode}: {run.Text} {run.Error}");
    }

    internal static int Run(SeccompPolicy? policy, params string[] command)
    {
        using SandboxedProcess process = SandboxedProcess.Start(Start(command) with { Filter = policy is null ? null : SeccompCompiler.Compile(policy).Program });
        return process.Wait();
    }

    internal static SandboxStart Start(params string[] command) => new() { Path = command[0], Arguments = command };

    private static SeccompPolicy Policy(string json) => OciProfile.Read(json, new OciContext { Native = SeccompFilter.Native }).Policy!;

    private static void SkipWhereMissing()
    {
        if (!SeccompFilter.IsSupported)
            Assert.Skip(SeccompFilter.WhyUnsupported!);
    }
}
