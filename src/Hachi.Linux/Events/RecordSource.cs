using System.Buffers.Binary;
using System.Diagnostics;
using Hachi.Linux.Load;
using Hachi.Uapi;

namespace Hachi.Linux.Events;

/// <summary>
/// Where a tracer's records come from: a ring buffer, or, on kernels before 5.8, a perf buffer. The records of a perf buffer begin with the time
/// (<c>bpf_ktime_get_ns</c>), by which those of all processors are put in order; it is taken off.
/// </summary>
internal sealed class RecordSource : IDisposable
{
    private const int TimeBytes = 8;

    private readonly RingBuffer? _ring;
    private readonly PerfBuffer? _perf;
    private readonly List<(long Time, byte[] Record)> _held = [];

    /// <summary>Opens the reading end.</summary>
    /// <param name="map">A ring buffer or a perf event array.</param>
    /// <param name="pages">Pages of a perf buffer, for each processor.</param>
    /// <exception cref="BpfException">No right to map it.</exception>
    public RecordSource(Map map, int pages)
    {
        if (map.Type == MapType.PerfEventArray)
            _perf = new PerfBuffer(map, pages);
        else
            _ring = new RingBuffer(map);
    }

    /// <summary>Bytes that wait in a ring buffer.</summary>
    public long PendingBytes => _ring?.PendingBytes ?? 0;

    /// <summary>Bytes that a ring buffer holds; 0 for a perf buffer, which is never left alone.</summary>
    public long Capacity => _ring?.Capacity ?? 0;

    /// <summary>Hands over what is there, and does not wait.</summary>
    /// <param name="handler">Told each record.</param>
    /// <param name="recordsMax">At most so many.</param>
    /// <param name="isLast">Whether nothing is written any more.</param>
    /// <returns>How many.</returns>
    public int Drain(RecordHandler handler, int recordsMax, bool isLast)
    {
        if (_ring is not null)
            return _ring.Drain(handler, recordsMax);
        // What is written on one processor while another's buffer is read may be later than what is still to come: it waits for the next time.
        long until = isLast ? long.MaxValue : (long)(Stopwatch.GetTimestamp() * (1e9 / Stopwatch.Frequency));
        _perf!.Drain((_, record) => _held.Add((BinaryPrimitives.ReadInt64LittleEndian(record), record[TimeBytes..].ToArray())));
        var ready = _held.Select((row, i) => (row.Time, Index: i)).Where(row => row.Time <= until).Order().Take(recordsMax).ToList();
        foreach ((_, int index) in ready)
        {
            handler(_held[index].Record);
            _held[index] = default;
        }
        _held.RemoveAll(row => row.Record is null);
        return ready.Count;
    }

    /// <summary>Waits until there is something to read.</summary>
    public void Wait(TimeSpan timeout)
    {
        if (_ring is not null)
            _ring.Wait(timeout);
        else if (_held.Count == 0)
            _perf!.Wait(timeout);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _ring?.Dispose();
        _perf?.Dispose();
    }
}
