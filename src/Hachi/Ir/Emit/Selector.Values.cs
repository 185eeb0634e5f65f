using Hachi.Isa;
using static Hachi.Isa.Opcode;

namespace Hachi.Ir.Emit;

/// <content>Arithmetic.</content>
internal sealed partial class Selector
{
    private void SelectValue(int value)
    {
        IrValue v = _f.Values[value];
        switch (v.Op)
        {
            case IrOp.Const or IrOp.SlotAddress or IrOp.MapAddress or IrOp.MapValueAddress or IrOp.FunctionAddress:
                if (v.Op == IrOp.Const && v.Imm > uint.MaxValue && (long)v.Imm != (int)v.Imm && _placement.UsesOf(value) > 1)
                    Constant(_register[value] = _to.NewRegister(), v.Imm); // wide, and used more than once: kept while there are registers
                else if (v.Op == IrOp.MapValueAddress && _placement.UsesOf(value) > 1)
                    Keep(value);
                return;
            case IrOp.Phi or IrOp.Result or IrOp.Param or IrOp.Frame or IrOp.Compared:
                return;
            case IrOp.Neg:
                Unary(value, v.A, new Lir { Opcode = (byte)((v.Size == 8 ? Alu64 : Alu) | Neg) });
                return;
            case IrOp.ByteSwap:
                Unary(value, v.A, new Lir { Opcode = Alu | End | ToBe, Imm = v.Size * 8 });
                return;
            case IrOp.ZeroExtend when v.Size == 4:
                Put(new Lir { Opcode = Alu | Mov | X, Src = Register(v.A), Dst = _register[value] = _to.NewRegister(), Slot = -1 });
                return;
            case IrOp.ZeroExtend:
                Unary(value, v.A, new Lir { Opcode = Alu | And | K, Imm = v.Size == 1 ? 0xff : 0xffff });
                return;
            case IrOp.SignExtend:
                Put(new Lir { Opcode = Alu64 | Mov | X, Src = Register(v.A), Dst = _register[value] = _to.NewRegister(), Offset = (short)(v.Size * 8), Slot = -1 });
                return;
            case IrOp.Select:
                Choose(value, v);
                return;
            default:
                Binary(value, v);
                return;
        }
    }

    private void Keep(int value)
    {
        int register = _to.NewRegister();
        LoadInto(register, value);
        _register[value] = register;
    }

    private void Unary(int value, int operand, Lir insn)
    {
        int register = _to.NewRegister();
        LoadInto(register, operand);
        _register[value] = register;
        (insn.Dst, insn.Src, insn.Slot) = (register, -1, -1);
        Put(insn);
    }

    private void Binary(int value, in IrValue v)
    {
        int size = v.Size == 8 ? 8 : 4, a = v.A, b = v.B;
        (int op, int offset) = CodeOf(v.Op);
        ulong k = _f.Values[b].Imm;
        bool isConst = _f.Values[b].Op == IrOp.Const;
        if (isConst && size == 8 && v.Op == IrOp.And && k <= uint.MaxValue && (long)k != (int)k)
            size = 4; // the mask clears the upper half, and so does the short form
        if (!isConst && IsCommutative(v.Op) && _placement.UsesOf(b) == 1 && _placement.UsesOf(a) > 1 && _f.Values[a].Op != IrOp.Phi)
            (a, b) = (b, a); // the result takes over the register of what nobody else reads
        int? imm = isConst ? Immediate(size, k) : null;
        int other = imm is null ? Register(b) : -1, register = _to.NewRegister();
        LoadInto(register, a);
        _register[value] = register;
        Put(new Lir
        {
            Opcode = (byte)((size == 8 ? Alu64 : Alu) | op | (imm is null ? X : K)),
            Dst = register,
            Src = other,
            Imm = imm ?? 0,
            Offset = (short)offset,
            Slot = -1,
        });
    }

    private void Choose(int value, in IrValue v)
    {
        IrValue asked = _f.Values[v.A];
        int other = (int)v.Imm;
        int from = _f.Values[other].Op == IrOp.Const && (long)_f.Values[other].Imm == (int)_f.Values[other].Imm ? -1 : Register(other);
        (CompareOp op, bool isWide, int a, int b, int imm) = Comparison((IrCompare)asked.Size, asked.A, asked.B);
        int register = _to.NewRegister();
        LoadInto(register, v.B);
        _register[value] = register;
        Put(new Lir { Kind = LirKind.Skip, Opcode = (byte)((isWide ? Jmp : Jmp32) | ((int)op << 4) | (b < 0 ? K : X)), Dst = a, Src = b, Imm = imm, Slot = -1 });
        if (from >= 0)
            Put(new Lir { Kind = LirKind.Move, Opcode = Alu64 | Mov | X, Dst = register, Src = from, Slot = -1, IsConditional = true });
        else
            Put(new Lir { Opcode = Alu64 | Mov | K, Dst = register, Src = -1, Imm = (int)_f.Values[other].Imm, Slot = -1, IsConditional = true });
    }

    private static bool IsCommutative(IrOp op) => op is IrOp.Add or IrOp.Mul or IrOp.And or IrOp.Or or IrOp.Xor;

    private static (int Op, int Offset) CodeOf(IrOp op) => op switch
    {
        IrOp.Add => (Add, 0),
        IrOp.Sub => (Sub, 0),
        IrOp.Mul => (Mul, 0),
        IrOp.UDiv => (Div, 0),
        IrOp.UMod => (Mod, 0),
        IrOp.SDiv => (Div, 1),
        IrOp.SMod => (Mod, 1),
        IrOp.Or => (Or, 0),
        IrOp.And => (And, 0),
        IrOp.Xor => (Xor, 0),
        IrOp.Shl => (Lsh, 0),
        IrOp.Shr => (Rsh, 0),
        IrOp.Sar => (Arsh, 0),
        _ => throw new NotSupportedException($"{op} has no eBPF instruction"),
    };
}
