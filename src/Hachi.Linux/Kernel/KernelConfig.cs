using System.IO.Compression;
using System.Text;

namespace Hachi.Linux.Kernel;

/// <summary>The configuration that a kernel was built with (<c>CONFIG_BPF_LSM=y</c>), where the machine keeps it.</summary>
public sealed class KernelConfig
{
    // Unpacked, today's are a quarter of a megabyte.
    private const int CharactersMax = 1 << 24;

    private static readonly Lazy<KernelConfig?> s_running = new(Open);

    private readonly Dictionary<string, string> _values;

    private KernelConfig(string source, Dictionary<string, string> values) => (Source, _values) = (source, values);

    /// <summary>That of the running kernel, read once: of <c>/proc/config.gz</c> or <c>/boot/config-RELEASE</c>; null where neither can be read.</summary>
    public static KernelConfig? Running => s_running.Value;

    /// <summary>The file that it was read from.</summary>
    public string Source { get; }

    /// <summary>The options that are set, with <c>y</c>, <c>m</c>, a number or a quoted text.</summary>
    public IReadOnlyDictionary<string, string> Values => _values;

    /// <summary>Whether an option is built in or a module.</summary>
    public bool Has(string option) => _values.TryGetValue(option, out string? value) && value is "y" or "m";

    /// <summary>Reads the text of a configuration; lines that are none are skipped.</summary>
    /// <param name="text">As in <c>/boot/config-…</c>.</param>
    /// <param name="source">Where it is from, in words.</param>
    public static KernelConfig Parse(string text, string source)
    {
        ArgumentNullException.ThrowIfNull(text);
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (ReadOnlySpan<char> line in text.AsSpan().EnumerateLines())
            if (line.StartsWith("CONFIG_") && line.IndexOf('=') is > 0 and int equals)
                values[line[..equals].ToString()] = line[(equals + 1)..].ToString();
        return new KernelConfig(source, values);
    }

    private static KernelConfig? Open()
    {
        string release = KernelRelease.Text;
        foreach (string path in (string[])["/proc/config.gz", $"/boot/config-{release}", $"/lib/modules/{release}/config"])
        {
            try
            {
                using Stream file = File.OpenRead(path);
                using Stream text = path.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(file, CompressionMode.Decompress) : file;
                return Parse(ReadAll(text), path);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
            {
                continue;
            }
        }
        return null;
    }

    private static string ReadAll(Stream text)
    {
        using var reader = new StreamReader(text);
        var all = new StringBuilder();
        char[] buffer = new char[8192];
        int length;
        while ((length = reader.Read(buffer)) > 0 && all.Length < CharactersMax)
            all.Append(buffer, 0, length);
        return all.ToString();
    }
}
