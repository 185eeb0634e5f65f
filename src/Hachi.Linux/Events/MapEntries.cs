using Hachi.Linux.Load;
using Hachi.Linux.Sys;
using Hachi.Uapi;

namespace Hachi.Linux.Events;

/// <summary>Walks over maps: by batches where the kernel has them for the kind, else key by key.</summary>
public static unsafe class MapEntries
{
    private const int BatchEntries = 256, HashTokenBytes = 8;

    /// <summary>All entries as bytes.</summary>
    /// <param name="map">A map with keys.</param>
    /// <returns>Key and value (<see cref="Map.ValueBytes"/> bytes), arrays of their own.</returns>
    public static IEnumerable<(byte[] Key, byte[] Value)> Of(Map map)
    {
        ArgumentNullException.ThrowIfNull(map);
        return map.Type is MapType.Hash or MapType.LruHash or MapType.PercpuHash or MapType.LruPercpuHash or MapType.Array or MapType.PercpuArray or MapType.LpmTrie
            ? Batches(map)
            : OneByOne(map);
    }

    private static IEnumerable<(byte[] Key, byte[] Value)> Batches(Map map)
    {
        byte[] token = new byte[Math.Max(map.KeySize, HashTokenBytes)];
        bool isFirst = true;
        int entries = BatchEntries;
        while (true)
        {
            byte[] keys = new byte[entries * map.KeySize], values = new byte[entries * map.ValueBytes];
            int result = Read(map, isFirst, token, keys, values, out int count);
            if (result == -(int)ErrorNumber.ENOSPC)
            {
                // A bucket of the hash holds more than the batch.
                entries *= 4;
                continue;
            }
            if (isFirst && result is -(int)ErrorNumber.EINVAL or -524 or -(int)ErrorNumber.EOPNOTSUPP)
            {
                foreach ((byte[], byte[]) entry in OneByOne(map))
                    yield return entry;
                yield break;
            }
            if (result < 0 && result != -(int)ErrorNumber.ENOENT)
                throw Failure.Of(BpfCommand.MapLookupBatch, result, $"map {map.Name}");
            for (int i = 0; i < count; i++)
                yield return (keys[(i * map.KeySize)..((i + 1) * map.KeySize)], values[(i * map.ValueBytes)..((i + 1) * map.ValueBytes)]);
            if (result < 0)
                yield break;
            isFirst = false;
        }
    }

    private static int Read(Map map, bool isFirst, byte[] token, byte[] keys, byte[] values, out int count)
    {
        fixed (byte* tokenPointer = token, keyPointer = keys, valuePointer = values)
        {
            var attributes = new BpfAttributes
            {
                Batch =
                {
                    In = isFirst ? null : tokenPointer,
                    Out = tokenPointer,
                    Keys = keyPointer,
                    Values = valuePointer,
                    Count = (uint)(keys.Length / map.KeySize),
                    MapFd = (uint)map.Descriptor,
                },
            };
            int result = BpfSystem.Call(BpfCommand.MapLookupBatch, ref attributes, 56);
            count = result is 0 or -(int)ErrorNumber.ENOENT ? (int)attributes.Batch.Count : 0;
            return result;
        }
    }

    private static IEnumerable<(byte[] Key, byte[] Value)> OneByOne(Map map)
    {
        byte[] key = new byte[map.KeySize];
        bool any = map.TryNextKey(default, key);
        while (any)
        {
            byte[] value = new byte[map.ValueBytes], next = new byte[map.KeySize];
            if (map.TryGet(key, value))
                yield return (key, value);
            any = map.TryNextKey(key, next);
            key = next;
        }
    }
}
