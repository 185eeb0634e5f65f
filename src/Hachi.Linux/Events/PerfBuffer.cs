using System.Buffers.Binary;
using Hachi.Linux.Kernel;
using Hachi.Linux.Load;
using Hachi.Linux.Sys;
using Hachi.Uapi;

namespace Hachi.Linux.Events;

/// <summary>Gets a record of a perf buffer.</summary>
/// <param name="processor">The processor that it was written on.</param>
/// <param name="record">Its bytes, with up to 7 of padding behind.</param>
public delegate void PerfRecordHandler(int processor, ReadOnlySpan<byte> record);

/// <summary>
/// The reading end of a perf event array (<see cref="MapType.PerfEventArray"/>): a buffer for each processor, for kernels without ring buffers. Records of one
/// processor come in order, those of several do not; what did not fit is counted by the kernel.
/// </summary>
public sealed unsafe class PerfBuffer : IDisposable
{
    private const int HeadOffset = 1024, TailOffset = 1032, SampleRecord = 9, LostRecord = 2, HeaderBytes = 8;
    private const ulong BpfOutput = 10;

    private readonly List<(int Processor, FileHandle Event, MemoryMap Memory)> _rings = [];
    private readonly ReadWait _waiting;
    private readonly byte[] _scratch = new byte[1 << 16];
    private readonly ulong _ringBytes;

    /// <summary>Opens a buffer on every processor that runs.</summary>
    /// <param name="map">A perf event array; its slots are filled.</param>
    /// <param name="pages">Pages of each buffer, a power of two.</param>
    /// <exception cref="BpfException">EPERM: needs CAP_PERFMON, or the buffers are more than kernel.perf_event_mlock_kb allows.</exception>
    public PerfBuffer(Map map, int pages = 64)
    {
        ArgumentNullException.ThrowIfNull(map);
        if (map.Type != MapType.PerfEventArray)
            throw new ArgumentException($"map {map.Name} is a {map.Type.Name()}, not a perf event array", nameof(map));
        if (pages <= 0 || !System.Numerics.BitOperations.IsPow2(pages))
            throw new ArgumentException("pages must be a power of two", nameof(pages));
        _ringBytes = (ulong)pages * (ulong)Environment.SystemPageSize;
        try
        {
            foreach (int processor in Processors.Online)
                Open(map, processor, pages);
            _waiting = new ReadWait([.. _rings.Select(ring => ring.Event.Descriptor)]);
        }
        catch
        {
            Close();
            throw;
        }
    }

    /// <summary>Records that found no room, so far.</summary>
    public ulong Lost { get; private set; }

    /// <summary>Hands over what is there, and does not wait.</summary>
    /// <param name="handler">Told each record, while it still lies in the buffer.</param>
    /// <returns>How many.</returns>
    public int Drain(PerfRecordHandler handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        int count = 0;
        foreach ((int processor, _, MemoryMap memory) in _rings)
        {
            ref ulong tailPlace = ref *(ulong*)(memory.Address + TailOffset);
            ulong tail = tailPlace, head = Volatile.Read(ref *(ulong*)(memory.Address + HeadOffset));
            while (tail < head)
            {
                ReadOnlySpan<byte> record = Record(memory, tail);
                tail += (uint)record.Length;
                int type = BinaryPrimitives.ReadInt32LittleEndian(record);
                if (type == LostRecord)
                    Lost += BinaryPrimitives.ReadUInt64LittleEndian(record[(HeaderBytes + 8)..]);
                else if (type == SampleRecord)
                {
                    int length = BinaryPrimitives.ReadInt32LittleEndian(record[HeaderBytes..]);
                    handler(processor, record.Slice(HeaderBytes + 4, Math.Min(length, record.Length - HeaderBytes - 4)));
                    count++;
                }
                Volatile.Write(ref tailPlace, tail);
            }
        }
        return count;
    }

    /// <summary>Waits until there is something to read.</summary>
    /// <param name="timeout">At most so long; negative: for ever.</param>
    /// <returns>False when the time is over, or after <see cref="Stop"/>.</returns>
    public bool Wait(TimeSpan timeout) => _waiting.Wait(timeout);

    /// <summary>Ends <see cref="Wait"/>, from any thread.</summary>
    public void Stop() => _waiting.Wake();

    /// <inheritdoc/>
    public void Dispose()
    {
        _waiting.Dispose();
        Close();
    }

    private void Open(Map map, int processor, int pages)
    {
        var attributes = new PerfEvent.Attributes { Type = PerfEvent.TypeSoftware, Config = BpfOutput, SampleType = PerfEvent.SampleRaw, SamplePeriodOrFrequency = 1, WakeupEvents = 1 };
        int descriptor = PerfEvent.Open(ref attributes, PerfEvent.AnyProcess, processor);
        if (descriptor < 0)
            throw new BpfException("perf_event_open", -descriptor, $"a buffer for processor {processor}: needs CAP_PERFMON, or root");
        var handle = new FileHandle(descriptor);
        MemoryMap? memory = MemoryMap.Create(descriptor, (1 + pages) * (nint)Environment.SystemPageSize, MemoryMap.Read | MemoryMap.Write, 0, out int result);
        if (memory is null)
        {
            handle.Dispose();
            throw new BpfException("mmap", -result, $"a buffer of {pages} pages for processor {processor} (see kernel.perf_event_mlock_kb)");
        }
        _rings.Add((processor, handle, memory));
        map.SetDescriptor((uint)processor, descriptor);
        result = PerfEvent.Enable(handle);
        if (result < 0)
            throw new BpfException("ioctl(PERF_EVENT_IOC_ENABLE)", -result);
    }

    // A record that wraps around is put together in the scratch; a size is at most 64 KiB, as its field has 16 bits.
    private ReadOnlySpan<byte> Record(MemoryMap memory, ulong position)
    {
        byte* data = memory.Address + Environment.SystemPageSize;
        ulong start = position & (_ringBytes - 1);
        int size = *(ushort*)(data + start + 6);
        if (start + (ulong)size <= _ringBytes)
            return new ReadOnlySpan<byte>(data + start, size);
        int first = (int)(_ringBytes - start);
        new ReadOnlySpan<byte>(data + start, first).CopyTo(_scratch);
        new ReadOnlySpan<byte>(data, size - first).CopyTo(_scratch.AsSpan(first));
        return _scratch.AsSpan(0, size);
    }

    private void Close()
    {
        foreach ((_, FileHandle handle, MemoryMap memory) in _rings)
        {
            memory.Dispose();
            handle.Dispose();
        }
        _rings.Clear();
    }
}
