using Hachi.Isa;
using static Hachi.Isa.Opcode;

namespace Hachi.Ir.Emit;

/// <content>Memory and calls.</content>
internal sealed partial class Selector
{
    private void SelectEffect(int e)
    {
        IrEffect effect = _f.Effects[e];
        switch (effect.Kind)
        {
            case IrEffectKind.Load:
                (int address, int offset, int slot) = AddressOf(effect.Address, effect.Displacement);
                Put(new Lir { Opcode = (byte)(Ldx | Mem | SizeBits(effect.Size)), Dst = Define(effect.Value), Src = address, Offset = (short)offset, Slot = slot });
                return;
            case IrEffectKind.Store:
                Store(effect);
                return;
            case IrEffectKind.Clear:
                Clear(effect);
                return;
            case IrEffectKind.Atomic:
                Atomic(effect);
                return;
            case IrEffectKind.CallHelper or IrEffectKind.CallLocal:
                Call(effect);
                return;
            default:
                throw new NotSupportedException($"{effect.Kind} has no eBPF instruction");
        }
    }

    private int Define(int value) => _register[value] = _to.NewRegister();

    // Base register, displacement and slot of an access.
    private (int Register, int Offset, int Slot) AddressOf(int address, int displacement)
    {
        IrValue v = _f.Values[address];
        if (v.Op == IrOp.SlotAddress)
            return (Limits.FramePointer, v.B + displacement, (int)v.Imm);
        if (v.Op == IrOp.Frame)
            return (Limits.FramePointer, displacement, -1);
        if (displacement == (short)displacement)
            return (Register(address), displacement, -1);
        int far = _to.NewRegister();
        Move(far, Register(address));
        Put(new Lir { Opcode = Alu64 | Add | K, Dst = far, Imm = displacement, Src = -1, Slot = -1 });
        return (far, 0, -1);
    }

    private void Store(in IrEffect effect)
    {
        (int address, int offset, int slot) = AddressOf(effect.Address, effect.Displacement);
        IrValue source = _f.Values[effect.Source];
        // Kernels before 6.4 refuse an immediate stored to the context.
        bool isImmediate = source.Op == IrOp.Const && _f.Values[effect.Address].Op != IrOp.Param && (effect.Size < 8 || (long)source.Imm == (int)source.Imm);
        if (isImmediate)
        {
            int imm = effect.Size switch { 1 => (sbyte)source.Imm, 2 => (short)source.Imm, _ => (int)source.Imm };
            Put(new Lir { Opcode = (byte)(St | Mem | SizeBits(effect.Size)), Dst = address, Src = -1, Offset = (short)offset, Imm = imm, Slot = slot });
            return;
        }
        Put(new Lir { Opcode = (byte)(Stx | Mem | SizeBits(effect.Size)), Dst = address, Src = Register(effect.Source), Offset = (short)offset, Slot = slot });
    }

    // Each store as wide as its place allows: the verifier wants accesses to the stack aligned.
    private void Clear(in IrEffect effect)
    {
        (int address, int offset, int slot) = AddressOf(effect.Address, effect.Displacement);
        for (int at = 0; at < effect.Code;)
        {
            int size = 8;
            while (size > effect.Code - at || ((offset + at) & (size - 1)) != 0)
                size /= 2;
            Put(new Lir { Opcode = (byte)(St | Mem | SizeBits(size)), Dst = address, Src = -1, Offset = (short)(offset + at), Slot = slot });
            at += size;
        }
    }

    private void Atomic(in IrEffect effect)
    {
        (int address, int offset, int slot) = AddressOf(effect.Address, effect.Displacement);
        int operation = effect.Code, source;
        if (operation == Cmpxchg || (operation & Fetch) == 0)
            source = Register(effect.Source);
        else
            LoadInto(source = _to.NewRegister(), effect.Source); // what memory held takes its place
        if (operation == Cmpxchg)
            LoadInto(0, effect.Compare);
        Put(new Lir { Opcode = (byte)(Stx | Opcode.Atomic | SizeBits(effect.Size)), Dst = address, Src = source, Offset = (short)offset, Imm = operation, Slot = slot });
        if ((operation & Fetch) == 0)
            return;
        if (operation == Cmpxchg)
            Move(Define(effect.Value), 0);
        else
            _register[effect.Value] = source;
        if (operation == Cmpxchg && effect.Size == 4) // kernels were seen to leave the upper half of r0 as it was when the exchange took place
            Put(new Lir { Opcode = Alu | Mov | X, Dst = _register[effect.Value], Src = _register[effect.Value], Slot = -1 });
    }

    private void Call(in IrEffect effect)
    {
        for (int i = 0; i < effect.Displacement; i++)
            LoadInto(i + 1, _f.EdgeArgs[effect.Source + i]);
        int pseudo = effect.Kind == IrEffectKind.CallLocal ? Pseudo.Call : 0;
        Put(new Lir { Kind = LirKind.Call, Opcode = Jmp | Opcode.Call, Pseudo = (byte)pseudo, Count = (byte)effect.Displacement, Dst = 0, Src = -1, Imm = effect.Code, Slot = -1 });
        if (_placement.UsesOf(effect.Value) > 0)
            Move(Define(effect.Value), 0);
    }
}
