using System.Diagnostics;

namespace Hachi.Tests.Trace.Corpus;

/// <summary>A folder with cases, the programs that they trace, and the tracer under the name that they know.</summary>
internal sealed class CaseFolder : IDisposable
{
    private readonly List<CorpusCase> _cases;

    /// <summary>Makes a folder of cases.</summary>
    /// <param name="cases">Which.</param>
    public CaseFolder(List<CorpusCase> cases)
    {
        _cases = cases;
        Root = Directory.CreateTempSubdirectory("hachi-corpus-").FullName;
        TargetPrograms.Build(Root);
        File.WriteAllText(Path.Combine(Root, "driver.sh"), File.ReadAllText(Shared.InRepository("tests/Hachi.Tests/Trace/Corpus/driver.sh")));
        string bin = Directory.CreateDirectory(Path.Combine(Root, "bin")).FullName;
        // Only processes of the case are found: others may trace on this machine.
        Executable(Path.Combine(bin, "pidof"), "#!/bin/bash\n[ \"$1\" = bpftrace ] || { echo \"$BEFORE_PID\"; exit; }\npgrep -x bpftrace -g \"$CASE_GROUP\"\n");
        for (int i = 0; i < cases.Count; i++)
            Write(cases[i], Directory.CreateDirectory(Place(i)).FullName);
    }

    public string Root { get; }

    public string Place(int index) => Path.Combine(Root, "cases", index.ToString("000", System.Globalization.CultureInfo.InvariantCulture));

    private static void Write(CorpusCase row, string folder)
    {
        void Lines(string key, string name)
        {
            int number = 0;
            foreach (string value in row.All(key))
                File.WriteAllText(Path.Combine(folder, $"{name}.{number++}"), value + "\n");
        }

        File.WriteAllText(Path.Combine(folder, "run"), row.Line + "\n");
        Lines("BEFORE", "before");
        Lines("SETUP", "setup");
        Lines("CLEANUP", "cleanup");
        Lines("REQUIRES", "requires");
        if (row.First("AFTER") is string after)
            File.WriteAllText(Path.Combine(folder, "after"), CorpusCase.Adapted(after) + "\n");
        // More than the case says: programs here start while others work.
        File.WriteAllText(Path.Combine(folder, "seconds"), row.First("TIMEOUT") is string given ? $"{int.Parse(given, System.Globalization.CultureInfo.InvariantCulture) + 2}" : "6");
    }

    private static void Executable(string path, string text)
    {
        File.WriteAllText(path, text);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    /// <summary>Runs the cases here, one after the other; gives what is wrong with each.</summary>
    /// <param name="tracer">The program that <c>bpftrace</c> means.</param>
    public List<(CorpusCase Case, string? Wrong)> RunHere(string tracer)
    {
        File.CreateSymbolicLink(Path.Combine(Root, "bin", "bpftrace"), tracer);
        using Process driver = Process.Start(new ProcessStartInfo(Tools.Need("unshare", "util-linux"), ["-m", "--propagation", "private", "/bin/bash", "driver.sh", Root]) { WorkingDirectory = Root })!;
        if (!driver.WaitForExit(TimeSpan.FromSeconds(40 * _cases.Count)))
            driver.Kill(entireProcessTree: true);
        return Judged(i => Read(i, "status").Trim(), i => Read(i, "out"));
    }

    /// <summary>What is wrong with each case.</summary>
    /// <param name="status">The status of the case with that number.</param>
    /// <param name="output">What it wrote.</param>
    public List<(CorpusCase Case, string? Wrong)> Judged(Func<int, string> status, Func<int, string> output) => [.. _cases.Select((row, i) => (row, CaseVerdict.Of(row, status(i), output(i))))];

    private string Read(int index, string name) => Path.Combine(Place(index), name) is string path && File.Exists(path) ? File.ReadAllText(path) : "";

    public void Dispose()
    {
        if (Environment.GetEnvironmentVariable("HACHI_KEEP") is null)
            Directory.Delete(Root, recursive: true);
    }
}
