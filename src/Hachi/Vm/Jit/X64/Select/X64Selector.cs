using Hachi.Ir;
using Hachi.Ir.Schedule;
using Hachi.Vm.Jit.X64.Encode;

namespace Hachi.Vm.Jit.X64.Select;

/// <summary>
/// Chooses instructions, each block from its end to its beginning: what has become a part of an instruction (an immediate, an address, a memory operand) is
/// not computed at all unless something else needs it.
/// </summary>
internal sealed partial class X64Selector
{
    private readonly BlockGraph _graph;
    private readonly Placement _placement;
    private readonly LocalOrder _order;
    private bool[] _needed = new bool[64];
    private int[] _epoch = new int[64];
    private IrFunction _f = null!;
    private X64Lowering _lowering = null!;
    private int _block, _now;

    /// <summary>A selector over the results of other passes.</summary>
    public X64Selector(BlockGraph graph, Placement placement, LocalOrder order) => (_graph, _placement, _order) = (graph, placement, order);

    /// <summary>The instructions.</summary>
    public LirList List { get; } = new();

    /// <summary>Whether a value needs a register (or a place on the stack).</summary>
    public bool IsNeeded(int value) => _needed[value];

    /// <summary>Selects a whole function.</summary>
    public void Run(X64Lowering lowering)
    {
        (_lowering, _f) = (lowering, lowering.Function);
        if (_needed.Length < _f.ValueCount)
        {
            _needed = new bool[_f.ValueCount * 2];
            _epoch = new int[_f.ValueCount * 2];
        }
        Array.Clear(_needed, 0, _f.ValueCount);
        List.Clear(_f.BlockCount);
        ReadOnlySpan<int> order = _graph.Order;
        for (int rank = order.Length - 1; rank >= 0; rank--)
        {
            _block = order[rank];
            int start = List.Count, first = _order.StartOf(rank), behind = _order.StartOf(rank + 1);
            CountEpochs(first, behind);
            SelectEnd();
            for (int i = behind - 1; i >= first; i--)
            {
                int item = _order.Items[i];
                if (item >= 0)
                {
                    _now = _epoch[item];
                    SelectValue(item);
                }
                else
                {
                    SelectEffect(~item);
                }
            }
            List.EndBlock(_block, start);
        }
    }

    /// <summary>Numbers what lies between writes to memory: a load may move down to where its result is used within its number only.</summary>
    private void CountEpochs(int first, int behind)
    {
        int epoch = 0;
        for (int i = first; i < behind; i++)
        {
            int item = _order.Items[i];
            if (item >= 0)
            {
                _epoch[item] = epoch;
                continue;
            }
            ref IrEffect effect = ref _f.Effects[~item];
            if (effect.Kind == IrEffectKind.Load)
                _epoch[effect.Value] = epoch;
            else if (effect.Kind != IrEffectKind.Fuel)
                epoch++;
        }
        _now = epoch;
    }

    /// <summary>An operand in a register.</summary>
    private int Use(int value)
    {
        _needed[value] = true;
        return value;
    }

    /// <summary>An operand in a register, or a constant that fits the sign-extended 32 bits of an immediate.</summary>
    private int UseOrImmediate(int value, int width) => FitsImmediate(value, width) ? Lir.Constant(value) : Use(value);

    /// <summary>An operand in a register, or any constant.</summary>
    private int UseOrConstant(int value) => _f.Values[value].Op == IrOp.Const ? Lir.Constant(value) : Use(value);

    private bool FitsImmediate(int value, int width)
    {
        ref IrValue v = ref _f.Values[value];
        return v.Op == IrOp.Const && (width < 8 || (long)v.Imm == (int)v.Imm);
    }

    private bool IsSingle(int value, IrOp op, int size)
    {
        ref IrValue v = ref _f.Values[value];
        return v.Op == op && (v.Size == size || (size == 4 && v.Size == 0)) && _placement.UsesOf(value) == 1 && !_needed[value];
    }

    /// <summary>
    /// Whether a value is the result of a plain load of so many bytes that nothing else uses and that may happen where it is used now.
    /// </summary>
    private bool IsFoldableLoad(int value, int size)
    {
        ref IrValue v = ref _f.Values[value];
        if (v.Op != IrOp.Result || _placement.UsesOf(value) != 1 || _needed[value] || _placement.BlockOf(value) != _block || _epoch[value] != _now)
            return false;
        ref IrEffect effect = ref _f.Effects[(int)v.Imm];
        return effect.Kind == IrEffectKind.Load && effect.Access == IrAccess.Host && effect.Size == size;
    }

    /// <summary>Gives an instruction the address of a load as its memory operand.</summary>
    private void FoldLoad(ref Lir insn, int value)
    {
        ref IrEffect effect = ref _f.Effects[(int)_f.Values[value].Imm];
        Address(ref insn, effect.Address, effect.Displacement);
    }

    /// <summary>Whether a value is a word of the state that is not kept in a register around a loop.</summary>
    private bool IsLocalWord(int value) => _f.Values[value].Op == IrOp.StateWord && _placement.BlockOf(value) == _block;

    /// <summary>Second operand: an immediate, memory or a register.</summary>
    private void SecondOperand(ref Lir insn, int value, int width)
    {
        if (IsLocalWord(value) && width == 8 && !_needed[value])
        {
            (insn.Memory, insn.Base, insn.Disp) = (LirMemory.Host, Use(_lowering.State), (int)_f.Values[value].Imm);
        }
        else if (IsFoldableLoad(value, width))
        {
            FoldLoad(ref insn, value);
        }
        else
        {
            insn.B = UseOrImmediate(value, width);
        }
    }

    /// <summary>Finds base, index and displacement of a host address.</summary>
    private void Address(ref Lir insn, int address, int displacement)
    {
        insn.Memory = LirMemory.Host;
        insn.Disp = displacement;
        int a = Peel(address, ref insn.Disp);
        ref IrValue v = ref _f.Values[a];
        if (v.Op != IrOp.Add || v.Size != 8 || _needed[a] || !IsInSameLoop(a) || FitsImmediate(v.B, 8))
        {
            insn.Base = Use(a);
            return;
        }
        int x = Peel(v.A, ref insn.Disp), y = Peel(v.B, ref insn.Disp);
        if (IsScaled(x) && !IsScaled(y))
            (x, y) = (y, x);
        insn.Base = Use(x);
        insn.Index = UseIndex(y, ref insn.Scale);
    }

    private bool IsScaled(int value)
    {
        ref IrValue v = ref _f.Values[value];
        return v.Op == IrOp.Shl && v.Size == 8 && _f.Values[v.B].Op == IrOp.Const && _f.Values[v.B].Imm is >= 1 and <= 3;
    }

    private int UseIndex(int value, ref byte scale)
    {
        if (!IsScaled(value) || _needed[value] || !IsInSameLoop(value))
            return Use(value);
        scale = (byte)_f.Values[_f.Values[value].B].Imm;
        return Use(_f.Values[value].A);
    }

    /// <summary>Moves a constant summand into the displacement, unless the sum is needed in a register anyway or stands outside the loop.</summary>
    private int Peel(int value, ref int displacement)
    {
        ref IrValue v = ref _f.Values[value];
        if (v.Op != IrOp.Add || v.Size != 8 || _needed[value] || !FitsImmediate(v.B, 8) || !IsInSameLoop(value))
            return value;
        long sum = displacement + (long)_f.Values[v.B].Imm;
        if (sum != (int)sum)
            return value;
        displacement = (int)sum;
        return v.A;
    }

    private bool IsInSameLoop(int value) => _graph.DepthOf(_placement.BlockOf(value)) == _graph.DepthOf(_block);
}
