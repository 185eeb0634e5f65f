using System.Text.Json;
using System.Text.RegularExpressions;

namespace Hachi.Tests.Trace;

/// <summary>A case of the acceptance corpus.</summary>
/// <param name="Name">Suite and name.</param>
/// <param name="Group">What it needs to run.</param>
/// <param name="Scripts">The scripts that it runs: its own, or those behind -e in its shell lines.</param>
/// <param name="WillFail">Whether it is refused.</param>
/// <param name="Expects">What it should print.</param>
/// <param name="Parameters">Positional parameters, where they can be read off the shell line.</param>
internal sealed record TraceCase(string Name, string Group, string[] Scripts, bool WillFail, (string Kind, string Text)[] Expects, string[] Parameters)
{
    public override string ToString() => Name;
}

/// <summary>Scripts from beside the repository: the corpus, and what Debian's package brings.</summary>
internal static partial class TraceCorpus
{
    /// <summary>All cases; skips the test where the corpus is missing.</summary>
    public static List<TraceCase> Read()
    {
        var cases = new List<TraceCase>();
        foreach (string line in File.ReadLines(Shared.Find("corpus/bpftrace/runtime-tests.jsonl")))
        {
            using JsonDocument row = JsonDocument.Parse(line);
            JsonElement root = row.RootElement;
            var directives = root.GetProperty("directives").EnumerateArray().Select(pair => (Key: pair[0].GetString()!, Value: pair[1].ToString())).ToList();
            var scripts = new List<string>();
            string[] parameters = [];
            foreach ((string key, string value) in directives)
            {
                if (key == "PROG")
                    scripts.Add(value);
                else if (key == "RUN")
                    foreach (Match match in Inline().Matches(value))
                    {
                        scripts.Add(match.Groups[1].Success ? match.Groups[1].Value : match.Groups[2].Value.Replace("\\\"", "\"", StringComparison.Ordinal));
                        parameters = [.. Parameter().Matches(value[(match.Index + match.Length)..].Split(" -- ")[0].Split(['|', ';'])[0]).Select(word => word.Groups[1].Value + word.Groups[2].Value)];
                    }
            }
            cases.Add(new TraceCase($"{root.GetProperty("suite").GetString()}/{root.GetProperty("name").GetString()}", root.GetProperty("group").GetString()!, [.. scripts.Where(IsScript)],
                directives.Any(pair => pair.Key == "WILL_FAIL"), [.. directives.Where(pair => pair.Key.StartsWith("EXPECT", StringComparison.Ordinal))], parameters));
        }
        return cases;
    }

    // What a shell would fill in, grep's -e, and a quote within quotes are no scripts.
    private static bool IsScript(string text) => !text.Contains("$(", StringComparison.Ordinal) && text.Contains('{', StringComparison.Ordinal) && !text.EndsWith("(\"echo ", StringComparison.Ordinal);

    /// <summary>The scripts of Debian's package, by file name; empty where it is not installed.</summary>
    public static IEnumerable<(string Name, string Text)> DebianScripts()
    {
        foreach (string folder in (string[])["/usr/sbin", "/usr/share/bpftrace/tools"])
            if (Directory.Exists(folder))
                foreach (string file in Directory.EnumerateFiles(folder, "*.bt").Order(StringComparer.Ordinal))
                    yield return (Path.GetFileName(file), File.ReadAllText(file));
    }

    [GeneratedRegex("""-v?e (?:'((?:[^']|'_A_')*)'|"((?:[^"\\]|\\.)*)")""")]
    private static partial Regex Inline();

    [GeneratedRegex("""(?<= )(?:"([^"]*)"|(-?[A-Za-z0-9:_][^ "'-]*(?:-[^ "']*)?))(?= |$)""")]
    private static partial Regex Parameter();
}
