using System.Text;
using Hachi.Isa;
using Hachi.Lang.Seccomp;
using Hachi.Lang.Seccomp.Oci;
using Hachi.Lang.Seccomp.Syntax;
using Hachi.Linux.Sandbox;
using Hachi.Text;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Hachi.Hosting;

/// <summary>Compiles the policy before the services of a host start, and installs the filter after all of them have.</summary>
internal sealed partial class SeccompSandboxService(SeccompSandboxOptions options, IHostEnvironment environment, ILogger<SeccompSandboxService> logger) : IHostedLifecycleService
{
    private ClassicProgram? _filter;

    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        if (SeccompFilter.WhyUnsupported is { } why)
        {
            if (options.WhenUnsupported == UnsupportedSandbox.Fail)
                throw new SeccompSandboxException($"no seccomp sandbox here: {why}");
            LogUnsupported(logger, why);
            return;
        }
        int sources = (options.Filter is null ? 0 : 1) + (options.Policy is null ? 0 : 1) + (options.Text is null ? 0 : 1) + (options.Path is null ? 0 : 1);
        if (sources != 1)
            throw new SeccompSandboxException($"the seccomp sandbox names {(sources == 0 ? "no policy" : "several policies")}: set one of Filter, Policy, Text and Path");
        _filter = options.Filter ?? Compile(options.Policy ?? Read(options.Text ?? await ReadFile(cancellationToken)));
    }

    public Task StartedAsync(CancellationToken cancellationToken)
    {
        if (_filter is null)
            return Task.CompletedTask;
        try
        {
            SeccompFilter.Apply(_filter, new SeccompFilterOptions { LogsDenied = options.LogsDenied });
        }
        catch (Exception exception) when (exception is SandboxException or ArgumentException)
        {
            throw new SeccompSandboxException($"the seccomp sandbox was not installed: {exception.Message}", exception);
        }
        LogInstalled(logger, _filter.Length);
        return Task.CompletedTask;
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private string Source => options.Path is { } path ? $"the seccomp policy '{path}'" : "the seccomp policy";

    private async Task<string> ReadFile(CancellationToken cancellationToken)
    {
        try
        {
            return await File.ReadAllTextAsync(Path.Combine(environment.ContentRootPath, options.Path!), cancellationToken);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new SeccompSandboxException($"{Source} cannot be read: {exception.Message}", exception);
        }
    }

    private SeccompPolicy Read(string text)
    {
        PolicyReading reading = text.AsSpan().TrimStart() is ['{', ..]
            ? OciProfile.Read(text, new OciContext { Native = SeccompFilter.Native, Architectures = [SeccompFilter.Native] })
            : PolicyText.Read(text, [SeccompFilter.Native]);
        foreach (Diagnostic diagnostic in reading.Diagnostics)
            if (diagnostic.Severity == Severity.Warning)
                LogWarning(logger, Caret.RenderLine(text, diagnostic));
        return reading.Policy ?? throw Wrong(reading.Diagnostics, text);
    }

    private ClassicProgram Compile(SeccompPolicy policy)
    {
        SeccompCompilation compilation = SeccompCompiler.Compile(policy);
        return compilation.Program ?? throw Wrong(compilation.Diagnostics, options.Text);
    }

    private SeccompSandboxException Wrong(IEnumerable<Diagnostic> diagnostics, string? text)
    {
        var message = new StringBuilder($"{Source} cannot be used:");
        foreach (Diagnostic diagnostic in diagnostics)
            if (diagnostic.Severity == Severity.Error)
                message.Append('\n').Append(text is null ? diagnostic.Message : Caret.RenderLine(text, diagnostic));
        return new SeccompSandboxException(message.ToString());
    }

    [LoggerMessage(1, LogLevel.Information, "system calls of this process are filtered by {Length} instructions")]
    private static partial void LogInstalled(ILogger logger, int length);

    [LoggerMessage(2, LogLevel.Warning, "no seccomp sandbox: {Reason}")]
    private static partial void LogUnsupported(ILogger logger, string reason);

    [LoggerMessage(3, LogLevel.Warning, "{Warning}")]
    private static partial void LogWarning(ILogger logger, string warning);
}
