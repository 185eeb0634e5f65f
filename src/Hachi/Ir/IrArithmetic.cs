using System.Numerics;
using Hachi.Isa;

namespace Hachi.Ir;

/// <summary>Makes eBPF's values in the SSA form, folded: constants, identities, rotates. Meaning comes from <see cref="Semantics"/>.</summary>
internal sealed class IrArithmetic
{
    private const int DepthMax = 6;

    private readonly IrFunction _f;
    private readonly bool _isForVerifier;

    /// <summary>For a function.</summary>
    /// <param name="f">The function.</param>
    /// <param name="isForVerifier">
    /// Whether the kernel's verifier will read what comes of it: then masks stay wherever it knows less of a value than is known here (quotients, shift counts).
    /// </param>
    public IrArithmetic(IrFunction f, bool isForVerifier = false) => (_f, _isForVerifier) = (f, isForVerifier);

    /// <summary>The home (<see cref="IrValue.Home"/>) of the values that are made.</summary>
    public int Home { get; set; }

    /// <summary>Where the values that are made come from (<see cref="IrValue.Origin"/>).</summary>
    public int Origin { get; set; } = -1;

    /// <summary>An operation on two values; size 4 or 8.</summary>
    public int Make(AluOp op, int size, int a, int b)
    {
        ref IrValue x = ref _f.Values[a], y = ref _f.Values[b];
        bool isConstA = x.Op == IrOp.Const, isConstB = y.Op == IrOp.Const;
        if (isConstA && isConstB)
            return _f.Const64(size == 8 ? Semantics.Alu64(op, x.Imm, y.Imm) : Semantics.Alu32(op, (uint)x.Imm, (uint)y.Imm));
        if (op == AluOp.Mov)
            return size == 8 ? b : Zext(b, 4);
        bool commutes = op is AluOp.Add or AluOp.Mul or AluOp.And or AluOp.Or or AluOp.Xor;
        if (isConstA && commutes)
            return Make(op, size, b, a);
        if (isConstB)
            return WithConst(op, size, a, y.Imm);
        if (a == b && op is AluOp.Sub or AluOp.Xor)
            return IrFunction.Zero;
        if (a == b && op is AluOp.And or AluOp.Or)
            return size == 8 ? a : Zext(a, 4);
        if (!_isForVerifier && op is AluOp.Or or AluOp.Xor or AluOp.Add && Rotate(size, a, b) is var rotated and >= 0)
            return rotated;
        if (commutes && a > b)
            (a, b) = (b, a);
        if (op is AluOp.Lsh or AluOp.Rsh or AluOp.Arsh && !_isForVerifier)
            b = Count(size, b);
        return Intern(OpOf(op), (byte)size, a, b, 0);
    }

    /// <summary>-a.</summary>
    public int Neg(int size, int a) => _f.Values[a].Op == IrOp.Const
        ? _f.Const64(size == 8 ? 0 - _f.Values[a].Imm : 0 - (uint)_f.Values[a].Imm) : Intern(IrOp.Neg, (byte)size, a, 0, 0);

    /// <summary>The low bytes, zero-extended.</summary>
    public int Zext(int a, int bytes)
    {
        ref IrValue v = ref _f.Values[a];
        if (v.Op == IrOp.Const)
            return _f.Const64(Semantics.Truncate(v.Imm, bytes * 8));
        if (Bits(a, DepthMax) <= bytes * 8)
            return a;
        if (v.Op is IrOp.ZeroExtend or IrOp.SignExtend && v.Size >= bytes && MayRebase(v))
            return Zext(v.A, bytes);
        return Intern(IrOp.ZeroExtend, (byte)bytes, a, 0, 0);
    }

    /// <summary>The low bytes, sign-extended to 64 bits.</summary>
    public int Sext(int a, int bytes)
    {
        ref IrValue v = ref _f.Values[a];
        if (v.Op == IrOp.Const)
            return _f.Const64(Semantics.SignExtend(v.Imm, bytes * 8));
        return Bits(a, DepthMax) < bytes * 8 ? a : Intern(IrOp.SignExtend, (byte)bytes, a, 0, 0);
    }

    /// <summary>The low bytes in reverse order.</summary>
    public int Swap(int a, int bytes)
    {
        ref IrValue v = ref _f.Values[a];
        if (v.Op == IrOp.Const)
            return _f.Const64(Semantics.ByteSwap(v.Imm, bytes * 8));
        return Intern(IrOp.ByteSwap, (byte)bytes, v.Op == IrOp.ZeroExtend && v.Size >= bytes ? v.A : a, 0, 0);
    }

    /// <summary>The name of a comparison, for <see cref="IrOp.Select"/>.</summary>
    public int Compared(IrCompare compare, int a, int b) => Intern(IrOp.Compared, (byte)compare, a, b, 0);

    /// <summary>How many low bits can be set, at most.</summary>
    public int Bits(int value, int depth = DepthMax)
    {
        ref IrValue v = ref _f.Values[value];
        if (v.Op == IrOp.Const)
            return 64 - BitOperations.LeadingZeroCount(v.Imm);
        int width = v.Op switch
        {
            IrOp.Result => _f.Effects[(int)v.Imm].Size * 8,
            IrOp.ZeroExtend or IrOp.ByteSwap => v.Size * 8,
            IrOp.Param or IrOp.Frame or IrOp.State or IrOp.Phi or IrOp.SignExtend or IrOp.Select => 64,
            _ => v.Size == 8 ? 64 : 32,
        };
        if (depth == 0)
            return width;
        int inner = v.Op switch
        {
            IrOp.And => Math.Min(Bits(v.A, depth - 1), Bits(v.B, depth - 1)),
            IrOp.Or or IrOp.Xor => Math.Max(Bits(v.A, depth - 1), Bits(v.B, depth - 1)),
            IrOp.Add => Math.Max(Bits(v.A, depth - 1), Bits(v.B, depth - 1)) + 1,
            IrOp.Shr when _f.IsConst(v.B, out uint count) && (v.Size == 8 || Bits(v.A, depth - 1) <= 32) => Math.Max(0, Bits(v.A, depth - 1) - (int)count),
            IrOp.Shl when _f.IsConst(v.B, out uint count) => Bits(v.A, depth - 1) + (int)count,
            IrOp.Mul => Bits(v.A, depth - 1) + Bits(v.B, depth - 1),
            IrOp.ZeroExtend => Bits(v.A, depth - 1),
            IrOp.UMod or IrOp.UDiv when !_isForVerifier => Bits(v.A, depth - 1),
            IrOp.Select => Math.Max(Bits(v.B, depth - 1), Bits((int)v.Imm, depth - 1)),
            _ => width,
        };
        return Math.Min(width, inner);
    }

    private int WithConst(AluOp op, int size, int a, ulong k)
    {
        int bits = size * 8;
        k = Semantics.Truncate(k, bits);
        ref IrValue x = ref _f.Values[a];
        bool isShift = op is AluOp.Lsh or AluOp.Rsh or AluOp.Arsh;
        if (isShift)
            k &= (ulong)bits - 1;
        bool isIdentity = k == 0 && op is AluOp.Add or AluOp.Sub or AluOp.Or or AluOp.Xor || k == 0 && isShift || k == 1 && op is AluOp.Mul or AluOp.Div
            || op == AluOp.Mod && k == 0;
        if (isIdentity)
            return size == 8 ? a : Zext(a, 4);
        if (k == 0 && op is AluOp.And or AluOp.Mul or AluOp.Div)
            return IrFunction.Zero;
        if (op == AluOp.Sub)
            return WithConst(AluOp.Add, size, a, 0 - k);
        if (op == AluOp.And && BitOperations.IsPow2(k + 1) && k + 1 != 0 && Bits(a) <= BitOperations.Log2(k + 1))
            return a;
        if (op == AluOp.And && k is 0xff or 0xffff or 0xffff_ffff)
            return Zext(a, k == 0xff ? 1 : k == 0xffff ? 2 : 4);
        if (op == AluOp.Add && x.Op == IrOp.Add && x.Size == size && _f.Values[x.B].Op == IrOp.Const && MayRebase(x)) // (y + c) + k => y + (c + k)
            return WithConst(AluOp.Add, size, x.A, k + _f.Values[x.B].Imm);
        if (op == AluOp.Add && size == 8 && x.Op is IrOp.SlotAddress or IrOp.MapValueAddress && x.B + (long)k is var at && at == (short)at)
            return _f.Intern(x.Op, x.Size, x.A, (int)at, x.Imm, x.Origin, x.Home);
        if (op == AluOp.And && x.Op == IrOp.And && x.Size == size && _f.Values[x.B].Op == IrOp.Const)
            return WithConst(AluOp.And, size, x.A, k & _f.Values[x.B].Imm);
        if (op is AluOp.Div or AluOp.Mod && BitOperations.IsPow2(k))
            return op == AluOp.Mod ? WithConst(AluOp.And, size, a, k - 1) : WithConst(AluOp.Rsh, size, size == 8 ? a : Zext(a, 4), (ulong)BitOperations.Log2(k));
        if (op == AluOp.Mul && BitOperations.IsPow2(k))
            return WithConst(AluOp.Lsh, size, a, (ulong)BitOperations.Log2(k));
        return Intern(OpOf(op), (byte)size, a, _f.Const64(k), 0);
    }

    // (x << c) op (x >> (w - c)) is a rotate, for or, xor and add alike.
    private int Rotate(int size, int a, int b)
    {
        ref IrValue x = ref _f.Values[a], y = ref _f.Values[b];
        if (x.Op == IrOp.Shr && y.Op == IrOp.Shl)
            return Rotate(size, b, a);
        if (x.Op != IrOp.Shl || y.Op != IrOp.Shr || x.Size != size || y.Size != size || x.A != y.A && Narrow(size, x.A) != Narrow(size, y.A))
            return -1;
        if (_f.IsConst(x.B, out uint left) && _f.IsConst(y.B, out uint right) && left + right == size * 8)
            return Intern(IrOp.Rol, (byte)size, Narrow(size, x.A), x.B, 0);
        return -1;
    }

    // What a 32-bit operation sees of a value.
    private int Narrow(int size, int value) => size == 4 && _f.Values[value].Op is IrOp.ZeroExtend or IrOp.SignExtend && _f.Values[value].Size == 4 ? _f.Values[value].A : value;

    // Whether a value may be made of another one's operand instead: what a branch has shown of the one, the verifier does not know of the other.
    private bool MayRebase(in IrValue value) => !_isForVerifier || value.Home == Home;

    // A shift count: the machine takes it modulo the width, so masks on it are idle.
    private int Count(int size, int b)
    {
        ref IrValue v = ref _f.Values[b];
        while (v.Op == IrOp.And && _f.IsConst(v.B, out uint mask) && (mask & (size * 8 - 1)) == size * 8 - 1 || v.Op is IrOp.ZeroExtend)
        {
            b = v.A;
            v = ref _f.Values[b];
        }
        return b;
    }

    private int Intern(IrOp op, byte size, int a, int b, ulong imm) => _f.Intern(op, size, a, b, imm, Origin, Home);

    private static IrOp OpOf(AluOp op) => op switch
    {
        AluOp.Add => IrOp.Add,
        AluOp.Sub => IrOp.Sub,
        AluOp.Mul => IrOp.Mul,
        AluOp.Div => IrOp.UDiv,
        AluOp.Mod => IrOp.UMod,
        AluOp.SDiv => IrOp.SDiv,
        AluOp.SMod => IrOp.SMod,
        AluOp.Or => IrOp.Or,
        AluOp.And => IrOp.And,
        AluOp.Xor => IrOp.Xor,
        AluOp.Lsh => IrOp.Shl,
        AluOp.Rsh => IrOp.Shr,
        _ => IrOp.Sar,
    };
}
