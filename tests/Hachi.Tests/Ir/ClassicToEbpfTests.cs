using Hachi.Captures;
using Hachi.Ir.Ebpf;
using Hachi.Isa;
using Hachi.Lang.Pcap;
using Hachi.Tests.Support;
using Hachi.Vm;

namespace Hachi.Tests.Ir;

/// <summary>The pass to eBPF against the running kernel: its verifier accepts the program, its machine gives the interpreter's verdict.</summary>
public sealed class ClassicToEbpfTests
{
    [Theory]
    [InlineData(PacketAccess.Loads, KernelProgramType.SocketFilter, 500)]
    [InlineData(PacketAccess.DirectTc, KernelProgramType.SchedCls, 500)]
    [InlineData(PacketAccess.DirectXdp, KernelProgramType.Xdp, 20)] // each run rebuilds the kernel's dispatcher: slow
    internal void Random_filters_load_and_decide_in_the_kernel(PacketAccess access, KernelProgramType type, int full)
    {
        Tools.NeedRoot();
        Random random = Volume.Random($"{nameof(Random_filters_load_and_decide_in_the_kernel)} {access}");
        var generator = new RandomFilter(random, new RandomFilterOptions { NewWords = true, ProtoChain = false });
        var options = new EbpfOptions(access);
        int count = Volume.Of(full, Math.Max(4, full / 10)), runs = 0;
        for (int done = 0; done < count;)
        {
            string expression = generator.Expression();
            if (!CaptureFilter.TryCompile(expression, LinkType.Ethernet, null, out CaptureFilter? filter, out _))
                continue;
            done++;
            Assert.True(ClassicToEbpf.TryTranslate(filter.Program, options, out Insn[] insns, out string? reason), $"{expression}: {reason}");
            using KernelBpf? program = KernelBpf.Load(Insn.Encode(insns), type, out int errno, out string log);
            Assert.True(program is not null, $"{expression}: errno {errno}; {Volume.Note}\n{log}");
            for (int i = 0; i < 10; i++)
            {
                byte[] packet = AimedPackets.Next(filter.Program, random, 14);
                KernelRun run = program.Run(packet);
                if (run.Errno != 0)
                    continue; // a test run wants whole headers of the protocols that it knows
                runs++;
                uint verdict = ClassicInterpreter.Run(filter.Program, packet, (uint)packet.Length, default);
                Assert.True(verdict == run.Verdict, $"{expression}: {verdict}, kernel {run.Verdict}; {Convert.ToHexString(packet)}; {Volume.Note}");
            }
        }
        Assert.True(runs > count);
    }

    [Fact]
    public void Accept_and_reject_values_stand_for_the_verdict()
    {
        CaptureFilter filter = CaptureFilter.Compile("udp");
        Assert.True(ClassicToEbpf.TryTranslate(filter.Program, EbpfOptions.Xdp, out Insn[] insns, out _));
        Assert.Equal([2, 1], insns.Where(i => i is { Opcode: Opcode.Alu | Opcode.Mov | Opcode.K, Dst: 0 }).Select(i => i.Imm).Distinct());
    }

    [Fact]
    public void What_has_no_spelling_is_refused_with_the_reason()
    {
        ClassicInsn[] poff = [new(ClassicOpcode.Ld | ClassicOpcode.W | ClassicOpcode.Abs, Extension.PayOff), new(ClassicOpcode.Ret | ClassicOpcode.A)];
        Assert.False(ClassicToEbpf.TryTranslate(new ClassicProgram(poff), EbpfOptions.Socket, out _, out string? reason));
        Assert.Contains("poff", reason, StringComparison.Ordinal);
        ClassicInsn[] loops = [new(ClassicOpcode.Jmp | ClassicOpcode.Ja, 0), new(ClassicOpcode.Jmp | ClassicOpcode.Ja, uint.MaxValue), new(ClassicOpcode.Jmp | ClassicOpcode.Ja, uint.MaxValue - 2)];
        Assert.False(ClassicToEbpf.TryTranslate(new ClassicProgram(loops), EbpfOptions.Tc, out _, out reason));
        Assert.Contains("loops in loops", reason, StringComparison.Ordinal);
    }

    /// <summary>Header chains are walked in the kernel as here, up to sixteen headers; what lies behind more is not seen there.</summary>
    [Theory]
    [InlineData(PacketAccess.Loads, KernelProgramType.SocketFilter)]
    [InlineData(PacketAccess.DirectTc, KernelProgramType.SchedCls)]
    [InlineData(PacketAccess.DirectXdp, KernelProgramType.Xdp)]
    internal void Header_chains_are_walked_in_the_kernel(PacketAccess access, KernelProgramType type)
    {
        Tools.NeedRoot();
        Random random = Volume.Random($"{nameof(Header_chains_are_walked_in_the_kernel)} {access}");
        int matches = 0, runs = 0;
        foreach (string expression in (string[])["ip6 protochain 17", "ip protochain 6", "protochain 6 and not port 5", "ip6 protochain 44 or ip6 protochain 6", "vlan and ip6 protochain 51"])
        {
            CaptureFilter filter = CaptureFilter.Compile(expression);
            Assert.True(ClassicToEbpf.TryTranslate(filter.Program, new EbpfOptions(access), out Insn[] insns, out string? reason), $"{expression}: {reason}");
            using KernelBpf? program = KernelBpf.Load(Insn.Encode(insns), type, out int errno, out string log);
            Assert.True(program is not null, $"{expression}: errno {errno}\n{log[..Math.Min(log.Length, 4000)]}");
            for (int i = Volume.Of(2000, access == PacketAccess.DirectXdp ? 15 : 80); i > 0; i--)
            {
                byte[] packet = ChainOfHeaders(random, expression.StartsWith("vlan", StringComparison.Ordinal), out int rounds);
                KernelRun run = program.Run(packet);
                if (run.Errno != 0)
                    continue;
                runs++;
                uint verdict = ClassicInterpreter.Run(filter.Program, packet, (uint)packet.Length, default);
                matches += verdict != 0 ? 1 : 0;
                Assert.True(verdict == run.Verdict || (rounds > 15 && run.Verdict == 0), $"{expression}, {rounds} rounds: {verdict}, kernel {run.Verdict}; {Convert.ToHexString(packet)}; {Volume.Note}");
            }
        }
        Assert.True(matches > 5 && runs > 2 * matches, $"{matches} of {runs}");
    }

    /// <summary>A packet with a chain of headers; <paramref name="rounds"/> is how far it can be walked: without end behind an authentication header, where libpcap goes back.</summary>
    private static byte[] ChainOfHeaders(Random random, bool tagged, out int rounds)
    {
        var packet = new List<byte>(new byte[12]);
        bool isIpv6 = random.Next(4) > 0;
        if (tagged)
            packet.AddRange([0x81, 0, 0, 5]);
        packet.AddRange(isIpv6 ? [0x86, 0xdd] : [8, 0]);
        byte[] kinds = random.Next(3) == 0 ? [0, 43, 44, 51, 60, 6, 17, 59, 1] : [0, 43, 44, 0, 60, 6, 17, 59, 1];
        int Next() => kinds[random.Next(10) > 0 ? random.Next(isIpv6 ? 0 : 3, 5) : random.Next(5, kinds.Length)];
        int start = packet.Count, next = Next();
        rounds = 0;
        packet.AddRange(new byte[isIpv6 ? 40 : 20]);
        packet[start] = isIpv6 ? (byte)0x60 : (byte)0x45;
        packet[start + (isIpv6 ? 6 : 9)] = (byte)next;
        for (int most = random.Next(24); next is 0 or 43 or 44 or 51 or 60 && most > 0; most--)
        {
            rounds += next == 51 ? 100 : 1;
            int following = Next(), words = random.Next(5) == 0 ? random.Next(30) : 0;
            packet.AddRange([(byte)following, (byte)words]);
            packet.AddRange(new byte[next == 51 ? (4 * (words + 2)) - 2 : (8 * (words + 1)) - 2]);
            next = following;
        }
        packet.AddRange(new byte[random.Next(40)]);
        int cut = random.Next(4) == 0 ? random.Next(start + 20, packet.Count) : packet.Count;
        return [.. packet.Take(cut)];
    }
}
