using System.Numerics;
using Hachi.Isa;

namespace Hachi.Verify;

/// <summary>
/// Makes values and decides comparisons of them, as functions of the bits of an unknown packet. What one 32-bit word or a few bits determine is exact;
/// sums and products of more get bits of their own, which are exact about equal expressions and silent about what else they have in common.
/// </summary>
public sealed partial class SymbolicValues
{
    /// <summary>Bits that a sum, a product or the smaller side of a comparison may depend on to be computed exactly.</summary>
    private const int SumSupportMax = 16, TableSupportMax = 10, LengthSupportMax = 4;

    /// <summary>Multiples of a wide word that are computed exactly: larger ones have too many carries.</summary>
    private const uint WideFactorMax = 64;

    private readonly DecisionDiagram _diagram;
    private readonly int _compareSupportMax;
    private readonly Dictionary<int[], SymbolicValue> _byBits = new(ArrayComparer.Instance);
    private readonly Dictionary<int[], SymbolicValue> _byForm = new(ArrayComparer.Instance);
    private readonly Dictionary<(int Operation, int A, int B), SymbolicValue> _byOperation = [];
    private readonly Dictionary<(int A, int B), int> _greater = [];
    private readonly Dictionary<int, (SymbolicValue Value, uint K)> _xorOf = [];
    private int _count;

    /// <summary>Values over a diagram.</summary>
    /// <param name="diagram">The diagram, for these values alone.</param>
    /// <param name="compareSupportMax">
    /// On how many bits the narrower of two words may depend that are compared, or combined bit by bit, exactly: two to the power of it nodes may be needed.
    /// </param>
    public SymbolicValues(DecisionDiagram diagram, int compareSupportMax = 10)
    {
        _diagram = diagram;
        _compareSupportMax = compareSupportMax;
        Zero = Constant(0);
    }

    /// <summary>The constant 0.</summary>
    public SymbolicValue Zero { get; }

    /// <summary>A constant.</summary>
    public SymbolicValue Constant(uint value) => Linear(value, []);

    /// <summary>What a classic arithmetic operation gives; <paramref name="fails"/> is when it divides by zero instead.</summary>
    /// <param name="code">The instruction's code, of which the operation counts.</param>
    /// <param name="a">First operand.</param>
    /// <param name="b">Second operand; <c>neg</c> ignores it.</param>
    /// <param name="fails">A function of the diagram.</param>
    public SymbolicValue Compute(int code, SymbolicValue a, SymbolicValue b, out int fails)
    {
        int op = code & ClassicOpcode.OpMask;
        fails = op is ClassicOpcode.Div or ClassicOpcode.Mod ? EqualsConstant(b, 0) : DecisionDiagram.False;
        if (fails == DecisionDiagram.True)
            return Zero;
        if (a.IsConstant && b.IsConstant)
        {
            Semantics.ClassicAlu(op, a.Constant, b.Constant, out uint result);
            return Constant(result);
        }
        switch (op)
        {
            case ClassicOpcode.Add:
                return Sum(a, 1, b, 1);
            case ClassicOpcode.Sub:
                return Sum(a, 1, b, uint.MaxValue);
            case ClassicOpcode.Neg:
                return Sum(a, uint.MaxValue, Zero, 0);
            case ClassicOpcode.Mul when a.IsConstant:
                return Sum(b, a.Constant, Zero, 0);
            case ClassicOpcode.Mul when b.IsConstant:
                return Sum(a, b.Constant, Zero, 0);
            case ClassicOpcode.Lsh when b.IsConstant:
                return b.Constant < 32 ? Sum(a, 1u << (int)b.Constant, Zero, 0) : Zero;
            case ClassicOpcode.And or ClassicOpcode.Or or ClassicOpcode.Xor:
                return Bitwise(op, a, b);
            case ClassicOpcode.Rsh when b.IsConstant:
                return b.Constant < 32 ? FromBits(BitVectors.Shift(Bits(a), -(int)b.Constant)) : Zero;
            case ClassicOpcode.Div when b.IsConstant && BitOperations.IsPow2(b.Constant):
                return FromBits(BitVectors.Shift(Bits(a), -BitOperations.Log2(b.Constant)));
            case ClassicOpcode.Mod when b.IsConstant && BitOperations.IsPow2(b.Constant):
                return Bitwise(ClassicOpcode.And, a, Constant(b.Constant - 1));
            default:
                return Operation(op, a, b);
        }
    }

    /// <summary>When a classic comparison of two values holds.</summary>
    /// <param name="code">The jump's code, of which the operation counts.</param>
    /// <param name="a">The accumulator.</param>
    /// <param name="b">K or X.</param>
    public int Compare(int code, SymbolicValue a, SymbolicValue b) => (code & ClassicOpcode.OpMask) switch
    {
        ClassicOpcode.Jeq => Equal(a, b),
        ClassicOpcode.Jgt => Greater(a, b),
        ClassicOpcode.Jge => _diagram.Not(Greater(b, a)),
        _ => _diagram.Not(EqualsConstant(Bitwise(ClassicOpcode.And, a, b), 0)),
    };

    /// <summary>When a value is not 0.</summary>
    public int IsNotZero(SymbolicValue a) => _diagram.Not(EqualsConstant(a, 0));

    private int Equal(SymbolicValue a, SymbolicValue b)
    {
        if (a.IsConstant)
            (a, b) = (b, a);
        if (b.IsConstant && (a.IsExact || a.Terms.Length <= 1))
            return EqualsConstant(a, b.Constant);
        if (IsComparable(a, b))
            return BitVectors.Equal(_diagram, a.Bits!, b.Bits!);
        SymbolicValue difference = Sum(a, 1, b, uint.MaxValue);
        if (difference.IsConstant)
            return difference.Constant == 0 ? DecisionDiagram.True : DecisionDiagram.False;
        return EqualsConstant(difference, 0);
    }

    /// <summary>The term that depends on most bits against the sum of the others, if that can be told exactly; otherwise the bits of the whole.</summary>
    private int EqualsConstant(SymbolicValue value, uint constant)
    {
        if (value.IsConstant)
            return value.Constant == constant ? DecisionDiagram.True : DecisionDiagram.False;
        if (_xorOf.TryGetValue(value.Id, out (SymbolicValue Value, uint K) xor)) // (x ^ k) == c is x == (k ^ c), and more can be told of x
            return EqualsConstant(xor.Value, constant ^ xor.K);
        if (!value.IsExact && value.Terms.Length > 1)
        {
            (uint factor, SymbolicValue atom) = value.Terms.MaxBy(term => Support(term.Atom));
            uint sign = factor > int.MaxValue ? uint.MaxValue : 1;
            SymbolicValue one = Sum(atom, factor * sign, Zero, 0); // to negate a wide word takes many steps
            SymbolicValue others = Sum(Sum(Constant(constant), 1, value, uint.MaxValue), sign, one, 1);
            if (IsComparable(one, others))
                return BitVectors.Equal(_diagram, one.Bits!, others.Bits!);
        }
        return BitVectors.Equal(_diagram, Bits(value), BitVectors.Constant(constant));
    }

    private int Greater(SymbolicValue a, SymbolicValue b)
    {
        if (a == b || (a.IsConstant && a.Constant == 0) || (b.IsConstant && b.Constant == uint.MaxValue))
            return DecisionDiagram.False;
        // Next to an end of the range it is a question of equality, of which more can be told.
        if (b.IsConstant && b.Constant is 0 or uint.MaxValue - 1)
            return b.Constant == 0 ? _diagram.Not(EqualsConstant(a, 0)) : EqualsConstant(a, uint.MaxValue);
        if (a.IsConstant && a.Constant is 1 or uint.MaxValue)
            return a.Constant == 1 ? EqualsConstant(b, 0) : _diagram.Not(EqualsConstant(b, uint.MaxValue));
        if (a.IsConstant || b.IsConstant || IsComparable(a, b))
            return BitVectors.Greater(_diagram, Bits(a), Bits(b), orEqual: false);
        if (!_greater.TryGetValue((a.Id, b.Id), out int level))
        {
            level = NewRun(BitSource.Greater, 1, a, b);
            _greater.Add((a.Id, b.Id), level);
        }
        return _diagram.Bit(level);
    }

    private bool IsComparable(SymbolicValue a, SymbolicValue b) => a.IsExact && b.IsExact && Math.Min(Support(a), Support(b)) <= _compareSupportMax;

    /// <summary>a * m + b * n.</summary>
    internal SymbolicValue Sum(SymbolicValue a, uint m, SymbolicValue b, uint n)
    {
        var terms = new List<(uint Factor, SymbolicValue Atom)>(a.Terms.Length + b.Terms.Length);
        int i = 0, j = 0;
        while (i < a.Terms.Length || j < b.Terms.Length)
        {
            int left = i < a.Terms.Length ? a.Terms[i].Atom.Id : int.MaxValue, right = j < b.Terms.Length ? b.Terms[j].Atom.Id : int.MaxValue;
            SymbolicValue atom = left <= right ? a.Terms[i].Atom : b.Terms[j].Atom;
            uint factor = 0;
            if (left <= right)
                factor += a.Terms[i++].Factor * m;
            if (right <= left)
                factor += b.Terms[j++].Factor * n;
            if (factor != 0)
                terms.Add((factor, atom));
        }
        return Linear((a.Constant * m) + (b.Constant * n), [.. terms]);
    }

    private SymbolicValue Linear(uint constant, (uint Factor, SymbolicValue Atom)[] terms)
    {
        if (constant == 0 && terms is [(1, var alone)])
            return alone;
        var key = new int[1 + (2 * terms.Length)];
        key[0] = (int)constant;
        for (int i = 0; i < terms.Length; i++)
            (key[(2 * i) + 1], key[(2 * i) + 2]) = ((int)terms[i].Factor, terms[i].Atom.Id);
        if (_byForm.TryGetValue(key, out SymbolicValue? value))
            return value;
        int[]? bits = IsExactSum(terms) ? SumOfBits(constant, terms) : null;
        if (bits is null || !_byBits.TryGetValue(bits, out value))
        {
            value = new SymbolicValue(_count++)
            {
                Constant = constant,
                Terms = terms,
                IsExact = bits is not null,
                Bits = bits,
                Max = Math.Min(MaxOf(constant, terms), bits is null ? uint.MaxValue : BitVectors.Max(bits)),
            };
            if (bits is not null)
                _byBits.Add(bits, value);
        }
        _byForm.Add(key, value);
        return value;
    }

    private bool IsExactSum((uint Factor, SymbolicValue Atom)[] terms)
    {
        int support = 0;
        foreach ((uint factor, SymbolicValue atom) in terms)
        {
            if (!atom.IsExact)
                return false;
            support += Support(atom);
        }
        if (support <= SumSupportMax)
            return true;
        uint wide = terms[0].Factor > int.MaxValue ? 0 - terms[0].Factor : terms[0].Factor;
        return terms.Length == 1 && wide >> BitOperations.TrailingZeroCount(wide) <= WideFactorMax;
    }

    private int[] SumOfBits(uint constant, (uint Factor, SymbolicValue Atom)[] terms)
    {
        int[] sum = BitVectors.Constant(constant);
        foreach ((uint factor, SymbolicValue atom) in terms)
            sum = BitVectors.Add(_diagram, sum, BitVectors.Scale(_diagram, Bits(atom), factor));
        return sum;
    }

    private static uint MaxOf(uint constant, (uint Factor, SymbolicValue Atom)[] terms)
    {
        UInt128 max = constant;
        foreach ((uint factor, SymbolicValue atom) in terms)
            max += (UInt128)factor * atom.Max;
        return max > uint.MaxValue ? uint.MaxValue : (uint)max;
    }

    /// <summary>Whether a sum is what its parts add up to, without a carry out of the word.</summary>
    private static bool IsPlainSum(SymbolicValue value)
    {
        UInt128 max = value.Constant;
        foreach ((uint factor, SymbolicValue atom) in value.Terms)
            max += (UInt128)factor * atom.Max;
        return max <= uint.MaxValue;
    }

    private SymbolicValue Bitwise(int op, SymbolicValue a, SymbolicValue b)
    {
        if (a == b)
            return op == ClassicOpcode.Xor ? Zero : a;
        if (!a.IsConstant && !b.IsConstant && !IsComparable(a, b)) // what compares the result bit by bit would remember one of the words
            return Operation(op, a, b);
        int[] left = Bits(a), right = Bits(b);
        var bits = new int[BitVectors.Width];
        for (int i = 0; i < bits.Length; i++)
            bits[i] = op switch
            {
                ClassicOpcode.And => _diagram.And(left[i], right[i]),
                ClassicOpcode.Or => _diagram.Or(left[i], right[i]),
                _ => _diagram.Xor(left[i], right[i]),
            };
        SymbolicValue result = FromBits(bits);
        (SymbolicValue word, uint k) = a.IsConstant ? (b, a.Constant) : (a, b.Constant);
        if (op == ClassicOpcode.Xor && (a.IsConstant || b.IsConstant) && !word.IsExact && word.Id < result.Id) // towards what was there before: never round in a circle
            _xorOf.TryAdd(result.Id, (word, k));
        return result;
    }

    private SymbolicValue Operation(int op, SymbolicValue a, SymbolicValue b)
    {
        if ((op is ClassicOpcode.Mul or ClassicOpcode.And or ClassicOpcode.Or or ClassicOpcode.Xor) && a.Id > b.Id)
            (a, b) = (b, a);
        if (a.IsExact && b.IsExact && Support(a) + Support(b) <= TableSupportMax)
            return FromBits(BitVectors.Tabulate(_diagram, Bits(a), Bits(b), (x, y) => Semantics.ClassicAlu(op, x, y, out uint result) ? result : 0));
        if (_byOperation.TryGetValue((op, a.Id, b.Id), out SymbolicValue? value))
            return value;
        value = new SymbolicValue(_count++) { Operation = op, A = a, B = b, Max = MaxOf(op, a, b) };
        value.Terms = [(1, value)];
        _byOperation.Add((op, a.Id, b.Id), value);
        return value;
    }

    private static uint MaxOf(int op, SymbolicValue a, SymbolicValue b) => op switch
    {
        ClassicOpcode.Div => b.IsConstant ? a.Max / b.Constant : a.Max,
        ClassicOpcode.Mod => Math.Min(a.Max, b.Max == 0 ? 0 : b.Max - 1),
        ClassicOpcode.Rsh => a.Max,
        ClassicOpcode.And => Math.Min(a.Max, b.Max),
        ClassicOpcode.Or or ClassicOpcode.Xor => uint.MaxValue >> BitOperations.LeadingZeroCount(a.Max | b.Max),
        ClassicOpcode.Mul => (uint)Math.Min((ulong)a.Max * b.Max, uint.MaxValue),
        _ => uint.MaxValue,
    };
}
