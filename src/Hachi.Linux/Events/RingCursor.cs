using System.Runtime.CompilerServices;

namespace Hachi.Linux.Events;

/// <summary>
/// A reader's walk through a ring buffer. What was read is given back to the programs in batches: when everything that was seen is read, and at the latest after a
/// quarter of the ring, so that a reader that is slow does not keep room from the programs that it no longer needs.
/// </summary>
internal unsafe struct RingCursor
{
    private const uint BusyBit = 1u << 31, DiscardBit = 1u << 30;
    private const uint HeaderBytes = 8;

    private readonly byte* _data;
    private readonly ulong* _consumer;
    private readonly ulong* _producer;
    private readonly ulong _mask;
    private ulong _position, _end;

    /// <param name="consumer">The reader's position, which programs look at.</param>
    /// <param name="producer">The programs' position.</param>
    /// <param name="data">The records, mapped twice in a row.</param>
    /// <param name="mask">Bytes of the ring, less one.</param>
    public RingCursor(ulong* consumer, ulong* producer, byte* data, ulong mask)
    {
        _consumer = consumer;
        _producer = producer;
        _data = data;
        _mask = mask;
        _position = _end = *consumer;
    }

    /// <summary>The next record that is whole and not thrown away. It stays where it is until the next call.</summary>
    /// <param name="record">Its first byte.</param>
    /// <param name="length">Its bytes.</param>
    /// <returns>False when there is none for now.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryNext(out byte* record, out uint length)
    {
        while (_position < _end || Renew())
        {
            record = _data + (_position & _mask);
            uint head = Volatile.Read(ref *(uint*)record);
            if ((head & BusyBit) != 0)
                break;
            record += HeaderBytes;
            length = head & ~DiscardBit;
            _position += (length + HeaderBytes + 7) & ~7ul;
            if ((head & DiscardBit) == 0)
                return true;
        }
        record = null;
        length = 0;
        return false;
    }

    /// <summary>Gives back what was read.</summary>
    public readonly void Publish() => Volatile.Write(ref *_consumer, _position);

    /// <summary>A record as a value: a longer one is cut, a shorter one filled with zeros.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Value<T>(byte* record, uint length)
        where T : unmanaged => length >= (uint)sizeof(T) ? Unsafe.ReadUnaligned<T>(record) : Short<T>(record, length);

    private static T Short<T>(byte* record, uint length)
        where T : unmanaged
    {
        T value = default;
        Unsafe.CopyBlockUnaligned(&value, record, length);
        return value;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool Renew()
    {
        Publish();
        _end = Math.Min(Volatile.Read(ref *_producer), _position + (_mask >> 2));
        return _position < _end;
    }
}
