using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace Hachi.Btf;

/// <summary>
/// Makes BTF, type by type; each call gives the id of the type that it added. What refers to a type is written behind it, or names the id that it will have (<see cref="NextId"/>): so circles are made.
/// Equal strings are one; equal types are, where that is asked for.
/// </summary>
public sealed class BtfWriter
{
    private const int HeaderBytes = 24, CountMax = 0xffff;

    private readonly List<uint> _words = [];
    private readonly List<byte> _strings = [];
    private readonly Dictionary<string, uint> _stringAt = [];
    private readonly Dictionary<string, uint>? _unique;
    private readonly uint _firstString;
    private readonly int _copied;

    /// <summary>Makes types that stand alone.</summary>
    /// <param name="isUnique">Whether a type that is there already is not added a second time: its id is given instead. Functions, variables and data sections are always new.</param>
    public BtfWriter(bool isUnique = false)
    {
        _unique = isUnique ? [] : null;
        _strings.Add(0);
        _stringAt[""] = 0;
        NextId = 1;
    }

    /// <summary>Makes types that go on where others end.</summary>
    /// <param name="types">The types in front.</param>
    /// <param name="isSplit">Whether only the new ones are written, as split BTF; otherwise all, and ids and strings of the first keep their numbers.</param>
    /// <param name="isUnique">As with the other constructor; only new types are compared.</param>
    public BtfWriter(BtfTypes types, bool isSplit, bool isUnique = false)
    {
        ArgumentNullException.ThrowIfNull(types);
        _unique = isUnique ? [] : null;
        NextId = (uint)types.Count;
        _stringAt[""] = 0;
        if (isSplit)
        {
            _firstString = types.StringsEnd;
            _strings.Add(0);
        }
        else
        {
            _firstString = types.CopyTo(_words, _strings);
            _copied = _strings.Count;
        }
    }

    /// <summary>Copies types; in the place of some stands a pointer to nothing, so that ids stay what they are.</summary>
    internal BtfWriter(BtfTypes types, IReadOnlySet<uint> gone)
        : this(types, isSplit: false)
    {
        uint[] words = [.. _words];
        _words.Clear();
        for (uint id = types.FirstId; id < types.Count; id++)
        {
            int start = types.WordOf(id), end = id + 1 < types.Count ? types.WordOf(id + 1) : words.Length;
            if (gone.Contains(id))
                _words.AddRange([0, (uint)BtfKind.Ptr << 24, 0]);
            else
                _words.AddRange(words.AsSpan(start..end));
        }
    }

    /// <summary>The id that the next type gets.</summary>
    public uint NextId { get; private set; }

    /// <summary>Bytes of all strings so far.</summary>
    internal int StringBytes => _strings.Count;

    /// <summary>An integer.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="size">Bytes.</param>
    /// <param name="isSigned">Whether it has a sign.</param>
    /// <param name="isBool">Whether it is a truth value.</param>
    /// <param name="isChar">Whether it is a character.</param>
    public uint Int(string name, uint size = 4, bool isSigned = true, bool isBool = false, bool isChar = false) =>
        AddOnce(BtfKind.Int, name, 0, false, size, (isSigned ? 1u << 24 : 0) | (isChar ? 2u << 24 : 0) | (isBool ? 4u << 24 : 0) | size * 8);

    /// <summary>A number with a fraction.</summary>
    public uint Float(string name, uint size) => AddOnce(BtfKind.Float, name, 0, false, size);

    /// <summary>A pointer.</summary>
    public uint Pointer(uint to) => AddOnce(BtfKind.Ptr, "", 0, false, to);

    /// <summary>A type with <c>const</c>, <c>volatile</c> or <c>restrict</c>.</summary>
    public uint Modifier(BtfKind kind, uint type) =>
        kind is BtfKind.Const or BtfKind.Volatile or BtfKind.Restrict ? AddOnce(kind, "", 0, false, type) : throw new ArgumentOutOfRangeException(nameof(kind));

    /// <summary>A type with a tag (<c>btf_type_tag</c>), such as <c>user</c> or <c>kptr</c>.</summary>
    public uint TypeTag(string tag, uint type) => AddOnce(BtfKind.TypeTag, tag, 0, false, type);

    /// <summary>A tag at a declaration (<c>btf_decl_tag</c>).</summary>
    /// <param name="tag">The tag.</param>
    /// <param name="type">The structure, function, variable or typedef.</param>
    /// <param name="component">The member or parameter; -1 for the whole.</param>
    public uint DeclTag(string tag, uint type, int component = -1) => AddOnce(BtfKind.DeclTag, tag, 0, false, type, (uint)component);

    /// <summary>A name for a type.</summary>
    public uint Typedef(string name, uint type) => AddOnce(BtfKind.Typedef, name, 0, false, type);

    /// <summary>An array.</summary>
    public uint Array(uint element, uint index, uint count) => AddOnce(BtfKind.Array, "", 0, false, 0, element, index, count);

    /// <summary>A structure or union that is only announced.</summary>
    public uint Forward(string name, bool isUnion = false) => AddOnce(BtfKind.Fwd, name, 0, isUnion, 0);

    /// <summary>An enumeration of 32 bits.</summary>
    public uint Enum(string name, IReadOnlyList<BtfEnumerator> values, bool isSigned = false) =>
        AddOnce(BtfKind.Enum, name, Counted(values), isSigned, 4, [.. values.SelectMany(each => (uint[])[String(each.Name), (uint)each.Value])]);

    /// <summary>An enumeration of 64 bits.</summary>
    public uint Enum64(string name, IReadOnlyList<BtfEnumerator> values, bool isSigned = false) =>
        AddOnce(BtfKind.Enum64, name, Counted(values), isSigned, 8, [.. values.SelectMany(each => (uint[])[String(each.Name), (uint)each.Value, (uint)((ulong)each.Value >> 32)])]);

    /// <summary>A structure.</summary>
    /// <param name="name">Its name; empty for none.</param>
    /// <param name="size">Bytes.</param>
    /// <param name="members">Its members with their places.</param>
    public uint Struct(string name, uint size, IReadOnlyList<BtfMember> members) => Composite(BtfKind.Struct, name, size, members);

    /// <summary>A union.</summary>
    public uint Union(string name, uint size, IReadOnlyList<BtfMember> members) => Composite(BtfKind.Union, name, size, members);

    /// <summary>The type of functions.</summary>
    /// <param name="result">What they return; 0 for nothing.</param>
    /// <param name="parameters">What they take.</param>
    public uint FuncProto(uint result, params IReadOnlyList<BtfParameter> parameters) =>
        AddOnce(BtfKind.FuncProto, "", Counted(parameters), false, result, [.. parameters.SelectMany(each => (uint[])[String(each.Name), each.Type])]);

    /// <summary>A function.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="proto">Its type.</param>
    /// <param name="linkage">0 static, 1 global, 2 extern.</param>
    public uint Func(string name, uint proto, int linkage = 1) => Add(BtfKind.Func, name, linkage, false, proto);

    /// <summary>A variable.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="type">Its type.</param>
    /// <param name="linkage">0 static, 1 global, 2 extern.</param>
    public uint Var(string name, uint type, int linkage = 1) => Add(BtfKind.Var, name, 0, false, type, (uint)linkage);

    /// <summary>A data section.</summary>
    public uint Datasec(string name, uint size, IReadOnlyList<(uint Var, uint Offset, uint Size)> variables) =>
        Add(BtfKind.Datasec, name, Counted(variables), false, size, [.. variables.SelectMany(variable => (uint[])[variable.Var, variable.Offset, variable.Size])]);

    /// <summary>Where a string stands among the strings; it is added when it is new.</summary>
    public uint String(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (_stringAt.TryGetValue(text, out uint at))
            return at;
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        if (Find(bytes) is { } found)
            return _stringAt[text] = found;
        at = _firstString + (uint)_strings.Count;
        _strings.AddRange(bytes);
        _strings.Add(0);
        return _stringAt[text] = at;
    }

    /// <summary>Gives a type that was copied another name.</summary>
    internal void Rename(BtfTypes types, uint id, string name)
    {
        uint text = String(name);
        _words[types.WordOf(id)] = text;
    }

    /// <summary>The bytes of a section .BTF.</summary>
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

    private uint Composite(BtfKind kind, string name, uint size, IReadOnlyList<BtfMember> members)
    {
        bool hasBitFields = members.Any(member => member.BitSize > 0);
        return AddOnce(kind, name, Counted(members), hasBitFields, size,
            [.. members.SelectMany(each => (uint[])[String(each.Name), each.Type, hasBitFields ? each.BitSize << 24 | each.BitOffset & 0xffffff : each.BitOffset])]);
    }

    private static int Counted<T>(IReadOnlyList<T> items)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(items.Count, CountMax, nameof(items));
        return items.Count;
    }

    private uint AddOnce(BtfKind kind, string name, int count, bool flag, uint sizeOrType, params ReadOnlySpan<uint> tail)
    {
        if (_unique is null)
            return Add(kind, name, count, flag, sizeOrType, tail);
        string key = $"{kind} {String(name)} {flag} {sizeOrType} {Convert.ToHexString(MemoryMarshal.AsBytes(tail))}";
        return _unique.TryGetValue(key, out uint id) ? id : _unique[key] = Add(kind, name, count, flag, sizeOrType, tail);
    }

    private uint Add(BtfKind kind, string name, int count, bool flag, uint sizeOrType, params ReadOnlySpan<uint> tail)
    {
        _words.Add(String(name));
        _words.Add((uint)kind << 24 | (uint)count | (flag ? 1u << 31 : 0));
        _words.Add(sizeOrType);
        _words.AddRange(tail);
        return NextId++;
    }

    // Among strings that were there from the start: a whole one, or the end of one.
    private uint? Find(ReadOnlySpan<byte> text)
    {
        if (_copied == 0 || text.Contains((byte)0))
            return null;
        ReadOnlySpan<byte> strings = CollectionsMarshal.AsSpan(_strings)[.._copied];
        for (int from = 0; strings[from..].IndexOf(text) is >= 0 and int found; from += found + 1)
            if (from + found + text.Length < strings.Length && strings[from + found + text.Length] == 0)
                return (uint)(from + found);
        return null;
    }
}
