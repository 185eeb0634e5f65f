using Hachi.Isa;
using Hachi.Tests.Support;
using Hachi.Vm;
using Hachi.Vm.Debug;
using static Hachi.Isa.ClassicOpcode;

namespace Hachi.Tests.Vm;

public sealed class ClassicDebuggerTests
{
    private static readonly ClassicProgram s_program = new(
    [
        new(Ld | Abs | H, 12), new((ushort)(Jmp | Jeq), 0, 2, 0x800), new(Ld | Abs | B, 23), new(Ret | ClassicOpcode.A), new(Ret | K, 0),
    ]);

    private static readonly byte[] s_packet = Frames.Ethernet(0x0800, Frames.Ipv4(6, new byte[20]));

    [Fact]
    public void Steps_forwards_and_backwards()
    {
        var debugger = new ClassicDebugger(s_program, s_packet, 54, default);
        Assert.True(debugger.Step());
        Assert.Equal((0x800u, 1), (debugger.A, debugger.Pc));
        debugger.GoTo(4);
        Assert.Equal((ClassicOutcome.Returned, 6u), (debugger.Outcome, debugger.Verdict));
        Assert.False(debugger.Step());
        Assert.True(debugger.StepBack());
        Assert.Equal((6u, 3, ClassicOutcome.Running), (debugger.A, debugger.Pc, debugger.Outcome));
        Assert.True(debugger.GoTo(0));
        Assert.False(debugger.StepBack());
    }

    [Fact]
    public void Breakpoints_stop_in_both_directions()
    {
        var debugger = new ClassicDebugger(s_program, s_packet, 54, default);
        debugger.Breakpoints.Add(2);
        Assert.True(debugger.Continue());
        Assert.Equal(2, debugger.Pc);
        Assert.False(debugger.Continue());
        Assert.True(debugger.ContinueBack());
        Assert.Equal(2, debugger.Pc);
        Assert.False(debugger.ContinueBack());
        Assert.Equal((0, 0L), (debugger.Pc, debugger.Steps));
    }

    [Fact]
    public void Going_back_is_the_same_as_never_having_gone()
    {
        Random random = Volume.Random(nameof(Going_back_is_the_same_as_never_having_gone));
        for (int i = Volume.Of(20_000, 500); i > 0; i--)
        {
            var program = new ClassicProgram(random.Next(3) == 0 ? ClassicPrograms.Hostile(random) : ClassicPrograms.Valid(random));
            byte[] frame = ClassicPrograms.Frame(random);
            var straight = new ClassicDebugger(program, frame, (uint)frame.Length, default);
            var wandering = new ClassicDebugger(program, frame, (uint)frame.Length, default);
            int steps = random.Next(12);
            straight.GoTo(steps);
            wandering.GoTo(random.Next(30));
            wandering.GoTo(steps);
            Assert.Equal((straight.A, straight.X, straight.Pc, straight.Outcome, straight.Verdict), (wandering.A, wandering.X, wandering.Pc, wandering.Outcome, wandering.Verdict));
            Assert.Equal(straight.Memory.ToArray(), wandering.Memory.ToArray());
        }
    }
}
