namespace Hachi.Ir.Schedule;

/// <summary>
/// The reachable blocks of a function, loops allowed: an order in which every block stands after its dominators and the blocks of a loop stand together, what leads to each
/// block, immediate dominators, and how deep in loops a block is. Instances are used again.
/// </summary>
/// <remarks>
/// Dominators by the iteration of Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm". Loops are natural ones (their head dominates an edge back to it);
/// a cycle with several entries counts as none, which costs speed and no more.
/// </remarks>
internal sealed class BlockGraph
{
    private int[] _order = new int[64], _rank = new int[64], _idom = new int[64], _level = new int[64], _depth = new int[64], _head = new int[64], _outer = new int[64];
    private int[] _predStart = new int[64], _preds = new int[64], _stack = new int[64], _mark = new int[64];
    private byte[] _state = new byte[64];
    private int _first;

    /// <summary>The blocks in order.</summary>
    public ReadOnlySpan<int> Order => _order.AsSpan(_first, Count);

    /// <summary>Number of blocks that can be reached.</summary>
    public int Count { get; private set; }

    /// <summary>Whether any edge leads to a block at or before its own in the order.</summary>
    public bool HasLoops { get; private set; }

    /// <summary>Place of a block in the order; -1 for one that cannot be reached.</summary>
    public int RankOf(int block) => _rank[block];

    /// <summary>The block that every way to this one passes through last; the entry's is itself.</summary>
    public int DominatorOf(int block) => _idom[block];

    /// <summary>Number of dominators of a block.</summary>
    public int LevelOf(int block) => _level[block];

    /// <summary>How many loops a block is in.</summary>
    public int DepthOf(int block) => _depth[block];

    /// <summary>Head of the innermost loop that a block is in, or -1.</summary>
    public int LoopOf(int block) => _head[block];

    /// <summary>Head of the loop around a loop, given by its head, or -1.</summary>
    public int OuterOf(int head) => _outer[head];

    /// <summary>The blocks that lead to a block, once for each edge.</summary>
    public ReadOnlySpan<int> PredsOf(int block) => _preds.AsSpan(_predStart[block], _predStart[block + 1] - _predStart[block]);

    /// <summary>Number of successors of a block.</summary>
    public static int SuccessorCount(in IrBlock block) => block.End switch
    {
        IrEnd.Goto => 1,
        IrEnd.Branch or IrEnd.Member => 2,
        _ => 0,
    };

    /// <summary>A successor.</summary>
    public static int Successor(in IrBlock block, int index) => index == 0 ? block.True : block.False;

    /// <summary>Index of the arguments that go with a successor, or -1.</summary>
    public static int ArgsOf(in IrBlock block, int index) => index == 0 ? block.TrueArgs : block.FalseArgs;

    /// <summary>Whether a block lies in the loop with this head.</summary>
    public bool IsInLoop(int block, int head)
    {
        int at = _head[block];
        while (at >= 0 && at != head)
            at = _outer[at];
        return at == head;
    }

    /// <summary>The last block that all ways to both blocks pass through.</summary>
    public int Common(int a, int b)
    {
        while (a != b)
        {
            if (_level[a] >= _level[b])
                a = _idom[a];
            else
                b = _idom[b];
        }
        return a;
    }

    /// <summary>Computes all of it.</summary>
    public void Compute(IrFunction f)
    {
        Grow(f.BlockCount + 1);
        Array.Clear(_depth, 0, f.BlockCount);
        Walk(f);
        FindPreds(f);
        FindDominators();
        FindLoops(f);
        if (HasLoops)
            Walk(f); // again, with depths: what leaves a loop goes behind it
    }

    /// <summary>Whether blocks can follow each other in a circle. Spoils what <see cref="Compute"/> has found.</summary>
    public bool MayLoop(IrFunction f)
    {
        bool leadsBack = false; // a circle has an edge to a block with no greater number
        for (int b = 0; b < f.BlockCount && !leadsBack; b++)
            for (int s = SuccessorCount(f.Blocks[b]) - 1; s >= 0; s--)
                leadsBack |= Successor(f.Blocks[b], s) <= b;
        if (!leadsBack)
            return false;
        Grow(f.BlockCount + 1);
        Array.Clear(_depth, 0, f.BlockCount);
        Walk(f);
        foreach (int b in Order)
            for (int s = SuccessorCount(f.Blocks[b]) - 1; s >= 0; s--)
                if (_rank[Successor(f.Blocks[b], s)] <= _rank[b])
                    return true;
        return false;
    }

    private void Grow(int n)
    {
        if (_order.Length >= n)
            return;
        n = Math.Max(n, _order.Length * 2);
        _order = new int[n];
        _rank = new int[n];
        _idom = new int[n];
        _level = new int[n];
        _depth = new int[n];
        _head = new int[n];
        _outer = new int[n];
        _predStart = new int[n];
        _stack = new int[n];
        _mark = new int[n];
        _state = new byte[n];
    }

    /// <summary>Depth first; a successor that is visited first comes last.</summary>
    private void Walk(IrFunction f)
    {
        int n = f.BlockCount;
        Array.Clear(_state, 0, n);
        Array.Fill(_rank, -1, 0, n);
        int top = 0, next = n;
        _stack[top++] = f.Entry;
        _state[f.Entry] = 1;
        while (top > 0)
        {
            int b = _stack[top - 1];
            ref IrBlock block = ref f.Blocks[b];
            int count = SuccessorCount(block), step = _state[b] - 1;
            if (step >= count)
            {
                _order[--next] = b;
                top--;
                continue;
            }
            _state[b]++;
            // The true successor is laid out right behind its block, unless it leaves a loop in which the other one stays.
            bool trueFirst = count == 2 && _depth[block.True] < _depth[block.False];
            int successor = Successor(block, trueFirst ? step : count - 1 - step);
            if (_state[successor] == 0)
            {
                _state[successor] = 1;
                _stack[top++] = successor;
            }
        }
        _first = next;
        Count = n - next;
        for (int i = 0; i < Count; i++)
            _rank[_order[_first + i]] = i;
    }

    private void FindPreds(IrFunction f)
    {
        Array.Clear(_predStart, 0, f.BlockCount + 1);
        int edges = 0;
        foreach (int b in Order)
        {
            ref IrBlock block = ref f.Blocks[b];
            for (int i = SuccessorCount(block) - 1; i >= 0; i--, edges++)
                _predStart[Successor(block, i)]++;
        }
        if (_preds.Length < edges)
            _preds = new int[edges * 2];
        int sum = 0;
        for (int b = 0; b <= f.BlockCount; b++)
        {
            sum += _predStart[b];
            _predStart[b] = sum; // the end of each range; filling moves it to the start
        }
        _predStart[f.BlockCount] = edges;
        foreach (int b in Order)
        {
            ref IrBlock block = ref f.Blocks[b];
            for (int i = SuccessorCount(block) - 1; i >= 0; i--)
                _preds[--_predStart[Successor(block, i)]] = b;
        }
    }

    private void FindDominators()
    {
        ReadOnlySpan<int> order = Order;
        foreach (int b in order)
            _idom[b] = -1;
        _idom[order[0]] = order[0];
        HasLoops = false;
        bool changed = true;
        while (changed)
        {
            changed = false;
            for (int i = 1; i < order.Length; i++)
            {
                int b = order[i], dominator = -1;
                foreach (int p in PredsOf(b))
                {
                    HasLoops |= _rank[p] >= i;
                    if (_idom[p] >= 0)
                        dominator = dominator < 0 ? p : Meet(p, dominator);
                }
                if (dominator != _idom[b])
                    (_idom[b], changed) = (dominator, true);
            }
        }
        foreach (int p in PredsOf(order[0]))
            HasLoops |= _rank[p] >= 0;
        _level[order[0]] = 0;
        for (int i = 1; i < order.Length; i++)
            _level[order[i]] = _level[_idom[order[i]]] + 1;
    }

    private int Meet(int a, int b)
    {
        while (a != b)
        {
            if (_rank[a] > _rank[b])
                a = _idom[a];
            else
                b = _idom[b];
        }
        return a;
    }

    private void FindLoops(IrFunction f)
    {
        Array.Fill(_head, -1, 0, f.BlockCount);
        if (!HasLoops)
            return;
        Array.Fill(_mark, -1, 0, f.BlockCount);
        foreach (int head in Order) // outer heads dominate inner ones, so they come first
        {
            int top = 0;
            bool found = false;
            foreach (int p in PredsOf(head))
            {
                if (_rank[p] < _rank[head] || Common(head, p) != head)
                    continue;
                found = true;
                if (p != head && _mark[p] != head)
                    Add(p, head, ref top);
            }
            if (!found)
                continue;
            for (int i = 0; i < top; i++)
                foreach (int p in PredsOf(_stack[i]))
                    if (_mark[p] != head && p != head)
                        Add(p, head, ref top);
            _outer[head] = _head[head];
            _stack[top++] = head;
            for (int i = 0; i < top; i++)
            {
                _depth[_stack[i]]++;
                _head[_stack[i]] = head;
            }
        }
    }

    private void Add(int block, int head, ref int top)
    {
        _mark[block] = head;
        _stack[top++] = block;
    }
}
