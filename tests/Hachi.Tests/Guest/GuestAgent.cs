using Hachi.Tests.House;

namespace Hachi.Tests.Guest;

/// <summary>The agent (tests/Hachi.Guest) as one static native file: published when sources are newer.</summary>
internal static class GuestAgent
{
    // Once a run, and what went wrong once goes wrong for all.
    private static readonly Lazy<string> s_agent = new(Find);

    /// <summary>Path of the agent; skips the test where it cannot be linked.</summary>
    public static string Need() => s_agent.Value;

    private static string Find()
    {
        string folder = Shared.InRepository("artifacts/guest/agent");
        string agent = Path.Combine(folder, "Hachi.Guest");
        if (File.Exists(agent) && !IsNewer(File.GetLastWriteTimeUtc(agent)))
            return agent;
        Tools.Need("gcc");
        ToolResult run = Tools.Run(Tools.Need("dotnet"), ["publish", Shared.InRepository("tests/Hachi.Guest"), "-c", "Release", "-r", "linux-x64", "-p:HachiNative=true",
            "--artifacts-path", Shared.InRepository("artifacts/guest/build"), "-o", folder, "-v", "q", "--nologo"], timeoutSeconds: 900, folder: Shared.Root);
        if (run.ExitCode != 0 && !run.Text.Contains("error CS", StringComparison.Ordinal) && run.Text.Contains("libc.a", StringComparison.Ordinal))
            Assert.Skip("needs the static libc: ./test --install (Debian package libc6-dev)");
        Assert.True(run.ExitCode == 0, $"the agent could not be published:\n{run.Text}\n{run.Error}");
        File.SetLastWriteTimeUtc(agent, DateTime.UtcNow);
        return agent;
    }

    private static bool IsNewer(DateTime built) =>
        ((string[])["src/Hachi", "src/Hachi.Linux", "tests/Hachi.Guest"]).SelectMany(folder => SourceTree.Files(folder, [".cs", ".csproj"])).Any(file => File.GetLastWriteTimeUtc(file) > built);
}
