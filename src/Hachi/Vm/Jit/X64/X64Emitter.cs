using Hachi.Ir;
using Hachi.Ir.Schedule;
using Hachi.Vm.Jit.X64.Encode;
using Hachi.Vm.Jit.X64.Select;
using Hachi.Vm.Machine;

namespace Hachi.Vm.Jit.X64;

/// <summary>Writes the machine code of one function after another; registers are chosen.</summary>
internal sealed partial class X64Emitter
{
    private readonly BlockGraph _graph;
    private readonly X64Allocator _alloc;
    private readonly LirList _list;
    private readonly X64Assembler _asm;
    private readonly List<Slow> _slow = [];
    private readonly List<Reg> _pushed = [];
    private readonly List<int> _layout = [];
    private readonly HashSet<int> _latches = [];
    private int[] _blockLabel = new int[64];
    private int _frameBytes, _slotBase, _exit, _epilogue, _charge;
    private bool _isMain, _usesState;
    private IrFunction _f = null!;
    private X64Lowering _lowering = null!;
    private X64Unit _unit = null!;

    /// <summary>An emitter over the results of other passes.</summary>
    public X64Emitter(BlockGraph graph, X64Allocator alloc, X64Selector selector, X64Assembler asm) =>
        (_graph, _alloc, _list, _asm) = (graph, alloc, selector.List, asm);

    /// <summary>Emits a function; its label must be placed already.</summary>
    public void Run(X64Lowering lowering, X64Unit unit, bool isMain)
    {
        (_lowering, _f, _unit, _isMain) = (lowering, lowering.Function, unit, isMain);
        _slow.Clear();
        _exit = _asm.NewLabel();
        _epilogue = -1;
        if (_blockLabel.Length < _f.BlockCount)
            _blockLabel = new int[_f.BlockCount * 2];
        foreach (int b in _graph.Order)
            _blockLabel[b] = _asm.NewLabel();
        ChargeFirst();
        Prologue();
        LayOut();
        for (int at = 0; at < _layout.Count; at++)
        {
            int b = _layout[at];
            bool latched = at > 0 && _latches.Contains(_layout[at - 1]);
            if (at > 0 && (_latches.Contains(b) || (_graph.LoopOf(b) == b && !latched)))
                _asm.Align(16);
            _asm.Place(_blockLabel[b]);
            for (int i = _list.StartOf(b); i < _list.EndOf(b); i++)
                if (i != _charge)
                    Emit(_list.Insns[i], i, b, at + 1 < _layout.Count ? _layout[at + 1] : -1);
        }
        EmitSlow();
        _asm.Place(_exit);
        if (_epilogue >= 0)
            _asm.Jump(_epilogue);
        else
            Epilogue();
    }

    /// <summary>
    /// The blocks in the order of dominance, but the one that leads back to the head of a loop, reached by a branch, stands before the head: then that branch is the only jump of
    /// a round.
    /// </summary>
    private void LayOut()
    {
        _layout.Clear();
        _latches.Clear();
        foreach (int b in _graph.Order)
        {
            if (_latches.Contains(b))
                continue;
            if (_graph.LoopOf(b) == b && b != _f.Entry && LatchOf(b) is >= 0 and var latch)
            {
                _latches.Add(latch);
                _layout.Add(latch);
            }
            _layout.Add(b);
        }
    }

    private int LatchOf(int head)
    {
        int best = -1;
        foreach (int p in _graph.PredsOf(head))
        {
            if (_f.Blocks[p].End != IrEnd.Goto || _graph.LoopOf(p) != head || p == head || _graph.RankOf(p) < _graph.RankOf(head) || _graph.PredsOf(p).Length != 1)
                continue;
            if (_f.Blocks[_graph.PredsOf(p)[0]].End == IrEnd.Branch && (best < 0 || _graph.RankOf(p) > _graph.RankOf(best)))
                best = p;
        }
        return best;
    }

    /// <summary>Pays for entering the function while the state still stands where the caller passed it: what needs it for nothing else moves nothing.</summary>
    private void ChargeFirst()
    {
        int first = _list.StartOf(_f.Entry);
        _charge = _isMain && !_unit.KeepsFuel && first < _list.EndOf(_f.Entry) && _list.Insns[first].Op == LirOp.Fuel ? first : -1;
        if (_charge < 0)
            return;
        ref IrEffect effect = ref _f.Effects[_list.Insns[first].Aux];
        _asm.Alu(Alu.Sub, true, new Mem(X64Machine.EntryArgument(0), MachineState.FuelOffset), effect.Code);
        int label = _asm.NewLabel();
        _asm.JumpIf(Cond.Less, label);
        _slow.Add(new Slow(SlowKind.FirstFuel, label, 0, effect.Origin));
    }

    private void Prologue()
    {
        bool calls = false, computes = false;
        _usesState = _unit.KeepsFuel;
        for (int i = 0; i < _list.Count; i++)
        {
            if (i == _charge)
                continue;
            LirOp op = _list.Insns[i].Op;
            calls |= op is LirOp.CallHelper or LirOp.CallLocal;
            computes |= op is not (LirOp.Const or LirOp.Word or LirOp.Copy or LirOp.Fuel or LirOp.Return);
            _usesState |= _list.Insns[i].Memory != LirMemory.None || op is LirOp.Word or (>= LirOp.Load and <= LirOp.Fuel) or LirOp.Fault;
            for (int o = 0; o < Lir.OperandCount && !_usesState; o++)
                _usesState = _list.Insns[i].Operand(o) == _lowering.State;
        }
        _pushed.Clear();
        if (_isMain)
        {
            if (_usesState)
                Push(X64Machine.State);
            if (_unit.KeepsFuel)
                Push(X64Machine.Fuel);
            if (X64Machine.IsWindows)
            {
                Push(Reg.Rdi);
                Push(Reg.Rsi);
            }
        }
        int used = _alloc.UsedRegisters & X64Machine.CalleeSaved;
        for (int reg = 0; reg < 16; reg++)
            if ((used >> reg & 1) != 0 && !_pushed.Contains((Reg)reg))
                Push((Reg)reg);
        _slotBase = calls && X64Machine.IsWindows ? 32 : 0;
        bool keepsFrame = calls && !_isMain, borrows = computes || _alloc.HasSpills; // what computes may need to lend a register, spills or not
        _frameBytes = _slotBase + (_alloc.SlotCount + (borrows || keepsFrame ? 2 : 0)) * 8;
        if (calls && (_frameBytes + (_pushed.Count * 8) + 8) % 16 != 0)
            _frameBytes += 8;
        if (_frameBytes != 0)
            _asm.Alu(Alu.Sub, true, Reg.Rsp, _frameBytes);
        if (keepsFrame)
            _asm.Store(8, FrameSlot, Reg.R9);
        if (_isMain && _usesState)
        {
            _asm.Move(true, X64Machine.State, X64Machine.EntryArgument(0));
            if (_unit.KeepsFuel)
                _asm.Load(8, X64Machine.Fuel, new Mem(X64Machine.State, MachineState.FuelOffset));
        }
        ParametersIn();
    }

    private void Push(Reg reg)
    {
        _asm.Push(reg);
        _pushed.Add(reg);
    }

    /// <summary>Where a register is put that is needed for something else for a moment.</summary>
    private Mem BorrowSlot => new(Reg.Rsp, _slotBase);

    /// <summary>Where a called function keeps its frame for those that it calls.</summary>
    private Mem FrameSlot => new(Reg.Rsp, _slotBase + 8);

    private Mem SlotMem(int slot) => new(Reg.Rsp, _slotBase + 16 + (slot * 8));

    private void Epilogue()
    {
        if (_isMain && _unit.KeepsFuel)
            _asm.Store(8, new Mem(X64Machine.State, MachineState.FuelOffset), X64Machine.Fuel);
        if (_frameBytes != 0)
            _asm.Alu(Alu.Add, true, Reg.Rsp, _frameBytes);
        for (int i = _pushed.Count - 1; i >= 0; i--)
            _asm.Pop(_pushed[i]);
        _asm.Return();
    }

    private void Emit(in Lir insn, int index, int block, int next)
    {
        switch (insn.Op)
        {
            case LirOp.Const or LirOp.Word:
                if (RegOf(insn.Dst) != Reg.None)
                    LoadTo(RegOf(insn.Dst), insn.Dst, remade: true);
                break;
            case LirOp.Copy:
                Copy(insn);
                break;
            case LirOp.Alu:
                Arithmetic(insn);
                break;
            case LirOp.Mul:
                Multiplication(insn);
                break;
            case LirOp.Lea:
                LoadAddress(insn);
                break;
            case LirOp.Shift:
                ShiftBy(insn);
                break;
            case LirOp.Neg or LirOp.Swap or LirOp.ZeroExtend or LirOp.SignExtend:
                OneOperand(insn);
                break;
            case LirOp.MulHigh:
                MultiplyHigh(insn);
                break;
            case LirOp.Div:
                Division(insn);
                break;
            case LirOp.Select:
                Choice(insn);
                break;
            case LirOp.Load or LirOp.Store or LirOp.Atomic or LirOp.Clear:
                Access(insn, index);
                break;
            case LirOp.CallHelper:
                CallHelper(insn);
                break;
            case LirOp.CallLocal:
                CallLocal(insn);
                break;
            case LirOp.Fuel:
                Fuel(insn);
                break;
            case LirOp.Fence:
                _asm.Fence();
                break;
            default:
                End(insn, block, next);
                break;
        }
    }

    private void End(in Lir insn, int b, int next)
    {
        ref IrBlock block = ref _f.Blocks[b];
        switch (insn.Op)
        {
            case LirOp.Return:
                LoadTo(Reg.Rax, insn.A);
                if (_epilogue >= 0)
                {
                    _asm.Jump(_epilogue);
                    break;
                }
                if (_pushed.Count > 1)
                {
                    _epilogue = _asm.NewLabel();
                    _asm.Place(_epilogue);
                }
                Epilogue();
                break;
            case LirOp.Fault:
                _asm.StoreConst(4, new Mem(X64Machine.State, MachineState.FaultInsnOffset), block.Origin);
                _asm.StoreConst(4, new Mem(X64Machine.State, MachineState.FaultOffset), block.A);
                _asm.Jump(_exit);
                break;
            case LirOp.Goto:
                Edge(b, 0);
                JumpTo(block.True, next);
                break;
            default:
                Branch(insn, b, next);
                break;
        }
    }

    private void Branch(in Lir insn, int b, int next)
    {
        IrBlock block = _f.Blocks[b];
        Compare(insn);
        bool moves = HasMoves(b, 0), otherMoves = HasMoves(b, 1);
        int whenTrue = Thread(block.True), whenFalse = Thread(block.False);
        if (!moves && (otherMoves || whenTrue != next || whenFalse == next))
        {
            if (whenTrue == whenFalse && !otherMoves)
            {
                JumpTo(whenTrue, next);
                return;
            }
            _asm.JumpIf(insn.Cond, _blockLabel[whenTrue]);
            Edge(b, 1);
            JumpTo(whenFalse, next);
            return;
        }
        int other = otherMoves ? _asm.NewLabel() : _blockLabel[whenFalse];
        _asm.JumpIf(insn.Cond.Not(), other);
        Edge(b, 0);
        if (!otherMoves)
        {
            JumpTo(whenTrue, next);
            return;
        }
        _asm.Jump(_blockLabel[whenTrue]);
        _asm.Place(other);
        Edge(b, 1);
        JumpTo(whenFalse, next);
    }

    private void JumpTo(int block, int next)
    {
        block = Thread(block);
        if (block != next)
            _asm.Jump(_blockLabel[block]);
    }

    /// <summary>Steps over blocks that only jump on.</summary>
    private int Thread(int block)
    {
        for (int steps = 0; steps < 8; steps++)
        {
            ref IrBlock b = ref _f.Blocks[block];
            if (b.End != IrEnd.Goto || b.Phi >= 0 || _list.EndOf(block) - _list.StartOf(block) != 1 || HasMoves(block, 0) || b.True == block)
                return block;
            block = b.True;
        }
        return block;
    }

    private void Fuel(in Lir insn)
    {
        ref IrEffect effect = ref _f.Effects[insn.Aux];
        if (_unit.KeepsFuel)
            _asm.Alu(Alu.Sub, true, X64Machine.Fuel, effect.Code);
        else
            _asm.Alu(Alu.Sub, true, new Mem(X64Machine.State, MachineState.FuelOffset), effect.Code);
        int label = _asm.NewLabel();
        _asm.JumpIf(Cond.Less, label); // a helper may have taken more than there was
        _slow.Add(new Slow(SlowKind.Fuel, label, 0, effect.Origin));
    }
}
