using Hachi.Ir;
using Hachi.Isa;
using Hachi.Uapi;
using Hachi.Vm.Machine;
using static Hachi.Isa.Opcode;
using static Hachi.Vm.Machine.DecodedInsn;

namespace Hachi.Vm.Jit.Lift;

/// <content>Single instructions.</content>
internal sealed partial class EbpfLifter
{
    private void LiftInsn(int slot, in DecodedInsn insn)
    {
        switch (insn.Code & ClassMask)
        {
            case Alu or Alu64:
                _env[insn.Dst] = Arithmetic(insn);
                break;
            case Ldx:
                _env[insn.Dst] = Load(slot, insn);
                break;
            case St or Stx:
                Store(slot, insn);
                break;
            case Ld when insn.Code == LdImm64:
                _env[insn.Dst] = _f.Const64((ulong)insn.Imm);
                break;
            case Ld:
                LoadPacket(slot, insn);
                break;
            default:
                Call(slot, insn);
                break;
        }
    }

    private int Arithmetic(in DecodedInsn insn)
    {
        int size = (insn.Code & ClassMask) == Alu64 ? 8 : 4, op = insn.Code & OpMask, form = insn.Code & ~0xff;
        int dst = _env[insn.Dst];
        if (op == Opcode.End)
        {
            int bytes = form switch { 0 => 2, Form1 => 4, _ => 8 };
            bool swaps = size == 8 || (insn.Code & SourceMask) == ToBe;
            return swaps ? _make.Swap(dst, bytes) : bytes == 8 ? dst : _make.Zext(dst, bytes);
        }
        if (op == Neg)
            return _make.Neg(size, dst);
        int src = (insn.Code & SourceMask) != 0 ? Register(insn.Src) : _f.Const64((ulong)insn.Imm);
        if (op == Mov && form != 0)
        {
            int bytes = form switch { Form1 => 1, Form2 => 2, _ => 4 };
            return size == 8 ? _make.Sext(src, bytes) : _make.Zext(_make.Sext(src, bytes), 4);
        }
        var alu = (AluOp)((op >> 4) + (form != 0 ? 16 : 0));
        return _make.Make(alu, size, dst, src);
    }

    private int Load(int slot, in DecodedInsn insn)
    {
        int size = SizeOf(insn.Code);
        bool isSigned = (insn.Code & ModeMask) == Memsx;
        int variable = _stack.VariableAt(slot);
        int value;
        if (variable >= 0)
            value = _env[FirstSlot + variable];
        else if (ContextPointer(insn, size, out int stateOffset))
            value = LoadState(stateOffset, 8, slot);
        else
            value = Add(Access(IrEffectKind.Load, size, Register(insn.Src), insn.Offset, slot));
        return isSigned ? _make.Sext(value, size) : value;
    }

    // A context field that is a pointer: it stands in the machine's state.
    private bool ContextPointer(in DecodedInsn insn, int size, out int stateOffset)
    {
        stateOffset = 0;
        ref IrValue address = ref _f.Values[Register(insn.Src)];
        if (_facts.Layout is null || address.Op != IrOp.Const)
            return false;
        ulong at = address.Imm + (ulong)insn.Offset;
        if (Region.NumberOf(at) != Region.Context || _facts.Layout.PointerAt((uint)at, size) is not { } field)
            return false;
        stateOffset = field.StateOffset;
        return true;
    }

    private int LoadState(int offset, int size, int slot) => Add(new IrEffect
    {
        Kind = IrEffectKind.Load,
        Size = (byte)size,
        Access = IrAccess.Host,
        Address = _f.Intern(IrOp.State, 8, 0, 0, 0, -1),
        Displacement = offset,
        Origin = slot,
    });

    private void StoreState(int offset, int size, int value, int slot) => Add(new IrEffect
    {
        Kind = IrEffectKind.Store,
        Size = (byte)size,
        Access = IrAccess.Host,
        Address = _f.Intern(IrOp.State, 8, 0, 0, 0, -1),
        Displacement = offset,
        Source = value,
        Origin = slot,
    });

    private void Store(int slot, in DecodedInsn insn)
    {
        int size = SizeOf(insn.Code);
        if ((insn.Code & ModeMask) == Atomic)
        {
            Modify(slot, insn, size);
            return;
        }
        int value = (insn.Code & ClassMask) == St ? _f.Const64((ulong)insn.Imm) : Register(insn.Src);
        int variable = _stack.VariableAt(slot);
        if (variable >= 0)
        {
            _env[FirstSlot + variable] = size == 8 ? value : _make.Zext(value, size);
            return;
        }
        IrEffect effect = Access(IrEffectKind.Store, size, Register(insn.Dst), insn.Offset, slot);
        effect.Source = Stored(value, size);
        Add(effect);
    }

    // What a store of so many bytes needs of a value: extensions before it are idle.
    private int Stored(int value, int size)
    {
        while (_f.Values[value] is { Op: IrOp.ZeroExtend or IrOp.SignExtend } v && v.Size >= size)
            value = v.A;
        return _f.Values[value].Op == IrOp.Const ? _f.Const64(Semantics.Truncate(_f.Values[value].Imm, size * 8)) : value;
    }

    private void Modify(int slot, in DecodedInsn insn, int size)
    {
        if (insn.Imm == LoadAcq)
        {
            _env[insn.Dst] = Add(Access(IrEffectKind.Load, size, Register(insn.Src), insn.Offset, slot));
            Add(new IrEffect { Kind = IrEffectKind.Fence, Origin = slot });
            return;
        }
        IrEffect effect = Access(IrEffectKind.Atomic, size, Register(insn.Dst), insn.Offset, slot);
        effect.Source = Register(insn.Src);
        if (insn.Imm == StoreRel)
        {
            Add(new IrEffect { Kind = IrEffectKind.Fence, Origin = slot });
            effect.Kind = IrEffectKind.Store;
            effect.Source = Stored(effect.Source, size);
            Add(effect);
            return;
        }
        effect.Code = (int)insn.Imm;
        effect.Compare = _env[0];
        int old = Add(effect);
        if (insn.Imm == Cmpxchg)
            _env[0] = old;
        else if ((insn.Imm & Fetch) != 0)
            _env[insn.Src] = old;
    }

    // An access to guest memory: constant parts of the address go into the displacement.
    private IrEffect Access(IrEffectKind kind, int size, int address, int displacement, int slot)
    {
        ref IrValue v = ref _f.Values[address];
        if (v.Op == IrOp.Add && v.Size == 8 && _f.Values[v.B].Op == IrOp.Const && (long)_f.Values[v.B].Imm + displacement is var sum and >= -(1 << 30) and < 1 << 30)
            (address, displacement) = (v.A, (int)sum);
        return new IrEffect { Kind = kind, Size = (byte)size, Access = IrAccess.Checked, Address = address, Displacement = displacement, Origin = slot };
    }

    private void MayGoto(int b, int slot, in DecodedInsn insn)
    {
        ref FlowBlock block = ref _flow.Blocks[b];
        int left = LoadState(MachineState.MayGotoLeftOffset, 8, slot);
        int spend = _f.NewBlock(), leave = _f.NewBlock();
        _f.Branch(_block, IrCompare.Eq64, left, IrFunction.Zero, leave, spend, slot);
        _block = spend;
        StoreState(MachineState.MayGotoLeftOffset, 8, _make.Make(AluOp.Sub, 8, left, _f.Const(1)), slot);
        if (block.Next >= 0 && block.Next != block.Taken)
        {
            _edges[b * 2 + 1] = (spend, true);
            _f.Goto(spend, _irBlocks[block.Next]);
            _block = leave;
            Go(b, slot, block.Taken, insn.Offset <= slot);
            return;
        }
        _f.Goto(leave, spend);
        Go(b, slot, block.Taken, insn.Offset <= slot);
    }

    private void LoadPacket(int slot, in DecodedInsn insn)
    {
        int size = SizeOf(insn.Code);
        int offset = (insn.Code & ModeMask) == Ind
            ? _make.Sext(_make.Make(AluOp.Add, 8, Register(insn.Src), _f.Const64((ulong)insn.Imm)), 4)
            : _f.Const64((ulong)insn.Imm);
        int args = _f.AddEdgeArgs([offset, _f.Const((uint)size), IrFunction.Zero, IrFunction.Zero, IrFunction.Zero]);
        int value = Add(new IrEffect { Kind = IrEffectKind.CallHelper, Size = 8, Code = Invocation.LoadPacketHelper, Source = args, Origin = slot });
        int missing = _f.NewBlock(), found = _f.NewBlock();
        _f.Return(missing, IrFunction.Zero);
        _f.Branch(_block, IrCompare.Gt64, value, _f.Const(uint.MaxValue), missing, found, slot);
        _block = found;
        _env[0] = _make.Zext(value, 4);
    }
}
