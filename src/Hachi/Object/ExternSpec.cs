using System.Collections.Immutable;

namespace Hachi.Object;

/// <summary>What an extern of an object is.</summary>
public enum ExternKind : byte
{
    /// <summary>A kernel function, which programs call.</summary>
    Kfunc,

    /// <summary>A variable or symbol of the kernel, whose address programs take.</summary>
    Ksym,

    /// <summary>An option of the kernel's configuration, whose value programs read.</summary>
    Kconfig,
}

/// <summary>Something that only a running kernel has: a loader fills it in, and no engine in user space runs a program that uses it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Kind">What it is.</param>
public sealed record ExternSpec(string Name, ExternKind Kind)
{
    /// <summary>Whether programs can do without it.</summary>
    public bool IsWeak { get; init; }

    /// <summary>Its type in the object's BTF; 0 when that does not tell.</summary>
    public uint BtfType { get; init; }

    /// <summary>The instructions that need it: index of the program, slot.</summary>
    public ImmutableArray<(int Program, int Slot)> Uses { get; init; } = [];

    /// <inheritdoc/>
    public bool Equals(ExternSpec? other) =>
        other is not null && Name == other.Name && Kind == other.Kind && IsWeak == other.IsWeak && BtfType == other.BtfType && Uses.SequenceEqual(other.Uses);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Name, Kind, Uses.Length);
}
