using System.Collections.Immutable;
using Hachi.Btf;
using Hachi.Isa;
using Hachi.Uapi;

namespace Hachi.Object;

/// <summary>A function in a program's instructions.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Start">Its first slot.</param>
/// <param name="IsGlobal">Whether it is checked on its own (a global function), or only where it is called.</param>
public readonly record struct FunctionSpec(string Name, int Start, bool IsGlobal = false)
{
    /// <summary>Its type in the object's BTF, of kind <see cref="Btf.BtfKind.Func"/>; 0 when that does not tell.</summary>
    public uint BtfType { get; init; }
}

/// <summary>
/// A program: instructions that need nothing but the object's maps. Its own function comes first, then every subprogram that it can reach; calls among them
/// are relative. A wide load names a map by its index in the object (<see cref="Pseudo.MapIdx"/>, <see cref="Pseudo.MapIdxValue"/>), a function by its distance (<see cref="Pseudo.Func"/>).
/// </summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Its kind.</param>
/// <param name="Insns">Its instructions, a slot each.</param>
public sealed record ProgramSpec(string Name, ProgramType Type, ImmutableArray<Insn> Insns)
{
    /// <summary>The section of the object file that it stood in, which says what it is for; empty when it stood in none.</summary>
    public string Section { get; init; } = "";

    /// <summary>The functions, by start; the first is the program itself. Empty for a program without names.</summary>
    public ImmutableArray<FunctionSpec> Functions { get; init; } = [];

    /// <summary>The lines of the source that made the instructions, by slot; empty when they are not known.</summary>
    public ImmutableArray<LineInfo> Lines { get; init; } = [];

    /// <summary>What the instructions need to know of the kernel's types, by slot.</summary>
    public ImmutableArray<CoreRelocation> CoreRelocations { get; init; } = [];

    /// <summary>The kind of place that it attaches to, where its section says so.</summary>
    public AttachType? AttachType { get; init; }

    /// <summary>Flags of loading (<c>BPF_F_SLEEPABLE</c>, <c>BPF_F_XDP_HAS_FRAGS</c>).</summary>
    public uint Flags { get; init; }

    /// <summary>The function that begins at a slot, or null.</summary>
    public FunctionSpec? FunctionAt(int slot)
    {
        foreach (FunctionSpec function in Functions)
            if (function.Start == slot)
                return function;
        return null;
    }

    /// <inheritdoc/>
    public bool Equals(ProgramSpec? other) =>
        other is not null && (Name, Type, Section, AttachType, Flags) == (other.Name, other.Type, other.Section, other.AttachType, other.Flags)
        && Insns.AsSpan().SequenceEqual(other.Insns.AsSpan()) && Functions.SequenceEqual(other.Functions)
        && Lines.AsSpan().SequenceEqual(other.Lines.AsSpan()) && CoreRelocations.AsSpan().SequenceEqual(other.CoreRelocations.AsSpan());

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Name, Type, Section, Insns.Length, Insns.IsEmpty ? default : Insns[^1]);
}
