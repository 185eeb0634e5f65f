using Hachi.Isa;

namespace Hachi.Vm.Machine;

/// <summary>
/// Opcodes packed for the interpreter's jump table: the class in the upper three bits, so that what is used lies close together; forms that share an opcode (signed
/// division, sign-extending moves, widths of byte swaps, kinds of calls) have places of their own. Labels compose like those of <see cref="Opcode"/>.
/// </summary>
internal static class Step
{
#pragma warning disable CS1591 // the names are those of Opcode
    public const int Ld = Opcode.Ld << 5, Ldx = Opcode.Ldx << 5, St = Opcode.St << 5, Stx = Opcode.Stx << 5, Alu = Opcode.Alu << 5, Jmp = Opcode.Jmp << 5, Jmp32 = Opcode.Jmp32 << 5,
        Alu64 = Opcode.Alu64 << 5;
    public const int W = Opcode.W >> 3, H = Opcode.H >> 3, B = Opcode.B >> 3, Dw = Opcode.Dw >> 3;
    public const int Abs = Opcode.Abs >> 3, Ind = Opcode.Ind >> 3, Mem = Opcode.Mem >> 3, Memsx = Opcode.Memsx >> 3, Atomic = Opcode.Atomic >> 3;
    public const int K = Opcode.K >> 3, X = Opcode.X >> 3;
    public const int Add = Opcode.Add >> 3, Sub = Opcode.Sub >> 3, Mul = Opcode.Mul >> 3, Div = Opcode.Div >> 3, Or = Opcode.Or >> 3, And = Opcode.And >> 3, Lsh = Opcode.Lsh >> 3,
        Rsh = Opcode.Rsh >> 3, Neg = Opcode.Neg >> 3, Mod = Opcode.Mod >> 3, Xor = Opcode.Xor >> 3, Mov = Opcode.Mov >> 3, Arsh = Opcode.Arsh >> 3, End = Opcode.End >> 3;
    public const int ToLe = Opcode.ToLe >> 3, ToBe = Opcode.ToBe >> 3;
    public const int Ja = Opcode.Ja >> 3, Jeq = Opcode.Jeq >> 3, Jgt = Opcode.Jgt >> 3, Jge = Opcode.Jge >> 3, Jset = Opcode.Jset >> 3, Jne = Opcode.Jne >> 3, Jsgt = Opcode.Jsgt >> 3,
        Jsge = Opcode.Jsge >> 3, Call = Opcode.Call >> 3, Exit = Opcode.Exit >> 3, Jlt = Opcode.Jlt >> 3, Jle = Opcode.Jle >> 3, Jslt = Opcode.Jslt >> 3, Jsle = Opcode.Jsle >> 3,
        Jcond = Opcode.Jcond >> 3;
    public const int LdImm64 = Opcode.LdImm64 << 5 & 0xe0 | Opcode.LdImm64 >> 3;

    // Operations that arithmetic does not use: signed division and remainder.
    public const int SDiv = 0xe0 >> 3, SMod = 0xf0 >> 3;

    // Places that stores of immediates do not use.
    public const int MoveS8 = St | 0, MoveS16 = St | 1, MoveS32 = St | 2, MoveS8Half = St | 4, MoveS16Half = St | 5, Swap32 = St | 6, Swap64 = St | 7, Be32 = St | 8, Be64 = St | 9, Le32 = St | 10,
        Le64 = St | 11;

    // Places that 32-bit jumps do not use.
    public const int CallLocal = Jmp32 | Call, Trap = Jmp32 | Exit;
#pragma warning restore CS1591

    private static readonly ushort[] s_codes = Codes();

    /// <summary>The step of an opcode with its form (<see cref="DecodedInsn.Code"/>).</summary>
    public static byte Of(int code)
    {
        int opcode = code & 0xff, form = code & ~0xff, packed = (opcode & 7) << 5 | opcode >> 3;
        int op = opcode & Opcode.OpMask;
        if (code == EbpfCode.Trap)
            return Trap;
        if (form == 0)
            return (byte)packed;
        if (opcode == (Opcode.Jmp | Opcode.Call))
            return CallLocal;
        bool wide = (opcode & Opcode.ClassMask) == Opcode.Alu64, register = (opcode & Opcode.SourceMask) != 0;
        return (byte)(op switch
        {
            Opcode.Div => packed - Div + SDiv,
            Opcode.Mod => packed - Mod + SMod,
            Opcode.Mov => (wide ? MoveS8 : MoveS8Half) + (form >> 8) - 1,
            _ => (wide ? Swap32 : register ? Be32 : Le32) + (form >> 8) - 1,
        });
    }

    /// <summary>The opcode with its form; of a run that of its first instruction.</summary>
    public static int CodeOf(ushort step) => s_codes[step];

    private static ushort[] Codes()
    {
        var codes = new ushort[Fusion.Behind];
        for (int opcode = 0; opcode < 256; opcode++)
            codes[Of(opcode)] = (ushort)opcode;
        foreach (int cls in (ReadOnlySpan<int>)[Opcode.Alu, Opcode.Alu64])
        {
            foreach (int opcode in (ReadOnlySpan<int>)[Opcode.Div, Opcode.Mod, Opcode.Div | Opcode.X, Opcode.Mod | Opcode.X])
                Keep(cls | opcode | DecodedInsn.Form1);
            Keep(cls | Opcode.Mov | Opcode.X | DecodedInsn.Form1);
            Keep(cls | Opcode.Mov | Opcode.X | DecodedInsn.Form2);
            foreach (int form in (ReadOnlySpan<int>)[DecodedInsn.Form1, DecodedInsn.Form2])
            {
                Keep(cls | Opcode.End | form);
                if (cls == Opcode.Alu)
                    Keep(cls | Opcode.End | Opcode.ToBe | form);
            }
        }
        Keep(Opcode.Alu64 | Opcode.Mov | Opcode.X | DecodedInsn.Form3);
        Keep(Opcode.Jmp | Opcode.Call | DecodedInsn.Form1);
        codes[Trap] = EbpfCode.Trap;
        for (int run = Fusion.First; run < Fusion.Behind; run++)
            codes[run] = codes[Fusion.Single(run)];
        return codes;

        void Keep(int code) => codes[Of(code)] = (ushort)code;
    }
}
