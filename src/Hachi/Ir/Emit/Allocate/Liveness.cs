namespace Hachi.Ir.Emit.Allocate;

/// <summary>Which registers are read again, at the end of each block of a function.</summary>
internal sealed class Liveness
{
    private readonly LirFunction _f;
    private readonly ulong[] _in;
    private readonly int _words;

    /// <summary>Computes it.</summary>
    public Liveness(LirFunction f)
    {
        _f = f;
        _words = (f.RegisterCount + 63) / 64;
        _in = new ulong[_words * f.Blocks.Count];
        Live = new ulong[_words];
        bool changed = true;
        while (changed)
        {
            changed = false;
            for (int b = f.Blocks.Count - 1; b >= 0; b--)
            {
                StartAtEnd(b);
                List<Lir> insns = f.Blocks[b].Insns;
                for (int i = insns.Count - 1; i >= 0; i--)
                    StepOver(insns[i]);
                Span<ulong> before = _in.AsSpan(b * _words, _words);
                if (before.SequenceEqual(Live))
                    continue;
                Live.CopyTo(before);
                changed = true;
            }
        }
    }

    /// <summary>The registers that are read again, as bits, where the last step stands.</summary>
    public ulong[] Live { get; }

    /// <summary>Whether a register is read again.</summary>
    public bool IsLive(int register) => (Live[register >> 6] >> register & 1) != 0;

    /// <summary>Whether a register is read again where a block starts.</summary>
    public bool IsLiveInto(int block, int register) => (_in[(block * _words) + (register >> 6)] >> register & 1) != 0;

    /// <summary>Goes to the end of a block, before the comparison that ends it.</summary>
    public void StartAtEnd(int b)
    {
        LirBlock block = _f.Blocks[b];
        Array.Clear(Live);
        if (block.True >= 0)
            Join(block.True);
        if (block.False >= 0)
            Join(block.False);
        if (block.End == LirEnd.Exit)
            Add(0);
        if (block.End == LirEnd.Branch)
        {
            Add(block.A);
            if (block.B >= 0)
                Add(block.B);
        }
    }

    /// <summary>Goes over an instruction, upwards.</summary>
    public void StepOver(in Lir insn)
    {
        Span<int> registers = stackalloc int[6];
        int count = insn.Defs(registers);
        for (int i = 0; i < count; i++)
            Live[registers[i] >> 6] &= ~(1ul << registers[i]);
        count = insn.Uses(registers);
        for (int i = 0; i < count; i++)
            Add(registers[i]);
    }

    private void Add(int register) => Live[register >> 6] |= 1ul << register;

    private void Join(int block)
    {
        ReadOnlySpan<ulong> from = _in.AsSpan(block * _words, _words);
        for (int w = 0; w < from.Length; w++)
            Live[w] |= from[w];
    }
}
