namespace Hachi.Ir.Build;

/// <summary>
/// Turns variables that are assigned more than once into SSA values while blocks are made in any order, loops among them.
/// After Braun et al., "Simple and Efficient Construction of Static Single Assignment Form". Phis that turn out to be idle stay; <see cref="Emit.EbpfLowering"/> drops them.
/// </summary>
internal sealed class BlockVariables(IrFunction f)
{
    private readonly List<BlockState> _blocks = [];
    private readonly List<int> _work = [];

    /// <summary>Number of variables.</summary>
    public int Count { get; private set; }

    /// <summary>A new variable. It must be written before it is read on every way; where it was not, it is 0.</summary>
    public int New() => Count++;

    /// <summary>Reports an edge.</summary>
    public void AddEdge(int from, bool whenTrue, int to)
    {
        BlockState target = At(to);
        if (target.IsSealed)
            throw new InvalidOperationException($"block {to} is sealed: only a loop head may be jumped to after it was started");
        target.Preds.Add((from, whenTrue));
    }

    /// <summary>Whether any edge leads to a block.</summary>
    public bool HasEdges(int block) => At(block).Preds.Count > 0;

    /// <summary>Whether all edges into a block have been reported.</summary>
    public bool IsSealed(int block) => At(block).IsSealed;

    /// <summary>Says that all edges into a block have been reported.</summary>
    public void Seal(int block)
    {
        BlockState state = At(block);
        state.IsSealed = true;
        foreach ((int variable, int phi) in state.Open)
            FillPhi(state, variable, phi);
        state.Open.Clear();
    }

    /// <summary>Gives a variable a value from here (the end of the block so far) on.</summary>
    public void Write(int variable, int block, int value) => At(block).Values[variable] = value;

    /// <summary>The value of a variable at the end of a block so far.</summary>
    public int Read(int variable, int block)
    {
        // Chains of blocks with one predecessor are walked, not recursed into: scripts can make them as long as they like.
        int at = block;
        _work.Clear();
        while (true)
        {
            BlockState state = At(at);
            if (state.Values.TryGetValue(variable, out int known))
                return Remember(variable, known);
            if (!state.IsSealed || state.Preds.Count != 1)
                break;
            if (_work.Count > f.BlockCount)
                return Remember(variable, IrFunction.Zero); // a ring that nothing leads into
            _work.Add(at);
            at = state.Preds[0].From;
        }
        BlockState last = At(at);
        if (last.IsSealed && last.Preds.Count == 0)
            return Remember(variable, IrFunction.Zero);
        int phi = f.AddPhi(at);
        last.Phis.Add(phi);
        last.Values[variable] = phi;
        Remember(variable, phi);
        if (last.IsSealed)
            _pending.Enqueue((at, variable, phi));
        else
            last.Open.Add((variable, phi));
        Drain();
        if (last.IsSealed && last.Operands.TryGetValue(phi, out int[]? operands) && OnlyOperand(phi, operands) is var only and >= 0)
            return last.Values[variable] = only; // the ways in agree: what is made from here on need not know of the phi
        return phi;
    }

    private static int OnlyOperand(int phi, int[] operands)
    {
        int only = -1;
        foreach (int operand in operands)
        {
            if (operand == phi || operand == only)
                continue;
            if (only >= 0)
                return -1;
            only = operand;
        }
        return only;
    }

    /// <summary>Seals what is open and writes the arguments of all edges.</summary>
    public void Finish()
    {
        for (int b = 0; b < f.BlockCount; b++)
            if (!At(b).IsSealed)
                Seal(b);
        Drain();
        for (int b = 0; b < f.BlockCount; b++)
        {
            BlockState state = At(b);
            if (state.Phis.Count == 0)
                continue;
            int[] args = new int[state.Phis.Count];
            for (int edge = 0; edge < state.Preds.Count; edge++)
            {
                for (int i = 0; i < args.Length; i++) // the newest phi stands first
                    args[i] = state.Operands[state.Phis[^(i + 1)]][edge];
                (int from, bool whenTrue) = state.Preds[edge];
                if (whenTrue)
                    f.Blocks[from].TrueArgs = f.AddEdgeArgs(args);
                else
                    f.Blocks[from].FalseArgs = f.AddEdgeArgs(args);
            }
        }
    }

    private readonly Queue<(int Block, int Variable, int Phi)> _pending = new();
    private bool _draining;

    private void Drain()
    {
        if (_draining)
            return;
        _draining = true;
        while (_pending.TryDequeue(out (int Block, int Variable, int Phi) next))
            FillPhi(At(next.Block), next.Variable, next.Phi);
        _draining = false;
    }

    private void FillPhi(BlockState state, int variable, int phi)
    {
        int[] operands = new int[state.Preds.Count];
        state.Operands[phi] = operands;
        for (int i = 0; i < operands.Length; i++)
            operands[i] = Read(variable, state.Preds[i].From);
    }

    private int Remember(int variable, int value)
    {
        foreach (int block in _work)
            _blocks[block].Values[variable] = value;
        _work.Clear();
        return value;
    }

    private BlockState At(int block)
    {
        while (_blocks.Count <= block)
            _blocks.Add(new BlockState());
        return _blocks[block];
    }

    private sealed class BlockState
    {
        public bool IsSealed;
        public readonly List<(int From, bool WhenTrue)> Preds = [];
        public readonly Dictionary<int, int> Values = [];
        public readonly List<(int Variable, int Phi)> Open = [];
        public readonly List<int> Phis = [];
        public readonly Dictionary<int, int[]> Operands = [];
    }
}
