using System.Buffers.Binary;

namespace Hachi.Btf;

/// <summary>
/// Reads BTF (Documentation/bpf/btf.rst: header, types, strings): a section .BTF of an object, a file of /sys/kernel/btf, what the kernel gives for an id. Reading
/// makes an index of one number a type, and nothing else: the running kernel's 127,000 types take about 2 ms.
/// </summary>
public static class BtfReader
{
    private const int HeaderBytes = 24, TypeBytes = 12, Magic = 0xeb9f;

    /// <summary>Reads types that stand alone; false, with a reason, when they are damaged. What types say of each other is not checked: <see cref="BtfTypes"/> copes.</summary>
    /// <param name="section">The bytes, which must stay as they are while the types are used.</param>
    /// <param name="types">The types.</param>
    /// <param name="reason">What is wrong; empty when nothing is.</param>
    public static bool TryRead(ReadOnlyMemory<byte> section, out BtfTypes? types, out string reason) => TryRead(section, null, out types, out reason);

    /// <summary>Reads types that go on where others end ("split BTF": a kernel module's, on the kernel's).</summary>
    /// <param name="section">The bytes, which must stay as they are while the types are used.</param>
    /// <param name="base">The types in front of these; null when there are none.</param>
    /// <param name="types">The types, those in front included.</param>
    /// <param name="reason">What is wrong; empty when nothing is.</param>
    public static bool TryRead(ReadOnlyMemory<byte> section, BtfTypes? @base, out BtfTypes? types, out string reason)
    {
        types = null;
        ReadOnlySpan<byte> bytes = section.Span;
        reason = "it is shorter than its header";
        if (bytes.Length < HeaderBytes)
            return false;
        ushort magic = BinaryPrimitives.ReadUInt16LittleEndian(bytes);
        reason = magic == 0x9feb ? "it is big-endian" : "it does not begin as BTF does";
        if (magic != Magic || bytes[2] != 1)
            return false;
        uint header = Word(bytes, 4), typesAt = Word(bytes, 8), typesLength = Word(bytes, 12), stringsAt = Word(bytes, 16), stringsLength = Word(bytes, 20);
        reason = "its header names places outside it";
        ulong length = (ulong)bytes.Length;
        if (header < HeaderBytes || header > length || (ulong)header + typesAt + typesLength > length || (ulong)header + stringsAt + stringsLength > length)
            return false;
        int start = (int)(header + typesAt), end = start + (int)typesLength;
        int count = Walk(bytes, start, end, [], out bool isWhole);
        reason = isWhole ? "" : $"type {(@base?.Count ?? 1) + count} is cut or of an unknown kind";
        if (!isWhole)
            return false;
        uint[] offsets = new uint[count];
        _ = Walk(bytes, start, end, offsets, out _);
        types = new BtfTypes(section, offsets, start..end, (int)(header + stringsAt), (int)stringsLength, @base);
        return true;
    }

    // Twice, to count and to fill: cheaper than to grow.
    private static int Walk(ReadOnlySpan<byte> bytes, int at, int end, Span<uint> offsets, out bool isWhole)
    {
        int count = 0;
        isWhole = true;
        while (at < end && isWhole)
        {
            int tail = end - at < TypeBytes ? -1 : TailBytes(Word(bytes, at + 4));
            isWhole = tail >= 0 && tail <= end - at - TypeBytes;
            if (!isWhole)
                break;
            if (count < offsets.Length)
                offsets[count] = (uint)at;
            count++;
            at += TypeBytes + tail;
        }
        return count;
    }

    // Bytes behind the first 12; -1 for an unknown kind.
    private static int TailBytes(uint info)
    {
        int count = (int)(info & 0xffff);
        return (BtfKind)(info >> 24 & 0x1f) switch
        {
            BtfKind.Int or BtfKind.Var or BtfKind.DeclTag => 4,
            BtfKind.Array => 12,
            BtfKind.Struct or BtfKind.Union or BtfKind.Datasec or BtfKind.Enum64 => count * 12,
            BtfKind.Enum or BtfKind.FuncProto => count * 8,
            BtfKind.Ptr or BtfKind.Fwd or BtfKind.Typedef or BtfKind.Volatile or BtfKind.Const or BtfKind.Restrict or BtfKind.Func or BtfKind.Float or BtfKind.TypeTag => 0,
            _ => -1,
        };
    }

    private static uint Word(ReadOnlySpan<byte> section, int at) => BinaryPrimitives.ReadUInt32LittleEndian(section[at..]);
}
