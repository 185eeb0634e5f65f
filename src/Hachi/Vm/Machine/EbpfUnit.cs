using System.Runtime.CompilerServices;
using Hachi.Vm.Interpret;

namespace Hachi.Vm.Machine;

/// <summary>A program ready to run: its code, the helpers that it calls, the engine that runs it.</summary>
internal sealed unsafe class EbpfUnit
{
    private nint _shortEntry;
    private MainCode? _main;

    /// <summary>The code.</summary>
    public required EbpfCode Code { get; init; }

    /// <summary>The bodies of the helpers that it calls; calls name them by index.</summary>
    public required HelperBody[] Helpers { get; init; }

    /// <summary>The ids of those helpers, for calls by register.</summary>
    public int[] HelperIds { get; init; } = [];

    /// <summary>The index of a helper's id, or -1.</summary>
    public int HelperIndex(int id) => Array.IndexOf(HelperIds, id);

    /// <summary>Names of the object's maps, by index.</summary>
    public string[] MapNames { get; init; } = [];

    /// <summary>What a region of a map, or one that a helper gave, is called in messages.</summary>
    public string RegionName(int number) =>
        number - Region.FirstMap < MapNames.Length ? $"the values of map '{MapNames[number - Region.FirstMap]}'" : "memory that a helper returned";

    /// <summary>Called in front of each instruction that the interpreter runs; null as a rule.</summary>
    public StepWatch? Watch { get; set; }

    /// <summary>Whether it counts rounds (<c>may_goto</c>).</summary>
    public bool UsesMayGoto { get; init; }

    /// <summary>What runs it.</summary>
    public EbpfEngine Engine
    {
        get;
        set => (field, _shortEntry, _main) = (value, value.ShortEntry, value.Main);
    } = InterpreterEngine.Instance;

    /// <summary>Runs the main function on an invocation that was reset for this unit and is reachable until this returns: it keeps unit and engine alive.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Run(Invocation invocation, ulong r1, ulong r2)
    {
        if (_main is { } main)
            return main(invocation.State, r1, r2);
        nint entry = _shortEntry;
        if (entry == 0)
            return Engine.Run(invocation, r1, r2);
        // What neither loops nor calls back is over in microseconds: the garbage collector may wait for it.
        return ((delegate* unmanaged[SuppressGCTransition]<MachineState*, ulong, ulong, ulong>)entry)(invocation.State, r1, r2);
    }
}

/// <summary>Looks at the machine in front of the instruction of a slot; false stops it.</summary>
internal unsafe delegate bool StepWatch(Invocation invocation, int slot, ulong* registers);

/// <summary>The main function of a program: state, r1, r2; its r0.</summary>
internal unsafe delegate ulong MainCode(MachineState* state, ulong r1, ulong r2);

/// <summary>A way to run programs.</summary>
internal abstract unsafe class EbpfEngine
{
    /// <summary>Runs the main function of the invocation's unit; the invocation holds a fault afterwards if there was one.</summary>
    public abstract ulong Run(Invocation invocation, ulong r1, ulong r2);

    /// <summary>Runs another function of it, from a helper; the caller has counted the frame.</summary>
    /// <param name="invocation">The invocation.</param>
    /// <param name="functionStart">First slot of the function.</param>
    /// <param name="args">r1 to r5.</param>
    public abstract ulong Call(Invocation invocation, int functionStart, ulong* args);

    /// <summary>A main function that is managed code; null where there is none.</summary>
    public virtual MainCode? Main => null;

    /// <summary>Machine code of a main function that runs a short, bounded time and calls nothing of the machine; 0 where there is none.</summary>
    public virtual nint ShortEntry => 0;

    /// <summary>Does what the first run would do beforehand.</summary>
    public virtual void Prepare()
    {
    }
}
