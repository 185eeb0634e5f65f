namespace Hachi.Ir.Passes;

/// <summary>Turns "is this word in that set" into comparisons: one after the other for small sets, a balanced search for large ones.</summary>
internal static class SetLowering
{
    /// <summary>Up to this many comparisons stand one after the other.</summary>
    public const int LinearMax = 9;

    /// <summary>Address ranges of private networks (RFC 1918) and multicast, which four-byte words of packets very often lie in.</summary>
    private static readonly (uint Lo, uint Hi)[] s_common =
        [(0x0a000000, 0x0affffff), (0xac100000, 0xac1fffff), (0xc0a80000, 0xc0a8ffff), (0xe0000000, 0xefffffff)];

    /// <summary>Makes the blocks; returns the first. Words in the set go to <paramref name="inside"/>, others to <paramref name="outside"/>.</summary>
    public static int Lower(IrFunction f, int value, IntervalSet set, int inside, int outside, int origin)
    {
        uint max = IrFold.Mask(f, value);
        max = max == 0 ? 0 : uint.MaxValue >> System.Numerics.BitOperations.LeadingZeroCount(max);
        ReadOnlySpan<(uint Lo, uint Hi)> all = set.Intervals;
        int count = all.Length;
        while (count > 0 && all[count - 1].Lo > max)
            count--;
        if (count == 0)
            return outside;
        return new Lowering(f, value, inside, outside, origin).Range(all[..count], 0, max);
    }

    private readonly struct Lowering(IrFunction f, int value, int inside, int outside, int origin)
    {
        /// <summary>Intervals that remain for words in floor..ceiling.</summary>
        public int Range(ReadOnlySpan<(uint Lo, uint Hi)> part, uint floor, uint ceiling)
        {
            int leaf = part.Length <= 24 ? LinearMax : part.Length <= 64 ? 5 : part.Length <= 256 ? 3 : 2;
            return Search(part, floor, ceiling, leaf);
        }

        private int Search(ReadOnlySpan<(uint Lo, uint Hi)> part, uint floor, uint ceiling, int leaf)
        {
            if (part.Length <= leaf)
                return Linear(part, floor, ceiling);
            int mid = Middle(part, floor, ceiling);
            int left = Search(part[..mid], floor, part[mid].Lo - 1, leaf);
            int right = Search(part[mid..], part[mid].Lo, ceiling, leaf);
            return Test(IrCompare.Ge, part[mid].Lo, right, left);
        }

        /// <summary>
        /// Where to part: half of the weight on each side, where an interval weighs by itself and by the gap before it. Words far from all others are then
        /// out after a few comparisons; no way gets longer than about twice the shortest.
        /// </summary>
        private int Middle(ReadOnlySpan<(uint Lo, uint Hi)> part, uint floor, uint ceiling)
        {
            double total = Mass(floor, ceiling), each = total / part.Length, sum = 0;
            for (int i = 1; i < part.Length; i++)
            {
                sum += (2 * each) + (2 * Mass(i == 1 ? floor : part[i - 1].Lo, part[i].Lo));
                if (sum >= 2 * total)
                    return i;
            }
            return part.Length - 1;
        }

        /// <summary>How many words of a range packets may be expected to carry: alike for all, but more for the addresses that networks are made of.</summary>
        private double Mass(uint from, uint to)
        {
            double mass = (double)to - from + 1;
            if (f.Values[value] is not { Op: IrOp.LoadPacket, Size: 4 })
                return mass;
            foreach ((uint lo, uint hi) in s_common)
                if (from <= hi && to >= lo)
                    mass += uint.MaxValue / 4.0 * ((double)Math.Min(to, hi) - Math.Max(from, lo) + 1) / ((double)hi - lo + 1);
            return mass;
        }

        private int Linear(ReadOnlySpan<(uint Lo, uint Hi)> part, uint floor, uint ceiling)
        {
            int next = outside;
            for (int i = part.Length - 1; i >= 0; i--)
            {
                (uint lo, uint hi) = part[i];
                bool open = lo <= floor, closed = hi >= ceiling;
                if (open && closed)
                    next = inside;
                else if (lo == hi)
                    next = Test(IrCompare.Eq, lo, inside, next);
                else if (open)
                    next = Test(IrCompare.Gt, hi, next, inside);
                else if (closed)
                    next = Test(IrCompare.Ge, lo, inside, next);
                else // below lo nothing of the rest can match: the rest lies above
                    next = Test(IrCompare.Ge, lo, Test(IrCompare.Gt, hi, next, inside), outside);
            }
            return next;
        }

        private int Test(IrCompare compare, uint k, int whenTrue, int whenFalse)
        {
            if (whenTrue == whenFalse)
                return whenTrue;
            int block = f.NewBlock();
            f.Branch(block, compare, value, f.Const(k), whenTrue, whenFalse, origin);
            return block;
        }
    }
}
