using Hachi.Uapi;

namespace Hachi.Linux.Kernel;

/// <summary>Which kernel is running, and what that says of a refusal.</summary>
internal static class KernelRelease
{
    private static readonly System.Buffers.SearchValues<char> s_digits = System.Buffers.SearchValues.Create("0123456789.");
    private static readonly Lazy<string> s_text = new(() => File.Exists("/proc/sys/kernel/osrelease") ? File.ReadAllText("/proc/sys/kernel/osrelease").Trim() : Environment.OSVersion.Version.ToString());

    /// <summary>As <c>uname -r</c> prints it.</summary>
    public static string Text => s_text.Value;

    /// <summary>Its version, two numbers.</summary>
    public static Version Version { get; } = new(Parse(Text).Major, Parse(Text).Minor);

    /// <summary>The numbers that a release begins with (<c>6.18.44-amd64</c>); 0.0 where there are none.</summary>
    public static Version Parse(string release)
    {
        int end = 0, dots = 0;
        while (end < release.Length && (char.IsAsciiDigit(release[end]) || (release[end] == '.' && ++dots < 3)))
            end++;
        return Version.TryParse(release.AsSpan(0, end).TrimEnd('.'), out Version? version) ? version : new Version(0, 0);
    }

    /// <summary>
    /// Its version as KERNEL_VERSION(a, b, c) packs it. Debian's releases end in 0 (<c>6.1.0-56-amd64</c>), whatever the version is: there it stands behind the distribution's name in the build's words.
    /// </summary>
    public static uint Code
    {
        get
        {
            const string Build = "/proc/sys/kernel/version", Debian = "Debian ";
            Version version = Parse(Text);
            string words = File.Exists(Build) ? File.ReadAllText(Build) : "";
            if (words.IndexOf(Debian, StringComparison.Ordinal) is >= 0 and int at)
            {
                ReadOnlySpan<char> text = words.AsSpan(at + Debian.Length);
                int end = text.IndexOfAnyExcept(s_digits);
                if (Version.TryParse(end < 0 ? text : text[..end], out Version? debian))
                    version = debian;
            }
            return (uint)(version.Major << 16 | version.Minor << 8 | Math.Clamp(version.Build, 0, 255));
        }
    }

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
