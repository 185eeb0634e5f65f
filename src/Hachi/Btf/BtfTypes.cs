using System.Buffers.Binary;
using System.Text;

namespace Hachi.Btf;

/// <summary>The types of a section .BTF (little-endian), looked up by id. Ids that do not exist are void; walks are bounded, so that circles end.</summary>
public sealed class BtfTypes
{
    // Modifiers and arrays in a row: the kernel resolves at most 32.
    private const int DepthMax = 32;

    // Hostile names may overlap, and would take the square of the section's size.
    private const int NameBytesMax = 1024;

    private readonly byte[] _section;
    private readonly BtfType[] _types;
    private readonly int _stringsAt, _stringsLength;
    private Dictionary<(BtfKind, string), uint>? _byName;

    internal BtfTypes(byte[] section, BtfType[] types, int stringsAt, int stringsLength) =>
        (_section, _types, _stringsAt, _stringsLength) = (section, types, stringsAt, stringsLength);

    /// <summary>Types, void included: ids are 0 to this number, exclusively.</summary>
    public int Count => _types.Length;

    /// <summary>The type of an id; void for an id that does not exist.</summary>
    public BtfType this[uint id] => id < (uint)_types.Length ? _types[id] : default;

    /// <summary>The name of a type.</summary>
    public string NameOf(uint id) => StringAt(this[id].NameOffset);

    /// <summary>A string of the section; empty where the offset is wrong.</summary>
    public string StringAt(uint offset)
    {
        if (offset >= _stringsLength)
            return "";
        ReadOnlySpan<byte> rest = _section.AsSpan(_stringsAt, _stringsLength)[(int)offset..];
        rest = rest[..Math.Min(rest.Length, NameBytesMax)];
        int end = rest.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? rest : rest[..end]);
    }

    /// <summary>The type behind typedefs and qualifiers; void where they run in a circle.</summary>
    public uint Resolve(uint id)
    {
        for (int depth = 0; depth < DepthMax; depth++)
        {
            BtfType type = this[id];
            if (type.Kind is not (BtfKind.Typedef or BtfKind.Const or BtfKind.Volatile or BtfKind.Restrict or BtfKind.TypeTag))
                return id;
            id = type.SizeOrType;
        }
        return 0;
    }

    /// <summary>Bytes of a type; null where it has none, or more than 4 GiB.</summary>
    public uint? SizeOf(uint id)
    {
        ulong factor = 1;
        for (int depth = 0; depth < DepthMax; depth++)
        {
            id = Resolve(id);
            BtfType type = this[id];
            switch (type.Kind)
            {
                case BtfKind.Array:
                    (id, uint count) = ArrayOf(id);
                    factor *= count;
                    if (factor > uint.MaxValue)
                        return null;
                    continue;
                case BtfKind.Var:
                    id = type.SizeOrType;
                    continue;
                case BtfKind.Ptr:
                    return Total(8);
                case BtfKind.Int or BtfKind.Struct or BtfKind.Union or BtfKind.Enum or BtfKind.Enum64 or BtfKind.Float or BtfKind.Datasec:
                    return Total(type.SizeOrType);
                default:
                    return null;
            }
        }
        return null;

        uint? Total(uint size) => size * factor <= uint.MaxValue ? (uint)(size * factor) : null;
    }

    /// <summary>Element type and number of elements of an array.</summary>
    public (uint Element, uint Count) ArrayOf(uint id)
    {
        BtfType type = this[id];
        return type.Kind == BtfKind.Array ? (Word(type.Tail), Word(type.Tail + 8)) : default;
    }

    /// <summary>The members of a structure or union.</summary>
    public IReadOnlyList<BtfMember> MembersOf(uint id)
    {
        BtfType type = this[id];
        if (type.Kind is not (BtfKind.Struct or BtfKind.Union))
            return [];
        var members = new BtfMember[type.Count];
        for (int i = 0, at = type.Tail; i < type.Count; i++, at += 12)
        {
            uint offset = Word(at + 8);
            members[i] = new BtfMember(StringAt(Word(at)), Word(at + 4), type.Flag ? offset & 0xffffff : offset, type.Flag ? offset >> 24 : 0);
        }
        return members;
    }

    /// <summary>The variables of a data section.</summary>
    public IReadOnlyList<BtfVariable> VariablesOf(uint id)
    {
        BtfType type = this[id];
        if (type.Kind != BtfKind.Datasec)
            return [];
        var variables = new BtfVariable[type.Count];
        for (int i = 0, at = type.Tail; i < type.Count; i++, at += 12)
            variables[i] = new BtfVariable(Word(at), Word(at + 4), Word(at + 8), at);
        return variables;
    }

    /// <summary>The values of an enumeration.</summary>
    public IReadOnlyList<(string Name, long Value)> ValuesOf(uint id)
    {
        BtfType type = this[id];
        bool isWide = type.Kind == BtfKind.Enum64;
        if (!isWide && type.Kind != BtfKind.Enum)
            return [];
        var values = new (string, long)[type.Count];
        for (int i = 0, at = type.Tail; i < type.Count; i++, at += isWide ? 12 : 8)
            values[i] = (StringAt(Word(at)), isWide ? (long)((ulong)Word(at + 8) << 32 | Word(at + 4)) : type.Flag ? (int)Word(at + 4) : Word(at + 4));
        return values;
    }

    /// <summary>The first type of a kind and name; 0 when there is none.</summary>
    public uint Find(BtfKind kind, string name)
    {
        if (_byName is null)
        {
            var all = new Dictionary<(BtfKind, string), uint>(_types.Length);
            for (uint id = 1; id < _types.Length; id++)
                if (_types[id].NameOffset != 0)
                    all.TryAdd((_types[id].Kind, NameOf(id)), id);
            _byName = all;
        }
        return _byName.GetValueOrDefault((kind, name));
    }

    private uint Word(int at) => BinaryPrimitives.ReadUInt32LittleEndian(_section.AsSpan(at));
}
