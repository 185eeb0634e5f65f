using Hachi.Guest;

namespace Hachi.Tests.Guest;

/// <summary>One run of all checks in one kernel, made when the first test asks, shared by the others.</summary>
public sealed class KernelRuns
{
    // Two emulated processors keep two real ones busy; the host's checks wait, for what they time is their own.
    private static readonly Lazy<Dictionary<string, Task<GuestReport>>> s_runs = new(() =>
    {
        Task<GuestReport>[] guests = [Start(() => GuestMachine.Boot("6.1")), Start(() => GuestMachine.Boot("6.12"))];
        return new(StringComparer.Ordinal) { ["6.1"] = guests[0], ["6.12"] = guests[1], ["host"] = Task.WhenAll(guests).ContinueWith(_ => GuestMachine.RunHere(), CancellationToken.None, TaskContinuationOptions.LongRunning, TaskScheduler.Default) };
    });

    /// <summary>The kernels, oldest first.</summary>
    internal static IEnumerable<string> Kernels => ["6.1", "6.12", "host"];

    /// <summary>What a kernel reported.</summary>
    internal static GuestReport Of(string kernel) => s_runs.Value[kernel].GetAwaiter().GetResult();

    private static Task<GuestReport> Start(Func<GuestReport> run) => Task.Factory.StartNew(run, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
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
