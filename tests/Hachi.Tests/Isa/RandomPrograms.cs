using Hachi.Isa;

namespace Hachi.Tests.Isa;

/// <summary>Random programs drawn from the tables: every form, operands at and around their limits.</summary>
internal static class RandomPrograms
{
    private static readonly int[] s_numbers = [0, 1, -1, 2, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 255, 256, 4095, 4096, short.MaxValue, short.MinValue, int.MaxValue, int.MinValue];

    /// <summary>A number that is often a limit.</summary>
    public static int Number(Random random) => random.Next(3) switch
    {
        0 => s_numbers[random.Next(s_numbers.Length)],
        1 => random.Next(-64, 64),
        _ => (int)random.NextInt64(int.MinValue, 1L + int.MaxValue),
    };

    /// <summary>The slots of a random instruction of a form.</summary>
    public static void Add(List<Insn> insns, OpForm form, Random random)
    {
        insns.Add(new Insn(form.Opcode, form.Dst ?? random.Next(Limits.Registers), form.Src ?? random.Next(Limits.Registers), form.Offset ?? (short)Number(random), form.Imm ?? Number(random)));
        if (form.Slots == 2)
            insns.Add(new Insn(0, 0, 0, 0, form.NextImm ?? Number(random)));
    }

    /// <summary>A random sequence of valid instructions; its jumps may go anywhere.</summary>
    public static Insn[] Insns(Random random, int slots, Func<OpForm, bool>? choose = null)
    {
        OpForm[] forms = [.. OpTable.Forms.Where(choose ?? (_ => true))];
        var insns = new List<Insn>(slots + 1);
        while (insns.Count < slots)
            Add(insns, forms[random.Next(forms.Length)], random);
        return [.. insns];
    }

    /// <summary>A random classic program. Most are valid or nearly so.</summary>
    /// <param name="random">Where randomness comes from.</param>
    /// <param name="length">Instructions.</param>
    /// <param name="wildness">One instruction in so many is arbitrary bits; 0 for none.</param>
    public static ClassicInsn[] Classic(Random random, int length, int wildness = 0)
    {
        var insns = new ClassicInsn[length];
        for (int i = 0; i < length; i++)
        {
            bool isWild = wildness > 0 && random.Next(wildness) == 0;
            insns[i] = isWild
                ? new ClassicInsn((ushort)random.Next(0x100 + random.Next(0x100)), (byte)random.Next(4), (byte)random.Next(4), (uint)Number(random))
                : Classic(random, ClassicTable.Forms[random.Next(ClassicTable.Forms.Count)], length - i - 1);
        }
        if (length > 0)
            insns[^1] = random.Next(20) == 0 ? insns[^1] : new ClassicInsn(random.Next(2) == 0 ? ClassicOpcode.Ret : ClassicOpcode.Ret | ClassicOpcode.A);
        return insns;
    }

    private static ClassicInsn Classic(Random random, ClassicForm form, int left)
    {
        uint k = (uint)Number(random);
        return form.Shape switch
        {
            ClassicShape.BranchK or ClassicShape.BranchX => new ClassicInsn(form.Code, (byte)Target(random, left), (byte)Target(random, left), form.Shape == ClassicShape.BranchK ? k : 0),
            ClassicShape.Jump => new ClassicInsn(form.Code, (uint)Target(random, left)),
            ClassicShape.Memory => new ClassicInsn(form.Code, (uint)random.Next(random.Next(8) == 0 ? 18 : 3)),
            ClassicShape.Absolute when random.Next(3) == 0 => new ClassicInsn(form.Code, (uint)(Extension.Base + random.Next(17) * 4)),
            ClassicShape.Absolute or ClassicShape.Indirect or ClassicShape.HeaderLength => new ClassicInsn(form.Code, random.Next(4) == 0 ? k : (uint)random.Next(2000)),
            ClassicShape.AluK => new ClassicInsn(form.Code, random.Next(2) == 0 ? (uint)random.Next(34) : k),
            ClassicShape.Immediate or ClassicShape.ReturnK => new ClassicInsn(form.Code, k),
            _ => new ClassicInsn(form.Code),
        };
    }

    private static int Target(Random random, int left) => random.Next(Math.Clamp(left + (random.Next(30) == 0 ? 2 : 0), 1, random.Next(2) == 0 ? 4 : 255));
}
