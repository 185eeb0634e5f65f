using Hachi.Object;
using Hachi.Vm;
using Hachi.Vm.Debug;

namespace Hachi.Tests.Vm;

public sealed class EbpfDebuggerTests
{
    private const string Program = """
                r6 = r1
                r7 = 3
        again:  call f
                r7 += -1
                if r7 != 0 goto again
                exit
        f:      r0 = *(u8 *)(r1 + 0)
                r0 += 1
                *(u8 *)(r1 + 0) = r0
                *(u64 *)(r10 - 8) = r0
                exit
        """;

    [Fact]
    public void Steps_both_ways_through_the_same_states()
    {
        using EbpfDebugger debugger = Open();
        var seen = new List<(int, int, string, string)>();
        do
            seen.Add(State(debugger));
        while (debugger.Step());
        Assert.Equal(8ul, debugger.Result!.Value.R0);
        Assert.Equal(2 + 3 * 8 + 1, debugger.Steps);
        for (int i = seen.Count - 2; i >= 0; i -= 3)
        {
            debugger.GoTo(i);
            Assert.Equal((i, seen[i]), ((int)debugger.Steps, State(debugger)));
        }
    }

    [Fact]
    public void Stops_at_breakpoints_both_ways()
    {
        using EbpfDebugger debugger = Open();
        debugger.Breakpoints.Add(6);
        for (int i = 0; i < 3; i++)
        {
            Assert.True(debugger.Continue());
            Assert.Equal((6, 2, (byte)(5 + i)), (debugger.Slot, debugger.Depth, debugger.Memory[0]));
        }
        Assert.False(debugger.Continue());
        Assert.Equal(8ul, debugger.Result!.Value.R0);
        Assert.True(debugger.ContinueBack());
        Assert.Equal((6, (byte)7), (debugger.Slot, debugger.Memory[0]));
        Assert.True(debugger.ContinueBack());
        Assert.True(debugger.ContinueBack());
        Assert.False(debugger.ContinueBack());
        Assert.Equal(0, debugger.Steps);
    }

    [Fact]
    public void Shows_the_stack_of_the_innermost_function()
    {
        using EbpfDebugger debugger = Open();
        debugger.GoTo(7);
        Assert.Equal((10, 2), (debugger.Slot, debugger.Depth));
        Assert.Equal(6, debugger.Stack[^8]);
    }

    [Fact]
    public void A_fault_is_the_end()
    {
        BpfObject bpf = ObjectParser.Parse("r0 = 1\nr0 = *(u8 *)(r0 + 0)\nexit").Object!;
        using EbpfDebugger debugger = EbpfDebugger.Open(bpf, 0, [], out _)!;
        Assert.False(debugger.Continue());
        Assert.Equal(1, debugger.Result!.Value.Fault!.Insn);
        Assert.False(debugger.Step());
    }

    [Fact]
    public void A_watch_sees_what_the_interpreter_does()
    {
        BpfObject bpf = ObjectParser.Parse(Program).Object!;
        int steps = 0;
        using VmObject vm = VmObject.Load(bpf, new VmOptions { Watch = _ => ++steps > 0 }).Object!;
        Assert.Equal(8ul, vm.Programs[0].Run([5]).R0);
        Assert.Equal(2 + 3 * 8 + 1, steps);
    }

    private static EbpfDebugger Open() => EbpfDebugger.Open(ObjectParser.Parse(Program).Object!, 0, [5], out _)!;

    private static (int, int, string, string) State(EbpfDebugger debugger) =>
        (debugger.Slot, debugger.Depth, string.Join(' ', debugger.Registers.ToArray()), Convert.ToHexString(debugger.Memory));
}
