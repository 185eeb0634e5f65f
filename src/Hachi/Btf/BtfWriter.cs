using System.Buffers.Binary;
using System.Text;

namespace Hachi.Btf;

/// <summary>Makes a section .BTF, type by type; what refers to a type is written behind it, or names the id that it will have.</summary>
internal sealed class BtfWriter
{
    private const int HeaderBytes = 24;

    private readonly List<uint> _words = [];
    private readonly List<byte> _strings = [0];
    private readonly Dictionary<string, uint> _stringAt = new() { [""] = 0 };
    private uint _last;

    /// <summary>A signed integer of 32 bits.</summary>
    public uint Int(string name) => Add(BtfKind.Int, name, 0, 4, 0x0100_0020);

    /// <summary>A pointer.</summary>
    public uint Pointer(uint to) => Add(BtfKind.Ptr, "", 0, to);

    /// <summary>An array.</summary>
    public uint Array(uint element, uint index, uint count) => Add(BtfKind.Array, "", 0, 0, element, index, count);

    /// <summary>A 64-bit enumeration without a name that has one value.</summary>
    public uint Enum64(string valueName, ulong value) => Add(BtfKind.Enum64, "", 1, 8, String(valueName), (uint)value, (uint)(value >> 32));

    /// <summary>A structure without a name whose members are 8 bytes each (the last may be an array without elements).</summary>
    public uint Struct(IReadOnlyList<(string Name, uint Type)> members, uint size) =>
        Add(BtfKind.Struct, "", members.Count, size, [.. members.SelectMany((member, i) => (uint[])[String(member.Name), member.Type, (uint)i * 64])]);

    /// <summary>The type of functions that return a type and take nothing.</summary>
    public uint FuncProto(uint result) => Add(BtfKind.FuncProto, "", 0, result);

    /// <summary>A global variable.</summary>
    public uint Var(string name, uint type) => Add(BtfKind.Var, name, 0, type, 1);

    /// <summary>A data section.</summary>
    public uint Datasec(string name, uint size, IReadOnlyList<(uint Var, uint Offset, uint Size)> variables) =>
        Add(BtfKind.Datasec, name, variables.Count, size, [.. variables.SelectMany(variable => (uint[])[variable.Var, variable.Offset, variable.Size])]);

    /// <summary>The section.</summary>
    public byte[] ToArray()
    {
        byte[] section = new byte[HeaderBytes + _words.Count * 4 + _strings.Count];
        uint[] header = [0x0001_eb9f, HeaderBytes, 0, (uint)_words.Count * 4, (uint)_words.Count * 4, (uint)_strings.Count];
        for (int i = 0; i < header.Length; i++)
            BinaryPrimitives.WriteUInt32LittleEndian(section.AsSpan(i * 4), header[i]);
        for (int i = 0; i < _words.Count; i++)
            BinaryPrimitives.WriteUInt32LittleEndian(section.AsSpan(HeaderBytes + i * 4), _words[i]);
        _strings.CopyTo(section, HeaderBytes + _words.Count * 4);
        return section;
    }

    private uint Add(BtfKind kind, string name, int count, uint sizeOrType, params ReadOnlySpan<uint> tail)
    {
        _words.Add(String(name));
        _words.Add((uint)kind << 24 | (uint)count);
        _words.Add(sizeOrType);
        _words.AddRange(tail);
        return ++_last;
    }

    private uint String(string text)
    {
        if (_stringAt.TryGetValue(text, out uint at))
            return at;
        at = (uint)_strings.Count;
        _strings.AddRange(Encoding.UTF8.GetBytes(text));
        _strings.Add(0);
        return _stringAt[text] = at;
    }
}
