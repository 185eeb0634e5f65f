using Hachi.Vm.Machine;

namespace Hachi.Vm.Jit.X64;

/// <summary>A program compiled to x86-64 machine code.</summary>
internal sealed unsafe class X64Engine(X64Code code, EbpfCode program) : EbpfEngine
{
    /// <inheritdoc/>
    public override nint ShortEntry { get; } = code.HasLoops || code.HasCallbacks ? 0 : (nint)code.Entry;

    /// <inheritdoc/>
    public override ulong Run(Invocation invocation, ulong r1, ulong r2)
    {
        ulong result = code.Entry(invocation.State, r1, r2);
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
