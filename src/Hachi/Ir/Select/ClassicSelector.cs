using Hachi.Isa;
using static Hachi.Isa.ClassicOpcode;

namespace Hachi.Ir.Select;

/// <summary>
/// Chooses classic BPF instructions: an accumulator, an index register and sixteen words of memory are no register file, so values are
/// computed where they are needed, and what A, X and M[] hold is followed along the edges to save computing them again.
/// </summary>
internal sealed partial class ClassicSelector
{
    private const int None = -1, Unreached = -2, Redirected = -2;

    private readonly BlockOrder _order = new();
    private IrFunction _f = null!;
    private int[] _entryA = new int[64], _entryX = new int[64], _exitA = new int[64], _start = new int[64], _lead = new int[64];
    private ushort[] _entryM = new ushort[64];
    private int[] _layout = new int[64];
    private int[] _slotOf = new int[64];
    private int _slots, _temps, _a, _x;
    private ushort _m;
    private bool _failed;
    private Insn[] _code = new Insn[128];
    private int _count;
    private int[] _seen = new int[64];
    private int _seenStamp;

    /// <summary>An instruction whose jumps still name blocks.</summary>
    internal struct Insn
    {
        public int Code;
        public uint K;
        public int True, False, Block;
        public int TrueAt, FalseAt; // instructions, once blocks are laid out
    }

    /// <summary>Selects and links; null when the scratch memory does not suffice.</summary>
    public ClassicInsn[]? Select(IrFunction f)
    {
        _f = f;
        SplitEdges();
        _order.Compute(f);
        Grow();
        LayOut();
        CountReferences();
        FindDefaults();
        if (_candidates.Count == 0)
            return Emit() ? Link() : null;
        return SelectBest();
    }

    /// <summary>Reverse post-order, but returns last: what accepts before what rejects.</summary>
    private void LayOut()
    {
        int n = 0, returns = 0;
        if (_layout.Length < _order.Count)
            _layout = new int[_order.Count * 2];
        foreach (int b in _order.Blocks)
            if (_f.Blocks[b].End != IrEnd.Return)
                _layout[n++] = b;
        foreach (int b in _order.Blocks)
            if (_f.Blocks[b].End == IrEnd.Return)
                _layout[n + returns++] = b;
        Span<int> tail = _layout.AsSpan(n, returns);
        if (returns == 2 && _f.Blocks[tail[0]].A == IrFunction.Zero)
            tail.Reverse();
    }

    /// <summary>Arguments may stand on jumps only: a choice with arguments gets a block of its own for that edge.</summary>
    private void SplitEdges()
    {
        int n = _f.BlockCount;
        for (int b = 0; b < n; b++)
        {
            if (_f.Blocks[b].End is not (IrEnd.Branch or IrEnd.Member))
                continue;
            if (_f.Blocks[b].TrueArgs >= 0)
            {
                int stub = _f.NewBlock();
                _f.Goto(stub, _f.Blocks[b].True, _f.Blocks[b].TrueArgs);
                (_f.Blocks[b].True, _f.Blocks[b].TrueArgs) = (stub, -1);
            }
            if (_f.Blocks[b].FalseArgs >= 0)
            {
                int stub = _f.NewBlock();
                _f.Goto(stub, _f.Blocks[b].False, _f.Blocks[b].FalseArgs);
                (_f.Blocks[b].False, _f.Blocks[b].FalseArgs) = (stub, -1);
            }
        }
    }

    private void Grow()
    {
        int blocks = _f.BlockCount, values = _f.ValueCount;
        if (_entryA.Length < blocks)
        {
            int size = blocks * 2;
            _entryA = new int[size];
            _entryX = new int[size];
            _exitA = new int[size];
            _start = new int[size];
            _lead = new int[size];
            _entryM = new ushort[size];
        }
        if (_slotOf.Length < values)
        {
            _slotOf = new int[values * 2];
            _seen = new int[values * 2];
            _references = new int[values * 2];
            _seenStamp = 0;
        }
    }

    /// <summary>Emits all blocks in order; false when the scratch memory does not suffice.</summary>
    private bool Emit()
    {
        _count = 0;
        _failed = _slots > 16;
        _labels.Clear();
        _starts.Clear();
        Array.Fill(_entryA, Unreached, 0, _f.BlockCount);
        ReadOnlySpan<int> blocks = _layout.AsSpan(0, _order.Count);
        Deliver(_f.Entry, None, None, 0);
        for (int i = 0; i < blocks.Length && !_failed; i++)
            EmitBlock(blocks[i]);
        return !_failed;
    }

    private void Deliver(int block, int a, int x, ushort m)
    {
        if (_entryA[block] == Unreached)
        {
            (_entryA[block], _entryX[block], _entryM[block]) = (a, x, m);
            return;
        }
        if (_entryA[block] != a)
            _entryA[block] = None;
        if (_entryX[block] != x)
            _entryX[block] = None;
        _entryM[block] &= m;
    }

    private void EmitBlock(int b)
    {
        ref IrBlock block = ref _f.Blocks[b];
        (_a, _x, _m) = (_entryA[b], _entryX[b], _entryM[b]);
        for (int p = block.Phi; p >= 0; p = _f.Phis[p].Next)
            if (_slotOf[_f.Phis[p].Value] >= 0)
                _m |= (ushort)(1 << _slotOf[_f.Phis[p].Value]);
        _start[b] = _blockStart = _count;
        _starts.Add(_count);
        _firstValue = None;
        _temps = _slots;
        StoreDefaults(b);
        for (int r = block.Require; r >= 0; r = _f.Requires[r].Next)
        {
            int value = _f.Requires[r].Value;
            if (block.End is IrEnd.Branch && (IsPartOf(value, block.A) || IsPartOf(value, block.B)))
                continue;
            if (_f.Values[value].Op == IrOp.ProtoChain)
                WalkOnly(b, value);
            else
                ToA(value);
        }
        switch (block.End)
        {
            case IrEnd.Return:
                EmitReturn(block.A);
                break;
            case IrEnd.Goto:
                if (block.TrueArgs >= 0)
                    StorePhis(block.True, block.TrueArgs);
                if (_count > _start[b] || b == _f.Entry)
                    Put(Jmp | Ja, 0, block.True, block.True, b); // (dropped by the linker where it jumps to what comes next)
                else
                    _start[b] = Redirected - block.True; // nothing to do here: jumps come out where it goes
                Deliver(block.True, _a, _x, _m);
                break;
            default:
                EmitBranch(b, ref block);
                break;
        }
        _exitA[b] = _a;
        _lead[b] = _count - _blockStart > 1 ? _firstValue : None;
    }

    private void EmitReturn(int value)
    {
        if (_f.IsConst(value, out uint k))
        {
            Put(Ret | K, k);
            return;
        }
        ToA(value);
        Put(Ret | A, 0);
    }

    private void EmitBranch(int b, ref IrBlock block)
    {
        (int whenTrue, int whenFalse) = (block.True, block.False);
        IrCompare compare = block.Compare;
        if (_f.Values[block.A].Op == IrOp.ProtoChain)
        {
            EmitProtoChain(b, block.A, IrFold.Evaluate(compare, 1, _f.Values[block.B].K) ? whenTrue : whenFalse,
                IrFold.Evaluate(compare, 0, _f.Values[block.B].K) ? whenTrue : whenFalse);
            Deliver(block.True, _a, _x, _m);
            Deliver(block.False, _a, _x, _m);
            return;
        }
        if (_f.IsConst(block.B, out uint k))
        {
            ToA(block.A);
            Put(Jmp | JumpOf(compare) | K, k, whenTrue, whenFalse, b);
        }
        else
        {
            bool swapped = Pair(block.A, block.B, true);
            if (swapped && compare is (IrCompare.Gt or IrCompare.Ge)) // a > b => not b >= a
            {
                compare = compare == IrCompare.Gt ? IrCompare.Ge : IrCompare.Gt;
                (whenTrue, whenFalse) = (whenFalse, whenTrue);
            }
            Put(Jmp | JumpOf(compare) | ClassicOpcode.X, 0, whenTrue, whenFalse, b);
        }
        Deliver(block.True, _a, _x, _m);
        Deliver(block.False, _a, _x, _m);
    }

    /// <summary>Walks a header chain for the loads that may reject; what it finds does not matter.</summary>
    private void WalkOnly(int b, int value)
    {
        int on = NewLabel();
        EmitProtoChain(b, value, on, on);
        SetLabel(on);
    }

    private static int JumpOf(IrCompare compare) => compare switch
    {
        IrCompare.Eq => Jeq,
        IrCompare.Gt => Jgt,
        IrCompare.Ge => Jge,
        _ => Jset,
    };

    private void StorePhis(int target, int args)
    {
        int i = args;
        // arguments are computed before any phi of the same block changes only if none of them reads one: blocks of a filter never loop
        for (int p = _f.Blocks[target].Phi; p >= 0; p = _f.Phis[p].Next, i++)
        {
            int slot = _slotOf[_f.Phis[p].Value];
            int arg = _f.EdgeArgs[i];
            if (slot < 0 || IsDefault(_f.Phis[p].Value, arg))
                continue;
            if (_x == arg && _a != arg)
            {
                Put(Stx, (uint)slot);
                continue;
            }
            ToA(arg);
            Put(St, (uint)slot);
        }
    }

    private void Put(int code, uint k, int whenTrue = -1, int whenFalse = -1, int block = -1)
    {
        if (_count == _code.Length)
            Array.Resize(ref _code, _count * 2);
        _code[_count++] = new Insn { Code = code, K = k, True = whenTrue, False = whenFalse, Block = block };
    }

    /// <summary>Whether computing <paramref name="root"/> computes <paramref name="value"/> on its way.</summary>
    private bool IsPartOf(int value, int root)
    {
        _seenStamp++;
        return Search(root);

        bool Search(int at)
        {
            while (true)
            {
                if (at == value)
                    return true;
                if (at < value || _seen[at] == _seenStamp) // operands have smaller ids
                    return false;
                _seen[at] = _seenStamp;
                ref IrValue v = ref _f.Values[at];
                if (v.Op == IrOp.Phi)
                    return false;
                if (v.B != 0 && Search(v.B))
                    return true;
                at = v.A;
            }
        }
    }
}
