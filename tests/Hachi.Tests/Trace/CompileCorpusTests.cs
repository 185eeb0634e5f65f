using Hachi.Lang.Trace.Check;
using Hachi.Lang.Trace.Lower;
using Hachi.Linux;
using Hachi.Linux.Kernel;
using Hachi.Linux.Load;
using Hachi.Object;
using Hachi.Object.Plan;
using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Tests.Trace;

/// <summary>Scripts of others, compiled and shown to the running kernel's verifier.</summary>
public sealed class CompileCorpusTests
{
    private static readonly KernelFacts s_facts = new();

    // How many may be refused, of all that are right: what is not compiled yet says so (HT0201), and this kernel lacks some of what is asked for.
    private const int RefusedMax = 62;

    [Fact]
    public void The_corpus_loads()
    {
        Tools.NeedRoot();
        Assert.SkipWhen(s_facts.Types is null, "needs a kernel that gives its types");
        var refused = new List<string>();
        int count = 0, every = Volume.Of(1, 6);
        foreach (TraceCase row in TraceCorpus.Read().Where(row => !row.WillFail))
            foreach (string script in row.Scripts)
                if (count++ % every == 0 && Refusal(script, row.Parameters) is string reason)
                    refused.Add($"{row.Name}: {reason}");
        TestContext.Current.TestOutputHelper?.WriteLine($"{count / every} scripts, {refused.Count} refused");
        Assert.True(refused.Count <= RefusedMax / every + 5, string.Join('\n', refused));
        Assert.DoesNotContain(refused, reason => reason.Contains("Exception", StringComparison.Ordinal));
    }

    [Fact]
    public void The_packages_scripts_load()
    {
        Tools.NeedRoot();
        Assert.SkipWhen(s_facts.Types is null, "needs a kernel that gives its types");
        var refused = new List<string>();
        foreach ((string name, string text) in TraceCorpus.DebianScripts())
            if (Refusal(text, []) is string reason && name is not ("loads.bt" or "runqlen.bt"))
                refused.Add($"{name}: {reason}");
        Assert.True(refused.Count == 0, string.Join('\n', refused));
    }

    [Fact]
    public void What_is_made_is_printed_and_read_again()
    {
        int count = 0;
        foreach ((string name, string text) in SyntaxTests.Scripts())
            if (count++ % Volume.Of(1, 9) == 0 && TraceCompiler.Compile(text, new TraceOptions { IsUnsafe = true }, s_facts).Object is BpfObject made)
                Assert.Equal((name, made), (name, ObjectParser.Parse(ObjectPrinter.Print(made)).Object));
    }

    [Fact]
    public void Mutated_scripts_never_throw()
    {
        Random random = Volume.Random(nameof(Mutated_scripts_never_throw));
        string[] texts = [.. SyntaxTests.Scripts().Select(script => script.Text)];
        string[] words = ["0", "1", "-1", "\"x\"", "@", "@a", "$x", "()", "[0]", ".x", "*", "&", "(int8)", "pid", "comm", "args", "count()", "hist(1)", "str(", "1, ", "==", "struct x *", "99999999999", "for ($i : 0..3) {", "}"];
        for (int i = 0; i < Volume.Of(10_000, 600); i++)
        {
            string text = SyntaxTests.Mutate(texts[random.Next(texts.Length)], random, words);
            try
            {
                TraceCompilation made = TraceCompiler.Compile(text, new TraceOptions { IsUnsafe = true, Parameters = ["1", "x"] }, s_facts);
                Assert.True(made.Object is not null || made.Diagnostics.Any(diagnostic => diagnostic.Severity == Severity.Error));
            }
            catch (Exception e)
            {
                Assert.Fail($"{Volume.Note}\n{text}\n{e}");
            }
        }
    }

    private static string? Refusal(string script, string[] parameters)
    {
        TraceCompilation made = TraceCompiler.Compile(script, new TraceOptions { Parameters = parameters, IsUnsafe = true }, s_facts);
        if (made.Object is null)
            return made.Diagnostics.First(diagnostic => diagnostic.Severity == Severity.Error).Message;
        try
        {
            // Functions of the kernel cannot be hooked on every machine.
            using LoadedObject loaded = (made.Object with { Programs = [.. made.Object.Programs.Where(program => program.Type != ProgramType.Tracing)] }).Load();
            return null;
        }
        catch (BpfException e)
        {
            return e.Message;
        }
    }
}
