namespace Hachi.Tests.Trace.Corpus;

/// <summary>The scripts of <c>Cases/scripts.txt</c> in kernels where everything can be hooked: their functions are looked up there, and their verifiers have their say.</summary>
public sealed class ScriptGuestTests
{
    // What a kernel has not.
    private static readonly HashSet<string> s_refused = new(StringComparer.Ordinal)
    {
    };

    [Theory]
    [InlineData("6.12")]
    [InlineData("6.1")]
    public void They_load(string series)
    {
        Assert.SkipUnless(Volume.IsFull, "boots kernels for minutes: ./test trace --volume");
        string tracer = CorpusRunTests.NeedNative();
        List<(string Name, string Text)> scripts = ScriptTests.Scripts();
        using var folder = new CaseFolder(scripts.ConvertAll(script => new CorpusCase(script.Name, 'K', [("RUN", $"{{{{BPFTRACE}}}} --check {FileOf(script.Name)}"), ("TIMEOUT", "3"), ("EXPECT_REGEX", ": loaded, not attached$")])));
        Directory.CreateDirectory(Path.Combine(folder.Root, "scripts"));
        foreach ((string name, string text) in scripts)
            File.WriteAllText(Path.Combine(folder.Root, FileOf(name)), text);
        List<(CorpusCase Case, string? Wrong)> results = TraceGuest.Run(series, folder, tracer, 120 + 25 * scripts.Count);
        TestContext.Current.TestOutputHelper?.WriteLine($"{results.Count(result => result.Wrong is null)} of {results.Count} load in {series}");
        List<string> wrong = [.. results.Where(result => result.Wrong is not null && !s_refused.Contains($"{series} {result.Case.Name}")).Select(result => $"{result.Case.Name}: {result.Wrong}")];
        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    private static string FileOf(string name) => $"scripts/{name.Replace(' ', '_').Replace(":", "", StringComparison.Ordinal)}.bt";
}
