using Hachi.Lang.Seccomp;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Hachi.Hosting;

/// <summary>Puts a host into a seccomp sandbox.</summary>
public static class SeccompSandboxServices
{
    /// <summary>
    /// Filters the system calls of this process, all threads at one instant, once every service of the host has started (<see cref="IHostedLifecycleService.StartedAsync"/>):
    /// what was opened by then stays open, what comes later must pass the policy. The policy is read and compiled before any service starts, so a wrong one ends the start at once.
    /// A filter cannot be taken off again, and holds for all that the process starts (seccomp(2)).
    /// </summary>
    /// <param name="services">The host's services.</param>
    /// <param name="configure">Names the policy, and how it is installed.</param>
    /// <returns><paramref name="services"/>.</returns>
    /// <exception cref="SeccompSandboxException">At the start of the host: the policy is missing or wrong (with the place), or the kernel refused the filter.</exception>
    public static IServiceCollection AddSeccompSandbox(this IServiceCollection services, Action<SeccompSandboxOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        var options = new SeccompSandboxOptions();
        configure(options);
        return services.AddSingleton<IHostedService>(provider => new SeccompSandboxService(
            options, provider.GetRequiredService<IHostEnvironment>(), provider.GetRequiredService<ILogger<SeccompSandboxService>>()));
    }

    /// <summary>As <see cref="AddSeccompSandbox(IServiceCollection, Action{SeccompSandboxOptions})"/>, with a policy and nothing else said.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="policy">The policy, for this machine's architecture.</param>
    /// <returns><paramref name="services"/>.</returns>
    public static IServiceCollection AddSeccompSandbox(this IServiceCollection services, SeccompPolicy policy)
    {
        ArgumentNullException.ThrowIfNull(policy);
        return services.AddSeccompSandbox(options => options.Policy = policy);
    }
}
