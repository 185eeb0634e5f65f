using System.Text;
using Hachi.Lang.Trace.Check;
using Hachi.Lang.Trace.Lower;
using Hachi.Linux;
using Hachi.Linux.Kernel;
using Hachi.Linux.Run;

namespace Hachi.Tests.Trace;

/// <summary>
/// Scripts that need nothing but themselves and what they print, to the letter. They stand in <c>Cases/output.txt</c>: a line with the script behind <c>&gt; </c> (<c>⏎</c> is a line end), then
/// the output. <c>HACHI_UPDATE=1</c> writes the file anew.
/// </summary>
public sealed class OutputCases
{
    private static readonly KernelFacts s_facts = new();

    [Fact]
    public void They_print_what_the_file_says()
    {
        Tools.NeedRoot();
        Assert.SkipWhen(s_facts.Types is null, "needs a kernel that gives its types");
        string path = Shared.InRepository("tests/Hachi.Tests/Trace/Cases/output.txt");
        string before = File.ReadAllText(path);
        var after = new StringBuilder(before[..before.IndexOf("\n> ", StringComparison.Ordinal)]);
        int count = 0;
        foreach (string line in before.Split('\n').Where(line => line.StartsWith("> ", StringComparison.Ordinal)))
        {
            count++;
            after.Append('\n').Append(line).Append('\n').Append(Output(line[2..].Replace('⏎', '\n')));
        }
        Assert.True(count > 200);
        if (Environment.GetEnvironmentVariable("HACHI_UPDATE") == "1")
            File.WriteAllText(path, after.ToString());
        else
            Assert.Equal(before, after.ToString());
    }

    private static string Output(string script)
    {
        TraceCompilation made = TraceCompiler.Compile(script, new TraceOptions { Parameters = ["7", "second"] }, s_facts);
        if (made.Object is null)
            return string.Join('\n', made.Diagnostics) + "\n";
        using var output = new StringWriter();
        using var errors = new StringWriter();
        try
        {
            using var run = new TraceRun(made.Object, output, errors, new TraceRunOptions { IsQuiet = true });
            run.Run();
        }
        catch (BpfException e)
        {
            return e.Message + "\n";
        }
        return output.ToString() + errors;
    }
}
