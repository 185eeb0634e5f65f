using System.Text;
using Hachi.Isa;

namespace Hachi.Asm;

/// <summary>
/// eBPF as text: the pseudo-C of llvm-objdump 19 without symbols; what that lacks as Linux's verifier log has it. Slots that are no instruction
/// become <c>.quad 0x…</c>, so that every program can be printed and <see cref="Assembler"/> reads it back.
/// </summary>
public static class Printer
{
    /// <summary>The program, an instruction a line.</summary>
    public static string Print(ReadOnlySpan<Insn> insns)
    {
        var text = new StringBuilder();
        for (int i = 0; i < insns.Length;)
        {
            i += Print(text, insns[i..]);
            text.Append('\n');
        }
        return text.ToString();
    }

    /// <summary>One instruction, without the end of the line.</summary>
    /// <param name="text">Where it goes.</param>
    /// <param name="insns">It and, if it is wide, its second slot at the beginning.</param>
    /// <returns>Slots it took.</returns>
    public static int Print(StringBuilder text, ReadOnlySpan<Insn> insns)
    {
        Insn insn = insns[0];
        OpForm? form = OpTable.Find(insn);
        if (form is { Slots: 2 } && !HasSecond(form, insns))
            form = null;
        if (form is null)
        {
            Span<byte> bytes = stackalloc byte[Insn.SizeBytes];
            insn.Encode(bytes);
            text.Append($".quad 0x{System.Buffers.Binary.BinaryPrimitives.ReadUInt64LittleEndian(bytes):x}");
            return 1;
        }
        if (form.Slots == 2)
            PrintWide(text, form, insn, insns[1]);
        else if (form.Shape <= Shape.AddressCast)
            PrintArithmetic(text, form, insn);
        else if (form.Shape <= Shape.Exit)
            PrintJump(text, form, insn);
        else if (form.Shape is Shape.PacketAbsolute or Shape.PacketIndirect)
            PrintPacket(text, form, insn);
        else
            PrintMemory(text, form, insn);
        return form.Slots;
    }

    /// <summary>Whether the second slot is what the form wants it to be.</summary>
    internal static bool HasSecond(OpForm form, ReadOnlySpan<Insn> insns) =>
        insns.Length > 1 && insns[1] is { Opcode: 0, Dst: 0, Src: 0, Offset: 0 } && (form.NextImm is null || form.NextImm == insns[1].Imm);

    private static void PrintArithmetic(StringBuilder text, OpForm form, in Insn insn)
    {
        char r = form.IsHalf ? 'w' : 'r';
        text.Append(r).Append(insn.Dst).Append(' ');
        switch (form.Shape)
        {
            case Shape.AluReg:
                text.Append(form.Symbol).Append(' ').Append(r).Append(insn.Src);
                break;
            case Shape.AluImm:
                text.Append(form.Symbol).Append(' ');
                AppendHex(text, insn.Imm);
                break;
            case Shape.Negate:
                text.Append("= -").Append(r).Append(insn.Dst);
                break;
            case Shape.MoveSigned:
                text.Append("= (").Append(form.Symbol).Append(')').Append(r).Append(insn.Src);
                break;
            case Shape.ByteOrder:
                text.Append("= ").Append(form.Symbol).Append(" r").Append(insn.Dst);
                break;
            default:
                text.Append("= addr_space_cast(r").Append(insn.Src).Append(", ");
                AppendHex(text, (ushort)(insn.Imm >> 16));
                text.Append(", ");
                AppendHex(text, (ushort)insn.Imm);
                text.Append(')');
                break;
        }
    }

    private static void PrintJump(StringBuilder text, OpForm form, in Insn insn)
    {
        char r = form.IsHalf ? 'w' : 'r';
        switch (form.Shape)
        {
            case Shape.Goto or Shape.MayGoto:
                AppendDistance(text.Append(form.Symbol).Append(' '), insn.Offset);
                break;
            case Shape.GotoLong:
                AppendDistance(text.Append(form.Symbol).Append(' '), insn.Imm);
                break;
            case Shape.BranchReg or Shape.BranchImm:
                text.Append("if ").Append(r).Append(insn.Dst).Append(' ').Append(form.Symbol).Append(' ');
                if (form.Shape == Shape.BranchReg)
                    text.Append(r).Append(insn.Src);
                else
                    AppendHex(text, insn.Imm);
                AppendDistance(text.Append(" goto "), insn.Offset);
                break;
            case Shape.CallHelper:
                AppendHex(text.Append("call "), insn.Imm);
                break;
            case Shape.CallLocal:
                AppendDistance(text.Append("call pc"), insn.Imm);
                break;
            case Shape.CallKfunc:
                text.Append("call kernel-function#").Append(insn.Imm);
                if (insn.Offset != 0)
                    AppendHex(text.Append(", "), insn.Offset);
                break;
            case Shape.Exit:
                text.Append("exit");
                break;
            default: // gotox, callx
                text.Append(form.Symbol).Append(" r").Append(insn.Dst);
                break;
        }
    }

    private static void PrintMemory(StringBuilder text, OpForm form, in Insn insn)
    {
        char r = form.IsHalf ? 'w' : 'r';
        switch (form.Shape)
        {
            case Shape.Load or Shape.LoadSigned:
                AppendPlace(text.Append(r).Append(insn.Dst).Append(" = *"), form, insn.Src, insn.Offset);
                break;
            case Shape.StoreReg:
                AppendPlace(text.Append('*'), form, insn.Dst, insn.Offset).Append(" = ").Append(r).Append(insn.Src);
                break;
            case Shape.StoreImm:
                AppendHex(AppendPlace(text.Append('*'), form, insn.Dst, insn.Offset).Append(" = "), insn.Imm);
                break;
            case Shape.Atomic:
                AppendPlace(text.Append("lock *"), form, insn.Dst, insn.Offset).Append(' ').Append(form.Symbol).Append(' ').Append(r).Append(insn.Src);
                break;
            case Shape.AtomicFetch:
                text.Append(r).Append(insn.Src).Append(" = ").Append(form.Symbol).Append('(');
                AppendPlace(text, form, insn.Dst, insn.Offset).Append(", ").Append(r).Append(insn.Src).Append(')');
                break;
            case Shape.Exchange:
                text.Append(r).Append(insn.Src).Append(" = ").Append(form.Symbol).Append("(r").Append(insn.Dst);
                AppendOffset(text, insn.Offset).Append(", ").Append(r).Append(insn.Src).Append(')');
                break;
            case Shape.CompareExchange:
                text.Append(r).Append("0 = ").Append(form.Symbol).Append("(r").Append(insn.Dst);
                AppendOffset(text, insn.Offset).Append(", ").Append(r).Append("0, ").Append(r).Append(insn.Src).Append(')');
                break;
            case Shape.LoadAcquire:
                AppendPlace(text.Append(r).Append(insn.Dst).Append(" = load_acquire("), form, insn.Src, insn.Offset).Append(')');
                break;
            default:
                AppendPlace(text.Append("store_release("), form, insn.Dst, insn.Offset).Append(", ").Append(r).Append(insn.Src).Append(')');
                break;
        }
    }

    private static void PrintPacket(StringBuilder text, OpForm form, in Insn insn)
    {
        text.Append("r0 = *(").Append(form.Symbol).Append(" *)skb[");
        if (form.Shape == Shape.PacketAbsolute)
            AppendHex(text, insn.Imm);
        else
        {
            text.Append('r').Append(insn.Src);
            if (insn.Imm != 0)
                AppendOffset(text, insn.Imm);
        }
        text.Append(']');
    }

    private static void PrintWide(StringBuilder text, OpForm form, in Insn first, in Insn second)
    {
        if (form.Shape == Shape.LoadImm64)
        {
            text.Append('r').Append(first.Dst).Append(" = ");
            AppendHex(text, Insn.WideImm(first, second));
            text.Append(" ll");
            return;
        }
        text.Append("ld_pseudo r").Append(first.Dst).Append(", ");
        AppendHex(text, first.Src);
        AppendHex(text.Append(", "), first.Imm);
        if (second.Imm != 0)
            AppendHex(text.Append(", "), second.Imm);
    }

    // `(u32 *)(r1 + 0x8)`
    private static StringBuilder AppendPlace(StringBuilder text, OpForm form, int register, int offset)
    {
        string kind = form.Shape == Shape.LoadSigned ? "s" : "u";
        text.Append('(').Append(kind).Append(form.Bits).Append(" *)(r").Append(register);
        return AppendOffset(text, offset).Append(')');
    }

    private static StringBuilder AppendOffset(StringBuilder text, int offset)
    {
        text.Append(offset < 0 ? " - 0x" : " + 0x");
        return text.Append($"{Math.Abs((long)offset):x}");
    }

    private static void AppendDistance(StringBuilder text, int distance) =>
        text.Append(distance < 0 ? "-0x" : "+0x").Append($"{Math.Abs((long)distance):x}");

    private static void AppendHex(StringBuilder text, long value) =>
        text.Append(value < 0 ? "-0x" : "0x").Append($"{(value < 0 ? 0 - (ulong)value : (ulong)value):x}");
}
