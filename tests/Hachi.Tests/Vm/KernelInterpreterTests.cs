using Hachi.Captures;
using Hachi.Isa;
using Hachi.Tests.Support;
using Hachi.Vm;

namespace Hachi.Tests.Vm;

/// <summary>The interpreter gives the kernel's verdicts on random programs and random frames.</summary>
public sealed class KernelInterpreterTests
{
    private const int ProgramsAtOnce = 32, FramesPerBatch = 20;

    [Fact]
    public void Random_programs_have_the_kernels_verdicts() => KernelPackets.Run(lab =>
    {
        Random random = Volume.Random(nameof(Random_programs_have_the_kernels_verdicts));
        int accepted = 0, batches = Volume.Of(1_000, 20);
        for (int batch = 0; batch < batches; batch++)
        {
            var programs = new ClassicProgram[ProgramsAtOnce];
            int[] sockets = new int[ProgramsAtOnce];
            for (int i = 0; i < ProgramsAtOnce; i++)
            {
                programs[i] = new ClassicProgram(ClassicPrograms.Valid(random));
                sockets[i] = lab.Attach(programs[i].Insns);
                Assert.True(sockets[i] >= 0, $"errno {-sockets[i]} for {Text(programs[i])}. {Volume.Note}");
            }
            for (int f = 0; f < FramesPerBatch; f++)
                accepted += Compare(lab, programs, sockets, ClassicPrograms.Frame(random));
            foreach (int fd in sockets)
                lab.Detach(fd);
        }
        int all = batches * ProgramsAtOnce * FramesPerBatch;
        Assert.InRange(accepted, all / 10, all - all / 10);
    });

    [Fact]
    public void A_test_run_gives_the_verdict_of_a_program()
    {
        // r0 = 7; exit
        byte[] insns = [0xb7, 0, 0, 0, 7, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0];
        foreach (KernelProgramType type in Enum.GetValues<KernelProgramType>())
            Assert.Equal(new KernelRun(7, 0, ""), KernelBpf.Run(insns, type, new byte[64]));
    }

    [Fact]
    public void A_refused_program_leaves_the_verifiers_log()
    {
        KernelRun run = KernelBpf.Run([0x95, 0, 0, 0, 0, 0, 0, 0], KernelProgramType.SocketFilter, new byte[64]);
        Assert.NotEqual(0, run.Errno);
        Assert.Contains("R0 !read_ok", run.Log, StringComparison.Ordinal);
    }

    private static int Compare(KernelPackets lab, ClassicProgram[] programs, int[] sockets, byte[] frame)
    {
        int accepted = 0;
        var metadata = new PacketMetadata { Protocol = 0x88b5, PacketType = 3, InterfaceIndex = (uint)lab.ReceiverIndex, HardwareType = 1, NetworkOffset = 14 };
        int[] verdicts = lab.Verdicts(frame, sockets);
        for (int i = 0; i < verdicts.Length; i++)
        {
            uint ours = ClassicInterpreter.Run(programs[i], frame, (uint)frame.Length, metadata, wrapsAddresses: true);
            Assert.True(verdicts[i] == Math.Min(ours, (uint)frame.Length),
                $"the kernel keeps {verdicts[i]}, the interpreter says {ours}: {Text(programs[i])} on {Convert.ToHexString(frame)}. {Volume.Note}");
            accepted += ours == 0 ? 0 : 1;
        }
        return accepted;
    }

    private static string Text(ClassicProgram program) => string.Join(" ; ", program.Insns.ToArray().Select(i => $"{i.Code:x2} {i.Jt} {i.Jf} {i.K:x}"));
}
