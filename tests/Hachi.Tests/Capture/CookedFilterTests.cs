using System.Buffers.Binary;
using Hachi.Captures;
using Hachi.Isa;
using Hachi.Lang.Pcap;
using Hachi.Linux.Capture;
using Hachi.Text;
using Hachi.Vm;

namespace Hachi.Tests.Capture;

/// <summary>A filter for cooked packets means in the kernel, which has no header there, what it means on the packet with its header.</summary>
public sealed class CookedFilterTests
{
    [Theory]
    [InlineData(113)]
    [InlineData(276)]
    public void Random_filters_decide_the_same_with_and_without_the_header(int dlt)
    {
        var link = new LinkType(dlt);
        Random random = Volume.Random(nameof(Random_filters_decide_the_same_with_and_without_the_header) + dlt);
        var pool = new RandomFilterOptions { ProtoChain = false };
        var filters = new RandomFilter(random, pool);
        var packets = new RandomPackets(random, pool);
        int compiled = 0, translated = 0, accepted = 0;
        for (int i = 0; i < Volume.Of(20_000, 800); i++)
        {
            string expression = (i % 4) switch { 0 => "inbound and ", 1 => "len >= 60 and ", _ => "" } + "(" + filters.Expression() + ")";
            if (!CaptureFilter.TryCompile(expression, link, new FilterOptions { Live = true }, out CaptureFilter? filter, out IReadOnlyList<Diagnostic> _))
                continue;
            compiled++;
            ReadOnlySpan<ClassicInsn> kernel = CookedFilter.Translate(filter.Program.Insns, link);
            if (kernel.IsEmpty)
                continue;
            translated++;
            Assert.Empty(ClassicValidity.Check(kernel));
            var program = new ClassicProgram(kernel);
            for (int j = 0; j < 40; j++)
            {
                byte[] frame = packets.Next();
                byte[] cooked = Cook(frame, link, random, out PacketMetadata metadata);
                int header = CookedFilter.HeaderBytes(link);
                bool expected = ClassicInterpreter.Run(filter.Program, cooked, (uint)cooked.Length, metadata) != 0;
                bool actual = ClassicInterpreter.Run(program, cooked.AsSpan(header), (uint)(cooked.Length - header), metadata) != 0;
                Assert.True(expected == actual, $"{Volume.Note}: {expression} on {Convert.ToHexString(cooked)}: {expected}, without the header {actual}");
                accepted += expected ? 1 : 0;
            }
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{compiled} compiled, {translated} translated, {accepted} packets accepted");
        Assert.InRange(translated, compiled * 9 / 10, compiled);
        Assert.InRange(accepted, 1, int.MaxValue);
    }

    [Theory]
    [InlineData("link[6:2] = 1")]
    [InlineData("link[12:4] = 1")]
    [InlineData("link[link[11]] = 1")]
    public void What_reads_other_bytes_of_the_header_runs_here(string expression)
    {
        CaptureFilter filter = CaptureFilter.Compile(expression, LinkType.LinuxSll2, new FilterOptions { Live = true });
        Assert.True(CookedFilter.Translate(filter.Program.Insns, LinkType.LinuxSll2).IsEmpty);
    }

    [Fact]
    public void Jumps_that_grow_too_long_are_noticed()
    {
        var insns = new List<ClassicInsn> { new((ushort)(ClassicOpcode.Jmp | ClassicOpcode.Jeq), 0, 250, 0) };
        for (int i = 0; i < 250; i++)
            insns.Add(new ClassicInsn(ClassicOpcode.Ld | ClassicOpcode.Len));
        insns.Add(new ClassicInsn(ClassicOpcode.Ret, 1));
        Assert.True(CookedFilter.Translate(insns.ToArray(), LinkType.LinuxSll2).IsEmpty);
    }

    /// <summary>The packet as it is captured, and what the kernel knows of it.</summary>
    private static byte[] Cook(byte[] frame, LinkType link, Random random, out PacketMetadata metadata)
    {
        ushort protocol = frame.Length >= 14 ? BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(12)) : (ushort)0x800;
        metadata = new PacketMetadata { Protocol = protocol, PacketType = (uint)random.Next(5), HardwareType = random.Next(2) == 0 ? 1u : 772u, InterfaceIndex = (uint)random.Next(1, 5) };
        ReadOnlySpan<byte> payload = frame.AsSpan(Math.Min(14, frame.Length));
        byte[] cooked = new byte[CookedFilter.HeaderBytes(link) + payload.Length];
        payload.CopyTo(cooked.AsSpan(CookedFilter.HeaderBytes(link)));
        if (link == LinkType.LinuxSll2)
        {
            BinaryPrimitives.WriteUInt16BigEndian(cooked, protocol);
            BinaryPrimitives.WriteUInt32BigEndian(cooked.AsSpan(4), metadata.InterfaceIndex);
            BinaryPrimitives.WriteUInt16BigEndian(cooked.AsSpan(8), (ushort)metadata.HardwareType);
            cooked[10] = (byte)metadata.PacketType;
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(cooked, (ushort)metadata.PacketType);
            BinaryPrimitives.WriteUInt16BigEndian(cooked.AsSpan(2), (ushort)metadata.HardwareType);
            BinaryPrimitives.WriteUInt16BigEndian(cooked.AsSpan(14), protocol);
        }
        return cooked;
    }
}
