using System.Numerics;
using Hachi.Isa;

namespace Hachi.Verify;

/// <summary>
/// In which order a diagram should ask the bytes that a program loads: what is looked at before comes first. Where the same bytes are read as parts of
/// different fields (ARP's source address overlaps IPv4's destination), the first load of the one may have to wait for a load before the other.
/// </summary>
internal static class LoadOrder
{
    /// <summary>Different loads that are put in order, a bit each; programs with more keep the order of their instructions.</summary>
    private const int LoadsMax = 64;

    /// <summary>The absolute loads of a program whose jumps only go forward, each once.</summary>
    public static IReadOnlyList<(uint Offset, int Size)> Of(ReadOnlySpan<ClassicInsn> insns)
    {
        var loads = new List<(uint Offset, int Size)>();
        foreach (ClassicInsn insn in insns)
            if (TryLoad(insn, out (uint, int) load) && !loads.Contains(load))
                loads.Add(load);
        return loads.Count is < 2 or > LoadsMax ? loads : Sort(loads, Before(insns, loads));
    }

    private static bool TryLoad(ClassicInsn insn, out (uint Offset, int Size) load)
    {
        int size = (insn.Code & ClassicOpcode.SizeMask) switch { ClassicOpcode.W => 4, ClassicOpcode.H => 2, _ => 1 };
        load = (insn.K, size);
        int mode = insn.Code & ~ClassicOpcode.SizeMask;
        return mode is (ClassicOpcode.Ld | ClassicOpcode.Abs) or (ClassicOpcode.Ldx | ClassicOpcode.Msh) && insn.K < Extension.LinkLayerOff;
    }

    /// <summary>
    /// For each load the set of those that may be executed before it but not behind it. Only the last place of a load counts: places before it are for a
    /// single test that is done early, the last one is where the search of a set begins.
    /// </summary>
    private static ulong[] Before(ReadOnlySpan<ClassicInsn> insns, List<(uint Offset, int Size)> loads)
    {
        var reached = new ulong[insns.Length + 1];
        var behind = new ulong[loads.Count];
        ulong seen = 0;
        for (int pc = insns.Length - 1; pc >= 0; pc--)
        {
            ClassicInsn insn = insns[pc];
            reached[pc] = (insn.Code & ClassicOpcode.ClassMask) switch
            {
                ClassicOpcode.Ret => 0,
                ClassicOpcode.Jmp when (insn.Code & ClassicOpcode.OpMask) == ClassicOpcode.Ja => reached[pc + 1 + (int)insn.K],
                ClassicOpcode.Jmp => reached[pc + 1 + insn.Jt] | reached[pc + 1 + insn.Jf],
                _ => reached[pc + 1],
            };
            if (!TryLoad(insn, out (uint, int) load))
                continue;
            int index = loads.IndexOf(load);
            if ((seen >> index & 1) != 0)
                continue;
            seen |= 1UL << index;
            behind[index] = reached[pc];
            reached[pc] |= 1UL << index;
        }
        var before = new ulong[loads.Count];
        for (int i = 0; i < behind.Length; i++)
            for (int j = 0; j < behind.Length; j++)
                if ((behind[i] >> j & 1) != 0 && (behind[j] >> i & 1) == 0)
                    before[j] |= 1UL << i;
        return before;
    }

    private static List<(uint Offset, int Size)> Sort(List<(uint Offset, int Size)> loads, ulong[] before)
    {
        // A load has to wait for those before every load that it shares bytes with.
        var waits = new ulong[loads.Count];
        for (int i = 0; i < loads.Count; i++)
            for (int j = 0; j < loads.Count; j++)
                if (loads[i].Offset < loads[j].Offset + loads[j].Size && loads[j].Offset < loads[i].Offset + loads[i].Size)
                    waits[i] |= before[j];
        var sorted = new List<(uint Offset, int Size)>(loads.Count);
        ulong left = loads.Count == LoadsMax ? ulong.MaxValue : (1UL << loads.Count) - 1;
        while (left != 0)
        {
            int next = BitOperations.TrailingZeroCount(left);
            for (int i = next; i < loads.Count; i++)
            {
                if ((left >> i & 1) == 0 || (waits[i] & left & ~(1UL << i)) != 0)
                    continue;
                next = i;
                break;
            }
            sorted.Add(loads[next]);
            left &= ~(1UL << next);
        }
        return sorted;
    }
}
