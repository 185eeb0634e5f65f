using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
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
    private const uint BusyBit = 1u << 31, DiscardBit = 1u << 30;
    private const int HeaderBytes = 8;

    private readonly MemoryMap _consumer, _producer;
    private readonly FileHandle _own;
    private readonly ReadWait _waiting;
    private readonly ulong* _consumerPosition;
    private readonly ulong* _producerPosition;
    private readonly byte* _data;
    private readonly ulong _mask;

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
        _consumerPosition = (ulong*)_consumer.Address;
        _producerPosition = (ulong*)_producer.Address;
        _data = _producer.Address + page;
        _mask = map.MaxEntries - 1;
        _own = map.Handle.Duplicate();
        _waiting = new ReadWait(_own.Descriptor);
    }

    /// <summary>Bytes that are written and not read yet.</summary>
    public long PendingBytes => (long)(Volatile.Read(ref *_producerPosition) - Volatile.Read(ref *_consumerPosition));

    /// <summary>Hands over what is there, and does not wait.</summary>
    /// <param name="handler">Told each record. What it throws ends the call; the record that it was told counts as read.</param>
    /// <param name="recordsMax">At most so many.</param>
    /// <returns>How many.</returns>
    public int Drain(RecordHandler handler, int recordsMax = int.MaxValue)
    {
        ArgumentNullException.ThrowIfNull(handler);
        int count = 0;
        while (count < recordsMax && Next(out ReadOnlySpan<byte> record))
        {
            try
            {
                handler(record);
            }
            finally
            {
                Release(record.Length);
            }
            count++;
        }
        return count;
    }

    /// <summary>Waits until there is something to read.</summary>
    /// <param name="timeout">At most so long; negative: for ever.</param>
    /// <returns>False when the time is over, or after <see cref="Stop"/>.</returns>
    public bool Wait(TimeSpan timeout)
    {
        // The producer wakes a reader only when it finds it caught up: our position must be seen before we look once more.
        Interlocked.MemoryBarrier();
        return PendingBytes > 0 && !IsBusy() || _waiting.Wait(timeout);
    }

    /// <summary>Ends <see cref="Wait"/> and <see cref="ReadAllAsync{T}"/>, from any thread.</summary>
    public void Stop() => _waiting.Wake();

    /// <summary>All records, as values, until it is cancelled or stopped.</summary>
    /// <typeparam name="T">What a record holds; longer records are cut, shorter ones filled with zeros.</typeparam>
    /// <param name="cancellation">Ends the enumeration without an error.</param>
    public async IAsyncEnumerable<T> ReadAllAsync<T>([EnumeratorCancellation] CancellationToken cancellation = default)
        where T : unmanaged
    {
        const int Batch = 1024;
        var batch = new T[Batch];
        bool isStopped = false;
        using CancellationTokenRegistration registration = cancellation.Register(() =>
        {
            isStopped = true;
            Stop();
        });
        while (!isStopped)
        {
            int count = Fill(batch);
            for (int i = 0; i < count; i++)
                yield return batch[i];
            if (count == 0 && !Wait(TimeSpan.Zero))
                isStopped |= !await Task.Run(() => Wait(TimeSpan.FromMilliseconds(-1)), CancellationToken.None).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _waiting.Dispose();
        _own.Dispose();
        _consumer.Dispose();
        _producer.Dispose();
    }

    /// <summary>Copies records as values.</summary>
    /// <returns>How many.</returns>
    public int Fill<T>(Span<T> values)
        where T : unmanaged
    {
        int count = 0;
        while (count < values.Length && Next(out ReadOnlySpan<byte> record))
        {
            if (record.Length >= sizeof(T))
                values[count++] = Unsafe.ReadUnaligned<T>(ref MemoryMarshal.GetReference(record));
            else
            {
                values[count] = default;
                record.CopyTo(MemoryMarshal.AsBytes(values.Slice(count++, 1)));
            }
            Release(record.Length);
        }
        return count;
    }

    // The next record that is whole and not thrown away; what was thrown away is skipped.
    private bool Next(out ReadOnlySpan<byte> record)
    {
        ulong position = *_consumerPosition;
        while (position < Volatile.Read(ref *_producerPosition))
        {
            byte* header = _data + (position & _mask);
            uint length = Volatile.Read(ref *(uint*)header);
            if ((length & BusyBit) != 0)
                break;
            if ((length & DiscardBit) == 0)
            {
                record = new ReadOnlySpan<byte>(header + HeaderBytes, (int)length);
                return true;
            }
            position += Rounded(length & ~DiscardBit);
            Volatile.Write(ref *_consumerPosition, position);
        }
        record = default;
        return false;
    }

    private bool IsBusy() => (Volatile.Read(ref *(uint*)(_data + (*_consumerPosition & _mask))) & BusyBit) != 0;

    private void Release(int length) => Volatile.Write(ref *_consumerPosition, *_consumerPosition + Rounded((uint)length));

    private static ulong Rounded(uint length) => (length + HeaderBytes + 7ul) & ~7ul;
}
