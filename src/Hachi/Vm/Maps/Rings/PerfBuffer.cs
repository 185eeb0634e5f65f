using System.Collections.Concurrent;

namespace Hachi.Vm.Maps.Rings;

/// <summary>Records that programs wrote for one index of a perf event array. Any thread may read.</summary>
/// <param name="bytesMax">Bytes that wait at most.</param>
public sealed class PerfBuffer(int bytesMax)
{
    private readonly ConcurrentQueue<byte[]> _records = new();
    private long _bytes, _lost;

    /// <summary>Records that found no room.</summary>
    public long Lost => Interlocked.Read(ref _lost);

    /// <summary>The next record.</summary>
    /// <param name="record">Its bytes; empty when there is none.</param>
    /// <returns>Whether there was one.</returns>
    public bool TryRead(out byte[] record)
    {
        if (!_records.TryDequeue(out byte[]? first))
        {
            record = [];
            return false;
        }
        Interlocked.Add(ref _bytes, -first.Length);
        record = first;
        return true;
    }

    internal bool Add(ReadOnlySpan<byte> data, ReadOnlySpan<byte> more)
    {
        int size = data.Length + more.Length;
        if (Interlocked.Add(ref _bytes, size) > bytesMax)
        {
            Interlocked.Add(ref _bytes, -size);
            Interlocked.Increment(ref _lost);
            return false;
        }
        _records.Enqueue([.. data, .. more]);
        return true;
    }
}
