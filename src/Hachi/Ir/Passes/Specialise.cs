namespace Hachi.Ir.Passes;

/// <summary>
/// The pass that uses what is known on each edge: tests that are decided are skipped (jump threading), tests whose outcome makes no difference are dropped,
/// requirements that hold already are dropped.
/// </summary>
/// <remarks>
/// Blocks are visited once, in reverse post-order; each edge carries an environment of facts to where it really leads.
/// Threading never skips a requirement that is not established, and never copies a block.
/// </remarks>
internal sealed class Specialise
{
    private const int StepsMin = 200_000, StepsPerBlock = 20, RoundsMax = 8;

    private readonly Environments _env = new();
    private BlockOrder _order = null!;
    private IrFunction _f = null!;
    private bool[] _isCanonical = new bool[64];
    private bool[] _isMarked = new bool[64], _isDropped = new bool[64];
    private bool _changed;
    private bool _grew; // packets pass blocks that they did not pass before
    private bool _isCurrent; // what the environments say of the blocks still holds
    private int _stepsLeft;

    /// <summary>Whether another run may find more.</summary>
    public bool IsUnfinished { get; private set; }

    /// <summary>
    /// Runs the pass; true when something changed. All that it learns it passes forward, so blocks are looked at once; only before a test that is dropped there may
    /// be more to find, right before it.
    /// </summary>
    /// <param name="f">The function.</param>
    /// <param name="order">Its blocks.</param>
    public bool Run(IrFunction f, BlockOrder order)
    {
        Begin(f, order);
        Array.Fill(_isMarked, true, 0, f.BlockCount);
        _env.Reset(f);
        _env.ReachEmpty(f.Entry);
        _isCurrent = true;
        bool dropped = VisitMarked();
        for (int round = 0; dropped && round < RoundsMax; round++)
        {
            MarkPredecessors();
            _grew = false;
            dropped = VisitMarked();
            if (!_grew)
                continue;
            _isCurrent = false; // what is known farther on is not any more, and not all of it has been looked at
            break;
        }
        IsUnfinished = dropped || !_isCurrent;
        return _changed;
    }

    /// <summary>
    /// Looks at blocks that a pass has made since the last run, and at those whose end it made anew; all others are what they were. What was known on entry to a
    /// block holds still, since passes do not change which packets come there: all others are passed over.
    /// </summary>
    /// <param name="f">The function of the last run.</param>
    /// <param name="order">Its blocks.</param>
    /// <param name="made">The first block that was made.</param>
    /// <param name="changed">Blocks that end in another way.</param>
    public void RunOn(IrFunction f, BlockOrder order, int made, ReadOnlySpan<int> changed)
    {
        if (!_isCurrent)
        {
            Run(f, order);
            return;
        }
        Begin(f, order);
        Array.Clear(_isMarked, 0, made);
        Array.Fill(_isMarked, true, made, f.BlockCount - made);
        foreach (int b in changed)
            _isMarked[b] = true;
        _env.Extend(made);
        VisitMarked();
        if (_grew)
            Run(f, order);
    }

    /// <summary>Two blocks have become one: what is known there is what was known of both.</summary>
    public void Merged(int kept, int gone)
    {
        if (!_isCurrent || !_env.IsReached(gone))
            return;
        if (!_env.IsReached(kept))
        {
            _isCurrent = false;
            return;
        }
        _env.Load(gone);
        _env.Deliver(kept);
    }

    private void Begin(IrFunction f, BlockOrder order)
    {
        (_f, _order) = (f, order);
        _changed = _grew = false;
        if (_isCanonical.Length < f.BlockCount)
        {
            Array.Resize(ref _isCanonical, f.BlockCount * 2);
            Array.Resize(ref _isMarked, f.BlockCount * 2);
            Array.Resize(ref _isDropped, f.BlockCount * 2);
        }
        _stepsLeft = StepsMin + (StepsPerBlock * _order.Count); // edges that pass over everything must not make long filters quadratic
        Array.Clear(_isCanonical, 0, f.BlockCount);
        Array.Clear(_isDropped, 0, f.BlockCount);
    }

    /// <summary>Visits the blocks that are marked; true when a test was dropped.</summary>
    private bool VisitMarked()
    {
        bool dropped = false;
        foreach (int b in _order.Blocks)
        {
            if (!_isMarked[b] || !_env.IsReached(b))
                continue;
            _env.Load(b);
            Visit(b);
            dropped |= _isDropped[b];
        }
        return dropped;
    }

    /// <summary>Marks the blocks from which a dropped test is reached at once.</summary>
    private void MarkPredecessors()
    {
        foreach (int b in _order.Blocks)
        {
            ref IrBlock block = ref _f.Blocks[b];
            _isMarked[b] = block.End is IrEnd.Goto or IrEnd.Branch or IrEnd.Member && (_isDropped[block.True] || (block.End != IrEnd.Goto && _isDropped[block.False]));
        }
        Array.Clear(_isDropped, 0, _f.BlockCount);
    }

    private void Visit(int b)
    {
        if (_f.Blocks[b].End == IrEnd.Return)
        {
            if (_f.Blocks[b].A == IrFunction.Zero && _f.Blocks[b].Require >= 0) // what is rejected anyway need not be checked
            {
                _f.Blocks[b].Require = -1;
                _isDropped[b] = true;
            }
            return;
        }
        if (_f.Blocks[b].Require >= 0)
            PruneRequires(b);
        if (_f.Blocks[b].End == IrEnd.Branch)
            MakeCanonical(b);
        if (_f.Blocks[b].End == IrEnd.Branch)
        {
            ref IrBlock block = ref _f.Blocks[b];
            int decided = block.True == block.False && block.TrueArgs == block.FalseArgs ? 1 : DecideHere(b);
            if (decided >= 0)
            {
                _isDropped[b] = true;
                _f.Goto(b, decided == 1 ? block.True : block.False, decided == 1 ? block.TrueArgs : block.FalseArgs);
                _changed = true;
            }
        }
        if (_f.Blocks[b].End == IrEnd.Goto)
        {
            ThreadGoto(b);
            return;
        }
        if (_f.Blocks[b].End == IrEnd.Member)
        {
            ThreadMember(b);
            return;
        }
        ThreadBranch(b);
    }

    /// <summary>Once in a run: walks come by many times.</summary>
    private void MakeCanonical(int b)
    {
        if (_isCanonical[b])
            return;
        _isCanonical[b] = true;
        Canonical.Compare(_f, b);
    }

    private int DecideHere(int b)
    {
        ref IrBlock block = ref _f.Blocks[b];
        return _env.Decide(block.Compare, block.A, block.B);
    }

    private void ThreadGoto(int b)
    {
        int target = _f.Blocks[b].True, args = _f.Blocks[b].TrueArgs;
        if (Walk(ref target, ref args))
        {
            _f.Goto(b, target, args);
            _changed = true;
        }
        if (_f.Blocks[b].Require >= 0 && _f.Blocks[target].End == IrEnd.Return && _f.Blocks[target].A == IrFunction.Zero)
        {
            _f.Blocks[b].Require = -1;
            _isDropped[b] = true;
        }
        _env.Deliver(target);
    }

    /// <summary>Of which words it is there is too much to say: only what was known before tells where the edges lead.</summary>
    private void ThreadMember(int b)
    {
        IrBlock block = _f.Blocks[b];
        bool moved = Walk(ref block.True, ref block.TrueArgs);
        moved |= Walk(ref block.False, ref block.FalseArgs);
        if (moved)
        {
            _f.Blocks[b] = block;
            _changed = true;
        }
        _env.Deliver(block.True);
        _env.Deliver(block.False);
    }

    private void ThreadBranch(int b)
    {
        IrBlock block = _f.Blocks[b];
        int saved = _env.Save();
        int whenTrue = block.True, trueArgs = block.TrueArgs, whenFalse = block.False, falseArgs = block.FalseArgs;

        _env.Learn(block.Compare, block.A, block.B, true);
        bool moved = Walk(ref whenTrue, ref trueArgs);
        if (LeadsTo(block.False, block.FalseArgs, whenTrue, trueArgs))
        {
            _env.Restore(saved);
            Drop(b, block.False, block.FalseArgs);
            return;
        }
        _env.Deliver(whenTrue);
        _env.Restore(saved);

        _env.Learn(block.Compare, block.A, block.B, false);
        moved |= Walk(ref whenFalse, ref falseArgs);
        if (LeadsTo(block.True, block.TrueArgs, whenFalse, falseArgs))
        {
            _env.Restore(saved);
            Drop(b, block.True, block.TrueArgs);
            return;
        }
        if (moved)
        {
            ref IrBlock changed = ref _f.Blocks[b];
            (changed.True, changed.TrueArgs, changed.False, changed.FalseArgs) = (whenTrue, trueArgs, whenFalse, falseArgs);
            _changed = true;
        }
        _env.Deliver(whenFalse);
    }

    /// <summary>x => T (which decides the other way to where F leads anyhow): the test makes no difference.</summary>
    private void Drop(int b, int target, int args)
    {
        _f.Goto(b, target, args);
        _changed = _isDropped[b] = true;
        ThreadGoto(b);
    }

    /// <summary>Whether going to a block with what is known now ends up at a given place.</summary>
    private bool LeadsTo(int from, int fromArgs, int target, int targetArgs)
    {
        if (from != target && _f.Blocks[from].End is not (IrEnd.Goto or IrEnd.Branch))
            return false;
        bool rejects = _f.Blocks[target].End == IrEnd.Return && _f.Blocks[target].A == IrFunction.Zero && _f.Blocks[target].Phi < 0;
        bool moved = Walk(ref from, ref fromArgs, rejects);
        bool leads = from == target && fromArgs == targetArgs;
        _grew |= leads && moved;
        return leads;
    }

    /// <summary>Follows an edge through blocks that do nothing and are decided.</summary>
    private bool Walk(ref int target, ref int args, bool ignoreRequires = false)
    {
        bool moved = false;
        while (--_stepsLeft >= 0)
        {
            ref IrBlock block = ref _f.Blocks[target];
            if (block.Phi >= 0 || (block.Require >= 0 && !ignoreRequires && !Holds(block.Require)))
                return moved;
            if (block.End == IrEnd.Goto)
            {
                (target, args) = (block.True, block.TrueArgs);
            }
            else if (block.End == IrEnd.Branch)
            {
                MakeCanonical(target);
                block = ref _f.Blocks[target];
                if (block.End == IrEnd.Goto)
                    continue;
                int decided = DecideHere(target);
                if (block.True == block.False && block.TrueArgs == block.FalseArgs)
                    decided = 1;
                if (decided < 0)
                    return moved;
                (target, args) = decided == 1 ? (block.True, block.TrueArgs) : (block.False, block.FalseArgs);
            }
            else
            {
                return moved;
            }
            moved = true;
        }
        return moved;
    }

    private bool Holds(int list)
    {
        for (; list >= 0; list = _f.Requires[list].Next)
            if (!Holds(_f.Values[_f.Requires[list].Value]))
                return false;
        return true;
    }

    private bool Holds(in IrValue v)
    {
        switch (v.Op)
        {
            case IrOp.LoadPacket:
                ulong bytes = v.Imm + v.Size;
                if (bytes <= _env.Established(v.A))
                    return true;
                if (v.A == IrFunction.Zero)
                    return false;
                uint present = _env.Established(IrFunction.Zero);
                return bytes <= present && bytes + _env.MostOf(v.A) <= present;
            case IrOp.Div or IrOp.Mod:
                return _env.LeastOf(v.B) > 0 || _env.Decide(IrCompare.Eq, v.B, IrFunction.Zero) == 0;
            default:
                return false;
        }
    }

    /// <summary>Drops what holds already; of loads from one base the one that reaches farthest implies the others, wherever they stand in the list.</summary>
    private void PruneRequires(int b)
    {
        int head = _f.Blocks[b].Require, last = -1;
        for (int r = head, next; r >= 0; r = next)
        {
            next = _f.Requires[r].Next;
            ref IrValue v = ref _f.Values[_f.Requires[r].Value];
            bool isLoad = v.Op == IrOp.LoadPacket;
            if (!Holds(v) && (!isLoad || (last < 0 && next < 0) || IsLargest(head, v)))
            {
                last = r;
                continue;
            }
            _changed = true;
            if (last < 0)
                _f.Blocks[b].Require = next;
            else
                _f.Requires[last].Next = next;
        }
        for (int r = _f.Blocks[b].Require; r >= 0; r = _f.Requires[r].Next)
            Note(_f.Values[_f.Requires[r].Value]);
    }

    private bool IsLargest(int list, in IrValue v)
    {
        for (int r = list; r >= 0; r = _f.Requires[r].Next)
        {
            ref IrValue other = ref _f.Values[_f.Requires[r].Value];
            if (other.Op != IrOp.LoadPacket || other.A != v.A)
                continue;
            ulong mine = v.Imm + v.Size, its = other.Imm + other.Size;
            if (its > mine || (its == mine && other.Size > v.Size))
                return false;
        }
        return true;
    }

    private void Note(in IrValue v)
    {
        if (v.Op == IrOp.LoadPacket)
        {
            uint bytes = (uint)(v.Imm + v.Size);
            _env.Establish(v.A, bytes);
            if (v.A != IrFunction.Zero)
            {
                ulong least = (ulong)_env.LeastOf(v.A) + bytes;
                if (least <= int.MaxValue)
                    _env.Establish(IrFunction.Zero, (uint)least);
            }
        }
        else if (v.Op is IrOp.Div or IrOp.Mod)
        {
            _env.Learn(IrCompare.Eq, v.B, IrFunction.Zero, false);
        }
    }
}
