using Hachi.Lang.Pcap;
using Hachi.Lang.Pcap.Syntax;
using Hachi.Text;

namespace Hachi.Tests.Pcap;

/// <summary>What a person sees who mistyped a filter.</summary>
public sealed class CaretTests
{
    [Theory]
    [InlineData("tcp prot 80", "  tcp prot 80\n      ^^^^", "did you mean 'port'?")]
    [InlineData("hsot 10.0.0.1", "  hsot 10.0.0.1\n  ^^^^", "did you mean 'host'?")]
    [InlineData("len => 100", "  len => 100\n       ^", "did you mean '>='?")]
    [InlineData("TCP port 80", "  TCP port 80\n  ^^^", "keywords are written in lower case: 'tcp'")]
    [InlineData("tcp 80", "  tcp 80\n      ^^", "write 'tcp port 80'")]
    [InlineData("port 80, 443", "  port 80, 443\n         ^", "join alternatives with 'or', or write a set: port in {80, 443}")]
    [InlineData("10.0.0.1", "  10.0.0.1\n  ^^^^^^^^", "write 'host 10.0.0.1'")]
    [InlineData("tcp and", "  tcp and\n         ^", "something must follow 'and'")]
    [InlineData("(tcp", "  (tcp\n      ^", "a ')' is missing")]
    [InlineData("tcp)", "  tcp)\n     ^", "there is no '(' for this ')'")]
    [InlineData("tcp udp", "  tcp udp\n      ^^^", "join the two with 'and' or 'or'")]
    [InlineData("tcp & udp", "  tcp & udp\n      ^", "did you mean '&&'? A single '&' works on numbers: tcp[13] & 2 != 0")]
    [InlineData("net 10/8", "  net 10/8\n        ^", "write a network with dots: net 10.0.0.0/8")]
    [InlineData("host tcp", "  host tcp\n       ^^^", "'tcp' is a keyword; if it is meant as a name, write '\\tcp'")]
    [InlineData("src proto 6", "  src proto 6\n      ^^^^^", "'proto' takes no direction")]
    [InlineData("tcp port", "  tcp port\n          ^", "'port' needs a number or a name behind it")]
    [InlineData("port 08", "  port 08\n       ^^", "a number with a leading zero is octal")]
    [InlineData("tcp[tcpflags] & tcp-sny != 0", "  tcp[tcpflags] & tcp-sny != 0\n                  ^^^^^^^", "did you mean 'tcp-syn'?")]
    [InlineData("ip.addr == 1.2.3.4", "  ip.addr == 1.2.3.4\n  ^^^^^^^", "'ip.addr' is a display filter's field; a capture filter says: host 10.0.0.1")]
    [InlineData("tcp flags syn", "  tcp flags syn\n      ^^^^^", "flags are bits of a byte: tcp[tcpflags] & tcp-syn != 0")]
    [InlineData("dns", "  dns\n  ^^^", "write 'port 53'")]
    [InlineData("http", "  http\n  ^^^^", "write 'port http'")]
    [InlineData("host = 1.2.3.4", "  host = 1.2.3.4\n       ^", "the value follows without a sign: host 10.0.0.1")]
    [InlineData("src port > 1024", "  src port > 1024\n           ^", "ports are compared as ranges: portrange 1025-65535")]
    [InlineData("ip6 host fe80::1%eth0", "  ip6 host fe80::1%eth0\n                  ^", "leave the zone out: a packet does not carry it")]
    [InlineData("tcp\tprt 80", "  tcp\\x09prt 80\n         ^^^", "did you mean 'port'?")]
    public void ShowsPlaceAndHint(string text, string lines, string hint)
    {
        Diagnostic error = Assert.Single(FilterParser.Parse(text).Diagnostics);
        string shown = Caret.Render(text, error);
        Assert.StartsWith(lines + "\nerror: ", shown);
        Assert.EndsWith("\nhint: " + hint, shown);
    }

    [Theory]
    [InlineData("tcp and udp", "no packet can be all of this at once; 'or' stands between what may be either")]
    [InlineData("port htp", "did you mean 'http'?")]
    [InlineData("ip proto icpm", "did you mean 'icmp'?")]
    [InlineData("wlan type mgt", "wireless frames have link types of their own: --link IEEE802_11 or IEEE802_11_RADIO")]
    [InlineData("icmp6 type 135", "a field of ICMPv6 is a byte: icmp6[icmp6type] = 135")]
    [InlineData("ip broadcast", "say it with --netmask 255.255.255.0")]
    [InlineData("inbound", "the kernel knows it while it captures: --live compiles for that")]
    public void SaysWhatMayBeMeant(string text, string hint)
    {
        Assert.False(CaptureFilter.TryCompile(text, Hachi.Captures.LinkType.Ethernet, new FilterOptions { Lookup = Hachi.Lang.Pcap.Lookup.NameFiles.Empty }, out _, out IReadOnlyList<Diagnostic> diagnostics));
        Assert.Equal(hint, Assert.Single(diagnostics).Hint);
    }

    [Fact]
    public void CaretsStandUnderWideCharacters()
    {
        var diagnostic = new Diagnostic("HF0001", Severity.Error, "no", new TextSpan(2, 2));
        Assert.Equal("  蜂蜂ab蜂\n      ^^\nerror: no [HF0001]", Caret.Render("蜂蜂ab蜂", diagnostic));
    }

    [Fact]
    public void ALongTextIsCutAroundThePlace()
    {
        string text = string.Join(" or ", Enumerable.Range(1, 500).Select(i => $"port {i}")) + " xyz " + string.Join(" or ", Enumerable.Range(1, 500).Select(i => $"port {i}"));
        Diagnostic error = Assert.Single(FilterParser.Parse(text).Diagnostics);
        string[] lines = Caret.Render(text, error, 80).Split('\n');
        Assert.InRange(lines[0].Length, 60, 82);
        Assert.StartsWith("  ...", lines[0]);
        Assert.EndsWith("...", lines[0]);
        Assert.Equal("xyz", lines[0].Substring(lines[1].IndexOf('^'), lines[1].Count(c => c == '^')));
    }

    [Fact]
    public void WhatATerminalWouldObeyIsEscaped()
    {
        string text = "host \u001b[2J\u202e\u009b and";
        Diagnostic error = Assert.Single(FilterParser.Parse(text).Diagnostics);
        string shown = Caret.Render(text, error);
        Assert.DoesNotContain(shown, c => (char.IsControl(c) && c != '\n') || c == '\u202e');
    }
}
