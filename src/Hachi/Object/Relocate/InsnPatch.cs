using Hachi.Btf;
using Hachi.Btf.Relocate;
using Hachi.Isa;

namespace Hachi.Object.Relocate;

/// <summary>Puts numbers into instructions.</summary>
internal static class InsnPatch
{
    /// <summary>
    /// Number of the call that stands where something is missing: there is no such helper, so the verifier refuses programs that can get there, and only those. libbpf uses the same number, so that
    /// logs read the same.
    /// </summary>
    public const int PoisonedCall = 0xbad2310;

    /// <summary>Replaces an instruction by the call that is none; a wide one by two.</summary>
    public static void Poison(Span<Insn> insns, int slot, int call = PoisonedCall)
    {
        bool isWide = insns[slot].IsWide && slot + 1 < insns.Length;
        insns[slot] = new Insn(Opcode.Jmp | Opcode.Call, 0, 0, 0, call);
        if (isWide)
            insns[slot + 1] = insns[slot];
    }

    /// <summary>Fills in a relocation; says what is wrong, or null.</summary>
    /// <param name="insns">The program.</param>
    /// <param name="slot">The instruction.</param>
    /// <param name="answer">What the kernel's types say.</param>
    /// <param name="poisoned">Why the instruction became the call that is none although the kernel has the field; null where it did not.</param>
    public static string? Apply(Span<Insn> insns, int slot, CoreAnswer answer, out string? poisoned)
    {
        poisoned = null;
        if (answer.IsMissing)
        {
            Poison(insns, slot);
            return null;
        }
        Insn insn = insns[slot];
        (PathValue own, PathValue target) = (answer.Local, answer.Target);
        switch (insn.Opcode & Opcode.ClassMask)
        {
            case Opcode.Alu or Opcode.Alu64 when (insn.Opcode & Opcode.SourceMask) == Opcode.K:
                if (own.IsCertain && (uint)insn.Imm != (uint)own.Value)
                    return Differs((uint)insn.Imm, (uint)own.Value);
                insns[slot] = insn with { Imm = (int)target.Value };
                return null;
            case Opcode.Ldx or Opcode.St or Opcode.Stx:
                if (answer.Local.FieldBytes != answer.Target.FieldBytes && !answer.IsResizable)
                {
                    poisoned = $"the field has {Size(answer.Target)} in the kernel and {Size(own)} in the object, and is neither a pointer nor unsigned in both";
                    Poison(insns, slot);
                    return null;
                }
                return Access(ref insns[slot], answer);
            case Opcode.Ld when insn.IsWide && slot + 1 < insns.Length && insn.Src == 0 && insns[slot + 1].Opcode == 0:
                ulong wide = (ulong)Insn.WideImm(insn, insns[slot + 1]);
                if (own.IsCertain && wide != own.Value)
                    return Differs(wide, own.Value);
                insns[slot] = insn with { Imm = (int)target.Value };
                insns[slot + 1] = insns[slot + 1] with { Imm = (int)(target.Value >> 32) };
                return null;
            default:
                return $"instruction 0x{insn.Opcode:x2} takes no such number";
        }
    }

    private static string? Access(ref Insn insn, CoreAnswer answer)
    {
        (PathValue own, PathValue target) = (answer.Local, answer.Target);
        if (own.IsCertain && (ulong)insn.Offset != own.Value)
            return Differs((ulong)insn.Offset, own.Value);
        if (target.Value > (ulong)short.MaxValue)
            return $"offset {target.Value} in the kernel does not fit an instruction";
        int opcode = insn.Opcode;
        if (own.FieldBytes != target.FieldBytes)
        {
            if (Opcode.SizeOf(opcode) != own.FieldBytes || SizeBits(target.FieldBytes) is not { } size)
                return $"an access of {Opcode.SizeOf(opcode)} bytes to a field of {own.FieldBytes} bytes, which has {target.FieldBytes} in the kernel";
            opcode = opcode & ~Opcode.SizeMask | size;
        }
        insn = insn with { Opcode = (byte)opcode, Offset = (short)target.Value };
        return null;
    }

    private static string Size(in PathValue field) => field.FieldBytes == 0 ? "some bits" : $"{field.FieldBytes} bytes";

    private static int? SizeBits(uint bytes) => bytes switch { 1 => Opcode.B, 2 => Opcode.H, 4 => Opcode.W, 8 => Opcode.Dw, _ => null };

    private static string Differs(ulong there, ulong expected) => $"the instruction has {there} where the object's types say {expected}: it was changed, or does not belong to these types";
}
