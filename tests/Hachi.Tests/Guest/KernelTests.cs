using Hachi.Guest;

namespace Hachi.Tests.Guest;

/// <summary>One run of all checks in one kernel, made when the first test asks, shared by the others.</summary>
public sealed class KernelRuns
{
    private static readonly Dictionary<string, Lazy<GuestReport>> s_runs = new(StringComparer.Ordinal)
    {
        ["6.1"] = new(() => GuestMachine.Boot("6.1")),
        ["6.12"] = new(() => GuestMachine.Boot("6.12")),
        ["host"] = new(() => GuestMachine.RunHere()),
    };

    /// <summary>The kernels, oldest first.</summary>
    internal static IEnumerable<string> Kernels => s_runs.Keys;

    /// <summary>What a kernel reported.</summary>
    internal static GuestReport Of(string kernel) => s_runs[kernel].Value;
}

/// <summary>The kernel matrix: every check of tests/Hachi.Guest in every kernel.</summary>
public sealed class KernelTests
{
    public static TheoryData<string, string> Cells
    {
        get
        {
            var cells = new TheoryData<string, string>();
            foreach (string kernel in KernelRuns.Kernels)
                foreach (Check check in CheckList.All)
                    cells.Add(kernel, check.Name);
            return cells;
        }
    }

    [Theory]
    [MemberData(nameof(Cells))]
    public void Checks_see_their_effects(string kernel, string name)
    {
        GuestReport report = KernelRuns.Of(kernel);
        CheckResult[] results = [.. report.Results.Where(result => result.Name == name)];
        Assert.True(results.Length == 1, $"{name} did not report from {kernel} ({report.Version}):\n{report.Console}");
        Assert.True(results[0].Outcome != Outcome.Failed, $"{kernel} ({report.Version}): {results[0].Words}\n{report.Console}");
        if (results[0] is { Outcome: Outcome.Yes, Words.Length: > 0 } yes)
            TestContext.Current.TestOutputHelper?.WriteLine($"{kernel} ({report.Version}): {name}: {yes.Words}");
        // What a kernel lacks, and refuses in the right words, has passed.
        if (results[0].Outcome == Outcome.NotTried)
            Assert.Skip($"not in the kernel {kernel}: {results[0].Words}");
    }
}
