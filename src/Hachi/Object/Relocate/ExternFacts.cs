using System.Collections.Immutable;
using Hachi.Btf;
using Hachi.Text;

namespace Hachi.Object.Relocate;

/// <summary>What a kernel says to an object's externs. A loader gathers it; nothing is read here.</summary>
public sealed record ExternFacts
{
    /// <summary>The kernel's types; null when it gives none.</summary>
    public BtfTypes? Kernel { get; init; }

    /// <summary>Types of modules by name, which go on from the kernel's.</summary>
    public IReadOnlyList<(string Name, BtfTypes Types)> Modules { get; init; } = [];

    /// <summary>The kernel's configuration, as its file says it: <c>CONFIG_HZ</c> is <c>250</c>, <c>CONFIG_BPF</c> is <c>y</c>, <c>CONFIG_DEFAULT_HOSTNAME</c> is <c>"(none)"</c>.</summary>
    public IReadOnlyDictionary<string, string> Configuration { get; init; } = ImmutableDictionary<string, string>.Empty;

    /// <summary>The kernel's version as <c>KERNEL_VERSION(a, b, c)</c> packs it, which programs read as <c>LINUX_KERNEL_VERSION</c>.</summary>
    public uint KernelVersion { get; init; }

    /// <summary>Other names that loaders know beside the configuration (<c>LINUX_HAS_SYSCALL_WRAPPER</c>, <c>LINUX_HAS_BPF_COOKIE</c>).</summary>
    public IReadOnlyDictionary<string, ulong> Virtual { get; init; } = ImmutableDictionary<string, ulong>.Empty;

    /// <summary>The address of a symbol of the kernel (/proc/kallsyms); null when there is none.</summary>
    public Func<string, ulong?> AddressOf { get; init; } = _ => null;
}

/// <summary>An instruction that names something of a module: the loader puts in the descriptor of the module's types.</summary>
/// <param name="Program">The program, by index.</param>
/// <param name="Slot">The instruction. Of a call, the field <c>Offset</c> takes the place in the array of descriptors (from 1); of a wide load, the second half takes the descriptor.</param>
/// <param name="Module">The module.</param>
public readonly record struct ModuleUse(int Program, int Slot, string Module);

/// <summary>An object whose externs are filled in.</summary>
/// <param name="Object">The object; null when there are errors.</param>
/// <param name="Diagnostics">What there is to say.</param>
/// <param name="Modules">Instructions that wait for a module's descriptor.</param>
public sealed record ExternResult(BpfObject? Object, IReadOnlyList<Diagnostic> Diagnostics, IReadOnlyList<ModuleUse> Modules)
{
    /// <summary>Whether there is an object.</summary>
    public bool Success => Object is not null;
}
