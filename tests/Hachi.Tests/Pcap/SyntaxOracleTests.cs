using Hachi.Lang.Pcap.Syntax;
using Hachi.Tests.Support;

namespace Hachi.Tests.Pcap;

/// <summary>
/// The parser against the installed libpcap's: heaps of words that are nearly expressions. Whatever compiles there must parse here; whatever is a syntax
/// error here must be refused there. (libpcap can refuse with another error, when one comes before the syntax error.)
/// </summary>
public sealed class SyntaxOracleTests
{
    private const string SyntaxErrorThere = "can't parse filter expression: syntax error";

    private static readonly string[] s_words =
    [
        "and", "or", "not", "(", ")", "(", ")", "host", "net", "port", "src", "dst", "tcp", "ip", "ip6", "ether", "proto", "10.0.0.1", "10.1", "fe80::1", "80", "5",
        "domain", "[", "]", ":", "+", "-", "*", "/", "%", "^", "&", "|", "<<", "=", ">", "<=", "len", "vlan", "mpls", "less", "greater", "a:b:c:d:e:f",
        "mask", "type", "llc", "i", "broadcast", "multicast", "portrange", "1-5", "byte", "2", "3", "and", "or", "tcp", "(", ")", "\\tcp", "gateway", "protochain", "addr1",
        "1.2.3.4.5", "::", "0x1f", "pppoes", "8", "/", "24", "icmp", "vpi", "sio", "outbound", "inbound",
    ];

    [Fact]
    public void HeapsOfWordsAreRefusedByBothOrByNone()
    {
        using LibpcapOracle oracle = LibpcapOracle.Start();
        Random random = Volume.Random(nameof(HeapsOfWordsAreRefusedByBothOrByNone));
        int valid = 0;
        int count = Volume.Of(500_000, 4_000);
        for (int i = 0; i < count; i++)
        {
            int length = 1 + random.Next(12);
            string text = string.Join(' ', Enumerable.Range(0, length).Select(_ => s_words[random.Next(s_words.Length)]));
            valid += Compare(oracle, text) ? 1 : 0;
        }
        Assert.True(valid > count / 200, $"only {valid} valid of {count}");
    }

    [Fact]
    public void MutatedExpressionsAreRefusedByBothOrByNone()
    {
        using LibpcapOracle oracle = LibpcapOracle.Start();
        Random random = Volume.Random(nameof(MutatedExpressionsAreRefusedByBothOrByNone));
        var filters = new RandomFilter(random, new RandomFilterOptions { ProtoChain = false });
        int valid = 0;
        int count = Volume.Of(500_000, 4_000);
        for (int i = 0; i < count; i++)
        {
            List<string> words = [.. filters.Expression().Split(' ')];
            for (int m = random.Next(3); m > 0 && words.Count > 0; m--)
            {
                int at = random.Next(words.Count);
                if (random.Next(3) == 0)
                    words.RemoveAt(at);
                else if (random.Next(2) == 0)
                    words.Insert(at, s_words[random.Next(s_words.Length)]);
                else
                    words[at] = s_words[random.Next(s_words.Length)];
            }
            valid += Compare(oracle, string.Join(' ', words)) ? 1 : 0;
        }
        Assert.True(valid > count / 4, $"only {valid} valid of {count}");
    }

    private static bool Compare(LibpcapOracle oracle, string text)
    {
        ParsedFilter parsed = FilterParser.Parse(text);
        OracleProgram there = oracle.Compile(text, optimise: false);
        if (parsed.IsValid)
        {
            Assert.False(there.Error == SyntaxErrorThere, $"parses here, not there: {text}   {Volume.Note}");
            return true;
        }
        if (parsed.Diagnostics[0].Id != "HF0007")
            Assert.False(there.Error is null, $"parses there, not here ({parsed.Diagnostics[0].Message} at {parsed.Diagnostics[0].Span}): {text}   {Volume.Note}");
        return false;
    }
}
