using System.Collections.Immutable;
using Hachi.Object.Plan;

namespace Hachi.Object;

/// <summary>
/// The noun in the middle: programs, maps, types, licence; what front ends make, and what verifier, machine and loader take. Immutable, compared by content;
/// <see cref="ObjectPrinter"/> writes it as text and <see cref="ObjectParser"/> reads that.
/// </summary>
public sealed record BpfObject
{
    /// <summary>The programs.</summary>
    public ImmutableArray<ProgramSpec> Programs { get; init; } = [];

    /// <summary>The maps; programs name them by index.</summary>
    public ImmutableArray<MapSpec> Maps { get; init; } = [];

    /// <summary>What programs need of the kernel, by name, beyond helpers.</summary>
    public ImmutableArray<ExternSpec> Externs { get; init; } = [];

    /// <summary>The licence that the kernel is told.</summary>
    public string License { get; init; } = "";

    /// <summary>The kernel version that the object asks for (section <c>version</c>); 0 for none, as all kernels since 5.0 have it.</summary>
    public uint KernelVersion { get; init; }

    /// <summary>The section .BTF, the offsets of variables filled in; or empty.</summary>
    public ImmutableArray<byte> Btf { get; init; } = [];

    /// <summary>What is to be done with it at run time (where it attaches, what its records mean), where its front end says so; or null.</summary>
    public RunPlan? Plan { get; init; }

    /// <summary>The program of that name; failing that, of that section; null when there is none.</summary>
    public ProgramSpec? FindProgram(string nameOrSection) =>
        Programs.FirstOrDefault(program => program.Name == nameOrSection) ?? Programs.FirstOrDefault(program => program.Section == nameOrSection);

    /// <inheritdoc/>
    public bool Equals(BpfObject? other) =>
        other is not null && License == other.License && KernelVersion == other.KernelVersion && Programs.SequenceEqual(other.Programs) && Maps.SequenceEqual(other.Maps)
        && Externs.SequenceEqual(other.Externs) && Btf.AsSpan().SequenceEqual(other.Btf.AsSpan()) && Equals(Plan, other.Plan);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(License, Programs.Length, Maps.Length, Programs.IsEmpty ? 0 : Programs[0].GetHashCode());
}
