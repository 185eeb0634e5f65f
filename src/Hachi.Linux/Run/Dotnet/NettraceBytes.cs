using System.Buffers.Binary;

namespace Hachi.Linux.Run.Dotnet;

/// <summary>Takes numbers off the front of bytes. Behind their end everything is 0, and <see cref="IsShort"/> says so.</summary>
internal ref struct NettraceBytes(ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> _left = bytes;

    public bool IsShort { get; private set; }

    public readonly bool IsEmpty => _left.IsEmpty;

    public readonly int Length => _left.Length;

    public void Fail()
    {
        IsShort = true;
        _left = [];
    }

    public ReadOnlySpan<byte> Take(uint count)
    {
        if (count > (uint)_left.Length)
        {
            Fail();
            return [];
        }
        ReadOnlySpan<byte> taken = _left[..(int)count];
        _left = _left[(int)count..];
        return taken;
    }

    public byte Byte() => Take(1) is { Length: 1 } one ? one[0] : (byte)0;

    public uint UInt32() => Take(4) is { Length: 4 } four ? BinaryPrimitives.ReadUInt32LittleEndian(four) : 0;

    public ulong UInt64() => Take(8) is { Length: 8 } eight ? BinaryPrimitives.ReadUInt64LittleEndian(eight) : 0;

    /// <summary>Seven bits a byte, the least first; five bytes at most.</summary>
    public uint Variable32()
    {
        ulong value = Variable(5);
        if (value > uint.MaxValue)
            Fail();
        return (uint)value;
    }

    /// <summary>The same, ten bytes at most.</summary>
    public ulong Variable64() => Variable(10);

    private ulong Variable(int most)
    {
        ulong value = 0;
        for (int i = 0; i < most; i++)
        {
            byte part = Byte();
            value |= (ulong)(part & 0x7f) << (7 * i);
            if (part < 0x80)
                return value;
        }
        Fail();
        return 0;
    }
}
