using System.Runtime.CompilerServices;
using Hachi.Vm.Machine;

namespace Hachi.Vm.Jit.X64;

/// <summary>A program compiled to x86-64 machine code.</summary>
internal sealed unsafe class X64Engine(X64Code code, EbpfCode program) : EbpfEngine
{
    private readonly bool _isShort = !code.HasLoops && !code.HasCallbacks;
    private readonly nint _entry = (nint)code.Entry;

    /// <inheritdoc/>
    public override ulong Run(Invocation invocation, ulong r1, ulong r2)
    {
        if (!_isShort)
            return RunLong(invocation.State, r1, r2);
        // What neither loops nor calls back is over in microseconds: the garbage collector may wait for it.
        ulong result = ((delegate* unmanaged[SuppressGCTransition]<MachineState*, ulong, ulong, ulong>)_entry)(invocation.State, r1, r2);
        GC.KeepAlive(code);
        return result;
    }

    // Apart, since a method that leaves managed code in the ordinary way prepares for that on every path.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private ulong RunLong(MachineState* state, ulong r1, ulong r2)
    {
        ulong result = code.Entry(state, r1, r2);
        GC.KeepAlive(code);
        return result;
    }

    /// <inheritdoc/>
    public override ulong Call(Invocation invocation, int functionStart, ulong* args)
    {
        MachineState* state = invocation.State;
        for (int i = 0; i < Isa.Limits.CallArgumentsMax; i++)
            state->Arguments[i] = args[i];
        ulong result = code.EntryOf(program.CalleeIndex(functionStart))(state);
        GC.KeepAlive(code);
        return result;
    }
}
