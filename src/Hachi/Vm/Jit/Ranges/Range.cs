using System.Numerics;
using Hachi.Isa;

namespace Hachi.Vm.Jit.Ranges;

/// <summary>What a number is counted from.</summary>
internal enum RangeBase : byte
{
    /// <summary>Nothing is possible: no way leads here.</summary>
    None,

    /// <summary>0: bounds are unsigned.</summary>
    Zero,

    /// <summary>The address of the packet's first byte: bounds are signed.</summary>
    PacketStart,

    /// <summary>The address behind its last byte: bounds are signed.</summary>
    PacketEnd,
}

/// <summary>
/// What a value can be: an interval without wrap-around, counted from a base, and the low bits that all of it share (so strides are known).
/// </summary>
/// <param name="Base">What it is counted from.</param>
/// <param name="Lo">The least, as the base says signed or not.</param>
/// <param name="Hi">The greatest.</param>
/// <param name="KnownBits">How many low bits are known.</param>
/// <param name="Low">Those bits.</param>
internal readonly record struct Range(RangeBase Base, ulong Lo, ulong Hi, byte KnownBits = 0, ushort Low = 0)
{
    /// <summary>Packets are shorter than this, and so are offsets into them.</summary>
    public const long PacketMax = 1L << 32;

    private const int KnownBitsMax = 12;

    /// <summary>Nothing known.</summary>
    public static readonly Range All = new(RangeBase.Zero, 0, ulong.MaxValue);

    /// <summary>No way leads here.</summary>
    public static Range Nothing => default;

    /// <summary>One number.</summary>
    public static Range Of(ulong value) => Make(RangeBase.Zero, value, value, KnownBitsMax, value);

    /// <summary>All numbers of so many bits.</summary>
    public static Range Bits(int bits) => bits >= 64 ? All : new(RangeBase.Zero, 0, (1ul << bits) - 1);

    private static Range Make(RangeBase from, ulong lo, ulong hi, int known, ulong low) => new(from, lo, hi, (byte)known, (ushort)(low & (1ul << known) - 1));

    /// <summary>Whether it is one number.</summary>
    public bool IsConst => Base == RangeBase.Zero && Lo == Hi;

    /// <summary>Whether it is counted from 0.</summary>
    public bool IsNumber => Base == RangeBase.Zero;

    private bool IsSigned => Base > RangeBase.Zero;

    /// <summary>Everything that is in either.</summary>
    public Range Union(in Range other)
    {
        if (Base == RangeBase.None)
            return other;
        if (other.Base == RangeBase.None)
            return this;
        if (Base != other.Base)
            return All;
        int known = Math.Min(Math.Min(KnownBits, other.KnownBits), BitOperations.TrailingZeroCount((uint)(Low ^ other.Low) | 1u << KnownBitsMax));
        return Make(Base, Less(Lo, other.Lo) ? Lo : other.Lo, Less(Hi, other.Hi) ? other.Hi : Hi, known, Low).Rounded();
    }

    /// <summary>What is left when it is at least and at most so much (in its own base).</summary>
    public Range Within(ulong lo, ulong hi)
    {
        ulong a = Less(Lo, lo) ? lo : Lo, b = Less(hi, Hi) ? hi : Hi;
        return Less(b, a) ? Nothing : (this with { Lo = a, Hi = b }).Rounded();
    }

    /// <summary>What is left when it is not a certain number.</summary>
    public Range Without(ulong value) =>
        value == Lo && value == Hi ? Nothing
        : value == Lo ? (this with { Lo = Lo + 1 }).Rounded()
        : value == Hi ? (this with { Hi = Hi - 1 }).Rounded() : this;

    /// <summary>The low 32 bits.</summary>
    public Range Low32() => IsNumber && Hi <= uint.MaxValue ? this : Make(RangeBase.Zero, 0, uint.MaxValue, IsNumber ? KnownBits : 0, Low).Rounded();

    /// <summary>Its sum with another, in so many bits.</summary>
    public Range Add(in Range other, int size)
    {
        if (IsSigned || other.IsSigned)
            return AddToBase(other);
        int known = Math.Min(KnownBits, other.KnownBits);
        ulong low = (ulong)Low + other.Low, max = size == 8 ? ulong.MaxValue : uint.MaxValue;
        if (other.IsConst && other.Lo > max / 2) // a negative number
        {
            ulong less = 0 - other.Lo & max;
            return Lo >= less ? Make(RangeBase.Zero, Lo - less, Hi - less, known, low) : Make(RangeBase.Zero, 0, max, known, low).Rounded();
        }
        return Hi <= max - other.Hi && other.Hi <= max ? Make(RangeBase.Zero, Lo + other.Lo, Hi + other.Hi, known, low) : Make(RangeBase.Zero, 0, max, known, low).Rounded();
    }

    private Range AddToBase(in Range other)
    {
        if (IsSigned && other.IsSigned)
            return All;
        if (!IsSigned)
            return other.AddToBase(this);
        long lo = (long)other.Lo, hi = (long)other.Hi;
        if (other.Lo > other.Hi || (lo ^ hi) < 0 || Math.Abs((double)lo) > PacketMax || Math.Abs((double)hi) > PacketMax || Math.Abs((double)(long)Lo) > PacketMax << 2 || Math.Abs((double)(long)Hi) > PacketMax << 2)
            return All;
        int known = Math.Min(KnownBits, other.KnownBits);
        return Make(Base, (ulong)((long)Lo + lo), (ulong)((long)Hi + hi), known, (ulong)Low + other.Low);
    }

    /// <summary>Its difference to another.</summary>
    public Range Subtract(in Range other, int size)
    {
        if (other.IsConst)
            return Add(Of(size == 8 ? 0 - other.Lo : (uint)(0 - other.Lo)), size);
        if (IsSigned && other.IsNumber && other.Hi <= PacketMax)
            return AddToBase(new Range(RangeBase.Zero, 0 - other.Hi, 0 - other.Lo));
        if (!IsNumber || !other.IsNumber || Lo < other.Hi)
            return Bits(size * 8);
        int known = Math.Min(KnownBits, other.KnownBits);
        return Make(RangeBase.Zero, Lo - other.Hi, Hi - other.Lo, known, (ulong)Low - other.Low);
    }

    /// <summary>Its product with another.</summary>
    public Range Multiply(in Range other, int size)
    {
        if (!IsNumber || !other.IsNumber || Math.BigMul(Hi, other.Hi, out ulong hi) != 0 || hi > (size == 8 ? ulong.MaxValue : uint.MaxValue))
            return Bits(size * 8);
        int zeros = Math.Min(KnownBitsMax, Zeros() + other.Zeros());
        return Make(RangeBase.Zero, Lo * other.Lo, hi, zeros, 0);
    }

    /// <summary>Shifted left by a constant.</summary>
    public Range ShiftLeft(int count, int size) => Multiply(Of(1ul << count), size) is var product && IsNumber && KnownBits > 0
        ? Make(product.Base, product.Lo, product.Hi, Math.Min(KnownBitsMax, KnownBits + count), (ulong)Low << count) : product;

    /// <summary>How many low bits are known to be 0.</summary>
    private int Zeros() => Math.Min(KnownBits, BitOperations.TrailingZeroCount(Low | 1u << KnownBitsMax));

    private bool Less(ulong a, ulong b) => IsSigned ? (long)a < (long)b : a < b;

    /// <summary>The same numbers with bounds that have the known low bits.</summary>
    public Range Rounded()
    {
        if (KnownBits == 0)
            return this;
        ulong mask = (1ul << KnownBits) - 1, up = Low - Lo & mask, down = Hi - Low & mask;
        ulong lo = Lo + up, hi = Hi - down;
        return Less(lo, Lo) || Less(Hi, hi) || Less(hi, lo) ? Nothing : this with { Lo = lo, Hi = hi };
    }

    /// <summary>The part of a 32- or 64-bit value that Semantics gives for a known operation on constants.</summary>
    public static Range Fold(AluOp op, int size, in Range a, in Range b) =>
        Of(size == 8 ? Semantics.Alu64(op, a.Lo, b.Lo) : Semantics.Alu32(op, (uint)a.Lo, (uint)b.Lo));
}
