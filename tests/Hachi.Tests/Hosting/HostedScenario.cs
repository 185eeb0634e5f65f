using Hachi.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Hachi.Tests.Hosting;

/// <summary>A host that filters itself: this test program, started again for this test alone, with a word in its environment.</summary>
public sealed class HostedScenario
{
    public const string Variable = "HACHI_TEST_SCENARIO", Name = "hosted-sandbox";

    [Fact(Explicit = true)]
    public async Task Filters_itself_when_all_has_started()
    {
        if (Environment.GetEnvironmentVariable(Variable) != Name)
            Assert.Skip("runs in a process of its own");
        string folder = Directory.CreateTempSubdirectory("hachi-hosted-").FullName;
        try
        {
            await File.WriteAllTextAsync(Path.Combine(folder, "sandbox.policy"), "default errno EPERM\nnewer errno ENOSYS\nallow @dotnet\nerrno EROFS mkdir, mkdirat\n", TestContext.Current.CancellationToken);
            HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { ContentRootPath = folder });
            builder.Services.AddSeccompSandbox(options => options.Path = "sandbox.policy");
            var worker = new Worker(folder);
            builder.Services.AddHostedService(_ => worker);
            using IHost host = builder.Build();
            await host.StartAsync(TestContext.Current.CancellationToken);
            Assert.True(worker.MadeAtStart, "what a service does while it starts is not filtered");
            Assert.Throws<IOException>(() => Directory.CreateDirectory(Path.Combine(folder, "later")));
            Assert.Equal("4", await Task.Run(() => (2 + 2).ToString(System.Globalization.CultureInfo.InvariantCulture)));
            await host.StopAsync(TestContext.Current.CancellationToken);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private sealed class Worker(string folder) : BackgroundService
    {
        public bool MadeAtStart { get; private set; }

        public override Task StartAsync(CancellationToken cancellationToken)
        {
            MadeAtStart = Directory.CreateDirectory(Path.Combine(folder, "early")).Exists;
            return base.StartAsync(cancellationToken);
        }

        protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.Delay(Timeout.Infinite, stoppingToken);
    }
}
