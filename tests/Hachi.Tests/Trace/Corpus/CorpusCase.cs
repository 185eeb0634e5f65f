using System.Text.Json;

namespace Hachi.Tests.Trace.Corpus;

/// <summary>A case of the corpus as it stands there: what runs, what is expected, what it wants of the machine.</summary>
/// <param name="Name">Suite and name, with a number behind it where there are several of that name.</param>
/// <param name="Group">Letter of its group: A begin and end only, B intervals, C programs of ours, D tracepoints, E profile and iterators, K kprobe and fentry, L listing, H hardware.</param>
/// <param name="Directives">Keys and values, in order.</param>
internal sealed record CorpusCase(string Name, char Group, IReadOnlyList<(string Key, string Value)> Directives)
{
    public override string ToString() => Name;

    public IEnumerable<string> All(string key) => Directives.Where(pair => pair.Key == key).Select(pair => pair.Value);

    public string? First(string key) => All(key).FirstOrDefault();

    public bool WillFail => All("WILL_FAIL").Any();

    /// <summary>Why it is not for this machine; null when it is.</summary>
    public string? NotHere
    {
        get
        {
            foreach (string machines in All("ARCH"))
                if (machines.StartsWith('!') ? machines == "!x86_64" : !machines.Split('|').Any(name => name is "x86_64" or "le"))
                    return "another architecture: " + machines;
            if (All("REQUIRES_FEATURE").FirstOrDefault(feature => feature is "dwarf" or "dwunwind") is string feature)
                return $"asks for the feature {feature}, which is not built in";
            // What no guest's processor has.
            return Group == 'H' ? "needs the counters of a processor" : null;
        }
    }

    /// <summary>The shell line that runs the tracer.</summary>
    public string Line
    {
        get
        {
            string environment = string.Concat(All("ENV").Select(pair => string.Concat(pair.Split(' ').Select(one => $"export {one}; "))));
            string line = First("RUN") ?? $"{{{{BPFTRACE}}}} -e '{First("PROG")!.Replace("'", "'\\''", StringComparison.Ordinal)}'";
            // The file system that people mount there is ours, since the one of the machine may be missing.
            return environment + Adapted(line.Replace("'_A_'", "A", StringComparison.Ordinal));
        }
    }

    /// <summary>A line with the tracer in its place.</summary>
    public static string Adapted(string line) => line.Replace("{{BPFTRACE}}", "bpftrace trace", StringComparison.Ordinal).Replace("/sys/kernel/debug/tracing/", "$TRACING/", StringComparison.Ordinal).Replace("$(python3 -c \"print('X'*5555)\")", "$(printf 'X%.0s' {1..5555})", StringComparison.Ordinal);

    /// <summary>All cases; skips the test where the corpus is missing.</summary>
    public static List<CorpusCase> Read()
    {
        var cases = new List<CorpusCase>();
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (string line in File.ReadLines(Shared.Find("corpus/bpftrace/runtime-tests.jsonl")))
        {
            using JsonDocument row = JsonDocument.Parse(line);
            JsonElement root = row.RootElement;
            string name = $"{root.GetProperty("suite").GetString()}/{root.GetProperty("name").GetString()}", group = root.GetProperty("group").GetString()!;
            int number = counts[name] = counts.GetValueOrDefault(name) + 1;
            // The trace pipe, and addresses of all variables: a machine may have neither.
            bool isGuests = name.StartsWith("call/debugf", StringComparison.Ordinal) || name.StartsWith("call/percpu_kaddr", StringComparison.Ordinal);
            cases.Add(new CorpusCase(number == 1 ? name : $"{name} ({number})", isGuests ? 'K' : group switch { "cli/listing" => 'L', "needs kprobe/fentry" => 'K', "needs hardware PMU" => 'H', _ => group[0] },
                [.. root.GetProperty("directives").EnumerateArray().Select(pair => (pair[0].GetString()!, pair[0].GetString()!.StartsWith("EXPECT", StringComparison.Ordinal) ? pair[1].ToString().Replace("_A_", "A", StringComparison.Ordinal) : pair[1].ToString()))]));
        }
        return cases;
    }
}
