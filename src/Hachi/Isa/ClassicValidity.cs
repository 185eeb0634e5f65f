using Hachi.Text;

namespace Hachi.Isa;

/// <summary>
/// What attaching a classic program to a socket would accept: the rules of Linux's <c>bpf_check_classic</c> and <c>check_load_and_stores</c>
/// (net/core/filter.c). libpcap's own validator differs (it refuses less: shifts by 32 and more, M[] read before written).
/// </summary>
public static class ClassicValidity
{
    /// <summary>Whether the kernel would accept the program.</summary>
    public static bool IsValid(ReadOnlySpan<ClassicInsn> insns) => Check(insns).Count == 0;

    /// <summary>What the kernel would refuse, in program order; empty for a valid program.</summary>
    public static IReadOnlyList<InvalidInsn> Check(ReadOnlySpan<ClassicInsn> insns)
    {
        var found = new List<InvalidInsn>();
        if (insns.Length is 0 or > Limits.ClassicInsnsMax)
        {
            Report(found, 0, DiagnosticTable.ClassicProgramLength, insns.Length, Limits.ClassicInsnsMax);
            return found;
        }
        for (int i = 0; i < insns.Length; i++)
            CheckInsn(found, insns[i], i, insns.Length);
        if (ClassicTable.Find(insns[^1].Code)?.Shape is not (ClassicShape.ReturnK or ClassicShape.ReturnA))
            Report(found, insns.Length - 1, DiagnosticTable.ClassicNoReturn);
        if (found.Count == 0)
            CheckMemory(found, insns);
        return found;
    }

    private static void CheckInsn(List<InvalidInsn> found, ClassicInsn insn, int index, int length)
    {
        if (ClassicTable.Find(insn.Code) is not { } form)
        {
            Report(found, index, DiagnosticTable.ClassicUnknownCode, insn.Code);
            return;
        }
        long left = length - index - 1;
        switch (form.Shape)
        {
            case ClassicShape.AluK:
                CheckConstant(found, insn, form, index);
                break;
            case ClassicShape.Memory when insn.K >= Limits.ClassicMemoryWords:
                Report(found, index, DiagnosticTable.ClassicMemoryIndex, insn.K);
                break;
            case ClassicShape.Jump when insn.K >= left:
                Report(found, index, DiagnosticTable.ClassicJumpRange, index + 1 + (long)insn.K, length);
                break;
            case ClassicShape.BranchK or ClassicShape.BranchX when insn.Jt >= left || insn.Jf >= left:
                Report(found, index, DiagnosticTable.ClassicJumpRange, index + 1 + Math.Max(insn.Jt, insn.Jf), length);
                break;
            case ClassicShape.Absolute when insn.K >= Extension.Base && ClassicTable.FindExtension(insn.K) is null:
                Report(found, index, DiagnosticTable.ClassicUnknownExtension, insn.K);
                break;
            default:
                break;
        }
    }

    private static void CheckConstant(List<InvalidInsn> found, ClassicInsn insn, ClassicForm form, int index)
    {
        switch (insn.Code & ClassicOpcode.OpMask)
        {
            case ClassicOpcode.Div or ClassicOpcode.Mod when insn.K == 0:
                Report(found, index, DiagnosticTable.ClassicDivisionByZero, form.Mnemonic);
                break;
            case ClassicOpcode.Lsh or ClassicOpcode.Rsh when insn.K >= 32:
                Report(found, index, DiagnosticTable.ClassicShift, form.Mnemonic, insn.K);
                break;
            default:
                break;
        }
    }

    // Every path to a load of M[k] must have stored there. As in the kernel, jumps only go forward, so one pass knows all predecessors; an
    // instruction after a return that nothing jumps to keeps what was known before it (the kernel does not clear it there).
    private static void CheckMemory(List<InvalidInsn> found, ReadOnlySpan<ClassicInsn> insns)
    {
        ushort[] incoming = new ushort[insns.Length];
        Array.Fill(incoming, ushort.MaxValue);
        ushort stored = 0;
        for (int i = 0; i < insns.Length; i++)
        {
            ClassicInsn insn = insns[i];
            stored &= incoming[i];
            switch (ClassicTable.Find(insn.Code)!.Shape)
            {
                case ClassicShape.Memory when (insn.Code & ClassicOpcode.ClassMask) is ClassicOpcode.St or ClassicOpcode.Stx:
                    stored |= (ushort)(1 << (int)insn.K);
                    break;
                case ClassicShape.Memory when (stored >> (int)insn.K & 1) == 0:
                    Report(found, i, DiagnosticTable.ClassicMemoryUnwritten, insn.K);
                    break;
                case ClassicShape.Jump:
                    incoming[i + 1 + (int)insn.K] &= stored;
                    stored = ushort.MaxValue;
                    break;
                case ClassicShape.BranchK or ClassicShape.BranchX:
                    incoming[i + 1 + insn.Jt] &= stored;
                    incoming[i + 1 + insn.Jf] &= stored;
                    stored = ushort.MaxValue;
                    break;
                default:
                    break;
            }
        }
    }

    private static void Report(List<InvalidInsn> found, int index, DiagnosticInfo info, params ReadOnlySpan<object?> args)
    {
        if (found.Count < Limits.DiagnosticsMax)
            found.Add(new InvalidInsn(index, info.At(new TextSpan(index, 1), args)));
    }
}
