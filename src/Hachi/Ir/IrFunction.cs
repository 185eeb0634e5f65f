namespace Hachi.Ir;

/// <summary>
/// A function in SSA form: a table of values and a graph of blocks. Front ends lower into it, passes rewrite it, selectors emit it.
/// </summary>
/// <remarks>
/// What a program reads (packet, metadata) does not change while it runs, so values are pure and shared. What can go wrong when one is computed
/// (a load outside the packet, a division by zero) is kept apart: a block lists the values that it <em>requires</em>; where a requirement does not hold, the
/// function returns 0 at once. A pass may drop a requirement only where another one, passed before on every path, implies it.
/// Storage is compact (arrays, ids as indexes) and an instance can be cleared and used again.
/// </remarks>
public sealed class IrFunction
{
    /// <summary>The id of the constant 0, and of "no base" in a load.</summary>
    public const int Zero = 0;

    private int[] _buckets = new int[128];

    /// <summary>An empty function.</summary>
    public IrFunction() => Clear();

    /// <summary>The values, by id; <see cref="ValueCount"/> are in use.</summary>
    public IrValue[] Values { get; private set; } = new IrValue[64];

    /// <summary>The blocks, by id; <see cref="BlockCount"/> are in use. Block <see cref="Entry"/> is the first.</summary>
    public IrBlock[] Blocks { get; private set; } = new IrBlock[64];

    /// <summary>Linked entries: a value that is required, and the index of the next entry or -1.</summary>
    public (int Value, int Next)[] Requires { get; private set; } = new (int, int)[32];

    /// <summary>Linked entries: a phi value of a block, and the index of the next entry or -1.</summary>
    public (int Value, int Next)[] Phis { get; private set; } = new (int, int)[4];

    /// <summary>Arguments of edges: runs of value ids, one for each phi of the target, in the order of its list.</summary>
    public int[] EdgeArgs { get; private set; } = new int[8];

    /// <summary>What happens in order (memory, calls, fuel), by id; <see cref="EffectCount"/> are in use.</summary>
    public IrEffect[] Effects { get; private set; } = new IrEffect[32];

    /// <summary>Number of effects.</summary>
    public int EffectCount { get; private set; }

    /// <summary>Interval sets that <see cref="IrEnd.Member"/> ends refer to.</summary>
    public List<IntervalSet> Sets { get; } = [];

    /// <summary>Number of values.</summary>
    public int ValueCount { get; private set; }

    /// <summary>Number of blocks.</summary>
    public int BlockCount { get; private set; }

    /// <summary>Number of requirement entries.</summary>
    public int RequireCount { get; private set; }

    /// <summary>Number of phi entries.</summary>
    public int PhiCount { get; private set; }

    /// <summary>Number of edge arguments.</summary>
    public int EdgeArgCount { get; private set; }

    /// <summary>The block where the function starts.</summary>
    public int Entry { get; set; }

    /// <summary>Forgets everything, keeps the storage.</summary>
    public void Clear()
    {
        ValueCount = BlockCount = RequireCount = PhiCount = EdgeArgCount = EffectCount = Entry = 0;
        Sets.Clear();
        Array.Fill(_buckets, -1);
        Intern(IrOp.Const, 0, 0, 0, 0, -1);
    }

    /// <summary>
    /// Takes over blocks, requirements, phis, edge arguments and effects of another function into this one, which must be empty, under the same ids. They still name the other
    /// function's values: the caller makes values here and renames.
    /// </summary>
    internal void CopyFrame(IrFunction other)
    {
        Blocks = Copied(other.Blocks, other.BlockCount, Blocks);
        Requires = Copied(other.Requires, other.RequireCount, Requires);
        Phis = Copied(other.Phis, other.PhiCount, Phis);
        EdgeArgs = Copied(other.EdgeArgs, other.EdgeArgCount, EdgeArgs);
        Effects = Copied(other.Effects, other.EffectCount, Effects);
        (BlockCount, RequireCount, PhiCount) = (other.BlockCount, other.RequireCount, other.PhiCount);
        (EdgeArgCount, EffectCount, Entry) = (other.EdgeArgCount, other.EffectCount, other.Entry);
        Sets.AddRange(other.Sets);
    }

    private static T[] Copied<T>(T[] from, int count, T[] to)
    {
        if (to.Length < count)
            to = new T[from.Length];
        from.AsSpan(0, count).CopyTo(to);
        return to;
    }

    /// <summary>A new block without an end.</summary>
    public int NewBlock()
    {
        if (BlockCount == Blocks.Length)
            Blocks = Grown(Blocks);
        ref IrBlock block = ref Blocks[BlockCount];
        block = default;
        block.Require = block.Phi = block.TrueArgs = block.FalseArgs = block.Origin = block.FirstEffect = block.LastEffect = -1;
        return BlockCount++;
    }

    /// <summary>Adds a requirement to a block (order does not matter: all must hold).</summary>
    public void AddRequire(int block, int value)
    {
        int looked = 0; // a repeated entry does no harm: do not search long lists
        for (int r = Blocks[block].Require; r >= 0 && looked < 8; r = Requires[r].Next, looked++)
            if (Requires[r].Value == value)
                return;
        if (RequireCount == Requires.Length)
            Requires = Grown(Requires);
        Requires[RequireCount] = (value, Blocks[block].Require);
        Blocks[block].Require = RequireCount++;
    }

    /// <summary>Adds a phi to a block; its arguments stand on the edges into the block, newest phi first.</summary>
    public int AddPhi(int block, int origin = -1)
    {
        int value = Intern(IrOp.Phi, 0, 0, PhiCount, (ulong)block, origin);
        if (PhiCount == Phis.Length)
            Phis = Grown(Phis);
        Phis[PhiCount] = (value, Blocks[block].Phi);
        Blocks[block].Phi = PhiCount++;
        return value;
    }

    /// <summary>Stores a run of edge arguments; returns its index.</summary>
    public int AddEdgeArgs(ReadOnlySpan<int> args)
    {
        int start = EdgeArgCount;
        while (start + args.Length > EdgeArgs.Length)
            EdgeArgs = Grown(EdgeArgs);
        args.CopyTo(EdgeArgs.AsSpan(start));
        EdgeArgCount += args.Length;
        return start;
    }

    /// <summary>
    /// Appends an effect to a block. An effect that yields something (<see cref="IrEffect.YieldsValue"/>) gets its <see cref="IrOp.Result"/>.
    /// </summary>
    /// <returns>The index of the effect.</returns>
    public int AddEffect(int block, IrEffect effect)
    {
        if (EffectCount == Effects.Length)
            Effects = Grown(Effects);
        effect.Next = -1;
        effect.Value = effect.YieldsValue ? Intern(IrOp.Result, effect.Size, 0, 0, (ulong)EffectCount, effect.Origin) : -1;
        Effects[EffectCount] = effect;
        ref IrBlock b = ref Blocks[block];
        if (b.LastEffect >= 0)
            Effects[b.LastEffect].Next = EffectCount;
        else
            b.FirstEffect = EffectCount;
        b.LastEffect = EffectCount;
        return EffectCount++;
    }

    /// <summary>Ends a block with a jump.</summary>
    public void Goto(int block, int target, int args = -1)
    {
        ref IrBlock b = ref Blocks[block];
        b.End = IrEnd.Goto;
        b.A = b.B = b.False = 0;
        b.True = target;
        b.TrueArgs = args;
        b.FalseArgs = -1;
    }

    /// <summary>Ends a block with a choice.</summary>
    public void Branch(int block, IrCompare compare, int a, int b, int whenTrue, int whenFalse, int origin = -1)
    {
        ref IrBlock x = ref Blocks[block];
        (x.End, x.Compare, x.A, x.B, x.True, x.False, x.Origin) = (IrEnd.Branch, compare, a, b, whenTrue, whenFalse, origin);
    }

    /// <summary>Ends a block with the question whether a value lies in a set.</summary>
    public void Member(int block, int value, IntervalSet set, int whenTrue, int whenFalse, int origin = -1)
    {
        ref IrBlock x = ref Blocks[block];
        (x.End, x.A, x.B, x.True, x.False, x.Origin) = (IrEnd.Member, value, Sets.Count, whenTrue, whenFalse, origin);
        Sets.Add(set);
    }

    /// <summary>Ends a block with a return.</summary>
    public void Return(int block, int value)
    {
        Blocks[block].End = IrEnd.Return;
        Blocks[block].A = value;
    }

    /// <summary>Ends a block with a fault.</summary>
    public void Fault(int block, int reason, int origin)
    {
        ref IrBlock b = ref Blocks[block];
        (b.End, b.A, b.Origin) = (IrEnd.Fault, reason, origin);
    }

    /// <summary>The id of a constant.</summary>
    public int Const(uint k, int origin = -1) => k == 0 ? Zero : Intern(IrOp.Const, 0, 0, 0, k, origin);

    /// <summary>The id of a 64-bit constant.</summary>
    public int Const64(ulong k) => k == 0 ? Zero : Intern(IrOp.Const, 0, 0, 0, k, -1);

    /// <summary>Whether a value is a constant, and which.</summary>
    public bool IsConst(int value, out uint k)
    {
        k = Values[value].K;
        return Values[value].Op == IrOp.Const;
    }

    /// <summary>The id of a value, new or old. No folding: see <see cref="IrFold.Make"/>.</summary>
    public int Intern(IrOp op, byte size, int a, int b, ulong imm, int origin, int home = 0)
    {
        int bucket = (int)(Hash(op, size, a, b, imm, home) & (uint)(_buckets.Length - 1));
        for (int i = _buckets[bucket]; i >= 0; i = Values[i].HashNext)
        {
            ref IrValue v = ref Values[i];
            if (v.Op == op && v.A == a && v.B == b && v.Imm == imm && v.Size == size && v.Home == home)
                return i;
        }
        if (ValueCount == Values.Length)
        {
            Values = Grown(Values);
            bucket = Rehash(Hash(op, size, a, b, imm, home));
        }
        Values[ValueCount] = new IrValue { Op = op, Size = size, A = a, B = b, Imm = imm, Origin = origin, Home = home, HashNext = _buckets[bucket] };
        _buckets[bucket] = ValueCount;
        return ValueCount++;
    }

    private static uint Hash(IrOp op, byte size, int a, int b, ulong imm, int home)
    {
        uint hash = ((uint)home * 0x2545F491u) ^ ((uint)op * 0x9E3779B1u) ^ ((uint)a * 0x85EBCA6Bu) ^ ((uint)b * 0xC2B2AE35u) ^ ((uint)imm * 0x27D4EB2Fu) ^ (size * 0x165667B1u);
        return hash ^ (hash >> 15);
    }

    private int Rehash(uint hash)
    {
        _buckets = new int[Values.Length * 2];
        Array.Fill(_buckets, -1);
        for (int i = 0; i < ValueCount; i++)
        {
            ref IrValue v = ref Values[i];
            int bucket = (int)(Hash(v.Op, v.Size, v.A, v.B, v.Imm, v.Home) & (uint)(_buckets.Length - 1));
            v.HashNext = _buckets[bucket];
            _buckets[bucket] = i;
        }
        return (int)(hash & (uint)(_buckets.Length - 1));
    }

    private static T[] Grown<T>(T[] array)
    {
        Array.Resize(ref array, array.Length * 2);
        return array;
    }
}
