using Hachi.Hosting;
using Hachi.Lang.Seccomp;
using Hachi.Linux.Sandbox;
using Hachi.Uapi;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Hachi.Tests.Hosting;

public sealed class HostingTests
{
    [Fact]
    public void A_host_filters_itself_when_all_has_started()
    {
        SkipWhereMissing();
        bool isHosted = Path.GetFileNameWithoutExtension(Environment.ProcessPath!) == "dotnet";
        string[] program = isHosted ? [typeof(HostedScenario).Assembly.Location] : [];
        ToolResult run = Tools.Run(Environment.ProcessPath!, [.. program, "-explicit", "only", "-class", typeof(HostedScenario).FullName!], null, 100, null,
            new Dictionary<string, string?> { [HostedScenario.Variable] = HostedScenario.Name });
        Assert.True(run.ExitCode == 0, $"status {run.ExitCode}: {run.Text} {run.Error}");
        Assert.Contains("Total: 1, Errors: 0, Failed: 0, Skipped: 0", run.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_policy_ends_the_start_with_its_place()
    {
        string message = await Refusal(options => options.Text = "default errno EPERM\nallow opennat\n");
        Assert.Contains("the seccomp policy cannot be used:", message, StringComparison.Ordinal);
        Assert.Contains("line 2:\n  allow opennat\n        ^", message, StringComparison.Ordinal);
        Assert.Contains("openat", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_profile_ends_the_start_too() =>
        Assert.Contains("defaultAction", await Refusal(options => options.Text = """{ "syscalls": [] }"""), StringComparison.Ordinal);

    [Fact]
    public async Task A_missing_file_is_named() =>
        Assert.Contains("'nowhere.policy' cannot be read", await Refusal(options => options.Path = "nowhere.policy"), StringComparison.Ordinal);

    [Fact]
    public async Task One_policy_is_named_not_none_and_not_two()
    {
        Assert.Contains("no policy", await Refusal(_ => { }), StringComparison.Ordinal);
        Assert.Contains("several policies", await Refusal(options => (options.Text, options.Path) = ("default allow\n", "a.policy")), StringComparison.Ordinal);
    }

    private static async Task<string> Refusal(Action<SeccompSandboxOptions> configure)
    {
        SkipWhereMissing();
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddSeccompSandbox(configure);
        using IHost host = builder.Build();
        return (await Assert.ThrowsAsync<SeccompSandboxException>(() => host.StartAsync(TestContext.Current.CancellationToken))).Message;
    }

    private static void SkipWhereMissing()
    {
        if (!SeccompFilter.IsSupported)
            Assert.Skip(SeccompFilter.WhyUnsupported!);
    }
}
