using System.Text.Json;
using Hachi.Cli;

namespace Hachi.Tests.Cli;

/// <summary><c>hachi explain EXPR</c>.</summary>
public sealed class ExplainVerbTests
{
    [Fact]
    public void Explain_prints_words_program_and_traps()
    {
        CommandRun run = CommandRun.Hachi("explain", "vlan and arp or ip");
        Assert.Equal((ExitStatus.Done, ""), (run.Status, run.Error));
        Assert.Equal("""
            It matches:
              any of these:
                all of these:
                  a VLAN tag; all that follows is looked for 4 bytes further on, behind the tag
                  ARP
                IPv4

            Its program:
            PROGRAM
              vlan and arp or ip
              ^^^^
            warning: 'vlan' shifts everything to its right, whether it matched or not: 'ip' is looked for 4 bytes further on, behind the tag [HF0202]
            hint: write what is not encapsulated first: ip or (vlan and arp)

            """, WithoutProgram(run.Text));
    }

    [Fact]
    public void Notes_stand_in_a_column()
    {
        CommandRun run = CommandRun.Hachi("explain", "ip");
        Assert.Equal("""
            It matches:
              IPv4

            Its program:
              (000) ldh      [12]                          A: the EtherType
              (001) jeq      #0x800           jt 2   jf 3  the EtherType is IPv4 (0x0800)? yes: accept; no: reject
              (002) ret      #262144                       accept, and keep up to 262144 bytes
              (003) ret      #0                            reject

            """, run.Text);
    }

    [Fact]
    public void Explain_follows_a_packet()
    {
        CommandRun run = CommandRun.Hachi("explain", "udp or tcp[13] & 2 = 0", "--sample", "--packet", "2");
        Assert.Equal((ExitStatus.No, ""), (run.Status, run.Error));
        string[] lines = run.Text.Split('\n');
        Assert.StartsWith("packet 2: ", lines[0], StringComparison.Ordinal);
        Assert.Equal("""
              udp
                yes  the EtherType is IPv4 (0x0800): IPv4 (0x0800)
                no   the IP protocol is UDP (17): TCP (6)
                no   the EtherType is IPv6 (0x86dd): IPv4 (0x0800)
              tcp[13]
                yes  the EtherType is IPv4 (0x0800): IPv4 (0x0800)
                yes  the IP protocol is TCP (6): TCP (6)
                no   it is a later fragment (the fragment offset is not 0): 0
              tcp[13] & 2 = 0
                no   tcp[13] & 2 = 0: 2
            rejected at the test 'tcp[13] & 2 = 0': the packet has 2

            """, string.Join('\n', lines[1..]));
    }

    [Fact]
    public void Explain_of_a_packet_that_matches_is_status_0() =>
        Assert.Equal(ExitStatus.Done, CommandRun.Hachi("explain", "tcp port 443", "--sample", "--packet", "2").Status);

    [Fact]
    public void Json_is_one_document()
    {
        using var filter = JsonDocument.Parse(CommandRun.Hachi("explain", "vlan and tcp", "--json").Text);
        Assert.Equal("HF0202", filter.RootElement.GetProperty("traps")[0].GetProperty("id").GetString());
        Assert.Equal("A: the EtherType", filter.RootElement.GetProperty("program")[0].GetProperty("note").GetString());
        using var packet = JsonDocument.Parse(CommandRun.Hachi("explain", "ip", "--sample", "--packet", "1", "--json").Text);
        Assert.False(packet.RootElement.GetProperty("matches").GetBoolean());
        Assert.Equal("IPv6 (0x86dd)", packet.RootElement.GetProperty("tests")[0].GetProperty("found").GetString());
    }

    [Fact]
    public void What_rejects_everything_is_explained_all_the_same()
    {
        CommandRun run = CommandRun.Hachi("explain", "tcp and (ip and ip6)");
        Assert.Equal(ExitStatus.BadInput, run.Status);
        Assert.Contains("expression rejects all packets", run.Error);
        Assert.Contains("this part can never match: ip and ip6", run.Text);
    }

    [Theory]
    [InlineData("an expression is needed")]
    [InlineData("syntax error", "tcp prot 443")]
    [InlineData("add --packet N", "tcp", "--sample")]
    [InlineData("one capture is needed", "tcp", "--packet", "1")]
    [InlineData("packets are numbered from 1", "tcp", "--sample", "--packet", "0")]
    [InlineData("the sample has no packet 999999, only 200", "tcp", "--sample", "--packet", "999999")]
    [InlineData("there is no link type 'NOPE'", "tcp", "--link", "NOPE")]
    [InlineData("cannot read 'no-such-file'", "tcp", "no-such-file", "--packet", "1")]
    public void Bad_input_is_told(string says, params string[] args)
    {
        CommandRun run = CommandRun.Hachi(["explain", .. args]);
        Assert.Equal(ExitStatus.BadInput, run.Status);
        Assert.Contains(says, run.Error);
    }

    [Fact]
    public void Control_characters_of_an_expression_do_not_reach_the_terminal()
    {
        foreach (string expression in (string[])["port 80 \u001b[31m", "host in {10.0.0.1}\u0007", "\u202etcp"])
        {
            CommandRun run = CommandRun.Hachi("explain", expression);
            Assert.DoesNotContain(run.Text + run.Error, c => c is '\u001b' or '\u0007' or '\u202e');
        }
    }

    private static string WithoutProgram(string text)
    {
        string[] lines = text.Split('\n');
        int from = Array.IndexOf(lines, "Its program:") + 1, to = Array.IndexOf(lines, "", from);
        return string.Join('\n', (string[])[.. lines[..from], "PROGRAM", .. lines[(to + 1)..]]);
    }
}
