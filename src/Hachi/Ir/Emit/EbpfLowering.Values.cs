using Hachi.Ir.Schedule;
using Hachi.Isa;

namespace Hachi.Ir.Emit;

/// <content>Values.</content>
internal sealed partial class EbpfLowering
{
    private readonly Stack<int> _work = new();

    /// <summary>A value's name in the new function; it is made there when it is met first, after its operands.</summary>
    private int Renamed(int value)
    {
        value = Find(value);
        if (_map[value] >= 0)
            return _map[value];
        _work.Push(value);
        Span<int> operands = stackalloc int[3];
        while (_work.TryPeek(out int v))
        {
            int count = Placement.Operands(_from.Values[v], operands);
            bool isReady = true;
            for (int i = 0; i < count; i++)
            {
                int operand = Find(operands[i]);
                if (_map[operand] >= 0)
                    continue;
                _work.Push(operand);
                isReady = false;
            }
            if (!isReady)
                continue;
            _work.Pop();
            if (_map[v] < 0)
                _map[v] = Make(_from.Values[v]);
        }
        return _map[value];
    }

    private int Make(IrValue v)
    {
        (_make.Home, _make.Origin) = (v.Home, v.Origin);
        switch (v.Op)
        {
            case IrOp.Const:
                return _to.Const64(v.Imm);
            case IrOp.Phi or IrOp.Result or IrOp.Param or IrOp.Frame or IrOp.SlotAddress or IrOp.MapAddress or IrOp.MapValueAddress or IrOp.FunctionAddress:
                return _to.Intern(v.Op, v.Size, v.A, v.B, v.Imm, v.Origin, v.Home);
        }
        int a = _map[Find(v.A)], b = v.Op is IrOp.Neg or IrOp.SignExtend or IrOp.ZeroExtend or IrOp.ByteSwap ? 0 : _map[Find(v.B)], size = v.Size == 8 ? 8 : 4;
        switch (v.Op)
        {
            case IrOp.Neg:
                return _make.Neg(size, a);
            case IrOp.ZeroExtend:
                return _make.Zext(a, v.Size);
            case IrOp.SignExtend:
                return Sext(a, v.Size);
            case IrOp.ByteSwap:
                return _make.Swap(a, v.Size);
            case IrOp.Rol:
                int left = _make.Make(AluOp.Lsh, size, a, b), right = _make.Make(AluOp.Rsh, size, a, _make.Neg(size, b));
                return _to.Intern(IrOp.Or, (byte)size, left, right, 0, v.Origin, v.Home); // past the maker, which would see the rotation again
            case IrOp.SDiv or IrOp.SMod when _level < 4:
                return SignedDivision(v.Op == IrOp.SMod, size, a, b);
            case IrOp.Compared:
                return Compared((IrCompare)v.Size, a, b);
            case IrOp.Select:
                return _to.Intern(IrOp.Select, 8, a, b, (ulong)_map[Find((int)v.Imm)], v.Origin, v.Home);
        }
        if (AluOf(v.Op) is { } op)
            return _make.Make(op, size, a, b);
        throw new NotSupportedException($"{v.Op} has no eBPF instruction");
    }

    private int Compared(IrCompare compare, int a, int b)
    {
        if (_level >= 3 || compare >= IrCompare.Eq64)
            return _make.Compared(compare, a, b);
        bool isSigned = compare is IrCompare.SGt or IrCompare.SGe;
        return _make.Compared(compare + (IrCompare.Eq64 - IrCompare.Eq), isSigned ? Sext(a, 4) : _make.Zext(a, 4), isSigned ? Sext(b, 4) : _make.Zext(b, 4));
    }

    private int Sext(int a, int bytes)
    {
        if (_level >= 4)
            return _make.Sext(a, bytes);
        if (_make.Bits(a) < bytes * 8)
            return a;
        int count = _to.Const((uint)(64 - (bytes * 8)));
        return _make.Make(AluOp.Arsh, 8, _make.Make(AluOp.Lsh, 8, a, count), count);
    }

    // On magnitudes, which unsigned division handles, 0 and the least number among them; the sign is put back by (x ^ s) - s with s = 0 or -1.
    private int SignedDivision(bool isRemainder, int size, int a, int b)
    {
        int shift = _to.Const((uint)((size * 8) - 1));
        int signA = _make.Make(AluOp.Arsh, size, a, shift), signB = _make.Make(AluOp.Arsh, size, b, shift);
        int x = Negated(size, a, signA), y = Negated(size, b, signB);
        return isRemainder
            ? Negated(size, _make.Make(AluOp.Mod, size, x, y), signA)
            : Negated(size, _make.Make(AluOp.Div, size, x, y), _make.Make(AluOp.Xor, size, signA, signB));
    }

    private int Negated(int size, int value, int sign) => _make.Make(AluOp.Sub, size, _make.Make(AluOp.Xor, size, value, sign), sign);

    private static AluOp? AluOf(IrOp op) => op switch
    {
        IrOp.Add => AluOp.Add,
        IrOp.Sub => AluOp.Sub,
        IrOp.Mul => AluOp.Mul,
        IrOp.UDiv => AluOp.Div,
        IrOp.UMod => AluOp.Mod,
        IrOp.SDiv => AluOp.SDiv,
        IrOp.SMod => AluOp.SMod,
        IrOp.Or => AluOp.Or,
        IrOp.And => AluOp.And,
        IrOp.Xor => AluOp.Xor,
        IrOp.Shl => AluOp.Lsh,
        IrOp.Shr => AluOp.Rsh,
        IrOp.Sar => AluOp.Arsh,
        _ => null,
    };
}
