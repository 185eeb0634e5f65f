using System.Text;
using Hachi.Lang.Pcap.Syntax;
using Hachi.Tests.Support;
using Hachi.Text;

namespace Hachi.Tests.Pcap;

/// <summary>The grammar's corners, each as an expression and the tree that libpcap's parser gives it.</summary>
public sealed class SyntaxTests
{
    // Inheritance.
    [Theory]
    [InlineData("tcp dst port 80 or 443 or domain", "tcp dst port 80 or tcp dst port 443 or tcp dst port domain")]
    [InlineData("host a and (b or c)", "host a and (host b or host c)")]
    [InlineData("not host a and b", "not host a and host b")]
    [InlineData("port 1 or (2 and 3)", "port 1 or (port 2 and port 3)")]
    [InlineData("port (1 or 2)", "port 1 or port 2")]
    [InlineData("host a and not b", "host a and not host b")]
    [InlineData("host a and (port 5 or 6)", "host a and (port 5 or port 6)")]
    [InlineData("host a and (port 5) or b", "host a and port 5 or host b")]
    [InlineData("src or dst port 80", "src or dst port 80")]
    [InlineData("dst and src 1.2.3.4", "src and dst 1.2.3.4")]
    [InlineData("decnet src not 1.1", "not decnet src 1.1")]
    [InlineData("ip6 host ::1/128 or fe80::/10", "ip6 host ::1/128 or ip6 host fe80::/10")]
    // Equal precedence, to the left.
    [InlineData("tcp or udp and ip", "tcp or udp and ip")]
    [InlineData("(tcp or udp) and ip", "(tcp or udp) and ip")]
    [InlineData("tcp or (udp and ip)", "tcp or (udp and ip)")]
    [InlineData("not not tcp", "not not tcp")]
    [InlineData("not (tcp or udp)", "not (tcp or udp)")]
    // Arithmetic: % and ^ have no precedence.
    [InlineData("len % 7 + 1 = 2", "len % (7 + 1) = 2")]
    [InlineData("len ^ 3 & 1 = 2", "len ^ (3 & 1) = 2")]
    [InlineData("1 + len % 3 * 2 = 2", "1 + (len % (3 * 2)) = 2")]
    [InlineData("-len % 3 = 2", "-(len % 3) = 2")]
    [InlineData("-len * 3 = 2", "(-len) * 3 = 2")]
    [InlineData("1 + 2 * 3 - 4 = 5", "(1 + (2 * 3)) - 4 = 5")]
    [InlineData("1 | 2 & 3 << 4 + 5 = 6", "1 | (2 & (3 << (4 + 5))) = 6")]
    [InlineData("8 / 4 / 2 = 1", "(8 / 4) / 2 = 1")]
    [InlineData("((5)) + (len) = 5", "5 + len = 5")]
    [InlineData("vlan ((5)) and tcp[(2):1] = (3)", "vlan 5 and tcp[2:1] = 3")]
    [InlineData("(((len + 1))) > 5 and (tcp)", "len + 1 > 5 and tcp")]
    // Words.
    [InlineData("host \\tcp and \\net", "host \\tcp and host \\net")]
    [InlineData("ether host 012345670123", "link host 012345670123")]
    [InlineData("port 0x10 or 010", "port 16 or port 8")]
    [InlineData("host 1.2.3.4.5", "host 1.2.3.4.5")]
    [InlineData("net 10.1 mask 255.255", "net 10.1 mask 255.255")]
    [InlineData("type mgt subtype Beacon", "type 0x00 subtype 0x80")]
    [InlineData("vpi (1 or 2) and opc > 3", "(vpi = 1 or vpi = 2) and opc > 3")]
    [InlineData("llc RNR or llc rnr", "llc rnr or llc rnr")]
    [InlineData("action DROP or on eth0", "action drop or ifname \\eth0")]
    // Beyond libpcap.
    [InlineData("tcp port in {22, 80 443,5000-5100, http}", "tcp port in {22, 80, 443, 5000 - 5100, http}")]
    [InlineData("host in {10.0.0.1-10.0.0.9, ::1 - ::9, example}", "host in {10.0.0.1 - 10.0.0.9, ::1 - ::9, example}")]
    [InlineData("src net in @bad.txt and tcp", "src net in {@\"bad.txt\"} and tcp")]
    [InlineData("net in { @\"a b.txt\", 10.0.0.0/8, fe80::/10 }", "net in {@\"a b.txt\", 10.0.0.0/8, fe80::/10}")]
    [InlineData("anyvlan tcp port 80 or 443", "anyvlan tcp port 80 or tcp port 443")]
    [InlineData("inner anyvlan (ip or ip6)", "inner anyvlan (ip or ip6)")]
    [InlineData("host in", "host in")]
    [InlineData("host in and inner", "host in and host inner")]
    [InlineData("host a and inner tcp", "host a and inner tcp")]
    public void MeansTheSameAs(string text, string spelledOut)
    {
        ParsedFilter parsed = FilterParser.Parse(text);
        Assert.True(parsed.IsValid, parsed.IsValid ? "" : Caret.Render(text, parsed.Diagnostics[0]));
        Assert.Equal(spelledOut, Printer.Print(parsed.Root));
        Assert.Equal(SyntaxDump.Of(parsed.Root), SyntaxDump.Of(FilterParser.Parse(spelledOut).Root));
    }

    [Theory]
    [InlineData("")]
    [InlineData(" \t\r\n")]
    public void NothingAcceptsEverything(string text)
    {
        ParsedFilter parsed = FilterParser.Parse(text);
        Assert.True(parsed.IsValid);
        Assert.Null(parsed.Root);
        Assert.Equal("", Printer.Print(parsed.Root));
    }

    [Fact]
    public void AnIdentifierWithNothingToInheritSaysSo()
    {
        ParsedFilter parsed = FilterParser.Parse("(host a) and 5");
        ChainNode chain = Assert.IsType<ChainNode>(parsed.Root);
        Assert.True(Assert.IsType<PrimitiveNode>(chain.Terms[1]).Qualifiers.IsUndefined);
        Assert.Equal("(host a) and 5", Printer.Print(chain));
    }

    [Theory]
    // The grammar's hole: a list in parentheses may not begin with another.
    [InlineData("host ((a or b) or c)", 7, 1)]
    [InlineData("host a and (b or port 5)", 17, 4)]
    [InlineData("src proto 1", 4, 5)]
    [InlineData("port 1 or 2 = 3 and 4 + 5", 25, 0)]
    [InlineData("(1) and tcp", 4, 3)]
    [InlineData("tcp 80", 4, 2)]
    [InlineData("tcp =< 5", 4, 1)]
    [InlineData("host 💥", 5, 2)]
    [InlineData("net 10/8", 6, 1)]
    [InlineData("((tcp)", 6, 0)]
    [InlineData("tcp)", 3, 1)]
    [InlineData("inner", 0, 5)]
    [InlineData("in {1}", 0, 2)]
    public void SyntaxErrorsPointAtTheFirstWrongWord(string text, int start, int length)
    {
        Diagnostic error = Assert.Single(FilterParser.Parse(text).Diagnostics);
        Assert.Equal("can't parse filter expression: syntax error", error.Message);
        Assert.Equal(new TextSpan(start, length), error.Span);
    }

    [Theory]
    [InlineData("proto in {6}", "HF0019")]
    [InlineData("port in {}", "HF0019")]
    [InlineData("port in {80", "HF0019")]
    [InlineData("port in {80; 81}", "HF0019")]
    [InlineData("port in {10.0.0.1}", "HF0007")]
    [InlineData("net in @", "HF0019")]
    [InlineData("net in @\"x", "HF0019")]
    [InlineData("port in {08}", "HF0003")]
    [InlineData("port 4294967296", "HF0004")]
    [InlineData("ether host 1:2:3:4:5:", "HF0005")]
    [InlineData("host 0:0:0:0:0:0:0:0:0", "HF0005")]
    [InlineData("host ::01.2.3.4", "HF0006")]
    [InlineData("type 1", "HF0008")]
    [InlineData("type foo", "HF0009")]
    [InlineData("type mgt subtype 1", "HF0010")]
    [InlineData("type mgt subtype rts", "HF0011")]
    [InlineData("type 0x0c subtype rts", "HF0012")]
    [InlineData("subtype foo", "HF0013")]
    [InlineData("dir 4", "HF0014")]
    [InlineData("dir up", "HF0015")]
    [InlineData("llc foo", "HF0016")]
    [InlineData("reason foo", "HF0017")]
    [InlineData("action foo", "HF0018")]
    public void OtherErrorsHaveTheirIds(string text, string id)
    {
        Diagnostic error = Assert.Single(FilterParser.Parse(text).Diagnostics);
        Assert.Equal(id, error.Id);
        Assert.NotNull(DiagnosticTable.Find(id));
    }

    // What libpcap has generated before it sees the error, in its order.
    [Theory]
    [InlineData("port 70000 tcp", "port 70000")]
    [InlineData("vlan 5 and ip6 tcp", "vlan 5")]
    [InlineData("vlan and mpls 3 4", "vlan|mpls 3")]
    [InlineData("ip and 1 / 0 = tcp", "ip|1 / 0")]
    [InlineData("ip[1] + ip[2] * 3 ) ", "ip[1] + (ip[2] * 3)")]
    [InlineData("pppoed 1234", "pppoed")]
    [InlineData("tcp 08", "")]
    [InlineData("port 1 or (2 and 3", "port 1|port 2|port 3")]
    [InlineData("less 5 08", "less 5")]
    [InlineData("1 = 2 08", "1|2")]
    [InlineData("vpi (1 or 2 or tcp)", "vpi = 1|vpi = 2")]
    [InlineData("host 1.2.3.4 or port 1.2.3.4", "host 1.2.3.4")]
    public void CompletedPiecesComeInTheOrderOfReduction(string text, string expected)
    {
        ParsedFilter parsed = FilterParser.Parse(text);
        Assert.False(parsed.IsValid);
        Assert.Equal(expected, string.Join('|', parsed.Completed.Select(node => node is ValueNode value ? Printer.Print(value) : Printer.Print((FilterNode)node))));
    }

    [Fact]
    public void RandomExpressionsSurvivePrintingAndParsing()
    {
        Random random = Volume.Random(nameof(RandomExpressionsSurvivePrintingAndParsing));
        var filters = new RandomFilter(random, new RandomFilterOptions { Extensions = true, OtherLinks = true, NewWords = true });
        int count = Volume.Of(1_000_000, 20_000);
        for (int i = 0; i < count; i++)
        {
            string text = filters.Expression();
            ParsedFilter parsed = FilterParser.Parse(text);
            Assert.True(parsed.IsValid, $"{(parsed.IsValid ? "" : Caret.Render(text, parsed.Diagnostics[0]))}   {Volume.Note}");
            string printed = Printer.Print(parsed.Root);
            Assert.True(SyntaxDump.Of(parsed.Root) == SyntaxDump.Of(FilterParser.Parse(printed).Root), $"{text} => {printed}   {Volume.Note}");
        }
    }

    [Fact]
    public void MutatedExpressionsGiveADiagnosticAndNoException()
    {
        Random random = Volume.Random(nameof(MutatedExpressionsGiveADiagnosticAndNoException));
        var filters = new RandomFilter(random, new RandomFilterOptions { Extensions = true, OtherLinks = true, NewWords = true });
        int refused = 0;
        int count = Volume.Of(1_000_000, 30_000);
        for (int i = 0; i < count; i++)
        {
            var text = new StringBuilder(filters.Expression());
            for (int m = 1 + random.Next(4); m > 0 && text.Length > 0; m--)
                Mutate(text, random);
            string mutated = text.ToString();
            ParsedFilter parsed = FilterParser.Parse(mutated);
            if (parsed.IsValid)
                continue;
            refused++;
            Diagnostic error = Assert.Single(parsed.Diagnostics);
            Assert.True(error.Span.Start >= 0 && error.Span.Length >= 0 && error.Span.End <= mutated.Length, mutated);
            string shown = Caret.Render(mutated, error);
            Assert.DoesNotContain(shown, c => char.IsControl(c) && c != '\n');
        }
        Assert.True(refused > count / 4, $"only {refused} of {count} were refused");
    }

    private const string Odd = "()[]{}:./\\-$@,&|=<>!+*%^ \t\n\0\u202e\ud83d\u001b\u009b";

    private static void Mutate(StringBuilder text, Random random)
    {
        int at = random.Next(text.Length);
        switch (random.Next(4))
        {
            case 0:
                text.Remove(at, 1);
                break;
            case 1:
                text.Insert(at, (char)random.Next(1, 128));
                break;
            case 2:
                text[at] = Odd[random.Next(Odd.Length)];
                break;
            default:
                text.Insert(at, text.ToString(at, Math.Min(random.Next(8), text.Length - at)));
                break;
        }
    }

    [Theory]
    [InlineData("(", "tcp", ")")]
    [InlineData("not ", "tcp", "")]
    [InlineData("(tcp and ", "udp", ")")]
    [InlineData("not (", "udp", ")")]
    [InlineData("- ", "5 = 5", "")]
    [InlineData("1 % ", "5 = 5", "")]
    [InlineData("(1 + ", "5", ") = 5")]
    [InlineData("ip[", "1", "] = 5")]
    [InlineData("host (not ", "a", ")")]
    [InlineData("port 1 or (2 and ", "3", ")")]
    [InlineData("anyvlan ", "tcp", "")]
    [InlineData("1 + ", "1 = 5", "")]
    [InlineData("vlan (", "1", ")")]
    [InlineData("tcp and ", "udp", "")]
    [InlineData("host a or ", "b", "")]
    [InlineData("port in {", "", "")]
    public void NestingAHundredThousandDeepIsHarmless(string open, string middle, string close)
    {
        const int Depth = 100_000;
        string text = string.Concat(Enumerable.Repeat(open, Depth)) + middle + string.Concat(Enumerable.Repeat(close, Depth));
        // A small stack, as threads of a pool or of other systems may have.
        var thread = new Thread(() =>
        {
            ParsedFilter parsed = FilterParser.Parse(text);
            if (parsed.IsValid)
                Assert.True(FilterParser.Parse(Printer.Print(parsed.Root)).IsValid);
            else
                Assert.NotEmpty(Caret.Render(text, Assert.Single(parsed.Diagnostics)));
        }, 1024 * 1024);
        thread.Start();
        thread.Join();
    }
}
