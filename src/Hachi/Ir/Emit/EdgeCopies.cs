using Hachi.Ir.Emit.Allocate;
namespace Hachi.Ir.Emit;

/// <summary>
/// Moves copies for a phi from one edge of a branch above the branch, where the other way does not see them: <c>if c goto E; …; E: r0 = 1; goto J</c> becomes
/// <c>r0 = 1; if c goto J; …</c>, a jump less.
/// </summary>
internal static class EdgeCopies
{
    private const int InsnsMax = 2;

    /// <summary>Runs over a function whose registers are the machine's.</summary>
    public static void Hoist(LirFunction f)
    {
        int[] preds = new int[f.Blocks.Count];
        foreach (int b in f.ReachedBlocks())
        {
            LirBlock block = f.Blocks[b];
            if (block.True >= 0)
                preds[block.True]++;
            if (block.False >= 0)
                preds[block.False]++;
        }
        Liveness? liveness = null;
        for (int b = f.Blocks.Count - 1; b >= 0; b--)
        {
            LirBlock block = f.Blocks[b];
            if (block.End != LirEnd.Branch || block.True == block.False)
                continue;
            liveness ??= new Liveness(f);
            if (!TryHoist(f, liveness, preds, block, block.True, block.False) && !TryHoist(f, liveness, preds, block, block.False, block.True))
                continue;
            liveness = null; // what lives where has changed
        }
    }

    private static bool TryHoist(LirFunction f, Liveness liveness, int[] preds, LirBlock block, int edge, int other)
    {
        LirBlock from = f.Blocks[edge];
        if (preds[edge] != 1 || from.End != LirEnd.Goto || from.Insns.Count is 0 or > InsnsMax || from.Depth < block.Depth)
            return false;
        foreach (Lir insn in from.Insns)
        {
            bool isCopy = insn.Kind == LirKind.Move || insn.IsRemade;
            if (!isCopy || insn.IsConditional || insn.Dst == block.A || insn.Dst == block.B || liveness.IsLiveInto(other, insn.Dst))
                return false;
        }
        block.Insns.AddRange(from.Insns);
        from.Insns.Clear();
        return true;
    }
}
