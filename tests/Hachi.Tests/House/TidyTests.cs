using System.Text.RegularExpressions;
using Hachi.Text;

namespace Hachi.Tests.House;

/// <summary>What must not stand in a tracked file, and tables that must be consistent.</summary>
public sealed class TidyTests
{
    // Written in pieces, so that this file does not find itself.
    private static readonly string[] s_foreign =
    [
        "/wo" + "rk/", "/fa" + "rm/", "/tm" + "p/(lab|studio|wt)", "work" + "place", "farm-(be" + "nch|studio)",
    ];

    private static readonly string[] s_unfinished = ["TO" + "DO", "FIX" + "ME", "HA" + "CK\\b", "X" + "XX\\b", "NotImplemented" + "Exception"];

    private static readonly string[] s_hollow = [@"catch *(\([^)]*\))? *\{ *\}", "Skip *= *\"\"", @"Assert\.True\(tr" + @"ue\)"];

    private static readonly string[] s_textFiles = [".cs", ".md", ".sh", ".csproj", ".props", ".targets", ".json", ".txt", ".slnx", "/hachi", "/test", ".ci/run", ".editorconfig", ".gitignore"];

    [Fact]
    public void No_path_of_a_machine_and_no_unfinished_mark() => AssertAbsent([.. s_foreign, .. s_unfinished], SourceTree.Files(".", s_textFiles));

    [Fact]
    public void No_test_that_cannot_fail() => AssertAbsent(s_hollow, SourceTree.Files(".", ".cs"));

    [Fact]
    public void Text_files_end_in_a_line_end_and_have_no_carriage_returns()
    {
        foreach (string file in SourceTree.Files(".", s_textFiles).Where(file => !SourceTree.Name(file).StartsWith("tests/data", StringComparison.Ordinal)))
        {
            string text = File.ReadAllText(file);
            Assert.True(text.Length == 0 || text[^1] == '\n', SourceTree.Name(file) + " does not end in a line end");
            Assert.False(text.Contains('\r'), SourceTree.Name(file) + " has carriage returns");
        }
    }

    [Fact]
    public void Diagnostics_have_unique_ids_of_one_form()
    {
        Assert.NotEmpty(DiagnosticTable.All);
        Assert.Equal(DiagnosticTable.All.Count, DiagnosticTable.All.Select(row => row.Id).Distinct(StringComparer.OrdinalIgnoreCase).Count());
        foreach (DiagnosticInfo row in DiagnosticTable.All)
        {
            Assert.Matches("^H[A-Z][0-9]{4}$", row.Id);
            Assert.False(string.IsNullOrWhiteSpace(row.Format), row.Id + " has no message");
            Assert.False(string.IsNullOrWhiteSpace(row.Help), row.Id + " has no help");
            Assert.DoesNotContain('\n', row.Help);
            Assert.Same(row, DiagnosticTable.Find(row.Id));
        }
    }

    private static void AssertAbsent(string[] patterns, IEnumerable<string> files)
    {
        var pattern = new Regex(string.Join('|', patterns), RegexOptions.CultureInvariant);
        var found = new List<string>();
        foreach (string file in files)
        {
            int number = 0;
            foreach (string line in File.ReadLines(file))
            {
                number++;
                if (pattern.IsMatch(line))
                    found.Add($"{SourceTree.Name(file)}:{number}: {line.Trim()}");
            }
        }
        Assert.True(found.Count == 0, string.Join('\n', found));
    }
}
