using System.Diagnostics.CodeAnalysis;
using System.Reflection.Emit;
using Hachi.Ir;
using Hachi.Isa;
using Hachi.Vm.Machine;

namespace Hachi.Vm.Jit.Il;

/// <summary>A program compiled to IL.</summary>
internal sealed unsafe class EbpfIlEngine : EbpfEngine
{
    private readonly DynamicMethod[] _methods;
    private readonly FunctionCode?[] _functions;
    private readonly EbpfCode _code;

    private delegate ulong FunctionCode(MachineState* state, ulong r1, ulong r2, ulong r3, ulong r4, ulong r5, ulong frame);

    /// <summary>Compiles the functions of a program.</summary>
    /// <param name="functions">The functions, the main one first.</param>
    /// <param name="code">The program.</param>
    [RequiresDynamicCode("emits IL")]
    public EbpfIlEngine(IrFunction[] functions, EbpfCode code)
    {
        _code = code;
        _functions = new FunctionCode?[functions.Length];
        _methods = new DynamicMethod[functions.Length];
        // The main function is bound to an object that it does not use: such a delegate jumps straight to its code, one without moves all arguments first.
        Type[] main = [typeof(object), typeof(MachineState*), typeof(ulong), typeof(ulong)];
        Type[] arguments = [typeof(MachineState*), typeof(ulong), typeof(ulong), typeof(ulong), typeof(ulong), typeof(ulong), typeof(ulong)];
        for (int i = 0; i < functions.Length; i++)
            _methods[i] = IlCompiler.MakeMethod("function" + i, typeof(ulong), i == 0 ? main : arguments);
        for (int i = 0; i < functions.Length; i++)
            new EbpfIlEmitter(functions[i], _methods[i].GetILGenerator(4096), _methods, i == 0).Emit();
        Main = _methods[0].CreateDelegate<MainCode>(code);
    }

    /// <inheritdoc/>
    public override MainCode Main { get; }

    /// <inheritdoc/>
    public override ulong Run(Invocation invocation, ulong r1, ulong r2) => Main(invocation.State, r1, r2);

    /// <inheritdoc/>
    public override ulong Call(Invocation invocation, int functionStart, ulong* args)
    {
        int index = _code.CalleeIndex(functionStart);
        FunctionCode code = _functions[index] ??= _methods[index].CreateDelegate<FunctionCode>();
        return code(invocation.State, args[0], args[1], args[2], args[3], args[4], Region.AddressOf(Region.Stack, (uint)(invocation.State->Depth * Limits.StackBytesMax)));
    }

    /// <inheritdoc/>
    public override void Prepare() => System.Runtime.CompilerServices.RuntimeHelpers.PrepareDelegate(Main);
}
