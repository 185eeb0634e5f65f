using Hachi.Object;

namespace Hachi.Vm.Maps.Rings;

/// <summary>What is done with a record.</summary>
/// <param name="record">Its bytes; they are gone when the call returns.</param>
public delegate void RecordAction(ReadOnlySpan<byte> record);

/// <summary>
/// A ring buffer (kernel/bpf/ringbuf.c): programs of all processors write records, C# reads them in the order in which they were reserved. Positions count bytes since the beginning and
/// include the 8 bytes that the kernel puts in front of each record, so that a buffer is full exactly when the kernel's would be.
/// </summary>
public sealed unsafe partial class RingBufferMap : VmMap
{
    private const uint HeaderBytes = 8, Busy = 1u << 31, Discarded = 1u << 30, RecordMax = uint.MaxValue / 4;

    private readonly Lock _producing = new(), _consuming = new();
    private readonly SemaphoreSlim _wakeup = new(0, 1);

    // Lengths and states of records, by position / 8: not beside the records as in the kernel, where a program could write them.
    private uint* _headers;
    private ulong _consumed, _produced, _pending;

    internal RingBufferMap(MapSpec spec, MapSettings settings)
        : base(spec, settings)
    {
    }

    /// <summary>Bytes of records, headers included, that wait for C#: finished ones and those that a program still holds.</summary>
    public long AvailableBytes => (long)(Volatile.Read(ref _produced) - Volatile.Read(ref _consumed));

    private ulong Mask => Spec.MaxEntries - 1ul;

    /// <summary>Hands every finished record to an action. Any thread may call it; records go to one caller at a time.</summary>
    /// <param name="action">What is done with each.</param>
    /// <param name="recordsMax">Records at most.</param>
    /// <returns>How many there were.</returns>
    public int Consume(RecordAction action, int recordsMax = int.MaxValue)
    {
        ArgumentNullException.ThrowIfNull(action);
        int count = 0;
        lock (_consuming)
        {
            while (count < recordsMax && Next(out ulong position, out uint length, out bool isDiscarded))
            {
                if (!isDiscarded)
                {
                    count++;
                    action(new ReadOnlySpan<byte>(Memory + (position & Mask) + HeaderBytes, (int)length));
                }
                Volatile.Write(ref _consumed, position + Padded(length));
            }
        }
        GC.KeepAlive(this);
        return count;
    }

    /// <summary>Reserves a record for a program: its offset in <see cref="VmMap.Memory"/>, or -1 when the buffer is full or never could hold it.</summary>
    internal long Reserve(ulong size, ulong flags)
    {
        if (flags != 0 || size > RecordMax)
            return -1;
        ulong padded = Padded((uint)size);
        if (padded > Spec.MaxEntries)
            return -1;
        lock (_producing)
        {
            while (_pending < _produced && HeaderAt(_pending) is var header && (header & Busy) == 0)
                _pending += Padded(header & ~Discarded);
            ulong end = _produced + padded;
            if (end - Volatile.Read(ref _consumed) > Mask || end - _pending > Mask)
                return -1;
            ulong place = _produced & Mask;
            HeaderAt(_produced) = (uint)size | Busy;
            Volatile.Write(ref _produced, end);
            return (long)place + HeaderBytes;
        }
    }

    /// <summary>Ends a reservation: the record is there for C#, or skipped.</summary>
    /// <param name="offset">What <see cref="Reserve"/> gave.</param>
    /// <param name="isDiscarded">Whether it is skipped.</param>
    /// <param name="flags"><c>BPF_RB_NO_WAKEUP</c> (1): nobody is woken.</param>
    internal void Finish(long offset, bool isDiscarded, ulong flags)
    {
        ref uint header = ref _headers[(offset - HeaderBytes) / 8];
        uint length = header & ~(Busy | Discarded);
        Volatile.Write(ref header, isDiscarded ? length | Discarded : length);
        if ((flags & 1) == 0)
            Wake();
    }

    /// <summary>Bytes of a reservation.</summary>
    internal uint LengthAt(long offset) => _headers[(offset - HeaderBytes) / 8] & ~(Busy | Discarded);

    /// <summary><c>bpf_ringbuf_output</c>: 0 or -errno.</summary>
    internal int Output(byte* data, ulong size, ulong flags)
    {
        if ((flags & ~3ul) != 0)
            return -KernelError.Inval;
        long offset = Reserve(size, 0);
        if (offset < 0)
            return -KernelError.Again;
        Buffer.MemoryCopy(data, Memory + offset, (long)size, (long)size);
        Finish(offset, isDiscarded: false, flags);
        return 0;
    }

    /// <summary><c>bpf_ringbuf_query</c>: bytes available, size, position of C#, position of programs; 0 for any other question.</summary>
    internal ulong Query(ulong question) => question switch
    {
        0 => (ulong)AvailableBytes,
        1 => Spec.MaxEntries,
        2 => Volatile.Read(ref _consumed),
        3 => Volatile.Read(ref _produced),
        _ => 0,
    };

    internal override int Build()
    {
        _headers = (uint*)Allocate(Spec.MaxEntries / 8L * 4);
        // A record that begins near the end runs on behind it. The kernel maps the pages twice for that; here nothing else lies there.
        return _headers != null && AllocateValues(2L * Spec.MaxEntries) ? 0 : -KernelError.Nomem;
    }

    private protected override int UserGet(byte* key, byte* value) => -KernelError.Notsupp;

    private static ulong Padded(uint length) => length + (ulong)HeaderBytes + 7 & ~7ul;

    private ref uint HeaderAt(ulong position) => ref _headers[(position & Mask) / 8];

    private bool Next(out ulong position, out uint length, out bool isDiscarded)
    {
        position = _consumed;
        length = 0;
        isDiscarded = false;
        if (position >= Volatile.Read(ref _produced))
            return false;
        uint header = Volatile.Read(ref HeaderAt(position));
        length = header & ~(Busy | Discarded);
        isDiscarded = (header & Discarded) != 0;
        return (header & Busy) == 0;
    }

    private void Wake()
    {
        if (_wakeup.CurrentCount > 0)
            return;
        try
        {
            _wakeup.Release();
        }
        catch (SemaphoreFullException)
        {
            // Another thread was faster: the reader is awake.
        }
    }
}
