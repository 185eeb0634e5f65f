using System.Text;
using Hachi.Lang.Trace.Check;
using Hachi.Lang.Trace.Lower;
using Hachi.Linux.Kernel;
using Hachi.Text;

namespace Hachi.Tests.Trace;

/// <summary>
/// Wrong scripts and what is said of them, word for word with the place. The cases stand in <c>Cases/diagnostics.txt</c>: a line with the script behind <c>&gt; </c> (<c>⏎</c> is a line end),
/// then what is shown. <c>HACHI_UPDATE=1</c> writes the file anew.
/// </summary>
public sealed class DiagnosticCases
{
    private static readonly KernelFacts s_facts = new();

    [Fact]
    public void What_is_said_is_what_the_file_says()
    {
        Assert.SkipWhen(s_facts.Types is null, "needs a kernel that gives its types");
        string path = Shared.InRepository("tests/Hachi.Tests/Trace/Cases/diagnostics.txt");
        string before = File.ReadAllText(path);
        var after = new StringBuilder();
        int count = 0;
        foreach (string line in before.Split('\n').Where(line => line.StartsWith("> ", StringComparison.Ordinal)))
        {
            count++;
            string script = line[2..].Replace('⏎', '\n');
            after.Append(line).Append('\n');
            foreach (Diagnostic diagnostic in TraceCompiler.Compile(script, new TraceOptions { Parameters = ["x"] }, s_facts).Diagnostics)
                after.Append(Caret.Render(script, diagnostic)).Append('\n');
            after.Append('\n');
        }
        Assert.True(count > 50);
        if (Environment.GetEnvironmentVariable("HACHI_UPDATE") == "1")
            File.WriteAllText(path, after.ToString());
        else
            Assert.Equal(before, after.ToString());
    }
}
