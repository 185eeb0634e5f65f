namespace Hachi.Verify;

/// <summary>Arithmetic on 32-bit words whose bits are functions in a diagram; index 0 is the least significant bit.</summary>
internal static class BitVectors
{
    public const int Width = 32;

    public static int[] Constant(uint value)
    {
        var bits = new int[Width];
        for (int i = 0; i < Width; i++)
            bits[i] = (int)(value >> i) & 1;
        return bits;
    }

    /// <summary>The constant that all bits spell, or null.</summary>
    public static uint? TryConstant(int[] bits)
    {
        uint value = 0;
        for (int i = 0; i < Width; i++)
        {
            if (bits[i] > DecisionDiagram.True)
                return null;
            value |= (uint)bits[i] << i;
        }
        return value;
    }

    /// <summary>The largest value that the bits which are never 1 leave.</summary>
    public static uint Max(int[] bits)
    {
        uint max = 0;
        for (int i = 0; i < Width; i++)
            if (bits[i] != DecisionDiagram.False)
                max |= 1u << i;
        return max;
    }

    public static int[] Add(DecisionDiagram d, int[] a, int[] b, bool carryIn = false)
    {
        var sum = new int[Width];
        int carry = carryIn ? DecisionDiagram.True : DecisionDiagram.False;
        for (int i = 0; i < Width; i++)
        {
            int differ = d.Xor(a[i], b[i]);
            sum[i] = d.Xor(differ, carry);
            carry = d.Ite(differ, carry, a[i]);
        }
        return sum;
    }

    public static int[] Negate(DecisionDiagram d, int[] a)
    {
        var inverted = new int[Width];
        for (int i = 0; i < Width; i++)
            inverted[i] = d.Not(a[i]);
        return Add(d, inverted, Constant(0), carryIn: true);
    }

    /// <summary>Shifts left; to the right when negative.</summary>
    public static int[] Shift(int[] a, int left)
    {
        var result = new int[Width];
        for (int i = 0; i < Width; i++)
            result[i] = (uint)(i - left) < Width ? a[i - left] : DecisionDiagram.False;
        return result;
    }

    public static int[] Scale(DecisionDiagram d, int[] a, uint factor)
    {
        if (factor > 1u << 31) // which is its own negative
            return Negate(d, Scale(d, a, 0 - factor));
        int[]? sum = null;
        for (int i = 0; i < Width; i++)
            if ((factor >> i & 1) != 0)
                sum = sum is null ? Shift(a, i) : Add(d, sum, Shift(a, i));
        return sum ?? Constant(0);
    }

    public static int Equal(DecisionDiagram d, int[] a, int[] b)
    {
        int equal = DecisionDiagram.True;
        for (int i = 0; i < Width && equal != DecisionDiagram.False; i++)
            equal = d.And(d.Same(a[i], b[i]), equal);
        return equal;
    }

    /// <summary>a > b, or a >= b.</summary>
    public static int Greater(DecisionDiagram d, int[] a, int[] b, bool orEqual)
    {
        int greater = orEqual ? DecisionDiagram.True : DecisionDiagram.False;
        for (int i = 0; i < Width; i++)
            greater = d.Ite(d.Xor(a[i], b[i]), a[i], greater);
        return greater;
    }

    /// <summary>Any function of two words, by deciding one bit after the other: only for words that depend on few bits.</summary>
    public static int[] Tabulate(DecisionDiagram d, int[] a, int[] b, Func<uint, uint, uint> function)
    {
        if (TryConstant(a) is { } x && TryConstant(b) is { } y)
            return Constant(function(x, y));
        int level = int.MaxValue;
        for (int i = 0; i < Width; i++)
            level = Math.Min(level, Math.Min(d.Level(a[i]), d.Level(b[i])));
        int[] low = Tabulate(d, Cofactor(d, a, level, false), Cofactor(d, b, level, false), function);
        int[] high = Tabulate(d, Cofactor(d, a, level, true), Cofactor(d, b, level, true), function);
        var result = new int[Width];
        int bit = d.Bit(level);
        for (int i = 0; i < Width; i++)
            result[i] = d.Ite(bit, high[i], low[i]);
        return result;
    }

    private static int[] Cofactor(DecisionDiagram d, int[] bits, int level, bool value)
    {
        var result = new int[Width];
        for (int i = 0; i < Width; i++)
            result[i] = d.Level(bits[i]) != level ? bits[i] : value ? d.High(bits[i]) : d.Low(bits[i]);
        return result;
    }

    /// <summary>Adds the numbers of all bits that the word depends on.</summary>
    public static void AddSupport(DecisionDiagram d, int[] bits, HashSet<int> levels)
    {
        var seen = new HashSet<int>();
        var work = new Stack<int>(bits);
        while (work.TryPop(out int node))
        {
            if (node <= DecisionDiagram.True || !seen.Add(node))
                continue;
            levels.Add(d.Level(node));
            work.Push(d.Low(node));
            work.Push(d.High(node));
        }
    }
}
