using Hachi.Lang.Trace.Check;
using Hachi.Lang.Trace.Syntax;
using Hachi.Linux.Kernel;
using Hachi.Object.Plan;
using Hachi.Text;

namespace Hachi.Tests.Trace;

/// <summary>The scripts of others: what the checker makes of them on this machine.</summary>
public sealed class CheckCorpusTests
{
    private static readonly KernelFacts s_facts = new();

    // Cases that are refused here, with the reason.
    private static readonly Dictionary<string, string> s_refused = new(StringComparer.Ordinal)
    {
    };

    [Fact]
    public void The_corpus_is_typed()
    {
        Assert.SkipWhen(s_facts.Types is null, "needs a kernel that gives its types");
        var wrong = new List<string>();
        int count = 0, accepted = 0;
        foreach (TraceCase row in TraceCorpus.Read())
            foreach (string script in row.Scripts)
            {
                count++;
                Diagnostic? error = Errors(script, row.Parameters, row).FirstOrDefault();
                bool wrongly = error is not null != row.WillFail;
                accepted += error is null ? 1 : 0;
                if (wrongly && !s_refused.ContainsKey(row.Name))
                    wrong.Add($"{row.Group[..1]} {row.Name}: {(error is null ? "accepted: " + script : Caret.Render(script, error))}");
            }
        TestContext.Current.TestOutputHelper?.WriteLine($"{count} scripts, {accepted} accepted");
        Assert.True(wrong.Count == 0, $"{wrong.Count} of {count}\n" + string.Join('\n', wrong));
    }

    [Fact]
    public void The_packages_scripts_are_typed()
    {
        Assert.SkipWhen(s_facts.Types is null, "needs a kernel that gives its types");
        var wrong = new List<string>();
        foreach ((string name, string text) in TraceCorpus.DebianScripts())
            if (Errors(text, [], null).FirstOrDefault() is Diagnostic error)
                wrong.Add($"{name}: {Caret.Render(text, error)}");
        Assert.True(wrong.Count == 0, $"{wrong.Count}\n" + string.Join('\n', wrong));
    }

    private static IEnumerable<Diagnostic> Errors(string text, string[] parameters, TraceCase? row)
    {
        Script script = Parser.Parse(text, parameters, out List<Diagnostic> diagnostics);
        if (diagnostics.Count == 0)
        {
            var named = new Dictionary<string, string?>();
            Checker.Check(script, new TraceOptions { Parameters = parameters, Named = named, IsUnsafe = row is { WillFail: false } }, s_facts, diagnostics);
        }
        return diagnostics.Where(diagnostic => diagnostic.Severity == Severity.Error);
    }
}
