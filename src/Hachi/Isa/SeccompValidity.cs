using Hachi.Text;
using static Hachi.Isa.ClassicOpcode;

namespace Hachi.Isa;

/// <summary>What the kernel accepts as a seccomp filter: the rules of <c>bpf_check_classic</c>, and those of <c>seccomp_check_filter</c> (kernel/seccomp.c) on top.</summary>
public static class SeccompValidity
{
    private const uint DataBytes = 64;

    /// <summary>What the kernel would refuse, in program order; empty for a valid filter.</summary>
    public static IReadOnlyList<InvalidInsn> Check(ReadOnlySpan<ClassicInsn> insns)
    {
        var found = new List<InvalidInsn>(ClassicValidity.Check(insns));
        for (int i = 0; i < insns.Length; i++)
        {
            ClassicInsn insn = insns[i];
            if (ClassicTable.Find(insn.Code) is not { } form)
                continue;
            if (insn.Code == (Ld | W | Abs))
            {
                if (insn.K >= DataBytes || insn.K % 4 != 0)
                    found.Add(new InvalidInsn(i, DiagnosticTable.SeccompOffset.At(default, insn.K)));
            }
            else if (!IsAllowed(insn.Code))
            {
                found.Add(new InvalidInsn(i, DiagnosticTable.SeccompInstruction.At(default, form.Mnemonic)));
            }
        }
        return found;
    }

    private static bool IsAllowed(int code) => (code & ClassMask) switch
    {
        Ld => code is (Ld | W | Len) or (Ld | Imm) or (Ld | Mem),
        Ldx => code is (Ldx | W | Len) or (Ldx | Imm) or (Ldx | Mem),
        Alu => (code & OpMask) != Mod,
        _ => true,
    };
}
