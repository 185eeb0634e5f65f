namespace Hachi.Ir;

/// <summary>
/// Turns variables that are assigned more than once into SSA values while blocks are made: all edges into a block must be reported before it is started
/// (no loops). Where the edges disagree the block gets a phi.
/// </summary>
public sealed class IrVariables
{
    private readonly List<(int Pred, bool WhenTrue, int Snapshot, int Next)> _edges = [];
    private readonly List<int> _snapshots = [];
    private IrFunction _f = null!;
    private int[] _heads = new int[64];
    private int[] _current = new int[32];
    private int _count, _lastPred, _lastSnapshot;

    /// <summary>Starts over: <paramref name="count"/> variables, all 0.</summary>
    public void Reset(IrFunction f, int count)
    {
        _f = f;
        _count = count;
        _edges.Clear();
        _snapshots.Clear();
        _lastPred = -1;
        Array.Fill(_heads, -1);
        if (_current.Length < count)
            _current = new int[count];
        Array.Clear(_current, 0, count);
    }

    /// <summary>The value that a variable holds at the current place.</summary>
    public int this[int variable]
    {
        get => _current[variable];
        set => _current[variable] = value;
    }

    /// <summary>Reports an edge from the end of the current block.</summary>
    public void Edge(int pred, bool whenTrue, int target)
    {
        if (_count == 0)
            return;
        while (target >= _heads.Length)
        {
            int old = _heads.Length;
            Array.Resize(ref _heads, old * 2);
            Array.Fill(_heads, -1, old, old);
        }
        if (pred != _lastPred)
        {
            _lastPred = pred;
            _lastSnapshot = _snapshots.Count;
            for (int v = 0; v < _count; v++)
                _snapshots.Add(_current[v]);
        }
        _edges.Add((pred, whenTrue, _lastSnapshot, _heads[target]));
        _heads[target] = _edges.Count - 1;
    }

    /// <summary>Makes a block the current one.</summary>
    public void Start(int block)
    {
        _lastPred = -1;
        if (_count == 0 || block >= _heads.Length || _heads[block] < 0)
            return;
        Span<int> joined = stackalloc int[_count];
        int phis = 0;
        for (int v = _count - 1; v >= 0; v--)
        {
            int value = _snapshots[_edges[_heads[block]].Snapshot + v];
            bool same = true;
            for (int e = _edges[_heads[block]].Next; e >= 0 && same; e = _edges[e].Next)
                same = _snapshots[_edges[e].Snapshot + v] == value;
            if (!same)
            {
                value = _f.AddPhi(block);
                joined[phis++] = v;
            }
            _current[v] = value;
        }
        if (phis == 0)
            return;
        joined = joined[..phis];
        joined.Reverse(); // the newest phi stands first
        Span<int> args = stackalloc int[phis];
        for (int e = _heads[block]; e >= 0; e = _edges[e].Next)
        {
            for (int i = 0; i < phis; i++)
                args[i] = _snapshots[_edges[e].Snapshot + joined[i]];
            int at = _f.AddEdgeArgs(args);
            ref IrBlock pred = ref _f.Blocks[_edges[e].Pred];
            if (_edges[e].WhenTrue)
                pred.TrueArgs = at;
            else
                pred.FalseArgs = at;
        }
    }
}
