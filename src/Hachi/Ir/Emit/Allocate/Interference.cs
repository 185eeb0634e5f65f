using System.Numerics;
using Hachi.Isa;

namespace Hachi.Ir.Emit.Allocate;

/// <summary>Which registers hold values at the same time, so that they must not be one; and the copies between them.</summary>
internal sealed class Interference
{
    /// <summary>Registers beyond which pairs are kept in a set: a matrix of bits would be too large.</summary>
    private const int MatrixMax = 16_384;

    private readonly ulong[]? _matrix;
    private readonly HashSet<long>? _pairs;
    private readonly int _words;

    /// <summary>Finds them.</summary>
    public Interference(LirFunction f, Liveness liveness)
    {
        Count = f.RegisterCount;
        _words = (Count + 63) / 64;
        if (Count <= MatrixMax)
            _matrix = new ulong[(long)_words * Count];
        else
            _pairs = [];
        Neighbours = new List<int>[Count];
        MovesOf = new List<int>[Count];
        Degree = new int[Count];
        Cost = new float[Count];
        for (int i = 0; i < Count; i++)
            (Neighbours[i], MovesOf[i]) = ([], []);
        for (int r = 0; r < Limits.FramePointer; r++)
            for (int other = 0; other < r; other++)
                Connect(r, other);
        for (int b = 0; b < f.Blocks.Count; b++)
            Visit(f, liveness, b);
    }

    /// <summary>Number of registers.</summary>
    public int Count { get; }

    /// <summary>The registers that a virtual one meets; those of the machine have no list.</summary>
    public List<int>[] Neighbours { get; }

    /// <summary>Number of neighbours.</summary>
    public int[] Degree { get; }

    /// <summary>The copies between registers that could be one.</summary>
    public List<(int Dst, int Src)> Moves { get; } = [];

    /// <summary>Indexes of the copies that a register takes part in.</summary>
    public List<int>[] MovesOf { get; }

    /// <summary>Reads and writes of a register, weighed by loops.</summary>
    public float[] Cost { get; }

    /// <summary>Whether two registers meet.</summary>
    public bool Meet(int a, int b)
    {
        if (_matrix is not null)
            return (_matrix[((long)a * _words) + (b >> 6)] >> b & 1) != 0;
        return _pairs!.Contains(a < b ? (long)a << 32 | (uint)b : (long)b << 32 | (uint)a);
    }

    /// <summary>Says that two registers meet.</summary>
    public void Connect(int a, int b)
    {
        if (a == b || a == Limits.FramePointer || b == Limits.FramePointer || Meet(a, b))
            return;
        if (_matrix is not null)
        {
            _matrix[((long)a * _words) + (b >> 6)] |= 1ul << b;
            _matrix[((long)b * _words) + (a >> 6)] |= 1ul << a;
        }
        else
        {
            _pairs!.Add(a < b ? (long)a << 32 | (uint)b : (long)b << 32 | (uint)a);
        }
        if (a >= Lir.FirstVirtual)
        {
            Neighbours[a].Add(b);
            Degree[a]++;
        }
        if (b >= Lir.FirstVirtual)
        {
            Neighbours[b].Add(a);
            Degree[b]++;
        }
    }

    private void Visit(LirFunction f, Liveness liveness, int b)
    {
        LirBlock block = f.Blocks[b];
        float weight = 1 << (3 * Math.Min(block.Depth, 6));
        Span<int> registers = stackalloc int[6];
        liveness.StartAtEnd(b);
        if (block.A >= 0)
            Cost[block.A] += weight;
        if (block.B >= 0)
            Cost[block.B] += weight;
        for (int i = block.Insns.Count - 1; i >= 0; i--)
        {
            Lir insn = block.Insns[i];
            bool isMove = insn.Kind == LirKind.Move && !insn.IsConditional && insn.Src != Limits.FramePointer;
            if (isMove)
            {
                MovesOf[insn.Dst].Add(Moves.Count);
                MovesOf[insn.Src].Add(Moves.Count);
                Moves.Add((insn.Dst, insn.Src));
            }
            int defs = insn.Defs(registers);
            for (int d = 0; d < defs; d++)
            {
                Cost[registers[d]] += weight;
                Meet(liveness.Live, registers[d], isMove ? insn.Src : -1);
                for (int other = 0; other < d; other++)
                    Connect(registers[d], registers[other]);
            }
            liveness.StepOver(insn);
            int uses = insn.Uses(registers);
            for (int u = 0; u < uses; u++)
                Cost[registers[u]] += weight;
        }
    }

    private void Meet(ulong[] live, int register, int except)
    {
        for (int w = 0; w < live.Length; w++)
            for (ulong bits = live[w]; bits != 0; bits &= bits - 1)
            {
                int other = (w << 6) + BitOperations.TrailingZeroCount(bits);
                if (other != except)
                    Connect(register, other);
            }
    }
}
