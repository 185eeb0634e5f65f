using System.Buffers.Binary;
using System.Numerics;
using System.Reflection;
using System.Reflection.Emit;
using Hachi.Ir;
using Hachi.Isa;

namespace Hachi.Vm.Jit.Il;

/// <content>Values and comparisons.</content>
internal sealed partial class EbpfIlEmitter
{
    private static readonly MethodInfo s_rotate32 = ((Func<uint, int, uint>)BitOperations.RotateLeft).Method, s_rotate64 = ((Func<ulong, int, ulong>)BitOperations.RotateLeft).Method,
        s_swap16 = ((Func<ushort, ushort>)BinaryPrimitives.ReverseEndianness).Method, s_swap32 = ((Func<uint, uint>)BinaryPrimitives.ReverseEndianness).Method,
        s_swap64 = ((Func<ulong, ulong>)BinaryPrimitives.ReverseEndianness).Method, s_divide = ((Func<int, ulong, ulong, ulong>)EbpfIlGate.Divide).Method,
        s_divide32 = ((Func<int, uint, uint, uint>)EbpfIlGate.Divide32).Method;

    /// <summary>Puts a value on the evaluation stack, as 64 or as its low 32 bits.</summary>
    private void Push(int value, bool wide)
    {
        ref IrValue v = ref _f.Values[value];
        if (v.Op == IrOp.Const)
        {
            if (wide)
                _il.Emit(OpCodes.Ldc_I8, (long)v.Imm);
            else
                _il.Emit(OpCodes.Ldc_I4, (int)(uint)v.Imm);
            return;
        }
        if (v.Op == IrOp.Phi)
            _il.Emit(OpCodes.Ldloc, PhiLocal(value));
        else if (_locals[value] is { } local)
            _il.Emit(OpCodes.Ldloc, local);
        else
            Compute(value);
        if (wide && _isNarrow[value])
            _il.Emit(OpCodes.Conv_U8);
        else if (!wide && !_isNarrow[value])
            _il.Emit(OpCodes.Conv_U4);
    }

    private void Compute(int value)
    {
        ref IrValue v = ref _f.Values[value];
        bool wide = v.Size == 8;
        switch (v.Op)
        {
            case IrOp.Param:
                _il.Emit(OpCodes.Ldarg, (short)((int)v.Imm + (_isMain ? 1 : 0)));
                break;
            case IrOp.Frame:
                _il.Emit(OpCodes.Ldarg, (short)(Limits.CallArgumentsMax + 1));
                break;
            case IrOp.State:
                PushState();
                _il.Emit(OpCodes.Conv_U8);
                break;
            case IrOp.StateWord:
                State((int)v.Imm);
                _il.Emit(OpCodes.Ldind_I8);
                break;
            case IrOp.Add or IrOp.Sub or IrOp.Mul or IrOp.And or IrOp.Or or IrOp.Xor:
                Push(v.A, wide);
                Push(v.B, wide);
                _il.Emit(v.Op switch { IrOp.Add => OpCodes.Add, IrOp.Sub => OpCodes.Sub, IrOp.Mul => OpCodes.Mul, IrOp.And => OpCodes.And, IrOp.Or => OpCodes.Or, _ => OpCodes.Xor });
                break;
            case IrOp.Shl or IrOp.Shr or IrOp.Sar:
                Push(v.A, wide);
                PushCount(v.B, wide ? 63 : 31);
                _il.Emit(v.Op switch { IrOp.Shl => OpCodes.Shl, IrOp.Shr => OpCodes.Shr_Un, _ => OpCodes.Shr });
                break;
            case IrOp.Rol:
                Push(v.A, wide);
                Push(v.B, wide: false);
                _il.Emit(OpCodes.Call, wide ? s_rotate64 : s_rotate32);
                break;
            case IrOp.Neg:
                Push(v.A, wide);
                _il.Emit(OpCodes.Neg);
                break;
            case IrOp.ZeroExtend:
                Push(v.A, wide: false);
                if (v.Size < 4)
                    _il.Emit(v.Size == 1 ? OpCodes.Conv_U1 : OpCodes.Conv_U2);
                break;
            case IrOp.SignExtend:
                Push(v.A, wide: false);
                _il.Emit(v.Size switch { 1 => OpCodes.Conv_I1, 2 => OpCodes.Conv_I2, _ => OpCodes.Conv_I4 });
                _il.Emit(OpCodes.Conv_I8);
                break;
            case IrOp.ByteSwap:
                Push(v.A, v.Size == 8);
                if (v.Size == 2)
                    _il.Emit(OpCodes.Conv_U2);
                _il.Emit(OpCodes.Call, v.Size switch { 2 => s_swap16, 4 => s_swap32, _ => s_swap64 });
                break;
            case IrOp.Select:
                ComputeSelect(v, value);
                break;
            case IrOp.UDiv or IrOp.UMod or IrOp.SDiv or IrOp.SMod:
                ComputeDivision(v, wide);
                break;
            default:
                throw new NotSupportedException(v.Op.ToString());
        }
    }

    private void PushCount(int value, int mask)
    {
        if (_f.Values[value].Op == IrOp.Const)
        {
            _il.Emit(OpCodes.Ldc_I4, (int)_f.Values[value].Imm & mask);
            return;
        }
        Push(value, wide: false);
        _il.Emit(OpCodes.Ldc_I4, mask);
        _il.Emit(OpCodes.And);
    }

    private void ComputeDivision(in IrValue v, bool wide)
    {
        bool isSigned = v.Op is IrOp.SDiv or IrOp.SMod;
        ref IrValue divisor = ref _f.Values[v.B];
        bool isPlain = divisor.Op == IrOp.Const && divisor.Imm != 0 && (!isSigned || (wide ? divisor.Imm != ulong.MaxValue : (uint)divisor.Imm != uint.MaxValue)) || v.Imm == NeverZero && !isSigned;
        if (isPlain)
        {
            Push(v.A, wide);
            Push(v.B, wide);
            _il.Emit(v.Op switch { IrOp.UDiv => OpCodes.Div_Un, IrOp.UMod => OpCodes.Rem_Un, IrOp.SDiv => OpCodes.Div, _ => OpCodes.Rem });
            return;
        }
        AluOp op = v.Op switch { IrOp.UDiv => AluOp.Div, IrOp.UMod => AluOp.Mod, IrOp.SDiv => AluOp.SDiv, _ => AluOp.SMod };
        _il.Emit(OpCodes.Ldc_I4, (int)op);
        Push(v.A, wide);
        Push(v.B, wide);
        _il.Emit(OpCodes.Call, wide ? s_divide : s_divide32);
    }

    /// <summary>In a division's Imm: the divisor was shown not to be 0.</summary>
    private const ulong NeverZero = 1;

    private void ComputeSelect(in IrValue v, int value)
    {
        Label yes = _il.DefineLabel(), end = _il.DefineLabel();
        ref IrValue asked = ref _f.Values[v.A];
        bool wide = !_isNarrow[value];
        BranchWhen((IrCompare)asked.Size, asked.A, asked.B, yes);
        Push((int)v.Imm, wide);
        _il.Emit(OpCodes.Br, end);
        _il.MarkLabel(yes);
        Push(v.B, wide);
        _il.MarkLabel(end);
    }

    // Jumps when a comparison holds, or when it does not.
    private void BranchWhen(IrCompare compare, int a, int b, Label target, bool holds = true)
    {
        bool wide = compare >= IrCompare.Eq64 && !(_isNarrow[a] && _isNarrow[b] && compare < IrCompare.SGt64);
        IrCompare kind = compare >= IrCompare.Eq64 ? compare - (IrCompare.Eq64 - IrCompare.Eq) : compare;
        Push(a, wide);
        if (_f.Values[b] is { Op: IrOp.Const } limit && IlHelpers.IsRotation(_f, a)
            && (wide ? (long)limit.Imm : (int)(uint)limit.Imm) is var word && (word is 0 or 1 ? kind != IrCompare.Set : word == -1 && kind == IrCompare.SGt))
            IlHelpers.Settle(_il);
        if (kind == IrCompare.Eq && _f.Values[b] is { Op: IrOp.Const, Imm: 0 })
        {
            _il.Emit(holds ? OpCodes.Brfalse : OpCodes.Brtrue, target);
            return;
        }
        Push(b, wide);
        if (kind == IrCompare.Set)
            _il.Emit(OpCodes.And);
        _il.Emit(kind switch
        {
            IrCompare.Eq => holds ? OpCodes.Beq : OpCodes.Bne_Un,
            IrCompare.Gt => holds ? OpCodes.Bgt_Un : OpCodes.Ble_Un,
            IrCompare.Ge => holds ? OpCodes.Bge_Un : OpCodes.Blt_Un,
            IrCompare.Set => holds ? OpCodes.Brtrue : OpCodes.Brfalse,
            IrCompare.SGt => holds ? OpCodes.Bgt : OpCodes.Ble,
            _ => holds ? OpCodes.Bge : OpCodes.Blt,
        }, target);
    }
}
