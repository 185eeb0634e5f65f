using Hachi.Ir;
using Hachi.Ir.Schedule;
using Hachi.Isa;
using Hachi.Vm.Jit.X64.Encode;
using Hachi.Vm.Jit.X64.Select;
using Hachi.Vm.Machine;

namespace Hachi.Vm.Jit.X64;

/// <summary>
/// From functions in SSA form to x86-64 machine code. The pipeline: lower, place values in blocks, order them, select instructions, allocate registers, emit. An instance keeps
/// its storage and may be used again, by one thread at a time.
/// </summary>
internal sealed class X64Compiler
{
    /// <summary>Values and blocks of a function beyond which it is not compiled.</summary>
    private const int ValuesMax = 400_000, BlocksMax = 100_000;

    [ThreadStatic]
    private static X64Compiler? s_instance;

    private readonly BlockGraph _graph = new();
    private readonly Placement _placement = new();
    private readonly LocalOrder _order = new();
    private readonly X64Lowering _lowering;
    private readonly X64Selector _selector;
    private readonly X64Allocator _allocator;
    private readonly X64Emitter _emitter;
    private readonly X64Assembler _asm = new();

    /// <summary>A compiler.</summary>
    public X64Compiler()
    {
        _lowering = new X64Lowering(_graph);
        _selector = new X64Selector(_graph, _placement, _order);
        _allocator = new X64Allocator(_graph, _placement, _selector);
        _emitter = new X64Emitter(_graph, _allocator, _selector, _asm);
    }

    /// <summary>Registers that may hold values, as a mask; tests take some away.</summary>
    internal ushort Registers { get; init; } = X64Machine.CallerSaved | X64Machine.CalleeSaved;

    /// <summary>Whether to use the instructions of BMI2.</summary>
    internal bool UsesBmi2 { get; init; } = X64Machine.HasBmi2;

    /// <summary>This thread's compiler.</summary>
    public static X64Compiler Instance => s_instance ??= new X64Compiler();

    /// <summary>Whether this process can run what is compiled.</summary>
    public static bool IsSupported => X64Machine.IsHere && !OperatingSystem.IsBrowser();

    /// <summary>
    /// Compiles a program.
    /// </summary>
    /// <param name="functions">Its functions, the main one first; <see cref="IrEffectKind.CallLocal"/> names them by index. They are not changed.</param>
    /// <returns>The code, or null when it cannot be had: another processor, operations of classic programs, a function too large, no executable memory.</returns>
    public X64Code? Compile(IReadOnlyList<IrFunction> functions)
    {
        if (!IsSupported)
            return null;
        var unit = new X64Unit(functions, _graph);
        if (!Assemble(functions, unit))
            return null;
        nint address = ExecutableMemory.Add(_asm.Code);
        return address == 0 ? null : new X64Code(address, _asm.Length, unit);
    }

    /// <summary>Writes the machine code of a program; false where that cannot be done.</summary>
    internal bool Assemble(IReadOnlyList<IrFunction> functions, X64Unit unit)
    {
        _asm.Clear();
        foreach (IrFunction f in functions)
            if (!CanCompile(f))
                return false;
        for (int i = 0; i < functions.Count; i++)
        {
            _asm.Align(16);
            if (i == 0 && !Emit(functions[i], unit, isMain: true))
                return false;
            if (!unit.IsCalled(i))
                continue;
            _asm.Align(16);
            _asm.Place(unit.FunctionLabel(_asm, i));
            if (!Emit(functions[i], unit, isMain: false))
                return false;
        }
        unit.EmitChecks(_asm);
        unit.EmitContext(_asm);
        unit.EmitEntries(_asm);
        _asm.Link();
        return true;
    }

    /// <summary>What was assembled last.</summary>
    internal ReadOnlySpan<byte> Code => _asm.Code;

    private bool Emit(IrFunction f, X64Unit unit, bool isMain)
    {
        _lowering.Run(f, isMain, unit.HasCallbacks);
        IrFunction g = _lowering.Function;
        _placement.Compute(g, _graph, _lowering.WordUses);
        _order.Compute(g, _graph, _placement);
        _selector.Run(_lowering);
        _allocator.IsMain = isMain;
        _allocator.HasBmi2 = UsesBmi2;
        _allocator.Registers = (ushort)(unit.KeepsFuel ? Registers & ~(1 << (int)X64Machine.Fuel) : Registers);
        if (!_allocator.Run(_lowering))
            return false;
        _emitter.Run(_lowering, unit, isMain);
        return true;
    }

    private static bool CanCompile(IrFunction f)
    {
        if (f.ValueCount > ValuesMax || f.BlockCount > BlocksMax)
            return false;
        for (int v = 0; v < f.ValueCount; v++)
            if (f.Values[v].Op is IrOp.LoadPacket or IrOp.Length or IrOp.Extension or IrOp.Div or IrOp.Mod or IrOp.Lsh or IrOp.Rsh or IrOp.ProtoChain)
                return false;
        for (int b = 0; b < f.BlockCount; b++)
            if (f.Blocks[b].End == IrEnd.Member || f.Blocks[b].Require >= 0)
                return false;
        return true;
    }
}
