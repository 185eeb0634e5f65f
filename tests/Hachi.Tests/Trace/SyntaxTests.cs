using Hachi.Lang.Trace.Syntax;
using Hachi.Text;

namespace Hachi.Tests.Trace;

/// <summary>Scripts as text: what is read, what is refused and where, and that printing and reading are each other's inverse.</summary>
public sealed class SyntaxTests
{
    [Fact]
    public void Every_script_of_the_corpus_is_read()
    {
        var wrong = new List<string>();
        int count = 0;
        foreach (TraceCase row in TraceCorpus.Read())
            foreach (string script in row.Scripts)
            {
                count++;
                Parser.Parse(script, row.Parameters, out List<Diagnostic> diagnostics);
                if (diagnostics.Count > 0 && !row.WillFail)
                    wrong.Add($"{row.Name}: {Caret.Render(script, diagnostics[0])}");
            }
        TestContext.Current.TestOutputHelper?.WriteLine($"{count} scripts");
        Assert.True(wrong.Count == 0, $"{wrong.Count} of {count}\n" + string.Join('\n', wrong));
    }

    [Fact]
    public void Every_script_of_the_package_is_read()
    {
        var wrong = new List<string>();
        int count = 0;
        foreach ((string name, string text) in TraceCorpus.DebianScripts())
        {
            count++;
            Parser.Parse(text, [], out List<Diagnostic> diagnostics);
            if (diagnostics.Count > 0)
                wrong.Add($"{name}: {diagnostics[0]}");
        }
        Assert.SkipWhen(count == 0, "needs the scripts of Debian's package bpftrace");
        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    [Fact]
    public void What_is_printed_is_read_as_the_same_tree()
    {
        foreach ((string name, string text) in Scripts())
        {
            Script script = Parser.Parse(text, [], out List<Diagnostic> diagnostics);
            if (diagnostics.Count > 0)
                continue;
            string printed = ScriptPrinter.Print(script);
            Script again = Parser.Parse(printed, [], out List<Diagnostic> errors);
            Assert.True(errors.Count == 0, $"{name}\n{printed}\n{(errors.Count > 0 ? errors[0] : null)}");
            Assert.Equal((name, ScriptDump.Of(script)), (name, ScriptDump.Of(again)));
            Assert.Equal(printed, ScriptPrinter.Print(again));
        }
    }

    [Theory]
    [InlineData("(", ")")]
    [InlineData("{", "}")]
    [InlineData("!", "")]
    [InlineData("- ", "")]
    [InlineData("f(", ")")]
    [InlineData("1 + ", "")]
    [InlineData("@a[", "]")]
    [InlineData("1 ? 1 : ", "")]
    [InlineData("(int32)", "")]
    [InlineData("if 1 { 1 } else ", "")]
    [InlineData("sizeof(", ")")]
    [InlineData("(typeof(", ")1)")]
    [InlineData("if (1) { ", "}")]
    [InlineData("if (1) { } else ", "")]
    public void Depth_is_bounded(string open, string close)
    {
        foreach (int depth in (int[])[150, 1000, 100_000])
        {
            string text = "BEGIN { " + string.Concat(Enumerable.Repeat(open, depth)) + "1" + string.Concat(Enumerable.Repeat(close, depth)) + " }";
            Script script = Parser.Parse(text, [], out List<Diagnostic> diagnostics);
            Assert.NotNull(script);
            if (depth > 400)
                Assert.Contains(diagnostics, diagnostic => diagnostic.Id == DiagnosticTable.TraceTooDeep.Id || open is "if (1) { } else ");
            ScriptPrinter.Print(script);
        }
    }

    [Fact]
    public void Long_chains_are_bounded()
    {
        foreach (string link in (string[])[" + 1", ".a", "[1]", "++", " && 1"])
        {
            Parser.Parse("BEGIN { $x" + string.Concat(Enumerable.Repeat(link, 100_000)) + " }", [], out List<Diagnostic> diagnostics);
            Assert.Contains(diagnostics, diagnostic => diagnostic.Id == DiagnosticTable.TraceTooDeep.Id);
        }
        Parser.Parse("struct a { " + string.Concat(Enumerable.Repeat("struct { ", 100_000)) + "int a; ", [], out List<Diagnostic> nested);
        Assert.Contains(nested, diagnostic => diagnostic.Id == DiagnosticTable.TraceTooDeep.Id);
        Parser.Parse(string.Concat(Enumerable.Repeat("#if 1\n", 100_000)), [], out List<Diagnostic> conditionals);
        Assert.NotEmpty(conditionals);
    }

    [Fact]
    public void Mutated_scripts_get_a_diagnostic_or_a_tree()
    {
        Random random = Volume.Random(nameof(Mutated_scripts_get_a_diagnostic_or_a_tree));
        string[] texts = [.. Scripts().Select(script => script.Text)];
        string[] words = ["{", "}", "(", ")", "[", "]", "/", "*", "\"", "'", "@", "$", "#", "\n#define x (", "\n#if 0\n", "/*", "//", ":", ",", ";", "0x", "1e99", "99999999999999999999", "\0", "\ud800", "let", "struct", "enum", "macro", "if", "for", "typeof(", "..", "sizeof", "\\", "=", "<<="];
        for (int i = 0; i < Volume.Of(10_000, 1500); i++)
        {
            string text = Mutate(texts[random.Next(texts.Length)], random, words);
            Script script = Parser.Parse(text, ["a:b", "1"], out List<Diagnostic> diagnostics);
            Assert.All(diagnostics, diagnostic => Assert.InRange(diagnostic.Span.Start + diagnostic.Span.Length, 0, text.Length));
            ScriptPrinter.Print(script);
            foreach (Diagnostic diagnostic in diagnostics)
                Caret.Render(text, diagnostic);
        }
    }

    internal static string Mutate(string text, Random random, string[] words)
    {
        for (int n = random.Next(1, 5); n > 0 && text.Length > 0; n--)
        {
            int at = random.Next(text.Length), length = Math.Min(random.Next(1, 12), text.Length - at);
            text = random.Next(4) switch
            {
                0 => text.Remove(at, length),
                1 => text.Insert(at, words[random.Next(words.Length)]),
                2 => text.Insert(at, text.Substring(random.Next(text.Length - length + 1), length)),
                _ => text[..at],
            };
        }
        return text;
    }

    internal static IEnumerable<(string Name, string Text)> Scripts()
    {
        if (Shared.TryFind("corpus/bpftrace/runtime-tests.jsonl") is not null)
            foreach (TraceCase row in TraceCorpus.Read())
                foreach (string script in row.Scripts)
                    yield return (row.Name, script);
        foreach ((string name, string text) in TraceCorpus.DebianScripts())
            yield return (name, text);
        yield return ("own", "BEGIN { @a[1, \"x\"] = count(); $x = (uint8[4])1; $y = -(-1) - -1; $z = &(*$x); for ($i : 0..(1 ? 2 : 3)) { _ = f(1 ?: 2); } }");
        yield return ("types", "struct a { int x : 3, *y[4]; union { char c[2][3]; struct b { u64 z; } d; }; void (*f)(int, char *); } __attribute__((packed)); enum { A, B = 1 << 3, C };\nBEGIN { (struct a *)1; (int32*[4])2; (typeof($x) *)3; ($a)(1); }");
    }
}
