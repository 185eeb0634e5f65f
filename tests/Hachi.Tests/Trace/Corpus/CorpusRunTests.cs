namespace Hachi.Tests.Trace.Corpus;

/// <summary>
/// Cases of others, run for real as their authors run them: what needs only the tracer or programs of ours in this kernel. What does not come out as it should is in
/// <c>differences.txt</c> with the reason; a case that is there and comes out right fails too, unless it hangs on timing.
/// </summary>
public sealed class CorpusRunTests
{
    private const string Sometimes = " ~> ";

    [Theory]
    [InlineData('A', 95)]
    [InlineData('B', 95)]
    [InlineData('C', 85)]
    public void They_come_out_as_they_should(char group, int percentMin)
    {
        Tools.NeedRoot();
        List<CorpusCase> all = [.. CorpusCase.Read().Where(row => row.Group == group && row.NotHere is null)];
        List<CorpusCase> some = Chosen(all);
        Assert.SkipWhen(some.Count == 0, "no case of that name");
        using var folder = new CaseFolder(some);
        Judge(folder.RunHere(Tracer()), percentMin);
    }

    [Theory]
    [InlineData('D', 80)]
    [InlineData('E', 80)]
    [InlineData('K', 80)]
    [InlineData('L', 80)]
    public void They_come_out_as_they_should_in_a_guest(char group, int percentMin)
    {
        List<CorpusCase> all = [.. CorpusCase.Read().Where(row => row.Group == group && row.NotHere is null)];
        Assert.SkipUnless(Volume.IsFull || Environment.GetEnvironmentVariable("HACHI_CASES") is not null, "boots kernels for minutes: ./test trace --volume");
        string tracer = NeedNative();
        List<CorpusCase> some = Chosen(all);
        Assert.SkipWhen(some.Count == 0, "no case of that name");
        using var folder = new CaseFolder(some);
        Judge(TraceGuest.Run(Environment.GetEnvironmentVariable("HACHI_GUEST") ?? "6.12", folder, tracer, 120 + 25 * some.Count), percentMin);
    }

    /// <summary>The tracer as one static file; skips the test where it was not built.</summary>
    internal static string NeedNative()
    {
        string tracer = Environment.GetEnvironmentVariable("HACHI_NATIVE") is { Length: > 0 } native ? native : Shared.InRepository("artifacts/hachi/hachi");
        Assert.SkipUnless(File.Exists(tracer), "needs the native hachi: ./hachi version builds it");
        return tracer;
    }

    /// <summary>All at full volume; a few as a rule, other ones each time; those whose name holds a part of <c>HACHI_CASES</c> (<c>E:</c>, a group).</summary>
    internal static List<CorpusCase> Chosen(List<CorpusCase> all)
    {
        if (Environment.GetEnvironmentVariable("HACHI_CASES") is { Length: > 0 } asked)
            return [.. all.Where(row => asked.Split(',').Any(part => part.EndsWith(':') ? part[0] == row.Group : row.Name.Contains(part, StringComparison.Ordinal)))];
        if (Volume.IsFull)
            return all;
        Random random = Volume.Random(nameof(CorpusRunTests));
        return [.. Enumerable.Range(0, 2).Select(_ => all[random.Next(all.Count)]).Distinct()];
    }

    /// <summary>The tracer: the native one where <c>HACHI_NATIVE</c> names it.</summary>
    internal static string Tracer() => Environment.GetEnvironmentVariable("HACHI_NATIVE") is { Length: > 0 } native ? native : Path.Combine(AppContext.BaseDirectory, "Hachi.Cli");

    internal static void Judge(List<(CorpusCase Case, string? Wrong)> results, int percentMin)
    {
        string differences = Shared.InRepository("tests/Hachi.Tests/Trace/Corpus/differences.txt");
        Dictionary<string, string> known = File.ReadLines(differences).Select(line => line.Split([" => ", Sometimes], StringSplitOptions.None)).Where(parts => parts.Length == 2)
            .ToDictionary(parts => parts[0], parts => parts[1], StringComparer.Ordinal);
        HashSet<string> timed = [.. File.ReadLines(differences).Where(line => line.Contains(Sometimes, StringComparison.Ordinal)).Select(line => line.Split(Sometimes)[0])];
        List<(CorpusCase Case, string? Wrong)> run = [.. results.Where(result => result.Wrong != "skipped")];
        int wrong = run.Count(result => result.Wrong is not null);
        TestContext.Current.TestOutputHelper?.WriteLine($"{run.Count - wrong} of {run.Count} ({results.Count - run.Count} ask for what is not here)");
        List<string> unknown = [.. run.Where(result => result.Wrong is not null && !known.ContainsKey(result.Case.Name)).Select(result => $"=== {result.Case.Group} {result.Case.Name}\n{result.Case.Line}\n{(result.Wrong!.Length > 1500 ? result.Wrong[..1500] : result.Wrong)}")];
        List<string> gone = [.. run.Where(result => result.Wrong is null && known.ContainsKey(result.Case.Name) && !timed.Contains(result.Case.Name)).Select(result => result.Case.Name)];
        Assert.True(unknown.Count == 0, $"{run.Count - wrong} of {run.Count}\n" + string.Join('\n', unknown));
        Assert.True(gone.Count == 0, "these come out right now: " + string.Join(", ", gone));
        Assert.True(!Volume.IsFull || 100 * (run.Count - wrong) >= percentMin * run.Count, $"{run.Count - wrong} of {run.Count}");
    }
}
