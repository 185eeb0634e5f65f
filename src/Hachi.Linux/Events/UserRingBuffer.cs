using System.Runtime.InteropServices;
using Hachi.Linux.Load;
using Hachi.Linux.Sys;
using Hachi.Uapi;

namespace Hachi.Linux.Events;

/// <summary>
/// The writing end of a user ring buffer (<see cref="MapType.UserRingbuf"/>, Linux 6.1): records for programs, which take them with <c>bpf_user_ringbuf_drain</c>
/// when they run next. Several threads may write. kernel/bpf/ringbuf.c.
/// </summary>
public sealed unsafe class UserRingBuffer : IDisposable
{
    private const uint BusyBit = 1u << 31;
    private const int HeaderBytes = 8;

    private readonly MemoryMap _consumer, _producer;
    private readonly FileHandle _own;
    private readonly ReadWait _waiting;
    private readonly ulong _bytes;
    private readonly Lock _lock = new();

    /// <summary>Opens the writing end; the map may be disposed afterwards.</summary>
    /// <param name="map">A user ring buffer.</param>
    /// <exception cref="BpfException">EPERM: no right to map it.</exception>
    public UserRingBuffer(Map map)
    {
        ArgumentNullException.ThrowIfNull(map);
        if (map.Type != MapType.UserRingbuf)
            throw new ArgumentException($"map {map.Name} is a {map.Type.Name()}, not a user ring buffer", nameof(map));
        int page = Environment.SystemPageSize;
        _consumer = MemoryMap.Create(map.Descriptor, page, MemoryMap.Read, 0, out int result) ?? throw new BpfException("mmap", -result, $"user ring buffer {map.Name}");
        // The data are mapped twice in a row, so that a record that wraps around is whole.
        _producer = MemoryMap.Create(map.Descriptor, page + 2 * (nint)map.MaxEntries, MemoryMap.Read | MemoryMap.Write, page, out result) ?? throw new BpfException("mmap", -result, $"user ring buffer {map.Name}");
        _bytes = map.MaxEntries;
        _own = map.Handle.Duplicate();
        _waiting = ReadWait.ForRoom(_own.Descriptor);
    }

    /// <summary>Bytes of the longest record that fits at all.</summary>
    public int RecordBytesMax => (int)Math.Min(int.MaxValue, _bytes - HeaderBytes);

    /// <summary>Bytes that programs have not taken yet, heads of 8 bytes included.</summary>
    public long PendingBytes => (long)(Volatile.Read(ref *(ulong*)_producer.Address) - Volatile.Read(ref *(ulong*)_consumer.Address));

    /// <summary>Writes a record.</summary>
    /// <param name="record">Its bytes, at most <see cref="RecordBytesMax"/>.</param>
    /// <returns>False when there is no room until a program has taken something.</returns>
    public bool TryWrite(ReadOnlySpan<byte> record)
    {
        if ((ulong)record.Length > _bytes - HeaderBytes)
            throw new ArgumentException($"a record of {record.Length} bytes does not fit a ring of {_bytes}", nameof(record));
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_producer.IsClosed, this);
            ref ulong end = ref *(ulong*)_producer.Address;
            ulong position = end, whole = ((ulong)record.Length + HeaderBytes + 7) & ~7ul;
            if (position + whole - Volatile.Read(ref *(ulong*)_consumer.Address) > _bytes)
                return false;
            byte* place = _producer.Address + Environment.SystemPageSize + (position & (_bytes - 1));
            record.CopyTo(new Span<byte>(place + HeaderBytes, record.Length));
            // A program may look as soon as the position has moved: everything stands there by then.
            *(ulong*)place = (uint)record.Length & ~BusyBit;
            Volatile.Write(ref end, position + whole);
            return true;
        }
    }

    /// <summary>Writes a value as a record; false when there is no room.</summary>
    public bool TryWrite<T>(in T value)
        where T : unmanaged => TryWrite(MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value)));

    /// <summary>Waits until a program has taken something.</summary>
    /// <param name="timeout">At most so long; negative: for ever.</param>
    /// <returns>False when the time is over.</returns>
    public bool WaitForRoom(TimeSpan timeout) => _waiting.Wait(timeout);

    /// <inheritdoc/>
    public void Dispose()
    {
        _waiting.Dispose();
        _own.Dispose();
        lock (_lock)
        {
            _consumer.Dispose();
            _producer.Dispose();
        }
    }
}
