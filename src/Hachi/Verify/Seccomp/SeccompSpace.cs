using Hachi.Uapi;

namespace Hachi.Verify.Seccomp;

/// <summary>
/// All system calls there are, as the bits of a <see cref="SeccompData"/> that nobody has seen: conditions on it are functions in one decision diagram,
/// where equal conditions are one node.
/// </summary>
public sealed class SeccompSpace
{
    private const int WordBits = BitVectors.Width;

    // Architecture first, then the number, then the arguments, upper halves first: the order in which filters decide.
    private static readonly uint[] s_order = [4, 0, 20, 16, 28, 24, 36, 32, 44, 40, 52, 48, 60, 56, 12, 8];

    private readonly Dictionary<uint, int[]> _words = [];

    /// <summary>An empty space.</summary>
    /// <param name="stepsMax">Steps of the diagram after which it is exhausted.</param>
    public SeccompSpace(long stepsMax = 50_000_000) => Diagram = new DecisionDiagram(stepsMax);

    /// <summary>The diagram of all conditions.</summary>
    public DecisionDiagram Diagram { get; }

    /// <summary>The bits of the word that <c>ld [offset]</c> loads, the least significant one first.</summary>
    internal int[] Word(uint offset)
    {
        if (!_words.TryGetValue(offset, out int[]? bits))
        {
            bits = new int[WordBits];
            int level = Array.IndexOf(s_order, offset) * WordBits;
            for (int i = 0; i < WordBits; i++)
                bits[i] = Diagram.Bit(level + WordBits - 1 - i);
            _words.Add(offset, bits);
        }
        return bits;
    }

    /// <summary>When the word at an offset, under a mask, equals a value.</summary>
    public int IsEqual(uint offset, uint value, uint mask = uint.MaxValue)
    {
        int[] bits = Word(offset);
        int result = DecisionDiagram.True;
        for (int i = 0; i < WordBits; i++)
            if ((mask >> i & 1) != 0)
                result = Diagram.And((value >> i & 1) != 0 ? bits[i] : Diagram.Not(bits[i]), result);
        return result;
    }

    /// <summary>When the word at an offset is greater than a value, or equal to it.</summary>
    public int IsAtLeast(uint offset, uint value)
    {
        int[] bits = Word(offset);
        int result = DecisionDiagram.True;
        for (int i = 0; i < WordBits; i++)
            result = (value >> i & 1) != 0 ? Diagram.And(bits[i], result) : Diagram.Or(bits[i], result);
        return result;
    }

    /// <summary>When the word at an offset lies between two values, both included.</summary>
    public int IsBetween(uint offset, uint low, uint high)
    {
        int result = low == 0 ? DecisionDiagram.True : IsAtLeast(offset, low);
        return high == uint.MaxValue ? result : Diagram.And(result, Diagram.Not(IsAtLeast(offset, high + 1)));
    }

    /// <summary>When at least one of several conditions holds. Neighbours are joined first: those that are alike should stand next to each other.</summary>
    public int Any(List<int> conditions)
    {
        ArgumentNullException.ThrowIfNull(conditions);
        return Any(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(conditions));
    }

    private int Any(ReadOnlySpan<int> conditions) => conditions.Length switch
    {
        0 => DecisionDiagram.False,
        1 => conditions[0],
        var count => Diagram.Or(Any(conditions[..(count / 2)]), Any(conditions[(count / 2)..])),
    };

    /// <summary>Whether a condition depends on the word at an offset.</summary>
    public bool DependsOn(int condition, uint offset)
    {
        int first = Array.IndexOf(s_order, offset) * WordBits;
        var seen = new HashSet<int>();
        var work = new Stack<int>([condition]);
        while (work.TryPop(out int node))
        {
            int level = Diagram.Level(node);
            if (level >= first + WordBits || !seen.Add(node)) // what is asked later cannot ask this
                continue;
            if (level >= first)
                return true;
            work.Push(Diagram.Low(node));
            work.Push(Diagram.High(node));
        }
        return false;
    }

    /// <summary>Some call for which a condition holds; bits that do not matter are 0. Null when it never holds.</summary>
    public SeccompData? Find(int condition)
    {
        if (condition == DecisionDiagram.False || Diagram.IsExhausted)
            return null;
        var words = new uint[SeccompData.Size / 4];
        for (int at = condition; at > DecisionDiagram.True;)
        {
            bool high = Diagram.Low(at) == DecisionDiagram.False;
            if (high)
            {
                int level = Diagram.Level(at);
                words[s_order[level / WordBits] / 4] |= 1u << (WordBits - 1 - (level % WordBits));
            }
            at = high ? Diagram.High(at) : Diagram.Low(at);
        }
        SeccompArguments arguments = default;
        for (int i = 0; i < SeccompData.ArgumentsMax; i++)
            arguments[i] = words[4 + (2 * i)] | ((ulong)words[5 + (2 * i)] << 32);
        return new SeccompData(words[0], words[1], words[2] | ((ulong)words[3] << 32), arguments);
    }
}
