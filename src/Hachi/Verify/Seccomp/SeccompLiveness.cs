using Hachi.Isa;
using static Hachi.Isa.ClassicOpcode;

namespace Hachi.Verify.Seccomp;

/// <summary>Which registers are still read from each instruction of a valid filter on: bit 0 to 15 M[], 16 A, 17 X.</summary>
internal static class SeccompLiveness
{
    private const uint RegA = 1u << Limits.ClassicMemoryWords, RegX = RegA << 1;

    public static uint[] Of(ReadOnlySpan<ClassicInsn> insns)
    {
        var live = new uint[insns.Length + 1];
        for (int pc = insns.Length - 1; pc >= 0; pc--)
        {
            ClassicInsn insn = insns[pc];
            uint after = live[pc + 1], x = (insn.Code & X) != 0 ? RegX : 0;
            live[pc] = (insn.Code & ClassMask) switch
            {
                Ld => (after & ~RegA) | Read(insn),
                Ldx => (after & ~RegX) | Read(insn),
                St => (after & ~(1u << (int)insn.K)) | RegA,
                Stx => (after & ~(1u << (int)insn.K)) | RegX,
                Alu => after | RegA | x,
                Jmp when (insn.Code & OpMask) == Ja => live[pc + 1 + (int)insn.K],
                Jmp => live[pc + 1 + insn.Jt] | live[pc + 1 + insn.Jf] | RegA | x,
                Ret => (insn.Code & 0x18) == ClassicOpcode.A ? RegA : 0,
                _ when insn.Code == (Misc | Tax) => (after & ~RegX) | RegA,
                _ => (after & ~RegA) | RegX,
            };
        }
        return live;
    }

    private static uint Read(ClassicInsn insn) => (insn.Code & ModeMask) == Mem ? 1u << (int)insn.K : 0;
}
