using static Hachi.Isa.ClassicOpcode;

namespace Hachi.Ir.Select;

/// <summary>How values get into A and X.</summary>
internal sealed partial class ClassicSelector
{
    private uint _loaded; // slots that were read: a store that nobody reads is not worth its place
    private int _blockStart, _firstValue;

    /// <summary>Computes a value into A.</summary>
    private void ToA(int value)
    {
        if (_a == value || _failed)
            return;
        int before = _count;
        IrValue v = _f.Values[value];
        int slot = _slotOf[value];
        bool kept = slot >= 0 && (_m & (1 << slot)) != 0;
        if (_x == value)
        {
            Put(Misc | Txa, 0);
        }
        else if (kept)
        {
            Put(Ld | Mem, (uint)slot);
            _loaded |= 1u << slot;
        }
        else
        {
            Compute(value, v);
            if (slot >= 0)
            {
                Put(St, (uint)slot);
                _m |= (ushort)(1 << slot);
            }
        }
        _a = value;
        if (before == _blockStart && _count == before + 1)
            _firstValue = value;
    }

    private void Compute(int value, in IrValue v)
    {
        switch (v.Op)
        {
            case IrOp.Const:
                Put(Ld | Imm, v.K);
                break;
            case IrOp.Length:
                Put(Ld | W | Len, 0);
                break;
            case IrOp.Extension:
                Put(Ld | W | Abs, v.K);
                break;
            case IrOp.LoadPacket:
                if (v.A != IrFunction.Zero)
                    ToX(v.A);
                Put(Ld | SizeOf(v.Size) | (v.A == IrFunction.Zero ? Abs : Ind), v.K);
                break;
            case IrOp.Phi:
            case IrOp.ProtoChain:
                _failed = true; // a phi without a slot, a walk that is not tested at once
                break;
            case IrOp.Neg:
                ToA(v.A);
                Put(Alu | Neg, 0);
                break;
            default:
                ComputeBinary(value, v);
                break;
        }
    }

    private void ComputeBinary(int value, in IrValue v)
    {
        int op = IrFold.CodeOf(v.Op);
        if (IsHeaderLength(value, out uint at)) // (p[k] & 0xf) << 2 has an instruction of its own, into X
        {
            Put(Ldx | B | Msh, at);
            _x = value;
            Put(Misc | Txa, 0);
            return;
        }
        if (_f.IsConst(v.B, out uint k))
        {
            ToA(v.A);
            Put(Alu | op | K, k);
            return;
        }
        Pair(v.A, v.B, IrFold.IsCommutative(v.Op));
        Put(Alu | op | X, 0);
    }

    /// <summary>Brings a into A and b into X, or, where that is allowed and shorter, the other way round (then true).</summary>
    private bool Pair(int a, int b, bool maySwap)
    {
        if (_failed)
            return false;
        if (_x == b && !ClobbersX(a))
        {
            ToA(a);
            return false;
        }
        if (maySwap && _x == a && !ClobbersX(b))
        {
            ToA(b);
            return true;
        }
        if (LoadsIntoX(b))
        {
            ToA(a);
            ToX(b);
            return false;
        }
        if (maySwap && LoadsIntoX(a))
        {
            ToA(b);
            ToX(a);
            return true;
        }
        if (!ClobbersX(a, b))
        {
            ToX(b);
            ToA(a);
            return false;
        }
        if (maySwap && !ClobbersX(b, a))
        {
            ToX(a);
            ToA(b);
            return true;
        }
        int slot = _slotOf[b];
        ToA(b);
        if (slot < 0)
        {
            if (_temps == 16)
            {
                _failed = true;
                return false;
            }
            slot = _temps++;
            Put(St, (uint)slot);
            ToA(a);
            Put(Ldx | W | Mem, (uint)slot);
            _temps--;
        }
        else
        {
            ToA(a);
            Put(Ldx | W | Mem, (uint)slot);
            _loaded |= 1u << slot;
        }
        _x = b;
        return false;
    }

    /// <summary>Computes a value into X (through A, unless X has a load of its own for it).</summary>
    private void ToX(int value)
    {
        if (_x == value || _failed)
            return;
        IrValue v = _f.Values[value];
        int slot = _slotOf[value];
        if (_a == value)
        {
            Put(Misc | Tax, 0);
        }
        else if (v.Op == IrOp.Const)
        {
            Put(Ldx | W | Imm, v.K);
        }
        else if (v.Op == IrOp.Length)
        {
            Put(Ldx | W | Len, 0);
        }
        else if (slot >= 0 && (_m & (1 << slot)) != 0)
        {
            Put(Ldx | W | Mem, (uint)slot);
            _loaded |= 1u << slot;
        }
        else if (IsHeaderLength(value, out uint at))
        {
            Put(Ldx | B | Msh, at);
        }
        else
        {
            ToA(value);
            Put(Misc | Tax, 0);
        }
        _x = value;
    }

    /// <summary>Whether X has a load of its own for a value.</summary>
    private bool LoadsIntoX(int value)
    {
        int slot = _slotOf[value];
        return _f.Values[value].Op is IrOp.Const or IrOp.Length || (slot >= 0 && (_m & (1 << slot)) != 0) || IsHeaderLength(value, out _);
    }

    /// <summary>Whether computing a value changes X once X holds another.</summary>
    private bool ClobbersX(int value, int once)
    {
        (int a, int x) = (_a, _x);
        (_a, _x) = (_x == once ? _a : once, once);
        bool clobbers = ClobbersX(value);
        (_a, _x) = (a, x);
        return clobbers;
    }

    private bool ClobbersX(int value)
    {
        while (true)
        {
            int slot = _slotOf[value];
            if (_a == value || _x == value || (slot >= 0 && (_m & (1 << slot)) != 0))
                return false;
            IrValue v = _f.Values[value];
            switch (v.Op)
            {
                case IrOp.Const or IrOp.Length or IrOp.Extension or IrOp.Phi:
                    return false;
                case IrOp.LoadPacket:
                    return v.A != IrFunction.Zero && _x != v.A;
                default:
                    if (v.Op != IrOp.Neg && _f.Values[v.B].Op != IrOp.Const && _x != v.B)
                        return true;
                    if (IsHeaderLength(value, out _))
                        return true;
                    value = v.A;
                    break;
            }
        }
    }

    /// <summary>Whether a value is 4 * (p[k] &amp; 0xf), the length of an IPv4 header, and where its byte lies.</summary>
    private bool IsHeaderLength(int value, out uint at)
    {
        ref IrValue v = ref _f.Values[value];
        at = 0;
        if (v.Op != IrOp.Lsh || !_f.IsConst(v.B, out uint shift) || shift != 2)
            return false;
        ref IrValue and = ref _f.Values[v.A];
        if (and.Op != IrOp.And || !_f.IsConst(and.B, out uint mask) || mask != 0xf)
            return false;
        ref IrValue load = ref _f.Values[and.A];
        at = load.K;
        return load.Op == IrOp.LoadPacket && load.Size == 1 && load.A == IrFunction.Zero;
    }

    private static int SizeOf(byte size) => size == 1 ? B : size == 2 ? H : W;
}
