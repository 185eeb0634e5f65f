using System.Collections.Immutable;

namespace Hachi.Object;

/// <summary>The noun in the middle: programs, maps, types, licence; what front ends make, and what verifier, machine and loader take.</summary>
public sealed record BpfObject
{
    /// <summary>The programs.</summary>
    public ImmutableArray<ProgramSpec> Programs { get; init; } = [];

    /// <summary>The maps; programs name them by index.</summary>
    public ImmutableArray<MapSpec> Maps { get; init; } = [];

    /// <summary>The licence that the kernel is told.</summary>
    public string License { get; init; } = "";

    /// <summary>The section .BTF as it was, or empty.</summary>
    public ImmutableArray<byte> Btf { get; init; } = [];

    /// <summary>The section .BTF.ext as it was, or empty.</summary>
    public ImmutableArray<byte> BtfExt { get; init; } = [];
}
