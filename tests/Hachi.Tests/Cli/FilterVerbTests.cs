using System.Text;
using System.Text.Json;
using Hachi.Captures;
using Hachi.Captures.Sample;
using Hachi.Tests.Support;

namespace Hachi.Tests.Cli;

public sealed class FilterVerbTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("hachi-filter").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Prints_a_line_for_each_match_and_says_by_its_status_whether_there_was_one()
    {
        CommandRun tcp = CommandRun.Hachi("filter", "tcp", "--sample");
        Assert.Equal(0, tcp.Status);
        string count = CommandRun.Hachi("filter", "tcp", "--sample", "--count").Text;
        Assert.Equal(int.Parse(count), tcp.Text.Split('\n').Length - 1);
        Assert.Equal((1, ""), (CommandRun.Hachi("filter", "greater 70000", "--sample") is var none ? none.Status : 0, none.Text));
    }

    [Fact]
    public void Habits_of_tcpdump_are_answered()
    {
        string path = WriteSample(10);
        CommandRun swapped = CommandRun.Hachi("filter", path, "tcp");
        Assert.Equal(2, swapped.Status);
        Assert.Contains("is a file, not an expression", swapped.Error, StringComparison.Ordinal);
        Assert.Contains("captures are arguments: hachi filter EXPR FILE", CommandRun.Hachi("filter", "-r", path, "tcp").Error, StringComparison.Ordinal);
        Assert.Contains("hachi compile EXPR --to ddd", CommandRun.Hachi("compile", "-ddd", "tcp").Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Counts_are_tcpdumps()
    {
        string tcpdump = Tools.Need("tcpdump"), path = WriteSample(2_000);
        foreach (string expression in (string[])["", "tcp port 443", "vlan 100", "ip6", "icmp or icmp6", "not ip and not ip6", "udp[4:2] > 100", "host 10.1.0.5"])
        {
            ToolResult theirs = Tools.RunOk(tcpdump, ["-n", "-t", "-r", path, "-w", "-", expression]);
            CommandRun ours = CommandRun.Hachi("filter", expression, path, "-w", "-");
            Assert.Equal(theirs.Output[24..], ours.Output[24..]);
        }
    }

    [Fact]
    public void Reads_standard_input_and_a_damaged_file_up_to_its_damage()
    {
        byte[] capture = SampleCapture.BuiltIn();
        Assert.Equal("200\n", CommandRun.HachiWith(capture, "filter", "", "-", "--count").Text);
        CommandRun cut = CommandRun.HachiWith(capture[..^10], "filter", "", "-", "--count");
        Assert.Equal((2, "199\n"), (cut.Status, cut.Text));
        Assert.Contains("HC0003", cut.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Several_files_are_counted_each()
    {
        string a = WriteSample(300), b = WriteSample(20);
        Assert.Equal($"{a}:300\n{b}:20\n", CommandRun.Hachi("filter", "", a, b, "--count").Text);
    }

    [Fact]
    public void Splits_in_one_pass()
    {
        string path = WriteSample(1_000), dns = Path.Combine(_folder, "dns"), web = Path.Combine(_folder, "web");
        CommandRun run = CommandRun.Hachi("filter", "", path, "--count", "--stats", "--split", dns, "port 53", "--split", web, "tcp port 80 or 443");
        Assert.Equal((0, "1000\n"), (run.Status, run.Text));
        Assert.Equal(File.ReadAllBytes(Written("port 53", path)), File.ReadAllBytes(dns));
        Assert.Equal(File.ReadAllBytes(Written("tcp port 80 or 443", path)), File.ReadAllBytes(web));
    }

    [Fact]
    public void Json_is_one_object_a_line()
    {
        string[] lines = CommandRun.Hachi("filter", "arp", "--sample", "--json").Text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.NotEmpty(lines);
        foreach (string line in lines)
            Assert.StartsWith("ARP", JsonDocument.Parse(line).RootElement.GetProperty("summary").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tcp prt 80", "HF0001")]
    [InlineData("tcp and greater 1 and less 0 and ip6", "")]
    public void A_wrong_expression_is_shown_with_a_caret(string expression, string id)
    {
        CommandRun run = CommandRun.Hachi("filter", expression, "--sample");
        Assert.Equal(id.Length > 0 ? 2 : run.Status, run.Status);
        Assert.Contains(id, run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Metadata_can_be_set_and_engines_named()
    {
        Assert.Equal(2, CommandRun.Hachi("filter", "", "--sample", "--engine", "warp").Status);
        Assert.Equal(2, CommandRun.Hachi("filter", "", "--sample", "--meta", "nonsense=1").Status);
        foreach (string engine in (string[])["auto", "interp", "il"])
            Assert.Equal("200\n", CommandRun.Hachi("filter", "", "--sample", "--count", "--engine", engine).Text);
    }

    [Fact]
    public void A_packet_cannot_steer_the_terminal()
    {
        // Every byte of every header an escape: what is printed is still plain text.
        byte[] packet = new byte[120];
        Array.Fill(packet, (byte)0x1b);
        var capture = new MemoryStream();
        using (CaptureWriter writer = CaptureWriter.Create(capture, CaptureFormat.Pcap, LinkType.Ethernet, leaveOpen: true))
            for (int i = 0; i < 2_000; i++)
            {
                new Random(i).NextBytes(packet.AsSpan(12));
                (packet[12], packet[13]) = (i % 5) switch { 0 => ((byte)8, (byte)0), 1 => ((byte)0x86, (byte)0xdd), 2 => ((byte)0x88, (byte)0x47), 3 => ((byte)0x81, (byte)0), _ => (packet[12], packet[13]) };
                packet[14] = i % 2 == 0 ? (byte)0x45 : (byte)0x60;
                writer.Write(i, 120, packet.AsSpan(0, i % 121));
            }
        string text = CommandRun.HachiWith(capture.ToArray(), "filter", "", "-").Text;
        Assert.Equal(2_000, text.Count(c => c == '\n'));
        Assert.DoesNotContain(text, c => c != '\n' && c is < ' ' or > '~');
    }

    private string Written(string expression, string path)
    {
        string output = Path.Combine(_folder, Guid.NewGuid().ToString("N"));
        Assert.Equal(0, CommandRun.Hachi("filter", expression, path, "-w", output).Status);
        return output;
    }

    private string WriteSample(int packets)
    {
        string path = Path.Combine(_folder, $"sample{packets}.pcap");
        using CaptureWriter writer = CaptureWriter.Create(File.Create(path), CaptureFormat.Pcap, LinkType.Ethernet);
        SampleCapture.Write(writer, packets);
        return path;
    }
}

public sealed class DebugVerbTests
{
    [Fact]
    public void A_script_steps_back_and_forth()
    {
        CommandRun run = Debug("step 3; back 2; registers; run; restart", "tcp", "--sample");
        Assert.Equal(0, run.Status);
        Assert.Contains("step 3 ", run.Text, StringComparison.Ordinal);
        Assert.Contains("accepted: ret 262144", run.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_all_counts_what_filter_counts()
    {
        int tcp = int.Parse(CommandRun.Hachi("filter", "tcp", "--sample", "--count").Text);
        Assert.Contains($"{tcp} packets passed, {200 - tcp} failed", Debug("run all", "tcp", "--sample").Text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_program_may_come_from_a_file()
    {
        string path = Path.GetTempFileName();
        try
        {
            foreach (string program in (string[])["ldh [12]\njeq #0x800, yes, no\nyes: ret #1\nno: ret #0\n", "4\n40 0 0 12\n21 0 1 2048\n6 0 0 1\n6 0 0 0\n"])
            {
                File.WriteAllText(path, program);
                Assert.Contains("jeq      #0x800", Debug("disassemble", path, "--sample").Text, StringComparison.Ordinal);
            }
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Every_command_of_the_help_is_one()
    {
        string help = Debug("help", "tcp", "--sample").Text;
        foreach (string name in help.Split('\n').Where(l => l.StartsWith("  ", StringComparison.Ordinal)).Select(l => l.Trim().Split(' ')[0]).Where(n => n != "quit" && n != "select"))
            Assert.Equal(0, Debug("step; " + name, "tcp", "--sample").Status);
        Assert.Equal(0, Debug("quit; nonsense", "tcp", "--sample").Status);
        Assert.Equal(2, Debug("nonsense", "tcp", "--sample").Status);
        Assert.Equal(2, Debug("select 201", "tcp", "--sample").Status);
    }

    private static CommandRun Debug(string commands, params string[] args) => CommandRun.HachiWith(Encoding.UTF8.GetBytes(commands + "\n"), ["debug", .. args]);
}
