using System.IO.Compression;

namespace Hachi.Guest;

/// <summary>What checks have about them: the kernel's version and configuration, and places of their own.</summary>
internal sealed class Lab
{
    private readonly HashSet<string> _options;

    /// <summary>Reads what this kernel is.</summary>
    /// <param name="isGuest">Whether this is a kernel of our own.</param>
    public Lab(bool isGuest)
    {
        IsGuest = isGuest;
        string release = File.ReadAllText("/proc/sys/kernel/osrelease").Trim();
        int end = 0;
        while (end < release.Length && (char.IsAsciiDigit(release[end]) || release[end] == '.'))
            end++;
        string[] parts = release[..end].Trim('.').Split('.');
        Kernel = new Version(int.Parse(parts[0], null), int.Parse(parts[1], null));
        _options = [.. Configuration(release).Split('\n').Where(line => line.StartsWith("CONFIG_", StringComparison.Ordinal) && (line.EndsWith("=y", StringComparison.Ordinal) || line.EndsWith("=m", StringComparison.Ordinal))).Select(line => line[..^2])];
    }

    /// <summary>Whether this is a kernel of our own, where a check may touch the whole machine.</summary>
    public bool IsGuest { get; }

    /// <summary>The kernel's version, two numbers.</summary>
    public Version Kernel { get; }

    /// <summary>Whether the kernel was built with an option; true when its configuration cannot be read.</summary>
    public bool Has(string option) => _options.Count == 0 || _options.Contains(option);

    /// <summary>Fails the check, with words.</summary>
    public static void That(bool holds, string words)
    {
        if (!holds)
            throw new CheckException(words);
    }

    private static string Configuration(string release)
    {
        foreach (string path in (string[])["/config", $"/boot/config-{release}", "/proc/config.gz"])
        {
            if (!File.Exists(path))
                continue;
            using Stream file = File.OpenRead(path);
            using Stream text = path.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(file, CompressionMode.Decompress) : file;
            using var reader = new StreamReader(text);
            return reader.ReadToEnd();
        }
        return "";
    }
}

/// <summary>A check saw something else than it should.</summary>
internal sealed class CheckException(string words) : Exception(words);
