namespace Hachi.Ir.Schedule;

/// <summary>
/// Gives every value that is used a block (global code motion after Click, "Global Code Motion, Global Value Numbering"): the latest one that dominates all
/// its uses, or an earlier one that is in fewer loops.
/// </summary>
/// <remarks>Values are total (or stand behind what they require), so computing one where its result is not needed does no harm.</remarks>
internal sealed class Placement
{
    private const int None = -1;

    private int[] _block = new int[64], _early = new int[64], _uses = new int[64], _work = new int[64];
    private int _top;

    /// <summary>The block of a value, or -1 for one that nothing uses.</summary>
    public int BlockOf(int value) => _block[value];

    /// <summary>How often a value is named by values, effects, ends and edges that are used themselves.</summary>
    public int UsesOf(int value) => _uses[value];

    /// <summary>Places the values of a function. Constants are placed too, though most become part of an instruction.</summary>
    /// <param name="f">The function.</param>
    /// <param name="graph">Its blocks.</param>
    /// <param name="more">Uses of values in blocks that the function itself does not tell of.</param>
    public void Compute(IrFunction f, BlockGraph graph, List<(int Value, int Block)>? more = null)
    {
        int n = f.ValueCount;
        if (_block.Length < n)
        {
            _block = new int[n * 2];
            _early = new int[n * 2];
            _uses = new int[n * 2];
            _work = new int[n * 2];
        }
        Array.Clear(_uses, 0, n);
        Array.Fill(_block, None, 0, n);
        CountUses(f, graph, more);
        for (int v = 0; v < n; v++)
            if (_uses[v] > 0)
                _early[v] = Early(f, graph, v);
        foreach (int b in graph.Order)
            UseBlock(f, graph, b);
        foreach ((int value, int block) in more ?? [])
            Use(f, graph, value, block);
        for (int v = n - 1; v >= 0; v--)
            if (_uses[v] > 0)
                Place(f, graph, v);
    }

    /// <summary>The values that an operation names, at most three; their number.</summary>
    internal static int Operands(in IrValue v, Span<int> operands)
    {
        switch (v.Op)
        {
            case IrOp.Const or IrOp.Length or IrOp.Extension or IrOp.Phi or IrOp.Result or IrOp.Param or IrOp.Frame or IrOp.State or IrOp.StateWord
                or IrOp.SlotAddress or IrOp.MapAddress or IrOp.MapValueAddress or IrOp.FunctionAddress:
                return 0;
            case IrOp.LoadPacket or IrOp.ProtoChain or IrOp.Neg or IrOp.SignExtend or IrOp.ZeroExtend or IrOp.ByteSwap:
                operands[0] = v.A;
                return 1;
            case IrOp.Select:
                (operands[0], operands[1], operands[2]) = (v.A, v.B, (int)v.Imm);
                return 3;
            default:
                (operands[0], operands[1]) = (v.A, v.B);
                return 2;
        }
    }

    private void CountUses(IrFunction f, BlockGraph graph, List<(int Value, int Block)>? more)
    {
        _top = 0;
        foreach ((int value, _) in more ?? [])
            Count(f, value);
        foreach (int b in graph.Order)
        {
            ref IrBlock block = ref f.Blocks[b];
            for (int e = block.FirstEffect; e >= 0; e = f.Effects[e].Next)
                CountEffect(f, e, b);
            for (int r = block.Require; r >= 0; r = f.Requires[r].Next)
                Count(f, f.Requires[r].Value);
            if (block.End is IrEnd.Branch or IrEnd.Return or IrEnd.Member)
                Count(f, block.A);
            if (block.End == IrEnd.Branch)
                Count(f, block.B);
        }
        Span<int> operands = stackalloc int[3];
        while (_top > 0)
        {
            int v = _work[--_top];
            if (f.Values[v].Op == IrOp.Phi)
            {
                CountArguments(f, graph, v);
                continue;
            }
            int count = Operands(f.Values[v], operands);
            for (int i = 0; i < count; i++)
                Count(f, operands[i]);
        }
    }

    private void CountEffect(IrFunction f, int e, int b)
    {
        ref IrEffect effect = ref f.Effects[e];
        if (effect.Value >= 0)
            _block[effect.Value] = b;
        switch (effect.Kind)
        {
            case IrEffectKind.Load or IrEffectKind.Clear:
                Count(f, effect.Address);
                break;
            case IrEffectKind.Store:
                Count(f, effect.Address);
                Count(f, effect.Source);
                break;
            case IrEffectKind.Atomic:
                Count(f, effect.Address);
                Count(f, effect.Source);
                Count(f, effect.Compare);
                break;
            case IrEffectKind.CallHelper or IrEffectKind.CallLocal:
                for (int i = 0; i < Isa.Limits.CallArgumentsMax; i++)
                    Count(f, f.EdgeArgs[effect.Source + i]);
                break;
        }
    }

    private void CountArguments(IrFunction f, BlockGraph graph, int phi)
    {
        int target = (int)f.Values[phi].Imm, at = 0;
        for (int p = f.Blocks[target].Phi; f.Phis[p].Value != phi; p = f.Phis[p].Next)
            at++;
        ReadOnlySpan<int> preds = graph.PredsOf(target);
        for (int i = 0; i < preds.Length; i++)
        {
            if (preds[..i].Contains(preds[i]))
                continue; // both edges of a block lead here: counted at the first
            ref IrBlock pred = ref f.Blocks[preds[i]];
            for (int s = BlockGraph.SuccessorCount(pred) - 1; s >= 0; s--)
                if (BlockGraph.Successor(pred, s) == target)
                    Count(f, f.EdgeArgs[BlockGraph.ArgsOf(pred, s) + at]);
        }
    }

    private void Count(IrFunction f, int value)
    {
        if (_uses[value]++ == 0)
            _work[_top++] = value;
    }

    private int Early(IrFunction f, BlockGraph graph, int value)
    {
        ref IrValue v = ref f.Values[value];
        if (v.Op == IrOp.Phi)
            return _block[value] = (int)v.Imm;
        if (v.Op == IrOp.Result)
            return _block[value]; // its effect's, set when the effect was met
        Span<int> operands = stackalloc int[3];
        int count = Operands(v, operands), early = v.Home == 0 ? f.Entry : v.Home;
        for (int i = 0; i < count; i++)
            if (graph.LevelOf(_early[operands[i]]) > graph.LevelOf(early))
                early = _early[operands[i]];
        return early;
    }

    private void UseBlock(IrFunction f, BlockGraph graph, int b)
    {
        ref IrBlock block = ref f.Blocks[b];
        for (int e = block.FirstEffect; e >= 0; e = f.Effects[e].Next)
            UseEffect(f, graph, e, b);
        for (int r = block.Require; r >= 0; r = f.Requires[r].Next)
            Use(f, graph, f.Requires[r].Value, b);
        if (block.End is IrEnd.Branch or IrEnd.Return or IrEnd.Member)
            Use(f, graph, block.A, b);
        if (block.End == IrEnd.Branch)
            Use(f, graph, block.B, b);
        for (int s = BlockGraph.SuccessorCount(block) - 1; s >= 0; s--)
        {
            int args = BlockGraph.ArgsOf(block, s);
            for (int p = f.Blocks[BlockGraph.Successor(block, s)].Phi; p >= 0; p = f.Phis[p].Next, args++)
                if (_uses[f.Phis[p].Value] > 0)
                    Use(f, graph, f.EdgeArgs[args], b);
        }
    }

    private void UseEffect(IrFunction f, BlockGraph graph, int e, int b)
    {
        ref IrEffect effect = ref f.Effects[e];
        if (effect.HasAddress)
            Use(f, graph, effect.Address, b);
        if (effect.Kind is IrEffectKind.Store or IrEffectKind.Atomic)
            Use(f, graph, effect.Source, b);
        if (effect.Kind == IrEffectKind.Atomic)
            Use(f, graph, effect.Compare, b);
        if (effect.Kind is IrEffectKind.CallHelper or IrEffectKind.CallLocal)
            for (int i = 0; i < Isa.Limits.CallArgumentsMax; i++)
                Use(f, graph, f.EdgeArgs[effect.Source + i], b);
    }

    private void Use(IrFunction f, BlockGraph graph, int value, int block)
    {
        if (!IsFixed(f, value))
            _block[value] = _block[value] < 0 ? block : graph.Common(_block[value], block);
    }

    private static bool IsFixed(IrFunction f, int value) => f.Values[value].Op is IrOp.Phi or IrOp.Result;

    private void Place(IrFunction f, BlockGraph graph, int value)
    {
        if (!IsFixed(f, value))
        {
            int best = _block[value];
            for (int at = best; at != _early[value];)
            {
                at = graph.DominatorOf(at);
                if (graph.DepthOf(at) < graph.DepthOf(best))
                    best = at;
            }
            _block[value] = best;
        }
        if (f.Values[value].Op == IrOp.Phi)
            return; // its arguments are used at the ends of other blocks
        Span<int> operands = stackalloc int[3];
        int count = Operands(f.Values[value], operands);
        for (int i = 0; i < count; i++)
            Use(f, graph, operands[i], _block[value]);
    }
}
