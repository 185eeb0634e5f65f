using System.Collections.Immutable;

namespace Hachi.Object.Plan;

/// <summary>How a value that programs left in a record or a map is shown.</summary>
public enum PlanKind
{
#pragma warning disable CS1591 // the names say it
    None, Bool, Int, Enum, String, Buffer, Pointer, Array, Struct, Tuple,
    KernelStack, UserStack, KernelSymbol, UserSymbol, UserName, Address, Mac, Time, CgroupPath, Error, Signal, Probe,
    Count, Sum, Average, Min, Max, Stats, Histogram, LinearHistogram, TimeSeries,
#pragma warning restore CS1591
}

/// <summary>A part of a struct or tuple.</summary>
/// <param name="Name">Its name; of a tuple's part empty.</param>
/// <param name="Offset">Bytes in front of it.</param>
/// <param name="Type">Its type.</param>
public readonly record struct PlanMember(string Name, int Offset, PlanType Type)
{
    /// <summary>Bits of a bit-field, 0 for none.</summary>
    public int Bits { get; init; }

    /// <summary>Bits below a bit-field in its bytes.</summary>
    public int Shift { get; init; }
}

/// <summary>Type of a value, as far as showing it needs. Compared by content.</summary>
/// <param name="Kind">How it is shown.</param>
/// <param name="SizeBytes">Its bytes.</param>
public sealed record PlanType(PlanKind Kind, int SizeBytes)
{
    /// <summary>Whether a number has a sign.</summary>
    public bool IsSigned { get; init; }

    /// <summary>A name: of a struct or enum; the format of a time; the mode of a stack.</summary>
    public string Text { get; init; } = "";

    /// <summary>
    /// Numbers: an array's elements; a stack's frames; a histogram's sub-bucket bits; a linear histogram's least, greatest and step; a series' step in nanoseconds and how many.
    /// </summary>
    public ImmutableArray<long> Numbers { get; init; } = [];

    /// <summary>Parts of a struct or tuple; the one element type of an array.</summary>
    public ImmutableArray<PlanMember> Members { get; init; } = [];

    /// <summary>Names of an enum's values.</summary>
    public ImmutableArray<(string Name, long Value)> Values { get; init; } = [];

    /// <inheritdoc/>
    public bool Equals(PlanType? other) => other is not null && (Kind, SizeBytes, IsSigned, Text) == (other.Kind, other.SizeBytes, other.IsSigned, other.Text)
        && Numbers.SequenceEqual(other.Numbers) && Members.SequenceEqual(other.Members) && Values.SequenceEqual(other.Values);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Kind, SizeBytes, Text, Members.Length);

    /// <summary>The type as text; <see cref="PlanText"/> reads it.</summary>
    public override string ToString() => PlanText.Print(this);
}
