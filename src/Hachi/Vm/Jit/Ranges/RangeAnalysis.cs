using System.Numerics;
using Hachi.Ir;
using Hachi.Ir.Schedule;
using Hachi.Isa;
using Hachi.Vm.Machine;

namespace Hachi.Vm.Jit.Ranges;

/// <summary>
/// What values of a lifted function can be, block by block: intervals over operations, sharpened by the branches that were passed, phis of loops by widening to the
/// numbers that the function compares with, then narrowing, then by counting rounds.
/// </summary>
internal sealed partial class RangeAnalysis
{
    private const int DepthMax = 48, RoundsMax = 14, WidenAfter = 2;

    private IrFunction _f = null!;
    private BlockGraph _graph = null!;
    private bool _trustsPacket;
    private Range[] _phi = [], _memo = [];
    private int[] _memoAt = [], _firstFact = [];
    private bool[] _isWanted = [];
    private int[] _work = [];
    private readonly List<Fact> _facts = [];
    private int[] _enter = [], _leave = []; // intervals of the dominator tree
    private readonly List<ulong> _thresholds = [];
    private int _generation, _era, _block, _depth;
    private bool _isSettled;

    /// <summary>What a branch says of a value (or of the value plus a constant), in all blocks that one block dominates.</summary>
    private readonly record struct Fact(int Block, IrCompare Compare, int A, int B, bool Holds, int Next, ulong Plus = 0);

    /// <summary>Analyses a function.</summary>
    /// <param name="f">The function.</param>
    /// <param name="graph">Its blocks.</param>
    /// <param name="trustsPacket">Whether the packet stays where it is while the function runs.</param>
    public void Compute(IrFunction f, BlockGraph graph, bool trustsPacket)
    {
        (_f, _graph, _trustsPacket) = (f, graph, trustsPacket);
        if (_phi.Length < f.ValueCount)
        {
            int room = Math.Max(128, f.ValueCount * 2);
            _phi = new Range[room];
            _memo = new Range[room];
            _memoAt = new int[room];
            _firstFact = new int[room];
            _isWanted = new bool[room];
            _work = new int[room];
        }
        if (_enter.Length < f.BlockCount)
        {
            _enter = new int[Math.Max(64, f.BlockCount * 2)];
            _leave = new int[_enter.Length];
        }
        if (_generation > int.MaxValue / 2)
        {
            Array.Clear(_memoAt); // so that no number of an earlier function comes again
            _generation = _era = 0;
        }
        _generation++;
        _era++;
        _block = -1;
        _firstFact.AsSpan(0, f.ValueCount).Fill(-1);
        NumberDominators();
        CollectFacts();
        if (f.PhiCount == 0)
            return;
        FindWanted();
        SolvePhis();
    }

    /// <summary>What a value can be wherever a block runs.</summary>
    public Range At(int value, int block)
    {
        Enter(block);
        return Get(value);
    }

    // What is known of values is kept while the same block is looked at; of those that no fact bears on (not even from afar), until a phi changes.
    private void Enter(int block)
    {
        if (block != _block)
        {
            _block = block;
            _generation++;
        }
        _depth = 0;
        _isSettled = true;
    }

    private void Changed()
    {
        _generation++;
        _era++;
    }

    private Range Get(int value)
    {
        ref IrValue v = ref _f.Values[value];
        if (v.Op == IrOp.Const)
            return Range.Of(v.Imm);
        int at = _memoAt[value];
        if (at == -_era)
            return _memo[value];
        if (at == _generation)
        {
            _isSettled = false;
            return _memo[value];
        }
        if (_depth >= DepthMax)
        {
            _isSettled = false;
            return Range.All;
        }
        _depth++;
        bool outer = _isSettled;
        _isSettled = true;
        _memoAt[value] = _generation;
        _memo[value] = Range.All; // for a fact that leads back here
        Range range = Compute(v, value);
        for (int i = _firstFact[value]; i >= 0; i = _facts[i].Next)
        {
            _isSettled = false;
            if (Dominates(_facts[i].Block, _block))
                range = Sharpen(range, value, _facts[i]);
        }
        _depth--;
        _memo[value] = range;
        if (_isSettled)
            _memoAt[value] = -_era;
        _isSettled &= outer;
        return range;
    }

    private Range Compute(in IrValue v, int value)
    {
        int size = v.Size == 8 ? 8 : 4;
        switch (v.Op)
        {
            case IrOp.Phi:
                return _phi[value];
            case IrOp.Result:
                return OfEffect(_f.Effects[(int)v.Imm]);
            case IrOp.Frame:
                return new Range(RangeBase.Zero, Region.AddressOf(Region.Stack, 2 * Limits.StackBytesMax), Region.AddressOf(Region.Stack, Limits.CallFramesMax * Limits.StackBytesMax), 9, 0);
            case IrOp.ZeroExtend:
                return Get(v.A) is { IsNumber: true } a && a.Hi <= Mask(v.Size) ? a : v.Size == 4 ? Get(v.A).Low32() : Range.Bits(v.Size * 8);
            case IrOp.SignExtend:
                return Get(v.A) is { IsNumber: true } b && b.Hi <= Mask(v.Size) >> 1 ? b : Range.All;
            case IrOp.ByteSwap:
                return Range.Bits(v.Size * 8);
            case IrOp.Select:
                return Get(v.B).Union(Get((int)v.Imm));
            case IrOp.Param or IrOp.State or IrOp.StateWord or IrOp.MulHigh:
                return Range.All;
            case IrOp.Compared:
                return Range.Bits(1);
        }
        Range x = Get(v.A), y = Get(v.B);
        if (size == 4)
            (x, y) = (x.Low32(), y.Low32());
        return x.Base == RangeBase.None || y.Base == RangeBase.None ? Range.Nothing : Binary(v.Op, size, x, y);
    }

    private static Range Binary(IrOp op, int size, in Range x, in Range y)
    {
        Range all = Range.Bits(size * 8);
        bool numbers = x.IsNumber && y.IsNumber;
        ulong max = size == 8 ? ulong.MaxValue : uint.MaxValue;
        switch (op)
        {
            case IrOp.Add:
                return x.Add(y, size);
            case IrOp.Sub:
                return x.Subtract(y, size);
            case IrOp.Mul:
                return x.Multiply(y, size);
            case IrOp.And when numbers:
                return new Range(RangeBase.Zero, 0, Math.Min(x.Hi, y.Hi));
            case IrOp.And:
                return x.IsNumber ? x with { Lo = 0, KnownBits = 0, Low = 0 } : y.IsNumber ? y with { Lo = 0, KnownBits = 0, Low = 0 } : all;
            case IrOp.Or or IrOp.Xor when numbers:
                return Range.Bits(64 - BitOperations.LeadingZeroCount(x.Hi | y.Hi));
            case IrOp.Shl when x.IsNumber && y.IsConst:
                return x.ShiftLeft((int)(y.Lo & (size == 8 ? 63u : 31u)), size);
            case IrOp.Shr when x.IsNumber && y.IsConst:
                int count = (int)(y.Lo & (size == 8 ? 63u : 31u));
                return new Range(RangeBase.Zero, x.Lo >> count, x.Hi >> count);
            case IrOp.Shr when x.IsNumber:
                return new Range(RangeBase.Zero, 0, x.Hi);
            case IrOp.Sar when x.IsNumber && x.Hi <= max >> 1:
                return new Range(RangeBase.Zero, y.IsConst ? x.Lo >> (int)(y.Lo & (size == 8 ? 63u : 31u)) : 0, y.IsConst ? x.Hi >> (int)(y.Lo & (size == 8 ? 63u : 31u)) : x.Hi);
            case IrOp.UDiv when numbers:
                return y.Lo == 0 ? new Range(RangeBase.Zero, 0, x.Hi) : new Range(RangeBase.Zero, x.Lo / y.Hi, x.Hi / y.Lo);
            case IrOp.UMod when numbers:
                return new Range(RangeBase.Zero, 0, y.Lo == 0 ? x.Hi : Math.Min(x.Hi, y.Hi - 1));
            default:
                return all;
        }
    }

    private Range OfEffect(in IrEffect effect)
    {
        if (effect.Kind == IrEffectKind.Load && effect.Access == IrAccess.Host && effect.Size == 8 && _trustsPacket && _f.Values[effect.Address].Op == IrOp.State)
        {
            if (effect.Displacement == MachineState.PacketStartOffset)
                return new Range(RangeBase.PacketStart, 0, 0);
            if (effect.Displacement == MachineState.PacketEndOffset)
                return new Range(RangeBase.PacketEnd, 0, 0);
        }
        bool isBounded = effect.Kind == IrEffectKind.Load && effect.Access == IrAccess.Host && effect.Code != 0;
        return isBounded ? new Range(RangeBase.Zero, 0, (uint)effect.Code) : Range.Bits(effect.Size * 8);
    }

    // What is left of a value's range where a fact holds.
    private Range Sharpen(Range range, int value, in Fact fact)
    {
        if (fact.Plus != 0)
            return SharpenSum(range, value, fact);
        IrCompare compare = fact.Compare;
        bool isWide = compare >= IrCompare.Eq64;
        if (isWide)
            compare -= IrCompare.Eq64 - IrCompare.Eq;
        bool isLeft = fact.A == value;
        return Sharpen(range, isLeft, isWide, compare, fact);
    }

    // A fact about the value plus a constant, where the sum does not wrap.
    private Range SharpenSum(in Range range, int value, in Fact fact)
    {
        if (range.Base == RangeBase.None)
            return range;
        Range sum = range.Add(Range.Of(fact.Plus), 8);
        if (sum.Base != range.Base || sum.Hi - sum.Lo != range.Hi - range.Lo || sum.Lo != range.Lo + fact.Plus)
            return range;
        bool isWide = fact.Compare >= IrCompare.Eq64;
        bool isLeft = _f.Values[fact.A] is { Op: IrOp.Add } left && left.A == value && _f.Values[left.B].Imm == fact.Plus;
        Range sharp = Sharpen(sum, isLeft, isWide, isWide ? fact.Compare - (IrCompare.Eq64 - IrCompare.Eq) : fact.Compare, fact);
        return sharp.Base != sum.Base ? sharp : range.Within(sharp.Lo - fact.Plus, sharp.Hi - fact.Plus);
    }

    private Range Sharpen(Range range, bool isLeft, bool isWide, IrCompare compare, in Fact fact)
    {
        Range other = Get(isLeft ? fact.B : fact.A);
        if (!isWide)
        {
            if (!range.IsNumber || range.Hi > uint.MaxValue)
                return range;
            other = other.Low32();
        }
        if (range.Base == RangeBase.PacketStart && other.Base == RangeBase.PacketEnd && isWide)
            return AgainstEnd(range, other, compare, isLeft, fact.Holds);
        if (range.Base != other.Base || range.Base == RangeBase.None)
            return range;
        return Sharpen(range, other, compare, isLeft, fact.Holds, isWide ? 64 : 32);
    }

    private static Range Sharpen(in Range range, in Range other, IrCompare compare, bool isLeft, bool holds, int bits)
    {
        ulong least = range.IsNumber ? 0 : unchecked((ulong)-Range.PacketMax << 2), most = range.IsNumber ? ulong.MaxValue : (ulong)Range.PacketMax << 2;
        if (compare == IrCompare.Eq)
            return holds ? range.Within(other.Lo, other.Hi) : other.Lo == other.Hi ? range.Without(other.Lo) : range;
        if (compare == IrCompare.Set)
            return range;
        ulong sign = 1ul << bits - 1;
        if (compare >= IrCompare.SGt && (!range.IsNumber || range.Hi >= sign || other.Hi >= sign))
            return range;
        bool isGreater = compare is IrCompare.Gt or IrCompare.SGt;
        bool isStrict = isGreater == holds; // not (a > b) is a <= b, not (a >= b) is a < b
        if (isLeft == holds)
            return isStrict && other.Lo == ulong.MaxValue ? Range.Nothing : range.Within(isStrict ? other.Lo + 1 : other.Lo, most);
        return isStrict && other.Hi == 0 && range.IsNumber ? Range.Nothing : range.Within(least, isStrict ? other.Hi - 1 : other.Hi);
    }

    // A pointer that does not lie behind the packet's end is no further from its start than packets are long.
    private static Range AgainstEnd(in Range range, in Range end, IrCompare compare, bool isLeft, bool holds)
    {
        bool isBelow = compare switch
        {
            IrCompare.Eq => holds,
            IrCompare.Gt or IrCompare.Ge => isLeft != holds,
            _ => false,
        };
        return isBelow && (long)end.Hi <= 0 ? range.Within(unchecked((ulong)-Range.PacketMax), (ulong)Range.PacketMax) : range;
    }

    private static ulong Mask(int bytes) => bytes >= 8 ? ulong.MaxValue : (1ul << bytes * 8) - 1;

    /// <summary>Whether every way to a block passes through another.</summary>
    public bool Dominates(int above, int below) => _enter[above] <= _enter[below] && _leave[below] <= _leave[above];

    private void NumberDominators()
    {
        ReadOnlySpan<int> order = _graph.Order;
        foreach (int b in order)
            _leave[b] = 1;
        for (int i = order.Length - 1; i > 0; i--)
            _leave[_graph.DominatorOf(order[i])] += _leave[order[i]]; // how many blocks it dominates
        int root = order[0];
        _enter[root] = 0;
        for (int i = 1; i < order.Length; i++)
        {
            // A block takes the last numbers that are left of those of its dominator.
            int b = order[i], parent = _graph.DominatorOf(b);
            _enter[b] = _leave[parent] - _leave[b];
            (_leave[parent], _leave[b]) = (_enter[b], _enter[b] + _leave[b]);
        }
        for (int i = order.Length - 1; i >= 0; i--)
            _leave[order[i]] = _enter[order[i]];
        for (int i = order.Length - 1; i > 0; i--)
        {
            int parent = _graph.DominatorOf(order[i]);
            _leave[parent] = Math.Max(_leave[parent], _leave[order[i]]);
        }
    }

    private void CollectFacts()
    {
        _facts.Clear();
        _thresholds.Clear();
        foreach (int b in _graph.Order)
        {
            ref IrBlock block = ref _f.Blocks[b];
            if (block.End != IrEnd.Branch)
                continue;
            if (_graph.HasLoops)
            {
                AddThresholds(block.A, block.B);
                AddThresholds(block.B, block.A);
            }
            if (block.True == block.False)
                continue;
            if (_graph.PredsOf(block.True).Length == 1)
                AddFact(block, block.True, holds: true);
            if (_graph.PredsOf(block.False).Length == 1)
                AddFact(block, block.False, holds: false);
        }
        if (!_graph.HasLoops)
            return;
        _thresholds.AddRange([0, 1, 255, 65535, uint.MaxValue, 1ul << 32, ulong.MaxValue]);
        _thresholds.Sort();
    }

    // Only comparisons of what loops count: others would make the climb long.
    private void AddThresholds(int value, int compared)
    {
        if (_f.Values[value].Op != IrOp.Const || !IsCounted(compared))
            return;
        ulong k = _f.Values[value].Imm;
        _thresholds.Add(k - 1);
        _thresholds.Add(k);
        _thresholds.Add(k + 1);
    }

    private bool IsCounted(int value)
    {
        for (int step = 0; step < 4; step++)
        {
            ref IrValue v = ref _f.Values[value];
            if (v.Op == IrOp.Phi)
                return true;
            if (v.Op is not (IrOp.Add or IrOp.Sub or IrOp.ZeroExtend or IrOp.Shl or IrOp.Shr))
                return false;
            value = v.A;
        }
        return false;
    }

    private void AddFact(in IrBlock block, int at, bool holds)
    {
        Add(block.A, block);
        if (block.B != block.A)
            Add(block.B, block);

        void Add(int value, in IrBlock from)
        {
            if (_f.Values[value].Op == IrOp.Const)
                return;
            _facts.Add(new Fact(at, from.Compare, from.A, from.B, holds, _firstFact[value]));
            _firstFact[value] = _facts.Count - 1;
            ref IrValue v = ref _f.Values[value];
            if (v.Op != IrOp.Add || v.Size != 8 || _f.Values[v.B].Op != IrOp.Const)
                return;
            _facts.Add(new Fact(at, from.Compare, from.A, from.B, holds, _firstFact[v.A], _f.Values[v.B].Imm));
            _firstFact[v.A] = _facts.Count - 1;
        }
    }
}
