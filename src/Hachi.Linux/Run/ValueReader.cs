using System.Buffers.Binary;
using System.Text;
using Hachi.Object.Plan;

namespace Hachi.Linux.Run;

/// <summary>Values out of the bytes that programs left.</summary>
internal static class ValueReader
{
    /// <summary>A number of up to eight bytes.</summary>
    public static long Number(ReadOnlySpan<byte> bytes, PlanType type)
    {
        if (type.SizeBytes == 8 && bytes.Length >= 8)
            return BinaryPrimitives.ReadInt64LittleEndian(bytes);
        long value = 0;
        int size = Math.Min(Math.Min(8, bytes.Length), type.SizeBytes);
        for (int i = size - 1; i >= 0; i--)
            value = (value << 8) | bytes[i];
        int unused = 64 - (size * 8);
        return type.IsSigned && size is > 0 and < 8 ? value << unused >> unused : value;
    }

    public static ulong Word(ReadOnlySpan<byte> bytes, int at = 0) => bytes.Length >= at + 8 ? BinaryPrimitives.ReadUInt64LittleEndian(bytes[at..]) : 0;

    /// <summary>The text in a field: up to a zero. A string that could not be read says so.</summary>
    public static string Text(ReadOnlySpan<byte> bytes, PlanType type, in TextRules rules)
    {
        bytes = bytes[..Math.Min(bytes.Length, type.SizeBytes)];
        int end = bytes.IndexOf((byte)0);
        bool isCut = end < 0 || (end == bytes.Length - 1 && type.SizeBytes == rules.LongestBytes);
        ReadOnlySpan<byte> text = end < 0 ? bytes : bytes[..end];
        if (text.Length == 1 && text[0] == 0xff)
            return "<fault>";
        return Encoding.UTF8.GetString(text) + (isCut && type.SizeBytes == rules.LongestBytes ? rules.Trailer : "");
    }

    /// <summary>The bytes of a buffer.</summary>
    public static ReadOnlySpan<byte> Buffer(ReadOnlySpan<byte> bytes, PlanType type)
    {
        if (bytes.Length < 8)
            return [];
        int length = (int)Math.Min(BinaryPrimitives.ReadUInt32LittleEndian(bytes), (uint)Math.Min(type.SizeBytes, bytes.Length) - 8);
        return bytes.Slice(8, length);
    }

    /// <summary>Bytes as C would write them: what prints as it is, the rest as \xNN.</summary>
    public static string Escaped(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder();
        foreach (byte b in bytes)
            if (b is >= 0x20 and < 0x7f)
                text.Append((char)b);
            else
                text.Append("\\x").Append(b.ToString("x2", System.Globalization.CultureInfo.InvariantCulture));
        return text.ToString();
    }
}

/// <summary>How strings that were cut are shown.</summary>
/// <param name="LongestBytes">Bytes of the longest string with its zero.</param>
/// <param name="Trailer">What is put behind one that fills them.</param>
internal readonly record struct TextRules(int LongestBytes, string Trailer);
