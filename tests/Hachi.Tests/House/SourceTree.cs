namespace Hachi.Tests.House;

/// <summary>The files of this repository, without what a build leaves behind.</summary>
internal static class SourceTree
{
    private static readonly string[] s_leftOut = ["bin", "obj", "artifacts", ".git", ".vs", ".idea", "node_modules"];

    /// <summary>Absolute paths of the files below a folder (<c>src</c>, or <c>.</c> for all) whose names end so.</summary>
    public static IEnumerable<string> Files(string folder, params string[] ends) =>
        Walk(Shared.InRepository(folder)).Where(file => ends.Length == 0 || ends.Any(end => file.EndsWith(end, StringComparison.Ordinal)));

    /// <summary>The path as the repository names it.</summary>
    public static string Name(string file) => Path.GetRelativePath(Shared.Root, file);

    private static IEnumerable<string> Walk(string folder)
    {
        foreach (string file in Directory.EnumerateFiles(folder).Order(StringComparer.Ordinal))
            yield return file;
        foreach (string inner in Directory.EnumerateDirectories(folder).Order(StringComparer.Ordinal))
            if (!s_leftOut.Contains(Path.GetFileName(inner)))
                foreach (string file in Walk(inner))
                    yield return file;
    }
}
