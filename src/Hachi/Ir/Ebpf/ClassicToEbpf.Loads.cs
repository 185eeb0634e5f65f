using Hachi.Isa;
using static Hachi.Isa.Opcode;
using C = Hachi.Isa.ClassicOpcode;

namespace Hachi.Ir.Ebpf;

/// <summary>Loads: from the packet by instruction or through a guarded pointer, from memory, from the context.</summary>
public sealed partial class ClassicToEbpf
{
    private string? Load(ReadOnlySpan<ClassicInsn> insns, int pc)
    {
        ClassicInsn insn = insns[pc];
        int register = (insn.Code & C.ClassMask) == C.Ld ? RegA : RegX;
        switch (insn.Code & C.ModeMask)
        {
            case C.Imm:
                Put(new Insn(Alu | Mov | K, register, 0, 0, (int)insn.K));
                return null;
            case C.Mem:
                Put(new Insn(Ldx | Dw | Mem, register, Frame, -8 * ((int)(insn.K & 15) + 1)));
                return null;
            case C.Len:
                LoadLength(register);
                return null;
            case C.Abs when insn.K >= Extension.Base:
                return LoadExtension(insn.K);
            case C.Abs:
                Absolute(insns, pc, register);
                return null;
            case C.Msh:
                HeaderLength(insns, pc);
                return null;
            default:
                Indirect(insns, pc);
                return null;
        }
    }

    private void Absolute(ReadOnlySpan<ClassicInsn> insns, int pc, int register)
    {
        ClassicInsn insn = insns[pc];
        if (_options.Access == PacketAccess.Loads)
        {
            if (insn.K > int.MaxValue)
                Reject(); // would be taken for a negative offset
            else
                Put(new Insn(Ld | (insn.Code & C.SizeMask) | Abs, 0, 0, 0, (int)insn.K));
            return;
        }
        if (Guard(insns, pc))
            Direct(insn, register, Start, (int)insn.K);
    }

    /// <summary>Makes sure that the loads of this block lie in the packet; false when they never can.</summary>
    private bool Guard(ReadOnlySpan<ClassicInsn> insns, int pc)
    {
        int need = _facts.Need(insns, pc, false);
        if (need > PacketMax)
        {
            Reject();
            return false;
        }
        if (need <= _facts[pc].Absolute)
            return true;
        Put(new Insn(Alu64 | Mov | X, Pointer, Start));
        Put(new Insn(Alu64 | Add | K, Pointer, 0, 0, need));
        Jump(new Insn(Jmp | Jgt | X, Pointer, End), RejectLabel);
        return true;
    }

    private void HeaderLength(ReadOnlySpan<ClassicInsn> insns, int pc)
    {
        ClassicInsn insn = insns[pc];
        if (_options.Access == PacketAccess.Loads)
        {
            if (insn.K > int.MaxValue)
            {
                Reject();
                return;
            }
            bool keepsA = (_facts[pc].Written & ClassicFacts.WrittenA) != 0;
            if (keepsA)
                Put(new Insn(Alu | Mov | X, End, RegA)); // r8 is free in this form
            Put(new Insn(Ld | B | Abs, 0, 0, 0, (int)insn.K));
            Put(new Insn(Alu | And | K, RegA, 0, 0, 15));
            Put(new Insn(Alu | Lsh | K, RegA, 0, 0, 2));
            Put(new Insn(Alu | Mov | X, RegX, RegA));
            if (keepsA)
                Put(new Insn(Alu | Mov | X, RegA, End));
            return;
        }
        if (!Guard(insns, pc))
            return;
        Put(new Insn(Ldx | B | Mem, RegX, Start, (int)insn.K));
        Put(new Insn(Alu | And | K, RegX, 0, 0, 15));
        Put(new Insn(Alu | Lsh | K, RegX, 0, 0, 2));
    }

    private void Indirect(ReadOnlySpan<ClassicInsn> insns, int pc)
    {
        ClassicInsn insn = insns[pc];
        int need = _facts.Need(insns, pc, true);
        if (need > PacketMax)
        {
            Reject();
            return;
        }
        bool bounded = _facts[pc].X <= 0x7fff - (uint)Math.Min(need, 0x7fff);
        if (_options.Access == PacketAccess.Loads)
        {
            if (!bounded) // the kernel computes the offset in 32 bits and takes negative ones for something else
                Jump(new Insn(Jmp32 | Jgt | K, RegX, 0, 0, int.MaxValue - need), RejectLabel);
            Put(new Insn(Ld | (insn.Code & C.SizeMask) | Ind, 0, RegX, 0, (int)insn.K));
            return;
        }
        if (_facts[pc].Indexed < need)
        {
            if (_facts[pc].Indexed < 0)
            {
                if (!bounded)
                    Jump(new Insn(Jmp32 | Jgt | K, RegX, 0, 0, PacketMax - need), RejectLabel);
                Put(new Insn(Alu | Mov | X, Indexed, RegX));
                Put(new Insn(Alu64 | Add | X, Indexed, Start));
            }
            Put(new Insn(Alu64 | Mov | X, Pointer, Indexed));
            Put(new Insn(Alu64 | Add | K, Pointer, 0, 0, need));
            Jump(new Insn(Jmp | Jgt | X, Pointer, End), RejectLabel);
        }
        Direct(insn, RegA, Indexed, (int)insn.K);
    }

    /// <summary>Loads through a pointer and turns network order into the machine's. Offsets beyond 15 bits go through a pointer of their own.</summary>
    private void Direct(ClassicInsn insn, int register, int pointer, int offset)
    {
        if (offset > short.MaxValue)
        {
            Put(new Insn(Alu64 | Mov | X, Scratch, pointer));
            Put(new Insn(Alu64 | Add | K, Scratch, 0, 0, offset));
            (pointer, offset) = (Scratch, 0);
        }
        Put(new Insn(Ldx | (insn.Code & C.SizeMask) | Mem, register, pointer, offset));
        int bits = ClassicFacts.SizeOf(insn) * 8;
        if (bits > 8)
            Put(new Insn(Alu | Opcode.End | ToBe, register, 0, 0, bits));
    }

    private void LoadLength(int register)
    {
        if (_options.Access == PacketAccess.DirectXdp)
        {
            Put(new Insn(Alu64 | Mov | X, register, End));
            Put(new Insn(Alu64 | Sub | X, register, Start));
            return;
        }
        Put(new Insn(Ldx | W | Mem, register, Context, SkBuff.Len));
    }

    private string? LoadExtension(uint k)
    {
        if (_options.Access == PacketAccess.DirectXdp)
            return "XDP programs have no packet metadata";
        int field = k switch
        {
            Extension.Proto => SkBuff.Protocol,
            Extension.PktType => SkBuff.PktType,
            Extension.IfIndex => SkBuff.IfIndex,
            Extension.Mark => SkBuff.Mark,
            Extension.Queue => SkBuff.QueueMapping,
            Extension.RxHash => SkBuff.Hash,
            Extension.VlanTci => SkBuff.VlanTci,
            Extension.VlanAvail => SkBuff.VlanPresent,
            Extension.VlanTpid => SkBuff.VlanProto,
            _ => -1,
        };
        switch (k)
        {
            case Extension.AluXorX:
                Put(new Insn(Alu | Xor | X, RegA, RegX));
                return null;
            case Extension.Cpu:
            case Extension.Random:
                if (_options.Access != PacketAccess.Loads)
                    return "a helper call would lose the guarded pointers of this form";
                Put(new Insn(Jmp | Call, 0, 0, 0, k == Extension.Cpu ? 8 : 7)); // get_smp_processor_id, get_prandom_u32
                return null;
        }
        if (field < 0)
            return "the filter accessors poff, nla, nlan and hatype have no eBPF spelling";
        Put(new Insn(Ldx | W | Mem, RegA, Context, field));
        if (k is Extension.Proto or Extension.VlanTpid)
            Put(new Insn(Alu | Opcode.End | ToBe, RegA, 0, 0, 16));
        return null;
    }

    /// <summary>Offsets of the fields of <c>struct __sk_buff</c> (linux/bpf.h).</summary>
    private static class SkBuff
    {
        public const int Len = 0, PktType = 4, Mark = 8, QueueMapping = 12, Protocol = 16, VlanPresent = 20, VlanTci = 24, VlanProto = 28,
            IfIndex = 40, Hash = 68, Data = 76, DataEnd = 80;
    }

    /// <summary>Offsets of the fields of <c>struct xdp_md</c> (linux/bpf.h).</summary>
    private static class XdpMd
    {
        public const int Data = 0, DataEnd = 4;
    }
}
