using Hachi.Object;
using Hachi.Uapi;
using Hachi.Vm.Maps.Rings;

namespace Hachi.Vm.Maps;

/// <summary>Which maps can be made: the checks of map creation in the kernel (<c>map_alloc_check</c> of each kind), in its order and with its error numbers.</summary>
internal static class MapFactory
{
    /// <summary>Bytes that the kernel's allocator gives in one piece (KMALLOC_MAX_SIZE, x86-64).</summary>
    private const uint AllocationMax = 4 << 20;

    /// <summary>Bytes of one per-CPU allocation (PCPU_MIN_UNIT_SIZE).</summary>
    private const uint PercpuMax = 32 << 10;

    /// <summary>What the kernel adds to an element of a hash table, and to a node of a trie.</summary>
    private const uint HashElementBytes = 48, TrieNodeBytes = 40;

    private const uint LpmKeyMin = 5, LpmKeyMax = 260, StackDepthMax = 127;

    public static MapCreation Create(MapSpec spec, MapSettings settings, int lockOffset = -1)
    {
        int errno = Check(spec, out string reason);
        if (errno == 0 && lockOffset >= 0)
            errno = CheckLock(spec, out reason);
        if (errno != 0)
            return new MapCreation(null, errno, $"map '{spec.Name}': {reason}");
        if (settings.Cpus is < 1 or > 4096)
            return new MapCreation(null, KernelError.Inval, "between 1 and 4096 processors");
        if (spec.MaxEntries > settings.Quota.EntriesMax && !IsRing(spec.Type))
            return new MapCreation(null, KernelError.TooBig, $"map '{spec.Name}': {spec.MaxEntries} entries; the quota allows {settings.Quota.EntriesMax}");
        VmMap map = Make(spec, settings, lockOffset);
        errno = -map.Build();
        if (errno == 0)
            return new MapCreation(map, 0, "");
        map.Dispose();
        return new MapCreation(null, errno, $"map '{spec.Name}' does not fit: {settings.Quota.Bytes} of the quota's {settings.Quota.BytesMax} bytes are in use");
    }

    private static bool IsRing(MapType type) => type is MapType.Ringbuf or MapType.UserRingbuf;

    private static VmMap Make(MapSpec spec, MapSettings settings, int lockOffset) => spec.Type switch
    {
        MapType.Array => new ArrayMap(spec, settings) { LockOffset = lockOffset },
        MapType.PercpuArray => new PercpuArrayMap(spec, settings),
        MapType.Hash or MapType.PercpuHash => new HashMap(spec, settings) { LockOffset = lockOffset },
        MapType.LruHash or MapType.LruPercpuHash => new LruHashMap(spec, settings),
        MapType.LpmTrie => new LpmTrieMap(spec, settings),
        MapType.Queue => new QueueMap(spec, settings, isStack: false),
        MapType.Stack => new QueueMap(spec, settings, isStack: true),
        MapType.BloomFilter => new BloomMap(spec, settings),
        MapType.Ringbuf => new RingBufferMap(spec, settings),
        MapType.ProgArray => new ProgramArrayMap(spec, settings),
        MapType.ArrayOfMaps => new ArrayOfMapsMap(spec, settings),
        MapType.HashOfMaps => new HashOfMapsMap(spec, settings),
        MapType.PerfEventArray => new PerfEventMap(spec, settings),
        _ => new StackTraceMap(spec, settings),
    };

    private static int Check(MapSpec spec, out string reason)
    {
        reason = "";
        if (spec.Type is < MapType.Hash or > MapType.Arena)
            return No(KernelError.Inval, $"there is no kind of map {(int)spec.Type}", out reason);
        if (spec.Type != MapType.BloomFilter && spec.Extra != 0)
            return No(KernelError.Inval, "map_extra belongs to bloom filters", out reason);
        if ((spec.Flags & (MapCreate.ReadOnly | MapCreate.WriteOnly)) == (MapCreate.ReadOnly | MapCreate.WriteOnly))
            return No(KernelError.Inval, "BPF_F_RDONLY and BPF_F_WRONLY exclude each other", out reason);
        return spec.Type switch
        {
            MapType.Array or MapType.PercpuArray => CheckArray(spec, MapCreate.NumaNode | MapCreate.AccessMask | MapCreate.Mmapable | MapCreate.PreserveElements | MapCreate.InnerMap, out reason),
            MapType.ProgArray or MapType.PerfEventArray => CheckHandles(spec, out reason),
            MapType.Hash or MapType.PercpuHash or MapType.LruHash or MapType.LruPercpuHash => CheckHash(spec, out reason),
            MapType.ArrayOfMaps or MapType.HashOfMaps => CheckOuter(spec, out reason),
            MapType.LpmTrie => CheckTrie(spec, out reason),
            MapType.Queue or MapType.Stack => CheckQueue(spec, out reason),
            MapType.BloomFilter => CheckBloom(spec, out reason),
            MapType.Ringbuf => CheckRing(spec, out reason),
            MapType.StackTrace => CheckStackTrace(spec, out reason),
            _ => No(KernelError.Inval, $"maps of the kind {spec.Type} exist only in the kernel", out reason),
        };
    }

    /// <summary>What the kernel asks of a map whose values have a lock (map_check_btf).</summary>
    private static int CheckLock(MapSpec spec, out string reason)
    {
        if ((spec.Flags & (MapCreate.ReadOnlyProgram | MapCreate.WriteOnlyProgram)) != 0)
            return No(KernelError.Acces, "values with a lock are read and written by programs", out reason);
        return spec.Type is MapType.Hash or MapType.Array
            ? No(0, "", out reason)
            : No(KernelError.Opnotsupp, "only hashes and arrays have values with a lock", out reason);
    }

    private static int CheckArray(MapSpec spec, uint flags, out string reason)
    {
        bool isArray = spec.Type == MapType.Array;
        if (spec.MaxEntries == 0 || spec.KeySize != 4 || spec.ValueSize == 0)
            return No(KernelError.Inval, "an array has a key of 4 bytes, a value of at least 1 and at least one entry", out reason);
        if (!AreFlagsGood(spec, flags, out reason) || !isArray && (spec.Flags & (MapCreate.Mmapable | MapCreate.InnerMap)) != 0)
            return No(KernelError.Inval, reason.Length > 0 ? reason : "a flag that only plain arrays have", out reason);
        if (spec.Type != MapType.PerfEventArray && (spec.Flags & MapCreate.PreserveElements) != 0)
            return No(KernelError.Inval, "BPF_F_PRESERVE_ELEMS belongs to perf event arrays", out reason);
        if ((spec.Flags & MapCreate.NumaNode) != 0 && IsPercpu(spec))
            return No(KernelError.Inval, "values of all processors do not lie on one NUMA node", out reason);
        if (spec.ValueSize > int.MaxValue)
            return No(KernelError.TooBig, "a value of 2 GB", out reason);
        return IsPercpu(spec) ? CheckPercpu(spec, out reason) : 0;
    }

    private static int CheckHandles(MapSpec spec, out string reason)
    {
        if (spec.ValueSize != 4)
            return No(KernelError.Inval, "its values are descriptors of 4 bytes", out reason);
        if ((spec.Flags & (MapCreate.ReadOnlyProgram | MapCreate.WriteOnlyProgram)) != 0)
            return No(KernelError.Inval, "programs neither read nor write its values", out reason);
        return CheckArray(spec, MapCreate.NumaNode | MapCreate.AccessMask | MapCreate.PreserveElements, out reason);
    }

    private static int CheckHash(MapSpec spec, out string reason)
    {
        const uint flags = MapCreate.NoPrealloc | MapCreate.NoCommonLru | MapCreate.NumaNode | MapCreate.AccessMask | MapCreate.ZeroSeed;
        bool isLru = spec.Type is MapType.LruHash or MapType.LruPercpuHash;
        if (!AreFlagsGood(spec, flags, out reason))
            return KernelError.Inval;
        if (!isLru && (spec.Flags & MapCreate.NoCommonLru) != 0)
            return No(KernelError.Inval, "BPF_F_NO_COMMON_LRU belongs to LRU maps", out reason);
        if (isLru && (spec.Flags & MapCreate.NoPrealloc) != 0)
            return No(KernelError.Notsupp, "an LRU map is always preallocated", out reason);
        if ((spec.Flags & MapCreate.NumaNode) != 0 && (IsPercpu(spec) || (spec.Flags & MapCreate.NoCommonLru) != 0))
            return No(KernelError.Inval, "what all processors have of their own does not lie on one NUMA node", out reason);
        if (spec.MaxEntries == 0 || spec.KeySize == 0 || spec.ValueSize == 0)
            return No(KernelError.Inval, "a hash has keys, values and at least one entry", out reason);
        if (spec.KeySize + (ulong)spec.ValueSize >= AllocationMax - HashElementBytes)
            return No(KernelError.TooBig, "key and value are larger than 4 MB", out reason);
        if (IsPercpu(spec) && CheckPercpu(spec, out reason) is var errno and not 0)
            return errno;
        return spec.MaxEntries > 1u << 31 ? No(KernelError.TooBig, "more than 2^31 entries", out reason) : 0;
    }

    private static int CheckOuter(MapSpec spec, out string reason)
    {
        // The kernel looks at the outer map's numbers first, and at the inner map when it makes it.
        int errno = spec.ValueSize != 4
            ? No(KernelError.Inval, "its values are maps: descriptors of 4 bytes", out reason)
            : spec.Type == MapType.ArrayOfMaps
                ? CheckHandlesOfMaps(spec, out reason)
                : CheckHash(spec, out reason);
        if (errno != 0)
            return errno;
        if (spec.Inner is not { } inner)
            return No(KernelError.Badf, "what its inner maps look like is not said", out reason);
        if (inner.Type is MapType.ArrayOfMaps or MapType.HashOfMaps)
            return No(KernelError.Inval, "maps of maps nest one level deep", out reason);
        if (inner.Type == MapType.ProgArray)
            return No(KernelError.Notsupp, "a program array cannot be an inner map", out reason);
        return Check(inner, out reason);
    }

    private static int CheckHandlesOfMaps(MapSpec spec, out string reason) =>
        (spec.Flags & (MapCreate.ReadOnlyProgram | MapCreate.WriteOnlyProgram)) != 0
            ? No(KernelError.Inval, "programs do not write its values", out reason)
            : CheckArray(spec, MapCreate.NumaNode | MapCreate.AccessMask, out reason);

    private static int CheckTrie(MapSpec spec, out string reason)
    {
        if (!AreFlagsGood(spec, MapCreate.NoPrealloc | MapCreate.NumaNode | MapCreate.AccessMask, out reason))
            return KernelError.Inval;
        if (spec.MaxEntries == 0 || (spec.Flags & MapCreate.NoPrealloc) == 0)
            return No(KernelError.Inval, "a trie has entries and the flag BPF_F_NO_PREALLOC", out reason);
        if (spec.KeySize is < LpmKeyMin or > LpmKeyMax)
            return No(KernelError.Inval, "a trie's key has 4 bytes of prefix length and 1 to 256 of data", out reason);
        if (spec.ValueSize < 1 || spec.ValueSize > AllocationMax - 256 - TrieNodeBytes)
            return No(KernelError.Inval, "a trie's value has 1 byte to about 4 MB", out reason);
        return 0;
    }

    private static int CheckQueue(MapSpec spec, out string reason)
    {
        if (!AreFlagsGood(spec, MapCreate.NumaNode | MapCreate.AccessMask, out reason))
            return KernelError.Inval;
        if (spec.MaxEntries == 0 || spec.ValueSize == 0 || spec.KeySize != 0)
            return No(KernelError.Inval, "a queue or stack has no key, a value and at least one entry", out reason);
        return spec.ValueSize > AllocationMax ? No(KernelError.TooBig, "a value larger than 4 MB", out reason) : 0;
    }

    private static int CheckBloom(MapSpec spec, out string reason)
    {
        if (spec.ValueSize > AllocationMax)
            return No(KernelError.TooBig, "a value larger than 4 MB", out reason);
        if (!AreFlagsGood(spec, MapCreate.NumaNode | MapCreate.ZeroSeed | MapCreate.AccessMask, out reason))
            return KernelError.Inval;
        if (spec.KeySize != 0 || spec.ValueSize == 0 || spec.MaxEntries == 0)
            return No(KernelError.Inval, "a bloom filter has no key, a value and at least one entry", out reason);
        return spec.Extra > 15 ? No(KernelError.Inval, "a bloom filter has at most 15 hash functions", out reason) : 0;
    }

    private static int CheckRing(MapSpec spec, out string reason)
    {
        if ((spec.Flags & ~MapCreate.NumaNode) != 0)
            return No(KernelError.Inval, "a flag that ring buffers do not have", out reason);
        bool isPages = spec.MaxEntries != 0 && (spec.MaxEntries & spec.MaxEntries - 1) == 0 && spec.MaxEntries >= 4096;
        return spec.KeySize != 0 || spec.ValueSize != 0 || !isPages
            ? No(KernelError.Inval, "a ring buffer has neither key nor value, and its size in bytes is a power of two and whole pages", out reason)
            : No(0, "", out reason);
    }

    private static int CheckStackTrace(MapSpec spec, out string reason)
    {
        if ((spec.Flags & ~(MapCreate.NumaNode | MapCreate.ReadOnly | MapCreate.WriteOnly | MapCreate.StackBuildId)) != 0)
            return No(KernelError.Inval, "a flag that stack traces do not have", out reason);
        uint unit = (spec.Flags & MapCreate.StackBuildId) != 0 ? 32u : 8u;
        if (spec.MaxEntries == 0 || spec.KeySize != 4 || spec.ValueSize < 8 || spec.ValueSize % unit != 0)
            return No(KernelError.Inval, "a stack trace has a key of 4 bytes and a value of whole frames", out reason);
        if (spec.ValueSize / unit > StackDepthMax)
            return No(KernelError.Inval, $"more than {StackDepthMax} frames", out reason);
        return spec.MaxEntries > 1u << 31 ? No(KernelError.TooBig, "more than 2^31 entries", out reason) : No(0, "", out reason);
    }

    private static int CheckPercpu(MapSpec spec, out string reason) =>
        (spec.ValueSize + 7ul & ~7ul) > PercpuMax ? No(KernelError.TooBig, "a per-CPU value larger than 32 KB", out reason) : No(0, "", out reason);

    private static bool IsPercpu(MapSpec spec) => spec.Type is MapType.PercpuArray or MapType.PercpuHash or MapType.LruPercpuHash;

    private static bool AreFlagsGood(MapSpec spec, uint allowed, out string reason)
    {
        const uint both = MapCreate.ReadOnlyProgram | MapCreate.WriteOnlyProgram;
        reason = (spec.Flags & ~allowed) != 0 ? $"flags 0x{spec.Flags & ~allowed:x} are not for this kind" : (spec.Flags & both) == both ? "BPF_F_RDONLY_PROG and BPF_F_WRONLY_PROG exclude each other" : "";
        return reason.Length == 0;
    }

    private static int No(int errno, string why, out string reason)
    {
        reason = why;
        return errno;
    }
}
