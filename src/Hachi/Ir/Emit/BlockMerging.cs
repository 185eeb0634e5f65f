namespace Hachi.Ir.Emit;

/// <summary>Makes equal blocks one, from the ends backwards, and steps over empty ones; for functions whose registers are the machine's.</summary>
internal static class BlockMerging
{
    /// <summary>Runs over a function.</summary>
    public static void Run(LirFunction f)
    {
        int[] same = new int[f.Blocks.Count]; // block => the block that stands for it
        var known = new Dictionary<string, int>();
        for (int b = f.Blocks.Count - 1; b >= 0; b--)
        {
            LirBlock block = f.Blocks[b];
            block.True = block.True > b ? same[block.True] : block.True;
            block.False = block.False > b ? same[block.False] : block.False;
            same[b] = b;
            if (block.End == LirEnd.Branch && block.True == block.False)
                (block.End, block.False, block.A, block.B) = (LirEnd.Goto, -1, -1, -1);
            if (block.End == LirEnd.Goto && block.Insns.Count == 0 && block.True > b)
                same[b] = block.True;
            else if (!known.TryAdd(KeyOf(block), b))
                same[b] = known[KeyOf(block)];
        }
        foreach (LirBlock block in f.Blocks) // jumps back were not followed above
        {
            block.True = block.True >= 0 ? same[block.True] : -1;
            block.False = block.False >= 0 ? same[block.False] : -1;
        }
        f.Entry = same[f.Entry];
    }

    private static string KeyOf(LirBlock block)
    {
        var key = new System.Text.StringBuilder();
        key.Append($"{(int)block.End} {(int)block.Op} {block.IsWide} {block.A} {block.B} {block.Imm} {block.True} {block.False}");
        foreach (Lir insn in block.Insns)
            key.Append($";{(int)insn.Kind} {insn.Opcode} {insn.Pseudo} {insn.Count} {insn.IsConditional} {insn.Offset} {insn.Dst} {insn.Src} {insn.Imm} {insn.Slot}");
        return key.ToString();
    }
}
