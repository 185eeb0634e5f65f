using Hachi.Isa;
using static Hachi.Isa.Opcode;

namespace Hachi.Tests.Support;

/// <summary>Hides from a verifier what it knows of the operands of conditional jumps, without changing what a program does.</summary>
internal static class HiddenRanges
{
    /// <summary>
    /// In front of each conditional jump its operands get an exclusive or with a word of the context that is zero, which no verifier can know. Jumps on the scratch register stay: they
    /// count loops, whose end a verifier has to see.
    /// </summary>
    /// <param name="insns">The program; functions behind the main one hold no conditional jumps.</param>
    /// <param name="scratch">A register that is free in front of conditional jumps.</param>
    /// <param name="context">The register that points at the context.</param>
    /// <param name="zero">Offset of the word of zeros.</param>
    public static Insn[] Rewrite(ReadOnlySpan<Insn> insns, int scratch, int context, int zero)
    {
        var code = new List<Insn>();
        int[] moved = new int[insns.Length + 1], at = new int[insns.Length];
        for (int i = 0; i < insns.Length; i++)
        {
            moved[i] = code.Count;
            Insn insn = insns[i];
            if (IsConditional(insn) && insn.Dst != scratch)
            {
                code.Add(new Insn(Ldx | Mem | Dw, scratch, context, zero));
                code.Add(new Insn(Alu64 | Xor | X, insn.Dst, scratch));
                if ((insn.Opcode & X) != 0 && insn.Src != insn.Dst)
                    code.Add(new Insn(Alu64 | Xor | X, insn.Src, scratch));
            }
            at[i] = code.Count;
            code.Add(insn);
        }
        moved[insns.Length] = code.Count;
        for (int i = 0; i < insns.Length; i++)
        {
            Insn insn = insns[i];
            if (insn.Opcode == (Jmp | Call) && insn.Src == Pseudo.Call)
                code[at[i]] = insn with { Imm = moved[i + 1 + insn.Imm] - at[i] - 1 };
            else if (IsConditional(insn) || insn.Opcode == (Jmp | Ja))
                code[at[i]] = insn with { Offset = (short)(moved[i + 1 + insn.Offset] - at[i] - 1) };
        }
        return [.. code];
    }

    private static bool IsConditional(Insn insn) => (insn.Opcode & ClassMask) is Jmp or Jmp32 && (insn.Opcode & OpMask) is not (Ja or Call or Exit);
}
