using Hachi.Lang.Trace.Check;
using Hachi.Lang.Trace.Lower;
using Hachi.Linux;
using Hachi.Linux.Kernel;
using Hachi.Linux.Load;
using Hachi.Linux.Run;
using Hachi.Text;

namespace Hachi.Tests.Trace;

/// <summary>Scripts as people write them (<c>Cases/scripts.txt</c>): each compiles and is taken by the running kernel; nothing is attached.</summary>
public sealed class ScriptTests
{
    /// <summary>The scripts with their names. What begins with <c>guest:</c> asks for what not every machine allows.</summary>
    internal static List<(string Name, string Text)> Scripts() =>
        [.. File.ReadAllText(Shared.InRepository("tests/Hachi.Tests/Trace/Cases/scripts.txt")).Split("\n-- ")[1..].Select(part => part.Split('\n', 2)).Select(lines => (lines[0], lines[1]))];

    [Fact]
    public void They_load()
    {
        Tools.NeedRoot();
        var facts = new MachineFacts(new KernelFacts());
        Assert.SkipWhen(facts.Types is null, "needs a kernel that gives its types");
        var wrong = new List<string>();
        List<(string Name, string Text)> scripts = Scripts();
        foreach ((string name, string text) in scripts.Where(script => !script.Name.StartsWith("guest: ", StringComparison.Ordinal)))
        {
            TraceCompilation made = TraceCompiler.Compile(text, new TraceOptions(), facts);
            try
            {
                if (made.Object is null)
                    wrong.Add($"{name}: {Caret.Render(text, made.Diagnostics.First(diagnostic => diagnostic.Severity == Severity.Error))}");
                else
                    using (made.Object.Load())
                        Assert.All(made.Object.Programs, program => Assert.NotEmpty(program.Lines));
            }
            catch (BpfException e)
            {
                wrong.Add($"{name}: {e.Message}");
            }
        }
        Assert.True(scripts.Count > 80);
        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    [Fact]
    public void What_the_verifier_refuses_is_told_with_the_scripts_line()
    {
        Tools.NeedRoot();
        var facts = new KernelFacts();
        TraceCompilation made = TraceCompiler.Compile("BEGIN\n{\n    $x = 1;\n    @a = curtask;\n}\n", new TraceOptions { Name = "mine.bt" }, facts);
        Assert.NotNull(made.Object);
        // The instruction in front of the last one reads through a register that nobody wrote.
        Hachi.Object.ProgramSpec spec = made.Object.Programs[0];
        Hachi.Object.BpfObject broken = made.Object with { Programs = [spec with { Insns = spec.Insns.SetItem(spec.Insns.Length - 2, new Hachi.Isa.Insn(0x79, 0, 9, 0, 0)) }] };
        BpfException refused = Assert.ThrowsAny<BpfException>(() => broken.Load().Dispose());
        Assert.Contains("mine.bt", refused.Message, StringComparison.Ordinal);
    }
}
