using Hachi.Isa;

namespace Hachi.Ir.Build;

/// <content>Values: constants, arithmetic, comparisons.</content>
internal sealed partial class FunctionBuilder
{
    /// <summary>A constant.</summary>
    public int Const(long value) => Function.Const64((ulong)value);

    /// <summary>Whether a value is a constant, and which.</summary>
    public bool IsConst(int value, out long constant)
    {
        constant = (long)Function.Values[value].Imm;
        return Function.Values[value].Op == IrOp.Const;
    }

    /// <summary>Argument <paramref name="number"/> (1 to 5) of the function. Of a program, 1 is the context.</summary>
    public int Parameter(int number) => Function.Intern(IrOp.Param, 8, 0, 0, (ulong)number, -1);

    /// <summary>The context of a program: its first argument.</summary>
    public int Context => Parameter(1);

    /// <summary>The map with this index in the object: what map helpers take.</summary>
    public int MapAddress(int map) => Function.Intern(IrOp.MapAddress, 8, 0, 0, (ulong)map, -1);

    /// <summary>A byte of the one value of an array map with this index in the object: global data without a look-up.</summary>
    public int MapValueAddress(int map, int offset = 0) => Function.Intern(IrOp.MapValueAddress, 8, 0, offset, (ulong)map, -1);

    /// <summary>A function of the program as a callback (<c>bpf_loop</c>, <c>bpf_for_each_map_elem</c>).</summary>
    public int FunctionAddress(FunctionBuilder function)
    {
        ArgumentNullException.ThrowIfNull(function);
        return Function.Intern(IrOp.FunctionAddress, 8, 0, 0, (ulong)function.Index, -1);
    }

    /// <summary>An operation on two values. Division by 0 gives 0, the remainder then is <paramref name="a"/>; shift counts are taken modulo the width.</summary>
    /// <param name="op">The operation; <see cref="AluOp.Neg"/> and <see cref="AluOp.Mov"/> have methods of their own.</param>
    /// <param name="a">A value.</param>
    /// <param name="b">A value.</param>
    /// <param name="size">8, or 4: lower halves, the upper half of the result is 0. Pointers are 8.</param>
    public int Binary(AluOp op, int a, int b, int size = 8) => _make.Make(op, size, a, b);

    /// <summary>a + b.</summary>
    public int Add(int a, int b, int size = 8) => Binary(AluOp.Add, a, b, size);

    /// <summary>a + a constant.</summary>
    public int AddConst(int a, long b, int size = 8) => Binary(AluOp.Add, a, Const(b), size);

    /// <summary>a - b.</summary>
    public int Sub(int a, int b, int size = 8) => Binary(AluOp.Sub, a, b, size);

    /// <summary>a * b.</summary>
    public int Mul(int a, int b, int size = 8) => Binary(AluOp.Mul, a, b, size);

    /// <summary>a &amp; b.</summary>
    public int And(int a, int b, int size = 8) => Binary(AluOp.And, a, b, size);

    /// <summary>a | b.</summary>
    public int Or(int a, int b, int size = 8) => Binary(AluOp.Or, a, b, size);

    /// <summary>a ^ b.</summary>
    public int Xor(int a, int b, int size = 8) => Binary(AluOp.Xor, a, b, size);

    /// <summary>a &lt;&lt; b.</summary>
    public int ShiftLeft(int a, int b, int size = 8) => Binary(AluOp.Lsh, a, b, size);

    /// <summary>a &gt;&gt; b, unsigned.</summary>
    public int ShiftRight(int a, int b, int size = 8) => Binary(AluOp.Rsh, a, b, size);

    /// <summary>-a.</summary>
    public int Negate(int a, int size = 8) => _make.Neg(size, a);

    /// <summary>The low bytes (1, 2, 4), zero-extended.</summary>
    public int ZeroExtend(int a, int bytes) => bytes >= 8 ? a : _make.Zext(a, bytes);

    /// <summary>The low bytes (1, 2, 4), sign-extended to 64 bits.</summary>
    public int SignExtend(int a, int bytes) => bytes >= 8 ? a : _make.Sext(a, bytes);

    /// <summary>The low bytes (2, 4, 8) in reverse order, zero-extended: network order to host order and back.</summary>
    public int ByteSwap(int a, int bytes) => bytes == 1 ? ZeroExtend(a, 1) : _make.Swap(a, bytes);

    /// <summary>How many low bits of a value can be set, at most.</summary>
    public int BitsOf(int value) => _make.Bits(value);

    /// <summary>1 if <c>a op b</c>, else 0. Given to <see cref="BranchIf"/> in the same block it costs nothing. For scalars only.</summary>
    public int Compare(CompareOp op, int a, int b, int size = 8) => Select(op, a, b, Const(1), IrFunction.Zero, size);

    /// <summary>One of two scalars, without a branch in the block: a move, a jump over one instruction. Never choose between pointers: branch, and write a variable.</summary>
    public int Select(CompareOp op, int a, int b, int whenTrue, int whenFalse, int size = 8)
    {
        IrValue x = Function.Values[a], y = Function.Values[b];
        if (x.Op == IrOp.Const && y.Op == IrOp.Const)
            return (size == 8 ? Semantics.Compare64(op, x.Imm, y.Imm) : Semantics.Compare32(op, (uint)x.Imm, (uint)y.Imm)) ? whenTrue : whenFalse;
        if (whenTrue == whenFalse)
            return whenTrue;
        (IrCompare compare, bool negate) = Comparison(op, size);
        if (negate)
            (whenTrue, whenFalse) = (whenFalse, whenTrue);
        return Function.Intern(IrOp.Select, 8, _make.Compared(compare, a, b), whenTrue, (ulong)whenFalse, Origin, Current);
    }
}
