namespace Hachi.Captures;

/// <summary>
/// An interface that packets were captured on. A pcap file has one; a pcapng file has one for each interface description block, counted over all sections.
/// </summary>
/// <param name="Index">Index over the whole capture, from 0.</param>
/// <param name="Id">Number inside its section, from 0.</param>
/// <param name="LinkType">What its packets start with.</param>
/// <param name="Snaplen">Most bytes captured of a packet; 0 when unlimited.</param>
/// <param name="Name">Name as recorded, or null. Outside text: print it through <see cref="Text.Escaper"/> only.</param>
/// <param name="Description">Description as recorded, or null. Outside text as well.</param>
public sealed record CaptureInterface(int Index, int Id, LinkType LinkType, uint Snaplen, string? Name = null, string? Description = null)
{
    /// <summary>Length of a frame check sequence at the end of each packet in bytes, -1 when not recorded.</summary>
    public int FcsLength { get; init; } = -1;

    /// <summary>Time stamp resolution as pcapng writes it (if_tsresol): a power of ten, or with the high bit a power of two.</summary>
    public byte TimestampResolution { get; init; } = 6;

    /// <summary>Seconds to add to each time stamp (if_tsoffset).</summary>
    public long TimestampOffset { get; init; }

    /// <summary>Turns a time stamp of this interface into nanoseconds since 1970; what does not fit in 64 bits is clamped.</summary>
    internal long ToNanoseconds(ulong ticks)
    {
        int exponent = TimestampResolution & 0x7f;
        UInt128 value;
        if ((TimestampResolution & 0x80) != 0)
            value = exponent >= 64 ? 0 : (UInt128)ticks * 1_000_000_000 >> exponent;
        else if (exponent <= 9)
            value = (UInt128)ticks * PowerOfTen(9 - exponent);
        else
            value = exponent - 9 > 19 ? 0 : ticks / PowerOfTen(exponent - 9);
        Int128 total = (Int128)value + (Int128)TimestampOffset * 1_000_000_000;
        return total > long.MaxValue ? long.MaxValue : total < long.MinValue ? long.MinValue : (long)total;
    }

    /// <summary>The inverse, for writing; times before the interface's offset become 0.</summary>
    internal ulong FromNanoseconds(long nanoseconds)
    {
        int exponent = TimestampResolution & 0x7f;
        Int128 total = (Int128)nanoseconds - (Int128)TimestampOffset * 1_000_000_000;
        if (total < 0)
            return 0;
        var value = (UInt128)total;
        if ((TimestampResolution & 0x80) != 0)
            value = exponent >= 63 ? 0 : (value << exponent) / 1_000_000_000;
        else if (exponent <= 9)
            value /= PowerOfTen(9 - exponent);
        else
            value = exponent - 9 > 19 ? 0 : value * PowerOfTen(exponent - 9);
        return value > ulong.MaxValue ? ulong.MaxValue : (ulong)value;
    }

    private static ulong PowerOfTen(int exponent)
    {
        ulong power = 1;
        for (int i = 0; i < exponent; i++)
            power *= 10;
        return power;
    }
}
