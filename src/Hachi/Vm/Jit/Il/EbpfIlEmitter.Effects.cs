using System.Numerics;
using System.Reflection;
using System.Reflection.Emit;
using Hachi.Ir;
using Hachi.Isa;
using Hachi.Vm.Machine;

namespace Hachi.Vm.Jit.Il;

/// <content>Memory, calls, fuel, faults.</content>
internal sealed unsafe partial class EbpfIlEmitter
{
    private delegate byte* FindCall(MachineState* state, ulong address, int sizeIndex);

    private delegate ulong ReadCall(MachineState* state, ulong address, int size, int insn);

    private delegate void WriteCall(MachineState* state, ulong address, int size, ulong value, int insn);

    private delegate ulong FaultCall(MachineState* state, int reason, int insn, ulong address, int size);

    private delegate ulong HelperCall(MachineState* state, int helper, int insn);

    private delegate ulong ModifyCall(byte* at, int size, int operation, ulong source, ulong compare);

    private static readonly MethodInfo s_find = ((FindCall)MachineState.Find).Method, s_findWritable = ((FindCall)MachineState.FindWritable).Method, s_read = ((ReadCall)EbpfIlGate.ReadSlow).Method,
        s_write = ((WriteCall)EbpfIlGate.WriteSlow).Method, s_fault = ((FaultCall)EbpfIlGate.Fault).Method, s_helper = ((HelperCall)EbpfIlGate.Helper).Method,
        s_modify = ((ModifyCall)EbpfIlGate.Modify).Method, s_fence = ((Action)Interlocked.MemoryBarrier).Method;

    private void EmitEffect(IrEffect effect)
    {
        switch (effect.Kind)
        {
            case IrEffectKind.Load:
                EmitLoad(effect);
                break;
            case IrEffectKind.Store:
                EmitStore(effect);
                break;
            case IrEffectKind.Atomic:
                EmitAtomic(effect);
                break;
            case IrEffectKind.CallHelper:
                EmitHelper(effect);
                break;
            case IrEffectKind.CallLocal:
                EmitCall(effect);
                break;
            case IrEffectKind.Fuel:
                EmitFuel(effect);
                break;
            case IrEffectKind.Clear:
                PushAddress(effect);
                _il.Emit(OpCodes.Ldc_I4_0);
                _il.Emit(OpCodes.Ldc_I4, effect.Code);
                _il.Emit(OpCodes.Initblk);
                break;
            default:
                _il.Emit(OpCodes.Call, s_fence);
                break;
        }
    }

    private void EmitLoad(in IrEffect effect)
    {
        bool isUsed = _placement.UsesOf(effect.Value) > 0;
        if (effect.Access is IrAccess.Host or IrAccess.Proven)
        {
            if (!isUsed)
                return;
            PushAddress(effect);
            Read(effect.Size);
            Define(effect.Value);
            return;
        }
        Label found = _il.DefineLabel(), done = _il.DefineLabel();
        Check(effect, isWrite: false, found, SlowRead);
        _il.MarkLabel(found);
        _il.Emit(OpCodes.Ldloc, _pointer);
        Read(effect.Size);
        Define(effect.Value);
        _il.MarkLabel(done);

        void SlowRead(IrEffect e)
        {
            StoreFuel();
            PushState();
            _il.Emit(OpCodes.Ldloc, _address);
            _il.Emit(OpCodes.Ldc_I4, (int)e.Size);
            _il.Emit(OpCodes.Ldc_I4, e.Origin);
            _il.Emit(OpCodes.Call, s_read);
            if (e.Size <= 4)
                _il.Emit(OpCodes.Conv_U4);
            Define(e.Value);
            LeaveOnFault();
            _il.Emit(OpCodes.Br, done);
        }
    }

    private void EmitStore(in IrEffect effect)
    {
        if (effect.Access is IrAccess.Host or IrAccess.Proven)
        {
            PushAddress(effect);
            Push(effect.Source, effect.Size == 8);
            Write(effect.Size);
            return;
        }
        Label found = _il.DefineLabel(), done = _il.DefineLabel();
        Check(effect, isWrite: true, found, SlowWrite);
        _il.MarkLabel(found);
        _il.Emit(OpCodes.Ldloc, _pointer);
        Push(effect.Source, effect.Size == 8);
        Write(effect.Size);
        _il.MarkLabel(done);

        void SlowWrite(IrEffect e)
        {
            StoreFuel();
            PushState();
            _il.Emit(OpCodes.Ldloc, _address);
            _il.Emit(OpCodes.Ldc_I4, (int)e.Size);
            Push(e.Source, wide: true);
            _il.Emit(OpCodes.Ldc_I4, e.Origin);
            _il.Emit(OpCodes.Call, s_write);
            LeaveOnFault();
            _il.Emit(OpCodes.Br, done);
        }
    }

    private void EmitAtomic(in IrEffect effect)
    {
        Label found = _il.DefineLabel();
        if (effect.Access is IrAccess.Host or IrAccess.Proven)
        {
            PushAddress(effect);
            _il.Emit(OpCodes.Stloc, _pointer);
        }
        else
        {
            Check(effect, isWrite: true, found, e => RaiseFault((int)FaultReason.WriteOutOfBounds, e.Origin, _address, -e.Size));
        }
        _il.MarkLabel(found);
        _il.Emit(OpCodes.Ldloc, _pointer);
        _il.Emit(OpCodes.Conv_U);
        _il.Emit(OpCodes.Ldc_I4, (int)effect.Size);
        _il.Emit(OpCodes.Ldc_I4, effect.Code);
        Push(effect.Source, wide: true);
        Push(effect.Compare, wide: true);
        _il.Emit(OpCodes.Call, s_modify);
        if (effect.Size <= 4)
            _il.Emit(OpCodes.Conv_U4);
        Define(effect.Value);
    }

    // Finds the host address of a checked access in _pointer, or leaves the straight line: to what `slow` emits, which must not come back to `found`.
    private void Check(IrEffect effect, bool isWrite, Label found, Action<IrEffect> slow)
    {
        PushGuest(effect);
        _il.Emit(OpCodes.Stloc, _address);
        int index = BitOperations.Log2(effect.Size);
        Label elsewhere = _il.DefineLabel();
        if (effect.Access == IrAccess.CheckedRegion)
        {
            _il.Emit(OpCodes.Ldloc, _address);
            State(RegionField(effect.Region, Region.StartOffset));
            _il.Emit(OpCodes.Ldind_I8);
            _il.Emit(OpCodes.Sub);
            State(RegionField(effect.Region, (isWrite ? Region.PastWriteOffset : Region.PastReadOffset) + index * 8));
            _il.Emit(OpCodes.Ldind_I8);
            _il.Emit(OpCodes.Bge_Un, elsewhere);
            _il.Emit(OpCodes.Ldloc, _address);
            State(RegionField(effect.Region, Region.DeltaOffset));
            _il.Emit(OpCodes.Ldind_I8);
            _il.Emit(OpCodes.Add);
            _il.Emit(OpCodes.Stloc, _pointer);
            _outOfLine.Add(() =>
            {
                _il.MarkLabel(elsewhere);
                General(isWrite, index);
                _il.Emit(OpCodes.Brtrue, found);
                slow(effect);
            });
            return;
        }
        General(isWrite, index);
        _il.Emit(OpCodes.Brfalse, elsewhere);
        _outOfLine.Add(() =>
        {
            _il.MarkLabel(elsewhere);
            slow(effect);
        });
    }

    private void General(bool isWrite, int index)
    {
        PushState();
        _il.Emit(OpCodes.Ldloc, _address);
        _il.Emit(OpCodes.Ldc_I4, index);
        _il.Emit(OpCodes.Call, isWrite ? s_findWritable : s_find);
        _il.Emit(OpCodes.Conv_U8);
        _il.Emit(OpCodes.Stloc, _pointer);
        _il.Emit(OpCodes.Ldloc, _pointer);
    }

    private void PushGuest(in IrEffect effect)
    {
        Push(effect.Address, wide: true);
        if (effect.Displacement == 0)
            return;
        _il.Emit(OpCodes.Ldc_I8, (long)effect.Displacement);
        _il.Emit(OpCodes.Add);
    }

    // The host address of an access that needs no check.
    private void PushAddress(in IrEffect effect)
    {
        if (effect.Access == IrAccess.Proven)
        {
            Push(effect.Address, wide: true);
            _il.Emit(OpCodes.Ldloc, Delta(effect.Region));
            _il.Emit(OpCodes.Add);
            if (effect.Displacement != 0)
            {
                _il.Emit(OpCodes.Ldc_I8, (long)effect.Displacement);
                _il.Emit(OpCodes.Add);
            }
        }
        else
        {
            PushGuest(effect);
        }
        _il.Emit(OpCodes.Conv_U);
    }

    private void Read(int size)
    {
        if (size > 1)
            _il.Emit(OpCodes.Unaligned, (byte)1);
        _il.Emit(size switch { 1 => OpCodes.Ldind_U1, 2 => OpCodes.Ldind_U2, 4 => OpCodes.Ldind_U4, _ => OpCodes.Ldind_I8 });
    }

    private void Write(int size)
    {
        if (size > 1)
            _il.Emit(OpCodes.Unaligned, (byte)1);
        _il.Emit(size switch { 1 => OpCodes.Stind_I1, 2 => OpCodes.Stind_I2, 4 => OpCodes.Stind_I4, _ => OpCodes.Stind_I8 });
    }

    // Keeps what stands on the evaluation stack as a result; drops it when nothing uses it.
    private void Define(int value)
    {
        if (_placement.UsesOf(value) == 0)
        {
            _il.Emit(OpCodes.Pop);
            return;
        }
        _locals[value] ??= _il.DeclareLocal(_isNarrow[value] ? typeof(uint) : typeof(ulong));
        _il.Emit(OpCodes.Stloc, _locals[value]!);
    }

    private void EmitHelper(in IrEffect effect)
    {
        for (int a = 0; a < Limits.CallArgumentsMax; a++)
        {
            State(MachineState.ArgumentsOffset + a * 8);
            Push(_f.EdgeArgs[effect.Source + a], wide: true);
            _il.Emit(OpCodes.Stind_I8);
        }
        StoreFuel();
        PushState();
        _il.Emit(OpCodes.Ldc_I4, effect.Code);
        _il.Emit(OpCodes.Ldc_I4, effect.Origin);
        _il.Emit(OpCodes.Call, s_helper);
        Define(effect.Value);
        LoadFuel();
        LeaveOnFault();
    }

    private void EmitCall(in IrEffect effect)
    {
        Label deep = _il.DefineLabel();
        int origin = effect.Origin;
        State((int)MachineState.DepthOffset);
        _il.Emit(OpCodes.Ldind_I8);
        _il.Emit(OpCodes.Ldc_I8, (long)Limits.CallFramesMax);
        _il.Emit(OpCodes.Bge, deep);
        _outOfLine.Add(() =>
        {
            _il.MarkLabel(deep);
            RaiseFault((int)FaultReason.CallDepth, origin, null, 0);
        });
        AddToDepth(1);
        StoreFuel();
        PushState();
        for (int a = 0; a < Limits.CallArgumentsMax; a++)
            Push(_f.EdgeArgs[effect.Source + a], wide: true);
        PushCalleeFrame();
        _il.Emit(OpCodes.Call, _functions[effect.Code]);
        Define(effect.Value);
        AddToDepth(-1);
        LoadFuel();
        LeaveOnFault();
    }

    private void PushCalleeFrame()
    {
        if (_isMain)
        {
            _il.Emit(OpCodes.Ldc_I8, (long)Region.AddressOf(Region.Stack, 2 * Limits.StackBytesMax));
            return;
        }
        _il.Emit(OpCodes.Ldarg, (short)(Limits.CallArgumentsMax + 1));
        _il.Emit(OpCodes.Ldc_I8, (long)Limits.StackBytesMax);
        _il.Emit(OpCodes.Add);
    }

    private void AddToDepth(int by)
    {
        State((int)MachineState.DepthOffset);
        State((int)MachineState.DepthOffset);
        _il.Emit(OpCodes.Ldind_I8);
        _il.Emit(OpCodes.Ldc_I8, (long)by);
        _il.Emit(OpCodes.Add);
        _il.Emit(OpCodes.Stind_I8);
    }

    private void EmitFuel(in IrEffect effect)
    {
        Label empty = _il.DefineLabel();
        int origin = effect.Origin;
        _il.Emit(OpCodes.Ldloc, _fuel);
        _il.Emit(OpCodes.Ldc_I8, (long)effect.Code);
        _il.Emit(OpCodes.Sub);
        _il.Emit(OpCodes.Stloc, _fuel);
        _il.Emit(OpCodes.Ldloc, _fuel);
        _il.Emit(OpCodes.Ldc_I4_0);
        _il.Emit(OpCodes.Conv_I8);
        _il.Emit(OpCodes.Blt, empty);
        _outOfLine.Add(() =>
        {
            _il.MarkLabel(empty);
            RaiseFault((int)FaultReason.OutOfFuel, origin, null, 0);
        });
    }

    // The fuel stands in the state when this is asked.
    private void LeaveOnFault()
    {
        State(MachineState.FaultOffset);
        _il.Emit(OpCodes.Ldind_I4);
        _il.Emit(OpCodes.Brtrue, _leave);
    }

    // The last that a function does: nothing needs to live across the call, so that functions without other calls save no registers.
    private void RaiseFault(int reason, int origin, LocalBuilder? address, int size)
    {
        StoreFuel();
        PushState();
        _il.Emit(OpCodes.Ldc_I4, reason);
        _il.Emit(OpCodes.Ldc_I4, origin);
        if (address is null)
            _il.Emit(OpCodes.Ldc_I8, 0L);
        else
            _il.Emit(OpCodes.Ldloc, address);
        _il.Emit(OpCodes.Ldc_I4, size);
        _il.Emit(OpCodes.Call, s_fault);
        _il.Emit(OpCodes.Ret);
    }
}
