using Hachi.Ir;
using Hachi.Ir.Schedule;
using Hachi.Isa;
using Hachi.Vm.Jit.X64.Encode;

namespace Hachi.Vm.Jit.X64.Select;

internal sealed partial class X64Selector
{
    private void SelectValue(int value)
    {
        IrValue v = _f.Values[value];
        if (!_needed[value] || v.Op is IrOp.Param or IrOp.Frame or IrOp.State)
            return;
        int width = v.Size == 8 ? 8 : 4;
        var insn = new Lir(LirOp.Const) { Dst = value, Width = (byte)width };
        switch (v.Op)
        {
            case IrOp.Const:
                insn.A = Lir.Constant(value);
                break;
            case IrOp.StateWord:
                (insn.Op, insn.Disp) = (LirOp.Word, (int)v.Imm);
                break;
            case IrOp.Add:
                SelectAdd(ref insn, v, width);
                break;
            case IrOp.Sub or IrOp.And or IrOp.Or or IrOp.Xor:
                SelectAlu(ref insn, v, width);
                break;
            case IrOp.Mul:
                SelectMultiply(ref insn, v, width);
                break;
            case IrOp.Shl or IrOp.Shr or IrOp.Sar or IrOp.Rol:
                insn.Op = LirOp.Shift;
                insn.Code = (byte)(v.Op switch { IrOp.Shl => Shift.Shl, IrOp.Shr => Shift.Shr, IrOp.Sar => Shift.Sar, _ => Shift.Rol });
                insn.A = Use(v.A);
                insn.B = UseOrConstant(v.B);
                break;
            case IrOp.Neg:
                (insn.Op, insn.A) = (LirOp.Neg, Use(v.A));
                break;
            case IrOp.ZeroExtend or IrOp.SignExtend:
                SelectExtension(ref insn, v);
                break;
            case IrOp.ByteSwap:
                (insn.Op, insn.Width, insn.A) = (LirOp.Swap, v.Size, Use(v.A));
                break;
            case IrOp.MulHigh:
                (insn.Op, insn.A, insn.B) = (LirOp.MulHigh, Use(v.A), Use(v.B));
                break;
            case IrOp.UDiv or IrOp.UMod or IrOp.SDiv or IrOp.SMod:
                insn.Op = LirOp.Div;
                insn.Code = (byte)((v.Op is IrOp.SDiv or IrOp.SMod ? Lir.Signed : 0) | (v.Op is IrOp.UMod or IrOp.SMod ? Lir.Remainder : 0));
                if (_f.Values[v.B].Op == IrOp.Const)
                    insn.Code |= Lir.NotZero; // 0 and -1 were folded
                (insn.A, insn.B) = (Use(v.A), Use(v.B));
                break;
            case IrOp.Select:
                SelectChoice(ref insn, v);
                break;
            default:
                throw new InvalidOperationException(); // IsSupported lets no other operation through
        }
        List.Add(insn);
    }

    private void SelectAlu(ref Lir insn, in IrValue v, int width)
    {
        insn.Op = LirOp.Alu;
        insn.Code = (byte)(v.Op switch { IrOp.Sub => Alu.Sub, IrOp.And => Alu.And, IrOp.Or => Alu.Or, _ => Alu.Xor });
        int a = v.A, b = v.B;
        if (v.Op != IrOp.Sub && IsFoldableLoad(a, width))
            (a, b) = (b, a);
        if (_f.Values[a].Op == IrOp.Const && v.Op != IrOp.Sub)
            (a, b) = (b, a);
        insn.A = UseOrConstant(a);
        SecondOperand(ref insn, b, width);
    }

    private void SelectAdd(ref Lir insn, in IrValue v, int width)
    {
        int a = v.A, b = v.B;
        if (IsFoldableLoad(a, width) || _f.Values[a].Op == IrOp.Const)
            (a, b) = (b, a);
        bool immediate = FitsImmediate(b, width);
        int shifted = IsSingleShift(a, width) ? a : IsSingleShift(b, width) ? b : -1;
        bool sum = immediate && IsSingle(a, IrOp.Add, width) && IsInSameLoop(a) && _f.Values[_f.Values[a].B].Op != IrOp.Const;
        if (!sum && shifted < 0)
        {
            (insn.Op, insn.Code, insn.A) = (LirOp.Alu, (byte)Alu.Add, Use(a));
            SecondOperand(ref insn, b, width);
            return;
        }
        insn.Op = LirOp.Lea;
        if (sum)
        {
            insn.Disp = (int)_f.Values[b].Imm;
            (a, b) = (_f.Values[a].A, _f.Values[a].B);
            shifted = IsSingleShift(a, width) ? a : IsSingleShift(b, width) ? b : -1;
        }
        else if (immediate)
        {
            (insn.Disp, b) = ((int)_f.Values[b].Imm, -1);
        }
        if (shifted >= 0)
        {
            int other = shifted == a ? b : a;
            insn.Base = other < 0 ? Lir.None : Use(other);
            insn.Index = Use(_f.Values[shifted].A);
            insn.Scale = (byte)_f.Values[_f.Values[shifted].B].Imm;
            return;
        }
        (insn.Base, insn.Index) = (Use(a), Use(b));
    }

    /// <summary>Whether a value is x shifted left by 1 to 3 and used here alone.</summary>
    private bool IsSingleShift(int value, int width)
    {
        if (!IsSingle(value, IrOp.Shl, width) || !IsInSameLoop(value))
            return false;
        ref IrValue count = ref _f.Values[_f.Values[value].B];
        return count.Op == IrOp.Const && count.Imm is >= 1 and <= 3;
    }

    private void SelectMultiply(ref Lir insn, in IrValue v, int width)
    {
        int a = v.A, b = v.B;
        if (IsFoldableLoad(a, width) || _f.Values[a].Op == IrOp.Const)
            (a, b) = (b, a);
        if (_f.Values[b].Op == IrOp.Const && _f.Values[b].Imm is 3 or 5 or 9)
        {
            insn.Op = LirOp.Lea;
            insn.Base = insn.Index = Use(a);
            insn.Scale = (byte)(_f.Values[b].Imm switch { 3 => 1, 5 => 2, _ => 3 });
            return;
        }
        (insn.Op, insn.A) = (LirOp.Mul, Use(a));
        SecondOperand(ref insn, b, width);
    }

    private void SelectExtension(ref Lir insn, in IrValue v)
    {
        insn.Op = v.Op == IrOp.ZeroExtend ? LirOp.ZeroExtend : LirOp.SignExtend;
        insn.Width = v.Size;
        if (IsFoldableLoad(v.A, v.Size))
            FoldLoad(ref insn, v.A);
        else
            insn.A = Use(v.A);
    }

    private void SelectChoice(ref Lir insn, in IrValue v)
    {
        ref IrValue compared = ref _f.Values[v.A];
        insn.Op = LirOp.Select;
        int whenTrue = v.B, whenFalse = (int)v.Imm;
        Compare(ref insn, (IrCompare)compared.Size, compared.A, compared.B, memory: false);
        if (_f.Values[whenTrue].Op == IrOp.Const && _f.Values[whenFalse].Op != IrOp.Const)
            (whenTrue, whenFalse, insn.Cond) = (whenFalse, whenTrue, insn.Cond.Not());
        if (IsBit(whenTrue, 1) && IsBit(whenFalse, 0))
            insn.C = Lir.Constant(whenTrue);
        else if (IsBit(whenTrue, 0) && IsBit(whenFalse, 1))
            (insn.C, whenFalse, insn.Cond) = (Lir.Constant(whenFalse), whenTrue, insn.Cond.Not());
        else
            insn.C = Use(whenTrue);
        insn.Base = UseOrConstant(whenFalse);
    }

    private bool IsBit(int value, ulong bit) => _f.Values[value].Op == IrOp.Const && _f.Values[value].Imm == bit;

    private void SelectEnd()
    {
        IrBlock block = _f.Blocks[_block];
        for (int s = BlockGraph.SuccessorCount(block) - 1; s >= 0; s--)
        {
            int args = BlockGraph.ArgsOf(block, s);
            for (int p = _f.Blocks[BlockGraph.Successor(block, s)].Phi; p >= 0; p = _f.Phis[p].Next, args++)
                if (_placement.UsesOf(_f.Phis[p].Value) > 0)
                    UseOrConstant(_f.EdgeArgs[args]);
        }
        var insn = new Lir(LirOp.Goto);
        switch (block.End)
        {
            case IrEnd.Branch:
                insn.Op = LirOp.Branch;
                Compare(ref insn, block.Compare, block.A, block.B, memory: true);
                break;
            case IrEnd.Return:
                (insn.Op, insn.A) = (LirOp.Return, UseOrConstant(block.A));
                break;
            case IrEnd.Fault:
                insn.Op = LirOp.Fault;
                break;
        }
        List.Add(insn);
    }

    private void Compare(ref Lir insn, IrCompare compare, int a, int b, bool memory)
    {
        int width = compare >= IrCompare.Eq64 ? 8 : 4;
        insn.Width = (byte)width;
        var kind = (IrCompare)((int)compare & 7);
        insn.Cond = kind switch
        {
            IrCompare.Eq => Cond.Equal,
            IrCompare.Gt => Cond.Above,
            IrCompare.Ge => Cond.AboveOrEqual,
            IrCompare.SGt => Cond.Greater,
            IrCompare.SGe => Cond.GreaterOrEqual,
            _ => Cond.NotEqual,
        };
        if (kind == IrCompare.Set)
            insn.Code = Lir.Test;
        if (_f.Values[a].Op == IrOp.Const || (memory && !FitsImmediate(b, width) && IsFoldableLoad(b, width)))
            (a, b, insn.Cond) = (b, a, insn.Cond.Swapped());
        bool zero = _f.Values[b].Op == IrOp.Const && (width == 8 ? _f.Values[b].Imm : (uint)_f.Values[b].Imm) == 0;
        if (zero && kind == IrCompare.Eq && IsSingle(a, IrOp.And, width) && IsInSameLoop(a))
        {
            insn.Code = Lir.Test; // (x & y) == 0 => a test
            (a, b) = (_f.Values[a].A, _f.Values[a].B);
        }
        if (memory && IsFoldableLoad(a, width) && (FitsImmediate(b, width) || b != a))
        {
            FoldLoad(ref insn, a);
            insn.B = UseOrImmediate(b, width);
            return;
        }
        if (memory && IsFoldableLoad(a, 1) && IsByteComparison(insn, b))
        {
            FoldLoad(ref insn, a);
            (insn.Width, insn.B) = (1, Lir.Constant(b));
            return;
        }
        insn.A = UseOrConstant(a);
        insn.B = UseOrImmediate(b, width);
    }

    /// <summary>Whether comparing one byte gives the same as comparing the zero-extended byte.</summary>
    private bool IsByteComparison(in Lir insn, int b) =>
        _f.Values[b].Op == IrOp.Const && _f.Values[b].Imm <= byte.MaxValue && insn.Cond is not (Cond.Less or Cond.LessOrEqual or Cond.Greater or Cond.GreaterOrEqual);
}
