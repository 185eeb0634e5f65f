using Hachi.Vm.Interpret;

namespace Hachi.Vm.Machine;

/// <summary>A program ready to run: its code, the helpers that it calls, the engine that runs it.</summary>
internal sealed class EbpfUnit
{
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

    /// <summary>What runs it.</summary>
    public EbpfEngine Engine { get; set; } = InterpreterEngine.Instance;
}

/// <summary>Looks at the machine in front of the instruction of a slot; false stops it.</summary>
internal unsafe delegate bool StepWatch(Invocation invocation, int slot, ulong* registers);

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

    /// <summary>Does what the first run would do beforehand.</summary>
    public virtual void Prepare()
    {
    }
}
