using System.Buffers.Binary;
using System.Text;

namespace Hachi.Btf;

/// <summary>
/// BTF types (little-endian), looked up by id in the bytes they lie in: an index of one number a type, a table of names when the first name is asked for. Ids that do not exist are void; what types say
/// of each other need not be true: walks are bounded, so that circles end. Reads are safe from several threads.
/// </summary>
public sealed partial class BtfTypes
{
    // Modifiers and arrays in a row: the kernel resolves at most 32.
    private const int DepthMax = 32;

    // Hostile names may overlap, and would take the square of the section's size.
    private const int NameBytesMax = 1024;

    private readonly ReadOnlyMemory<byte> _section;
    private readonly uint[] _offsets;
    private readonly uint _first, _firstString;
    private readonly Range _types;
    private readonly int _stringsAt, _stringsLength;

    internal BtfTypes(ReadOnlyMemory<byte> section, uint[] offsets, Range types, int stringsAt, int stringsLength, BtfTypes? @base)
    {
        (_section, _offsets, _types, _stringsAt, _stringsLength, Base) = (section, offsets, types, stringsAt, stringsLength, @base);
        _first = (uint)(@base?.Count ?? 1);
        _firstString = @base?.StringsEnd ?? 0;
    }

    /// <summary>The types that these go on from; null for those that stand alone.</summary>
    public BtfTypes? Base { get; }

    /// <summary>Types, void and those of <see cref="Base"/> included: ids are 0 to this number, exclusively.</summary>
    public int Count => (int)_first + _offsets.Length;

    /// <summary>The first id that is not of <see cref="Base"/>.</summary>
    public uint FirstId => _first;

    /// <summary>Where strings that go on from these begin.</summary>
    internal uint StringsEnd => _firstString + (uint)_stringsLength;

    /// <summary>The bytes that the types lie in.</summary>
    public ReadOnlyMemory<byte> Section => _section;

    /// <summary>The type of an id; void for an id that does not exist.</summary>
    public BtfType this[uint id]
    {
        get
        {
            if (id < _first)
                return Base is null ? default : Base[id];
            if (id - _first >= (uint)_offsets.Length)
                return default;
            int at = (int)_offsets[id - _first];
            ReadOnlySpan<byte> from = _section.Span.Slice(at, 12);
            uint info = BinaryPrimitives.ReadUInt32LittleEndian(from[4..]);
            return new BtfType((BtfKind)(info >> 24 & 0x1f), BinaryPrimitives.ReadUInt32LittleEndian(from), (int)(info & 0xffff), info >> 31 != 0, BinaryPrimitives.ReadUInt32LittleEndian(from[8..]), at + 12);
        }
    }

    /// <summary>The name of a type.</summary>
    public string NameOf(uint id) => StringAt(this[id].NameOffset);

    /// <summary>A string; empty where the offset is wrong.</summary>
    /// <param name="offset">Offset among the strings, those of <see cref="Base"/> first.</param>
    public string StringAt(uint offset) => offset == 0 ? "" : Encoding.UTF8.GetString(BytesAt(offset));

    /// <summary>The same as UTF-8, without a copy.</summary>
    public ReadOnlySpan<byte> BytesAt(uint offset)
    {
        if (offset < _firstString)
            return Base!.BytesAt(offset);
        offset -= _firstString;
        if (offset >= _stringsLength)
            return [];
        ReadOnlySpan<byte> rest = _section.Span.Slice(_stringsAt + (int)offset, Math.Min(_stringsLength - (int)offset, NameBytesMax));
        int end = rest.IndexOf((byte)0);
        return end < 0 ? rest : rest[..end];
    }

    /// <summary>The type behind typedefs and qualifiers; void where they run in a circle.</summary>
    public uint Resolve(uint id)
    {
        for (int depth = 0; depth < DepthMax; depth++)
        {
            BtfType type = this[id];
            if (type.Kind != BtfKind.Typedef && !type.IsModifier)
                return id;
            id = type.SizeOrType;
        }
        return 0;
    }

    /// <summary>Copies types and strings, those of <see cref="Base"/> left out; the offset of the first string.</summary>
    internal uint CopyTo(List<uint> words, List<byte> strings)
    {
        ReadOnlySpan<byte> types = _section.Span[_types];
        for (int at = 0; at < types.Length; at += 4)
            words.Add(BinaryPrimitives.ReadUInt32LittleEndian(types[at..]));
        strings.AddRange(_section.Span.Slice(_stringsAt, _stringsLength));
        if (strings is [] or [.., not 0])
            strings.Add(0);
        return _firstString;
    }

    /// <summary>Where a type begins among the words of all; it is none of <see cref="Base"/>.</summary>
    internal int WordOf(uint id) => ((int)_offsets[id - _first] - _types.Start.Value) / 4;

    // The part that a type lies in: its own, or that of the base.
    private BtfTypes Of(uint id)
    {
        BtfTypes part = this;
        while (id < part._first && part.Base is not null)
            part = part.Base;
        return part;
    }

    private uint Word(int at) => BinaryPrimitives.ReadUInt32LittleEndian(_section.Span[at..]);
}
