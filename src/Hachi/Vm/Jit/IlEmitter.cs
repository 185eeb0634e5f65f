using System.Diagnostics.CodeAnalysis;
using System.Reflection.Emit;
using System.Runtime.InteropServices;
using Hachi.Ir;

namespace Hachi.Vm.Jit;

/// <summary>
/// Emits the blocks of a function. The body is emitted twice where that pays: once for packets that are long enough for every load at a fixed place, without
/// a check, and once for the short ones.
/// </summary>
[RequiresDynamicCode("emits IL")]
internal sealed class IlEmitter
{
    private readonly IrFunction _f;
    private readonly ILGenerator _il;
    private readonly IlFrame _frame;
    private readonly IlValues _values;
    private readonly List<int> _order;
    private readonly IlFacts?[] _facts;
    private readonly Label[] _labels;

    public IlEmitter(IrFunction f, ILGenerator il, IlFrame frame)
    {
        _f = f;
        _il = il;
        _frame = frame;
        _facts = new IlFacts?[f.BlockCount];
        _labels = new Label[f.BlockCount];
        _order = IlCompiler.Order(f) ?? throw new ArgumentException("the function has a loop", nameof(f));
        _values = new IlValues(f, il, frame, CountUses());
    }

    /// <summary>Emits everything.</summary>
    public void Emit()
    {
        _frame.Prologue(_il);
        (int furthest, int checks) = FixedLoads.Of(_f, CollectionsMarshal.AsSpan(_order));
        if (checks > 1)
        {
            Label shortPackets = _il.DefineLabel();
            _frame.PushLength(_il);
            _il.Emit(OpCodes.Ldc_I4, furthest);
            _il.Emit(OpCodes.Blt_Un, shortPackets);
            EmitBody(furthest);
            _il.MarkLabel(shortPackets);
        }
        EmitBody(0);
        _frame.Epilogue(_il);
    }

    private void EmitBody(int lengthMin)
    {
        Label reject = _il.DefineLabel();
        _values.Reject = reject;
        Array.Clear(_facts);
        foreach (int b in _order)
            _labels[b] = _il.DefineLabel();
        _facts[_f.Entry] = new IlFacts(_f.ValueCount, lengthMin);
        for (int i = 0; i < _order.Count; i++)
            EmitBlock(_order[i], i + 1 < _order.Count ? _order[i + 1] : -1);
        _il.MarkLabel(reject);
        _frame.Return(_il, 0);
    }

    private void EmitBlock(int b, int following)
    {
        _il.MarkLabel(_labels[b]);
        IlFacts facts = _facts[b]!;
        _facts[b] = null;
        for (int p = _f.Blocks[b].Phi; p >= 0; p = _f.Phis[p].Next)
            facts.SetInLocal(_f.Phis[p].Value);
        EmitRequirements(b, facts);
        ref IrBlock block = ref _f.Blocks[b];
        switch (block.End)
        {
            case IrEnd.Goto:
                Leave(block.True, block.TrueArgs, facts, following);
                break;
            case IrEnd.Branch or IrEnd.Member:
                EmitChoice(block, facts, following);
                break;
            case IrEnd.Return when _f.IsConst(block.A, out uint verdict):
                _frame.Return(_il, verdict);
                break;
            case IrEnd.Return:
                _values.Prepare(block.A, facts);
                _values.Push(block.A, facts);
                _frame.ReturnPushed(_il);
                break;
            default:
                _frame.Return(_il, 0);
                break;
        }
    }

    /// <summary>All requirements of a block; of the loads at fixed places only the furthest is checked, for all of them.</summary>
    private void EmitRequirements(int b, IlFacts facts)
    {
        int furthest = FixedLoads.Furthest(_f, b);
        if (furthest >= 0)
            _values.Require(furthest, facts);
        for (int r = _f.Blocks[b].Require; r >= 0; r = _f.Requires[r].Next)
            _values.Require(_f.Requires[r].Value, facts);
    }

    private void EmitChoice(in IrBlock block, IlFacts facts, int following)
    {
        _values.Prepare(block.A, facts);
        if (block.End == IrEnd.Branch)
            _values.Prepare(block.B, facts);
        bool trueArgs = block.TrueArgs >= 0, falseArgs = block.FalseArgs >= 0;
        Label whenTrue = trueArgs ? _il.DefineLabel() : _labels[block.True];
        Label whenFalse = falseArgs ? _il.DefineLabel() : _labels[block.False];
        if (block.End == IrEnd.Member)
        {
            _values.Push(block.A, facts);
            _il.Emit(OpCodes.Stloc, _frame.Scratch);
            IlSets.Emit(_il, _frame.Scratch, _f.Sets[block.B].Intervals, whenTrue, whenFalse);
        }
        else if (!trueArgs && !falseArgs && following == block.True)
        {
            EmitCompare(block, facts, whenFalse, false);
        }
        else
        {
            EmitCompare(block, facts, whenTrue, true);
            if (trueArgs || falseArgs || following != block.False)
                _il.Emit(OpCodes.Br, whenFalse);
        }
        Deliver(block.True, facts);
        if (falseArgs)
        {
            _il.MarkLabel(whenFalse);
            PassArguments(block.False, block.FalseArgs, facts.Clone());
            _il.Emit(OpCodes.Br, _labels[block.False]);
        }
        if (trueArgs)
        {
            _il.MarkLabel(whenTrue);
            PassArguments(block.True, block.TrueArgs, facts.Clone());
            _il.Emit(OpCodes.Br, _labels[block.True]);
        }
        Deliver(block.False, facts);
    }

    /// <summary>Jumps to a label when the comparison holds (or, with <paramref name="sense"/> false, when it does not).</summary>
    private void EmitCompare(in IrBlock block, IlFacts facts, Label target, bool sense)
    {
        _values.Push(block.A, facts);
        if (_f.IsConst(block.B, out uint k) && k <= 1 && block.Compare != IrCompare.Set && IlHelpers.IsRotation(_f, block.A))
            IlHelpers.Settle(_il);
        _values.Push(block.B, facts);
        switch (block.Compare)
        {
            case IrCompare.Eq:
                _il.Emit(sense ? OpCodes.Beq : OpCodes.Bne_Un, target);
                break;
            case IrCompare.Gt:
                _il.Emit(sense ? OpCodes.Bgt_Un : OpCodes.Ble_Un, target);
                break;
            case IrCompare.Ge:
                _il.Emit(sense ? OpCodes.Bge_Un : OpCodes.Blt_Un, target);
                break;
            default:
                _il.Emit(OpCodes.And);
                _il.Emit(sense ? OpCodes.Brtrue : OpCodes.Brfalse, target);
                break;
        }
    }

    private void Leave(int target, int args, IlFacts facts, int following)
    {
        if (args >= 0)
            PassArguments(target, args, facts);
        Deliver(target, facts);
        if (following != target)
            _il.Emit(OpCodes.Br, _labels[target]);
    }

    /// <summary>Assigns the phis of the target, all at once: an argument may itself be a phi that is assigned here.</summary>
    private void PassArguments(int target, int args, IlFacts facts)
    {
        int count = 0;
        for (int p = _f.Blocks[target].Phi; p >= 0; p = _f.Phis[p].Next)
            _values.Prepare(_f.EdgeArgs[args + count++], facts);
        for (int i = 0; i < count; i++)
            _values.Push(_f.EdgeArgs[args + i], facts);
        int[] phis = new int[count];
        int n = 0;
        for (int p = _f.Blocks[target].Phi; p >= 0; p = _f.Phis[p].Next)
            phis[n++] = _f.Phis[p].Value;
        for (int i = count - 1; i >= 0; i--)
            _il.Emit(OpCodes.Stloc, _values.Local(phis[i]));
    }

    private void Deliver(int target, IlFacts facts)
    {
        if (_facts[target] is { } known)
            known.Meet(facts);
        else
            _facts[target] = facts.Clone();
    }

    /// <summary>How often each value is used: those used twice get a local. A base of a load counts twice, for the check and the access.</summary>
    private int[] CountUses()
    {
        int[] uses = new int[_f.ValueCount];
        foreach (int b in _order)
        {
            ref IrBlock block = ref _f.Blocks[b];
            if (block.End is IrEnd.Branch or IrEnd.Member or IrEnd.Return)
                uses[block.A]++;
            if (block.End == IrEnd.Branch)
                uses[block.B]++;
            for (int r = block.Require; r >= 0; r = _f.Requires[r].Next)
                uses[_f.Requires[r].Value]++;
            CountArguments(uses, block.TrueArgs, block.True);
            CountArguments(uses, block.FalseArgs, block.False);
        }
        // A load that is required here and compared there is computed once: the requirement only checks.
        foreach (int b in _order)
            for (int r = _f.Blocks[b].Require; r >= 0; r = _f.Requires[r].Next)
                if (_f.Values[_f.Requires[r].Value].Op is IrOp.LoadPacket or IrOp.Div or IrOp.Mod)
                {
                    int value = _f.Requires[r].Value;
                    uses[value]--;
                    uses[_f.Values[value].Op == IrOp.LoadPacket ? _f.Values[value].A : _f.Values[value].B]++;
                }
        for (int v = _f.ValueCount - 1; v >= 0; v--)
        {
            ref IrValue value = ref _f.Values[v];
            if (uses[v] == 0 || value.Op is IrOp.Phi or IrOp.Const)
                continue;
            uses[value.A] += value.Op == IrOp.LoadPacket ? 2 : 1;
            uses[value.B] += value.Op is IrOp.Div or IrOp.Mod ? 2 : 1;
        }
        return uses;
    }

    private void CountArguments(int[] uses, int args, int target)
    {
        if (args < 0)
            return;
        for (int p = _f.Blocks[target].Phi; p >= 0; p = _f.Phis[p].Next)
            uses[_f.EdgeArgs[args++]]++;
    }
}
