using System.Numerics;

namespace Hachi.Ir.Passes;

/// <summary>Brings the comparison of a branch into one form, so that equal tests look equal and constants stand on the right.</summary>
internal static class Canonical
{
    /// <summary>Rewrites the end of a block until no rule applies. Rules carry <c>before => after</c>.</summary>
    public static void Compare(IrFunction f, int b)
    {
        while (Step(f, b))
        {
        }
    }

    private static bool Step(IrFunction f, int b)
    {
        ref IrBlock block = ref f.Blocks[b];
        bool constA = f.IsConst(block.A, out uint ka), constB = f.IsConst(block.B, out uint kb);
        if (constA && constB)
        {
            bool holds = IrFold.Evaluate(block.Compare, ka, kb);
            f.Goto(b, holds ? block.True : block.False, holds ? block.TrueArgs : block.FalseArgs);
            return false;
        }
        if (constA) // k == x => x == k, k > x => not x >= k, k >= x => not x > k
        {
            (block.A, block.B) = (block.B, block.A);
            if (block.Compare is IrCompare.Gt or IrCompare.Ge)
            {
                block.Compare = block.Compare == IrCompare.Gt ? IrCompare.Ge : IrCompare.Gt;
                Negate(ref block);
            }
            return true;
        }
        if (block.A == block.B) // x == x => true, x > x => false, x & x => x != 0
        {
            if (block.Compare == IrCompare.Set)
            {
                (block.Compare, block.B) = (IrCompare.Eq, IrFunction.Zero);
                Negate(ref block);
                return true;
            }
            f.Goto(b, block.Compare == IrCompare.Gt ? block.False : block.True, block.Compare == IrCompare.Gt ? block.FalseArgs : block.TrueArgs);
            return false;
        }
        return constB && WithConstant(f, b, kb);
    }

    private static bool WithConstant(IrFunction f, int b, uint k)
    {
        ref IrBlock block = ref f.Blocks[b];
        IrValue x = f.Values[block.A];
        uint inner = f.Values[x.B].K;
        bool constInner = f.Values[x.B].Op == IrOp.Const;
        switch (block.Compare)
        {
            case IrCompare.Set when k == uint.MaxValue: // x & -1 => x != 0
                (block.Compare, block.B) = (IrCompare.Eq, IrFunction.Zero);
                Negate(ref block);
                return true;
            case IrCompare.Set when x.Op == IrOp.And && constInner: // (x & i) & k => x & (i & k)
                block.A = x.A;
                block.B = f.Const(inner & k);
                return true;
            case IrCompare.Eq when x.Op == IrOp.And && constInner && k == 0: // (x & i) == 0 => not x & i
            case IrCompare.Gt when x.Op == IrOp.And && constInner && k == 0: // (x & i) > 0 => x & i
            case IrCompare.Ge when x.Op == IrOp.And && constInner && k == 1:
            case IrCompare.Eq when x.Op == IrOp.And && constInner && k == inner && BitOperations.IsPow2(k): // (x & bit) == bit => x & bit
                if (block.Compare == IrCompare.Eq && k == 0)
                    Negate(ref block);
                (block.Compare, block.A, block.B) = (IrCompare.Set, x.A, x.B);
                return true;
            case IrCompare.Eq when x.Op == IrOp.Add && constInner: // x + i == k => x == k - i
                block.A = x.A;
                block.B = f.Const(k - inner);
                return true;
            case IrCompare.Eq when x.Op == IrOp.Xor && constInner: // x ^ i == k => x == k ^ i
                block.A = x.A;
                block.B = f.Const(k ^ inner);
                return true;
            case IrCompare.Eq when x.Op == IrOp.Neg: // -x == k => x == -k
                block.A = x.A;
                block.B = f.Const(0 - k);
                return true;
            case IrCompare.Eq when k == 0 && x.Op is IrOp.Sub or IrOp.Xor && k == 0 && block.Compare == IrCompare.Eq: // x - y == 0 => x == y
                (block.A, block.B) = (x.A, x.B);
                return true;
            case IrCompare.Gt when k == 0: // x > 0 => x != 0
                block.Compare = IrCompare.Eq;
                Negate(ref block);
                return true;
            case IrCompare.Ge when k == 1: // x >= 1 => x != 0
                block.Compare = IrCompare.Eq;
                block.B = IrFunction.Zero;
                Negate(ref block);
                return true;
            default:
                return false;
        }
    }

    private static void Negate(ref IrBlock block) =>
        (block.True, block.False, block.TrueArgs, block.FalseArgs) = (block.False, block.True, block.FalseArgs, block.TrueArgs);
}
