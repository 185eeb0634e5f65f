using Hachi.Ir;
using Hachi.Ir.Schedule;
using Hachi.Isa;
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
        var unit = new X64Unit(functions);
        if (!Assemble(functions, unit))
            return null;
        nint address = ExecutableMemory.Add(_asm.Code);
        return address == 0 ? null : new X64Code(address, _asm.Length, unit.HasLoops, unit.HasCallbacks);
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

/// <summary>What the functions of a program have in common.</summary>
internal sealed class X64Unit
{
    private readonly int[] _labels;
    private readonly bool[] _called;
    private readonly int[] _checks = new int[8];

    /// <summary>Looks at the functions of a program.</summary>
    public X64Unit(IReadOnlyList<IrFunction> functions)
    {
        _labels = new int[functions.Count];
        _called = new bool[functions.Count];
        _labels.AsSpan().Fill(-1);
        _checks.AsSpan().Fill(-1);
        var graph = new BlockGraph();
        bool burnsFuel = false, calls = false;
        foreach (IrFunction f in functions)
        {
            graph.Compute(f);
            HasLoops |= graph.HasLoops;
            for (int e = 0; e < f.EffectCount; e++)
            {
                ref IrEffect effect = ref f.Effects[e];
                HasCallbacks |= effect.Kind == IrEffectKind.CallHelper;
                burnsFuel |= effect.Kind == IrEffectKind.Fuel;
                if (effect.Kind != IrEffectKind.CallLocal)
                    continue;
                _called[effect.Code] = true;
                calls = true;
            }
        }
        KeepsFuel = HasLoops && burnsFuel;
        CountsDepth = calls && (HasCallbacks || DeepestCalls(functions) > Limits.CallFramesMax);
    }

    /// <summary>Whether any function loops.</summary>
    public bool HasLoops { get; }

    /// <summary>Whether helpers are called.</summary>
    public bool HasCallbacks { get; }

    /// <summary>Whether the fuel stands in a register.</summary>
    public bool KeepsFuel { get; }

    /// <summary>Whether calls are counted in the state.</summary>
    public bool CountsDepth { get; }

    /// <summary>Whether another function (or itself) calls a function.</summary>
    public bool IsCalled(int function) => _called[function];

    /// <summary>The label of a function that is called.</summary>
    public int FunctionLabel(X64Assembler asm, int function) => _labels[function] >= 0 ? _labels[function] : _labels[function] = asm.NewLabel();

    /// <summary>The label of the routine that looks an address up in the table of regions.</summary>
    public int CheckLabel(X64Assembler asm, int size, bool writes)
    {
        ref int label = ref _checks[(writes ? 4 : 0) + System.Numerics.BitOperations.Log2((uint)size)];
        return label >= 0 ? label : label = asm.NewLabel();
    }

    /// <summary>
    /// Emits these routines. In: a guest address in the emitter's register. Out: carry clear and the host address there, or carry set and the guest address.
    /// No other register changes.
    /// </summary>
    public void EmitChecks(X64Assembler asm)
    {
        const Reg address = X64Machine.Scratch, entry = Reg.Rax;
        for (int i = 0; i < _checks.Length; i++)
        {
            if (_checks[i] < 0)
                continue;
            int nowhere = asm.NewLabel(), outside = asm.NewLabel();
            asm.Align(16);
            asm.Place(_checks[i]);
            asm.Push(entry);
            asm.Move(true, entry, address);
            asm.Shift(Shift.Shr, true, entry, 32);
            asm.Alu(Alu.Cmp, false, entry, new Mem(X64Machine.State, MachineState.RegionCountOffset));
            asm.JumpIf(Cond.AboveOrEqual, nowhere);
            asm.Shift(Shift.Shl, true, entry, Region.SizeShift);
            asm.Lea(true, entry, new Mem(X64Machine.State, entry, 0, MachineState.RegionsOffset));
            asm.Alu(Alu.Sub, true, address, new Mem(entry, Region.StartOffset));
            asm.Alu(Alu.Cmp, true, address, new Mem(entry, (i < 4 ? Region.PastReadOffset : Region.PastWriteOffset) + (8 * (i & 3))));
            asm.JumpIf(Cond.AboveOrEqual, outside);
            asm.Alu(Alu.Add, true, address, new Mem(entry, X64Lowering.MemoryOffset));
            asm.Pop(entry);
            asm.SetCarry(false);
            asm.Return();
            asm.Place(outside);
            asm.Alu(Alu.Add, true, address, new Mem(entry, Region.StartOffset));
            asm.Place(nowhere);
            asm.Pop(entry);
            asm.SetCarry(true);
            asm.Return();
        }
    }

    /// <summary>Frames that calls can open at most; more than allowed where they can go in circles.</summary>
    private static int DeepestCalls(IReadOnlyList<IrFunction> functions)
    {
        int[] depth = new int[functions.Count];
        depth.AsSpan().Fill(1);
        // As many rounds as frames are allowed: what still grows then is too deep.
        bool changed = true;
        for (int round = 0; changed && round <= Limits.CallFramesMax; round++)
        {
            changed = false;
            for (int i = 0; i < functions.Count; i++)
                for (int e = 0; e < functions[i].EffectCount; e++)
                {
                    ref IrEffect effect = ref functions[i].Effects[e];
                    if (effect.Kind != IrEffectKind.CallLocal || depth[i] > depth[effect.Code])
                        continue;
                    depth[i] = depth[effect.Code] + 1;
                    changed = true;
                }
        }
        return changed ? Limits.CallFramesMax + 1 : depth[0];
    }
}

/// <summary>Machine code of a program; its memory is given back with <see cref="Dispose"/>, or when nothing refers to it any more.</summary>
internal sealed unsafe class X64Code : IDisposable
{
    private nint _address;

    internal X64Code(nint address, int bytes, bool hasLoops, bool hasCallbacks) => (_address, Bytes, HasLoops, HasCallbacks) = (address, bytes, hasLoops, hasCallbacks);

    /// <summary>Gives memory back.</summary>
    ~X64Code() => Free();

    /// <summary>The main function: state, r1, r2; returns r0, or anything where <see cref="MachineState.Fault"/> is set. The object must be kept alive while it runs.</summary>
    public delegate* unmanaged<MachineState*, ulong, ulong, ulong> Entry => (delegate* unmanaged<MachineState*, ulong, ulong, ulong>)_address;

    /// <summary>Length of the code.</summary>
    public int Bytes { get; }

    /// <summary>Whether any function loops. What neither loops nor calls back runs a short, bounded time.</summary>
    public bool HasLoops { get; }

    /// <summary>Whether helpers are called.</summary>
    public bool HasCallbacks { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        nint address = Interlocked.Exchange(ref _address, 0);
        if (address != 0)
            ExecutableMemory.Remove(address, Bytes);
    }
}
