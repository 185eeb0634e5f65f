using Hachi.Ir;
using Hachi.Ir.Schedule;
using Hachi.Vm.Jit.X64.Encode;
using Hachi.Vm.Machine;

namespace Hachi.Vm.Jit.X64.Select;

/// <summary>
/// Rewrites a function into forms that x86-64 instructions match: divisions by constants become multiplications, accesses to known regions become accesses to host
/// addresses whose parts that do not change in a loop stand outside it. The result is another function with the same blocks.
/// </summary>
internal sealed partial class X64Lowering
{
    private readonly BlockGraph _graph;
    private int[] _map = new int[64], _early = new int[64], _effectBlock = new int[64];
    private int _earlyCount;
    private bool _isMain, _hasHelperCalls;
    private IrFunction _from = null!;

    /// <summary>A lowering that leaves its block graph to the passes behind it.</summary>
    public X64Lowering(BlockGraph graph) => _graph = graph;

    /// <summary>The function that <see cref="Run"/> makes; overwritten by the next run.</summary>
    public IrFunction Function { get; } = new();

    /// <summary>By effect: the values that hold the bound and the host address of its region, for accesses that are checked against one that does not move; 0 for others.</summary>
    public (int Past, int Memory)[] Words { get; private set; } = new (int, int)[64];

    /// <summary>The value that is the state's address.</summary>
    public int State { get; private set; }

    /// <summary>What <see cref="Words"/> holds, as uses of values.</summary>
    public List<(int Value, int Block)> WordUses { get; } = [];

    /// <summary>Lowers a function; the block graph is that of the result.</summary>
    /// <param name="f">The function; not changed.</param>
    /// <param name="isMain">Whether its frame is the first one.</param>
    /// <param name="callsBack">Whether helpers are called anywhere in the program.</param>
    public void Run(IrFunction f, bool isMain, bool callsBack)
    {
        (_from, _isMain) = (f, isMain);
        IrFunction g = Function;
        g.Clear();
        g.CopyFrame(f);
        State = g.Intern(IrOp.State, 8, 0, 0, 0, -1);
        WordUses.Clear();
        GiveEntryToItself(g);
        _graph.Compute(g);
        if (_map.Length < f.ValueCount)
            _map = new int[f.ValueCount * 2];
        FindEffects(g, callsBack);
        for (int v = 0; v < f.ValueCount; v++)
            _map[v] = f.Values[v].Op == IrOp.State ? State : Rewrite(f.Values[v]);
        foreach (int b in _graph.Order)
            Rename(b);
        if (X64Choices.Run(g, _graph))
            _graph.Compute(g);
        _earlyCount = 0;
        foreach (int b in _graph.Order)
            for (int e = g.Blocks[b].FirstEffect; e >= 0; e = g.Effects[e].Next)
                LowerEffect(e, b);
    }

    /// <summary>Arguments are defined where the function starts, so no jump may lead there.</summary>
    private static void GiveEntryToItself(IrFunction g)
    {
        for (int b = 0; b < g.BlockCount; b++)
        {
            ref IrBlock block = ref g.Blocks[b];
            for (int s = BlockGraph.SuccessorCount(block) - 1; s >= 0; s--)
            {
                if (BlockGraph.Successor(block, s) != g.Entry)
                    continue;
                int old = g.Entry;
                g.Entry = g.NewBlock();
                g.Goto(g.Entry, old);
                return;
            }
        }
    }

    private void FindEffects(IrFunction g, bool callsBack)
    {
        if (_effectBlock.Length < g.EffectCount)
        {
            _effectBlock = new int[g.EffectCount * 2];
            Words = new (int, int)[g.EffectCount * 2];
        }
        Array.Clear(Words, 0, g.EffectCount);
        Array.Fill(_effectBlock, g.Entry, 0, g.EffectCount);
        _hasHelperCalls = false;
        foreach (int b in _graph.Order)
            for (int e = g.Blocks[b].FirstEffect; e >= 0; e = g.Effects[e].Next)
            {
                _effectBlock[e] = b;
                _hasHelperCalls |= callsBack && g.Effects[e].Kind is IrEffectKind.CallHelper or IrEffectKind.CallLocal;
            }
    }

    private void Rename(int b)
    {
        IrFunction g = Function;
        ref IrBlock block = ref g.Blocks[b];
        for (int p = block.Phi; p >= 0; p = g.Phis[p].Next)
            g.Phis[p].Value = _map[g.Phis[p].Value];
        for (int r = block.Require; r >= 0; r = g.Requires[r].Next)
            g.Requires[r].Value = _map[g.Requires[r].Value];
        if (block.End is IrEnd.Branch or IrEnd.Return or IrEnd.Member)
            block.A = _map[block.A];
        if (block.End == IrEnd.Branch)
            block.B = _map[block.B];
        for (int s = BlockGraph.SuccessorCount(block) - 1; s >= 0; s--)
            RenameArgs(b, s);
        for (int e = block.FirstEffect; e >= 0; e = g.Effects[e].Next)
        {
            ref IrEffect effect = ref g.Effects[e];
            if (effect.Value >= 0)
                effect.Value = _map[effect.Value];
            if (effect.HasAddress)
                effect.Address = _map[effect.Address];
            if (effect.Kind is IrEffectKind.Store or IrEffectKind.Atomic)
                effect.Source = _map[effect.Source];
            if (effect.Kind == IrEffectKind.Atomic)
                effect.Compare = _map[effect.Compare];
            if (effect.Kind is IrEffectKind.CallHelper or IrEffectKind.CallLocal)
                effect.Source = Renamed(effect.Source, Isa.Limits.CallArgumentsMax);
        }
    }

    private void RenameArgs(int b, int successor)
    {
        IrFunction g = Function;
        ref IrBlock block = ref g.Blocks[b];
        int args = BlockGraph.ArgsOf(block, successor), count = 0;
        for (int p = g.Blocks[BlockGraph.Successor(block, successor)].Phi; p >= 0; p = g.Phis[p].Next)
            count++;
        if (count == 0)
            return;
        int renamed = Renamed(args, count);
        if (successor == 0)
            block.TrueArgs = renamed;
        else
            block.FalseArgs = renamed;
    }

    /// <summary>A run of edge arguments under their new names; a copy, since runs may be shared.</summary>
    private int Renamed(int start, int count)
    {
        Span<int> values = count <= 64 ? stackalloc int[count] : new int[count];
        for (int i = 0; i < count; i++)
            values[i] = _map[_from.EdgeArgs[start + i]];
        return Function.AddEdgeArgs(values);
    }

    private void LowerEffect(int e, int b)
    {
        IrFunction g = Function;
        ref IrEffect effect = ref g.Effects[e];
        if (!effect.HasAddress)
            return;
        bool stable = IsStable(effect.Region);
        if (effect.Access == IrAccess.Proven && stable)
        {
            int delta = StateWord(effect.Region, Region.DeltaOffset);
            effect.Address = Split(ref effect, b, delta, negative: false);
            effect.Access = IrAccess.Host;
        }
        else if (effect.Access == IrAccess.CheckedRegion && stable)
        {
            bool writes = effect.Kind != IrEffectKind.Load;
            int start = StateWord(effect.Region, Region.StartOffset);
            int log = System.Numerics.BitOperations.Log2(effect.Size);
            int past = StateWord(effect.Region, (writes ? Region.PastWriteOffset : Region.PastReadOffset) + (8 * log)), memory = StateWord(effect.Region, MemoryOffset);
            effect.Address = Split(ref effect, b, start, negative: true);
            Words[e] = (past, memory);
            WordUses.Add((past, b));
            WordUses.Add((memory, b));
        }
        else
        {
            Peel(ref effect.Address, ref effect.Displacement);
        }
    }

    /// <summary>Offset of <see cref="Region.Memory"/>.</summary>
    internal const int MemoryOffset = 80;

    /// <summary>Whether a region stays where it is while the function runs.</summary>
    private bool IsStable(int region) => !_hasHelperCalls || region is Region.Context or Region.Stack || region >= Region.FirstMap;

    private int StateWord(int region, int offset) =>
        Function.Intern(IrOp.StateWord, 8, 0, 0, (ulong)(MachineState.RegionsOffset + (region * Region.SizeBytes) + offset), -1);

    /// <summary>Moves a constant summand of an address into the displacement.</summary>
    private void Peel(ref int address, ref int displacement)
    {
        ref IrValue v = ref Function.Values[address];
        if (v.Op != IrOp.Add || v.Size != 8 || Function.Values[v.B].Op != IrOp.Const)
            return;
        long sum = displacement + (long)Function.Values[v.B].Imm;
        if (sum != (int)sum)
            return;
        (address, displacement) = (v.A, (int)sum);
    }
}
