using System.Buffers.Binary;
using Hachi.Isa;
using Hachi.Lang.Pcap;
using Hachi.Object;
using Hachi.Vm;

namespace Hachi.Tests.Vm.Jit;

/// <summary>Words that are rotated and then compared: RyuJIT (.NET 10.0) forgets a test for zero behind the instruction that rotates, so that the emitted IL avoids the pair.</summary>
public sealed class RotationTests
{
    private static readonly string[] s_comparisons = ["== 0x0", "!= 0x0", "> 0x0", "<= 0x0", ">= 0x1", "< 0x1", "s> 0x0", "s<= 0x0", "s> -0x1", "s<= -0x1", "s>= 0x0", "s< 0x0", "== -0x1", "== 0x1", "& 0x1"];

    private static readonly ulong[] s_words = [0, 1, 0x10000, 0x80000000, 0xffffffff, 0x100000000, 0x8000000000000000, ulong.MaxValue, ulong.MaxValue - 1, 0x7fff, 2];

    [Fact]
    public void Rotated_words_are_compared_as_they_are()
    {
        string[] rotations =
        [
            "w8 = w3\nw3 <<= 16\nw8 >>= 16\nw3 += w8", "w8 = w3\nw3 <<= 5\nw8 >>= 27\nw3 |= w8", "w8 = w3\nw3 <<= 31\nw8 >>= 1\nw3 ^= w8", "r8 = r3\nr3 <<= 16\nr8 >>= 48\nr3 |= r8",
            "w8 = w3\nw3 <<= 16\nw8 >>= 16\nw3 |= w8\nr3 = (s32)r3",
        ];
        foreach (string rotation in rotations)
            foreach (string comparison in s_comparisons)
                foreach (string register in (string[])["r3", "w3"])
                {
                    string text = $"r3 = *(u64 *)(r1 + 0)\n{rotation}\nr0 = 5\nif {register} {comparison} goto +1\nr0 = 6\nexit\n";
                    BpfObject bpf = ObjectParser.Parse(text).Object!;
                    foreach (VmEngine engine in EbpfEngines.All)
                    {
                        using VmObject vm = VmObject.Load(bpf, new VmOptions { Engine = engine }).Object!;
                        using VmObject plain = VmObject.Load(bpf, new VmOptions { Engine = VmEngine.Interpreter }).Object!;
                        foreach (ulong word in s_words)
                            Assert.True(plain.Programs[0].Run(BitConverter.GetBytes(word)).R0 == vm.Programs[0].Run(BitConverter.GetBytes(word)).R0, $"{engine}, 0x{word:x}:\n{text}");
                    }
                }
    }

    [Fact]
    public void Filters_compare_rotated_words_as_they_are()
    {
        byte[] packet = new byte[60];
        foreach (string joined in (string[])["+", "|", "^"])
            foreach (string comparison in (string[])["= 0", "!= 0", "> 0", "<= 0", ">= 1", "< 1", "= 1"])
            {
                CaptureFilter filter = CaptureFilter.Compile($"(ether[0:4] << 16) {joined} (ether[0:4] >> 16) {comparison}");
                foreach (FilterEngineKind kind in (FilterEngineKind[])[FilterEngineKind.Il, FilterEngineKind.X64])
                {
                    if (!FilterEngine.Has(kind))
                        continue;
                    var engine = new FilterEngine(filter.Program, kind, filter.MakeFunction);
                    foreach (ulong word in s_words)
                    {
                        BinaryPrimitives.WriteUInt32BigEndian(packet, (uint)word);
                        Assert.True(ClassicInterpreter.Run(filter.Program, packet, 60, default) == engine.Run(packet, 60), $"{kind}, 0x{(uint)word:x}: {filter.Expression}");
                    }
                }
            }
    }
}
