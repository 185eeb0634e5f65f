using Hachi.Cli;
using Hachi.Tests.Support;

namespace Hachi.Tests.Cli;

/// <summary><c>hachi compile</c>: forms, errors, batches.</summary>
public sealed class CompileVerbTests
{
    [Fact]
    public void Listing_is_tcpdumps()
    {
        CommandRun run = CommandRun.Hachi("compile", "ip");
        Assert.Equal(0, run.Status);
        Assert.Equal("(000) ldh      [12]\n(001) jeq      #0x800           jt 2\tjf 3\n(002) ret      #262144\n(003) ret      #0\n", run.Text);
    }

    [Theory]
    [InlineData("ddd", "4\n40 0 0 12\n21 0 1 2048\n6 0 0 262144\n6 0 0 0\n")]
    [InlineData("dd", "{ 0x28, 0, 0, 0x0000000c },\n{ 0x15, 0, 1, 0x00000800 },\n{ 0x6, 0, 0, 0x00040000 },\n{ 0x6, 0, 0, 0x00000000 },\n")]
    public void Numbers_are_tcpdumps(string form, string expected) => Assert.Equal(expected, CommandRun.Hachi("compile", "ip", "--to", form).Text);

    [Theory]
    [InlineData("ebpf", "skb[")]
    [InlineData("tc", "r1 > r8")]
    [InlineData("xdp", "w0 = 0x2")]
    [InlineData("json", "\"insns\":[[40,0,0,12]")]
    [InlineData("asm", "jne #0x800")]
    public void Every_form_is_written(string form, string holds)
    {
        CommandRun run = CommandRun.Hachi("compile", "ip", "--to", form);
        Assert.Equal("", run.Error);
        Assert.Equal(0, run.Status);
        Assert.Contains(holds, run.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void An_error_has_its_place()
    {
        CommandRun run = CommandRun.Hachi("compile", "tcp prot 80");
        Assert.Equal(ExitStatus.BadInput, run.Status);
        Assert.Equal("", run.Text);
        Assert.Contains("^", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void An_expression_may_begin_with_a_minus() => Assert.Equal(0, CommandRun.Hachi("compile", "--", "-1 > len").Status);

    [Fact]
    public void Nothing_can_match_is_said() =>
        Assert.Contains("rejects all packets", CommandRun.Hachi("compile", "ip and arp").Error, StringComparison.Ordinal);

    [Fact]
    public void A_proof_is_said()
    {
        CommandRun run = CommandRun.Hachi("compile", "tcp port 443", "--prove", "--to", "ddd");
        Assert.Equal(0, run.Status);
        Assert.StartsWith("proved:", run.Error, StringComparison.Ordinal);
        run = CommandRun.Hachi("compile", "ip protochain 6", "--prove");
        Assert.Equal(ExitStatus.No, run.Status);
        Assert.Contains("undecided", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_batch_answers_line_by_line()
    {
        byte[] input = System.Text.Encoding.UTF8.GetBytes("{\"expr\":\"ip\"}\n{\"expr\":\"ip prot 6\"}\nnonsense\n{\"expr\":\"ip\",\"link\":\"RAW\",\"opt\":false,\"snaplen\":96}\n");
        string[] answers = CommandRun.HachiWith(input, "compile", "--batch").Text.TrimEnd('\n').Split('\n');
        Assert.Equal(4, answers.Length);
        Assert.Equal("{\"insns\":[[40,0,0,12],[21,0,1,2048],[6,0,0,262144],[6,0,0,0]]}", answers[0]);
        Assert.StartsWith("{\"error\":", answers[1], StringComparison.Ordinal);
        Assert.StartsWith("{\"error\":", answers[2], StringComparison.Ordinal);
        Assert.Contains("[6,0,0,96]", answers[3], StringComparison.Ordinal);
    }

    [Fact]
    public void Options_reach_the_compiler()
    {
        Assert.Contains("#96", CommandRun.Hachi("compile", "ip", "--snaplen", "96").Text, StringComparison.Ordinal);
        Assert.Contains("[type]", CommandRun.Hachi("compile", "inbound", "--live").Text, StringComparison.Ordinal);
        Assert.Equal(0, CommandRun.Hachi("compile", "ip broadcast", "--netmask", "255.255.255.0").Status);
        Assert.True(CommandRun.Hachi("compile", "tcp port 80 or tcp port 443", "-O0").Text.Length > CommandRun.Hachi("compile", "tcp port 80 or tcp port 443").Text.Length);
        Assert.Contains("[0]", CommandRun.Hachi("compile", "ip", "--link", "raw").Text, StringComparison.Ordinal);
        Assert.Equal(ExitStatus.BadInput, CommandRun.Hachi("compile", "ip", "--link", "nonsense").Status);
    }
}
