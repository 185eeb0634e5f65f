using Hachi.Ir;
using Hachi.Isa;
using Hachi.Vm.Jit.X64.Encode;
using Hachi.Vm.Jit.X64.Select;
using Hachi.Vm.Machine;

namespace Hachi.Vm.Jit.X64;

/// <summary>What stands out of line.</summary>
internal enum SlowKind : byte
{
    Access,
    Outside,
    Fuel,
    FirstFuel,
    Depth,
    ByZero,
    WideByZero,
    ByMinusOne,
    WideByMinusOne,
}

/// <summary>A piece of code out of line.</summary>
/// <param name="Kind">What it does.</param>
/// <param name="Label">Where it is jumped to.</param>
/// <param name="Back">Where it goes on.</param>
/// <param name="Aux">The instruction in the list, or the one of the program that faults.</param>
/// <param name="Distance">Accesses: register of the distance from the region's start, or none (the emitter's).</param>
/// <param name="Region">Accesses: the region.</param>
internal readonly record struct Slow(SlowKind Kind, int Label, int Back, int Aux, Reg Distance = Reg.None, int Region = 0);

/// <summary>Calls, and what stands out of line.</summary>
internal sealed partial class X64Emitter
{
    private void CallHelper(in Lir insn)
    {
        ref IrEffect effect = ref _f.Effects[insn.Aux];
        for (int o = 0; o < Lir.OperandCount; o++)
        {
            var place = new Mem(X64Machine.State, MachineState.ArgumentsOffset + (8 * o));
            int operand = insn.Operand(o);
            if (IsImmediate(operand, 8, out int value))
                _asm.StoreConst(8, place, value);
            else
                _asm.Store(8, place, In(operand, X64Machine.Scratch));
        }
        var fuel = new Mem(X64Machine.State, MachineState.FuelOffset);
        if (_unit.KeepsFuel)
            _asm.Store(8, fuel, X64Machine.Fuel);
        _asm.Move(true, X64Machine.EntryArgument(0), X64Machine.State);
        _asm.MoveConst(X64Machine.EntryArgument(1), (uint)effect.Code);
        _asm.MoveConst(X64Machine.EntryArgument(2), (uint)effect.Origin);
        _asm.Call(new Mem(X64Machine.State, MachineState.HelperGateOffset));
        if (_unit.KeepsFuel)
            _asm.Load(8, X64Machine.Fuel, fuel);
        LeaveIfFault();
        if (insn.Dst >= 0)
            Finish(insn.Dst, Reg.Rax);
    }

    private void CallLocal(in Lir insn)
    {
        ref IrEffect effect = ref _f.Effects[insn.Aux];
        var depth = new Mem(X64Machine.State, MachineState.DepthOffset);
        if (_unit.CountsDepth)
        {
            int label = _asm.NewLabel();
            _asm.Alu(Alu.Cmp, true, depth, Limits.CallFramesMax);
            _asm.JumpIf(Cond.AboveOrEqual, label);
            _slow.Add(new Slow(SlowKind.Depth, label, 0, effect.Origin));
            _asm.Alu(Alu.Add, true, depth, 1);
        }
        _moves = 0;
        for (int o = 0; o < Lir.OperandCount; o++)
            AddMove(X64Machine.Arguments[o], PlaceOf(insn.Operand(o)));
        MoveAll();
        if (_isMain)
        {
            _asm.MoveConst(Reg.R9, Region.AddressOf(Region.Stack, 2 * Limits.StackBytesMax));
        }
        else
        {
            _asm.Load(8, Reg.R9, FrameSlot);
            _asm.Alu(Alu.Add, true, Reg.R9, Limits.StackBytesMax);
        }
        _asm.Call(_unit.FunctionLabel(_asm, effect.Code));
        if (_unit.CountsDepth)
            _asm.Alu(Alu.Sub, true, depth, 1);
        LeaveIfFault();
        if (insn.Dst >= 0)
            Finish(insn.Dst, Reg.Rax);
    }

    private void LeaveIfFault()
    {
        _asm.Alu(Alu.Cmp, false, new Mem(X64Machine.State, MachineState.FaultOffset), 0);
        _asm.JumpIf(Cond.NotEqual, _exit);
    }

    private void EmitSlow()
    {
        for (int i = 0; i < _slow.Count; i++) // it grows meanwhile: an access out of line may fault
        {
            Slow slow = _slow[i];
            _asm.Place(slow.Label);
            switch (slow.Kind)
            {
                case SlowKind.Access:
                    SlowAccess(slow);
                    break;
                case SlowKind.Outside:
                    Outside(slow);
                    break;
                case SlowKind.Fuel:
                    Leave(FaultReason.OutOfFuel, slow.Aux);
                    break;
                case SlowKind.FirstFuel:
                    Note(X64Machine.EntryArgument(0), FaultReason.OutOfFuel, slow.Aux);
                    _asm.Return(); // nothing was saved yet
                    break;
                case SlowKind.Depth:
                    Leave(FaultReason.CallDepth, slow.Aux);
                    break;
                default:
                    SlowDivision(slow);
                    break;
            }
        }
    }

    private void Leave(FaultReason reason, int insn)
    {
        Note(X64Machine.State, reason, insn);
        _asm.Jump(_exit);
    }

    private void Note(Reg state, FaultReason reason, int insn)
    {
        _asm.StoreConst(4, new Mem(state, MachineState.FaultInsnOffset), insn);
        _asm.StoreConst(4, new Mem(state, MachineState.FaultOffset), (int)reason);
    }

    private void SlowAccess(in Slow slow)
    {
        ref Lir insn = ref _list.Insns[slow.Aux];
        if (slow.Distance != Reg.None)
            _asm.Move(true, X64Machine.Scratch, slow.Distance);
        _asm.Alu(Alu.Add, true, X64Machine.Scratch, Word(slow.Region, Region.StartOffset));
        CheckByTable(_f.Effects[insn.Aux], slow.Aux, slow.Back);
        Touch(insn, new Mem(X64Machine.Scratch));
        _asm.Jump(slow.Back);
    }

    /// <summary>
    /// The guest address in the emitter's register lies in no memory: it may be a field of a context with rules, which the machine reads and writes; otherwise
    /// that is a fault.
    /// </summary>
    private void Outside(in Slow slow)
    {
        ref Lir insn = ref _list.Insns[slow.Aux];
        ref IrEffect effect = ref _f.Effects[insn.Aux];
        bool writes = effect.Kind != IrEffectKind.Load;
        if (effect.Kind == IrEffectKind.Atomic)
        {
            _asm.Store(8, new Mem(X64Machine.State, MachineState.FaultAddressOffset), X64Machine.Scratch);
            _asm.StoreConst(4, new Mem(X64Machine.State, MachineState.FaultSizeOffset), -effect.Size);
            Leave(FaultReason.WriteOutOfBounds, effect.Origin);
            return;
        }
        var arguments = new Mem(X64Machine.State, MachineState.ArgumentsOffset);
        _asm.Store(8, arguments, X64Machine.Scratch);
        _asm.StoreConst(8, arguments with { Displacement = arguments.Displacement + 8 }, effect.Size);
        _asm.StoreConst(8, arguments with { Displacement = arguments.Displacement + 24 }, effect.Origin);
        if (writes)
        {
            LoadTo(X64Machine.Scratch, insn.A);
            _asm.Store(8, arguments with { Displacement = arguments.Displacement + 16 }, X64Machine.Scratch);
        }
        _asm.Call(_unit.ContextLabel(_asm, writes));
        LeaveIfFault();
        if (!writes && insn.Dst >= 0)
            Finish(insn.Dst, X64Machine.Scratch);
        _asm.Jump(slow.Back);
    }

    /// <summary>The dividend is in rax.</summary>
    private void SlowDivision(in Slow slow)
    {
        bool remainder = slow.Aux != 0, wide = slow.Kind is SlowKind.WideByZero or SlowKind.WideByMinusOne, zero = slow.Kind is SlowKind.ByZero or SlowKind.WideByZero;
        if (zero && remainder)
            _asm.Move(wide, Reg.Rdx, Reg.Rax);
        else if (zero)
            _asm.Alu(Alu.Xor, false, Reg.Rax, Reg.Rax);
        else if (remainder)
            _asm.Alu(Alu.Xor, false, Reg.Rdx, Reg.Rdx);
        else
            _asm.Unary(Unary.Neg, wide, Reg.Rax);
        _asm.Jump(slow.Back);
    }
}
