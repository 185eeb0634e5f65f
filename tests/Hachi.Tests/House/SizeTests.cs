namespace Hachi.Tests.House;

/// <summary>Files, functions and folders stay small. The lists of exceptions may only shrink: an entry that is no longer needed fails too.</summary>
public sealed class SizeTests
{
    private const int FileLinesMax = 500;
    private const int FunctionLinesMax = 70;
    private const int FolderFilesMin = 3;
    private const int FolderFilesMax = 15;

    // File => its lines at most.
    private static readonly Dictionary<string, int> s_files = new();

    // Function => its lines at most.
    private static readonly Dictionary<string, int> s_functions = new()
    {
        // Tables, written as a switch.
        ["Hachi.Lang.Pcap.Syntax.Keywords.Find"] = 75,
        ["Hachi.Lang.Pcap.Lookup.WellKnown.Service"] = 100,

        // The machine's instructions and the runs that are one step, a line each: cut apart it would be slower and no clearer.
        ["Hachi.Vm.Interpret.EbpfInterpreter.Run"] = 260,
    };

    // Folder => its files at most (or fewer than three).
    private static readonly Dictionary<string, int> s_folders = new()
    {
        ["src/Hachi.Cli/Verbs"] = 40,
        ["src/Hachi.Lang/Pcap/Compile"] = 1,
        ["src/Hachi.Linux/Kernel"] = 1,
        ["src/Hachi.Linux/Sys"] = 1,
        ["src/Hachi/Text"] = 40, // the table of diagnostics: a file an area
        ["src/Hachi/Uapi"] = 1,
    };

    [Fact]
    public void Files_are_short() =>
        Check("lines", FileLinesMax, s_files, Sources().Select(file => (SourceTree.Name(file), File.ReadLines(file).Count())));

    [Fact]
    public void Functions_are_short()
    {
        var methods = AssemblyFacts.All.SelectMany(facts => facts.Methods)
            .Where(method => method.File.Contains("/src/", StringComparison.Ordinal) && !method.File.EndsWith(".g.cs", StringComparison.Ordinal) && !method.File.Contains("/obj/", StringComparison.Ordinal))
            .GroupBy(method => method.Name).Select(group => (group.Key, group.Max(method => method.Lines))).ToList();
        Assert.NotEmpty(methods);
        Check("lines", FunctionLinesMax, s_functions, methods);
    }

    [Fact]
    public void Folders_hold_a_handful()
    {
        var folders = Sources().GroupBy(file => SourceTree.Name(Path.GetDirectoryName(file)!)).Select(group => (group.Key, Count: group.Count())).ToList();
        Check("files", FolderFilesMax, s_folders.Where(row => row.Value > FolderFilesMax).ToDictionary(), folders.Where(folder => folder.Key != "src/Hachi.Cli/Verbs"), stale: false);
        foreach ((string folder, int count) in folders.Where(folder => folder.Count < FolderFilesMin && folder.Key.Count(c => c == '/') > 1)) // a project's root is no room
            Assert.True(s_folders.ContainsKey(folder), $"{folder} holds {count} files: fewer than {FolderFilesMin} do not need a folder of their own");
    }

    private static IEnumerable<string> Sources() => SourceTree.Files("src", ".cs").Where(file => !file.EndsWith(".g.cs", StringComparison.Ordinal));

    private static void Check(string unit, int max, Dictionary<string, int> exceptions, IEnumerable<(string Name, int Size)> all, bool stale = true)
    {
        var sizes = all.ToDictionary(row => row.Name, row => row.Size);
        string[] over = [.. sizes.Where(row => row.Value > exceptions.GetValueOrDefault(row.Key, max)).Select(row => $"{row.Key}: {row.Value} {unit}, at most {exceptions.GetValueOrDefault(row.Key, max)}")];
        Assert.True(over.Length == 0, "too large; cut along a seam:\n" + string.Join('\n', over));
        string[] unneeded = [.. exceptions.Where(row => sizes.GetValueOrDefault(row.Key) <= max).Select(row => row.Key)];
        Assert.True(!stale || unneeded.Length == 0, "exceptions that are no longer needed; take them off the list:\n" + string.Join('\n', unneeded));
    }
}
