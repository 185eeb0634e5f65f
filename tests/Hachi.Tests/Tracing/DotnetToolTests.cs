using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Hachi.Tests.Tracing;

/// <summary>A running .NET program that nobody prepared, which every test of the class asks. The test program is started once.</summary>
public sealed class DotnetWork : IDisposable
{
    private readonly Process _child;
    private readonly string _ready;

    public DotnetWork()
    {
        bool isHosted = Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet";
        var start = new ProcessStartInfo(Environment.ProcessPath!, [.. isHosted ? [typeof(DotnetScenario).Assembly.Location] : Array.Empty<string>(), "-explicit", "only", "-class", typeof(DotnetScenario).FullName!]) { RedirectStandardOutput = true };
        start.Environment[DotnetScenario.Variable] = DotnetScenario.Name;
        start.Environment[DotnetScenario.Ready] = _ready = Path.Combine(Path.GetTempPath(), "hachi-ready-" + Guid.NewGuid());
        _child = Process.Start(start)!;
        _child.OutputDataReceived += (_, _) => { };
        _child.BeginOutputReadLine();
        for (int i = 0; i < 1200 && !File.Exists(_ready); i++)
            Thread.Sleep(25);
    }

    public int Pid => _child.Id;

    public void Dispose()
    {
        _child.Kill();
        _child.WaitForExit();
        File.Delete(_ready);
        File.Delete(string.Create(CultureInfo.InvariantCulture, $"/tmp/perf-{Pid}.map"));
        _child.Dispose();
    }
}

/// <summary>The tools that ask a .NET runtime, against a program that makes their events happen.</summary>
public sealed class DotnetToolTests(DotnetWork work) : IClassFixture<DotnetWork>
{
    private CommandRun Run(string tool, params string[] more) => CommandRun.Hachi(["tool", tool, "-p", work.Pid.ToString(CultureInfo.InvariantCulture), "-d", "1.3", .. more]);

    [Fact]
    public void Collections_have_generation_reason_and_pause()
    {
        CommandRun run = Run("dotnet-gc", "-f", "json");
        Assert.True(run.Status == 0, run.Error);
        JsonElement[] rows = [.. Data(run, "gc")];
        JsonElement[] induced = [.. rows.Where(row => row.GetProperty("reason").GetString() == "Induced")];
        Assert.Contains(induced, row => row.GetProperty("generation").GetInt32() == 0);
        Assert.Contains(induced, row => row.GetProperty("generation").GetInt32() == 1);
        // No pause is shorter than the collection that it is for, as these are blocking ones; no heap is empty.
        Assert.All(induced, row => Assert.True(row.GetProperty("pause_ms").GetDouble() >= row.GetProperty("total_ms").GetDouble() && row.GetProperty("total_ms").GetDouble() > 0 && row.GetProperty("heap_mb").GetDouble() > 0.01, row.ToString()));
        int[] numbers = [.. rows.Select(row => row.GetProperty("number").GetInt32())];
        Assert.Equal(Enumerable.Range(numbers[0], numbers.Length), numbers);
        JsonElement sum = Assert.Single(Data(run, "gc_summary"));
        Assert.Equal(rows.Length, sum.GetProperty("generation_0").GetInt32() + sum.GetProperty("generation_1").GetInt32() + sum.GetProperty("generation_2").GetInt32());
        Assert.Equal(rows.Sum(row => row.GetProperty("pause_ms").GetDouble()), sum.GetProperty("pauses_ms").GetDouble(), 0.01 * rows.Length);
    }

    [Fact]
    public void Exceptions_have_type_and_message_and_are_shown_escaped()
    {
        CommandRun run = Run("dotnet-exceptions");
        Assert.True(run.Status == 0, run.Error);
        Assert.Matches(new Regex(@"^\d+\.\d{3} +\d+ 0x[0-9a-f]{8} thrown   System\.InvalidTimeZoneException +the \\x1b\[31mround \d+$", RegexOptions.Multiline), run.Text);
        Assert.DoesNotContain('\e', run.Text);
        Match count = Regex.Match(run.Text, @"^ +(\d+) System\.InvalidTimeZoneException$", RegexOptions.Multiline);
        Assert.Equal(run.Text.Split('\n').Count(line => line.Contains(" thrown ", StringComparison.Ordinal)), int.Parse(count.Groups[1].Value, CultureInfo.InvariantCulture));
    }

    [Fact]
    public void Compiled_methods_have_names_sizes_and_tiers()
    {
        CommandRun run = Run("dotnet-jit", "-f", "json");
        Assert.True(run.Status == 0, run.Error);
        JsonElement[] made = [.. Data(run, "jit").Where(row => row.GetProperty("method").GetString()!.EndsWith("hachi_made_method", StringComparison.Ordinal))];
        Assert.NotEmpty(made);
        // Two instructions of a byte each.
        Assert.All(made, row => Assert.True(row.GetProperty("il_bytes").GetInt32() == 2 && row.GetProperty("code_bytes").GetInt32() is > 2 and < 200 && row.GetProperty("tier").GetString() != "unknown" && row.GetProperty("compile_ms").GetDouble() > 0, row.ToString()));
    }

    [Fact]
    public void Waits_for_a_lock_have_a_length_and_an_owner()
    {
        CommandRun run = Run("dotnet-contention", "-f", "json", "-m", "10");
        Assert.True(run.Status == 0, run.Error);
        JsonElement[] rows = [.. Data(run, "contention")];
        Assert.NotEmpty(rows);
        // Who holds it sleeps 60 ms, and who asks for it comes 40 ms after it let go.
        Assert.All(rows, row => Assert.True(row.GetProperty("wait_ms").GetDouble() >= 10 && row.GetProperty("kind").GetString() == "managed" && row.GetProperty("owner_tid").GetInt64() > 0, row.ToString()));
        Assert.True(rows.Average(row => row.GetProperty("wait_ms").GetDouble()) is > 10 and < 1000, run.Text);
        Assert.True(Assert.Single(Data(run, "contention_summary")).GetProperty("count").GetInt32() >= rows.Length);
    }

    [Fact]
    public void With_dotnet_rows_carry_the_functions()
    {
        CommandRun run = Run("dotnet-exceptions", "--dotnet");
        Assert.True(run.Status == 0, run.Error);
        string[] lines = run.Text.Split('\n');
        int row = Array.FindIndex(lines, line => line.Contains("InvalidTimeZoneException", StringComparison.Ordinal));
        Assert.Contains(lines.Skip(row + 1).TakeWhile(line => line.StartsWith("    ", StringComparison.Ordinal)), line => line.Contains("ThrowAndCatch", StringComparison.Ordinal));
    }

    [Fact]
    public void Intervals_and_tables()
    {
        CommandRun run = Run("dotnet-gc", "-i", "0.4", "-m", "100000");
        Assert.True(run.Status == 0, run.Error);
        Assert.StartsWith("TIME(s)       GC GEN REASON", run.Text);
        Assert.True(Regex.Count(run.Text, @"^\d+ collections: \d+ of generation 0", RegexOptions.Multiline) >= 3, run.Text);
        CommandRun table = Run("dotnet-contention", "--csv");
        Assert.StartsWith("time_s,tid,wait_ms,owner_tid,lock,kind\n", table.Text);
        Assert.Matches(@"\n\d+\.\d{3},\d+,\d+\.\d{3},\d+,0x[0-9a-f]+,managed\n", table.Text);
    }

    [Theory]
    [InlineData("-p|1", "no diagnostics socket")]
    [InlineData("-p|999999999", "there is no process 999999999")]
    [InlineData("-p|x", "'x' is no process")]
    [InlineData("", "needs a process")]
    [InlineData("-p|1|--top", "has no option '--top'")]
    public void What_is_wrong_is_told(string arguments, string expected)
    {
        CommandRun run = CommandRun.Hachi(["tool", "dotnet-gc", .. arguments.Split('|', StringSplitOptions.RemoveEmptyEntries)]);
        Assert.Equal(2, run.Status);
        Assert.Contains(expected, run.Error);
    }

    private static IEnumerable<JsonElement> Data(CommandRun run, string type) =>
        run.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement).Where(line => line.GetProperty("type").GetString() == type).Select(line => line.GetProperty("data"));
}
