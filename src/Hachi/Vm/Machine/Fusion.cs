using Hachi.Isa;
using static Hachi.Vm.Machine.Step;

namespace Hachi.Vm.Machine;

/// <summary>
/// Runs of two or three instructions that compilers write so often that the interpreter takes them as one step: half of what it costs to interpret is finding the next line. A slot
/// inside a run keeps its own step, for jumps that lead there.
/// </summary>
internal static class Fusion
{
#pragma warning disable CS1591 // named by the operations; Half: on 32 bits; K: with a constant
    public const int First = 256, MovAdd = First, MovAddK = First + 1, MovLsh = First + 2, MovRsh = First + 3, LshOr = First + 4, LshXor = First + 5, RshOr = First + 6, RshXor = First + 7, XorMov = First + 8,
        MovMov = First + 9, AddAddK = First + 10, MovAddHalf = First + 11, MovLshHalf = First + 12, MovRshHalf = First + 13, RshLshHalf = First + 14, LshOrHalf = First + 15, OrMovHalf = First + 16, AddKJeq = First + 17,
        AddKJne = First + 18, AddKJeqGoto = First + 19, JeqGoto = First + 20, JneGoto = First + 21, JeqGotoHalf = First + 22, AddKJeqHalf = First + 23, MovKJneHalf = First + 24, MovAddLoadB = First + 25,
        MovAddLoadH = First + 26, MovAddLoadW = First + 27, MovAddLoadDw = First + 28, LoadStoreB = First + 29, Behind = First + 30;
#pragma warning restore CS1591

    private const int Any = -1;

    // Longer runs stand before those that they begin with.
    private static readonly (int Fused, int A, int B, int C)[] s_runs =
    [
        (MovAddLoadB, Alu64 | Mov | X, Alu64 | Add | X, Ldx | Mem | B),
        (MovAddLoadH, Alu64 | Mov | X, Alu64 | Add | X, Ldx | Mem | H),
        (MovAddLoadW, Alu64 | Mov | X, Alu64 | Add | X, Ldx | Mem | W),
        (MovAddLoadDw, Alu64 | Mov | X, Alu64 | Add | X, Ldx | Mem | Dw),
        (AddKJeqGoto, Alu64 | Add | K, Jmp | Jeq | K, Jmp | Ja),
        (MovAdd, Alu64 | Mov | X, Alu64 | Add | X, Any),
        (MovAddK, Alu64 | Mov | X, Alu64 | Add | K, Any),
        (MovLsh, Alu64 | Mov | X, Alu64 | Lsh | K, Any),
        (MovRsh, Alu64 | Mov | X, Alu64 | Rsh | K, Any),
        (LshOr, Alu64 | Lsh | K, Alu64 | Or | X, Any),
        (LshXor, Alu64 | Lsh | K, Alu64 | Xor | X, Any),
        (RshOr, Alu64 | Rsh | K, Alu64 | Or | X, Any),
        (RshXor, Alu64 | Rsh | K, Alu64 | Xor | X, Any),
        (XorMov, Alu64 | Xor | X, Alu64 | Mov | X, Any),
        (MovMov, Alu64 | Mov | X, Alu64 | Mov | X, Any),
        (AddAddK, Alu64 | Add | X, Alu64 | Add | K, Any),
        (MovAddHalf, Alu | Mov | X, Alu | Add | X, Any),
        (MovLshHalf, Alu | Mov | X, Alu | Lsh | K, Any),
        (MovRshHalf, Alu | Mov | X, Alu | Rsh | K, Any),
        (RshLshHalf, Alu | Rsh | K, Alu | Lsh | K, Any),
        (LshOrHalf, Alu | Lsh | K, Alu | Or | X, Any),
        (OrMovHalf, Alu | Or | X, Alu | Mov | X, Any),
        (AddKJeq, Alu64 | Add | K, Jmp | Jeq | K, Any),
        (AddKJne, Alu64 | Add | K, Jmp | Jne | K, Any),
        (JeqGoto, Jmp | Jeq | K, Jmp | Ja, Any),
        (JneGoto, Jmp | Jne | K, Jmp | Ja, Any),
        (JeqGotoHalf, Jmp32 | Jeq | K, Jmp | Ja, Any),
        (AddKJeqHalf, Alu | Add | K, Jmp32 | Jeq | K, Any),
        (MovKJneHalf, Alu | Mov | K, Jmp32 | Jne | K, Any),
        (LoadStoreB, Ldx | Mem | B, Stx | Mem | B, Any),
    ];

    private static readonly byte[] s_first = Firsts();
    private static readonly (int Fused, int A, int B, int C)[]?[] s_begins = Begins(); // by the first step, null where none begins

    /// <summary>The step of the first instruction of a run, or the step itself.</summary>
    public static int Single(int step) => step < First ? step : s_first[step - First];

    /// <summary>Marks the runs of a program.</summary>
    public static void Apply(Span<DecodedInsn> code)
    {
        // Ascending: what follows a slot is not marked yet when it is looked at. The last slot is a trap.
        for (int i = 0; i + 1 < code.Length; i++)
        {
            if (s_begins[code[i].Step] is not { } runs)
                continue;
            int third = i + 2 < code.Length ? code[i + 2].Step : Trap;
            foreach ((int fused, _, int b, int c) in runs)
            {
                if (code[i + 1].Step != b || (c != Any && third != c))
                    continue;
                code[i].Step = (ushort)fused;
                break;
            }
        }
    }

    private static (int Fused, int A, int B, int C)[]?[] Begins()
    {
        var begins = new (int, int, int, int)[]?[First];
        foreach (IGrouping<int, (int Fused, int A, int B, int C)> runs in s_runs.GroupBy(run => run.A))
            begins[runs.Key] = [.. runs];
        return begins;
    }

    private static byte[] Firsts()
    {
        byte[] firsts = new byte[Behind - First];
        foreach ((int fused, int a, _, _) in s_runs)
            firsts[fused - First] = (byte)a;
        return firsts;
    }
}
