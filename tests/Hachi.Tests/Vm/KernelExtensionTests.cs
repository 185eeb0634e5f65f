using System.Buffers.Binary;
using Hachi.Captures;
using Hachi.Isa;
using Hachi.Tests.Support;
using Hachi.Vm;
using static Hachi.Isa.ClassicOpcode;

namespace Hachi.Tests.Vm;

/// <summary>The sixteen Linux extensions read the same here and in the kernel, on frames that cross a veth pair.</summary>
public sealed class KernelExtensionTests
{
    private const int Cpu = 1;
    private const uint Mark = 0xdeadbeef;

    [Fact]
    public void Sixteen_extensions_have_the_kernels_values() => KernelPackets.Run(lab =>
    {
        PinTo(Cpu % Environment.ProcessorCount);
        byte[] tagged = Frames.Ethernet(0x8100, [0x6f, 0xa1, 0x08, 0x00, .. Frames.Ipv4(6, Frames.Tcp(400))], destination: 3);
        byte[] attributes = Frames.Ethernet(0x88b5, [.. Frames.Attribute(7, [1, 2, 3]), .. Frames.Attribute(9, [.. Frames.Attribute(4, [5]), .. Frames.Attribute(5, [6, 7])]), .. new byte[400]]);
        attributes.AsSpan(0, 6).Fill(0xff);

        PacketMetadata first = Metadata(lab, 0x0800, 3);
        first.VlanTci = 0x6fa1;
        first.VlanPresent = 1;
        first.VlanTpid = 0x8100;
        byte[] untagged = [.. tagged[..12], .. tagged[16..]];
        CheckAll(lab, tagged, untagged, first);
        CheckAll(lab, attributes, attributes, Metadata(lab, 0x88b5, 1));
    });

    [Fact]
    public void Poff_is_the_kernels_on_random_stacks_of_headers() => KernelPackets.Run(lab =>
    {
        Random random = Volume.Random(nameof(Poff_is_the_kernels_on_random_stacks_of_headers));
        // Four bits a socket: the verdict stays below the length of the shortest frame.
        int[] sockets = [.. Enumerable.Range(0, 4).Select(i => lab.Attach(
            [new(Ld | Abs, Extension.PayOff), new(Alu | Rsh, (uint)(4 * i)), new(Alu | And, 15), new(Alu | Add, 1), new(Ret | A)]))];
        int nonZero = 0, cases = Volume.Of(100_000, 2_000);
        for (int i = 0; i < cases; i++)
        {
            byte[] frame = Frames.Random(random);
            int[] got = lab.Verdicts(frame, sockets);
            uint kernel = (uint)(got[0] - 1 | (got[1] - 1) << 4 | (got[2] - 1) << 8 | (got[3] - 1) << 12);
            (byte[] seen, PacketMetadata metadata) = AsReceived(frame, lab);
            uint ours = PayloadOffset.Find(seen, metadata);
            Assert.True(kernel == ours, $"poff of {Convert.ToHexString(frame)}: kernel {kernel}, here {ours}. {Volume.Note}");
            nonZero += kernel == 0 ? 0 : 1;
        }
        Assert.True(nonZero > cases / 4, $"only {nonZero} of {cases} frames had a payload");
    });

    private static (byte[] Seen, PacketMetadata Metadata) AsReceived(byte[] frame, KernelPackets lab)
    {
        uint protocol = BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(12));
        PacketMetadata metadata = Metadata(lab, protocol, 3);
        if (protocol is not (0x8100 or 0x88a8))
            return (frame, metadata);
        metadata.VlanPresent = 1;
        metadata.VlanTpid = protocol;
        metadata.VlanTci = BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(14));
        metadata.Protocol = BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(16));
        return ([.. frame[..12], .. frame[16..]], metadata);
    }

    private static PacketMetadata Metadata(KernelPackets lab, uint protocol, uint type) => new()
    {
        Protocol = protocol,
        PacketType = type,
        InterfaceIndex = (uint)lab.ReceiverIndex,
        Mark = Mark,
        HardwareType = 1,
        Cpu = (uint)(Cpu % Environment.ProcessorCount),
        NetworkOffset = 14,
    };

    private static void CheckAll(KernelPackets lab, byte[] sent, byte[] seen, PacketMetadata metadata)
    {
        (string Name, ClassicInsn[] Load)[] extensions =
        [
            ("len", [new(Ld | Len)]),
            ("proto", [new(Ld | Abs | H, Extension.Proto)]),
            ("type", [new(Ld | Abs | B, Extension.PktType)]),
            ("poff", [new(Ld | Abs, Extension.PayOff)]),
            ("ifidx", [new(Ld | Abs, Extension.IfIndex)]),
            ("nla", [new(Ld | Imm, 14), new(Ldx | Imm, 9), new(Ld | Abs, Extension.Nla)]),
            ("nlan", [new(Ld | Imm, 22), new(Ldx | Imm, 5), new(Ld | Abs, Extension.NlaNest)]),
            ("mark", [new(Ld | Abs, Extension.Mark)]),
            ("queue", [new(Ld | Abs, Extension.Queue)]),
            ("hatype", [new(Ld | Abs, Extension.HaType)]),
            ("rxhash", [new(Ld | Abs, Extension.RxHash)]),
            ("cpu", [new(Ld | Abs, Extension.Cpu)]),
            ("vlan_tci", [new(Ld | Abs, Extension.VlanTci)]),
            ("vlan_avail", [new(Ld | Abs, Extension.VlanAvail)]),
            ("vlan_tpid", [new(Ld | Abs, Extension.VlanTpid)]),
            ("rand", [new(Ld | Abs, Extension.Random)]),
        ];
        Assert.Equal(16, extensions.Length);
        foreach ((string name, ClassicInsn[] load) in extensions)
        {
            int[] sockets = [.. Enumerable.Range(0, 4).Select(i => lab.Attach(Chunk(load, i)))];
            Assert.All(sockets, fd => Assert.True(fd >= 0, $"{name}: errno {-fd}"));
            uint kernel = Value(lab.Verdicts(sent, sockets, Mark));
            if (name == "rand")
            {
                // Each socket draws its own number: two frames of four draws each are not alike.
                Assert.NotEqual(kernel, Value(lab.Verdicts(sent, sockets, Mark)));
                metadata.Random = kernel;
            }
            uint ours = ClassicInterpreter.Run(new ClassicProgram([.. load, new(Ret | A)]), seen, (uint)seen.Length, metadata);
            Assert.True(kernel == ours, $"{name}: the kernel says {kernel:x}, the interpreter {ours:x}");
            foreach (int fd in sockets)
                lab.Detach(fd);
        }
    }

    /// <summary>A filter's verdict is seen as a length only, so A comes out in four parts: 1 + byte number <paramref name="index"/>.</summary>
    private static ClassicInsn[] Chunk(ClassicInsn[] load, int index) =>
        [.. load, new(Alu | Rsh, (uint)(8 * index)), new(Alu | And, 0xff), new(Alu | Add, 1), new(Ret | A)];

    private static uint Value(int[] verdicts)
    {
        Assert.All(verdicts, v => Assert.InRange(v, 1, 256));
        return (uint)(verdicts[0] - 1 | (verdicts[1] - 1) << 8 | (verdicts[2] - 1) << 16 | (verdicts[3] - 1) << 24);
    }

    private static unsafe void PinTo(int cpu)
    {
        ulong* mask = stackalloc ulong[16];
        mask[cpu / 64] = 1UL << cpu % 64;
        KernelCalls.Check(KernelCalls.SchedSetAffinity(0, 128, mask), "sched_setaffinity");
    }
}
