using Hachi.Isa;
using static Hachi.Isa.ClassicOpcode;

namespace Hachi.Ir;

/// <summary>Lifts a classic BPF program into SSA form: A, X and M[] become values. The origin of values and decisions is the instruction's index.</summary>
public sealed class ClassicLifter
{
    private const int RegA = 0, RegX = 1, Mem0 = 2, Registers = 18;

    private readonly IrVariables _variables = new();
    private IrFunction _f = null!;
    private int[] _blockAt = [];
    private int _block;

    /// <summary>
    /// Lifts a program into an empty function. False for what this form cannot hold: jumps backwards or out of the program, unknown opcodes,
    /// loads of random numbers (not the same each time).
    /// </summary>
    public bool Lift(ClassicProgram program, IrFunction f)
    {
        _f = f;
        ReadOnlySpan<ClassicInsn> insns = program.Insns;
        if (!FindLeaders(insns))
            return false;
        _variables.Reset(f, Registers);
        f.Entry = _block = _blockAt[0];
        bool open = true;
        for (int pc = 0; pc < insns.Length; pc++)
        {
            if (_blockAt[pc] >= 0 && pc > 0)
            {
                if (open)
                {
                    _variables.Edge(_block, true, _blockAt[pc]);
                    f.Goto(_block, _blockAt[pc]);
                }
                _block = _blockAt[pc];
                _variables.Start(_block);
                open = true;
            }
            if (open && !Lift(insns[pc], pc, ref open))
                return false;
        }
        return !open;
    }

    private bool FindLeaders(ReadOnlySpan<ClassicInsn> insns)
    {
        int n = insns.Length;
        if (n == 0)
            return false;
        _blockAt = new int[n];
        Array.Fill(_blockAt, -1);
        _blockAt[0] = _f.NewBlock();
        for (int pc = 0; pc < n; pc++)
        {
            ClassicInsn insn = insns[pc];
            if ((insn.Code & ClassMask) != Jmp)
                continue;
            bool always = (insn.Code & OpMask) == Ja;
            ulong whenTrue = (ulong)pc + 1 + (always ? insn.K : insn.Jt), whenFalse = always ? whenTrue : (ulong)pc + 1 + insn.Jf;
            if (whenTrue >= (ulong)n || whenFalse >= (ulong)n)
                return false;
            foreach (int target in (ReadOnlySpan<int>)[(int)whenTrue, (int)whenFalse])
                if (_blockAt[target] < 0)
                    _blockAt[target] = _f.NewBlock();
            if (pc + 1 < n && _blockAt[pc + 1] < 0)
                _blockAt[pc + 1] = _f.NewBlock();
        }
        return true;
    }

    private bool Lift(ClassicInsn insn, int pc, ref bool open)
    {
        switch (insn.Code & ClassMask)
        {
            case Ld:
            case Ldx:
                return LiftLoad(insn, pc, ref open);
            case St:
            case Stx:
                if (insn.K > 15)
                    return false;
                _variables[Mem0 + (int)insn.K] = _variables[(insn.Code & ClassMask) == St ? RegA : RegX];
                return true;
            case Alu:
                return LiftAlu(insn, pc, ref open);
            case Jmp:
                return LiftJump(insn, pc, ref open);
            case Ret:
                _f.Return(_block, (insn.Code & 0x18) == A ? _variables[RegA] : _f.Const(insn.K));
                open = false;
                return true;
            default:
                if ((insn.Code & 0xf8) == Tax)
                    _variables[RegX] = _variables[RegA];
                else
                    _variables[RegA] = _variables[RegX];
                return true;
        }
    }

    private bool LiftLoad(ClassicInsn insn, int pc, ref bool open)
    {
        bool index = (insn.Code & ClassMask) == Ldx;
        byte size = (insn.Code & SizeMask) switch { W => 4, H => 2, _ => 1 };
        int value;
        switch (insn.Code & ModeMask)
        {
            case Imm:
                value = _f.Const(insn.K, pc);
                break;
            case Len:
                value = _f.Intern(IrOp.Length, 0, 0, 0, 0, pc);
                break;
            case Mem:
                if (insn.K > 15)
                    return false;
                value = _variables[Mem0 + (int)insn.K];
                break;
            case Abs when !index && insn.K is >= Extension.Base and < Extension.End:
                if (insn.K is Extension.Random or Extension.Nla or Extension.NlaNest or Extension.AluXorX)
                    return false;
                value = _f.Intern(IrOp.Extension, 0, 0, 0, insn.K, pc);
                break;
            case Abs when !index:
                value = Load(size, IrFunction.Zero, insn.K, pc, ref open);
                break;
            case Ind when !index:
                value = Load(size, _variables[RegX], insn.K, pc, ref open);
                break;
            case Msh when index:
                value = Load(1, IrFunction.Zero, insn.K, pc, ref open);
                value = value < 0 ? -1 : IrFold.Make(_f, IrOp.Lsh, IrFold.Make(_f, IrOp.And, value, _f.Const(15), pc), _f.Const(2), pc);
                break;
            default:
                return false;
        }
        if (value >= 0)
            _variables[index ? RegX : RegA] = value;
        return true;
    }

    private int Load(byte size, int basis, uint k, int pc, ref bool open)
    {
        int value = k > int.MaxValue ? -1 : IrFold.Load(_f, size, basis, k, pc);
        if (value >= 0)
        {
            _f.AddRequire(_block, value);
            return value;
        }
        _f.Return(_block, IrFunction.Zero); // never inside a packet
        open = false;
        return -1;
    }

    private bool LiftAlu(ClassicInsn insn, int pc, ref bool open)
    {
        IrOp? op = (insn.Code & OpMask) switch
        {
            ClassicOpcode.Add => IrOp.Add,
            Sub => IrOp.Sub,
            Mul => IrOp.Mul,
            Div => IrOp.Div,
            Or => IrOp.Or,
            And => IrOp.And,
            Lsh => IrOp.Lsh,
            Rsh => IrOp.Rsh,
            Neg => IrOp.Neg,
            Mod => IrOp.Mod,
            Xor => IrOp.Xor,
            _ => null,
        };
        if (op is not { } kind)
            return false;
        int b = (insn.Code & X) != 0 ? _variables[RegX] : _f.Const(insn.K, pc);
        if (kind is IrOp.Div or IrOp.Mod && _f.IsConst(b, out uint divisor) && divisor == 0)
        {
            _f.Return(_block, IrFunction.Zero);
            open = false;
            return true;
        }
        int value = IrFold.Make(_f, kind, _variables[RegA], kind == IrOp.Neg ? 0 : b, pc);
        if (_f.Values[value].Op is IrOp.Div or IrOp.Mod && _f.Values[_f.Values[value].B].Op != IrOp.Const)
            _f.AddRequire(_block, value);
        _variables[RegA] = value;
        return true;
    }

    private bool LiftJump(ClassicInsn insn, int pc, ref bool open)
    {
        open = false;
        int op = insn.Code & OpMask;
        if (op == Ja)
        {
            int target = _blockAt[pc + 1 + (int)insn.K];
            _variables.Edge(_block, true, target);
            _f.Goto(_block, target);
            return true;
        }
        IrCompare? compare = op switch { Jeq => IrCompare.Eq, Jgt => IrCompare.Gt, Jge => IrCompare.Ge, Jset => IrCompare.Set, _ => null };
        if (compare is not { } kind)
            return false;
        int whenTrue = _blockAt[pc + 1 + insn.Jt], whenFalse = _blockAt[pc + 1 + insn.Jf];
        int b = (insn.Code & X) != 0 ? _variables[RegX] : _f.Const(insn.K, pc);
        if (whenTrue == whenFalse)
        {
            _variables.Edge(_block, true, whenTrue);
            _f.Goto(_block, whenTrue);
            return true;
        }
        _variables.Edge(_block, true, whenTrue);
        _variables.Edge(_block, false, whenFalse);
        _f.Branch(_block, kind, _variables[RegA], b, whenTrue, whenFalse, pc);
        return true;
    }
}
