using Hachi.Cli.Verbs;

namespace Hachi.Tests.Cli;

/// <summary>The tracing tools: each is explained, compiles, and is taken by the kernel; some are seen to see.</summary>
public sealed class ToolVerbTests
{
    public static TheoryData<string> Tools_there_are => [.. ToolVerb.Names.Where(name => !ToolVerb.IsReport(name))];

    [Theory]
    [MemberData(nameof(Tools_there_are))]
    public void The_kernel_takes_each(string name)
    {
        Tools.NeedRoot();
        string script = ToolVerb.Script(name);
        Assert.StartsWith($"// {name}: ", script);
        string[] argument = name == "funclatency" ? ["libc:getaddrinfo"] : script.Contains("$PROBE", StringComparison.Ordinal) ? ["uprobe:libc:malloc"] : [];
        CommandRun run = CommandRun.Hachi(["tool", name, .. argument, "--check"]);
        Assert.True(run.Status == 0, run.Error);
        Assert.Contains("loaded, not attached", run.Text);
    }

    [Fact]
    public void They_are_listed_and_shown()
    {
        CommandRun list = CommandRun.Hachi("tool");
        Assert.Equal((0, ""), (list.Status, list.Error));
        Assert.Equal(ToolVerb.Names.Count, list.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.Equal(ToolVerb.Script("execsnoop"), CommandRun.Hachi("tool", "execsnoop", "--show").Text);
    }

    [Fact]
    public void What_is_wrong_is_told()
    {
        Assert.Contains("did you mean execsnoop?", CommandRun.Hachi("tool", "execsnop").Error);
        Assert.Contains("takes one argument", CommandRun.Hachi("tool", "funccount").Error);
        Assert.Contains("has no option 'moon'", CommandRun.Hachi("tool", "execsnoop", "--set", "moon=1").Error);
    }

    [Fact]
    public void Opensnoop_sees_the_files_of_the_command_alone()
    {
        Tools.NeedRoot();
        CommandRun run = CommandRun.Hachi("tool", "opensnoop", "-c", "cat /proc/sys/kernel/ostype");
        Assert.Equal(0, run.Status);
        string[] rows = [.. run.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(1)];
        Assert.Contains(rows, row => row.EndsWith(" /proc/sys/kernel/ostype", StringComparison.Ordinal) && row.Contains(" cat ", StringComparison.Ordinal));
        Assert.Single(rows.Where(row => char.IsAsciiDigit(row[0])).Select(row => row.Split(' ')[0]).Distinct());
    }

    [Fact]
    public void A_flame_graph_shows_the_functions_of_a_command()
    {
        Tools.NeedRoot();
        string gcc = Tools.Need("gcc"), folder = Directory.CreateTempSubdirectory("hachi-flame-").FullName;
        try
        {
            string program = Path.Combine(folder, "spin"), flame = Path.Combine(folder, "flame.svg");
            File.WriteAllText(program + ".c", """
                #include <time.h>
                __attribute__((noinline)) long deep_inside(long n) { volatile long s = 0; for (long i = 0; i < n; i++) s += i * i; return s; }
                __attribute__((noinline)) long outside(long n) { return deep_inside(n) + 1; }
                int main(void) { time_t start = time(0); long s = 0; while (time(0) < start + 2) s += outside(100000); return s == 42; }
                """);
            Tools.RunOk(gcc, ["-O1", "-fno-omit-frame-pointer", "-fno-optimize-sibling-calls", "-o", program, program + ".c"], folder: folder);
            CommandRun run = CommandRun.Hachi("tool", "profile", "-c", program, "--flame", flame);
            Assert.True(run.Status == 0, run.Error);
            Assert.Contains("deep_inside+", run.Text);
            string svg = File.ReadAllText(flame);
            Assert.Contains("<title>deep_inside (", svg);
            Assert.Contains("<title>outside (", svg);
            _ = System.Xml.Linq.XDocument.Parse(svg);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
