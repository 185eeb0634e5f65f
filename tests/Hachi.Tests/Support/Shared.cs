namespace Hachi.Tests.Support;

/// <summary>Where this repository lies, and the acceptance corpora that lie beside it in <c>../shared</c>.</summary>
internal static class Shared
{
    /// <summary>The folder that holds <c>Hachi.slnx</c>.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>Absolute path of a file or folder of this repository.</summary>
    public static string InRepository(string relative) => Path.Combine(Root, relative);

    /// <summary>Absolute path of a file or folder of the corpora (<c>corpus/libpcap</c>), or null when it is not on this machine.</summary>
    public static string? TryFind(string relative)
    {
        string folder = Environment.GetEnvironmentVariable("HACHI_SHARED") is { Length: > 0 } named
            ? named
            : Path.Combine(Path.GetDirectoryName(Root) ?? "/", "shared");
        string path = Path.Combine(folder, relative);
        return Path.Exists(path) ? path : null;
    }

    /// <summary>The same; when it is not there, the test is skipped with a word.</summary>
    public static string Find(string relative)
    {
        string? path = TryFind(relative);
        if (path is null)
            Assert.Skip($"needs ../shared/{relative}: put the corpora beside the clone, or name their folder in HACHI_SHARED");
        return path;
    }

    private static string FindRoot()
    {
        for (string? folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
            if (File.Exists(Path.Combine(folder, "Hachi.slnx")))
                return folder;
        throw new InvalidOperationException("no folder above " + AppContext.BaseDirectory + " holds Hachi.slnx");
    }
}
