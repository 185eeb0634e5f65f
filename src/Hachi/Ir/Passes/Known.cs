using System.Numerics;

namespace Hachi.Ir.Passes;

/// <summary>What is known of a 32-bit word at some place: an interval, bits that are certainly 0 or 1, and words that it is certainly not.</summary>
public struct Known
{
    /// <summary>The value that this is about; for an established packet length the complement of the base value.</summary>
    public int Key;

    /// <summary>Least possible word; for an established length: bytes certainly present from the base on.</summary>
    public uint Lo;

    /// <summary>Greatest possible word.</summary>
    public uint Hi;

    /// <summary>Bits that are certainly 0.</summary>
    public uint Zeros;

    /// <summary>Bits that are certainly 1.</summary>
    public uint Ones;

    /// <summary>Head of a list of excluded words in <see cref="Environments"/>, or 0.</summary>
    public int Excluded;

    /// <summary>Head of the list of the only possible words in <see cref="Environments"/>, or 0 when there is no such list.</summary>
    public int OneOf;

    /// <summary>Nothing is known.</summary>
    public static Known Nothing(int key) => new() { Key = key, Hi = uint.MaxValue };

    /// <summary>No more than a word of which all bits below the first that is set are set.</summary>
    public static Known AtMost(int key, uint max) => new() { Key = key, Hi = max, Zeros = ~max };

    /// <summary>A constant.</summary>
    public static Known Exactly(int key, uint k) => new() { Key = key, Lo = k, Hi = k, Zeros = ~k, Ones = k };

    /// <summary>Whether only one word is possible.</summary>
    public readonly bool IsConst => Lo == Hi;

    /// <summary>Lets interval and bits sharpen each other.</summary>
    public void Tighten()
    {
        Lo = Math.Max(Lo, Ones);
        Hi = Math.Min(Hi, ~Zeros);
        if (Lo > Hi) // a contradiction: this place is never reached; keep it harmless
            Hi = Lo;
        uint same = Lo ^ Hi; // the leading bits in which both ends agree are known
        uint known = same == 0 ? uint.MaxValue : ~(uint.MaxValue >> BitOperations.LeadingZeroCount(same));
        Ones |= Lo & known;
        Zeros |= ~Lo & known;
    }

    /// <summary>Adds what the truth or falsehood of a comparison with a constant says (exclusions apart).</summary>
    public void Learn(IrCompare compare, uint k, bool outcome)
    {
        switch (compare, outcome)
        {
            case (IrCompare.Eq, true):
                (Lo, Hi, Zeros, Ones) = (k, k, ~k, k);
                return;
            case (IrCompare.Eq, false):
                if (k == Lo && Lo < Hi)
                    Lo++;
                else if (k == Hi && Lo < Hi)
                    Hi--;
                break;
            case (IrCompare.Gt, true):
                Lo = Math.Max(Lo, k == uint.MaxValue ? k : k + 1);
                break;
            case (IrCompare.Gt, false):
                Hi = Math.Min(Hi, k);
                break;
            case (IrCompare.Ge, true):
                Lo = Math.Max(Lo, k);
                break;
            case (IrCompare.Ge, false):
                Hi = Math.Min(Hi, k == 0 ? 0 : k - 1);
                break;
            case (IrCompare.Set, true):
                if (BitOperations.IsPow2(k))
                    Ones |= k;
                else if (Lo == 0)
                    Lo = 1;
                break;
            default:
                Zeros |= k;
                break;
        }
        Tighten();
    }

    /// <summary>1: the comparison with k certainly holds, 0: it certainly does not, -1: open.</summary>
    public readonly int Decide(IrCompare compare, uint k)
    {
        switch (compare)
        {
            case IrCompare.Eq:
                if (k < Lo || k > Hi || (k & Zeros) != 0 || (~k & Ones) != 0)
                    return 0;
                return Lo == Hi ? 1 : -1;
            case IrCompare.Gt:
                return Lo > k ? 1 : Hi <= k ? 0 : -1;
            case IrCompare.Ge:
                return Lo >= k ? 1 : Hi < k ? 0 : -1;
            default:
                if ((Ones & k) != 0)
                    return 1;
                if ((k & ~Zeros) == 0)
                    return 0;
                return k == uint.MaxValue && Lo > 0 ? 1 : -1;
        }
    }
}
