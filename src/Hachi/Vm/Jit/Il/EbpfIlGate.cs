using System.Runtime.CompilerServices;
using Hachi.Isa;
using Hachi.Vm.Machine;

namespace Hachi.Vm.Jit.Il;

/// <summary>What emitted code of eBPF programs calls; never a part of it, since the runtime takes long to compile what it takes in.</summary>
internal static unsafe class EbpfIlGate
{
    /// <summary>A read that found no region: a field of a context with rules, or a fault.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static ulong ReadSlow(MachineState* state, ulong address, int size, int insn)
    {
        Invocation invocation = Invocation.Of(state);
        if (!invocation.TryReadContext(address, size, out ulong value))
            invocation.SetFault(FaultReason.ReadOutOfBounds, insn, null, address, size);
        return value;
    }

    /// <summary>A write that found no region.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void WriteSlow(MachineState* state, ulong address, int size, ulong value, int insn)
    {
        Invocation invocation = Invocation.Of(state);
        if (!invocation.TryWriteContext(address, size, value))
            invocation.SetFault(FaultReason.WriteOutOfBounds, insn, null, address, -size);
    }

    /// <summary>Notes a fault; returns what the function returns.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static ulong Fault(MachineState* state, int reason, int insn, ulong address, int size) =>
        Invocation.Of(state).SetFault((FaultReason)reason, insn, null, address, size);

    /// <summary>A helper call; the arguments stand in the state.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static ulong Helper(MachineState* state, int helper, int insn) => Invocation.Gate(state, helper, insn);

    /// <summary>An atomic operation.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static ulong Modify(byte* at, int size, int operation, ulong source, ulong compare) => AtomicMemory.Modify(at, size, operation, source, compare);

    /// <summary>Total division and remainder, where the divisor may be 0.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static ulong Divide(int op, ulong a, ulong b) => Semantics.Alu64((AluOp)op, a, b);

    /// <summary>The same on 32 bits.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static uint Divide32(int op, uint a, uint b) => Semantics.Alu32((AluOp)op, a, b);
}
