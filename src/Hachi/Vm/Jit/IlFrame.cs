using System.Diagnostics.CodeAnalysis;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Hachi.Captures;

namespace Hachi.Vm.Jit;

/// <summary>One verdict: <c>uint f(byte* packet, uint length, uint wireLength, PacketMetadata* metadata)</c>.</summary>
internal unsafe delegate uint VerdictCode(byte* packet, uint length, uint wireLength, PacketMetadata* metadata);

/// <summary>A batch: <c>int f(byte* bytes, PacketRecord* records, int count, int* accepted)</c>; writes the indexes of the accepted records and returns how many.</summary>
internal unsafe delegate int SelectCode(byte* bytes, PacketRecord* records, int count, int* accepted);

/// <summary>Where emitted code finds the packet, and what it does with a verdict: the two shapes of a compiled filter.</summary>
[RequiresDynamicCode("emits IL")]
internal abstract class IlFrame
{
    protected IlFrame(ILGenerator il) => Scratch = il.DeclareLocal(typeof(int));

    /// <summary>A local for the moment.</summary>
    public LocalBuilder Scratch { get; }

    public abstract void PushPacket(ILGenerator il);

    public abstract void PushLength(ILGenerator il);

    public abstract void PushWireLength(ILGenerator il);

    public abstract void PushMetadata(ILGenerator il);

    /// <summary>Emits what stands before the first block.</summary>
    public abstract void Prologue(ILGenerator il);

    /// <summary>Emits what a block does with a constant verdict.</summary>
    public abstract void Return(ILGenerator il, uint verdict);

    /// <summary>The same with the verdict on the stack.</summary>
    public abstract void ReturnPushed(ILGenerator il);

    /// <summary>Emits what stands behind the last block.</summary>
    public abstract void Epilogue(ILGenerator il);
}

/// <summary>The frame of <see cref="VerdictCode"/>.</summary>
[RequiresDynamicCode("emits IL")]
internal sealed class VerdictFrame(ILGenerator il) : IlFrame(il)
{
    public override void PushPacket(ILGenerator il) => il.Emit(OpCodes.Ldarg_0);

    public override void PushLength(ILGenerator il) => il.Emit(OpCodes.Ldarg_1);

    public override void PushWireLength(ILGenerator il) => il.Emit(OpCodes.Ldarg_2);

    public override void PushMetadata(ILGenerator il) => il.Emit(OpCodes.Ldarg_3);

    public override void Prologue(ILGenerator il)
    {
    }

    public override void Return(ILGenerator il, uint verdict)
    {
        il.Emit(OpCodes.Ldc_I4, (int)verdict);
        il.Emit(OpCodes.Ret);
    }

    public override void ReturnPushed(ILGenerator il) => il.Emit(OpCodes.Ret);

    public override void Epilogue(ILGenerator il)
    {
    }
}

/// <summary>The frame of <see cref="SelectCode"/>: the packet loop stands inside the compiled method, and a verdict leads to the next packet.</summary>
[RequiresDynamicCode("emits IL")]
internal sealed class SelectFrame : IlFrame
{
    private static readonly int s_dataOffset = OffsetOf(static (ref r) => ref Unsafe.AsRef(in r.DataOffset));
    private static readonly int s_capturedLength = OffsetOf(static (ref r) => ref Unsafe.AsRef(in r.CapturedLength));
    private static readonly int s_originalLength = OffsetOf(static (ref r) => ref Unsafe.As<uint, int>(ref Unsafe.AsRef(in r.OriginalLength)));

    private readonly LocalBuilder _packet;
    private readonly LocalBuilder _length;
    private readonly LocalBuilder _index;
    private readonly LocalBuilder _accepted;
    private readonly Label _top;
    private readonly Label _next;
    private readonly Label _accept;

    public SelectFrame(ILGenerator il)
        : base(il)
    {
        _packet = il.DeclareLocal(typeof(byte*));
        _length = il.DeclareLocal(typeof(uint));
        _index = il.DeclareLocal(typeof(int));
        _accepted = il.DeclareLocal(typeof(int));
        _top = il.DefineLabel();
        _next = il.DefineLabel();
        _accept = il.DefineLabel();
    }

    private delegate ref int FieldOf(ref PacketRecord record);

    public override void PushPacket(ILGenerator il) => il.Emit(OpCodes.Ldloc, _packet);

    public override void PushLength(ILGenerator il) => il.Emit(OpCodes.Ldloc, _length);

    public override void PushWireLength(ILGenerator il) => PushField(il, s_originalLength);

    public override void PushMetadata(ILGenerator il) => throw new NotSupportedException("metadata is read packet by packet");

    public override void Prologue(ILGenerator il)
    {
        Label test = il.DefineLabel();
        il.Emit(OpCodes.Br, test);
        il.MarkLabel(_accept);
        il.Emit(OpCodes.Ldarg_3);
        il.Emit(OpCodes.Ldloc, _accepted);
        il.Emit(OpCodes.Conv_I);
        il.Emit(OpCodes.Ldc_I4_4);
        il.Emit(OpCodes.Mul);
        il.Emit(OpCodes.Add);
        il.Emit(OpCodes.Ldloc, _index);
        il.Emit(OpCodes.Stind_I4);
        Increment(il, _accepted);
        il.MarkLabel(_next);
        il.Emit(OpCodes.Ldarg_1);
        il.Emit(OpCodes.Ldc_I4, Unsafe.SizeOf<PacketRecord>());
        il.Emit(OpCodes.Add);
        il.Emit(OpCodes.Starg_S, (byte)1);
        Increment(il, _index);
        il.MarkLabel(test);
        il.Emit(OpCodes.Ldloc, _index);
        il.Emit(OpCodes.Ldarg_2);
        il.Emit(OpCodes.Blt, _top);
        il.Emit(OpCodes.Ldloc, _accepted);
        il.Emit(OpCodes.Ret);
        il.MarkLabel(_top);
        il.Emit(OpCodes.Ldarg_0);
        PushField(il, s_dataOffset);
        il.Emit(OpCodes.Add);
        il.Emit(OpCodes.Stloc, _packet);
        PushField(il, s_capturedLength);
        il.Emit(OpCodes.Stloc, _length);
    }

    public override void Return(ILGenerator il, uint verdict) => il.Emit(OpCodes.Br, verdict == 0 ? _next : _accept);

    public override void ReturnPushed(ILGenerator il)
    {
        il.Emit(OpCodes.Brtrue, _accept);
        il.Emit(OpCodes.Br, _next);
    }

    public override void Epilogue(ILGenerator il)
    {
    }

    private static void PushField(ILGenerator il, int offset)
    {
        il.Emit(OpCodes.Ldarg_1);
        il.Emit(OpCodes.Ldc_I4, offset);
        il.Emit(OpCodes.Add);
        il.Emit(OpCodes.Ldind_I4);
    }

    private static void Increment(ILGenerator il, LocalBuilder local)
    {
        il.Emit(OpCodes.Ldloc, local);
        il.Emit(OpCodes.Ldc_I4_1);
        il.Emit(OpCodes.Add);
        il.Emit(OpCodes.Stloc, local);
    }

    private static int OffsetOf(FieldOf field)
    {
        PacketRecord record = default;
        return (int)Unsafe.ByteOffset(ref Unsafe.As<PacketRecord, int>(ref record), ref field(ref record));
    }
}
