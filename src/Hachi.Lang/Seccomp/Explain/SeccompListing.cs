using System.Globalization;
using System.Text;
using Hachi.Asm;
using Hachi.Isa;
using Hachi.Uapi;
using static Hachi.Isa.ClassicOpcode;

namespace Hachi.Lang.Seccomp.Explain;

/// <summary>Lists a filter with what each instruction looks at and what its numbers mean.</summary>
public static class SeccompListing
{
    private const uint Unknown = uint.MaxValue;

    /// <summary>One line an instruction; those in <paramref name="path"/> are marked.</summary>
    public static string Print(ClassicProgram program, IReadOnlyCollection<int>? path = null)
    {
        ArgumentNullException.ThrowIfNull(program);
        Known[] known = Follow(program.Insns);
        var text = new StringBuilder();
        for (int i = 0; i < program.Length; i++)
        {
            if (path is not null)
                text.Append(path.Contains(i) ? "* " : "  ");
            string line = ClassicPrinter.ListingLine(program[i], i).TrimEnd().Replace("\t", " ", StringComparison.Ordinal);
            string note = Note(program[i], known[i]);
            text.Append(note.Length == 0 ? line : $"{line,-46} ; {note}").Append('\n');
        }
        return text.ToString();
    }

    /// <summary>The name of the word at an offset.</summary>
    internal static string WordName(uint offset) => offset switch
    {
        0 => "nr",
        4 => "arch",
        8 => "ip, low half",
        12 => "ip, high half",
        _ => string.Create(CultureInfo.InvariantCulture, $"arg{(offset - SeccompData.ArgumentsOffset) / 8}, {(offset % 8 == 0 ? "low" : "high")} half"),
    };

    private static string Note(ClassicInsn insn, Known known)
    {
        if (insn.Code == (Ld | W | Abs))
            return WordName(insn.K);
        if (insn.Code == (Ret | K))
            return new SeccompAction(insn.K).ToString();
        if ((insn.Code & ClassMask) != Jmp || (insn.Code & OpMask) == Ja || (insn.Code & X) != 0)
            return "";
        if (known.Offset == 4)
            return SeccompArchitectures.All.Where(each => each.Audit() == insn.K).Select(each => each.Name()).FirstOrDefault() ?? "";
        if (known.Offset != 0 || known.Architecture == Unknown || SeccompArchitectures.Of(known.Architecture, insn.K) is not { } architecture)
            return "";
        uint number = architecture == SeccompArchitecture.X32 ? insn.K & ~SeccompArchitectures.X32Bit : insn.K;
        string prefix = architecture == SeccompArchitecture.X32 ? "x32 " : "";
        return number <= int.MaxValue && SyscallTable.Of(architecture).Find((int)number) is { } call ? prefix + call.Name : prefix.TrimEnd();
    }

    /// <summary>What A holds and which architecture it is, where all ways to an instruction agree.</summary>
    private static Known[] Follow(ReadOnlySpan<ClassicInsn> insns)
    {
        var known = new Known[insns.Length + 1];
        if (insns.Length > 0)
            known[0] = new Known(true, Unknown, Unknown);
        for (int pc = 0; pc < insns.Length; pc++)
        {
            ClassicInsn insn = insns[pc];
            Known here = known[pc];
            if (!here.IsReached)
                continue;
            switch (insn.Code & ClassMask)
            {
                case Jmp when (insn.Code & OpMask) == Ja:
                    Meet(known, pc + 1 + (long)insn.K, here);
                    break;
                case Jmp:
                    bool names = here.Offset == 4 && insn.Code == (Jmp | Jeq | K);
                    Meet(known, pc + 1 + insn.Jt, names ? here with { Architecture = insn.K } : here);
                    Meet(known, pc + 1 + insn.Jf, here);
                    break;
                case Ret:
                    break;
                case Ld:
                    Meet(known, pc + 1, here with { Offset = insn.Code == (Ld | W | Abs) ? insn.K : Unknown });
                    break;
                case Alu:
                case Misc:
                    Meet(known, pc + 1, here with { Offset = Unknown });
                    break;
                default:
                    Meet(known, pc + 1, here);
                    break;
            }
        }
        return known;
    }

    private static void Meet(Known[] known, long at, Known with)
    {
        if (at >= known.Length)
            return;
        ref Known there = ref known[at];
        there = !there.IsReached ? with : new Known(true, there.Offset == with.Offset ? with.Offset : Unknown, there.Architecture == with.Architecture ? with.Architecture : Unknown);
    }

    private readonly record struct Known(bool IsReached, uint Offset, uint Architecture);
}
