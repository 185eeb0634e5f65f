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
    private const int StepsMin = 200_000, StepsPerBlock = 20;

    private readonly Environments _env = new();
    private readonly BlockOrder _order = new();
    private IrFunction _f = null!;
    private bool[] _isCanonical = new bool[64];
    private bool[] _hasDropped = new bool[64];
    private bool _changed;
    private bool _grew;
    private bool _isCurrent; // what the environments say of the blocks still holds
    private int _stepsLeft;

    /// <summary>
    /// Whether the last run dropped a test: what stands before it may now be decided, too. All else that it learns it passes forward, so another run finds nothing.
    /// </summary>
    public bool HasDropped { get; private set; }

    /// <summary>Runs the pass; true when something changed.</summary>
    /// <param name="f">The function.</param>
    /// <param name="again">Whether nothing but the tests that the last run dropped can make a difference: then only what stands before these is looked at.</param>
    public bool Run(IrFunction f, bool again = false)
    {
        Begin(f);
        if (again)
        {
            MarkBefore();
            foreach (int b in _order.Blocks)
                if (_hasDropped[b])
                    _env.Forget(b);
        }
        else
        {
            Array.Fill(_hasDropped, true, 0, f.BlockCount);
            _env.Reset(f);
            _isCurrent = true;
        }
        _env.ReachEmpty(f.Entry);
        bool grew = VisitMarked();
        _isCurrent &= !grew || !again;
        if (HasDropped)
            MarkBefore(); // now: the pass that merges blocks steps over those that lost their test
        return _changed;
    }

    /// <summary>
    /// Looks at blocks that a pass has made since the last run, and at those whose end it made anew; all others are what they were. What was known on entry to a
    /// block holds still, since passes do not change which packets come there: all others are passed over.
    /// </summary>
    /// <param name="f">The function of the last run.</param>
    /// <param name="made">The first block that was made.</param>
    /// <param name="changed">Blocks that end in another way.</param>
    public void RunOn(IrFunction f, int made, ReadOnlySpan<int> changed)
    {
        if (!_isCurrent)
        {
            Run(f);
            return;
        }
        Begin(f);
        Array.Clear(_hasDropped, 0, made);
        Array.Fill(_hasDropped, true, made, f.BlockCount - made);
        foreach (int b in changed)
            _hasDropped[b] = true;
        _env.Extend(made);
        if (VisitMarked())
            Run(f);
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

    private void Begin(IrFunction f)
    {
        _f = f;
        _changed = HasDropped = _grew = false;
        _order.Compute(f);
        if (_isCanonical.Length < f.BlockCount)
        {
            Array.Resize(ref _isCanonical, f.BlockCount * 2);
            Array.Resize(ref _hasDropped, f.BlockCount * 2);
        }
        _stepsLeft = StepsMin + (StepsPerBlock * _order.Count); // edges that pass over everything must not make long filters quadratic
        Array.Clear(_isCanonical, 0, f.BlockCount);
    }

    /// <summary>Visits the blocks that are marked; true when packets may now pass blocks that they did not pass before.</summary>
    private bool VisitMarked()
    {
        foreach (int b in _order.Blocks)
        {
            bool isWanted = _hasDropped[b];
            _hasDropped[b] = false;
            if (!isWanted || !_env.IsReached(b))
                continue;
            _env.Load(b);
            Visit(b);
        }
        return _grew;
    }

    /// <summary>Blocks from which a dropped test can be reached: all that lead to such a block are such blocks.</summary>
    private void MarkBefore()
    {
        ReadOnlySpan<int> blocks = _order.Blocks;
        for (int i = blocks.Length - 1; i >= 0; i--)
        {
            ref IrBlock block = ref _f.Blocks[blocks[i]];
            if (block.End != IrEnd.Return)
                _hasDropped[blocks[i]] |= _hasDropped[block.True] || (block.End != IrEnd.Goto && _hasDropped[block.False]);
        }
    }

    private void Visit(int b)
    {
        if (_f.Blocks[b].End == IrEnd.Return)
        {
            if (_f.Blocks[b].A == IrFunction.Zero && _f.Blocks[b].Require >= 0) // what is rejected anyway need not be checked
                _f.Blocks[b].Require = -1;
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
                HasDropped = _hasDropped[b] = true;
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
            _env.Deliver(_f.Blocks[b].True);
            _env.Deliver(_f.Blocks[b].False);
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
        if (_f.Blocks[target].End == IrEnd.Return && _f.Blocks[target].A == IrFunction.Zero)
            _f.Blocks[b].Require = -1;
        _env.Deliver(target);
    }

    private void ThreadBranch(int b)
    {
        IrBlock block = _f.Blocks[b];
        int saved = _env.Save();
        int whenTrue = block.True, trueArgs = block.TrueArgs, whenFalse = block.False, falseArgs = block.FalseArgs;

        _env.Learn(block.Compare, block.A, block.B, true);
        bool moved = Walk(ref whenTrue, ref trueArgs);
        bool trueAsFalse = LeadsTo(block.False, block.FalseArgs, whenTrue, trueArgs);
        if (!trueAsFalse)
            _env.Deliver(whenTrue);
        _env.Restore(saved);

        if (!trueAsFalse)
        {
            _env.Learn(block.Compare, block.A, block.B, false);
            moved |= Walk(ref whenFalse, ref falseArgs);
            if (!LeadsTo(block.True, block.TrueArgs, whenFalse, falseArgs))
            {
                if (moved)
                {
                    ref IrBlock changed = ref _f.Blocks[b];
                    (changed.True, changed.TrueArgs, changed.False, changed.FalseArgs) = (whenTrue, trueArgs, whenFalse, falseArgs);
                    _changed = true;
                }
                _env.Deliver(whenFalse);
                return;
            }
            _env.Restore(saved);
            // x => T (which decides the other way to where F leads anyhow): the test makes no difference
            _f.Goto(b, block.True, block.TrueArgs);
        }
        else
        {
            _f.Goto(b, block.False, block.FalseArgs);
        }
        _changed = HasDropped = _hasDropped[b] = _grew = true;
        ThreadGoto(b);
    }

    /// <summary>Whether going to a block with what is known now ends up at a given place.</summary>
    private bool LeadsTo(int from, int fromArgs, int target, int targetArgs)
    {
        bool rejects = _f.Blocks[target].End == IrEnd.Return && _f.Blocks[target].A == IrFunction.Zero && _f.Blocks[target].Phi < 0;
        Walk(ref from, ref fromArgs, rejects);
        return from == target && fromArgs == targetArgs;
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
                return bytes <= present && bytes + _env.Look(v.A).Hi <= present;
            case IrOp.Div or IrOp.Mod:
                return _env.Look(v.B).Lo > 0 || _env.Decide(IrCompare.Eq, v.B, IrFunction.Zero) == 0;
            default:
                return false;
        }
    }

    private void PruneRequires(int b)
    {
        // the largest load from each base first: it implies the others, wherever they stand in the list
        for (int r = _f.Blocks[b].Require; r >= 0; r = _f.Requires[r].Next)
        {
            IrValue v = _f.Values[_f.Requires[r].Value];
            if (v.Op == IrOp.LoadPacket && !Holds(v) && IsLargest(b, v))
                continue;
            if (v.Op == IrOp.LoadPacket || Holds(v))
                Unlink(b, r);
        }
        for (int r = _f.Blocks[b].Require; r >= 0; r = _f.Requires[r].Next)
            Note(_f.Values[_f.Requires[r].Value]);
    }

    private bool IsLargest(int b, in IrValue v)
    {
        for (int r = _f.Blocks[b].Require; r >= 0; r = _f.Requires[r].Next)
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
                ulong least = (ulong)_env.Look(v.A).Lo + bytes;
                if (least <= int.MaxValue)
                    _env.Establish(IrFunction.Zero, (uint)least);
            }
        }
        else if (v.Op is IrOp.Div or IrOp.Mod)
        {
            _env.Learn(IrCompare.Eq, v.B, IrFunction.Zero, false);
        }
    }

    private void Unlink(int b, int entry)
    {
        _changed = true;
        int next = _f.Requires[entry].Next;
        if (_f.Blocks[b].Require == entry)
        {
            _f.Blocks[b].Require = next;
            return;
        }
        int r = _f.Blocks[b].Require;
        while (_f.Requires[r].Next != entry)
            r = _f.Requires[r].Next;
        _f.Requires[r].Next = next;
    }
}
