using System.Runtime.InteropServices;
using Hachi.Ir.Passes;
using Hachi.Ir.Select;
using Hachi.Isa;

namespace Hachi.Ir;

/// <summary>The passes over a filter, in order, and its way to classic BPF. Holds the working storage; not for use by two threads at once.</summary>
public sealed class FilterCompiler
{
    private const int RoundsMax = 8;

    private readonly BlockOrder _order = new();
    private readonly Specialise _specialise = new();
    private readonly MergeBlocks _merge = new();
    private readonly SetTests _sets = new();
    private readonly Searches _searches = new();
    private readonly Phis _phis = new();
    private readonly ClassicSelector _selector = new();

    /// <summary>Makes a function smaller and faster without changing what it returns on any packet.</summary>
    /// <param name="f">The function; rewritten in place.</param>
    /// <param name="passes">Which passes run; all by default. For tests.</param>
    public void Optimise(IrFunction f, FilterPasses passes = FilterPasses.All)
    {
        bool again = true, specialises = passes.HasFlag(FilterPasses.Specialise), merges = passes.HasFlag(FilterPasses.Merge);
        for (int round = 0; round < RoundsMax && again; round++)
        {
            again = _phis.Run(f);
            if (round == 0 || again)
                _order.Compute(f);
            if (specialises)
            {
                bool changed = _specialise.Run(f, _order);
                again |= _specialise.IsUnfinished || (changed && f.PhiCount > 0);
                _order.Narrow(f);
            }
            if (merges)
            {
                Merge(f);
                again |= _merge.HasDropped;
            }
        }
        int made = f.BlockCount;
        bool sets = passes.HasFlag(FilterPasses.Sets) && _sets.Run(f, _order);
        if (sets)
            _order.Compute(f);
        if (sets && specialises)
            _specialise.RunOn(f, _order, made, CollectionsMarshal.AsSpan(_sets.Rebuilt));
        if (f.Sets.Count > 0 && _searches.Run(f, _order))
            _order.Compute(f);
        if (merges && f.BlockCount > made)
            _merge.Run(f, _order);
    }

    private void Merge(IrFunction f)
    {
        _merge.Run(f, _order);
        _order.Narrow(f);
        foreach ((int kept, int gone) in _merge.Merged)
            _specialise.Merged(kept, gone);
    }

    /// <summary>Drops the phis that lowering made and nothing uses; what a program that is not optimised needs to fit the scratch memory.</summary>
    public void Tidy(IrFunction f)
    {
        while (_phis.Run(f))
        {
        }
    }

    /// <summary>Whether a function returns 0 on every packet, as far as the passes have shown.</summary>
    public static bool RejectsAll(IrFunction f) => f.Blocks[f.Entry] is { End: IrEnd.Return, A: IrFunction.Zero };

    /// <summary>Emits classic BPF; null when the sixteen words of scratch memory do not suffice.</summary>
    public ClassicProgram? EmitClassic(IrFunction f)
    {
        ClassicInsn[]? insns = _selector.Select(f);
        return insns is null ? null : new ClassicProgram(insns);
    }
}

/// <summary>The passes of <see cref="FilterCompiler.Optimise"/>.</summary>
[Flags]
public enum FilterPasses
{
    /// <summary>None: the function is emitted as it was lowered.</summary>
    None = 0,

    /// <summary>Facts on edges: jump threading, redundant tests and requirements.</summary>
    Specialise = 1,

    /// <summary>Equal blocks become one.</summary>
    Merge = 2,

    /// <summary>Runs of tests become interval sets and balanced searches.</summary>
    Sets = 4,

    /// <summary>All of them.</summary>
    All = Specialise | Merge | Sets,
}
