using System.Text;
using Hachi.Isa;

namespace Hachi.Asm;

/// <summary>Which libpcap a listing imitates.</summary>
public enum ListingStyle : byte
{
    /// <summary>libpcap 1.10: blanks behind instructions without an operand.</summary>
    Pcap110,

    /// <summary>libpcap 1.11: no trailing blanks.</summary>
    Pcap111,
}

/// <summary>
/// Classic programs as text: bpf_asm's syntax (<see cref="Print"/>), and the listings of <c>tcpdump -d</c>, <c>-dd</c>, <c>-ddd</c> (libpcap's
/// <c>bpf_image</c> and <c>bpf_dump</c>), byte for byte.
/// </summary>
public static class ClassicPrinter
{
    private const int TextColumn = 8;

    /// <summary>
    /// bpf_asm's syntax, with labels where jumps land. Instructions that it cannot write (unknown codes, fields that mean nothing, jumps out of the
    /// program) become <c>.insn code, jt, jf, k</c>, so that every program can be printed and read back.
    /// </summary>
    public static string Print(ReadOnlySpan<ClassicInsn> insns)
    {
        bool[] isTarget = new bool[insns.Length];
        for (int i = 0; i < insns.Length; i++)
            MarkTargets(insns, i, isTarget);
        var text = new StringBuilder();
        for (int i = 0; i < insns.Length; i++)
        {
            string label = isTarget[i] ? $"L{i}:" : "";
            text.Append(label.PadRight(Math.Max(TextColumn, label.Length + 1)));
            PrintInsn(text, insns, i);
            text.Append('\n');
        }
        return text.ToString();
    }

    /// <summary>The listing of <c>tcpdump -d</c>.</summary>
    public static string Listing(ReadOnlySpan<ClassicInsn> insns, ListingStyle style = ListingStyle.Pcap110)
    {
        var text = new StringBuilder();
        for (int i = 0; i < insns.Length; i++)
            text.Append(ListingLine(insns[i], i, style)).Append('\n');
        return text.ToString();
    }

    /// <summary>One line of the listing, without its end: what <c>bpf_image</c> gives.</summary>
    /// <param name="insn">The instruction.</param>
    /// <param name="index">Its index.</param>
    /// <param name="style">Whose listing.</param>
    public static string ListingLine(ClassicInsn insn, int index, ListingStyle style = ListingStyle.Pcap110)
    {
        ClassicForm? form = ClassicTable.Find(insn.Code);
        if (form is { InListing: false })
            form = null;
        string operand = form is null ? $"0x{insn.Code:x}" : ListingOperand(form, insn, index);
        string line = $"({index:d3}) {form?.Mnemonic ?? "unimp",-8} ";
        bool hasTargets = (insn.Code & ClassicOpcode.ClassMask) == ClassicOpcode.Jmp && (insn.Code & ClassicOpcode.OpMask) != ClassicOpcode.Ja;
        if (hasTargets)
            return $"{line}{operand,-16} jt {index + 1 + insn.Jt}\tjf {index + 1 + insn.Jf}";
        return style == ListingStyle.Pcap110 ? line + operand : (line + operand).TrimEnd(' ');
    }

    /// <summary>The C array of <c>tcpdump -dd</c>.</summary>
    public static string CArray(ReadOnlySpan<ClassicInsn> insns)
    {
        var text = new StringBuilder();
        foreach (ClassicInsn insn in insns)
            text.Append($"{{ 0x{insn.Code:x}, {insn.Jt}, {insn.Jf}, 0x{insn.K:x8} }},\n");
        return text.ToString();
    }

    /// <summary>The decimal numbers of <c>tcpdump -ddd</c>: the count, then an instruction a line.</summary>
    public static string Numbers(ReadOnlySpan<ClassicInsn> insns)
    {
        var text = new StringBuilder().Append(insns.Length).Append('\n');
        foreach (ClassicInsn insn in insns)
            text.Append($"{insn.Code} {insn.Jt} {insn.Jf} {insn.K}\n");
        return text.ToString();
    }

    /// <summary>bpf_asm's output, which iptables and nftables read: <c>count,code jt jf k,…</c> on one line.</summary>
    public static string Compact(ReadOnlySpan<ClassicInsn> insns)
    {
        var text = new StringBuilder().Append(insns.Length).Append(',');
        foreach (ClassicInsn insn in insns)
            text.Append($"{insn.Code} {insn.Jt} {insn.Jf} {insn.K},");
        return text.Append('\n').ToString();
    }

    // libpcap prints most constants as signed decimals, C's int.
    private static string ListingOperand(ClassicForm form, ClassicInsn insn, int index)
    {
        int k = (int)insn.K;
        return form.Shape switch
        {
            ClassicShape.Absolute => ClassicTable.FindExtension(insn.K) is { } extension ? $"[{extension.ListingName}]" : $"[{k}]",
            ClassicShape.Indirect => $"[x + {k}]",
            ClassicShape.Memory => $"M[{k}]",
            ClassicShape.Length => "#" + ClassicTable.LengthListingName,
            ClassicShape.HeaderLength => $"4*([{k}]&0xf)",
            ClassicShape.Immediate or ClassicShape.AluK or ClassicShape.BranchK or ClassicShape.ReturnK => form.IsHex ? $"#0x{insn.K:x}" : $"#{k}",
            ClassicShape.AluX or ClassicShape.BranchX => "x",
            ClassicShape.Jump => $"{unchecked(index + 1 + k)}",
            _ => "",
        };
    }

    private static void MarkTargets(ReadOnlySpan<ClassicInsn> insns, int index, bool[] isTarget)
    {
        ClassicInsn insn = insns[index];
        if (!IsWritable(insns, index))
            return;
        switch (ClassicTable.Find(insn.Code)!.Shape)
        {
            case ClassicShape.Jump:
                isTarget[index + 1 + (int)insn.K] = true;
                break;
            case ClassicShape.BranchK or ClassicShape.BranchX:
                Inverse(insn, out bool omitTrue, out bool omitFalse);
                if (!omitTrue)
                    isTarget[index + 1 + insn.Jt] = true;
                if (!omitFalse)
                    isTarget[index + 1 + insn.Jf] = true;
                break;
            default:
                break;
        }
    }

    // A branch whose one side falls through is written with one label: `jeq #k, L` or, the other way round, `jne #k, L`.
    private static string? Inverse(ClassicInsn insn, out bool omitTrue, out bool omitFalse)
    {
        string? name = (insn.Code & ClassicOpcode.OpMask) switch
        {
            ClassicOpcode.Jeq => "jne",
            ClassicOpcode.Jgt => "jle",
            ClassicOpcode.Jge => "jlt",
            _ => null,
        };
        omitFalse = insn.Jf == 0;
        omitTrue = insn.Jt == 0 && !omitFalse && name is not null;
        return omitTrue ? name : null;
    }

    private static bool IsWritable(ReadOnlySpan<ClassicInsn> insns, int index)
    {
        ClassicInsn insn = insns[index];
        long left = insns.Length - index - 1;
        if (ClassicTable.Find(insn.Code) is not { } form)
            return false;
        bool isBranch = form.Shape is ClassicShape.BranchK or ClassicShape.BranchX;
        if (isBranch ? insn.Jt >= left || insn.Jf >= left : insn.Jt != 0 || insn.Jf != 0)
            return false;
        return form.Shape switch
        {
            ClassicShape.Jump => insn.K < left,
            ClassicShape.Memory => insn.K < Limits.ClassicMemoryWords,
            ClassicShape.Length or ClassicShape.AluX or ClassicShape.BranchX or ClassicShape.ReturnA => insn.K == 0,
            _ => true,
        };
    }

    private static void PrintInsn(StringBuilder text, ReadOnlySpan<ClassicInsn> insns, int index)
    {
        ClassicInsn insn = insns[index];
        if (!IsWritable(insns, index))
        {
            text.Append($".insn 0x{insn.Code:x}, {insn.Jt}, {insn.Jf}, 0x{insn.K:x}");
            return;
        }
        ClassicForm form = ClassicTable.Find(insn.Code)!;
        string constant = form.IsHex ? $"#0x{insn.K:x}" : $"#{insn.K}";
        switch (form.Shape)
        {
            case ClassicShape.BranchK or ClassicShape.BranchX:
                string name = Inverse(insn, out bool omitTrue, out bool omitFalse) ?? form.Mnemonic;
                text.Append($"{name} {(form.Shape == ClassicShape.BranchK ? constant : "x")}");
                text.Append(omitTrue ? "" : $", L{index + 1 + insn.Jt}").Append(omitFalse ? "" : $", L{index + 1 + insn.Jf}");
                return;
            case ClassicShape.Plain:
                text.Append(form.Mnemonic).Append(insn.K == 0 ? "" : " " + constant);
                return;
            default:
                break;
        }
        text.Append(form.Mnemonic).Append(' ').Append(form.Shape switch
        {
            ClassicShape.Absolute => ClassicTable.FindExtension(insn.K)?.Name is { } extension ? "#" + extension : Place(insn.K),
            ClassicShape.Indirect => $"[x + {Offset(insn.K)}]",
            ClassicShape.Memory => $"M[{insn.K}]",
            ClassicShape.Length => "#" + ClassicTable.LengthName,
            ClassicShape.HeaderLength => $"4*({Place(insn.K)}&0xf)",
            ClassicShape.AluX => "x",
            ClassicShape.ReturnA => "a",
            ClassicShape.Jump => $"L{index + 1 + insn.K}",
            _ => constant,
        });
    }

    private static string Place(uint k) => $"[{Offset(k)}]";

    // Offsets from 0x80000000 on mean something other than a place in the packet: there the bits tell more.
    private static string Offset(uint k) => k > int.MaxValue ? $"0x{k:x}" : $"{k}";
}
