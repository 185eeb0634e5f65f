using System.Numerics;
using Hachi.Ir;
using Hachi.Isa;
using Hachi.Vm.Jit.Ranges;
using Hachi.Vm.Machine;
using static Hachi.Isa.Opcode;

namespace Hachi.Vm.Jit.Lift;

/// <summary>
/// Lifts one function of an eBPF program into the SSA form: registers and stack words become values, memory and calls become effects in order.
/// </summary>
internal sealed partial class EbpfLifter
{
    private const int FirstSlot = 10; // variables: r0 to r9, then stack words
    private const int FunctionsKept = 8, ValuesKept = 1 << 14;

    [ThreadStatic]
    private static EbpfLifter? t_instance;

    private readonly Flow _flow = new();
    private readonly StackSlots _stack;
    private readonly AccessProofs _proofs = new();
    private readonly List<IrFunction> _functions = [];
    private EbpfCode _code = null!;
    private LiftFacts _facts = null!;
    private IrFunction _f = null!;
    private IrArithmetic _make = null!;
    private bool _isMain, _sharesFrames;
    private int _start, _block;
    private int[] _exit = []; // variables at the end of each flow block, a row a block
    private bool[] _isLifted = [];
    private (int Value, int WhenTaken, int WhenNext)[] _known = []; // what the branch at a block's end says about one of the variables
    private (int Block, bool IsTrue)[] _edges = []; // where each edge leaves from in the function: 2 a block
    private int[] _irBlocks = [], _phiVariables = new int[32]; // by the number of the phi
    private int[] _env = [], _other = [];

    private EbpfLifter() => _stack = new StackSlots(_flow, InlineKeyBytes);

    private int VariableCount => FirstSlot + _stack.Count;

    /// <summary>
    /// Lifts a program and decides its accesses: the main function, the others in their order, and the main function once more when it is called like them. What it returns is used
    /// again by the next lifting on this thread.
    /// </summary>
    public static IrFunction[] LiftProgram(EbpfCode code, LiftFacts facts)
    {
        EbpfLifter lifter = t_instance ??= new EbpfLifter();
        lifter._sharesFrames = false;
        var functions = new IrFunction[code.Functions.Length + (code.CallsMain ? 1 : 0)];
        for (int i = 0; i < functions.Length; i++)
        {
            functions[i] = lifter.FunctionAt(i);
            lifter.Run(functions[i], code, i < code.Functions.Length ? code.Functions[i] : 0, facts, i == 0);
            if (lifter._stack.Strays && functions.Length > 1 && !lifter._sharesFrames)
            {
                lifter._sharesFrames = true; // from the first function again: each sees what the others' frames hold
                i = -1;
                continue;
            }
            lifter._proofs.Decide(functions[i], facts);
        }
        return functions;
    }

    private IrFunction FunctionAt(int index)
    {
        if (index >= FunctionsKept)
            return new IrFunction();
        if (index == _functions.Count)
            _functions.Add(new IrFunction());
        else if (_functions[index].Values.Length > ValuesKept)
            _functions[index] = new IrFunction(); // one large program should not take memory for ever
        _functions[index].Clear();
        return _functions[index];
    }

    private void Run(IrFunction f, EbpfCode code, int start, LiftFacts facts, bool isMain)
    {
        (_f, _code, _start, _facts, _isMain) = (f, code, start, facts, isMain);
        _make = new IrArithmetic(f);
        _flow.Compute(code, start);
        _stack.Compute(code, _sharesFrames);
        Reserve(_flow.Count);
        FillUses();
        _flow.ComputeLiveness();
        int entry = _f.NewBlock();
        _f.Entry = entry;
        _block = entry;
        foreach (int b in _flow.Ordered)
            _irBlocks[b] = _f.NewBlock();
        Prologue();
        foreach (int b in _flow.Ordered)
        {
            Enter(b);
            _block = _irBlocks[b];
            LiftBlock(b);
            _env.AsSpan(0, VariableCount).CopyTo(ExitOf(b));
            _isLifted[b] = true;
        }
        foreach (int b in _flow.Ordered)
            PassArguments(b);
    }

    private void Reserve(int blocks)
    {
        if (_isLifted.Length < blocks)
        {
            int room = Math.Max(32, blocks * 2);
            _isLifted = new bool[room];
            _known = new (int, int, int)[room];
            _edges = new (int, bool)[room * 2];
            _irBlocks = new int[room];
        }
        if (_exit.Length < blocks * VariableCount)
            _exit = new int[blocks * VariableCount * 2];
        if (_env.Length < VariableCount)
        {
            _env = new int[VariableCount * 2];
            _other = new int[VariableCount * 2];
        }
        Array.Clear(_isLifted, 0, blocks);
        Array.Clear(_known, 0, blocks);
    }

    private Span<int> ExitOf(int block) => _exit.AsSpan(block * VariableCount, VariableCount);

    private void Prologue()
    {
        SetArguments(_env);
        Add(new IrEffect { Kind = IrEffectKind.Fuel, Code = _code.SizeOf(_start), Origin = _start });
        int frame = FramePointer();
        int bottom = -_stack.MemoryBottom + 15 & ~15;
        if (bottom > 0) // no run sees what another left behind
            Add(new IrEffect { Kind = IrEffectKind.Clear, Access = IrAccess.Proven, Region = Region.Stack, Address = frame, Displacement = -bottom, Code = bottom, Origin = _start });
        _f.Goto(_block, _irBlocks[0]);
    }

    private int FramePointer() => _isMain ? _f.Const64(Region.AddressOf(Region.Stack, Limits.StackBytesMax)) : _f.Intern(IrOp.Frame, 8, 0, 0, 0, -1);

    // The variables where the function starts.
    private void SetArguments(Span<int> env)
    {
        env[..VariableCount].Clear();
        for (int r = 1; r <= Limits.CallArgumentsMax; r++)
            env[r] = _isMain && r > 2 ? IrFunction.Zero : _f.Intern(IrOp.Param, 8, 0, 0, (ulong)r, -1);
        if (_isMain)
            env[1] = _f.Const64(Region.AddressOf(Region.Context, 0));
    }

    // The variables on entry of a block: its one predecessor's, or phis where the ways in differ.
    private void Enter(int b)
    {
        ReadOnlySpan<int> preds = _flow.PredsOf(b);
        ref FlowBlock block = ref _flow.Blocks[b];
        if (b == 0 && preds.Length == 0)
            return; // as the prologue left them
        if (b != 0 && preds.Length == 1)
        {
            Leave(preds[0], b, _env);
            return;
        }
        ulong differ = 0;
        bool isHead = b == 0;
        int ways = b == 0 ? 1 : 0;
        foreach (int pred in preds)
        {
            if (!_isLifted[pred])
            {
                isHead = true;
                continue;
            }
            Leave(pred, b, ways == 0 ? _env : _other);
            if (ways++ > 0)
                for (ulong live = block.LiveIn & ~differ; live != 0; live &= live - 1)
                    if (_env[BitOperations.TrailingZeroCount(live)] != _other[BitOperations.TrailingZeroCount(live)])
                        differ |= live & 0 - live;
        }
        if (isHead)
            differ |= block.LoopDefs;
        for (int v = 0; v < VariableCount; v++)
        {
            if ((block.LiveIn >> v & 1) == 0 || ways == 0)
                _env[v] = IrFunction.Zero;
            if ((block.LiveIn & differ) >> v << 63 != 0)
                _env[v] = AddPhi(b, v);
        }
    }

    private int AddPhi(int b, int variable)
    {
        int number = _f.PhiCount;
        if (number >= _phiVariables.Length)
            Array.Resize(ref _phiVariables, number * 2);
        _phiVariables[number] = variable;
        return _f.AddPhi(_irBlocks[b], _flow.Blocks[b].Start);
    }

    // The variables that a block passes to one of its successors, with what the branch between them has shown.
    private void Leave(int from, int to, Span<int> env)
    {
        env = env[..VariableCount];
        ExitOf(from).CopyTo(env);
        (int value, int whenTaken, int whenNext) = _known[from];
        ref FlowBlock block = ref _flow.Blocks[from];
        if (value > 0 && block.Taken != block.Next)
            env.Replace(value, block.Taken == to ? whenTaken : whenNext);
    }

    private void PassArguments(int b)
    {
        ref FlowBlock block = ref _flow.Blocks[b];
        PassArguments(b, block.Taken, _edges[b * 2]);
        if (block.Next >= 0 && block.Next != block.Taken)
            PassArguments(b, block.Next, _edges[b * 2 + 1]);
        if (b == 0 && _f.Blocks[_irBlocks[0]].Phi >= 0) // the way in from outside
        {
            SetArguments(_env);
            Pass(0, (_f.Entry, true));
        }
    }

    private void PassArguments(int from, int to, (int Block, bool IsTrue) edge)
    {
        if (to < 0 || _f.Blocks[_irBlocks[to]].Phi < 0)
            return;
        Leave(from, to, _env);
        Pass(to, edge);
    }

    private void Pass(int to, (int Block, bool IsTrue) edge)
    {
        int count = 0;
        Span<int> args = stackalloc int[FirstSlot + StackSlots.SlotsMax];
        for (int p = _f.Blocks[_irBlocks[to]].Phi; p >= 0; p = _f.Phis[p].Next)
            args[count++] = _env[_phiVariables[p]];
        int start = _f.AddEdgeArgs(args[..count]);
        if (edge.IsTrue)
            _f.Blocks[edge.Block].TrueArgs = start;
        else
            _f.Blocks[edge.Block].FalseArgs = start;
    }

    private void LiftBlock(int b)
    {
        ref FlowBlock block = ref _flow.Blocks[b];
        int last = block.Start;
        bool ended = false;
        for (int slot = block.Start; slot < block.End; slot++)
        {
            last = slot;
            ref DecodedInsn insn = ref _code.Decoded[slot];
            if (Flow.EndsBlock(insn))
            {
                End(b, slot, insn);
                ended = true;
                break;
            }
            LiftInsn(slot, insn);
            if (insn.Step == Flow.LdImm64Step)
                slot++;
        }
        if (!ended)
            Go(b, last, block.Taken, isBackward: false);
    }

    private void End(int b, int slot, in DecodedInsn insn)
    {
        ref FlowBlock block = ref _flow.Blocks[b];
        switch (insn.Code)
        {
            case Jmp | Exit:
                _f.Return(_block, _env[0]);
                break;
            case EbpfCode.Trap:
                _f.Fault(_block, (int)FaultReason.FellOff, slot);
                break;
            case Jmp | Ja or Jmp32 | Ja:
                Go(b, slot, block.Taken, insn.Offset <= slot);
                break;
            case Jmp | Jcond:
                MayGoto(b, slot, insn);
                break;
            default:
                Branch(b, slot, insn);
                break;
        }
    }

    private void Go(int b, int slot, int to, bool isBackward)
    {
        if (isBackward)
            Add(new IrEffect { Kind = IrEffectKind.Fuel, Code = slot - _flow.Blocks[to].Start + 1, Origin = slot });
        _edges[b * 2] = (_block, true);
        _f.Goto(_block, _irBlocks[to]);
    }

    private void Branch(int b, int slot, in DecodedInsn insn)
    {
        ref FlowBlock block = ref _flow.Blocks[b];
        int x = Register(insn.Dst);
        int y = (insn.Code & SourceMask) != 0 ? Register(insn.Src) : _f.Const64((ulong)insn.Imm);
        bool isWide = (insn.Code & ClassMask) == Jmp;
        var op = (CompareOp)((insn.Code & OpMask) >> 4);
        if (block.Taken == block.Next)
        {
            Go(b, slot, block.Taken, insn.Offset <= slot);
            return;
        }
        if (_f.Values[x].Op == IrOp.Const && _f.Values[y].Op == IrOp.Const)
        {
            bool taken = isWide ? Semantics.Compare64(op, _f.Values[x].Imm, _f.Values[y].Imm) : Semantics.Compare32(op, (uint)_f.Values[x].Imm, (uint)_f.Values[y].Imm);
            OnlyWay(b, slot, insn, taken);
            return;
        }
        BranchOn(b, slot, insn, op, isWide, x, y);
    }

    // A branch that always goes one way: the other edge stays in the flow graph (its block may have other ways in), but not in the function.
    private void OnlyWay(int b, int slot, in DecodedInsn insn, bool taken)
    {
        ref FlowBlock block = ref _flow.Blocks[b];
        int never = _f.NewBlock();
        _f.Fault(never, (int)FaultReason.FellOff, slot);
        if (taken)
        {
            Go(b, slot, block.Taken, insn.Offset <= slot);
            _edges[b * 2 + 1] = (never, true);
            return;
        }
        _edges[b * 2] = (never, true);
        _edges[b * 2 + 1] = (_block, true);
        _f.Goto(_block, _irBlocks[block.Next]);
    }

    private void BranchOn(int b, int slot, in DecodedInsn insn, CompareOp op, bool isWide, int x, int y)
    {
        ref FlowBlock block = ref _flow.Blocks[b];
        (IrCompare compare, bool swap, bool negate) = Comparison(op);
        if (swap)
            (x, y) = (y, x);
        if (isWide)
            compare += IrCompare.Eq64 - IrCompare.Eq;
        else
            (x, y) = (Narrow(x), Narrow(y));
        if (compare == IrCompare.Eq64 && y == IrFunction.Zero && IsChoiceOfPointer(x, out IrValue chosen))
        {
            // is a looked-up value null: ask what the look-up asked, and know the pointer behind it
            _known[b] = negate ? (x, chosen.B, IrFunction.Zero) : (x, IrFunction.Zero, chosen.B);
            ref IrValue asked = ref _f.Values[chosen.A];
            (compare, x, y, negate) = ((IrCompare)asked.Size, asked.A, asked.B, !negate);
        }
        int taken = _irBlocks[block.Taken], next = _irBlocks[block.Next];
        if (insn.Offset <= slot)
        {
            taken = _f.NewBlock();
            int current = _block;
            _block = taken;
            Go(b, slot, block.Taken, isBackward: true);
            _block = current;
        }
        else
        {
            _edges[b * 2] = (_block, !negate);
        }
        _edges[b * 2 + 1] = (_block, negate);
        _f.Blocks[_block].TrueArgs = _f.Blocks[_block].FalseArgs = -1;
        _f.Branch(_block, compare, x, y, negate ? next : taken, negate ? taken : next, slot);
    }

    private bool IsChoiceOfPointer(int value, out IrValue chosen)
    {
        chosen = _f.Values[value];
        return chosen.Op == IrOp.Select && chosen.Imm == IrFunction.Zero && _f.Values[chosen.B] is { Op: IrOp.Add or IrOp.Const };
    }

    // A 32-bit comparison does not see upper halves: an extension before it is idle.
    private int Narrow(int value) => _f.Values[value] is { Op: IrOp.ZeroExtend or IrOp.SignExtend, Size: 4 } v ? v.A : _f.Values[value].Op == IrOp.Const ? _f.Const64((uint)_f.Values[value].Imm) : value;

    private static (IrCompare Compare, bool Swap, bool Negate) Comparison(CompareOp op) => op switch
    {
        CompareOp.Jeq => (IrCompare.Eq, false, false),
        CompareOp.Jne => (IrCompare.Eq, false, true),
        CompareOp.Jset => (IrCompare.Set, false, false),
        CompareOp.Jgt => (IrCompare.Gt, false, false),
        CompareOp.Jge => (IrCompare.Ge, false, false),
        CompareOp.Jlt => (IrCompare.Ge, false, true),
        CompareOp.Jle => (IrCompare.Gt, false, true),
        CompareOp.Jsgt => (IrCompare.SGt, false, false),
        CompareOp.Jsge => (IrCompare.SGe, false, false),
        CompareOp.Jslt => (IrCompare.SGe, false, true),
        _ => (IrCompare.SGt, false, true),
    };

    private int Add(IrEffect effect)
    {
        int index = _f.AddEffect(_block, effect);
        return _f.Effects[index].Value;
    }

    private int Register(int r) => r == Limits.FramePointer ? FramePointer() : _env[r];
}
