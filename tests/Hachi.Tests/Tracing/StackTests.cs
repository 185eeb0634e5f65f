using System.Globalization;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Hachi.Tests.Tracing;

/// <summary>Stacks of real programs, from the kernel's functions to where the program began, through <c>hachi trace</c>: C, .NET as it runs, .NET compiled ahead of time.</summary>
public sealed class StackTests(DotnetWork work) : IClassFixture<DotnetWork>
{
    [Fact]
    public void Of_a_c_program()
    {
        Tools.NeedRoot();
        CommandRun run = CommandRun.Hachi("trace", "-q", "-e", "tracepoint:sched:sched_switch /pid == cpid/ { @[kstack, ustack] = count(); }", "-c", $"{Workload.Program} sleep 20");
        Assert.True(run.Status == 0, run.Error);
        // Innermost first; a line that is not here stands between them.
        Assert.True(Stacks(run.Text).Any(stack => InOrder(stack, "schedule", "nanosleep", "do_syscall_64", "work_sleep", "main")), run.Text);
    }

    [Fact]
    public void Of_a_running_dotnet_program_that_nobody_prepared()
    {
        Tools.NeedRoot();
        string pid = work.Pid.ToString(CultureInfo.InvariantCulture);
        CommandRun run = CommandRun.Hachi("trace", "-q", "--dotnet", "-p", pid, "-e", "tracepoint:exceptions:page_fault_user { @[kstack, ustack] = count(); } interval:ms:1500 { exit(); }");
        Assert.True(run.Status == 0, run.Error);
        // The program's own methods were compiled as it ran; what calls them beforehand, in the image of the base library.
        Assert.True(Stacks(run.Text).Any(stack => InOrder(stack, "exc_page_fault", "DotnetScenario::Touch[", "DotnetScenario::Works[", "System.Reflection.RuntimeMethodInfo::Invoke")), run.Text);
    }

    [Fact]
    public void Of_a_program_that_was_compiled_ahead_of_time()
    {
        Tools.NeedRoot();
        string native = Environment.GetEnvironmentVariable("HACHI_NATIVE") is { Length: > 0 } named ? named : Shared.InRepository("artifacts/hachi/hachi");
        if (!File.Exists(native))
            Assert.Skip("needs the native build (./hachi version)");
        CommandRun run = CommandRun.Hachi("trace", "-q", "-e", "profile:hz:999 /pid == cpid/ { @[ustack] = count(); }", "-c", $"{native} filter 'tcp port 443' --sample --count");
        Assert.True(run.Status == 0, run.Error);
        Assert.True(Stacks(run.Text).Any(stack => InOrder(stack, "Hachi_Cli_Program__Run", "Hachi_Cli_Program__Main")), run.Text);
    }

    [Fact]
    public void A_flame_graph_shows_them_in_a_browser()
    {
        Tools.NeedRoot();
        string folder = Directory.CreateTempSubdirectory("hachi-flame-").FullName, flame = Path.Combine(folder, "flame.svg");
        try
        {
            CommandRun run = CommandRun.Hachi("trace", "-q", "-e", "profile:hz:499 /pid == cpid/ { @[comm, ustack] = count(); }", "-c", $"{Workload.Program} spin 500", "--flame", flame);
            Assert.True(run.Status == 0, run.Error);
            XElement[] boxes = [.. XDocument.Load(flame).Descendants().Where(element => element.Attribute("class")?.Value == "f")];
            (double Left, double Right, double Top) main = Box("main"), spin = Box("work_spin");
            // What is called stands on its caller, and is no wider.
            Assert.True(spin.Top < main.Top && spin.Left >= main.Left - 0.02 && spin.Right <= main.Right + 0.02 && spin.Right - spin.Left > 600, $"{main} {spin}");
            Assert.Equal("work_spin", boxes.Single(box => Title(box).StartsWith("work_spin (", StringComparison.Ordinal)).Elements().Last().Value);
            string chromium = Tools.Need("chromium");
            string shown = Tools.RunOk(chromium, ["--headless", "--no-sandbox", "--disable-gpu", $"--user-data-dir={folder}/profile", "--dump-dom", $"file://{flame}#work_spin"], folder: folder).Text;
            // Its script ran: it found the function, and made it as wide as the picture.
            Assert.Matches(@"found: \d{2,3}\.\d\d%", shown);
            Assert.Matches(@"<title>work_spin \([^<]*</title><rect x=""10"" y=""\d+"" width=""1180""[^>]* fill=""#c050e0""", shown);

            (double, double, double) Box(string name)
            {
                XElement rectangle = boxes.Single(box => Title(box).StartsWith(name + " (", StringComparison.Ordinal)).Elements().ElementAt(1);
                double Number(string attribute) => double.Parse(rectangle.Attribute(attribute)!.Value, CultureInfo.InvariantCulture);
                return (Number("x"), Number("x") + Number("width"), Number("y"));
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        static string Title(XElement box) => box.Elements().First().Value;
    }

    private static IEnumerable<string[]> Stacks(string text) => Regex.Split(text, @"^@\[", RegexOptions.Multiline).Select(part => part.Split('\n').Select(line => line.Trim()).ToArray());

    private static bool InOrder(string[] stack, params string[] names)
    {
        int next = 0;
        foreach (string line in stack)
            if (next < names.Length && line.Contains(names[next], StringComparison.Ordinal))
                next++;
        return next == names.Length;
    }
}
