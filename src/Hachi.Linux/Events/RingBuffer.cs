using Hachi.Linux.Load;
using Hachi.Linux.Sys;
using Hachi.Uapi;

namespace Hachi.Linux.Events;

/// <summary>Gets a record while it still lies in the buffer: it is gone when the handler returns.</summary>
/// <param name="record">Its bytes.</param>
public delegate void RecordHandler(ReadOnlySpan<byte> record);

/// <summary>
/// The reading end of a ring buffer (<see cref="MapType.Ringbuf"/>, Linux 5.8): records in the order in which programs reserved them, over all processors. One
/// reader at a time. What programs could not reserve they must count themselves: the kernel tells nobody.
/// </summary>
public sealed unsafe class RingBuffer : IDisposable
{
    private readonly MemoryMap _consumer, _producer;
    private readonly FileHandle _own;
    private readonly WakeEvent _stop = new();
    private readonly ReadWait _waiting;
    private readonly ulong _mask;
    private volatile bool _isStopped;

    /// <summary>Opens the reading end; the map may be disposed afterwards.</summary>
    /// <param name="map">A ring buffer.</param>
    /// <exception cref="BpfException">EPERM: no right to map it.</exception>
    public RingBuffer(Map map)
    {
        ArgumentNullException.ThrowIfNull(map);
        if (map.Type != MapType.Ringbuf)
            throw new ArgumentException($"map {map.Name} is a {map.Type.Name()}, not a ring buffer", nameof(map));
        int page = Environment.SystemPageSize;
        _consumer = MemoryMap.Create(map.Descriptor, page, MemoryMap.Read | MemoryMap.Write, 0, out int result) ?? throw new BpfException("mmap", -result, $"ring buffer {map.Name}");
        // The data are mapped twice in a row, so that a record that wraps around is whole.
        _producer = MemoryMap.Create(map.Descriptor, page + 2 * (nint)map.MaxEntries, MemoryMap.Read, page, out result) ?? throw new BpfException("mmap", -result, $"ring buffer {map.Name}");
        _mask = map.MaxEntries - 1;
        _own = map.Handle.Duplicate();
        _waiting = new ReadWait(_own.Descriptor, _stop.Descriptor);
    }

    /// <summary>Bytes that are written and not given back yet.</summary>
    public long PendingBytes => (long)(Volatile.Read(ref *(ulong*)_producer.Address) - Volatile.Read(ref *(ulong*)_consumer.Address));

    /// <summary>What it holds, bytes: the map's entries.</summary>
    internal long Capacity => (long)_mask + 1;

    internal bool IsStopped => _isStopped;

    /// <summary>Hands over what is there, and does not wait.</summary>
    /// <param name="handler">Told each record. What it throws ends the call; the record that it was told counts as read.</param>
    /// <param name="recordsMax">At most so many.</param>
    /// <returns>How many.</returns>
    public int Drain(RecordHandler handler, int recordsMax = int.MaxValue)
    {
        ArgumentNullException.ThrowIfNull(handler);
        RingCursor cursor = OpenCursor();
        int count = 0;
        try
        {
            while (count < recordsMax && cursor.TryNext(out byte* record, out uint length))
            {
                count++;
                handler(new ReadOnlySpan<byte>(record, (int)length));
            }
        }
        finally
        {
            cursor.Publish();
        }
        return count;
    }

    /// <summary>Copies records as values, and does not wait.</summary>
    /// <typeparam name="T">What a record holds; longer records are cut, shorter ones filled with zeros.</typeparam>
    /// <param name="values">Room for them.</param>
    /// <returns>How many.</returns>
    public int Fill<T>(Span<T> values)
        where T : unmanaged
    {
        RingCursor cursor = OpenCursor();
        int count = 0;
        while (count < values.Length && cursor.TryNext(out byte* record, out uint length))
            values[count++] = RingCursor.Value<T>(record, length);
        cursor.Publish();
        return count;
    }

    /// <summary>Waits until there is something to read.</summary>
    /// <param name="timeout">At most so long; negative: for ever.</param>
    /// <returns>False when the time is over, or after <see cref="Stop"/>.</returns>
    public bool Wait(TimeSpan timeout)
    {
        // The producer wakes a reader only when it finds it caught up: our position must be seen before we look once more.
        Interlocked.MemoryBarrier();
        return _waiting.Wait(timeout) && !_isStopped;
    }

    /// <summary>Ends <see cref="Wait"/> and <see cref="ReadAllAsync{T}"/>, from any thread, now and later.</summary>
    public void Stop()
    {
        _isStopped = true;
        _stop.Set();
    }

    /// <summary>
    /// All records, as values, until it is cancelled or stopped. What is read is given back to the programs in batches; nothing is allocated while there are
    /// records, and while it waits a thread of the pool waits in its place.
    /// </summary>
    /// <typeparam name="T">What a record holds; longer records are cut, shorter ones filled with zeros.</typeparam>
    /// <param name="cancellation">Ends the enumeration without an error.</param>
    public RecordSequence<T> ReadAllAsync<T>(CancellationToken cancellation = default)
        where T : unmanaged => new(this, cancellation);

    /// <inheritdoc/>
    public void Dispose()
    {
        Stop();
        _waiting.Dispose();
        _stop.Dispose();
        _own.Dispose();
        _consumer.Dispose();
        _producer.Dispose();
    }

    internal RingCursor OpenCursor()
    {
        ObjectDisposedException.ThrowIf(_producer.IsClosed, this);
        return new((ulong*)_consumer.Address, (ulong*)_producer.Address, _producer.Address + Environment.SystemPageSize, _mask);
    }

    /// <summary>Keeps the memory mapped while somebody walks through it, whoever disposes this meanwhile; each call wants a <see cref="Release"/>.</summary>
    internal void Hold()
    {
        bool isHeld = false;
        _consumer.DangerousAddRef(ref isHeld);
        _producer.DangerousAddRef(ref isHeld);
    }

    internal void Release()
    {
        _consumer.DangerousRelease();
        _producer.DangerousRelease();
    }

    /// <summary>Something else to wait by, which another wake-up ends.</summary>
    internal ReadWait OpenWait() => new(_own.Descriptor, _stop.Descriptor);
}
