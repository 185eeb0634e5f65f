using Hachi.Uapi;

namespace Hachi.Linux.Kernel;

/// <summary>Which kernel is running, and what that says of a refusal.</summary>
internal static class KernelRelease
{
    private static readonly Lazy<string> s_text = new(() => File.Exists("/proc/sys/kernel/osrelease") ? File.ReadAllText("/proc/sys/kernel/osrelease").Trim() : Environment.OSVersion.Version.ToString());

    /// <summary>As <c>uname -r</c> prints it.</summary>
    public static string Text => s_text.Value;

    /// <summary>Its version, two numbers.</summary>
    public static Version Version => new(Environment.OSVersion.Version.Major, Environment.OSVersion.Version.Minor);

    /// <summary>Why this kernel lacks something: it is too old, or was built without it; null when it should have it, or when nobody can tell.</summary>
    public static string? WhyWithout(KernelFeature? feature)
    {
        if (feature is null)
            return null;
        if (Version < feature.Since)
            return $"{feature.Name} is there since Linux {feature.Since}; this kernel is {Text}";
        return feature.Option is { } option && KernelConfig.Running?.Has(option) == false ? $"{feature.Name} needs {option}, and this kernel ({Text}) is built without it" : null;
    }
}
