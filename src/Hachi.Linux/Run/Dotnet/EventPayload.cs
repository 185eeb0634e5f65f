using System.Buffers.Binary;

namespace Hachi.Linux.Run.Dotnet;

/// <summary>Reads the fields of an event, one after the other. What is not there reads as 0 or "": older runtimes have fewer fields.</summary>
public ref struct EventPayload(ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> _left = bytes;

    /// <summary>Whether a field was asked for that is not there.</summary>
    public bool IsShort { get; private set; }

    /// <summary>A byte.</summary>
    public byte Byte() => Take(1) is { Length: 1 } field ? field[0] : (byte)0;

    /// <summary>Two bytes.</summary>
    public ushort UInt16() => Take(2) is { Length: 2 } field ? BinaryPrimitives.ReadUInt16LittleEndian(field) : (ushort)0;

    /// <summary>Four bytes.</summary>
    public uint UInt32() => Take(4) is { Length: 4 } field ? BinaryPrimitives.ReadUInt32LittleEndian(field) : 0;

    /// <summary>Eight bytes.</summary>
    public ulong UInt64() => Take(8) is { Length: 8 } field ? BinaryPrimitives.ReadUInt64LittleEndian(field) : 0;

    /// <summary>A floating-point number of eight bytes.</summary>
    public double Double() => Take(8) is { Length: 8 } field ? BinaryPrimitives.ReadDoubleLittleEndian(field) : 0;

    /// <summary>A text: UTF-16, ended by a zero.</summary>
    public string Text()
    {
        // Letters need not stand at even places.
        for (int i = 0; i + 1 < _left.Length; i += 2)
            if (_left[i] == 0 && _left[i + 1] == 0)
            {
                string text = System.Text.Encoding.Unicode.GetString(_left[..i]);
                _left = _left[(i + 2)..];
                return text;
            }
        IsShort = true;
        _left = [];
        return "";
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (_left.Length < count)
        {
            IsShort = true;
            _left = [];
            return [];
        }
        ReadOnlySpan<byte> field = _left[..count];
        _left = _left[count..];
        return field;
    }
}
