using Hachi.Ir.Schedule;
using Hachi.Isa;

namespace Hachi.Ir.Emit;

/// <summary>
/// Copies a function into one that eBPF's instructions match one to one: idle phis and loads that nobody reads are gone, what the level of instructions lacks is made of what it
/// has, edges that need moves of their own have a block for them.
/// </summary>
internal sealed partial class EbpfLowering
{
    private readonly BlockGraph _graph = new();
    private readonly IrFunction _from;
    private readonly IrFunction _to = new();
    private readonly IrArithmetic _make;
    private readonly int _level;
    private readonly int[] _same, _map;

    private EbpfLowering(IrFunction from, int level)
    {
        (_from, _level) = (from, level);
        _make = new IrArithmetic(_to, isForVerifier: true);
        _same = new int[from.ValueCount];
        _map = new int[from.ValueCount];
    }

    /// <summary>Lowers a function, which is not changed.</summary>
    public static IrFunction Run(IrFunction f, int level)
    {
        var lowering = new EbpfLowering(f, level);
        lowering.Run();
        return lowering._to;
    }

    private void Run()
    {
        _graph.Compute(_from);
        FindIdlePhis();
        _to.CopyFrame(_from);
        Array.Fill(_map, -1);
        foreach (int b in _graph.Order)
            Rename(b);
        DropLoads();
        SplitEdges();
    }

    /// <summary>A phi whose arguments are all one value, or itself, is that value.</summary>
    private void FindIdlePhis()
    {
        for (int v = 0; v < _same.Length; v++)
            _same[v] = v;
        bool changed = _from.PhiCount > 0;
        while (changed)
        {
            changed = false;
            foreach (int b in _graph.Order)
            {
                int at = 0;
                for (int p = _from.Blocks[b].Phi; p >= 0; p = _from.Phis[p].Next, at++)
                {
                    int phi = _from.Phis[p].Value, only = _same[phi] == phi ? OnlyArgument(b, phi, at) : -1;
                    if (only < 0)
                        continue;
                    _same[phi] = only;
                    changed = true;
                }
            }
        }
    }

    private int OnlyArgument(int block, int phi, int at)
    {
        int only = -1;
        foreach (int pred in _graph.PredsOf(block))
        {
            ref IrBlock from = ref _from.Blocks[pred];
            for (int s = BlockGraph.SuccessorCount(from) - 1; s >= 0; s--)
            {
                if (BlockGraph.Successor(from, s) != block)
                    continue;
                int argument = Find(_from.EdgeArgs[BlockGraph.ArgsOf(from, s) + at]);
                if (argument == phi || argument == only)
                    continue;
                if (only >= 0)
                    return -1;
                only = argument;
            }
        }
        return only;
    }

    private int Find(int value)
    {
        while (_same[value] != value)
            value = _same[value] = _same[_same[value]];
        return value;
    }

    private void Rename(int b)
    {
        ref IrBlock block = ref _to.Blocks[b];
        for (int e = block.FirstEffect; e >= 0; e = _to.Effects[e].Next)
            RenameEffect(e);
        if (block.End is IrEnd.Branch or IrEnd.Return)
            block.A = Renamed(block.A);
        if (block.End == IrEnd.Branch)
        {
            block.B = Renamed(block.B);
            if (_level < 3 && block.Compare < IrCompare.Eq64)
                Widen(b);
        }
        for (int s = BlockGraph.SuccessorCount(_to.Blocks[b]) - 1; s >= 0; s--)
            RenameArguments(b, s);
        RenamePhis(b);
    }

    // Without jumps on 32 bits: the lower halves are extended, and compared as whole words.
    private void Widen(int b)
    {
        IrBlock block = _to.Blocks[b];
        bool isSigned = block.Compare is IrCompare.SGt or IrCompare.SGe;
        (_make.Home, _make.Origin) = (b, block.Origin);
        int x = isSigned ? Sext(block.A, 4) : _make.Zext(block.A, 4), y = isSigned ? Sext(block.B, 4) : _make.Zext(block.B, 4);
        _to.Blocks[b].A = x;
        _to.Blocks[b].B = y;
        _to.Blocks[b].Compare += IrCompare.Eq64 - IrCompare.Eq;
    }

    private void RenameEffect(int e)
    {
        IrEffect effect = _to.Effects[e];
        if (effect.Value >= 0)
            effect.Value = Renamed(effect.Value);
        if (effect.HasAddress)
            effect.Address = Renamed(effect.Address);
        if (effect.Kind is IrEffectKind.Store or IrEffectKind.Atomic)
            effect.Source = Renamed(effect.Source);
        while (effect.Kind == IrEffectKind.Store && _to.Values[effect.Source] is { Op: IrOp.ZeroExtend or IrOp.SignExtend } v && v.Size >= effect.Size)
            effect.Source = v.A; // a store of so many bytes does not see the extension
        if (effect.Kind == IrEffectKind.Atomic)
            effect.Compare = Renamed(effect.Compare);
        if (effect.Kind is IrEffectKind.CallHelper or IrEffectKind.CallLocal)
        {
            Span<int> arguments = stackalloc int[Limits.CallArgumentsMax];
            for (int i = 0; i < arguments.Length; i++)
                arguments[i] = Renamed(_from.EdgeArgs[effect.Source + i]);
            effect.Source = _to.AddEdgeArgs(arguments);
        }
        _to.Effects[e] = effect;
    }

    private void RenameArguments(int b, int successor)
    {
        int target = BlockGraph.Successor(_to.Blocks[b], successor), args = BlockGraph.ArgsOf(_from.Blocks[b], successor);
        var renamed = new List<int>();
        for (int p = _from.Blocks[target].Phi; p >= 0; p = _from.Phis[p].Next, args++)
            if (_same[_from.Phis[p].Value] == _from.Phis[p].Value)
                renamed.Add(Renamed(_from.EdgeArgs[args]));
        int start = renamed.Count == 0 ? -1 : _to.AddEdgeArgs([.. renamed]);
        if (successor == 0)
            _to.Blocks[b].TrueArgs = start;
        else
            _to.Blocks[b].FalseArgs = start;
    }

    private void RenamePhis(int b)
    {
        int last = -1;
        for (int p = _from.Blocks[b].Phi; p >= 0; p = _from.Phis[p].Next)
        {
            int phi = _from.Phis[p].Value;
            if (_same[phi] != phi)
                continue;
            _to.Phis[p].Value = Renamed(phi);
            if (last < 0)
                _to.Blocks[b].Phi = p;
            else
                _to.Phis[last].Next = p;
            last = p;
        }
        if (last < 0)
            _to.Blocks[b].Phi = -1;
        else
            _to.Phis[last].Next = -1;
    }

    /// <summary>Takes out the loads whose results nobody reads: none of them can fail in a program that the verifier has accepted.</summary>
    private void DropLoads()
    {
        bool[] used = new bool[_to.ValueCount];
        var work = new Stack<int>();
        foreach (int b in _graph.Order)
            UseRoots(_to.Blocks[b], used, work);
        Span<int> operands = stackalloc int[3];
        while (work.TryPop(out int v))
        {
            ref IrValue value = ref _to.Values[v];
            if (value.Op == IrOp.Result && _to.Effects[(int)value.Imm] is { Kind: IrEffectKind.Load } load)
                Use(load.Address, used, work);
            int count = Placement.Operands(value, operands);
            for (int i = 0; i < count; i++)
                Use(operands[i], used, work);
        }
        foreach (int b in _graph.Order)
            Unlink(ref _to.Blocks[b], used);
    }

    private void UseRoots(in IrBlock block, bool[] used, Stack<int> work)
    {
        for (int e = block.FirstEffect; e >= 0; e = _to.Effects[e].Next)
        {
            ref IrEffect effect = ref _to.Effects[e];
            if (effect.Kind == IrEffectKind.Load)
                continue;
            if (effect.HasAddress)
                Use(effect.Address, used, work);
            if (effect.Kind is IrEffectKind.Store or IrEffectKind.Atomic)
                Use(effect.Source, used, work);
            if (effect.Kind == IrEffectKind.Atomic)
                Use(effect.Compare, used, work);
            if (effect.Kind is IrEffectKind.CallHelper or IrEffectKind.CallLocal)
                for (int i = 0; i < effect.Displacement; i++)
                    Use(_to.EdgeArgs[effect.Source + i], used, work);
        }
        if (block.End is IrEnd.Branch or IrEnd.Return)
            Use(block.A, used, work);
        if (block.End == IrEnd.Branch)
            Use(block.B, used, work);
        for (int s = BlockGraph.SuccessorCount(block) - 1; s >= 0; s--)
        {
            int args = BlockGraph.ArgsOf(block, s);
            for (int p = _to.Blocks[BlockGraph.Successor(block, s)].Phi; p >= 0; p = _to.Phis[p].Next, args++)
                Use(_to.EdgeArgs[args], used, work); // a phi that nobody reads keeps its arguments: rare, and Placement drops them
        }
    }

    private static void Use(int value, bool[] used, Stack<int> work)
    {
        if (used[value])
            return;
        used[value] = true;
        work.Push(value);
    }

    private void Unlink(ref IrBlock block, bool[] used)
    {
        int last = -1;
        for (int e = block.FirstEffect; e >= 0; e = _to.Effects[e].Next)
        {
            ref IrEffect effect = ref _to.Effects[e];
            if (effect.Kind == IrEffectKind.Load && !used[effect.Value])
                continue;
            if (last < 0)
                block.FirstEffect = e;
            else
                _to.Effects[last].Next = e;
            last = e;
        }
        if (last < 0)
            block.FirstEffect = -1;
        else
            _to.Effects[last].Next = -1;
        block.LastEffect = last;
    }

    /// <summary>An edge with arguments out of a block with two successors gets a block of its own.</summary>
    private void SplitEdges()
    {
        foreach (int b in _graph.Order)
        {
            if (BlockGraph.SuccessorCount(_to.Blocks[b]) != 2)
                continue;
            if (_to.Blocks[b].TrueArgs >= 0)
            {
                int edge = NewEdge(b, _to.Blocks[b].True, _to.Blocks[b].TrueArgs);
                (_to.Blocks[b].True, _to.Blocks[b].TrueArgs) = (edge, -1);
            }
            if (_to.Blocks[b].FalseArgs >= 0)
            {
                int edge = NewEdge(b, _to.Blocks[b].False, _to.Blocks[b].FalseArgs);
                (_to.Blocks[b].False, _to.Blocks[b].FalseArgs) = (edge, -1);
            }
        }
    }

    private int NewEdge(int from, int to, int args)
    {
        int edge = _to.NewBlock();
        _to.Goto(edge, to, args);
        _to.Blocks[edge].Origin = _to.Blocks[from].Origin;
        return edge;
    }
}
