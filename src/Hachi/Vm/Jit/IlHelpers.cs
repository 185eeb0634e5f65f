using System.Reflection.Emit;
using Hachi.Captures;
using Hachi.Ir;

namespace Hachi.Vm.Jit;

/// <summary>What emitted code calls.</summary>
internal static unsafe class IlHelpers
{
    internal delegate uint ReadExtension(uint number, uint a, uint x, byte* packet, uint length, PacketMetadata* metadata);

    internal delegate int WalkChain(uint basis, uint offset, uint protocol, uint version, byte* packet, uint length);

    /// <summary>Reads a Linux packet extension; the emitter has made sure that there is one of that number.</summary>
    internal static uint Extension(uint number, uint a, uint x, byte* packet, uint length, PacketMetadata* metadata)
    {
        _ = PacketExtensions.TryRead(number, ref a, x, new ReadOnlySpan<byte>(packet, (int)length), *metadata);
        return a;
    }

    /// <summary>The walk over a chain of headers: 1 found, 0 not found, -1 reject.</summary>
    internal static int Chain(uint basis, uint offset, uint protocol, uint version, byte* packet, uint length) =>
        HeaderChain.Find(new ReadOnlySpan<byte>(packet, (int)length), (long)basis + offset, protocol, version);

    /// <summary>
    /// Puts w | (w &gt;&gt; 1) in place of a word w that is about to be compared with 0 or 1, or asked for its sign: every such comparison has the same outcome.
    /// RyuJIT (.NET 10.0) takes the flags for those of the result when that is a rotation, whose instruction does not set them; of an or they are the result's.
    /// </summary>
    internal static void Settle(ILGenerator il)
    {
        il.Emit(OpCodes.Dup);
        il.Emit(OpCodes.Ldc_I4_1);
        il.Emit(OpCodes.Shr_Un);
        il.Emit(OpCodes.Or);
    }

    /// <summary>Whether a value is a rotation, or one to RyuJIT: it sees them in shifts to both sides that are joined.</summary>
    internal static bool IsRotation(IrFunction f, int value)
    {
        while (f.Values[value] is { Op: IrOp.ZeroExtend or IrOp.SignExtend } wider)
            value = wider.A;
        ref IrValue v = ref f.Values[value];
        return v.Op == IrOp.Rol || (v.Op is IrOp.Add or IrOp.Or or IrOp.Xor && ((IsLeft(f, v.A) && IsRight(f, v.B)) || (IsRight(f, v.A) && IsLeft(f, v.B))));
    }

    private static bool IsLeft(IrFunction f, int value) => f.Values[value].Op is IrOp.Lsh or IrOp.Shl;

    private static bool IsRight(IrFunction f, int value) => f.Values[value].Op is IrOp.Rsh or IrOp.Shr;
}
