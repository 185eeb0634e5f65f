using Hachi.Isa;
using Hachi.Tests.Support;
using Hachi.Vm;
using static Hachi.Isa.Opcode;

namespace Hachi.Tests.Vm;

/// <summary>Programs that reach outside their own frame, which no verifier would pass: every engine shows them the same stack.</summary>
public sealed class EbpfFrameTests
{
    private const int Load = Ldx | Mem | Dw, Store = St | Mem | Dw;

    private static readonly Insn s_exit = new(Jmp | Exit), s_nothing = new(Alu64 | Mov | K, 0);

    [Fact]
    public void A_callee_clears_what_its_caller_wrote_above_r10() =>
        Gives(0, new Insn(Store, 10, 0, 16, 7), Calls(2), new Insn(Load, 0, 10, 16), s_exit, s_nothing, s_exit);

    [Fact]
    public void A_callee_reads_its_callers_variable() =>
        Gives(7, new Insn(Store, 10, 0, -8, 7), Calls(1), s_exit, new Insn(Load, 0, 10, -520), s_exit);

    [Fact]
    public void A_callee_writes_its_callers_variable() =>
        Gives(9, new Insn(Store, 10, 0, -8, 7), Calls(2), new Insn(Load, 0, 10, -8), s_exit, new Insn(Store, 10, 0, -520, 9), s_nothing, s_exit);

    [Fact]
    public void A_frame_pointer_that_is_passed_on_reaches_the_callees_variable() =>
        Gives(9, new Insn(Alu64 | Mov | X, 1, 10), Calls(1), s_exit, new Insn(Store, 1, 0, 504, 9), new Insn(Load, 0, 10, -8), s_exit);

    [Fact]
    public void A_frame_pointer_in_memory_reaches_the_callees_variable() =>
        Gives(9, new Insn(Stx | Mem | Dw, 10, 10, -8), new Insn(Alu64 | Mov | X, 1, 10), new Insn(Alu64 | Add | K, 1, 0, 0, -8), Calls(1), s_exit,
            new Insn(Load, 1, 1), new Insn(Store, 1, 0, 504, 9), new Insn(Load, 0, 10, -8), s_exit);

    private static Insn Calls(int past) => new(Jmp | Opcode.Call, 0, 1, 0, past);

    private static void Gives(ulong expected, params Insn[] insns)
    {
        foreach (VmEngine engine in EbpfEngines.All)
        {
            using VmObject vm = EbpfEngines.Load(insns, engine).Object!;
            VmResult result = vm.Programs[0].Run(new byte[8]);
            Assert.True(result.Success, $"{engine}: {result}");
            Assert.True(result.R0 == expected, $"{engine}: {result.R0}, not {expected}");
        }
    }
}
