using Hachi.Isa;
using Hachi.Vm.Machine;

namespace Hachi.Vm.Interpret;

/// <summary>The interpreter as an engine.</summary>
internal sealed unsafe class InterpreterEngine : EbpfEngine
{
    /// <summary>The one instance: it keeps nothing.</summary>
    public static readonly InterpreterEngine Instance = new();

    /// <inheritdoc/>
    public override ulong Run(Invocation invocation, ulong r1, ulong r2)
    {
        ulong* args = stackalloc ulong[Limits.CallArgumentsMax] { r1, r2, 0, 0, 0 };
        return EbpfInterpreter.Run(invocation, invocation.Unit.Code, 0, args);
    }

    /// <inheritdoc/>
    public override ulong Call(Invocation invocation, int functionStart, ulong* args) => EbpfInterpreter.Run(invocation, invocation.Unit.Code, functionStart, args);
}
