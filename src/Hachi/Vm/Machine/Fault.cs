using System.Collections.Immutable;

namespace Hachi.Vm.Machine;

/// <summary>Why and where the machine stopped a program: nothing outside its own memory was touched.</summary>
/// <param name="Reason">The kind of fault.</param>
/// <param name="Insn">The instruction (slot) that did it.</param>
/// <param name="Message">One sentence that names the values that matter.</param>
public sealed record Fault(FaultReason Reason, int Insn, string Message)
{
    /// <summary>Registers r0 to r10 at the fault; empty where the engine does not know them (compiled code keeps no registers of the machine).</summary>
    public ImmutableArray<ulong> Registers { get; init; } = [];

    /// <summary>The guest address of a failed access, else 0.</summary>
    public ulong Address { get; init; }
}
