namespace Hachi.Ir.Schedule;

/// <summary>
/// The order in which a block computes its values between its effects: each as late as it can be. At the end, a value that a loop passes to one of its phis
/// comes after all that still read that phi, so that both can share a register.
/// </summary>
internal sealed class LocalOrder
{
    private const byte Waiting = 1, Open = 2, Done = 3;
    private const int UpdatesMax = 64;

    private int[] _first = new int[64], _next = new int[64], _stack = new int[256], _phiOf = new int[64], _start = new int[64];
    private byte[] _state = new byte[64];
    private readonly List<int> _updates = [];
    private IrFunction _f = null!;
    private Placement _placement = null!;
    private int _block;

    /// <summary>What the blocks do, block after block in the order of the graph: a value's id, or the complement of an effect's.</summary>
    public List<int> Items { get; } = [];

    /// <summary>Where the items of the block with this rank begin; the next one's begin is their end.</summary>
    public int StartOf(int rank) => _start[rank];

    /// <summary>Orders the values of all blocks.</summary>
    public void Compute(IrFunction f, BlockGraph graph, Placement placement)
    {
        (_f, _placement) = (f, placement);
        Items.Clear();
        if (_next.Length < f.ValueCount)
        {
            _next = new int[f.ValueCount * 2];
            _stack = new int[f.ValueCount * 6]; // a value waits there once for each that names it
            _phiOf = new int[f.ValueCount * 2];
            _state = new byte[f.ValueCount * 2];
        }
        if (_first.Length <= f.BlockCount)
        {
            _first = new int[f.BlockCount * 2];
            _start = new int[f.BlockCount * 2];
        }
        Array.Fill(_first, -1, 0, f.BlockCount);
        Array.Fill(_phiOf, -1, 0, f.ValueCount);
        for (int v = f.ValueCount - 1; v >= 0; v--)
        {
            _state[v] = Done;
            if (placement.UsesOf(v) == 0 || f.Values[v].Op is IrOp.Phi or IrOp.Result)
                continue;
            _state[v] = Waiting;
            int block = placement.BlockOf(v);
            (_next[v], _first[block]) = (_first[block], v);
        }
        int rank = 0;
        foreach (int b in graph.Order)
        {
            _start[rank++] = Items.Count;
            _block = b;
            OrderBlock(graph);
        }
        _start[rank] = Items.Count;
    }

    private void OrderBlock(BlockGraph graph)
    {
        ref IrBlock block = ref _f.Blocks[_block];
        for (int e = block.FirstEffect; e >= 0; e = _f.Effects[e].Next)
        {
            Demand(_f.Effects[e]);
            Items.Add(~e);
        }
        FindUpdates(block, graph);
        // What is no update and needs none first, then the updates, then what is made of them.
        for (int v = _first[_block]; v >= 0; v = _next[v])
            if (_phiOf[v] < 0)
                Put(v, withUpdates: false);
        PutUpdates();
        for (int v = _first[_block]; v >= 0; v = _next[v])
            Put(v, withUpdates: true);
        foreach (int v in _updates)
            _phiOf[v] = -1;
    }

    private void Demand(in IrEffect effect)
    {
        if (effect.HasAddress)
            Put(effect.Address, true);
        if (effect.Kind is IrEffectKind.Store or IrEffectKind.Atomic)
            Put(effect.Source, true);
        if (effect.Kind == IrEffectKind.Atomic)
            Put(effect.Compare, true);
        if (effect.Kind is IrEffectKind.CallHelper or IrEffectKind.CallLocal)
            for (int i = 0; i < Isa.Limits.CallArgumentsMax; i++)
                Put(_f.EdgeArgs[effect.Source + i], true);
    }

    /// <summary>The values of this block that it passes back to phis, each with its phi.</summary>
    private void FindUpdates(in IrBlock block, BlockGraph graph)
    {
        _updates.Clear();
        for (int s = BlockGraph.SuccessorCount(block) - 1; s >= 0; s--)
        {
            int target = BlockGraph.Successor(block, s), args = BlockGraph.ArgsOf(block, s);
            if (graph.RankOf(target) > graph.RankOf(_block))
                continue;
            for (int p = _f.Blocks[target].Phi; p >= 0; p = _f.Phis[p].Next, args++)
            {
                int v = _f.EdgeArgs[args];
                if (_state[v] != Waiting || _placement.BlockOf(v) != _block || _phiOf[v] >= 0 || _placement.UsesOf(_f.Phis[p].Value) == 0)
                    continue;
                _phiOf[v] = _f.Phis[p].Value;
                _updates.Add(v);
            }
        }
    }

    private void PutUpdates()
    {
        int left = _updates.Count;
        while (left > 0 && _updates.Count <= UpdatesMax)
        {
            int before = left;
            foreach (int v in _updates)
            {
                if (_state[v] != Waiting || IsReadByAnother(v))
                    continue;
                Put(v, true);
            }
            left = 0;
            int first = -1;
            foreach (int v in _updates)
            {
                if (_state[v] != Waiting)
                    continue;
                left++;
                first = first < 0 ? v : first;
            }
            if (left == before)
                Put(first, true); // a circle: one of them needs a move
        }
        foreach (int v in _updates)
            Put(v, true);
    }

    /// <summary>Whether an update that still waits reads the phi that this one is for.</summary>
    private bool IsReadByAnother(int value)
    {
        int phi = _phiOf[value];
        Span<int> operands = stackalloc int[3];
        foreach (int other in _updates)
        {
            if (other == value || _state[other] != Waiting)
                continue;
            int count = Placement.Operands(_f.Values[other], operands);
            for (int i = 0; i < count; i++)
                if (operands[i] == phi || (_state[operands[i]] == Waiting && Reads(operands[i], phi)))
                    return true;
        }
        return false;
    }

    private bool Reads(int value, int phi)
    {
        Span<int> operands = stackalloc int[3];
        int count = Placement.Operands(_f.Values[value], operands);
        return operands[..count].Contains(phi);
    }

    /// <summary>Puts a value behind what it needs. Without updates: not at all when it needs one that still waits.</summary>
    private void Put(int value, bool withUpdates)
    {
        if (!IsHere(value))
            return;
        int top = 0;
        _stack[top++] = value;
        Span<int> operands = stackalloc int[3];
        while (top > 0)
        {
            int v = _stack[top - 1];
            if (_state[v] == Open)
            {
                _state[v] = Done;
                Items.Add(v);
                top--;
                continue;
            }
            if (_state[v] == Done)
            {
                top--;
                continue;
            }
            int count = Placement.Operands(_f.Values[v], operands);
            bool blocked = !withUpdates && _phiOf[v] >= 0;
            for (int i = 0; i < count && !blocked; i++)
                blocked = !withUpdates && IsHere(operands[i]) && _phiOf[operands[i]] >= 0;
            if (blocked)
            {
                // Everything on the stack that is open waits for it.
                while (top > 0)
                    if (_state[_stack[--top]] == Open)
                        _state[_stack[top]] = Waiting;
                return;
            }
            _state[v] = Open;
            for (int i = count - 1; i >= 0; i--)
                if (IsHere(operands[i]))
                    _stack[top++] = operands[i];
        }
    }

    private bool IsHere(int value) => _state[value] == Waiting && _placement.BlockOf(value) == _block;
}
