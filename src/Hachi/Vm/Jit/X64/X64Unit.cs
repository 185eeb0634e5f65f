using Hachi.Ir;
using Hachi.Ir.Schedule;
using Hachi.Isa;
using Hachi.Vm.Jit.X64.Encode;
using Hachi.Vm.Jit.X64.Select;
using Hachi.Vm.Machine;

namespace Hachi.Vm.Jit.X64;

/// <summary>What the functions of a program have in common.</summary>
internal sealed class X64Unit
{
    private readonly int[] _labels, _entries;
    private readonly bool[] _called;
    private readonly int[] _checks = new int[8], _context = [-1, -1];

    /// <summary>Looks at the functions of a program.</summary>
    /// <param name="functions">The functions, the main one first.</param>
    /// <param name="graph">Storage.</param>
    public X64Unit(IReadOnlyList<IrFunction> functions, BlockGraph graph)
    {
        _labels = new int[functions.Count];
        _called = new bool[functions.Count];
        _entries = new int[functions.Count];
        _entries.AsSpan().Fill(-1);
        _labels.AsSpan().Fill(-1);
        _checks.AsSpan().Fill(-1);
        bool burnsFuel = false, calls = false;
        foreach (IrFunction f in functions)
        {
            HasLoops |= graph.MayLoop(f);
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
        bool recurses = calls && DeepestCalls(functions) > Limits.CallFramesMax;
        CountsDepth = calls && (HasCallbacks || recurses);
        HasLoops |= recurses;
    }

    /// <summary>Whether any function loops.</summary>
    public bool HasLoops { get; }

    /// <summary>Whether helpers are called.</summary>
    public bool HasCallbacks { get; }

    /// <summary>Whether a failed check asks the machine if it is a field of the context; known once the code is emitted.</summary>
    public bool AsksContext => _context.AsSpan().ContainsAnyExcept(-1);

    /// <summary>Whether the fuel stands in a register.</summary>
    public bool KeepsFuel { get; }

    /// <summary>Whether calls are counted in the state.</summary>
    public bool CountsDepth { get; }

    /// <summary>Whether another function (or itself, or a helper) may call a function.</summary>
    public bool IsCalled(int function) => _called[function] || (HasCallbacks && function > 0);

    /// <summary>The label of a function that is called.</summary>
    public int FunctionLabel(X64Assembler asm, int function) => _labels[function] >= 0 ? _labels[function] : _labels[function] = asm.NewLabel();

    /// <summary>The label of the routine that looks an address up in the table of regions.</summary>
    public int CheckLabel(X64Assembler asm, int size, bool writes)
    {
        ref int label = ref _checks[(writes ? 4 : 0) + System.Numerics.BitOperations.Log2((uint)size)];
        return label >= 0 ? label : label = asm.NewLabel();
    }

    /// <summary>The label of the routine that asks the machine to read or write a field of the context.</summary>
    public int ContextLabel(X64Assembler asm, bool writes)
    {
        ref int label = ref _context[writes ? 1 : 0];
        return label >= 0 ? label : label = asm.NewLabel();
    }

    /// <summary>
    /// Emits these routines. In: the arguments of <see cref="Invocation.ReadContextHelper"/> or its twin in the state. Out: what was read in the emitter's register; no other
    /// register changes.
    /// </summary>
    public void EmitContext(X64Assembler asm)
    {
        for (int i = 0; i < _context.Length; i++)
        {
            if (_context[i] < 0)
                continue;
            asm.Align(16);
            asm.Place(_context[i]);
            for (int reg = 0; reg < 16; reg++)
                if ((X64Machine.CallerSaved >> reg & 1) != 0)
                    asm.Push((Reg)reg);
            asm.Push(Reg.Rbp);
            asm.Move(true, Reg.Rbp, Reg.Rsp);
            asm.Alu(Alu.And, true, Reg.Rsp, -16);
            asm.Alu(Alu.Sub, true, Reg.Rsp, 32); // room that Windows asks for
            asm.Move(true, X64Machine.EntryArgument(0), X64Machine.State);
            asm.MoveConst(X64Machine.EntryArgument(1), (uint)(i == 0 ? Invocation.ReadContextHelper : Invocation.WriteContextHelper));
            asm.Load(4, X64Machine.EntryArgument(2), new Mem(X64Machine.State, MachineState.ArgumentsOffset + 24));
            asm.Call(new Mem(X64Machine.State, MachineState.HelperGateOffset));
            asm.Move(true, X64Machine.Scratch, Reg.Rax);
            asm.Move(true, Reg.Rsp, Reg.Rbp);
            asm.Pop(Reg.Rbp);
            for (int reg = 15; reg >= 0; reg--)
                if ((X64Machine.CallerSaved >> reg & 1) != 0)
                    asm.Pop((Reg)reg);
            asm.Return();
        }
    }

    /// <summary>
    /// Emits the entries through which helpers call functions: <c>ulong (MachineState*)</c>; arguments stand in the state, the frame follows from its depth.
    /// </summary>
    public void EmitEntries(X64Assembler asm)
    {
        for (int i = 0; i < _labels.Length && HasCallbacks; i++)
        {
            if (_labels[i] < 0)
                continue;
            asm.Align(16);
            _entries[i] = asm.Length;
            Reg[] saved = X64Machine.IsWindows ? [X64Machine.State, X64Machine.Fuel, Reg.Rdi, Reg.Rsi, Reg.Rbp] : [X64Machine.State, X64Machine.Fuel, Reg.Rbp];
            foreach (Reg reg in saved)
                asm.Push(reg);
            asm.Move(true, X64Machine.State, X64Machine.EntryArgument(0));
            if (KeepsFuel)
                asm.Load(8, X64Machine.Fuel, new Mem(X64Machine.State, MachineState.FuelOffset));
            for (int a = 0; a < Limits.CallArgumentsMax; a++)
                asm.Load(8, (Reg)X64Machine.Arguments[a], new Mem(X64Machine.State, MachineState.ArgumentsOffset + (8 * a)));
            asm.Load(8, Reg.R9, new Mem(X64Machine.State, MachineState.DepthOffset));
            asm.Shift(Shift.Shl, true, Reg.R9, System.Numerics.BitOperations.Log2((uint)Limits.StackBytesMax));
            asm.MoveConst(Reg.Rax, Region.AddressOf(Region.Stack, 0));
            asm.Alu(Alu.Add, true, Reg.R9, Reg.Rax);
            asm.Call(_labels[i]); // an odd number of pushes and the return address: aligned
            if (KeepsFuel)
                asm.Store(8, new Mem(X64Machine.State, MachineState.FuelOffset), X64Machine.Fuel);
            for (int s = saved.Length - 1; s >= 0; s--)
                asm.Pop(saved[s]);
            asm.Return();
        }
    }

    /// <summary>Where the entry of a function stands in the code, or -1.</summary>
    public ReadOnlySpan<int> Entries => _entries;

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
