using System.Numerics;
using Hachi.Ir;
using Hachi.Ir.Schedule;
using Hachi.Vm.Jit.X64.Encode;
using Hachi.Vm.Jit.X64.Select;

namespace Hachi.Vm.Jit.X64;

/// <summary>
/// Gives values registers, or places on the stack. Works on SSA form: where no more values live at once than there are registers, colouring in the order of dominance succeeds; so the
/// cheapest values (by uses, weighed by loops) are moved to the stack for good until that holds.
/// </summary>
/// <remarks>
/// After Hack, Grund and Goos, "Register Allocation for Programs in SSA-Form". Instructions that insist on registers can break the promise; then a value more goes to the stack.
/// </remarks>
internal sealed partial class X64Allocator
{
    /// <summary>Bits of live sets, and values on the stack, beyond which a function is not compiled.</summary>
    private const long LiveBitsMax = 1L << 28;
    private const int SlotsMax = 2048, RestartsMax = 400;

    private readonly BlockGraph _graph;
    private readonly Placement _placement;
    private readonly X64Selector _selector;
    private int[] _number = new int[64], _values = new int[64], _follow = new int[64], _slot = new int[64];
    private float[] _cost = new float[64];
    private ushort[] _forbidden = new ushort[64];
    private Reg[] _reg = new Reg[64], _want = new Reg[64];
    private bool[] _spilled = new bool[64];
    private ulong[] _in = new ulong[64], _reads = new ulong[64], _writes = new ulong[64], _live = new ulong[16];
    private int _count, _words, _liveCount;
    private IrFunction _f = null!;
    private X64Lowering _lowering = null!;

    /// <summary>An allocator over the results of other passes.</summary>
    public X64Allocator(BlockGraph graph, Placement placement, X64Selector selector) => (_graph, _placement, _selector) = (graph, placement, selector);

    /// <summary>Registers for values, as a mask.</summary>
    public ushort Registers { get; set; }

    /// <summary>Whether the processor has shifts of three operands and mulx.</summary>
    public bool HasBmi2 { get; set; }

    /// <summary>Whether the function is called from outside.</summary>
    public bool IsMain { get; set; }

    /// <summary>Whether any value has no register.</summary>
    public bool HasSpills { get; private set; }

    /// <summary>Registers that were given to any value.</summary>
    public ushort UsedRegisters { get; private set; }

    /// <summary>Places on the stack.</summary>
    public int SlotCount { get; private set; }

    /// <summary>The arguments that are used, to be moved in where the function starts.</summary>
    public List<int> Parameters { get; } = [];

    /// <summary>Register of a value, or none.</summary>
    public Reg RegOf(int value) => value == _lowering.State ? X64Machine.State : _reg[_number[value]];

    /// <summary>Place on the stack of a value without a register; -1 for a constant or a word of the state, which are made anew where they are used.</summary>
    public int SlotOf(int value) => _slot[_number[value]];

    /// <summary>Whether a phi has a place at all (its value is read).</summary>
    public bool HasPlace(int value) => _selector.IsNeeded(value);

    /// <summary>Allocates; false when the function is too large for it.</summary>
    public bool Run(X64Lowering lowering)
    {
        (_lowering, _f) = (lowering, lowering.Function);
        NumberValues();
        if ((long)_words * 64 * _graph.Count > LiveBitsMax)
            return false;
        FindLiveness();
        Weigh();
        ReducePressure();
        FindHints();
        for (int restarts = 0; !Colour(); restarts++)
            if (restarts == RestartsMax)
                return false;
        return GiveSlots();
    }

    private void NumberValues()
    {
        int n = _f.ValueCount;
        if (_number.Length < n)
            _number = new int[n * 2];
        if (_values.Length < n)
        {
            _values = new int[n * 2];
            _follow = new int[n * 2];
            _slot = new int[n * 2];
            _cost = new float[n * 2];
            _forbidden = new ushort[n * 2];
            _reg = new Reg[n * 2];
            _want = new Reg[n * 2];
            _spilled = new bool[n * 2];
        }
        _count = 0;
        Parameters.Clear();
        for (int v = 0; v < n; v++)
        {
            _number[v] = -1;
            if (!_selector.IsNeeded(v) || v == _lowering.State)
                continue;
            _number[v] = _count;
            _values[_count++] = v;
            if (_f.Values[v].Op is IrOp.Param or IrOp.Frame)
                Parameters.Add(v);
        }
        Array.Clear(_cost, 0, _count);
        Array.Clear(_forbidden, 0, _count);
        Array.Clear(_spilled, 0, _count);
        Array.Fill(_follow, -1, 0, _count);
        Array.Fill(_want, Reg.None, 0, _count);
        _words = (_count + 63) / 64;
    }

    private int NumberOf(int operand) => operand >= 0 ? _number[operand] : -1;

    private void FindLiveness()
    {
        int n = _graph.Count, sets = n * _words;
        if (_in.Length < sets)
        {
            _in = new ulong[sets * 2];
            _reads = new ulong[sets * 2];
            _writes = new ulong[sets * 2];
        }
        if (_live.Length < _words)
            _live = new ulong[_words * 2];
        Array.Clear(_in, 0, sets);
        Array.Clear(_reads, 0, sets);
        Array.Clear(_writes, 0, sets);
        ReadOnlySpan<int> order = _graph.Order;
        for (int rank = 0; rank < n; rank++)
            Summarise(order[rank], rank);
        bool changed = true;
        while (changed)
        {
            changed = false;
            for (int rank = n - 1; rank >= 0; rank--)
            {
                StartAtEnd(order[rank]);
                StepOverBlock(rank);
                DefineAtStart(order[rank]);
                Span<ulong> before = _in.AsSpan(rank * _words, _words), now = _live.AsSpan(0, _words);
                if (before.SequenceEqual(now))
                    continue;
                now.CopyTo(before);
                changed = _graph.HasLoops;
            }
        }
    }

    /// <summary>What the instructions of a block read before they write it, and what they write; and what each use would cost on the stack.</summary>
    private void Summarise(int b, int rank)
    {
        float weight = WeightOf(b);
        Span<ulong> reads = _reads.AsSpan(rank * _words, _words), writes = _writes.AsSpan(rank * _words, _words);
        for (int i = _selector.List.EndOf(b) - 1; i >= _selector.List.StartOf(b); i--)
        {
            ref Lir insn = ref _selector.List.Insns[i];
            if (insn.Dst >= 0)
            {
                int dst = _number[insn.Dst];
                _cost[dst] += weight;
                writes[dst >> 6] |= 1ul << dst;
                reads[dst >> 6] &= ~(1ul << dst);
            }
            Read(insn.A, reads, weight);
            Read(insn.B, reads, weight);
            if ((insn.C & insn.Base & insn.Index) == Lir.None)
                continue;
            Read(insn.C, reads, weight);
            Read(insn.Base, reads, weight);
            Read(insn.Index, reads, weight);
        }
    }

    private void Read(int operand, Span<ulong> reads, float weight)
    {
        int number = NumberOf(operand);
        if (number < 0)
            return;
        _cost[number] += weight;
        reads[number >> 6] |= 1ul << number;
    }

    /// <summary>Takes the live set from the end of a block to its beginning, in front of which its phis and arguments are defined.</summary>
    private void StepOverBlock(int rank)
    {
        for (int w = 0, at = rank * _words; w < _words; w++, at++)
            _live[w] = _reads[at] | (_live[w] & ~_writes[at]);
    }

    /// <summary>Sets the live set to what lives at the end of a block.</summary>
    private void StartAtEnd(int b)
    {
        Span<ulong> live = _live.AsSpan(0, _words);
        live.Clear();
        ref IrBlock block = ref _f.Blocks[b];
        for (int s = BlockGraph.SuccessorCount(block) - 1; s >= 0; s--)
        {
            int target = BlockGraph.Successor(block, s), args = BlockGraph.ArgsOf(block, s);
            ReadOnlySpan<ulong> from = _in.AsSpan(_graph.RankOf(target) * _words, _words);
            for (int w = 0; w < live.Length; w++)
                live[w] |= from[w];
            for (int p = _f.Blocks[target].Phi; p >= 0; p = _f.Phis[p].Next, args++)
                if (HasPlace(_f.Phis[p].Value) && _f.Values[_f.EdgeArgs[args]].Op != IrOp.Const)
                    Set(_number[_f.EdgeArgs[args]]);
        }
    }

    /// <summary>Takes what a block defines where it starts out of the live set.</summary>
    private void DefineAtStart(int b)
    {
        for (int p = _f.Blocks[b].Phi; p >= 0; p = _f.Phis[p].Next)
            if (HasPlace(_f.Phis[p].Value))
                Unset(_number[_f.Phis[p].Value]);
        if (b == _f.Entry)
            foreach (int v in Parameters)
                Unset(_number[v]);
    }

    private bool IsLive(int number) => (_live[number >> 6] >> number & 1) != 0;

    private void Set(int number)
    {
        if (number >= 0)
            _live[number >> 6] |= 1ul << number;
    }

    private void Unset(int number) => _live[number >> 6] &= ~(1ul << number);

    private float WeightOf(int block) => 1 << (3 * Math.Min(_graph.DepthOf(block), 6));

    /// <summary>What each value would cost on the stack: uses by instructions are counted already.</summary>
    private void Weigh()
    {
        foreach (int b in _graph.Order)
        {
            float weight = WeightOf(b);
            ref IrBlock block = ref _f.Blocks[b];
            for (int p = block.Phi; p >= 0; p = _f.Phis[p].Next)
                if (HasPlace(_f.Phis[p].Value))
                    _cost[_number[_f.Phis[p].Value]] += weight;
            for (int s = BlockGraph.SuccessorCount(block) - 1; s >= 0; s--)
            {
                int target = BlockGraph.Successor(block, s), args = BlockGraph.ArgsOf(block, s);
                for (int p = _f.Blocks[target].Phi; p >= 0; p = _f.Phis[p].Next, args++)
                    if (HasPlace(_f.Phis[p].Value) && _f.Values[_f.EdgeArgs[args]].Op != IrOp.Const)
                        _cost[_number[_f.EdgeArgs[args]]] += weight;
            }
        }
        for (int i = 0; i < _count; i++)
            if (IsRemade(_values[i]))
                _cost[i] *= 0.4f;
    }

    /// <summary>Whether a value without a register is made anew instead of stored.</summary>
    public bool IsRemade(int value) => _f.Values[value].Op is IrOp.Const or IrOp.StateWord;

    private bool GiveSlots()
    {
        SlotCount = 0;
        HasSpills = _spilled.AsSpan(0, _count).Contains(true);
        for (int i = 0; i < _count; i++)
            _slot[i] = _spilled[i] && !IsRemade(_values[i]) ? SlotCount++ : -1;
        return SlotCount <= SlotsMax;
    }

    private int Cheapest(ReadOnlySpan<ulong> among)
    {
        int best = -1;
        for (int w = 0; w < among.Length; w++)
            for (ulong bits = among[w]; bits != 0; bits &= bits - 1)
            {
                int number = (w << 6) + BitOperations.TrailingZeroCount(bits);
                if (best < 0 || _cost[number] < _cost[best])
                    best = number;
            }
        return best;
    }
}
