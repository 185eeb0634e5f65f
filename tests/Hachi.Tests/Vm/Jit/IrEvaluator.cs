using System.Numerics;
using System.Runtime.CompilerServices;
using Hachi.Ir;
using Hachi.Isa;
using Hachi.Vm.Machine;

namespace Hachi.Tests.Vm.Jit;

/// <summary>What functions in SSA form do, computed the plain way: the witness for back ends.</summary>
internal sealed unsafe class IrEvaluator(IReadOnlyList<IrFunction> functions, MachineState* state)
{
    /// <summary>Runs the main function.</summary>
    public ulong Run(ulong r1, ulong r2) => Call(0, [r1, r2, 0, 0, 0], Region.AddressOf(Region.Stack, Limits.StackBytesMax));

    private ulong Call(int index, ulong[] arguments, ulong frame)
    {
        IrFunction f = functions[index];
        ulong[] named = new ulong[f.ValueCount];
        int block = f.Entry;
        while (true)
        {
            for (int e = f.Blocks[block].FirstEffect; e >= 0; e = f.Effects[e].Next)
            {
                Do(f, f.Effects[e], named, arguments, frame);
                if (state->Fault != 0)
                    return 0;
            }
            IrBlock b = f.Blocks[block];
            ulong Get(int v) => Value(f, v, named, arguments, frame);
            switch (b.End)
            {
                case IrEnd.Return:
                    return Get(b.A);
                case IrEnd.Fault:
                    (state->Fault, state->FaultInsn) = (b.A, b.Origin);
                    return 0;
            }
            bool taken = b.End == IrEnd.Goto || Holds(b.Compare, Get(b.A), Get(b.B));
            int next = taken ? b.True : b.False, args = taken ? b.TrueArgs : b.FalseArgs;
            var passed = new List<(int, ulong)>();
            for (int p = f.Blocks[next].Phi; p >= 0; p = f.Phis[p].Next)
                passed.Add((f.Phis[p].Value, Get(f.EdgeArgs[args++])));
            foreach ((int phi, ulong value) in passed)
                named[phi] = value;
            block = next;
        }
    }

    private void Do(IrFunction f, in IrEffect effect, ulong[] named, ulong[] arguments, ulong frame)
    {
        ulong result = 0;
        switch (effect.Kind)
        {
            case IrEffectKind.Fuel:
                state->Fuel -= effect.Code;
                if (state->Fuel < 0)
                    (state->Fault, state->FaultInsn) = ((int)FaultReason.OutOfFuel, effect.Origin);
                return;
            case IrEffectKind.Fence:
                return;
            case IrEffectKind.CallHelper or IrEffectKind.CallLocal:
                ulong[] passed = new ulong[5];
                for (int i = 0; i < 5; i++)
                    passed[i] = Value(f, f.EdgeArgs[effect.Source + i], named, arguments, frame);
                result = effect.Kind == IrEffectKind.CallHelper ? CallHelper(effect, passed) : CallLocal(effect, passed, frame);
                break;
            default:
                ulong address = Value(f, effect.Address, named, arguments, frame) + (ulong)(long)effect.Displacement;
                byte* host = effect.Access == IrAccess.Host ? (byte*)address : Find(address, effect);
                if (host == null)
                    return;
                ulong source = effect.Kind == IrEffectKind.Load ? 0 : Value(f, effect.Source, named, arguments, frame);
                ulong compare = effect.Kind == IrEffectKind.Atomic ? Value(f, effect.Compare, named, arguments, frame) : 0;
                result = Access(effect, host, source, compare);
                break;
        }
        if (effect.Value >= 0)
            named[effect.Value] = result;
    }

    private ulong CallHelper(in IrEffect effect, ulong[] passed)
    {
        for (int i = 0; i < 5; i++)
            state->Arguments[i] = passed[i];
        return state->HelperGate(state, effect.Code, effect.Origin);
    }

    private ulong CallLocal(in IrEffect effect, ulong[] passed, ulong frame)
    {
        if (state->Depth >= Limits.CallFramesMax)
        {
            (state->Fault, state->FaultInsn) = ((int)FaultReason.CallDepth, effect.Origin);
            return 0;
        }
        state->Depth++;
        ulong result = Call(effect.Code, passed, frame + Limits.StackBytesMax);
        state->Depth--;
        return result;
    }

    private byte* Find(ulong address, in IrEffect effect)
    {
        bool writes = effect.Kind != IrEffectKind.Load;
        int log = BitOperations.Log2(effect.Size);
        if (Region.NumberOf(address) < state->RegionCount)
        {
            Region* region = MachineState.Regions(state) + Region.NumberOf(address);
            if (address - region->Start < (writes ? region->PastWrite[log] : region->PastRead[log]))
                return region->Memory + (address - region->Start);
        }
        state->Fault = (int)(writes ? FaultReason.WriteOutOfBounds : FaultReason.ReadOutOfBounds);
        (state->FaultInsn, state->FaultAddress, state->FaultSize) = (effect.Origin, address, writes ? -effect.Size : effect.Size);
        return null;
    }

    private static ulong Access(in IrEffect effect, byte* host, ulong source, ulong compare)
    {
        ulong held = effect.Size switch
        {
            1 => *host,
            2 => Unsafe.ReadUnaligned<ushort>(host),
            4 => Unsafe.ReadUnaligned<uint>(host),
            _ => Unsafe.ReadUnaligned<ulong>(host),
        };
        if (effect.Kind == IrEffectKind.Load)
            return held;
        if (effect.Kind == IrEffectKind.Atomic)
            source = Semantics.Atomic(effect.Code, held, source, compare, effect.Size * 8);
        new Span<byte>(&source, effect.Size).CopyTo(new Span<byte>(host, effect.Size));
        return held;
    }

    private ulong Value(IrFunction f, int value, ulong[] named, ulong[] arguments, ulong frame)
    {
        IrValue v = f.Values[value];
        ulong Get(int id) => Value(f, id, named, arguments, frame);
        bool wide = v.Size == 8;
        switch (v.Op)
        {
            case IrOp.Const:
                return v.Imm;
            case IrOp.Phi or IrOp.Result:
                return named[value];
            case IrOp.Param:
                return arguments[(int)v.Imm - 1];
            case IrOp.Frame:
                return frame;
            case IrOp.State:
                return (ulong)state;
            case IrOp.SignExtend:
                return Semantics.SignExtend(Get(v.A), v.Size * 8);
            case IrOp.ZeroExtend:
                return Semantics.Truncate(Get(v.A), v.Size * 8);
            case IrOp.ByteSwap:
                return Semantics.ByteSwap(Get(v.A), v.Size * 8);
            case IrOp.Rol:
                return wide ? BitOperations.RotateLeft(Get(v.A), (int)Get(v.B)) : BitOperations.RotateLeft((uint)Get(v.A), (int)Get(v.B));
            case IrOp.Select:
                IrValue compared = f.Values[v.A];
                return Holds((IrCompare)compared.Size, Get(compared.A), Get(compared.B)) ? Get(v.B) : Get((int)v.Imm);
        }
        AluOp op = Enum.Parse<AluOp>(v.Op switch { IrOp.UDiv => "Div", IrOp.UMod => "Mod", IrOp.Shl => "Lsh", IrOp.Shr => "Rsh", IrOp.Sar => "Arsh", _ => v.Op.ToString() });
        ulong a = Get(v.A), b = v.Op == IrOp.Neg ? 0 : Get(v.B);
        return wide ? Semantics.Alu64(op, a, b) : Semantics.Alu32(op, (uint)a, (uint)b);
    }

    private static bool Holds(IrCompare compare, ulong a, ulong b)
    {
        CompareOp op = (IrCompare)((int)compare & 7) switch
        {
            IrCompare.Eq => CompareOp.Jeq,
            IrCompare.Gt => CompareOp.Jgt,
            IrCompare.Ge => CompareOp.Jge,
            IrCompare.Set => CompareOp.Jset,
            IrCompare.SGt => CompareOp.Jsgt,
            _ => CompareOp.Jsge,
        };
        return compare >= IrCompare.Eq64 ? Semantics.Compare64(op, a, b) : Semantics.Compare32(op, (uint)a, (uint)b);
    }
}
