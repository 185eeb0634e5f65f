namespace Hachi.Ir.Passes;

/// <summary>Turns "is this word in that set" into comparisons: one after the other for small sets, a balanced search for large ones.</summary>
internal static class SetLowering
{
    /// <summary>Up to this many comparisons stand one after the other.</summary>
    public const int LinearMax = 9;

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
        private static int Middle(ReadOnlySpan<(uint Lo, uint Hi)> part, uint floor, uint ceiling)
        {
            double total = (double)ceiling - floor + 1, each = total / part.Length, sum = 0;
            for (int i = 1; i < part.Length; i++)
            {
                sum += each + part[i].Lo - (i == 1 ? floor : part[i - 1].Lo);
                if (sum >= total)
                    return i;
            }
            return part.Length - 1;
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
