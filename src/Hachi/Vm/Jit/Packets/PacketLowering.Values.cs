using Hachi.Ir;
using Hachi.Isa;

namespace Hachi.Vm.Jit.Packets;

/// <content>Values: each is made where it is asked for, and found again in every block that this one dominates.</content>
internal sealed partial class PacketLowering
{
    private const uint ShiftsMax = 31;

    /// <summary>The 32-bit word, zero-extended, that a value of the filter is. The checks that computing it takes are emitted where facts do not cover them.</summary>
    private int Value(int value, IlFacts facts)
    {
        IrValue v = _f.Values[value];
        if (v.Op == IrOp.Const)
            return _g.Const(v.K);
        if (IsKnown(value))
            return v.Op == IrOp.LoadPacket ? InOrder(_raw[value], v.Size) : _map[value];
        if (v.Op == IrOp.LoadPacket)
            return InOrder(Raw(value, facts), v.Size);
        int made;
        if (v.Op == IrOp.Length)
        {
            made = _frame.WireLength(_g, _at);
        }
        else
        {
            int a = Value(v.A, facts), b = v.Op == IrOp.Neg ? a : Value(v.B, facts);
            if (v.Op is IrOp.Div or IrOp.Mod)
                CheckDivisor(v.B, facts);
            made = Compute(v.Op, a, b);
        }
        (_map[value], _where[value]) = (made, _scope);
        return made;
    }

    private int Compute(IrOp op, int a, int b) => op switch
    {
        IrOp.Neg => _g.Intern(IrOp.Neg, 4, a, 0, 0, -1),
        IrOp.Div => Word(IrOp.UDiv, a, b),
        IrOp.Mod => Word(IrOp.UMod, a, b),
        IrOp.Lsh => Shifted(IrOp.Shl, a, b),
        IrOp.Rsh => Shifted(IrOp.Shr, a, b),
        IrOp.Compared => throw new InvalidOperationException("a name for a fact is no value"),
        _ => Word(op, a, b),
    };

    private int Word(IrOp op, int a, int b)
    {
        if (_g.IsConst(a, out uint x) && _g.IsConst(b, out uint y) && op is IrOp.Add or IrOp.Sub or IrOp.And or IrOp.Or or IrOp.Xor)
            return _g.Const(IrFold.Evaluate(op, x, y));
        return _g.Intern(op, 4, a, b, 0, -1);
    }

    /// <summary>Shifts by 32 and more give 0; the processor would take the amount modulo 32.</summary>
    private int Shifted(IrOp op, int a, int b)
    {
        if (_g.IsConst(b, out uint k))
            return k > ShiftsMax ? IrFunction.Zero : Word(op, a, b);
        int tooFar = _g.Intern(IrOp.Compared, (byte)IrCompare.Gt, b, _g.Const(ShiftsMax), 0, -1);
        return _g.Intern(IrOp.Select, 8, tooFar, IrFunction.Zero, (ulong)Word(op, a, b), -1);
    }

    private bool IsKnown(int value)
    {
        int where = _where[value];
        return where == _scope || (where >= 0 && where < _f.BlockCount && _dominators.Dominates(where, _block));
    }

    /// <summary>The bytes of a load as they lie in memory, in the processor's order.</summary>
    private int Raw(int value, IlFacts facts)
    {
        if (IsKnown(value))
            return _raw[value];
        IrValue v = _f.Values[value];
        CheckLoad(v, facts);
        if (!facts.IsPresent(_f, v))
            throw new InvalidOperationException("a load was emitted before its check"); // never unchecked: a stray access would end the process
        int address = v.A == IrFunction.Zero ? _packet : _g.Intern(IrOp.Add, 8, _packet, Value(v.A, facts), 0, -1);
        int raw = PacketFrame.Load(_g, _at, address, (int)v.Imm, v.Size);
        (_raw[value], _where[value]) = (raw, _scope);
        return raw;
    }

    private int InOrder(int raw, byte size) => size == 1 ? raw : _g.Intern(IrOp.ByteSwap, size, raw, 0, 0, -1);

    /// <summary>
    /// A comparison that does not care in which order bytes stand (for equality, or for common bits, of a load with a constant) compares them as they lie in memory.
    /// </summary>
    private bool TryRaw(in IrBlock block, IlFacts facts, out int a, out int b)
    {
        (a, b) = (-1, -1);
        IrValue v = _f.Values[block.A];
        if (!_f.IsConst(block.B, out uint k) || block.Compare is not (IrCompare.Eq or IrCompare.Set))
            return false;
        uint mask = uint.MaxValue;
        int load = block.A;
        bool masked = v.Op == IrOp.And && block.Compare == IrCompare.Eq && !IsKnown(block.A) && _f.IsConst(v.B, out mask);
        if (masked)
            load = v.A;
        v = _f.Values[load];
        if (v.Op != IrOp.LoadPacket || v.Size == 1 || !Fits(k, v.Size) || (masked && !Fits(mask, v.Size)))
            return false;
        a = Raw(load, facts);
        if (masked)
            a = _g.Intern(IrOp.And, 4, a, _g.Const(Swapped(mask, v.Size)), 0, -1);
        b = _g.Const(Swapped(k, v.Size));
        return true;
    }

    private static bool Fits(uint k, int size) => size == 4 || k <= ushort.MaxValue;

    private static uint Swapped(uint k, int size) => (uint)Semantics.ByteSwap(k, size * 8);

    /// <summary>Rejects unless the bytes of a load are present; nothing is emitted where facts say that they are.</summary>
    private void CheckLoad(in IrValue v, IlFacts facts)
    {
        if (facts.IsPresent(_f, v))
            return;
        ulong end = v.Imm + v.Size;
        if (v.A == IrFunction.Zero)
            RejectIf(IrCompare.Gt64, _g.Const64(end), _length);
        else
            RejectIf(IrCompare.Gt64, _g.Intern(IrOp.Add, 8, Value(v.A, facts), _g.Const64(end), 0, -1), _length);
        facts.SetPresent(v.A, (long)end);
    }

    private void CheckDivisor(int divisor, IlFacts facts)
    {
        if (_f.IsConst(divisor, out uint k))
        {
            if (k == 0)
            {
                _g.Goto(_at, _frame.Reject);
                _at = _g.NewBlock(); // nothing leads there
            }
        }
        else if (!facts.IsDivisible(divisor))
        {
            RejectIf(IrCompare.Eq, Value(divisor, facts), IrFunction.Zero);
            facts.SetDivisible(divisor);
        }
    }
}
