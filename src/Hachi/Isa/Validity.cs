using Hachi.Text;
using static Hachi.Isa.Opcode;

namespace Hachi.Isa;

/// <summary>Whose rules <see cref="Validity"/> applies.</summary>
public enum ValidityRules : byte
{
    /// <summary>RFC 9669 and the extensions in <see cref="OpTable"/>: what an engine can run.</summary>
    Standard,

    /// <summary>Also what Linux refuses before it looks at data flow: constant shifts and divisions, length, falling off the end, jumps between functions.</summary>
    Kernel,
}

/// <summary>
/// Structural validity of eBPF: every slot is an instruction with reserved fields zero, registers exist, r10 is not written, jumps and calls land on
/// instructions. It says nothing about data: that is a verifier's work.
/// </summary>
public static class Validity
{
    /// <summary>Whether the program is well formed.</summary>
    public static bool IsValid(ReadOnlySpan<Insn> insns, ValidityRules rules = ValidityRules.Standard) => Check(insns, rules).Count == 0;

    /// <summary>What is wrong with the program, in program order; empty when it is well formed.</summary>
    public static IReadOnlyList<InvalidInsn> Check(ReadOnlySpan<Insn> insns, ValidityRules rules = ValidityRules.Standard)
    {
        var found = new List<InvalidInsn>();
        if (insns.Length is 0 or > Limits.InsnsMax)
        {
            Report(found, 0, DiagnosticTable.InsnProgramLength, insns.Length, Limits.InsnsMax);
            return found;
        }
        bool[] middle = new bool[insns.Length];
        for (int i = 0; i < insns.Length; i++)
        {
            CheckSlot(found, insns, i, rules);
            if (insns[i].IsWide && i + 1 < insns.Length)
                middle[++i] = true;
        }
        for (int i = 0; i < insns.Length; i++)
            if (!middle[i] && TargetOf(insns[i], i) is { } target)
                CheckTarget(found, i, target, middle);
        if (rules == ValidityRules.Kernel && found.Count == 0)
            CheckFunctions(found, insns, middle);
        return [.. found.OrderBy(invalid => invalid.Index)];
    }

    /// <summary>The slot that a jump, a local call or a function pointer names, or null for other instructions. It may lie outside the program.</summary>
    /// <param name="insn">The instruction (its first slot).</param>
    /// <param name="index">Its slot.</param>
    public static long? TargetOf(in Insn insn, int index)
    {
        int op = insn.Opcode & OpMask;
        if (insn.Opcode == LdImm64)
            return insn.Src == Pseudo.Func ? index + 1L + insn.Imm : null;
        if (!IsJump(insn.Opcode))
            return null;
        if (insn.Opcode == (Jmp32 | Ja))
            return index + 1L + insn.Imm;
        if (insn.Opcode == (Jmp | Call))
            return insn.Src == Pseudo.Call ? index + 1L + insn.Imm : null;
        bool none = op is Exit or Call || insn.Opcode == (Jmp | Ja | X);
        return none ? null : index + 1L + insn.Offset;
    }

    private static void CheckSlot(List<InvalidInsn> found, ReadOnlySpan<Insn> insns, int index, ValidityRules rules)
    {
        Insn insn = insns[index];
        OpForm? form = OpTable.Find(insn);
        if (form is null)
        {
            ReportMismatch(found, insn, index);
            return;
        }
        if (form.WritesDst && insn.Dst == Limits.FramePointer || form.WritesSrc && insn.Src == Limits.FramePointer)
            Report(found, index, DiagnosticTable.InsnFramePointer);
        if (form.Slots == 2)
            CheckWide(found, insns, index, form);
        if (rules == ValidityRules.Kernel)
            CheckKernel(found, insn, index, form);
    }

    private static void CheckWide(List<InvalidInsn> found, ReadOnlySpan<Insn> insns, int index, OpForm form)
    {
        if (index + 1 >= insns.Length)
        {
            Report(found, index, DiagnosticTable.InsnWideCut);
            return;
        }
        Insn next = insns[index + 1];
        string? field = next.Opcode != 0 ? "opcode" : next.Dst != 0 ? "dst" : next.Src != 0 ? "src" : next.Offset != 0 ? "offset"
            : form.NextImm is { } imm && next.Imm != imm ? "imm" : null;
        if (field is not null)
            Report(found, index + 1, DiagnosticTable.InsnWideField, field);
    }

    private static void CheckKernel(List<InvalidInsn> found, in Insn insn, int index, OpForm form)
    {
        if (form.Kernel is null)
            Report(found, index, DiagnosticTable.InsnNotLoadable, form.Mnemonic);
        if (form.Shape != Shape.AluImm)
            return;
        int op = insn.Opcode & OpMask;
        bool refused = op is Div or Mod && insn.Imm == 0 || op is Lsh or Rsh or Arsh && (uint)insn.Imm >= (uint)form.Bits;
        if (refused)
            Report(found, index, DiagnosticTable.InsnImmediate, form.Mnemonic, insn.Imm);
    }

    private static void ReportMismatch(List<InvalidInsn> found, in Insn insn, int index)
    {
        ReadOnlySpan<OpForm> forms = OpTable.ByOpcode(insn.Opcode);
        if (forms.IsEmpty)
        {
            Report(found, index, DiagnosticTable.InsnUnknown, insn.Opcode);
            return;
        }
        // Blame the field that the nearest form does not have: that with the most fields right.
        (string Field, int Value, bool IsRegister) worst = default;
        int best = -1;
        foreach (OpForm form in forms)
        {
            int right = 0;
            (string, int, bool) wrong = default;
            Count(form.Imm, insn.Imm, "imm", false, ref right, ref wrong);
            Count(form.Offset, insn.Offset, "offset", false, ref right, ref wrong);
            Count(form.Src, insn.Src, "src", true, ref right, ref wrong);
            Count(form.Dst, insn.Dst, "dst", true, ref right, ref wrong);
            if (right > best)
                (best, worst) = (right, wrong);
        }
        if (worst.IsRegister)
            Report(found, index, DiagnosticTable.InsnRegister, worst.Value);
        else
            Report(found, index, DiagnosticTable.InsnField, insn.Opcode, worst.Field, worst.Value);

        static void Count(int? rule, int value, string field, bool isRegister, ref int right, ref (string, int, bool) wrong)
        {
            if (rule is null ? !isRegister || value < Limits.Registers : rule == value)
                right++;
            else
                wrong = (field, value, rule is null);
        }
    }

    private static void CheckTarget(List<InvalidInsn> found, int index, long target, bool[] middle)
    {
        if (target < 0 || target >= middle.Length)
            Report(found, index, DiagnosticTable.InsnJumpRange, target, middle.Length);
        else if (middle[target])
            Report(found, index, DiagnosticTable.InsnJumpMiddle, target);
    }

    // Functions begin at 0 and where calls and function pointers point; each ends with exit or a jump, and jumps stay inside.
    private static void CheckFunctions(List<InvalidInsn> found, ReadOnlySpan<Insn> insns, bool[] middle)
    {
        bool[] starts = new bool[insns.Length];
        starts[0] = true;
        for (int i = 0; i < insns.Length; i++)
            if (!middle[i] && IsCallOrPointer(insns[i]))
                starts[TargetOf(insns[i], i)!.Value] = true;
        for (int start = 0; start < insns.Length;)
        {
            int end = start + 1;
            while (end < insns.Length && !starts[end])
                end++;
            for (int i = start; i < end; i++)
                if (!middle[i] && !IsCallOrPointer(insns[i]) && TargetOf(insns[i], i) is { } target && (target < start || target >= end))
                    Report(found, i, DiagnosticTable.InsnCrossesFunction, target, start);
            if (middle[end - 1] || !EndsFlow(insns[end - 1].Opcode))
                Report(found, end - 1, DiagnosticTable.InsnFallsOff);
            start = end;
        }
    }

    private static bool IsCallOrPointer(in Insn insn) =>
        insn.Opcode == (Jmp | Call) && insn.Src == Pseudo.Call || insn.Opcode == LdImm64 && insn.Src == Pseudo.Func;

    private static bool EndsFlow(byte opcode) => opcode is (Jmp | Exit) or (Jmp | Ja) or (Jmp32 | Ja) or (Jmp | Ja | X);

    private static void Report(List<InvalidInsn> found, int index, DiagnosticInfo info, params ReadOnlySpan<object?> args)
    {
        if (found.Count < Limits.DiagnosticsMax)
            found.Add(new InvalidInsn(index, info.At(new TextSpan(index, 1), args)));
    }
}
