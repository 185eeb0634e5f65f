using System.Numerics;
using Hachi.Isa;

namespace Hachi.Ir;

/// <summary>Makes values, folding what can be folded: constants, neutral elements, chains of constants. Each rule carries its <c>before => after</c>.</summary>
public static class IrFold
{
    /// <summary>The value <c>op(a, b)</c> for an arithmetic operation on 32-bit words.</summary>
    public static int Make(IrFunction f, IrOp op, int a, int b, int origin = -1)
    {
        bool constA = f.IsConst(a, out uint ka), constB = f.IsConst(b, out uint kb);
        if (op == IrOp.Neg)
            return constA ? f.Const(0 - ka, origin) : f.Intern(op, 0, a, 0, 0, origin);
        bool byZero = constB && kb == 0 && op is IrOp.Div or IrOp.Mod;
        if (constA && constB && !byZero)
            return f.Const(Evaluate(op, ka, kb), origin);
        if (constA && !constB && IsCommutative(op))
            return Make(f, op, b, a, origin); // k + x => x + k
        if (constB && !byZero)
        {
            int folded = WithConstant(f, op, a, kb, origin);
            if (folded >= 0)
                return folded;
        }
        if (a == b && (op == IrOp.Sub || op == IrOp.Xor))
            return IrFunction.Zero; // x - x => 0, x ^ x => 0
        if (a == b && (op == IrOp.And || op == IrOp.Or))
            return a; // x & x => x
        return f.Intern(op, 0, a, b, 0, origin);
    }

    /// <summary>A packet load; a constant base moves into the offset. -1 when it can never succeed (the offset does not fit 31 bits).</summary>
    public static int Load(IrFunction f, byte size, int basis, uint k, int origin = -1)
    {
        ulong offset = k;
        if (f.IsConst(basis, out uint fixedPart))
        {
            offset += fixedPart;
            basis = IrFunction.Zero;
        }
        IrValue v = f.Values[basis];
        if (v.Op == IrOp.Add && f.IsConst(v.B, out uint added) && Mask(f, v.A) + (ulong)added + offset + size <= int.MaxValue)
            (basis, offset) = (v.A, offset + added); // [(x + i) + k] => [x + (i + k)] where nothing can wrap
        return offset + size > int.MaxValue ? -1 : f.Intern(IrOp.LoadPacket, size, basis, 0, offset, origin);
    }

    /// <summary>What an operation gives on two words (a divisor of 0 gives 0; the requirement has rejected before).</summary>
    public static uint Evaluate(IrOp op, uint a, uint b) => Semantics.ClassicAlu(CodeOf(op), a, b, out uint result) ? result : 0;

    /// <summary>What a comparison gives on two words.</summary>
    public static bool Evaluate(IrCompare compare, uint a, uint b) => Semantics.ClassicCompare(compare switch
    {
        IrCompare.Eq => ClassicOpcode.Jeq,
        IrCompare.Gt => ClassicOpcode.Jgt,
        IrCompare.Ge => ClassicOpcode.Jge,
        _ => ClassicOpcode.Jset,
    }, a, b);

    /// <summary>The bits of the classic opcode that say which arithmetic operation it is.</summary>
    public static int CodeOf(IrOp op) => op switch
    {
        IrOp.Add => ClassicOpcode.Add,
        IrOp.Sub => ClassicOpcode.Sub,
        IrOp.Mul => ClassicOpcode.Mul,
        IrOp.Div => ClassicOpcode.Div,
        IrOp.Mod => ClassicOpcode.Mod,
        IrOp.And => ClassicOpcode.And,
        IrOp.Or => ClassicOpcode.Or,
        IrOp.Xor => ClassicOpcode.Xor,
        IrOp.Lsh => ClassicOpcode.Lsh,
        IrOp.Rsh => ClassicOpcode.Rsh,
        IrOp.Neg => ClassicOpcode.Neg,
        _ => throw new ArgumentOutOfRangeException(nameof(op)),
    };

    /// <summary>Whether a op b = b op a.</summary>
    public static bool IsCommutative(IrOp op) => op is IrOp.Add or IrOp.Mul or IrOp.And or IrOp.Or or IrOp.Xor;

    /// <summary>The bits that a value can have at most (looked up a few levels deep only).</summary>
    public static uint Mask(IrFunction f, int value) => Mask(f, value, 4);

    private static uint Mask(IrFunction f, int value, int depth)
    {
        IrValue v = f.Values[value];
        if (depth == 0)
            return uint.MaxValue;
        return v.Op switch
        {
            IrOp.Const => v.K,
            IrOp.LoadPacket => v.Size == 1 ? 0xffu : v.Size == 2 ? 0xffffu : uint.MaxValue,
            IrOp.ProtoChain => 1,
            IrOp.Or or IrOp.Xor => Mask(f, v.A, depth - 1) | Mask(f, v.B, depth - 1),
            IrOp.Add => Fill((ulong)Mask(f, v.A, depth - 1) + Mask(f, v.B, depth - 1)),
            IrOp.And when f.IsConst(v.B, out uint k) => Mask(f, v.A, depth - 1) & k,
            IrOp.Lsh when f.IsConst(v.B, out uint k) && k < 32 => Mask(f, v.A, depth - 1) << (int)k,
            IrOp.Rsh when f.IsConst(v.B, out uint k) && k < 32 => Mask(f, v.A, depth - 1) >> (int)k,
            _ => uint.MaxValue,
        };
    }

    private static uint Fill(ulong greatest) =>
        greatest > int.MaxValue ? uint.MaxValue : greatest == 0 ? 0 : uint.MaxValue >> BitOperations.LeadingZeroCount((uint)greatest);

    private static int WithConstant(IrFunction f, IrOp op, int a, uint k, int origin)
    {
        IrValue x = f.Values[a];
        bool chained = x.Op is >= IrOp.Add and <= IrOp.Rsh && f.Values[x.B].Op == IrOp.Const;
        uint inner = f.Values[x.B].K;
        switch (op)
        {
            case IrOp.Sub: // x - k => x + -k
                return Make(f, IrOp.Add, a, f.Const(0 - k), origin);
            case IrOp.Add or IrOp.Or or IrOp.Xor or IrOp.Lsh or IrOp.Rsh when k == 0: // x + 0 => x
                return a;
            case IrOp.Add when chained && x.Op == IrOp.Add: // (x + i) + k => x + (i + k)
                return Make(f, IrOp.Add, x.A, f.Const(inner + k), origin);
            case IrOp.Mul or IrOp.And when k == 0: // x * 0 => 0
            case IrOp.Lsh or IrOp.Rsh when k > 31: // x << 32 => 0
            case IrOp.Mod when k == 1: // x % 1 => 0
                return IrFunction.Zero;
            case IrOp.Mul or IrOp.Div when k == 1: // x * 1 => x
                return a;
            case IrOp.Mul when BitOperations.IsPow2(k): // x * 2^n => x << n
                return Make(f, IrOp.Lsh, a, f.Const((uint)BitOperations.Log2(k)), origin);
            case IrOp.Div when BitOperations.IsPow2(k): // x / 2^n => x >> n
                return Make(f, IrOp.Rsh, a, f.Const((uint)BitOperations.Log2(k)), origin);
            case IrOp.Mod when BitOperations.IsPow2(k): // x % 2^n => x & (2^n - 1)
                return Make(f, IrOp.And, a, f.Const(k - 1), origin);
            case IrOp.And when chained && x.Op == IrOp.And: // (x & i) & k => x & (i & k)
                return Make(f, IrOp.And, x.A, f.Const(inner & k), origin);
            case IrOp.And when (Mask(f, a) & ~k) == 0: // x & k => x when k keeps every bit that x can have
                return a;
            case IrOp.Or when chained && x.Op == IrOp.Or: // (x | i) | k => x | (i | k)
                return Make(f, IrOp.Or, x.A, f.Const(inner | k), origin);
            case IrOp.Or when k == uint.MaxValue: // x | -1 => -1
                return f.Const(k);
            case IrOp.Lsh or IrOp.Rsh when chained && x.Op == op && inner < 32: // (x << i) << k => x << (i + k)
                return Make(f, op, x.A, f.Const(inner + k), origin);
            default:
                return -1;
        }
    }
}
