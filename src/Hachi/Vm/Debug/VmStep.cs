using Hachi.Isa;

namespace Hachi.Vm.Debug;

/// <summary>The machine in front of an instruction. It is valid only while the watch that is given it runs.</summary>
public readonly unsafe ref struct VmStep
{
    private readonly byte* _stack;

    internal VmStep(VmProgram program, int slot, int depth, ulong* registers, byte* stack)
    {
        Program = program;
        Slot = slot;
        Depth = depth;
        Registers = new ReadOnlySpan<ulong>(registers, Limits.Registers);
        _stack = stack;
    }

    /// <summary>The program that runs; another one after a tail call.</summary>
    public VmProgram Program { get; }

    /// <summary>The slot of the instruction that comes next.</summary>
    public int Slot { get; }

    /// <summary>Open frames: 1 in the main function.</summary>
    public int Depth { get; }

    /// <summary>r0 to r10.</summary>
    public ReadOnlySpan<ulong> Registers { get; }

    /// <summary>The stack of the innermost function, <see cref="Limits.StackBytesMax"/> bytes; r10 points behind the last.</summary>
    public ReadOnlySpan<byte> Stack => new(_stack + (Depth - 1) * Limits.StackBytesMax, Limits.StackBytesMax);
}

/// <summary>Looks at the machine in front of each instruction; false stops the program with <see cref="Machine.FaultReason.Interrupted"/>.</summary>
public delegate bool VmWatch(VmStep step);
