using System.Text;
using System.Text.RegularExpressions;
using Hachi.Guest;
using Hachi.Uapi;

namespace Hachi.Tests.Guest;

/// <summary>docs/kernel-support.md is what the checks reported, in the kernels of the matrix.</summary>
public sealed class KernelSupportPageTests
{
    private const string Head = """
        # Which kernel can what

        Written by the tests (`HACHI_UPDATE=1 ./test guest`): each **yes** is an effect that was observed in that kernel, through Hachi.Linux. A version or an option says why a kernel refused, in the words that the
        error had: the first Linux that has it, or what the kernel was built without. A dash: not tried on the host, since it would touch the whole machine.

        """;

    [Fact]
    public void The_page_is_what_the_kernels_reported()
    {
        string path = Shared.InRepository("docs/kernel-support.md");
        var reports = KernelRuns.Kernels.ToDictionary(kernel => kernel, KernelRuns.Of);
        foreach (GuestReport report in reports.Values)
            TestContext.Current.TestOutputHelper?.WriteLine(report.Times);
        string page = Page(reports);
        if (Environment.GetEnvironmentVariable("HACHI_UPDATE") is { Length: > 0 } and not "0")
            File.WriteAllText(path, page);
        string written = File.Exists(path) ? File.ReadAllText(path) : "";
        // On another machine the last column is another kernel's.
        if (!written.Contains(HostHead(reports["host"]), StringComparison.Ordinal))
            (page, written) = (WithoutHost(page), WithoutHost(written));
        Assert.True(page == written, $"docs/kernel-support.md is stale: HACHI_UPDATE=1 ./test guest\n{page}");
    }

    [Fact]
    public void Checks_have_names_of_their_own()
    {
        Assert.Equal(CheckList.All.Count, CheckList.All.Select(check => check.Name).Distinct().Count());
        Assert.Equal(CheckList.All.Count, CheckList.All.Select(check => (check.Area, check.Point)).Distinct().Count());
        Assert.All(CheckList.All, check => Assert.Matches("^[a-z0-9]+(-[a-z0-9]+)*$", check.Name));
        Assert.All(CheckList.All.SelectMany(check => check.Features), row => Assert.NotNull(KernelFeatures.Find(row)));
    }

    private static string HostHead(GuestReport host) => $"host ({Regex.Match(host.Version, "^[0-9]+\\.[0-9]+").Value})";

    private static string Page(Dictionary<string, GuestReport> reports)
    {
        var text = new StringBuilder(Head);
        foreach (string area in CheckList.All.Select(check => check.Area).Distinct())
        {
            text.Append($"\n## {area}\n\n| | observed | {string.Join(" | ", reports.Select(report => report.Key == "host" ? HostHead(report.Value) : report.Key))} |\n|---|---|{string.Concat(reports.Select(_ => "---|"))}\n");
            foreach (Check check in CheckList.All.Where(check => check.Area == area))
                text.Append($"| {check.Point} | {check.Effect} | {string.Join(" | ", reports.Values.Select(report => Cell(report.Results.Single(result => result.Name == check.Name))))} |\n");
        }
        return text.ToString();
    }

    private static string Cell(CheckResult result) => result.Outcome switch
    {
        Outcome.Yes => "**yes**",
        Outcome.No => result.Words.Replace("since Linux", "from", StringComparison.Ordinal),
        Outcome.NotTried => "–",
        _ => "FAILED",
    };

    private static string WithoutHost(string page) => Regex.Replace(page, @"\|[^|\n]*\|$", "|", RegexOptions.Multiline);
}
