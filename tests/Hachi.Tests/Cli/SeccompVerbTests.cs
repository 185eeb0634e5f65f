using System.Text.Json;
using Hachi.Cli;
using Hachi.Isa;
using Hachi.Lang.Seccomp;
using Hachi.Linux.Sandbox;
using Hachi.Tests.Support;
using Hachi.Uapi;

namespace Hachi.Tests.Cli;

/// <summary><c>hachi seccomp</c>: every command; those that start something as processes of their own.</summary>
public sealed class SeccompVerbTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("hachi-seccomp-verb-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Compiled_filters_are_equal_in_every_form()
    {
        string policy = Write("p", "default deny\nallow @default, socket(family == AF_UNIX)\n");
        foreach (string form in (string[])["raw", "d", "dd", "ddd", "asm", "json"])
            Assert.Equal(0, CommandRun.Hachi("seccomp", "compile", policy, "--to", form, "-o", Path.Combine(_folder, form)).Status);
        foreach (string form in (string[])["raw", "dd", "ddd"])
        {
            CommandRun run = CommandRun.Hachi("seccomp", "equiv", policy, Path.Combine(_folder, form));
            Assert.True(run.Status == 0, form + ": " + run.Error + run.Text);
        }
        Assert.Equal(0, new FileInfo(Path.Combine(_folder, "raw")).Length % 8);
        using JsonDocument json = JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder, "json")));
        Assert.True(json.RootElement.GetProperty("insns").GetArrayLength() > 10);
        Assert.Contains("proved", CommandRun.Hachi("seccomp", "compile", policy).Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Weights_shorten_the_way_of_what_is_often_called()
    {
        string policy = Write("p", "default deny\nallow @system-service\n"), weights = Write("w", "# calls\n 100000 write\npersonality 2\n");
        Assert.Equal(0, CommandRun.Hachi("seccomp", "compile", policy, "-o", Path.Combine(_folder, "plain")).Status);
        Assert.Equal(0, CommandRun.Hachi("seccomp", "compile", policy, "--weights", weights, "-o", Path.Combine(_folder, "weighted")).Status);
        Assert.Equal(0, CommandRun.Hachi("seccomp", "equiv", Path.Combine(_folder, "plain"), Path.Combine(_folder, "weighted")).Status);
        Assert.True(Steps("weighted") < Steps("plain"));
        Assert.Equal(ExitStatus.BadInput, CommandRun.Hachi("seccomp", "compile", policy, "--weights", Write("bad", "nonsense\n")).Status);

        int Steps(string file)
        {
            using JsonDocument json = JsonDocument.Parse(CommandRun.Hachi("seccomp", "explain", Path.Combine(_folder, file), "write", "--arch", "x86_64", "--json").Text);
            return json.RootElement.GetProperty("path").GetArrayLength();
        }
    }

    [Fact]
    public void Differences_are_calls()
    {
        string old = Write("old", "default deny\nallow read\n"), later = Write("new", "default deny\nallow read, mkdir(mode == 0x1ff)\n");
        CommandRun run = CommandRun.Hachi("seccomp", "diff", old, later);
        Assert.Equal(ExitStatus.No, run.Status);
        Assert.Equal("x86_64 mkdir(pathname = 0, mode = 0x1ff): errno EPERM -> allow\n", run.Text);
        using JsonDocument json = JsonDocument.Parse(CommandRun.Hachi("seccomp", "diff", old, later, "--json").Text);
        Assert.Equal(83, json.RootElement.GetProperty("nr").GetInt32());
    }

    [Fact]
    public void Explanations_name_rule_line_and_condition()
    {
        string policy = Write("p", "default deny\n# one\nallow socket(family == AF_UNIX)\n");
        CommandRun run = CommandRun.Hachi("seccomp", "explain", policy, "socket", "2", "--arch", "x86_64");
        Assert.Contains("errno EPERM", run.Text, StringComparison.Ordinal);
        Assert.Contains("allowed if family == 1", run.Text, StringComparison.Ordinal);
        Assert.Contains("line 3", CommandRun.Hachi("seccomp", "explain", policy, "socket", "1").Text, StringComparison.Ordinal);
        Assert.Contains("ret", CommandRun.Hachi("seccomp", "emulate", policy, "socket", "1").Text, StringComparison.Ordinal);
        Assert.Contains("; nr", CommandRun.Hachi("seccomp", "disasm", policy).Text, StringComparison.Ordinal);
        Assert.Contains("family = 0x28 AF_VSOCK, type = 0x80001 SOCK_STREAM|SOCK_CLOEXEC, protocol = 0", CommandRun.Hachi("seccomp", "explain", policy, "socket", "AF_VSOCK", "SOCK_STREAM|SOCK_CLOEXEC").Text, StringComparison.Ordinal);
        Assert.Contains("did you mean AF_UNIX?", CommandRun.Hachi("seccomp", "explain", policy, "socket", "AF_UNXI").Error, StringComparison.Ordinal);
        Assert.Contains("did you mean socket?", CommandRun.Hachi("seccomp", "explain", policy, "sockt").Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("default alow\n")]
    [InlineData("{\"defaultAction\": 3}")]
    [InlineData("4\n40 0 0 12\n21 0 1 2048\n6 0 0 262144\n6 0 0 0\n")]
    [InlineData("")]
    public void Bad_policies_are_refused(string text) => Assert.Equal(ExitStatus.BadInput, CommandRun.Hachi("seccomp", "audit", Write("bad", text)).Status);

    [Fact]
    public void A_denied_call_is_named_and_the_suggested_entry_allows_it()
    {
        SkipWhereMissing();
        string profile = Write("p.json", """
            {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
            {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 1, "value": 448, "op": "SCMP_CMP_EQ"}]}
            ]}
            """);
        CommandRun notified = Hachi("seccomp", "run", "--profile", Write("notify", "default allow\nnotify mkdir, mkdirat\n"), "--", "/bin/sh", "-c", $"mkdir -m 700 {_folder}/n 2>/dev/null || exit 9");
        Assert.Equal(9, notified.Status);
        Assert.Contains("notified: x86_64 mkdir", notified.Error, StringComparison.Ordinal);
        CommandRun run = Hachi("seccomp", "run", "--profile", profile, "--explain-denied", "--", "/bin/sh", "-c", $"mkdir -m 700 {_folder}/a 2>/dev/null || exit 9");
        Assert.Equal(9, run.Status);
        Assert.Contains($"points to \"{_folder}/a\"): errno EPERM".Replace("\")", "\"", StringComparison.Ordinal), run.Error, StringComparison.Ordinal);
        Assert.Contains("line 2", run.Error, StringComparison.Ordinal);

        string learned = Path.Combine(_folder, "learned.json");
        Assert.Equal(0, Hachi("seccomp", "learn", "-o", learned, "--", "/bin/sh", "-c", "mkdir -p /tmp; true").Status);
        CommandRun denied = Hachi("seccomp", "run", "--profile", learned, "--explain-denied", "--", "/bin/sh", "-c", "mkdir -p /tmp; umask 022; kill -0 $$");
        Assert.NotEqual(0, denied.Status);
        string entry = denied.Error.Split('\n').First(line => line.Contains("this entry", StringComparison.Ordinal)).Split(": ", 2)[1];
        Assert.Contains("\"kill\"", entry, StringComparison.Ordinal);
        File.WriteAllText(learned, File.ReadAllText(learned).Replace("\"syscalls\": [", "\"syscalls\": [" + entry + ",", StringComparison.Ordinal));
        CommandRun passes = Hachi("seccomp", "run", "--profile", learned, "--explain-denied", "--", "/bin/sh", "-c", "mkdir -p /tmp; umask 022; kill -0 $$");
        Assert.Equal((0, ""), (passes.Status, passes.Error));
    }

    [Theory]
    [InlineData("default errno EPERM\n", "", "allow kill")]
    [InlineData("default errno EPERM\n", "allow kill(sig == 18 and pid > 1)\n", "allow kill(pid == ")]
    [InlineData("default allow\n", "errno EACCES kill(sig < 3)\n", "allow kill(sig == 0)")]
    public void The_suggested_line_allows_a_denied_call(string start, string rules, string expected)
    {
        SkipWhereMissing();
        string[] command = ["--explain-denied", "--", "/bin/sh", "-c", "kill -0 $$; true"];
        string others = start.Contains("EPERM", StringComparison.Ordinal) ? "allow @default, @basic-io, @file-system, @signal, @io-event, execve, arch_prctl, prctl, ioctl\n" : "";
        string Denied(string line) => Hachi(["seccomp", "run", "--profile", Write("line.policy", start + line + rules + others), .. command]).Error;
        string denied = Denied("");
        Assert.Contains("denied: x86_64 kill(pid = ", denied, StringComparison.Ordinal);
        string suggested = denied.Split('\n').First(line => line.Contains("allows it: ", StringComparison.Ordinal)).Split("allows it: ")[1];
        Assert.StartsWith(expected, suggested, StringComparison.Ordinal);
        if (!suggested.Contains("pid", StringComparison.Ordinal)) // another process, another number
            Assert.Equal("", Denied(suggested + "\n"));
    }

    [Fact]
    public void A_rule_that_denies_a_call_whatever_its_arguments_has_to_be_changed()
    {
        SkipWhereMissing();
        string policy = Write("whole.policy", "default allow\nerrno EACCES kill\n");
        string said = Hachi("seccomp", "run", "--profile", policy, "--explain-denied", "--", "/bin/sh", "-c", "kill -0 $$; true").Error;
        Assert.Contains("by the rule in line 2", said, StringComparison.Ordinal);
        Assert.Contains("to allow it, take kill out of that line", said, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_or_mistyped_command_is_told()
    {
        CommandRun missing = Hachi("seccomp"), mistyped = Hachi("seccomp", "compil");
        Assert.Equal((2, 2), (missing.Status, mistyped.Status));
        Assert.Contains("there are: compile, run, learn", missing.Error, StringComparison.Ordinal);
        Assert.Contains("did you mean compile?", mistyped.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Learned_profiles_are_merged_and_tell_arguments_apart()
    {
        SkipWhereMissing();
        string first = Path.Combine(_folder, "a.json"), second = Path.Combine(_folder, "b.json");
        CommandRun run = Hachi("seccomp", "learn", "--base", "none", "--args", "kill", "--runs", "2", "-o", first, "--", "/bin/sh", "-c", "kill -0 $$");
        Assert.Equal(0, run.Status);
        Assert.Contains("in 2 runs", run.Error, StringComparison.Ordinal);
        Assert.Equal(0, Hachi("seccomp", "learn", "--merge", first, "-o", second, "--", "/bin/sh", "-c", "umask 022; kill -18 $$").Status);
        Assert.Equal(0, Hachi("seccomp", "run", "--profile", second, "--", "/bin/sh", "-c", "umask 022; kill -0 $$ && kill -18 $$").Status);
        Assert.NotEqual(0, Hachi("seccomp", "run", "--profile", second, "--", "/bin/sh", "-c", "kill -28 $$ 2>/dev/null").Status);
        Assert.NotEqual(0, Hachi("seccomp", "run", "--profile", first, "--", "/bin/sh", "-c", "kill -18 $$ 2>/dev/null").Status);
    }

    [Fact]
    public void What_cannot_run_has_status_4_and_what_runs_passes_on_its_own()
    {
        SkipWhereMissing();
        string all = Write("all", "default allow\n"), none = Write("none", "default deny\n");
        Assert.Equal(7, Hachi("seccomp", "run", "--profile", all, "--", "/bin/sh", "-c", "exit 7").Status);
        Assert.Equal(ExitStatus.KernelRefused, Hachi("seccomp", "run", "--profile", none, "--", "/bin/true").Status);
        Assert.Equal(ExitStatus.BadInput, Hachi("seccomp", "run", "--profile", all, "--", "no-such-program-anywhere").Status);
        Assert.Equal(ExitStatus.BadInput, Hachi("seccomp", "run", "--profile", all).Status);
        Assert.Equal(0, Hachi("seccomp", "run", "--profile", Write("dm", "default allow\ndeny mkdir, mkdirat\n"), "--audit", "--", "mkdir", _folder + "/made").Status);
    }

    [Fact]
    public void Filters_of_a_process_are_read_and_explained()
    {
        SkipWhereMissing();
        if (!Environment.IsPrivilegedProcess)
            Assert.Skip("needs CAP_SYS_ADMIN");
        ClassicProgram filter = SeccompCompiler.Compile(new SeccompPolicyBuilder(SeccompAction.Allow).Deny(30, "mkdir").Build(SeccompFilter.Native)).Program!;
        using SandboxedProcess process = SandboxedProcess.Start(new SandboxStart { Path = "/bin/sleep", Arguments = ["sleep", "100"], Filter = filter });
        Assert.Equal(filter, Assert.Single(SeccompDump.Read(process.Id)));
        CommandRun run = CommandRun.Hachi("seccomp", "explain", "--pid", process.Id.ToString(null, null), "mkdir", "--arch", SeccompFilter.Native == SeccompArchitecture.X86_64 ? "x86_64" : "aarch64");
        Assert.Equal((0, ""), (run.Status, run.Error));
        Assert.Contains("errno EROFS", run.Text, StringComparison.Ordinal);
        Assert.Contains("; nr", CommandRun.Hachi("seccomp", "explain", "--pid", process.Id.ToString(null, null)).Text, StringComparison.Ordinal);
        Assert.Null(process.Poll());
        using SandboxedProcess plain = SandboxedProcess.Start(new SandboxStart { Path = "/bin/sleep", Arguments = ["sleep", "100"] });
        Assert.Empty(SeccompDump.Read(plain.Id));
        Assert.Equal(ExitStatus.KernelRefused, CommandRun.Hachi("seccomp", "explain", "--pid", "999999999").Status);
    }

    private string Write(string name, string text)
    {
        string file = Path.Combine(_folder, name);
        File.WriteAllText(file, text);
        return file;
    }

    /// <summary>As a process of its own: it forks, and its children write to its standard output.</summary>
    private static CommandRun Hachi(params string[] args)
    {
        ToolResult run = Tools.Run("dotnet", [Path.Combine(AppContext.BaseDirectory, "Hachi.Cli.dll"), .. args], null, 60);
        return new CommandRun(run.ExitCode, run.Output, run.Error);
    }

    private static void SkipWhereMissing()
    {
        if (!SeccompFilter.IsSupported)
            Assert.Skip(SeccompFilter.WhyUnsupported!);
    }
}
