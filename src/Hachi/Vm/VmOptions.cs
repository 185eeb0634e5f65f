using System.Collections.Immutable;
using Hachi.Vm.Debug;
using Hachi.Vm.Helpers;
using Hachi.Vm.Machine;
using Hachi.Vm.Maps;

namespace Hachi.Vm;

/// <summary>What runs eBPF programs in user space.</summary>
public enum VmEngine : byte
{
    /// <summary>The fastest that this build and processor have.</summary>
    Auto,

    /// <summary>The interpreter: everywhere, exact registers in faults.</summary>
    Interpreter,

    /// <summary>Compiled to IL, and by the runtime to machine code; needs a runtime with dynamic code.</summary>
    Il,

    /// <summary>Compiled to x86-64 machine code by Hachi itself.</summary>
    X64,
}

/// <summary>How an object is loaded into the user-space machine, and what it may use.</summary>
public sealed record VmOptions
{
    /// <summary>The engine.</summary>
    public VmEngine Engine { get; init; } = VmEngine.Auto;

    /// <summary>
    /// What one run may use up: entering a function costs its slots, a jump backwards the slots that it leads over, helpers that work through bytes their share. So it
    /// bounds the instructions that run.
    /// </summary>
    public long Fuel { get; init; } = 1L << 32;

    /// <summary>What maps are made with: processors, the seed of hash functions, the quota.</summary>
    public MapSettings Maps { get; init; } = new();

    /// <summary>How contexts are read; null for plain memory.</summary>
    internal ContextRules? Rules { get; init; }

    /// <summary>Looks at the machine in front of each instruction; then the interpreter runs, whatever the engine is. Null for none.</summary>
    public VmWatch? Watch { get; init; }

    /// <summary>Options for the runners of conformance suites: the one helper that their cases call (5) is there and gives 0.</summary>
    public static VmOptions Conformance { get; } = new() { Helpers = new Dictionary<int, HelperBody> { [5] = static _ => 0 } };

    /// <summary>Time, chance, the current task: what programs learn of the world outside.</summary>
    public VmHost Host { get; init; } = new();

    /// <summary>Helpers of the embedder's own; they come before those of the machine.</summary>
    public ImmutableArray<VmHelper> CustomHelpers { get; init; } = [];

    /// <summary>Helpers by id, before all others.</summary>
    internal IReadOnlyDictionary<int, HelperBody> Helpers { get; init; } = new Dictionary<int, HelperBody>();
}
