using Hachi.Text;
using Hachi.Vm.Machine;

namespace Hachi.Vm;

/// <summary>What a run came to.</summary>
/// <param name="R0">Register 0 at the exit; 0 after a fault.</param>
/// <param name="FuelUsed">Fuel used.</param>
/// <param name="Fault">Why the program was stopped, or null when it ran to its end.</param>
public readonly record struct VmResult(ulong R0, long FuelUsed, Fault? Fault)
{
    /// <summary>Whether it ran to its end.</summary>
    public bool Success => Fault is null;
}

/// <summary>What became of loading an object.</summary>
/// <param name="Object">The loaded object, or null when there are errors.</param>
/// <param name="Diagnostics">What there is to say; spans count slots of the program that the message names.</param>
public sealed record VmLoad(VmObject? Object, IReadOnlyList<Diagnostic> Diagnostics);
