using System.Text.Json;
using Hachi.Lang.Pcap.Syntax;
using Hachi.Tests.Support;

namespace Hachi.Tests.Pcap;

/// <summary>The parser against libpcap's own tables: what compiles there parses here, what its scanner or parser refuses is refused with the same words.</summary>
public sealed class SyntaxCorpusTests
{
    [Fact]
    public void EveryAcceptedExpressionParsesAndPrintsBack()
    {
        int count = 0;
        foreach (string text in Accepted())
        {
            ParsedFilter parsed = FilterParser.Parse(text);
            Assert.True(parsed.IsValid, $"{text}: {Words(parsed)}");
            AssertRoundTrip(parsed);
            count++;
        }
        Assert.True(count > 1000, $"only {count} expressions");
    }

    [Fact]
    public void EveryRefusalByScannerOrParserHasTheSameText()
    {
        int refused = 0;
        foreach (JsonElement row in Rows("reject.jsonl"))
        {
            if (!row.TryGetProperty("expr", out JsonElement expression))
                continue;
            string text = expression.GetString()!;
            string expected = row.GetProperty("errstr").GetString()!;
            ParsedFilter parsed = FilterParser.Parse(text);
            if (IsSyntactic(expected))
            {
                Assert.False(parsed.IsValid, text);
                Assert.Contains(expected, parsed.Diagnostics[0].Message);
                refused++;
            }
            else
            {
                // The generator's business: nothing here may stand in its way.
                Assert.True(parsed.IsValid, $"{text}: {Words(parsed)}, expected {expected}");
                AssertRoundTrip(parsed);
            }
        }
        Assert.True(refused > 400, $"only {refused} refusals");
    }

    private static string Words(ParsedFilter parsed) => parsed.IsValid ? "" : parsed.Diagnostics[0].Message;

    private static bool IsSyntactic(string text) =>
        text.Contains("can't parse") || text.Contains("octal") || text.Contains("overflows") || text.Contains("qualifier applied to")
        || text.Contains("802.11 direction") || text.Contains("unknown PF") || text.Contains("invalid IPv6 address");

    private static void AssertRoundTrip(ParsedFilter parsed)
    {
        string printed = Printer.Print(parsed.Root);
        ParsedFilter again = FilterParser.Parse(printed);
        Assert.True(again.IsValid, $"{parsed.Text} => {printed}: {Words(again)}");
        Assert.Equal(SyntaxDump.Of(parsed.Root), SyntaxDump.Of(again.Root));
    }

    private static IEnumerable<string> Accepted()
    {
        foreach (JsonElement row in Rows("accept.jsonl"))
            foreach (JsonElement alias in row.GetProperty("aliases").EnumerateArray())
                yield return alias.GetString()!;
        foreach (JsonElement row in Rows("apply.jsonl"))
            yield return row.GetProperty("expr").GetString()!;
    }

    private static IEnumerable<JsonElement> Rows(string file)
    {
        foreach (string line in File.ReadLines(Path.Combine(Shared.Find("corpus/libpcap"), file)))
            yield return JsonDocument.Parse(line).RootElement;
    }
}
