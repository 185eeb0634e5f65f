using Hachi.Ir;

namespace Hachi.Vm.Jit.Packets;

/// <summary>
/// Rewrites a filter's function, whose packet loads float and whose requirements reject, into one with checks and loads that have a place, as the machine code back end takes it. The
/// body stands in it twice where that pays, as in the IL (<see cref="IlEmitter"/>): once for packets that are long enough for every load at a fixed place.
/// </summary>
internal sealed partial class PacketLowering
{
    private readonly IrFunction _f, _g = new();
    private readonly PacketFrame _frame;
    private readonly BlockOrder _order = new();
    private readonly Dominators _dominators = new();
    private readonly IlFacts?[] _facts;
    private readonly int[] _blocks, _map, _raw, _where;
    private int _at, _block, _scope, _scopes;
    private int _packet, _length;

    private PacketLowering(IrFunction f, PacketFrame frame)
    {
        (_f, _frame) = (f, frame);
        _facts = new IlFacts?[f.BlockCount];
        _blocks = new int[f.BlockCount];
        (_map, _raw, _where) = (new int[f.ValueCount], new int[f.ValueCount], new int[f.ValueCount]);
        _order.Compute(f);
        _dominators.Compute(f, _order);
    }

    /// <summary>
    /// The verdict on one packet: parameter 1 is its host address, parameter 2 its captured length with the length on the wire in the upper half. Null for a function that is not
    /// compiled: too large, a loop, or one that reads metadata or walks header chains, which only the interpreter does.
    /// </summary>
    public static IrFunction? Verdict(IrFunction f) => IsCompilable(f) ? new PacketLowering(f, new PacketFrame(isBatch: false)).Run() : null;

    /// <summary>The loop over a batch: the state is a <see cref="FilterBatch"/>, the result the number of accepted packets. Null as for <see cref="Verdict"/>.</summary>
    public static IrFunction? Select(IrFunction f) => IsCompilable(f) ? new PacketLowering(f, new PacketFrame(isBatch: true)).Run() : null;

    private static bool IsCompilable(IrFunction f)
    {
        for (int v = 0; v < f.ValueCount; v++)
            if (f.Values[v].Op is IrOp.Extension or IrOp.ProtoChain or > IrOp.Compared)
                return false;
        return IlCompiler.IsCompilable(f);
    }

    private IrFunction Run()
    {
        _frame.Begin(_g);
        (_packet, _length) = (_frame.Packet, _frame.Length);
        _at = _frame.Body;
        (int furthest, int checks) = FixedLoads.Of(_f, _order.Blocks);
        if (checks > 1)
        {
            int fast = _g.NewBlock(), slow = _g.NewBlock();
            _g.Branch(_at, IrCompare.Gt, _g.Const((uint)furthest), _length, slow, fast);
            _at = fast;
            Body(furthest);
            _at = slow;
        }
        Body(0);
        _frame.End(_g);
        return _g;
    }

    private void Body(int lengthMin)
    {
        Array.Clear(_facts);
        Array.Fill(_where, -1);
        _scopes = _f.BlockCount;
        foreach (int b in _order.Blocks)
        {
            _blocks[b] = _g.NewBlock();
            AddPhis(b, _f.Blocks[b].Phi);
        }
        _facts[_f.Entry] = new IlFacts(_f.ValueCount, lengthMin);
        _g.Goto(_at, _blocks[_f.Entry]);
        foreach (int b in _order.Blocks)
            Block(b);
    }

    /// <summary>Phis stand newest first in their list: the last is made first.</summary>
    private void AddPhis(int b, int phi)
    {
        var phis = new Stack<int>();
        for (int p = phi; p >= 0; p = _f.Phis[p].Next)
            phis.Push(_f.Phis[p].Value);
        foreach (int value in phis)
            (_map[value], _where[value]) = (_g.AddPhi(_blocks[b]), b);
    }

    private void Block(int b)
    {
        (_at, _block, _scope) = (_blocks[b], b, b);
        IlFacts facts = _facts[b]!;
        _facts[b] = null;
        Requirements(b, facts);
        ref IrBlock block = ref _f.Blocks[b];
        switch (block.End)
        {
            case IrEnd.Goto:
                PassTo(block.True, block.TrueArgs, facts);
                break;
            case IrEnd.Branch or IrEnd.Member:
                Choice(block, facts);
                break;
            case IrEnd.Return:
                _frame.Return(_g, Value(block.A, facts), _at);
                break;
            default:
                _g.Goto(_at, _frame.Reject);
                break;
        }
    }

    /// <summary>All requirements of a block; of the loads at fixed places only the furthest is checked, for all of them.</summary>
    private void Requirements(int b, IlFacts facts)
    {
        int furthest = FixedLoads.Furthest(_f, b);
        if (furthest >= 0)
            CheckLoad(_f.Values[furthest], facts);
        for (int r = _f.Blocks[b].Require; r >= 0; r = _f.Requires[r].Next)
        {
            IrValue v = _f.Values[_f.Requires[r].Value];
            if (v.Op == IrOp.LoadPacket)
                CheckLoad(v, facts);
            else if (v.Op is IrOp.Div or IrOp.Mod)
                CheckDivisor(v.B, facts);
        }
    }

    private void Choice(in IrBlock block, IlFacts facts)
    {
        bool trueArgs = block.TrueArgs >= 0, falseArgs = block.FalseArgs >= 0;
        int a = -1, b = -1;
        bool raw = block.End == IrEnd.Branch && TryRaw(block, facts, out a, out b);
        if (!raw)
        {
            a = Value(block.A, facts);
            b = block.End == IrEnd.Branch ? Value(block.B, facts) : -1;
        }
        int whenTrue = trueArgs ? _g.NewBlock() : _blocks[block.True], whenFalse = falseArgs ? _g.NewBlock() : _blocks[block.False];
        if (block.End == IrEnd.Member)
            Member(a, _f.Sets[block.B].Intervals, whenTrue, whenFalse);
        else
            _g.Branch(_at, block.Compare, a, b, whenTrue, whenFalse);
        if (trueArgs)
            PassOn(whenTrue, block.True, block.TrueArgs, facts);
        else
            Deliver(block.True, facts);
        if (falseArgs)
            PassOn(whenFalse, block.False, block.FalseArgs, facts);
        else
            Deliver(block.False, facts);
    }

    /// <summary>The block of an edge: what it computes is known to nobody else.</summary>
    private void PassOn(int edge, int target, int args, IlFacts facts)
    {
        (_at, _scope) = (edge, _scopes++);
        PassTo(target, args, facts.Clone());
        _scope = _block;
    }

    private void PassTo(int target, int args, IlFacts facts)
    {
        var values = new List<int>();
        for (int p = _f.Blocks[target].Phi; p >= 0 && args >= 0; p = _f.Phis[p].Next)
            values.Add(Value(_f.EdgeArgs[args++], facts));
        Deliver(target, facts);
        _g.Goto(_at, _blocks[target], values.Count > 0 ? _g.AddEdgeArgs([.. values]) : -1);
    }

    private void Deliver(int target, IlFacts facts)
    {
        if (_facts[target] is { } known)
            known.Meet(facts);
        else
            _facts[target] = facts.Clone();
    }

    /// <summary>Ends the current block with a way to the rejection, and goes on in a new one.</summary>
    private void RejectIf(IrCompare compare, int a, int b)
    {
        int next = _g.NewBlock();
        _g.Branch(_at, compare, a, b, _frame.Reject, next);
        _at = next;
    }

    /// <summary>Goes to one of two blocks by whether a word lies in a set: searched by halves, with a bit mask where intervals lie close together.</summary>
    private void Member(int word, ReadOnlySpan<(uint Lo, uint Hi)> intervals, int inside, int outside)
    {
        const int linearMax = 3, maskBits = 64;
        if (intervals.Length <= linearMax)
        {
            foreach ((uint lo, uint hi) in intervals)
            {
                int next = _g.NewBlock();
                if (lo == hi)
                    _g.Branch(_at, IrCompare.Eq, word, _g.Const(lo), inside, next);
                else // lo <= word <= hi in one comparison
                    _g.Branch(_at, IrCompare.Gt, Word(IrOp.Sub, word, _g.Const(lo)), _g.Const(hi - lo), next, inside);
                _at = next;
            }
            _g.Goto(_at, outside);
            return;
        }
        if (intervals[^1].Hi - intervals[0].Lo < maskBits)
        {
            uint first = intervals[0].Lo;
            ulong mask = 0;
            foreach ((uint lo, uint hi) in intervals)
                for (uint k = lo - first; k <= hi - first; k++)
                    mask |= 1UL << (int)k;
            int bit = Word(IrOp.Sub, word, _g.Const(first)), test = _g.NewBlock();
            _g.Branch(_at, IrCompare.Gt, bit, _g.Const(maskBits - 1), outside, test);
            int shifted = _g.Intern(IrOp.Shr, 8, _g.Const64(mask), bit, 0, -1);
            _g.Branch(test, IrCompare.Set, shifted, _g.Const(1), inside, outside);
            return;
        }
        int mid = intervals.Length / 2, left = _g.NewBlock(), right = _g.NewBlock();
        _g.Branch(_at, IrCompare.Ge, word, _g.Const(intervals[mid].Lo), right, left);
        _at = right;
        Member(word, intervals[mid..], inside, outside);
        _at = left;
        Member(word, intervals[..mid], inside, outside);
    }
}
