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
        CaptureFilter chain = CaptureFilter.Compile("ip protochain 6");
        Assert.False(ClassicToEbpf.TryTranslate(chain.Program, EbpfOptions.Tc, out _, out reason));
        Assert.Contains("backwards", reason, StringComparison.Ordinal);
    }
}
