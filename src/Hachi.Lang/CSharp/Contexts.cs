using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Hachi.Lang.CSharp;

/// <summary>What an XDP program runs on (linux/bpf.h, <c>struct xdp_md</c>): a frame as the driver has it.</summary>
[SuppressMessage("Performance", "CA1815", Justification = "never compared")]
public unsafe ref struct XdpContext
{
    /// <summary>The frame's first byte. Reads are allowed below what has been compared with <see cref="DataEnd"/>.</summary>
    [SuppressMessage("Design", "CA1051", Justification = "fields: the compiler of BPF reads them as those of the context")]
    public byte* Data;

    /// <summary>The byte behind its last.</summary>
    [SuppressMessage("Design", "CA1051", Justification = "as above")]
    public byte* DataEnd;

    /// <summary>A cursor at the frame's start.</summary>
    public readonly Packet Packet => new(Data, DataEnd);
}

/// <summary>A place in a packet that moves forward as headers are read. Once a read has failed, all later ones fail.</summary>
[SuppressMessage("Performance", "CA1815", Justification = "a ref struct is never compared")]
public unsafe ref struct Packet
{
    private byte* _at;
    private readonly byte* _end;

    internal Packet(byte* at, byte* end)
    {
        _at = at;
        _end = end;
    }

    /// <summary>Reads the next bytes as a structure, in place, and moves behind them.</summary>
    /// <returns>Whether the packet is long enough; if not, <paramref name="value"/> must not be used.</returns>
    public bool TryRead<T>(out Ref<T> value)
        where T : unmanaged
    {
        byte* from = _at;
        _at += sizeof(T);
        bool isThere = _at <= _end;
        value = isThere ? new Ref<T>(ref Unsafe.AsRef<T>(from)) : default;
        return isThere;
    }

    /// <summary>Moves forward. The verifier must know a bound: a constant, or a value behind a mask or a comparison.</summary>
    public void Skip(int bytes) => _at += bytes;
}

/// <summary>What a socket filter runs on (linux/bpf.h, <c>struct __sk_buff</c>): a packet that it reads by copies.</summary>
[SuppressMessage("Performance", "CA1815", Justification = "never compared")]
public unsafe ref struct SocketContext
{
    private readonly byte* _data;

    /// <summary>For tests: a packet in memory that stays where it is.</summary>
    public SocketContext(byte* data, int length)
    {
        _data = data;
        Length = length;
    }

    /// <summary>Bytes of the packet.</summary>
    public int Length { get; }

    /// <summary>Copies a structure out of the packet.</summary>
    /// <returns>Whether the packet holds it; if not, <paramref name="value"/> is zero.</returns>
    public readonly bool TryLoad<T>(int offset, out T value)
        where T : unmanaged
    {
        value = default;
        if (offset < 0 || offset > Length - sizeof(T))
            return false;
        value = Unsafe.ReadUnaligned<T>(_data + offset);
        return true;
    }
}
