namespace Hachi.Vm.Maps;

/// <summary>
/// A common bound for the memory of maps. Every map asks before it allocates and gives back when it is freed; one quota may serve many machines, from many threads.
/// </summary>
/// <param name="bytesMax">Bytes that all maps of this quota may have reserved together.</param>
/// <param name="entriesMax">Entries that one map may ask for.</param>
public sealed class MapQuota(long bytesMax = MapQuota.DefaultBytesMax, long entriesMax = MapQuota.DefaultEntriesMax)
{
    /// <summary>What a quota allows when nothing is said: 1 GiB.</summary>
    public const long DefaultBytesMax = 1L << 30;

    /// <summary>Entries of one map when nothing is said: 2^27.</summary>
    public const long DefaultEntriesMax = 1L << 27;

    private long _bytes;

    /// <summary>Bytes that may be reserved together.</summary>
    public long BytesMax { get; } = bytesMax;

    /// <summary>Entries that one map may ask for.</summary>
    public long EntriesMax { get; } = entriesMax;

    /// <summary>Bytes that are reserved now.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    internal bool TryTake(long bytes)
    {
        if (bytes < 0 || bytes > BytesMax)
            return false;
        if (Interlocked.Add(ref _bytes, bytes) <= BytesMax)
            return true;
        Interlocked.Add(ref _bytes, -bytes);
        return false;
    }

    internal void Return(long bytes) => Interlocked.Add(ref _bytes, -bytes);
}

/// <summary>What a map needs to know of the machine that it serves.</summary>
public sealed record MapSettings
{
    /// <summary>Processors that per-CPU maps keep values for.</summary>
    public int Cpus { get; init; } = 1;

    /// <summary>
    /// What the hash functions are seeded with. Deterministic by default; give a random number where keys come from strangers, who could otherwise choose keys that share a bucket.
    /// </summary>
    public ulong Seed { get; init; }

    /// <summary>The page size that sizes of ring buffers are checked against, in bytes.</summary>
    public int PageBytes { get; init; } = 4096;

    /// <summary>The bound for memory. By default every settings record has its own.</summary>
    public MapQuota Quota { get; init; } = new();
}

/// <summary>What creating a map gave.</summary>
/// <param name="Map">The map, or null.</param>
/// <param name="Errno">0, or the error number that the kernel would give (positive).</param>
/// <param name="Reason">Why not, in words; empty for a map.</param>
public readonly record struct MapCreation(VmMap? Map, int Errno, string Reason);
