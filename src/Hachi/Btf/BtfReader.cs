using System.Buffers.Binary;

namespace Hachi.Btf;

/// <summary>Reads a section .BTF (Documentation/bpf/btf.rst: header, types, strings).</summary>
public static class BtfReader
{
    private const int HeaderBytes = 24, TypeBytes = 12, Magic = 0xeb9f;

    /// <summary>Reads the types; false, with a reason, when the section is damaged. What types say of each other is not checked: <see cref="BtfTypes"/> copes.</summary>
    public static bool TryRead(ReadOnlySpan<byte> section, out BtfTypes? types, out string reason)
    {
        types = null;
        reason = "it is shorter than its header";
        if (section.Length < HeaderBytes)
            return false;
        ushort magic = BinaryPrimitives.ReadUInt16LittleEndian(section);
        reason = magic == 0x9feb ? "it is big-endian" : "it does not begin as BTF does";
        if (magic != Magic || section[2] != 1)
            return false;
        uint header = Word(section, 4), typesAt = Word(section, 8), typesLength = Word(section, 12), stringsAt = Word(section, 16), stringsLength = Word(section, 20);
        reason = "its header names places outside it";
        ulong length = (ulong)section.Length;
        if (header < HeaderBytes || header > length || (ulong)header + typesAt + typesLength > length || (ulong)header + stringsAt + stringsLength > length)
            return false;
        byte[] copy = section.ToArray();
        var found = new List<BtfType> { default };
        int at = (int)(header + typesAt), end = at + (int)typesLength;
        while (at < end)
        {
            reason = $"type {found.Count} is cut or of an unknown kind";
            if (end - at < TypeBytes)
                return false;
            uint info = Word(copy, at + 4);
            var kind = (BtfKind)(info >> 24 & 0x1f);
            var type = new BtfType(kind, Word(copy, at), (int)(info & 0xffff), info >> 31 != 0, Word(copy, at + 8), at + TypeBytes);
            int tail = TailBytes(type);
            if (tail < 0 || tail > end - at - TypeBytes)
                return false;
            found.Add(type);
            at += TypeBytes + tail;
        }
        types = new BtfTypes(copy, [.. found], (int)(header + stringsAt), (int)stringsLength);
        reason = "";
        return true;
    }

    private static int TailBytes(in BtfType type) => type.Kind switch
    {
        BtfKind.Int or BtfKind.Var or BtfKind.DeclTag => 4,
        BtfKind.Array => 12,
        BtfKind.Struct or BtfKind.Union or BtfKind.Datasec or BtfKind.Enum64 => type.Count * 12,
        BtfKind.Enum or BtfKind.FuncProto => type.Count * 8,
        BtfKind.Ptr or BtfKind.Fwd or BtfKind.Typedef or BtfKind.Volatile or BtfKind.Const or BtfKind.Restrict or BtfKind.Func or BtfKind.Float or BtfKind.TypeTag => 0,
        _ => -1,
    };

    private static uint Word(ReadOnlySpan<byte> section, int at) => BinaryPrimitives.ReadUInt32LittleEndian(section[at..]);
}
