using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Reflection.Emit;
using Hachi.Ir;

namespace Hachi.Vm.Jit;

/// <summary>Emits values: computes one on the evaluation stack, or takes it from the local where it was kept. Every load is checked where facts do not cover it.</summary>
[RequiresDynamicCode("emits IL")]
internal sealed class IlValues
{
    private static readonly MethodInfo s_swap16 = ((Func<ushort, ushort>)BinaryPrimitives.ReverseEndianness).Method;
    private static readonly MethodInfo s_swap32 = ((Func<uint, uint>)BinaryPrimitives.ReverseEndianness).Method;
    private static readonly unsafe MethodInfo s_extension = ((IlHelpers.ReadExtension)IlHelpers.Extension).Method;
    private static readonly unsafe MethodInfo s_chain = ((IlHelpers.WalkChain)IlHelpers.Chain).Method;

    private readonly IrFunction _f;
    private readonly ILGenerator _il;
    private readonly IlFrame _frame;
    private readonly int[] _uses;
    private readonly LocalBuilder?[] _locals;

    public IlValues(IrFunction f, ILGenerator il, IlFrame frame, int[] uses)
    {
        _f = f;
        _il = il;
        _frame = frame;
        _uses = uses;
        _locals = new LocalBuilder?[f.ValueCount];
    }

    /// <summary>Where code goes that rejects the packet; set by the emitter for each copy of the body.</summary>
    public Label Reject { get; set; }

    /// <summary>The local that holds a value.</summary>
    public LocalBuilder Local(int value) => _locals[value] ??= _il.DeclareLocal(typeof(uint));

    /// <summary>Checks what a requirement asks for, without computing more than that takes. The evaluation stack must be empty.</summary>
    public void Require(int value, IlFacts facts)
    {
        IrValue v = _f.Values[value];
        switch (v.Op)
        {
            case IrOp.LoadPacket:
                Prepare(v.A, facts);
                CheckLoad(v, facts);
                break;
            case IrOp.Div or IrOp.Mod:
                Prepare(v.B, facts);
                CheckDivisor(v.B, facts);
                break;
            default:
                Prepare(value, facts);
                break;
        }
    }

    /// <summary>
    /// Emits the checks that computing a value takes, and computes what is used more than once into locals, so that <see cref="Push"/> can neither fail nor
    /// grow. The evaluation stack must be empty.
    /// </summary>
    public void Prepare(int value, IlFacts facts)
    {
        IrValue v = _f.Values[value];
        if (v.Op is IrOp.Const or IrOp.Length || facts.IsInLocal(value))
            return;
        if (v.Op != IrOp.Phi)
        {
            Prepare(v.A, facts);
            Prepare(v.B, facts);
        }
        if (v.Op == IrOp.LoadPacket)
            CheckLoad(v, facts);
        else if (v.Op is IrOp.Div or IrOp.Mod)
            CheckDivisor(v.B, facts);
        else if (v.Op == IrOp.ProtoChain)
            WalkChain(v, facts);
        if (_uses[value] < 2 && v.Op != IrOp.ProtoChain)
            return;
        if (v.Op != IrOp.ProtoChain)
            Compute(v, facts);
        _il.Emit(OpCodes.Stloc, Local(value));
        facts.SetInLocal(value);
    }

    /// <summary>Pushes a value that was prepared, as a 32-bit word.</summary>
    public void Push(int value, IlFacts facts)
    {
        if (facts.IsInLocal(value))
            _il.Emit(OpCodes.Ldloc, Local(value));
        else
            Compute(_f.Values[value], facts);
    }

    private void Compute(in IrValue v, IlFacts facts)
    {
        switch (v.Op)
        {
            case IrOp.Const:
                _il.Emit(OpCodes.Ldc_I4, (int)v.K);
                break;
            case IrOp.LoadPacket:
                Load(v, facts);
                break;
            case IrOp.Length:
                _frame.PushWireLength(_il);
                break;
            case IrOp.Extension:
                _il.Emit(OpCodes.Ldc_I4, (int)v.K);
                Push(v.A, facts);
                Push(v.B, facts);
                _frame.PushPacket(_il);
                _frame.PushLength(_il);
                _frame.PushMetadata(_il);
                _il.Emit(OpCodes.Call, s_extension);
                break;
            case IrOp.Neg:
                Push(v.A, facts);
                _il.Emit(OpCodes.Neg);
                break;
            case IrOp.Lsh or IrOp.Rsh:
                Shift(v, facts);
                break;
            case IrOp.Div or IrOp.Mod:
                Push(v.A, facts);
                Push(v.B, facts);
                _il.Emit(v.Op == IrOp.Div ? OpCodes.Div_Un : OpCodes.Rem_Un);
                break;
            default:
                Push(v.A, facts);
                Push(v.B, facts);
                _il.Emit(Binary(v.Op));
                break;
        }
    }

    private static OpCode Binary(IrOp op) => op switch
    {
        IrOp.Add => OpCodes.Add,
        IrOp.Sub => OpCodes.Sub,
        IrOp.Mul => OpCodes.Mul,
        IrOp.And => OpCodes.And,
        IrOp.Or => OpCodes.Or,
        IrOp.Xor => OpCodes.Xor,
        _ => throw new NotSupportedException("no IL for " + op),
    };

    /// <summary>Shifts by 32 and more give 0; the processor would take the amount modulo 32.</summary>
    private void Shift(in IrValue v, IlFacts facts)
    {
        OpCode shift = v.Op == IrOp.Lsh ? OpCodes.Shl : OpCodes.Shr_Un;
        if (_f.IsConst(v.B, out uint k))
        {
            if (k > 31)
            {
                _il.Emit(OpCodes.Ldc_I4_0);
                return;
            }
            Push(v.A, facts);
            _il.Emit(OpCodes.Ldc_I4, (int)k);
            _il.Emit(shift);
            return;
        }
        // (ulong)a shifted by min(b, 32): 64-bit shifts go far enough
        Push(v.A, facts);
        _il.Emit(OpCodes.Conv_U8);
        Push(v.B, facts);
        Label small = _il.DefineLabel();
        _il.Emit(OpCodes.Dup);
        _il.Emit(OpCodes.Ldc_I4, 32);
        _il.Emit(OpCodes.Ble_Un, small);
        _il.Emit(OpCodes.Pop);
        _il.Emit(OpCodes.Ldc_I4, 32);
        _il.MarkLabel(small);
        _il.Emit(shift);
        _il.Emit(OpCodes.Conv_U4);
    }

    private void Load(in IrValue v, IlFacts facts)
    {
        if (!facts.IsPresent(_f, v))
            throw new InvalidOperationException("a load was emitted before its check"); // never unchecked: a stray access would end the process
        _frame.PushPacket(_il);
        if (v.A != IrFunction.Zero)
        {
            Push(v.A, facts);
            _il.Emit(OpCodes.Conv_U);
            _il.Emit(OpCodes.Add);
        }
        if (v.Imm != 0)
        {
            _il.Emit(OpCodes.Ldc_I4, (int)v.Imm);
            _il.Emit(OpCodes.Add);
        }
        switch (v.Size)
        {
            case 1:
                _il.Emit(OpCodes.Ldind_U1);
                break;
            case 2:
                _il.Emit(OpCodes.Unaligned, (byte)1);
                _il.Emit(OpCodes.Ldind_U2);
                if (BitConverter.IsLittleEndian)
                    _il.Emit(OpCodes.Call, s_swap16);
                break;
            default:
                _il.Emit(OpCodes.Unaligned, (byte)1);
                _il.Emit(OpCodes.Ldind_U4);
                if (BitConverter.IsLittleEndian)
                    _il.Emit(OpCodes.Call, s_swap32);
                break;
        }
    }

    /// <summary>Rejects unless the bytes of a load are present; nothing is emitted where facts say that they are.</summary>
    private void CheckLoad(in IrValue v, IlFacts facts)
    {
        if (facts.IsPresent(_f, v))
            return;
        long end = (long)v.Imm + v.Size;
        if (v.A == IrFunction.Zero)
        {
            _frame.PushLength(_il);
            _il.Emit(OpCodes.Ldc_I4, (int)end);
            _il.Emit(OpCodes.Blt_Un, Reject);
        }
        else
        {
            Push(v.A, facts);
            _il.Emit(OpCodes.Conv_U8);
            _il.Emit(OpCodes.Ldc_I8, end);
            _il.Emit(OpCodes.Add);
            _frame.PushLength(_il);
            _il.Emit(OpCodes.Conv_U8);
            _il.Emit(OpCodes.Bgt_Un, Reject);
        }
        facts.SetPresent(v.A, end);
    }

    private void CheckDivisor(int divisor, IlFacts facts)
    {
        if (_f.IsConst(divisor, out uint k))
        {
            if (k == 0)
                _il.Emit(OpCodes.Br, Reject);
            return;
        }
        if (facts.IsDivisible(divisor))
            return;
        Push(divisor, facts);
        if (IlHelpers.IsRotation(_f, divisor))
            IlHelpers.Settle(_il);
        _il.Emit(OpCodes.Brfalse, Reject);
        facts.SetDivisible(divisor);
    }

    /// <summary>The walk is a helper; -1 rejects.</summary>
    private void WalkChain(in IrValue v, IlFacts facts)
    {
        Push(v.A, facts);
        _il.Emit(OpCodes.Ldc_I4, (int)(uint)v.Imm);
        _il.Emit(OpCodes.Ldc_I4, (int)(v.Imm >> 32));
        _il.Emit(OpCodes.Ldc_I4, (int)v.Size);
        _frame.PushPacket(_il);
        _frame.PushLength(_il);
        _il.Emit(OpCodes.Call, s_chain);
        _il.Emit(OpCodes.Stloc, _frame.Scratch);
        _il.Emit(OpCodes.Ldloc, _frame.Scratch);
        _il.Emit(OpCodes.Ldc_I4_0);
        _il.Emit(OpCodes.Blt, Reject);
        _il.Emit(OpCodes.Ldloc, _frame.Scratch);
    }
}
