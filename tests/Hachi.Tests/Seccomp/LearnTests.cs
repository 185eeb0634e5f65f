using Hachi.Linux.Sandbox;
using Hachi.Tests.Support;

namespace Hachi.Tests.Seccomp;

/// <summary>Programs learn their profile as an ordinary user, and then run under it again and again.</summary>
public sealed class LearnTests : IDisposable
{
    private static readonly string[] s_nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];

    private readonly string _folder = Directory.CreateTempSubdirectory("hachi-learn-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("dotnet", "{cli} version")]
    [InlineData("git", "init -q {folder}/repository")]
    [InlineData("gcc", "-O1 -c -o {folder}/t.o {folder}/t.c")]
    public void A_learned_profile_is_enough(string program, string arguments)
    {
        if (!SeccompFilter.IsSupported)
            Assert.Skip(SeccompFilter.WhyUnsupported!);
        string cli = Path.Combine(AppContext.BaseDirectory, "Hachi.Cli.dll"), profile = Path.Combine(_folder, "profile.json");
        if (SandboxedProcess.FindProgram(program, Environment.GetEnvironmentVariable("PATH")) is null)
            Assert.Skip("needs " + program);
        File.WriteAllText(Path.Combine(_folder, "t.c"), "int twice(int x) { return 2 * x; }\n");
        File.SetUnixFileMode(_folder, (UnixFileMode)0b111_111_111);
        string[] command = [program, .. arguments.Replace("{cli}", cli, StringComparison.Ordinal).Replace("{folder}", _folder, StringComparison.Ordinal).Split(' ')];
        ToolResult learn = Run("dotnet", [cli, "seccomp", "learn", "--runs", "2", "-o", profile, "--", .. command]);
        Assert.True(learn.ExitCode == 0 && learn.Error.Contains("in 2 runs", StringComparison.Ordinal), learn.Error);
        for (int i = 0; i < Volume.Of(50, 2); i++)
        {
            ToolResult run = Run("dotnet", [cli, "seccomp", "run", "--profile", profile, "--explain-denied", "--", .. command]);
            Assert.True(run.ExitCode == 0 && !run.Error.Contains("denied:", StringComparison.Ordinal), $"run {i}: status {run.ExitCode}\n{run.Error}");
        }
    }

    /// <summary>As nobody, where this user may become that one and that one may read this program.</summary>
    private ToolResult Run(string program, string[] arguments)
    {
        var environment = new Dictionary<string, string?> { ["HOME"] = _folder, ["DOTNET_CLI_HOME"] = _folder };
        bool drops = Environment.IsPrivilegedProcess && File.Exists("/usr/bin/setpriv")
            && Tools.Run("/usr/bin/setpriv", [.. s_nobody, "test", "-r", Path.Combine(AppContext.BaseDirectory, "Hachi.Cli.dll")]).ExitCode == 0;
        return drops
            ? Tools.Run("/usr/bin/setpriv", [.. s_nobody, program, .. arguments], null, 60, _folder, environment)
            : Tools.Run(program, arguments, null, 60, _folder, environment);
    }
}
