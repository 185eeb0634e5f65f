using System.Text;
using System.Text.Json;
using Hachi.Cli;

namespace Hachi.Tests.Cli;

/// <summary>The verbs on eBPF objects with maps: run, debug, explain object, disasm.</summary>
public sealed class EbpfVerbTests : IDisposable
{
    private const string Counter = """
        .license "GPL"
        .map counts array key 4 value 8 entries 4
        .map seen hash key 2 value 2 entries 4
        .map lifo stack key 0 value 4 entries 4
                r2 = map[counts][0]+8
                r3 = *(u64 *)(r2 + 0)
                r3 += 1
                *(u64 *)(r2 + 0) = r3
                r0 = r3
                exit
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("hachi-cli-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Maps_are_filled_and_shown()
    {
        string program = Write("c.asm", Counter);
        CommandRun run = CommandRun.Hachi("run", program, "--map", "counts=" + Write("a", "# the second\n1 = 41\n3=0x10\n"), "--map", "seen=" + Write("b", "hex:0102 = hex:ffee\n"), "--map", "lifo=" + Write("c", "5\n"), "--maps");
        Assert.Equal("", run.Error);
        Assert.Equal("counts[1] = 42\ncounts[3] = 16\nseen[513] = 61183\n0x2a\n", run.Text);
    }

    [Theory]
    [InlineData("counts", "map 'counts'", "9 = 1")]
    [InlineData("counts", "KEY = VALUE", "9")]
    [InlineData("counts", "no number of 8 bytes", "1 = x")]
    [InlineData("seen", "no number of 2 bytes", "1 = 65536")]
    [InlineData("seen", "not 2 bytes", "1 = hex:00")]
    [InlineData("lifo", "no keys", "1 = 2")]
    [InlineData("nothing", "there are: counts, seen, lifo", "1 = 2")]
    public void Bad_map_files_are_told(string map, string said, string line)
    {
        CommandRun run = CommandRun.Hachi("run", Write("c.asm", Counter), "--map", map + "=" + Write("a", line));
        Assert.Equal(ExitStatus.BadInput, run.Status);
        Assert.Contains(said, run.Error);
    }

    [Fact]
    public void Debug_goes_both_ways()
    {
        string program = Write("c.asm", Counter);
        CommandRun run = CommandRun.HachiWith("break 3; run; maps; step; maps; back; maps; run; reverse; registers; stack; memory; disassemble; restart; quit"u8.ToArray(), "debug", program, "--mem", "0102");
        Assert.Equal((0, ""), (run.Status, run.Error));
        Assert.Contains("breakpoints: 3\nbreakpoint\nstep 2  r2 0x1000000008\nnext: 3: r3 += 0x1\nno elements\n", run.Text);
        Assert.Contains("ended: r0 0x1\nbreakpoint\nstep 2", run.Text);
        Assert.Contains("all zero\n0x0000:  0102\n", run.Text);
        Assert.Contains(">    3          r3 += 0x1\n", run.Text);
        Assert.Equal(ExitStatus.BadInput, CommandRun.HachiWith("fly"u8.ToArray(), "debug", program).Status);
        Assert.Equal(ExitStatus.BadInput, CommandRun.HachiWith("break 99"u8.ToArray(), "debug", program).Status);
    }

    [Fact]
    public void Debug_stops_at_faults()
    {
        CommandRun run = CommandRun.HachiWith("run; step"u8.ToArray(), "debug", Write("f.asm", "r0 = *(u8 *)(r0 + 1)\nexit"));
        Assert.Contains("stopped at 0: read of 1 byte through a null pointer", run.Text);
        Assert.Equal(ExitStatus.BadInput, run.Status);
    }

    [Theory]
    [InlineData("xdp", "0x1", "0x2")]
    [InlineData("tc", "0x0", "0xffffffff")]
    [InlineData("socket", "0x0", "0x40000")]
    public void Debug_goes_from_packet_to_packet(string hook, string rejected, string accepted)
    {
        string path = Path.Combine(_folder, hook + ".o");
        Assert.Equal(0, CommandRun.Hachi("compile", "tcp port 443", "--to", "elf", "--hook", hook, "-o", path).Status);
        int matching = int.Parse(CommandRun.Hachi("filter", "tcp port 443", "--sample", "--count").Text, System.Globalization.CultureInfo.InvariantCulture);
        CommandRun run = CommandRun.HachiWith("run all; select 3; packet; step 2; back; memory; run 1; break 1; run all"u8.ToArray(), "debug", path, "--sample");
        Assert.Equal((0, ""), (run.Status, run.Error));
        Assert.Contains($"r0 {rejected}: {200 - matching} packets\nr0 {accepted}: {matching} packets\npacket 3 of 200: ", run.Text);
        Assert.Contains("0x0000:  02005e00000102005e0000", run.Text);
        Assert.Contains("breakpoint, packet 1\npacket 1  step 1", run.Text);
        Assert.Equal(ExitStatus.BadInput, CommandRun.HachiWith("select 201"u8.ToArray(), "debug", path, "--sample").Status);
        Assert.Equal(ExitStatus.BadInput, CommandRun.HachiWith("run all"u8.ToArray(), "debug", path).Status);
        Assert.Equal(ExitStatus.BadInput, CommandRun.HachiWith(""u8.ToArray(), "debug", path, "--sample", "--mem", "00").Status);
    }

    // Maps, functions of this object, callbacks, a tail call and a ring buffer, as clang built them.
    [Fact]
    public void A_whole_clang_object_runs()
    {
        string path = Path.Combine(_folder, "a.o");
        File.WriteAllBytes(path, Clang.Build(Object.Sources.Everything));
        string counts = Write("counts", "1 = hex:05000000000000000000000000000000\n");
        foreach (string engine in (string[])["interp", "auto"])
        {
            CommandRun run = CommandRun.Hachi("run", path, "--section", "xdp_first", "--map", "counts=" + counts, "--maps", "--engine", engine);
            Assert.Equal((0, ""), (run.Status, run.Error));
            // shared_global(5) adds 5 to the total and gives 2 * 5 + 42 + 1; twice(3) in the program behind the tail call adds 3 and gives 48.
            Assert.Contains("counts[1] = hex:3a000000000000000000000000000000\n", run.Text);
            Assert.Contains("events: 48\n", run.Text);
            Assert.Contains(".data[0] = 15\n", run.Text);
            Assert.EndsWith("\n0x2\n", run.Text);
        }
    }

    // Verdicts of an XDP and a tc program over a capture are what a capture filter says of the same packets.
    [Theory]
    [InlineData("xdp")]
    [InlineData("tc")]
    public void Packets_of_a_capture_are_judged(string hook)
    {
        string capture = Path.Combine(_folder, "a.pcap"), program = Path.Combine(_folder, "f.o");
        Assert.Equal(0, CommandRun.Hachi("sample", "--packets", "40", "--seed", "3", "-w", capture).Status);
        Assert.Equal(0, CommandRun.Hachi("compile", "udp port 53", "--to", "elf", "--hook", hook, "-o", program).Status);
        CommandRun run = CommandRun.Hachi("run", program, "--packet", capture);
        Assert.Equal((0, ""), (run.Status, run.Error));
        string[] verdicts = run.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(40, verdicts.Length);
        string accept = hook == "xdp" ? "0x2" : "0xffffffff";
        int expected = int.Parse(CommandRun.Hachi("filter", "udp port 53", capture, "--count").Text.Split(' ', '\n')[0], null);
        Assert.Equal(expected, verdicts.Count(verdict => verdict == accept));
        Assert.InRange(expected, 1, 39);
    }

    [Fact]
    public void Packets_have_metadata_and_can_be_changed()
    {
        string capture = Path.Combine(_folder, "a.pcap");
        Assert.Equal(0, CommandRun.Hachi("sample", "--packets", "1", "-w", capture).Status);
        string program = Write("m.asm", """
            .program f sched_cls
                    r2 = *(u32 *)(r1 + 76)
                    r3 = *(u32 *)(r1 + 80)
                    r4 = r2
                    r4 += 1
                    if r4 > r3 goto out
                    *(u8 *)(r2 + 0) = 0xee
            out:    r0 = *(u32 *)(r1 + 8)
                    exit
            """);
        CommandRun run = CommandRun.Hachi("run", program, "--packet", capture, "--meta", "mark=7");
        Assert.StartsWith("packet: ee", run.Text);
        Assert.EndsWith("\n0x7\n", run.Text);
        Assert.Equal(ExitStatus.BadInput, CommandRun.Hachi("run", program, "--packet", capture, "--mem", "00").Status);
        Assert.Equal(ExitStatus.BadInput, CommandRun.Hachi("run", program, "--packet", program).Status);
        Assert.Equal(ExitStatus.BadInput, CommandRun.Hachi("run", program, "--packet", capture, "--meta", "nonsense=1").Status);
    }

    [Fact]
    public void Messages_and_time_come_from_this_system()
    {
        CommandRun run = CommandRun.HachiWith("""
                    r1 = 0x6948 ll
                    *(u64 *)(r10 - 8) = r1
                    r1 = r10
                    r1 += -8
                    r2 = 3
                    call bpf_trace_printk
                    call bpf_ktime_get_ns
                    if r0 != 0 goto ok
                    r0 = 1
                    exit
            ok:     r0 = 0
                    exit
            """u8.ToArray(), "run", "-");
        Assert.Equal(("0x0\n", "Hi"), (run.Text, run.Error.Trim().Split(' ')[^1]));
    }

    [Fact]
    public void Objects_are_explained_and_disassembled()
    {
        string path = Path.Combine(_folder, "a.o");
        File.WriteAllBytes(path, Clang.Build(Object.Sources.Everything));
        string text = CommandRun.Hachi("explain", "object", path).Text;
        Assert.Contains("program xdp_second: xdp, section xdp", text);
        Assert.Contains("  helpers bpf_ringbuf_output\n", text);
        Assert.Contains("map outer: array_of_maps, key 4, value 4, entries 8, of array maps, filled with 1: inner1, 5: inner2\n", text);
        using JsonDocument json = JsonDocument.Parse(CommandRun.Hachi("explain", "object", path, "--json").Output);
        Assert.Equal(3, json.RootElement.GetProperty("programs").GetArrayLength());
        string listing = CommandRun.Hachi("disasm", path, "--check").Text;
        Assert.Contains("call bpf_ringbuf_output#130", listing);
        Assert.Contains("call twice", listing);
        Assert.Contains("r1 = map[counts]", listing);
    }

    [Fact]
    public void What_cannot_be_linked_is_still_disassembled()
    {
        string path = Path.Combine(_folder, "a.o");
        File.WriteAllBytes(path, Clang.Build(Object.Sources.Everything, "-g0"));
        CommandRun run = CommandRun.Hachi("disasm", path);
        Assert.Equal(0, run.Status);
        Assert.Contains("HO0006", run.Error);
        Assert.Contains("# section xdp\n", run.Text);
    }

    private string Write(string name, string text)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllText(path, text, new UTF8Encoding(false));
        return path;
    }
}
