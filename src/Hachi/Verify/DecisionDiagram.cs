using System.Runtime.CompilerServices;

namespace Hachi.Verify;

/// <summary>
/// Reduced ordered binary decision diagrams (Bryant 1986): Boolean functions of numbered bits, one node id for each function, so that two functions
/// are equal exactly when their ids are. Deterministic; what it may cost is counted in steps, never in time.
/// </summary>
/// <remarks>After <see cref="IsExhausted"/> every result is meaningless (but nothing throws, and everything ends soon).</remarks>
public sealed class DecisionDiagram
{
    /// <summary>The function that is always false.</summary>
    public const int False = 0;

    /// <summary>The function that is always true.</summary>
    public const int True = 1;

    private const int CacheEntriesMax = 1 << 19;

    private readonly long _stepsMax;
    private Node[] _nodes = new Node[1 << 10];
    private int[] _buckets = new int[1 << 10];
    private Entry[] _cache = new Entry[1 << 10];
    private int _count = 2;

    /// <summary>An empty diagram.</summary>
    /// <param name="stepsMax">Steps (operations on pairs of nodes that were not remembered) after which it is exhausted.</param>
    public DecisionDiagram(long stepsMax)
    {
        _stepsMax = stepsMax;
        _nodes[False].Level = _nodes[True].Level = int.MaxValue;
    }

    /// <summary>Steps taken so far.</summary>
    public long Steps { get; private set; }

    /// <summary>Whether the steps have been used up.</summary>
    public bool IsExhausted { get; private set; }

    /// <summary>The bit that a node asks; bits with lower numbers are asked first. <see cref="int.MaxValue"/> for the two constants.</summary>
    public int Level(int node) => _nodes[node].Level;

    /// <summary>The function for the case that the bit asked is 0.</summary>
    public int Low(int node) => _nodes[node].Low;

    /// <summary>The function for the case that the bit asked is 1.</summary>
    public int High(int node) => _nodes[node].High;

    /// <summary>The function that is the bit itself.</summary>
    public int Bit(int level) => Make(level, False, True);

    /// <summary>Negation.</summary>
    public int Not(int f) => Ite(f, False, True);

    /// <summary>Conjunction.</summary>
    public int And(int f, int g) => Ite(f, g, False);

    /// <summary>Disjunction.</summary>
    public int Or(int f, int g) => Ite(f, True, g);

    /// <summary>Exclusive disjunction.</summary>
    public int Xor(int f, int g) => Ite(f, Not(g), g);

    /// <summary>Both or neither.</summary>
    public int Same(int f, int g) => Ite(f, g, Not(g));

    /// <summary>What follows from f: g.</summary>
    public int Implies(int f, int g) => Ite(f, g, True);

    /// <summary>g where f holds, h where it does not: every operation in one.</summary>
    public int Ite(int f, int g, int h)
    {
        if (f == g)
            g = True;
        if (f == h)
            h = False;
        if (f == True || g == h)
            return g;
        if (f == False)
            return h;
        if (g == True && h == False)
            return f;
        if (h == False && f > g)
            (f, g) = (g, f);
        else if (g == True && f > h)
            (f, h) = (h, f);
        return IteOfNodes(f, g, h);
    }

    private int IteOfNodes(int f, int g, int h)
    {
        uint hash = Hash(f, g, h);
        ref Entry entry = ref _cache[hash & (uint)(_cache.Length - 1)];
        if (entry.F == f && entry.G == g && entry.H == h)
            return entry.Result;
        // The depth is that of the bits asked, which is bounded; the stack of a thread may be smaller still.
        if (IsExhausted || ++Steps > _stepsMax || !RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            IsExhausted = true;
            return False;
        }
        int level = Math.Min(_nodes[f].Level, Math.Min(_nodes[g].Level, _nodes[h].Level));
        int high = Ite(Cofactor(f, level, true), Cofactor(g, level, true), Cofactor(h, level, true));
        int low = Ite(Cofactor(f, level, false), Cofactor(g, level, false), Cofactor(h, level, false));
        int result = Make(level, low, high);
        if (!IsExhausted)
            _cache[hash & (uint)(_cache.Length - 1)] = new Entry { F = f, G = g, H = h, Result = result };
        return result;
    }

    private int Cofactor(int node, int level, bool value)
    {
        ref Node n = ref _nodes[node];
        return n.Level != level ? node : value ? n.High : n.Low;
    }

    private int Make(int level, int low, int high)
    {
        if (low == high)
            return low;
        uint hash = Hash(level, low, high);
        for (int at = _buckets[hash & (uint)(_buckets.Length - 1)]; at != 0; at = _nodes[at].Next)
            if (_nodes[at].Level == level && _nodes[at].Low == low && _nodes[at].High == high)
                return at;
        if (_count == _nodes.Length)
            Grow();
        ref int bucket = ref _buckets[hash & (uint)(_buckets.Length - 1)];
        _nodes[_count] = new Node { Level = level, Low = low, High = high, Next = bucket };
        return bucket = _count++;
    }

    private void Grow()
    {
        Array.Resize(ref _nodes, _nodes.Length * 2);
        _buckets = new int[_nodes.Length];
        for (int i = 2; i < _count; i++)
        {
            ref int bucket = ref _buckets[Hash(_nodes[i].Level, _nodes[i].Low, _nodes[i].High) & (uint)(_buckets.Length - 1)];
            _nodes[i].Next = bucket;
            bucket = i;
        }
        if (_cache.Length < CacheEntriesMax)
            _cache = new Entry[_cache.Length * 2];
    }

    private static uint Hash(int a, int b, int c)
    {
        ulong hash = ((ulong)(uint)a * 0x9E3779B97F4A7C15) ^ ((ulong)(uint)b * 0xC2B2AE3D27D4EB4F) ^ ((ulong)(uint)c * 0x165667B19E3779F9);
        return (uint)(hash >> 32) ^ (uint)(hash >> 13);
    }

    private struct Node
    {
        public int Level, Low, High, Next;
    }

    private struct Entry
    {
        public int F, G, H, Result;
    }
}
