using Hachi.Isa;

namespace Hachi.Ir.Ebpf;

/// <summary>
/// A classic program whose jumps only go forward, to places as far away as they need be. Loops, which only the walk over a header chain has, are written out:
/// one copy a round, <see cref="RoundsMax"/> of them, and a packet that wants another round is rejected.
/// </summary>
internal sealed class StraightProgram
{
    /// <summary>Rounds of a loop: header chains are walked as far as Linux walks them when it dissects a flow, and one further (net/core/flow_dissector.c, 15 headers).</summary>
    public const int RoundsMax = 16;

    private readonly ClassicInsn[] _insns;
    private readonly int[] _whenTrue, _whenFalse;

    private StraightProgram(ReadOnlySpan<ClassicInsn> insns, List<(int First, int Last)> loops, int length)
    {
        _insns = new ClassicInsn[length];
        _whenTrue = new int[length];
        _whenFalse = new int[length];
        int[] place = new int[insns.Length]; // of the first copy
        for (int pc = 0, at = 0, loop = 0; pc < insns.Length; pc++, at++)
        {
            place[pc] = at;
            if (loop < loops.Count && loops[loop].Last == pc)
                at += (RoundsMax - 1) * (pc + 1 - loops[loop++].First);
        }
        for (int pc = 0, loop = 0; pc < insns.Length; pc++)
        {
            while (loop < loops.Count && loops[loop].Last < pc)
                loop++;
            bool inside = loop < loops.Count && loops[loop].First <= pc;
            int size = inside ? loops[loop].Last + 1 - loops[loop].First : 0;
            for (int round = 0; round < (inside ? RoundsMax : 1); round++)
            {
                int at = place[pc] + (round * size);
                _insns[at] = insns[pc];
                if (!Jumps(insns[pc]))
                    continue;
                (long t, long e) = Targets(insns[pc], pc);
                _whenTrue[at] = Target((int)t, pc, round, size);
                _whenFalse[at] = Target((int)e, pc, round, size);
            }

            int Target(int target, int from, int round, int size)
            {
                bool isBack = target <= from;
                if (isBack && round == RoundsMax - 1)
                    return length - 1; // one round too many: rejected
                bool stays = inside && target <= loops[loop].Last;
                return place[target] + (stays ? (round + (isBack ? 1 : 0)) * size : 0);
            }
        }
    }

    /// <summary>The instructions. Jump distances in them mean nothing: <see cref="WhenTrue"/> and <see cref="WhenFalse"/> do.</summary>
    public ReadOnlySpan<ClassicInsn> Insns => _insns;

    /// <summary>Where a jump leads when its condition holds (a jump without one always), as an index of <see cref="Insns"/>.</summary>
    public int WhenTrue(int pc) => _whenTrue[pc];

    /// <summary>Where a jump leads when its condition does not hold.</summary>
    public int WhenFalse(int pc) => _whenFalse[pc];

    /// <summary>Writes a program's loops out; null when it jumps out of itself, or when loops stand in each other.</summary>
    public static StraightProgram? Of(ReadOnlySpan<ClassicInsn> insns)
    {
        var loops = new List<(int First, int Last)>(); // in order, apart from each other
        for (int pc = 0; pc < insns.Length; pc++)
        {
            if (!Jumps(insns[pc]))
                continue;
            (long t, long e) = Targets(insns[pc], pc);
            if (Math.Min(t, e) < 0 || Math.Max(t, e) >= insns.Length)
                return null;
            if (Math.Min(t, e) > pc)
                continue;
            int first = (int)Math.Min(t, e);
            if (loops.Count > 0 && loops[^1].First == first)
                loops[^1] = (first, pc);
            else if (loops.Count > 0 && loops[^1].Last >= first)
                return null;
            else
                loops.Add((first, pc));
        }
        int length = insns.Length;
        foreach ((int first, int last) in loops)
            length += (RoundsMax - 1) * (last + 1 - first);
        if (loops.Count == 0)
            return new StraightProgram(insns, loops, length);
        var straight = new StraightProgram(insns, loops, length + 1);
        straight._insns[length] = new ClassicInsn(ClassicOpcode.Ret | ClassicOpcode.K, 0);
        return straight;
    }

    private static bool Jumps(ClassicInsn insn) => (insn.Code & ClassicOpcode.ClassMask) == ClassicOpcode.Jmp;

    /// <summary>The two instructions that a jump can lead to.</summary>
    private static (long True, long False) Targets(ClassicInsn insn, int pc) => (insn.Code & ClassicOpcode.OpMask) == ClassicOpcode.Ja
        ? (pc + 1L + (int)insn.K, pc + 1L + (int)insn.K)
        : (pc + 1 + insn.Jt, pc + 1 + insn.Jf);
}
