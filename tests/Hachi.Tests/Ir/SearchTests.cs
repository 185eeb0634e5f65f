using Hachi.Captures.Sample;
using Hachi.Isa;
using Hachi.Lang.Pcap;
using Hachi.Tests.Support;
using Hachi.Vm;

namespace Hachi.Tests.Ir;

/// <summary>Long lists become searches: few instructions, short ways through them, the same decisions.</summary>
public sealed class SearchTests
{
    [Fact]
    public void A_thousand_hosts_fit_the_kernel_and_are_found()
    {
        Random random = Volume.Random(nameof(A_thousand_hosts_fit_the_kernel_and_are_found));
        uint[] hosts = [.. Enumerable.Range(0, 1000).Select(_ => (uint)random.NextInt64(0x01000000, 0xdf000000))];
        CaptureFilter filter = CaptureFilter.Compile(string.Join(" or ", hosts.Select(h => $"host {h >> 24}.{(h >> 16) & 255}.{(h >> 8) & 255}.{h & 255}")));
        Assert.InRange(filter.Program.Length, 1, Limits.ClassicInsnsMax - 1);
        for (int i = 0; i < 4000; i++)
        {
            uint listed = hosts[random.Next(1000)], other = listed + (uint)random.Next(1, 3);
            bool isListed = Array.IndexOf(hosts, other) >= 0, atSource = random.Next(2) == 0;
            foreach (bool arp in (bool[])[false, true])
            {
                int at = arp ? atSource ? 28 : 38 : atSource ? 26 : 30;
                Assert.True(filter.Matches(Frame(arp, at, listed)));
                Assert.Equal(isListed, filter.Matches(Frame(arp, at, other)));
            }
        }
    }

    [Fact]
    public void Three_hundred_ports_are_found_and_nothing_else()
    {
        Random random = Volume.Random(nameof(Three_hundred_ports_are_found_and_nothing_else));
        int[] ports = [.. Enumerable.Range(0, 300).Select(_ => random.Next(1, 65536))];
        CaptureFilter filter = CaptureFilter.Compile(string.Join(" or ", ports.Select(p => $"port {p}")));
        Assert.InRange(filter.Program.Length, 1, 2000);
        for (int port = 0; port < 65536; port += random.Next(1, 4))
        {
            byte[] packet = Frame(false, 30, 0x01020304);
            packet[14] = 0x45;
            packet[23] = (byte)(random.Next(2) == 0 ? 6 : 17);
            packet[random.Next(2) == 0 ? 34 : 36] = (byte)(port >> 8);
            int at = packet[34] != 0 || (port < 256 && random.Next(2) == 0) ? 35 : packet[36] != 0 ? 37 : 35;
            packet[at] = (byte)port;
            int source = packet[34] << 8 | packet[35], target = packet[36] << 8 | packet[37];
            Assert.Equal(ports.Contains(source) || ports.Contains(target), filter.Matches(packet));
        }
    }

    /// <summary>Instructions executed per packet of the synthetic sample, on average.</summary>
    [Fact]
    public void The_way_through_a_thousand_hosts_is_short()
    {
        var random = new Random(5);
        CaptureFilter filter = CaptureFilter.Compile(string.Join(" or ",
            Enumerable.Range(0, 1000).Select(_ => $"host {random.Next(1, 224)}.{random.Next(256)}.{random.Next(256)}.{random.Next(256)}")));
        long steps = 0;
        Span<uint> memory = stackalloc uint[Limits.ClassicMemoryWords];
        const int Packets = 2000;
        var sample = new SampleCapture();
        for (int i = 0; i < Packets; i++)
        {
            ReadOnlySpan<byte> packet = sample.Next(out _, out _);
            var state = new ClassicState { Memory = memory, Fuel = 1 };
            for (; state.Outcome == ClassicOutcome.Running; steps++)
                ClassicInterpreter.Step(filter.Program, ref state, packet, (uint)packet.Length, default);
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"mean path {(double)steps / Packets:F1} of {filter.Program.Length} instructions");
        Assert.InRange((double)steps / Packets, 1, 25);
    }

    private static byte[] Frame(bool arp, int at, uint address)
    {
        byte[] packet = new byte[60];
        (packet[12], packet[13]) = (8, (byte)(arp ? 6 : 0));
        for (int i = 0; i < 4; i++)
            packet[at + i] = (byte)(address >> (24 - 8 * i));
        return packet;
    }
}
