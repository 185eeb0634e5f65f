using System.CommandLine;
using Hachi.Captures;
using Hachi.Captures.Sample;

namespace Hachi.Cli.Verbs;

/// <summary><c>hachi sample</c>: writes a synthetic capture.</summary>
internal sealed class SampleVerb : IVerb
{
    public string Name => "sample";

    public string Summary => "Write a synthetic capture, the same for the same seed";

    public string Usage => "sample [--packets N] [--seed N] -w OUT";

    public string? About => """
        Ethernet frames of the kinds that filters care about, in sizes like those of a real link (mean about 540 bytes), checksums right: TCP, UDP, ICMP,
        ARP, IPv6 with extension headers, VLAN, QinQ, MPLS, PPPoE, VXLAN, Geneve, GRE, fragments, IP options, SCTP, STP, and packets that were cut off.
        A name that ends in .pcapng gives that format, any other pcap.
        """;

    public string Examples => """
        hachi sample -w sample.pcap                           200 packets to play with
        hachi sample --packets 1000000 --seed 1 -w big.pcap   half a gigabyte for a benchmark
        """;

    public void Build(Command command, Shell shell)
    {
        var packets = new Option<long>("--packets") { Description = "How many packets", DefaultValueFactory = _ => SampleCapture.BuiltInPackets };
        var seed = new Option<ulong>("--seed") { Description = "Another seed, another capture", DefaultValueFactory = _ => SampleCapture.BuiltInSeed };
        var output = new Option<string>("-w") { Description = "The capture to write; - is standard output", Required = true };
        command.Add(packets);
        command.Add(seed);
        command.Add(output);
        command.SetAction(parse =>
        {
            long count = parse.GetValue(packets);
            if (count < 0)
                throw new CommandException("--packets takes a number from 0 up");
            string path = parse.GetRequiredValue(output);
            CaptureFormat format = path.EndsWith(".pcapng", StringComparison.OrdinalIgnoreCase) ? CaptureFormat.Pcapng : CaptureFormat.Pcap;
            using CaptureWriter writer = CaptureWriter.Create(shell.OpenOutput(path), format, LinkType.Ethernet, leaveOpen: path == "-");
            SampleCapture.Write(writer, count, parse.GetValue(seed), shell.Interrupted);
            writer.Flush();
            return shell.Interrupted.IsCancellationRequested ? ExitStatus.Interrupted : ExitStatus.Done;
        });
    }
}
