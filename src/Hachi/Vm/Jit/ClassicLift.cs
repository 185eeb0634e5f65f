using Hachi.Ir;
using Hachi.Isa;
using static Hachi.Isa.ClassicOpcode;

namespace Hachi.Vm.Jit;

/// <summary>
/// Lifts a classic program into <see cref="IrFunction"/>, so that the one IL emitter serves programs of any origin. Where the interpreter would call the
/// program malformed, the function returns 0 as the interpreter does.
/// </summary>
internal sealed class ClassicLift
{
    private const int Slots = 2 + Limits.ClassicMemoryWords, SlotA = 0, SlotX = 1, SlotM = 2;

    /// <summary>An edge that leads to an instruction: from which block, on which side, with which values in the registers.</summary>
    private readonly record struct Edge(int From, bool True, int State, int Next);

    private readonly ClassicProgram _insns;
    private readonly IrFunction _f;
    private readonly List<Edge> _edges = [];
    private readonly List<int[]> _states = [];
    private readonly int[] _into;
    private readonly int[] _block;
    private int[] _now = new int[Slots];
    private int _current;

    private ClassicLift(ClassicProgram insns, IrFunction f)
    {
        _insns = insns;
        _f = f;
        _into = new int[insns.Length + 1];
        _block = new int[insns.Length + 1];
        Array.Fill(_into, -1);
        Array.Fill(_block, -1);
    }

    /// <summary>The function that computes what the program computes, or null for one that jumps backwards or reads relative to the network header.</summary>
    public static IrFunction? Lift(ClassicProgram program)
    {
        var f = new IrFunction();
        var lift = new ClassicLift(program, f);
        return lift.Run() ? f : null;
    }

    private bool Run()
    {
        _current = _f.NewBlock();
        _f.Entry = _current;
        for (int pc = 0; pc < _insns.Length; pc++)
        {
            if (_into[pc] >= 0 && !Join(pc))
                return false;
            if (_current < 0)
                continue; // nothing leads here
            if (!Translate(_insns[pc], pc))
                return false;
        }
        if (_into[_insns.Length] >= 0)
            Join(_insns.Length);
        if (_current >= 0)
            _f.Return(_current, IrFunction.Zero); // fell off the end
        return true;
    }

    /// <summary>Starts a block where jumps arrive; where they bring different values, with phis.</summary>
    private bool Join(int pc)
    {
        int block = BlockAt(pc);
        if (_current >= 0)
        {
            _f.Goto(_current, block);
            AddEdge(pc, _current, true);
        }
        int[] merged = (int[])_states[_edges[_into[pc]].State].Clone();
        Span<bool> differs = stackalloc bool[Slots];
        for (int e = _into[pc]; e >= 0; e = _edges[e].Next)
            for (int s = 0; s < Slots; s++)
                differs[s] |= _states[_edges[e].State][s] != merged[s];
        int phis = 0;
        Span<int> slots = stackalloc int[Slots];
        for (int s = 0; s < Slots; s++)
        {
            if (!differs[s])
                continue;
            merged[s] = _f.AddPhi(block);
            slots[phis++] = s;
        }
        if (phis > 0)
            PassArguments(pc, slots[..phis]);
        _current = block;
        _now = merged;
        return true;
    }

    private void PassArguments(int pc, ReadOnlySpan<int> slots)
    {
        Span<int> args = stackalloc int[Slots];
        for (int e = _into[pc]; e >= 0; e = _edges[e].Next)
        {
            Edge edge = _edges[e];
            for (int i = 0; i < slots.Length; i++)
                args[i] = _states[edge.State][slots[slots.Length - 1 - i]]; // newest phi first
            int run = _f.AddEdgeArgs(args[..slots.Length]);
            ref IrBlock from = ref _f.Blocks[edge.From];
            if (edge.True)
                from.TrueArgs = run;
            else
                from.FalseArgs = run;
        }
    }

    private int BlockAt(int pc)
    {
        if (_block[pc] < 0)
            _block[pc] = _f.NewBlock();
        return _block[pc];
    }

    private void AddEdge(int pc, int from, bool side)
    {
        _edges.Add(new Edge(from, side, _states.Count, _into[pc]));
        _states.Add((int[])_now.Clone());
        _into[pc] = _edges.Count - 1;
    }

    private bool Translate(ClassicInsn insn, int pc)
    {
        switch (insn.Code & ClassMask)
        {
            case Ld:
                return Load(insn);
            case Ldx:
                return LoadX(insn);
            case St or Stx when insn.Code is St or Stx && insn.K < Limits.ClassicMemoryWords:
                _now[SlotM + (int)insn.K] = _now[insn.Code == St ? SlotA : SlotX];
                return true;
            case Alu:
                return Compute(insn);
            case Jmp:
                return Jump(insn, pc);
            case Ret when insn.Code is (Ret | K) or (Ret | A):
                return End(insn.Code == (Ret | K) ? _f.Const(insn.K) : _now[SlotA]);
            case Misc when insn.Code == (Misc | Tax):
                _now[SlotX] = _now[SlotA];
                return true;
            case Misc when insn.Code == (Misc | Txa):
                _now[SlotA] = _now[SlotX];
                return true;
            default:
                return End(IrFunction.Zero);
        }
    }

    private bool End(int value)
    {
        _f.Return(_current, value);
        _current = -1;
        return true;
    }

    private bool Load(ClassicInsn insn)
    {
        switch (insn.Code & ~SizeMask)
        {
            case Ld | Imm when insn.Code == (Ld | Imm):
                _now[SlotA] = _f.Const(insn.K);
                return true;
            case Ld | Len when insn.Code == (Ld | Len):
                _now[SlotA] = _f.Intern(IrOp.Length, 0, 0, 0, 0, -1);
                return true;
            case Ld | Mem when insn.Code == (Ld | Mem) && insn.K < Limits.ClassicMemoryWords:
                _now[SlotA] = _now[SlotM + (int)insn.K];
                return true;
            case Ld | Abs when insn.K >= Extension.Base && (insn.Code & SizeMask) != SizeMask:
                return LoadExtension(insn.K);
            case Ld | Abs or Ld | Ind when (insn.Code & SizeMask) != SizeMask:
                return LoadPacket(insn, SlotA, SizeOf(insn), (insn.Code & ModeMask) == Ind ? _now[SlotX] : IrFunction.Zero);
            default:
                return End(IrFunction.Zero);
        }
    }

    private static byte SizeOf(ClassicInsn insn) => (insn.Code & SizeMask) switch { W => 4, H => 2, _ => 1 };

    private bool LoadX(ClassicInsn insn)
    {
        switch (insn.Code)
        {
            case Ldx | Imm:
                _now[SlotX] = _f.Const(insn.K);
                return true;
            case Ldx | Len:
                _now[SlotX] = _f.Intern(IrOp.Length, 0, 0, 0, 0, -1);
                return true;
            case Ldx | Mem when insn.K < Limits.ClassicMemoryWords:
                _now[SlotX] = _now[SlotM + (int)insn.K];
                return true;
            case Ldx | Msh | B:
                if (!LoadPacket(insn, SlotX, 1, IrFunction.Zero))
                    return false;
                if (_current >= 0)
                    _now[SlotX] = IrFold.Make(_f, IrOp.Lsh, IrFold.Make(_f, IrOp.And, _now[SlotX], _f.Const(15)), _f.Const(2));
                return true;
            default:
                return End(IrFunction.Zero);
        }
    }

    private bool LoadPacket(ClassicInsn insn, int slot, byte size, int basis)
    {
        if (insn.K >= Extension.NetOff && basis == IrFunction.Zero && (insn.Code & ModeMask) != Ind)
            return false; // counts from the network header
        uint offset = insn.K;
        if (insn.K >= Extension.LinkLayerOff && insn.K < Extension.NetOff && (insn.Code & ModeMask) != Ind)
            offset -= Extension.LinkLayerOff;
        int value = offset > int.MaxValue ? -1 : IrFold.Load(_f, size, basis, offset);
        if (value < 0)
            return End(IrFunction.Zero);
        _f.AddRequire(_current, value);
        _now[slot] = value;
        return true;
    }

    private bool LoadExtension(uint number)
    {
        bool known = number < Extension.End && number % 4 == 0;
        if (!known)
            return End(IrFunction.Zero);
        bool takesArguments = number is Extension.Nla or Extension.NlaNest;
        _now[SlotA] = number == Extension.AluXorX
            ? IrFold.Make(_f, IrOp.Xor, _now[SlotA], _now[SlotX])
            : _f.Intern(IrOp.Extension, 0, takesArguments ? _now[SlotA] : 0, takesArguments ? _now[SlotX] : 0, number, -1);
        return true;
    }

    private bool Compute(ClassicInsn insn)
    {
        int op = insn.Code & OpMask;
        if ((insn.Code & ~(ClassMask | OpMask | X)) != 0 || op > Xor)
            return End(IrFunction.Zero);
        int b = (insn.Code & X) != 0 ? _now[SlotX] : _f.Const(insn.K);
        if (op is Div or Mod && _f.IsConst(b, out uint divisor) && divisor == 0)
            return End(IrFunction.Zero);
        IrOp ir = op switch
        {
            Add => IrOp.Add,
            Sub => IrOp.Sub,
            Mul => IrOp.Mul,
            Div => IrOp.Div,
            Mod => IrOp.Mod,
            And => IrOp.And,
            Or => IrOp.Or,
            Xor => IrOp.Xor,
            Lsh => IrOp.Lsh,
            Rsh => IrOp.Rsh,
            _ => IrOp.Neg,
        };
        _now[SlotA] = IrFold.Make(_f, ir, _now[SlotA], b);
        if (op is Div or Mod && _f.Values[_now[SlotA]].Op is IrOp.Div or IrOp.Mod)
            _f.AddRequire(_current, _now[SlotA]);
        else if (op is Div or Mod && !_f.IsConst(b, out _))
            _f.AddRequire(_current, _f.Intern(ir, 0, IrFunction.Zero, b, 0, -1)); // folded away, but a zero divisor still rejects
        return true;
    }

    private bool Jump(ClassicInsn insn, int pc)
    {
        int op = insn.Code & OpMask;
        if (insn.Code == (Jmp | Ja))
            return (int)insn.K >= 0 && JumpTo(pc + 1 + (long)insn.K);
        if ((insn.Code & ~(ClassMask | OpMask | X)) != 0 || op > Jset || op == Ja)
            return End(IrFunction.Zero);
        if (insn.Jt == insn.Jf)
            return JumpTo(pc + 1 + insn.Jt);
        int b = (insn.Code & X) != 0 ? _now[SlotX] : _f.Const(insn.K);
        IrCompare compare = op switch { Jeq => IrCompare.Eq, Jgt => IrCompare.Gt, Jge => IrCompare.Ge, _ => IrCompare.Set };
        int whenTrue = Math.Min(pc + 1 + insn.Jt, _insns.Length), whenFalse = Math.Min(pc + 1 + insn.Jf, _insns.Length);
        if (whenTrue == whenFalse)
            return JumpTo(whenTrue); // both past the end
        _f.Branch(_current, compare, _now[SlotA], b, BlockAt(whenTrue), BlockAt(whenFalse));
        AddEdge(whenTrue, _current, true);
        AddEdge(whenFalse, _current, false);
        _current = -1;
        return true;
    }

    private bool JumpTo(long target)
    {
        int pc = (int)Math.Min(target, _insns.Length);
        _f.Goto(_current, BlockAt(pc));
        AddEdge(pc, _current, true);
        _current = -1;
        return true;
    }
}
