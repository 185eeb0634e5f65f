using Hachi.Captures;
using Hachi.Captures.Sample;
using Hachi.Isa;
using Hachi.Lang.Pcap;
using Hachi.Tests.Support;
using Hachi.Vm;

namespace Hachi.Tests.Vm;

/// <summary>What the engines make of the compiler's output: code from the optimised function has the verdicts of the classic program.</summary>
public sealed class FilterEngineTests
{
    private const int Packets = 400;

    private static readonly string[] s_expressions =
    [
        "", "tcp", "tcp port 443", "port 53", "greater 1000", "host 10.1.0.5 or host 192.168.1.10", "vlan 100 and tcp port 443", "mpls 100 and tcp",
        "portrange 5000-5100", "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0", "vlan and vlan and ip and tcp port 443 or tcp port 443", "ip6 and udp",
        "icmp or icmp6", "geneve and udp port 53", "vxlan", "pppoes and ip", "ip[ip[0] & 15] = 0", "tcp[12] / ip[8] > 0", "len % 7 = 3 and not arp",
        "ip protochain 6", "ip6 protochain 17", "net 10.1.0.0/16 and not port 22", "ether multicast", "inbound or outbound or len > 0",
        "port 1 or port 22 or port 53 or port 80 or port 443 or port 500 or port 5060 or portrange 5000-5050",
    ];

    [Fact]
    public void Compiled_functions_have_the_verdicts_of_the_program()
    {
        List<(byte[] Data, uint Length)> packets = SamplePackets();
        int compiled = 0;
        foreach (string expression in s_expressions)
        {
            if (!CaptureFilter.TryCompile(expression, LinkType.Ethernet, null, out CaptureFilter? filter, out _))
                continue;
            var il = new FilterEngine(filter.Program, FilterEngineKind.Il, filter.MakeFunction);
            var machine = new FilterEngine(filter.Program, FilterEngineKind.X64, filter.MakeFunction);
            var plain = new FilterEngine(filter.Program, FilterEngineKind.Interpreter);
            compiled += il.IsCompiled ? 1 : 0;
            foreach ((byte[] data, uint length) in packets)
            {
                uint expected = ClassicInterpreter.Run(filter.Program, data, length, default);
                Assert.True(expected == il.Run(data, length), $"compiled '{expression}' on {Convert.ToHexString(data)}: not {expected}");
                Assert.True(expected == machine.Run(data, length), $"machine code of '{expression}' on {Convert.ToHexString(data)}: not {expected}");
                Assert.True(expected == plain.Run(data, length), $"decoded '{expression}' on {Convert.ToHexString(data)}: not {expected}");
            }
        }
        Assert.True(compiled > 15, $"only {compiled} were compiled");
    }

    [Fact]
    public void Random_expressions_compile_to_the_verdicts_of_their_programs()
    {
        Random random = Volume.Random(nameof(Random_expressions_compile_to_the_verdicts_of_their_programs));
        var options = new RandomFilterOptions();
        var expressions = new RandomFilter(random, options);
        var frames = new RandomPackets(random, options);
        byte[][] packets = [.. Enumerable.Range(0, 60).Select(_ => frames.Next())];
        int compiled = 0;
        for (int i = Volume.Of(20_000, 150); i > 0; i--)
        {
            string expression = expressions.Expression();
            if (!CaptureFilter.TryCompile(expression, LinkType.Ethernet, null, out CaptureFilter? filter, out _))
                continue;
            var il = new FilterEngine(filter.Program, FilterEngineKind.Il, filter.MakeFunction);
            var machine = new FilterEngine(filter.Program, FilterEngineKind.X64, filter.MakeFunction);
            compiled += il.IsCompiled ? 1 : 0;
            foreach (byte[] data in packets)
            {
                uint expected = ClassicInterpreter.Run(filter.Program, data, (uint)data.Length, default);
                Assert.True(expected == il.Run(data, (uint)data.Length), $"compiled '{expression}' on {Convert.ToHexString(data)}: not {expected}. {Volume.Note}");
                Assert.True(expected == machine.Run(data, (uint)data.Length), $"machine code of '{expression}' on {Convert.ToHexString(data)}: not {expected}. {Volume.Note}");
            }
        }
        Assert.True(compiled > 30, $"only {compiled} were compiled");
    }

    [Fact]
    public void An_engine_switches_to_compiled_code_and_keeps_its_verdicts()
    {
        CaptureFilter filter = CaptureFilter.Compile("tcp port 443");
        var engine = new FilterEngine(filter.Program, FilterEngineKind.Auto, filter.MakeFunction);
        List<(byte[] Data, uint Length)> packets = SamplePackets();
        bool switched = false;
        for (int round = 0; round < 2_000 && !switched; round++)
        {
            foreach ((byte[] data, uint length) in packets)
                Assert.Equal(ClassicInterpreter.Run(filter.Program, data, length, default), engine.Run(data, length));
            switched = engine.IsCompiled;
            if (round > 50)
                Thread.Sleep(1); // let the other thread get on
        }
        Assert.True(switched, "still interpreted");
    }

    private static List<(byte[] Data, uint Length)> SamplePackets()
    {
        Random random = Volume.Random(nameof(FilterEngineTests));
        var sample = new SampleCapture(Volume.Seed);
        var packets = new List<(byte[], uint)>();
        for (int i = Volume.Of(20_000, Packets); i > 0; i--)
        {
            byte[] data = sample.Next(out _, out uint length).ToArray();
            packets.Add((random.Next(4) == 0 ? data[..random.Next(data.Length)] : data, length));
        }
        return packets;
    }
}
