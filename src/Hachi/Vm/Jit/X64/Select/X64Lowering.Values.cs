using System.Numerics;
using Hachi.Ir;
using Hachi.Isa;
using Hachi.Vm.Jit.X64.Encode;
using Hachi.Vm.Machine;

namespace Hachi.Vm.Jit.X64.Select;

/// <summary>Values, rewritten one by one; each rule carries its <c>before => after</c>.</summary>
internal sealed partial class X64Lowering
{
    private const int MainParameters = 2;

    private int Rewrite(in IrValue v)
    {
        IrFunction g = Function;
        switch (v.Op)
        {
            case IrOp.Const:
                return g.Const64(v.Imm);
            case IrOp.Frame when _isMain:
                return g.Const64(Region.AddressOf(Region.Stack, Limits.StackBytesMax));
            case IrOp.Param when _isMain && v.Imm > MainParameters:
                return IrFunction.Zero;
            case IrOp.Phi:
                return g.Intern(v.Op, v.Size, 0, v.B, v.Imm, v.Origin);
            case IrOp.Select:
                return g.Intern(v.Op, v.Size, _map[v.A], _map[v.B], (ulong)_map[(int)v.Imm], v.Origin);
            case IrOp.ZeroExtend:
                return ZeroExtend(v.Size, _map[v.A]);
            case IrOp.SignExtend:
                return SignExtend(v.Size, _map[v.A]);
            case IrOp.ByteSwap:
                return g.IsConst(_map[v.A], out _)
                    ? g.Const64(Semantics.ByteSwap(g.Values[_map[v.A]].Imm, v.Size * 8))
                    : g.Intern(v.Op, v.Size, _map[v.A], 0, 0, v.Origin);
            case >= IrOp.Add and <= IrOp.Mul or >= IrOp.And and <= IrOp.Xor or IrOp.Neg or >= IrOp.UDiv and <= IrOp.Rol or IrOp.MulHigh:
                return Make(v.Op, v.Size == 8 ? (byte)8 : (byte)4, _map[v.A], _map[v.B]);
            default:
                return g.Intern(v.Op, v.Size, _map[v.A], _map[v.B], v.Imm, v.Origin);
        }
    }

    private int Make(IrOp op, byte size, int a, int b)
    {
        IrFunction g = Function;
        bool constA = g.Values[a].Op == IrOp.Const, constB = g.Values[b].Op == IrOp.Const;
        if (constA && (constB || op == IrOp.Neg))
            return g.Const64(Evaluate(op, size, g.Values[a].Imm, g.Values[b].Imm));
        if (constA && IsCommutative(op))
            (a, b, constB) = (b, a, true); // k + x => x + k
        if (size == 4)
            (a, b) = (LowHalf(a), LowHalf(b));
        if (constB)
            return WithConstant(op, size, a, size == 8 ? g.Values[b].Imm : (uint)g.Values[b].Imm);
        if (op is IrOp.Or or IrOp.Add or IrOp.Xor)
        {
            int rotated = Rotated(size, a, b);
            if (rotated < 0)
                rotated = Rotated(size, b, a);
            if (rotated >= 0)
                return rotated;
        }
        return g.Intern(op, size, a, op == IrOp.Neg ? 0 : b, 0, -1);
    }

    private int WithConstant(IrOp op, byte size, int a, ulong k)
    {
        IrFunction g = Function;
        ref IrValue x = ref g.Values[a];
        int bits = size * 8;
        bool chained = x.Size == size && x.Op == op && g.Values[x.B].Op == IrOp.Const;
        switch (op)
        {
            case IrOp.Sub: // x - k => x + -k
                return Make(IrOp.Add, size, a, Constant(size, 0 - k));
            case IrOp.Add or IrOp.Or or IrOp.Xor when k == 0:
            case IrOp.Shl or IrOp.Shr or IrOp.Sar or IrOp.Rol when (k & (ulong)(bits - 1)) == 0:
            case IrOp.Mul or IrOp.UDiv or IrOp.SDiv when k == 1: // x * 1 => x
                return Fitted(size, a);
            case IrOp.Add when chained: // (x + i) + k => x + (i + k)
                return Make(IrOp.Add, size, x.A, Constant(size, k + g.Values[x.B].Imm));
            case IrOp.And when size == 4 || k <= uint.MaxValue:
                if (k is byte.MaxValue or ushort.MaxValue or uint.MaxValue) // x & 0xff => zero-extension
                    return ZeroExtend(k switch { byte.MaxValue => 1, ushort.MaxValue => 2, _ => 4 }, a);
                return g.Intern(op, 4, a, g.Const64(k), 0, -1); // the upper half becomes zero either way
            case IrOp.Mul when BitOperations.IsPow2(k): // x * 2^n => x << n
                return Make(IrOp.Shl, size, a, g.Const64((ulong)BitOperations.Log2(k)));
            case IrOp.Shr or IrOp.Sar when size == 8 && (k & 63) == 32 && x.Op == IrOp.Shl && x.Size == 8 && g.Values[x.B].Imm == 32: // (x << 32) >> 32
                return op == IrOp.Shr ? ZeroExtend(4, x.A) : SignExtend(4, x.A);
            case IrOp.UDiv:
                return Divide(size, a, k);
            case IrOp.UMod:
                return k == 0 ? Fitted(size, a) : Make(IrOp.Sub, size, a, Make(IrOp.Mul, size, Divide(size, a, k), g.Const64(k)));
            case IrOp.SDiv when k == 0:
            case IrOp.SMod when k == 1 || k == ulong.MaxValue >> (64 - bits):
                return IrFunction.Zero;
            case IrOp.SMod when k == 0:
                return Fitted(size, a);
            case IrOp.SDiv when k == ulong.MaxValue >> (64 - bits): // x / -1 => -x
                return g.Intern(IrOp.Neg, size, a, 0, 0, -1);
            case IrOp.Shl or IrOp.Shr or IrOp.Sar or IrOp.Rol:
                return g.Intern(op, size, a, g.Const64(k & (ulong)(bits - 1)), 0, -1);
            default:
                return g.Intern(op, size, a, g.Const64(k), 0, -1);
        }
    }

    /// <summary>Division by a constant: a shift, or a multiplication by the reciprocal (after Granlund and Montgomery, "Division by Invariant Integers using Multiplication").</summary>
    private int Divide(byte size, int a, ulong d)
    {
        IrFunction g = Function;
        if (d == 0)
            return IrFunction.Zero;
        if (BitOperations.IsPow2(d))
            return Make(IrOp.Shr, size, a, g.Const64((ulong)BitOperations.Log2(d)));
        if (size == 4) // with a reciprocal of 64 bits the quotient of a 32-bit number is exact
            return Make(IrOp.MulHigh, 8, ZeroExtend(4, a), g.Const64((ulong.MaxValue / d) + 1));
        int log = BitOperations.Log2(d);
        UInt128 power = UInt128.One << (64 + log);
        UInt128 reciprocal = (power / d) + 1;
        ulong error = d - (ulong)(power % d);
        if (error < 1ul << log)
            return Make(IrOp.Shr, 8, Make(IrOp.MulHigh, 8, a, g.Const64((ulong)reciprocal)), g.Const64((ulong)log));
        // The reciprocal needs 65 bits: its lower 64, and the dividend once more.
        reciprocal = ((((UInt128.One << (log + 1)) - d) << 64) / d) + 1;
        int high = Make(IrOp.MulHigh, 8, a, g.Const64((ulong)reciprocal));
        int half = Make(IrOp.Shr, 8, Make(IrOp.Sub, 8, a, high), g.Const64(1));
        return Make(IrOp.Shr, 8, Make(IrOp.Add, 8, half, high), g.Const64((ulong)log));
    }

    /// <summary>(x &lt;&lt; i) | (x &gt;&gt; (bits - i)) => x rotated, or -1.</summary>
    private int Rotated(byte size, int left, int right)
    {
        IrFunction g = Function;
        ref IrValue l = ref g.Values[left];
        ref IrValue r = ref g.Values[right];
        if (l.Op != IrOp.Shl || r.Op != IrOp.Shr || l.Size != size || r.Size != size || g.Values[l.B].Op != IrOp.Const || g.Values[r.B].Op != IrOp.Const)
            return -1;
        bool same = l.A == r.A || (size == 4 && LowHalf(l.A) == LowHalf(r.A));
        ulong count = g.Values[l.B].Imm;
        return same && count + g.Values[r.B].Imm == size * 8ul ? g.Intern(IrOp.Rol, size, l.A, g.Const64(count), 0, -1) : -1;
    }

    private int ZeroExtend(byte size, int a)
    {
        IrFunction g = Function;
        ref IrValue v = ref g.Values[a];
        if (v.Op == IrOp.Const)
            return g.Const64(Semantics.Truncate(v.Imm, size * 8));
        if (WidthOf(a) <= size)
            return a;
        return g.Intern(IrOp.ZeroExtend, size, size == 4 ? a : LowHalf(a), 0, 0, -1);
    }

    private int SignExtend(byte size, int a)
    {
        IrFunction g = Function;
        if (g.Values[a].Op == IrOp.Const)
            return g.Const64(Semantics.SignExtend(g.Values[a].Imm, size * 8));
        return g.Intern(IrOp.SignExtend, size, LowHalf(a), 0, 0, -1);
    }

    /// <summary>A value as an operation of this size would give it: 32-bit ones clear the upper half.</summary>
    private int Fitted(byte size, int a) => size == 8 ? a : ZeroExtend(4, a);

    private int Constant(byte size, ulong k) => Function.Const64(size == 8 ? k : (uint)k);

    /// <summary>What an operation may read instead when it sees the low half only.</summary>
    private int LowHalf(int a)
    {
        ref IrValue v = ref Function.Values[a];
        return v.Op is IrOp.ZeroExtend or IrOp.SignExtend && v.Size == 4 ? v.A : a;
    }

    /// <summary>Bytes of a value that can be other than zero, as far as the operation tells.</summary>
    private int WidthOf(int a)
    {
        ref IrValue v = ref Function.Values[a];
        switch (v.Op)
        {
            case IrOp.Result:
                ref IrEffect effect = ref Function.Effects[(int)v.Imm];
                return effect.Kind is IrEffectKind.Load or IrEffectKind.Atomic ? effect.Size : 8;
            case IrOp.ZeroExtend or IrOp.ByteSwap:
                return v.Size;
            case IrOp.MulHigh:
                return WidthOf(v.A) <= 4 ? 4 : 8;
            case >= IrOp.Add and <= IrOp.Neg or >= IrOp.UDiv and <= IrOp.Rol:
                return v.Size == 8 ? 8 : 4;
            default:
                return 8;
        }
    }

    private static bool IsCommutative(IrOp op) => op is IrOp.Add or IrOp.Mul or IrOp.And or IrOp.Or or IrOp.Xor or IrOp.MulHigh;

    private static ulong Evaluate(IrOp op, byte size, ulong a, ulong b)
    {
        if (op == IrOp.MulHigh)
            return Math.BigMul(a, b, out _);
        if (op == IrOp.Rol)
            return size == 8 ? BitOperations.RotateLeft(a, (int)b) : BitOperations.RotateLeft((uint)a, (int)b);
        AluOp alu = op switch
        {
            IrOp.Add => AluOp.Add,
            IrOp.Sub => AluOp.Sub,
            IrOp.Mul => AluOp.Mul,
            IrOp.And => AluOp.And,
            IrOp.Or => AluOp.Or,
            IrOp.Xor => AluOp.Xor,
            IrOp.Neg => AluOp.Neg,
            IrOp.UDiv => AluOp.Div,
            IrOp.UMod => AluOp.Mod,
            IrOp.SDiv => AluOp.SDiv,
            IrOp.SMod => AluOp.SMod,
            IrOp.Shl => AluOp.Lsh,
            IrOp.Shr => AluOp.Rsh,
            _ => AluOp.Arsh,
        };
        return size == 8 ? Semantics.Alu64(alu, a, b) : Semantics.Alu32(alu, (uint)a, (uint)b);
    }
}
