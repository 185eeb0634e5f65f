using System.Collections.Immutable;
using Hachi.Uapi;

namespace Hachi.Object;

/// <summary>A map as a program asks for it: nothing is made yet.</summary>
/// <param name="Name">Its name, unique in the object.</param>
/// <param name="Type">Its kind.</param>
/// <param name="KeySize">Bytes of a key; 0 where the kind has none.</param>
/// <param name="ValueSize">Bytes of a value; 0 where the kind has none.</param>
/// <param name="MaxEntries">Entries, or bytes of a ring buffer.</param>
public sealed record MapSpec(string Name, MapType Type, uint KeySize, uint ValueSize, uint MaxEntries)
{
    /// <summary>Flags (<c>BPF_F_*</c> of map creation).</summary>
    public uint Flags { get; init; }

    /// <summary>What the maps that a map of maps holds look like.</summary>
    public MapSpec? Inner { get; init; }

    /// <summary>First contents of the one value of a data section (<c>.rodata</c>, <c>.data</c>, <c>.bss</c>) or of a structure of functions, laid out as the object's types say; empty means zeros.</summary>
    public ImmutableArray<byte> Data { get; init; } = [];

    /// <summary>
    /// Slots that are filled from the start: of a program array with programs, of a map of maps with maps, by name; of a structure of functions
    /// (<see cref="MapType.StructOps"/>) the members, by number, with programs.
    /// </summary>
    public ImmutableArray<(uint Index, string Name)> Slots { get; init; } = [];

    /// <summary>Whether programs may only read it, and user space too once it is loaded (<c>.rodata</c>).</summary>
    public bool IsFrozen { get; init; }

    /// <summary>Name under which it asks to be pinned; null for no pin.</summary>
    public string? Pin { get; init; }

    /// <summary>Type extras (<c>map_extra</c>): hash functions of a bloom filter.</summary>
    public ulong Extra { get; init; }

    /// <summary>Type of a key in the object's BTF; 0 for none.</summary>
    public uint KeyType { get; init; }

    /// <summary>Type of a value in the object's BTF; 0 for none.</summary>
    public uint ValueType { get; init; }

    /// <summary>The NUMA node that it asks for, with <see cref="MapFlags.NumaNode"/> among the flags.</summary>
    public uint NumaNode { get; init; }

    /// <inheritdoc/>
    public bool Equals(MapSpec? other) =>
        other is not null && (Name, Type, KeySize, ValueSize, MaxEntries, Flags, IsFrozen) == (other.Name, other.Type, other.KeySize, other.ValueSize, other.MaxEntries, other.Flags, other.IsFrozen)
        && (Pin, Extra, KeyType, ValueType, NumaNode) == (other.Pin, other.Extra, other.KeyType, other.ValueType, other.NumaNode) && Equals(Inner, other.Inner)
        && Data.AsSpan().SequenceEqual(other.Data.AsSpan()) && Slots.SequenceEqual(other.Slots);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Name, Type, KeySize, ValueSize, MaxEntries);
}
