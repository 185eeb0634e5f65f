namespace Hachi.Ir.Passes;

/// <summary>
/// What is known at the blocks of a function: for each block a short list of <see cref="Known"/>, met over the edges that reach it.
/// One list, the current one, is built up while a pass looks at a block.
/// </summary>
internal sealed partial class Environments
{
    private const int EntriesMax = 48, PlaceBits = 6, LevelsMax = 3;

    private Known[] _pool = new Known[256];
    private int _poolCount;
    private (int Start, int Count)[] _blocks = new (int, int)[64];
    private readonly Known[] _current = new Known[EntriesMax];
    private readonly int[] _keys = new int[EntriesMax]; // of the current list, once more
    private int[] _places = new int[128]; // by key (see PlaceOf): the entry of the current list, below a stamp that makes those of earlier lists void
    private int _stamp;
    private Known[] _apart = new Known[64]; // of derived values: what is known of them where nothing is known of what they are made of
    private int[] _apartOf = new int[64]; // the run that an entry is of
    private int _run;
    private (int At, Known Old)[] _undo = new (int, Known)[16];
    private int _undoCount;
    private int _count;
    private int _oldest;
    private IrFunction _f = null!;

    /// <summary>Starts over for a function: no block has been reached.</summary>
    public void Reset(IrFunction f)
    {
        _f = f;
        _poolCount = _count = 0;
        ResetWords();
        _stamp += 1 << PlaceBits;
        _run++;
        Extend(0);
    }

    /// <summary>Makes room for blocks made since the last <see cref="Reset"/>: they have not been reached.</summary>
    /// <param name="from">The first of them.</param>
    public void Extend(int from)
    {
        if (_blocks.Length < _f.BlockCount)
            Array.Resize(ref _blocks, _f.BlockCount * 2);
        Array.Fill(_blocks, (-1, 0), from, _f.BlockCount - from);
    }

    /// <summary>Marks a block as not reached.</summary>
    public void Forget(int block) => _blocks[block] = (-1, 0);

    /// <summary>Whether an edge has delivered something to a block.</summary>
    public bool IsReached(int block) => _blocks[block].Start >= 0;

    /// <summary>Marks a block as reached with nothing known (the entry).</summary>
    public void ReachEmpty(int block) => _blocks[block] = (_poolCount, 0);

    /// <summary>Makes a block's list the current one.</summary>
    public void Load(int block)
    {
        (int start, int count) = _blocks[block];
        _pool.AsSpan(start, count).CopyTo(_current);
        _count = count;
        _undoCount = _oldest = 0;
        _stamp += 1 << PlaceBits;
        if (_stamp <= 0)
        {
            Array.Clear(_places);
            _stamp = 1 << PlaceBits;
        }
        for (int i = 0; i < count; i++)
        {
            int key = _current[i].Key;
            _keys[i] = key;
            _places[PlaceOf(key)] = _stamp | i;
        }
    }

    /// <summary>A mark to come back to with <see cref="Restore"/>, as long as no other list was loaded.</summary>
    public int Save() => _undoCount;

    /// <summary>Takes back what was put since a mark.</summary>
    public void Restore(int mark)
    {
        while (_undoCount > mark)
        {
            (int at, Known old) = _undo[--_undoCount];
            if (at < 0)
            {
                _places[PlaceOf(_keys[--_count])] = 0;
                continue;
            }
            if (_keys[at] != old.Key) // it had made room for another one
            {
                _places[PlaceOf(_keys[at])] = 0;
                _places[PlaceOf(old.Key)] = _stamp | at;
                _keys[at] = old.Key;
            }
            _current[at] = old;
        }
    }

    /// <summary>Delivers the current list to a block: the first delivery is copied, later ones are met with it.</summary>
    public void Deliver(int block)
    {
        (int start, int count) = _blocks[block];
        if (_f.Blocks[block].End == IrEnd.Return) // nobody asks what is known there
        {
            _blocks[block] = (0, 0);
            return;
        }
        if (start < 0)
        {
            if (_poolCount + _count > _pool.Length)
                Array.Resize(ref _pool, Math.Max(_pool.Length * 2, _poolCount + _count));
            _current.AsSpan(0, _count).CopyTo(_pool.AsSpan(_poolCount));
            _blocks[block] = (_poolCount, _count);
            _poolCount += _count;
            return;
        }
        int kept = 0, j = -1;
        for (int i = 0; i < count; i++)
        {
            ref Known mine = ref _pool[start + i];
            if (++j >= _count || _keys[j] != mine.Key) // both lists have mostly the same order
                j = Find(mine.Key);
            if (j < 0 || !Meet(ref mine, _current[j]))
                continue;
            if (kept != i)
                _pool[start + kept] = mine;
            kept++;
        }
        _blocks[block].Count = kept;
    }

    /// <summary>The least word that a value can be.</summary>
    public uint LeastOf(int value)
    {
        Known made = default;
        return Peek(value, ref made).Lo;
    }

    /// <summary>The greatest word that a value can be.</summary>
    public uint MostOf(int value)
    {
        Known made = default;
        return Peek(value, ref made).Hi;
    }

    /// <summary>What is known of a value, also from what it is made of (a few levels deep).</summary>
    private Known Look(int value, int depth = LevelsMax)
    {
        ref IrValue v = ref _f.Values[value];
        if (v.Op == IrOp.Const)
            return Known.Exactly(value, v.K);
        int at = Find(value);
        if (depth == 0 || !IsDerived(v))
            return at >= 0 ? _current[at] : Known.AtMost(value, MaxOf(v)); // what is on the list has been seen to be no more than that
        Known known = at >= 0 ? _current[at] : Known.Nothing(value);
        FromOperand(ref known, v.Op, Look(v.A, depth - 1), _f.Values[v.B].K);
        known.Tighten();
        return known;
    }

    /// <summary>What <see cref="Look"/> says, without a copy where it stands on the list as it is, or has been made before.</summary>
    private ref Known Peek(int value, ref Known made)
    {
        ref IrValue v = ref _f.Values[value];
        int at = Find(value);
        if (!IsDerived(v))
        {
            if (at >= 0)
                return ref _current[at];
            made = v.Op == IrOp.Const ? Known.Exactly(value, v.K) : Known.AtMost(value, MaxOf(v));
            return ref made;
        }
        if (at >= 0 || !IsApart(v.A))
        {
            made = Look(value);
            return ref made;
        }
        if (_apart.Length <= value)
        {
            Array.Resize(ref _apart, _f.Values.Length * 2);
            Array.Resize(ref _apartOf, _f.Values.Length * 2);
        }
        if (_apartOf[value] != _run)
            (_apartOf[value], _apart[value]) = (_run, Look(value));
        return ref _apart[value];
    }

    /// <summary>Whether nothing is on the list of a value and what it is made of.</summary>
    private bool IsApart(int value)
    {
        for (int depth = LevelsMax; depth > 0; depth--)
        {
            if (Find(value) >= 0)
                return false;
            ref IrValue v = ref _f.Values[value];
            if (!IsDerived(v))
                return true;
            value = v.A;
        }
        return true;
    }

    private static uint MaxOf(in IrValue v) => v.Op switch
    {
        IrOp.LoadPacket => uint.MaxValue >> (32 - (8 * v.Size)),
        IrOp.ProtoChain or IrOp.Compared => 1,
        _ => uint.MaxValue,
    };

    /// <summary>1: the comparison certainly holds here, 0: it certainly does not, -1: open.</summary>
    public int Decide(IrCompare compare, int a, int b)
    {
        if (!_f.IsConst(b, out uint k))
        {
            int named = Find(Named(compare, a, b));
            if (named >= 0 && _current[named].IsConst) // (not so where it holds on one way to here, and does not on another)
                return (int)_current[named].Lo;
            Known x = Look(a), y = Look(b);
            return y.IsConst ? x.Decide(compare, y.Lo)
                : compare == IrCompare.Eq && (x.Hi < y.Lo || y.Hi < x.Lo) ? 0
                : compare == IrCompare.Gt ? (x.Lo > y.Hi ? 1 : x.Hi <= y.Lo ? 0 : -1)
                : compare == IrCompare.Ge ? (x.Lo >= y.Hi ? 1 : x.Hi < y.Lo ? 0 : -1) : -1;
        }
        Known made = default;
        ref Known known = ref Peek(a, ref made);
        int answer = known.Decide(compare, k);
        if (answer >= 0)
            return answer;
        if (known.OneOf != 0)
            answer = DecideOneOf(known, compare, k);
        if (answer < 0 && compare == IrCompare.Eq && IsExcluded(known.Excluded, k))
            return 0;
        if (answer < 0 && compare == IrCompare.Set && Find(Named(compare, a, b)) >= 0)
            return 1;
        return answer;
    }

    private bool IsDerived(in IrValue v) => v.Op is >= IrOp.Add and <= IrOp.Rsh && _f.Values[v.B].Op == IrOp.Const;

    /// <summary>Adds to the current list what the outcome of a comparison says.</summary>
    public void Learn(IrCompare compare, int a, int b, bool outcome)
    {
        if (!_f.IsConst(b, out uint k))
        {
            Put(Known.Exactly(Named(compare, a, b), outcome ? 1u : 0u));
            return;
        }
        if (compare == IrCompare.Set && outcome && !System.Numerics.BitOperations.IsPow2(k))
            Put(Known.Exactly(Named(compare, a, b), 1)); // which of the bits, nobody knows
        ref Known known = ref Open(a);
        known.Learn(compare, k, outcome);
        if (known.OneOf != 0)
            KeepOneOf(ref known, compare, k, outcome);
        if (compare == IrCompare.Eq && !outcome && !known.IsConst && !IsExcluded(known.Excluded, k))
            known.Excluded = Link(k, known.Excluded);
        ref IrValue v = ref _f.Values[a];
        if (v.Op == IrOp.And && _f.IsConst(v.B, out uint mask)) // what is known of x & mask is known of x
        {
            Known inner = Look(v.A);
            inner.Ones |= known.Ones & mask;
            inner.Zeros |= known.Zeros & mask;
            inner.Tighten();
            Put(inner);
        }
    }

    /// <summary>Bytes certainly present from a base on.</summary>
    public uint Established(int basis)
    {
        int at = Find(~basis);
        return at >= 0 ? _current[at].Lo : 0;
    }

    /// <summary>Notes that bytes up to an offset from a base are present.</summary>
    public void Establish(int basis, uint bytes)
    {
        int at = Find(~basis);
        if (at < 0)
            Put(new Known { Key = ~basis, Lo = bytes });
        else if (_current[at].Lo < bytes)
            Put(_current[at] with { Lo = bytes });
    }

    private static void FromOperand(ref Known known, IrOp op, in Known a, uint k)
    {
        if (a.IsConst && !(k == 0 && op is IrOp.Div or IrOp.Mod))
        {
            uint result = IrFold.Evaluate(op, a.Lo, k);
            (known.Lo, known.Hi, known.Zeros, known.Ones) = (result, result, ~result, result);
            return;
        }
        switch (op)
        {
            case IrOp.And:
                known.Zeros |= a.Zeros | ~k;
                known.Ones |= a.Ones & k;
                break;
            case IrOp.Or:
                known.Zeros |= a.Zeros & ~k;
                known.Ones |= a.Ones | k;
                break;
            case IrOp.Lsh when k < 32:
                known.Zeros |= (a.Zeros << (int)k) | ((1u << (int)k) - 1);
                known.Ones |= a.Ones << (int)k;
                break;
            case IrOp.Rsh when k < 32:
                known.Zeros |= (a.Zeros >> (int)k) | ~(uint.MaxValue >> (int)k);
                known.Ones |= a.Ones >> (int)k;
                known.Lo = Math.Max(known.Lo, a.Lo >> (int)k);
                known.Hi = Math.Min(known.Hi, a.Hi >> (int)k);
                break;
            case IrOp.Add when a.Hi <= uint.MaxValue - k:
                known.Lo = Math.Max(known.Lo, a.Lo + k);
                known.Hi = Math.Min(known.Hi, a.Hi + k);
                break;
            case IrOp.Div when k > 0:
                known.Hi = Math.Min(known.Hi, a.Hi / k);
                break;
            case IrOp.Mod when k > 0:
                known.Hi = Math.Min(known.Hi, k - 1);
                break;
        }
    }

    private int Named(IrCompare compare, int a, int b) => _f.Intern(IrOp.Compared, (byte)compare, a, b, 0, -1);

    /// <summary>Values and established lengths have their keys on both sides of zero: their places alternate.</summary>
    private static int PlaceOf(int key) => (key << 1) ^ (key >> 31);

    private int Find(int key)
    {
        int[] places = _places;
        int at = PlaceOf(key);
        if ((uint)at >= (uint)places.Length)
            return -1;
        int place = places[at] ^ _stamp;
        return (uint)place < EntriesMax ? place : -1;
    }

    private void Put(in Known known)
    {
        int at = Find(known.Key);
        if (at < 0)
            at = Claim(known.Key);
        else
            Log(at, _current[at]);
        _current[at] = known;
    }

    /// <summary>The entry of a value, for what is learnt to be written into; it holds what is known so far.</summary>
    private ref Known Open(int value)
    {
        int at = Find(value);
        if (at >= 0)
            Log(at, _current[at]);
        if (at < 0 || IsDerived(_f.Values[value]))
        {
            Known known = Look(value);
            at = at >= 0 ? at : Claim(value);
            _current[at] = known;
        }
        return ref _current[at];
    }

    /// <summary>A place for an entry that is not on the list: a new one, or, when the list is full, that of the oldest; what stood there is noted.</summary>
    private int Claim(int key)
    {
        int place = PlaceOf(key), at = _count;
        if (at < EntriesMax)
        {
            _count++;
            Log(-1, default);
        }
        else
        {
            at = _oldest++ % EntriesMax;
            Log(at, _current[at]);
            _places[PlaceOf(_keys[at])] = 0;
        }
        while (place >= _places.Length)
            Array.Resize(ref _places, _places.Length * 2);
        _keys[at] = key;
        _places[place] = _stamp | at;
        return at;
    }

    private void Log(int at, in Known old)
    {
        if (_undoCount == _undo.Length)
            Array.Resize(ref _undo, _undoCount * 2);
        _undo[_undoCount++] = (at, old);
    }

    private bool Meet(ref Known mine, in Known other)
    {
        if (mine.Key < 0)
        {
            mine.Lo = Math.Min(mine.Lo, other.Lo);
            return mine.Lo > 0;
        }
        mine.OneOf = MeetOneOf(mine, other);
        mine.Lo = Math.Min(mine.Lo, other.Lo);
        mine.Hi = Math.Max(mine.Hi, other.Hi);
        mine.Zeros &= other.Zeros;
        mine.Ones &= other.Ones;
        mine.Excluded = MeetExcluded(mine.Excluded, other);
        return mine.Lo > 0 || mine.Hi < uint.MaxValue || mine.Zeros != 0 || mine.Ones != 0 || mine.Excluded != 0 || mine.OneOf != 0;
    }
}
