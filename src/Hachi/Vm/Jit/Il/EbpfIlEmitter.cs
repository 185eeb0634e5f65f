using System.Reflection.Emit;
using Hachi.Ir;
using Hachi.Ir.Schedule;
using Hachi.Isa;
using Hachi.Vm.Machine;

namespace Hachi.Vm.Jit.Il;

/// <summary>
/// Emits one lifted function of an eBPF program as IL: values that are used once stay on the evaluation stack, others and phis are locals, 32 bits wide where they can be.
/// The runtime's compiler does the rest.
/// </summary>
internal sealed partial class EbpfIlEmitter
{
    private readonly IrFunction _f;
    private readonly ILGenerator _il;
    private readonly DynamicMethod[] _functions;
    private readonly bool _isMain;
    private readonly BlockGraph _graph = new();
    private readonly Placement _placement = new();
    private readonly LocalOrder _order = new();
    private readonly LocalBuilder?[] _locals;
    private readonly bool[] _isNarrow; // on the evaluation stack as 32 bits
    private readonly int[] _useBlock; // the one block that uses a value, -2 for several
    private readonly Label[] _labels;
    private readonly Dictionary<int, LocalBuilder> _deltas = [];
    private readonly List<Action> _outOfLine = [];
    private readonly LocalBuilder _fuel, _address, _pointer;
    private readonly Label _leave;
    private int _rank;

    /// <summary>Emits a function.</summary>
    /// <param name="f">The function, its accesses decided.</param>
    /// <param name="il">Where to.</param>
    /// <param name="functions">All functions of the program, for calls.</param>
    /// <param name="isMain">Whether it is the first, which takes r1 and r2 only.</param>
    public EbpfIlEmitter(IrFunction f, ILGenerator il, DynamicMethod[] functions, bool isMain)
    {
        (_f, _il, _functions, _isMain) = (f, il, functions, isMain);
        _graph.Compute(f);
        _placement.Compute(f, _graph);
        _order.Compute(f, _graph, _placement);
        _locals = new LocalBuilder?[f.ValueCount];
        _isNarrow = new bool[f.ValueCount];
        _useBlock = new int[f.ValueCount];
        _labels = new Label[f.BlockCount];
        _fuel = il.DeclareLocal(typeof(long));
        _address = il.DeclareLocal(typeof(ulong));
        _pointer = il.DeclareLocal(typeof(ulong));
        _leave = il.DefineLabel();
        for (int b = 0; b < f.BlockCount; b++)
            _labels[b] = il.DefineLabel();
        FindWidths();
    }

    /// <summary>Emits it.</summary>
    public void Emit()
    {
        LoadFuel();
        foreach (int b in _graph.Order)
            for (int e = _f.Blocks[b].FirstEffect; e >= 0; e = _f.Effects[e].Next)
                if (_f.Effects[e].Access == IrAccess.Proven)
                    Delta(_f.Effects[e].Region);
        for (_rank = 0; _rank < _graph.Count; _rank++)
            EmitBlock(_graph.Order[_rank]);
        for (int i = 0; i < _outOfLine.Count; i++)
            _outOfLine[i]();
        _il.MarkLabel(_leave); // after a fault: what is returned does not matter
        _il.Emit(OpCodes.Ldc_I4_0);
        _il.Emit(OpCodes.Conv_U8);
        _il.Emit(OpCodes.Ret);
    }

    private void EmitBlock(int b)
    {
        _il.MarkLabel(_labels[b]);
        for (int i = _order.StartOf(_rank); i < _order.StartOf(_rank + 1); i++)
        {
            int item = _order.Items[i];
            if (item < 0)
                EmitEffect(_f.Effects[~item]);
            else if (!IsInline(item, b))
                Keep(item);
        }
        EmitEnd(b);
    }

    // Whether a value is computed where it is used: cheap to name, or used once, in the block where it stands.
    private bool IsInline(int value, int block)
    {
        ref IrValue v = ref _f.Values[value];
        if (v.Op is IrOp.Const or IrOp.Param or IrOp.Frame or IrOp.State or IrOp.Compared)
            return true;
        if (v.Op is IrOp.Select or IrOp.UDiv or IrOp.UMod or IrOp.SDiv or IrOp.SMod)
            return false;
        return _placement.UsesOf(value) == 1 && !IsUsedElsewhere(value, block);
    }

    private bool IsUsedElsewhere(int value, int block) => _useBlock[value] != block;

    private void Keep(int value)
    {
        LocalBuilder local = _il.DeclareLocal(_isNarrow[value] ? typeof(uint) : typeof(ulong));
        Compute(value);
        _il.Emit(OpCodes.Stloc, local);
        _locals[value] = local;
    }

    private LocalBuilder PhiLocal(int phi) => _locals[phi] ??= _il.DeclareLocal(_isNarrow[phi] ? typeof(uint) : typeof(ulong));

    // Which values are kept in 32 bits, and where each is used.
    private void FindWidths()
    {
        Span<int> operands = stackalloc int[3];
        Array.Fill(_useBlock, -1);
        for (int v = 0; v < _f.ValueCount; v++)
        {
            ref IrValue x = ref _f.Values[v];
            _isNarrow[v] = x.Op switch
            {
                IrOp.Const => x.Imm <= uint.MaxValue,
                IrOp.Result => _f.Effects[(int)x.Imm].Size <= 4,
                IrOp.Phi => true,
                IrOp.ByteSwap => x.Size <= 4,
                IrOp.ZeroExtend => true,
                IrOp.Param or IrOp.Frame or IrOp.State or IrOp.StateWord or IrOp.SignExtend or IrOp.MulHigh => false,
                IrOp.Select => _isNarrow[x.B] && _isNarrow[(int)x.Imm],
                _ => x.Size != 8,
            };
            if (_placement.UsesOf(v) == 0)
                continue;
            int count = Placement.Operands(x, operands);
            for (int i = 0; i < count; i++)
                NoteUse(operands[i], _placement.BlockOf(v));
        }
        NarrowPhis();
        foreach (int b in _graph.Order)
            NoteUses(b);
    }

    private void NoteUse(int value, int block) => _useBlock[value] = _useBlock[value] == -1 || _useBlock[value] == block ? block : -2;

    private void NoteUses(int b)
    {
        ref IrBlock block = ref _f.Blocks[b];
        for (int e = block.FirstEffect; e >= 0; e = _f.Effects[e].Next)
        {
            ref IrEffect effect = ref _f.Effects[e];
            if (effect.Kind is IrEffectKind.CallHelper or IrEffectKind.CallLocal)
            {
                for (int a = 0; a < Limits.CallArgumentsMax; a++)
                    NoteUse(_f.EdgeArgs[effect.Source + a], b);
                continue;
            }
            NoteUse(effect.Address, b);
            NoteUse(effect.Source, b);
            NoteUse(effect.Compare, b);
        }
        if (block.End == IrEnd.Branch)
            NoteUse(block.B, b);
        if (block.End is IrEnd.Branch or IrEnd.Return)
            NoteUse(block.A, b);
        for (int s = 0; s < BlockGraph.SuccessorCount(block); s++)
        {
            int args = BlockGraph.ArgsOf(block, s);
            for (int p = _f.Blocks[BlockGraph.Successor(block, s)].Phi; p >= 0; p = _f.Phis[p].Next)
                NoteUse(_f.EdgeArgs[args++], b);
        }
    }

    // A phi is 32 bits wide when all that it can get is; those that feed each other are taken together.
    private void NarrowPhis()
    {
        bool changed = true;
        while (changed)
        {
            changed = false;
            foreach (int b in _graph.Order)
            {
                ref IrBlock block = ref _f.Blocks[b];
                for (int s = 0; s < BlockGraph.SuccessorCount(block); s++)
                {
                    int args = BlockGraph.ArgsOf(block, s);
                    for (int p = _f.Blocks[BlockGraph.Successor(block, s)].Phi; p >= 0; p = _f.Phis[p].Next)
                    {
                        int value = _f.EdgeArgs[args++], phi = _f.Phis[p].Value;
                        if (_isNarrow[phi] && !_isNarrow[value])
                        {
                            _isNarrow[phi] = false;
                            changed = true;
                        }
                    }
                }
            }
            for (int v = 0; v < _f.ValueCount; v++) // a choice of phis
                if (_f.Values[v].Op == IrOp.Select && _isNarrow[v] && !(_isNarrow[_f.Values[v].B] && _isNarrow[(int)_f.Values[v].Imm]))
                {
                    _isNarrow[v] = false;
                    changed = true;
                }
        }
    }

    private void EmitEnd(int b)
    {
        ref IrBlock block = ref _f.Blocks[b];
        switch (block.End)
        {
            case IrEnd.Return:
                StoreFuel();
                Push(block.A, wide: true);
                _il.Emit(OpCodes.Ret);
                break;
            case IrEnd.Fault:
                RaiseFault(block.A, block.Origin, null, 0);
                break;
            case IrEnd.Goto:
                Move(b, 0);
                Jump(block.True);
                break;
            case IrEnd.Branch:
                EmitBranch(b, block);
                break;
            default:
                throw new NotSupportedException(block.End.ToString());
        }
    }

    private void EmitBranch(int b, in IrBlock block)
    {
        bool movesTrue = Moves(block, 0), movesFalse = Moves(block, 1);
        int next = _rank + 1 < _graph.Count ? _graph.Order[_rank + 1] : -1;
        if (block.True == next && !movesFalse)
        {
            BranchWhen(block.Compare, block.A, block.B, _labels[block.False], holds: false);
            Move(b, 0);
            return;
        }
        if (!movesTrue)
        {
            BranchWhen(block.Compare, block.A, block.B, _labels[block.True]);
            Move(b, 1);
            Jump(block.False);
            return;
        }
        Label other = _il.DefineLabel();
        BranchWhen(block.Compare, block.A, block.B, other, holds: false);
        Move(b, 0);
        _il.Emit(OpCodes.Br, _labels[block.True]);
        _il.MarkLabel(other);
        Move(b, 1);
        Jump(block.False);
    }

    private bool Moves(in IrBlock block, int successor)
    {
        for (int p = _f.Blocks[BlockGraph.Successor(block, successor)].Phi; p >= 0; p = _f.Phis[p].Next)
            if (_placement.UsesOf(_f.Phis[p].Value) > 0)
                return true;
        return false;
    }

    private void Jump(int target)
    {
        if (_rank + 1 >= _graph.Count || _graph.Order[_rank + 1] != target)
            _il.Emit(OpCodes.Br, _labels[target]);
    }

    // Passes an edge's arguments to the phis at its end, all at once: first all on the evaluation stack.
    private void Move(int b, int successor)
    {
        ref IrBlock block = ref _f.Blocks[b];
        int args = BlockGraph.ArgsOf(block, successor);
        var phis = new Stack<int>();
        for (int p = _f.Blocks[BlockGraph.Successor(block, successor)].Phi; p >= 0; p = _f.Phis[p].Next)
        {
            int value = _f.EdgeArgs[args++], phi = _f.Phis[p].Value;
            if (value == phi || _placement.UsesOf(phi) == 0)
                continue;
            Push(value, !_isNarrow[phi]);
            phis.Push(phi);
        }
        while (phis.Count > 0)
            _il.Emit(OpCodes.Stloc, PhiLocal(phis.Pop()));
    }

    private void LoadFuel()
    {
        State(MachineState.FuelOffset);
        _il.Emit(OpCodes.Ldind_I8);
        _il.Emit(OpCodes.Stloc, _fuel);
    }

    private void StoreFuel()
    {
        State(MachineState.FuelOffset);
        _il.Emit(OpCodes.Ldloc, _fuel);
        _il.Emit(OpCodes.Stind_I8);
    }

    // The main function has one argument more in front.
    private void PushState() => _il.Emit(_isMain ? OpCodes.Ldarg_1 : OpCodes.Ldarg_0);

    // The address of a field of the state.
    private void State(int offset)
    {
        PushState();
        if (offset == 0)
            return;
        _il.Emit(OpCodes.Ldc_I4, offset);
        _il.Emit(OpCodes.Conv_I);
        _il.Emit(OpCodes.Add);
    }

    private static int RegionField(int region, int field) => MachineState.RegionsOffset + region * Region.SizeBytes + field;

    private LocalBuilder Delta(int region)
    {
        if (_deltas.TryGetValue(region, out LocalBuilder? local))
            return local;
        local = _il.DeclareLocal(typeof(ulong));
        State(RegionField(region, Region.DeltaOffset));
        _il.Emit(OpCodes.Ldind_I8);
        _il.Emit(OpCodes.Stloc, local);
        _deltas[region] = local;
        return local;
    }
}
