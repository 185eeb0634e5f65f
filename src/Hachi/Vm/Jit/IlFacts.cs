using System.Collections;
using Hachi.Ir;

namespace Hachi.Vm.Jit;

/// <summary>
/// What the code emitted so far guarantees at a point: how many bytes are present from each base, which values stand in their locals, which divisors
/// were seen not to be zero. Facts come from emitted checks only, never from what a pass claims.
/// </summary>
internal sealed class IlFacts
{
    private readonly List<(int Base, long Bytes)> _present = [];
    private readonly BitArray _inLocal;
    private readonly BitArray _divisible;

    /// <summary>Nothing is known but a least length of the packet.</summary>
    public IlFacts(int valueCount, int lengthMin)
    {
        _inLocal = new BitArray(valueCount);
        _divisible = new BitArray(valueCount);
        if (lengthMin > 0)
            _present.Add((IrFunction.Zero, lengthMin));
    }

    private IlFacts(IlFacts other)
    {
        _present.AddRange(other._present);
        _inLocal = new BitArray(other._inLocal);
        _divisible = new BitArray(other._divisible);
    }

    /// <summary>A copy for another edge.</summary>
    public IlFacts Clone() => new(this);

    /// <summary>Bytes certainly present from a base value on; for <see cref="IrFunction.Zero"/> the least length of the packet.</summary>
    public long Present(int basis)
    {
        foreach ((int known, long bytes) in _present)
            if (known == basis)
                return bytes;
        return 0;
    }

    /// <summary>Whether the bytes of a load are known to be there.</summary>
    public bool IsPresent(IrFunction f, in IrValue load)
    {
        long end = (long)load.Imm + load.Size;
        return Present(load.A) >= end || (load.A != IrFunction.Zero && IrFold.Mask(f, load.A) + end <= Present(IrFunction.Zero));
    }

    /// <summary>Notes a check that was passed.</summary>
    public void SetPresent(int basis, long bytes)
    {
        for (int i = 0; i < _present.Count; i++)
        {
            if (_present[i].Base != basis)
                continue;
            _present[i] = (basis, Math.Max(bytes, _present[i].Bytes));
            return;
        }
        _present.Add((basis, bytes));
    }

    /// <summary>Whether a value stands in its local.</summary>
    public bool IsInLocal(int value) => _inLocal[value];

    /// <summary>Notes that it does.</summary>
    public void SetInLocal(int value) => _inLocal[value] = true;

    /// <summary>Whether the divisor is known not to be zero.</summary>
    public bool IsDivisible(int divisor) => _divisible[divisor];

    /// <summary>Notes that it is not.</summary>
    public void SetDivisible(int divisor) => _divisible[divisor] = true;

    /// <summary>Keeps what also holds on another edge.</summary>
    public void Meet(IlFacts other)
    {
        _inLocal.And(other._inLocal);
        _divisible.And(other._divisible);
        for (int i = _present.Count - 1; i >= 0; i--)
        {
            long bytes = Math.Min(_present[i].Bytes, other.Present(_present[i].Base));
            if (bytes == 0)
                _present.RemoveAt(i);
            else
                _present[i] = (_present[i].Base, bytes);
        }
    }
}
