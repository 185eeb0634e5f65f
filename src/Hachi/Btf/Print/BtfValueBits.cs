namespace Hachi.Btf.Print;

/// <summary>Numbers of up to 64 bits, anywhere in little-endian bytes.</summary>
internal static class BtfValueBits
{
    /// <summary>The number that at most eight bytes are.</summary>
    public static ulong Read(ReadOnlySpan<byte> bytes)
    {
        ulong value = 0;
        for (int i = Math.Min(bytes.Length, 8) - 1; i >= 0; i--)
            value = value << 8 | bytes[i];
        return value;
    }

    /// <summary>The bits from an offset on; false where they lie outside of the bytes.</summary>
    public static bool TryRead(ReadOnlySpan<byte> bytes, uint offset, int bits, out ulong value)
    {
        value = 0;
        if (offset + (ulong)bits > (ulong)bytes.Length * 8)
            return false;
        for (int i = bits - 1; i >= 0; i--)
            value = value << 1 | (uint)(bytes[(int)(offset + i) / 8] >> (int)(offset + i) % 8 & 1);
        return true;
    }

    /// <summary>Puts bits in the place of those from an offset on; false where they lie outside of the bytes.</summary>
    public static bool TryWrite(Span<byte> bytes, uint offset, int bits, ulong value)
    {
        if (offset + (ulong)bits > (ulong)bytes.Length * 8)
            return false;
        for (int i = 0; i < bits; i++)
        {
            int at = (int)(offset + i) / 8, bit = (int)(offset + i) % 8;
            bytes[at] = (byte)(bytes[at] & ~(1 << bit) | (int)(value >> i & 1) << bit);
        }
        return true;
    }
}
