using Hachi.Linux.Kernel;

namespace Hachi.Linux.Load;

/// <summary>How an object is loaded.</summary>
public sealed record LoadOptions
{
    /// <summary>The names of the programs to load; null for all.</summary>
    public IReadOnlyCollection<string>? Programs { get; init; }

    /// <summary>What the verifier writes even about programs that it accepts: 0 nothing, 1 the paths it walks, 2 every instruction, 4 figures only. Slow above 0.</summary>
    public uint LogLevel { get; init; }

    /// <summary>
    /// A directory of a mounted BPF file system for maps that ask to be pinned: one that is there already is used, if it is of the same kind and sizes, else the
    /// map is made and pinned. Null: nothing is pinned.
    /// </summary>
    public string? PinDirectory { get; init; }

    /// <summary>Maps to use in place of those that the object would make, by name; they stay the caller's.</summary>
    public IReadOnlyDictionary<string, Map>? Maps { get; init; }

    /// <summary>The program whose functions sections like <c>freplace/F</c>, <c>fentry/F</c> and <c>fexit/F</c> mean; null: the kernel's functions. It has to be loaded with types.</summary>
    public Program? Target { get; init; }

    /// <summary>The structures of functions that programs of kind struct_ops are for; <c>AttachStructOps</c> registers them.</summary>
    public IReadOnlyList<StructOpsSpec> StructOps { get; init; } = [];

    /// <summary>Types that stand for the kernel's in CO-RE relocations, for kernels that give none; null for the kernel's own.</summary>
    public KernelBtf? Types { get; init; }
}
