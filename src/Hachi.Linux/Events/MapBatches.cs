using Hachi.Linux.Load;
using Hachi.Linux.Sys;
using Hachi.Uapi;

namespace Hachi.Linux.Events;

/// <summary>Writes and deletes of many entries by few calls: by batches where the kernel has them for the kind (Linux 5.6), else one by one.</summary>
public static unsafe class MapBatches
{
    // Of the kernel's own, not for user space; it comes all the same.
    private const int NotSupported = 524;

    /// <summary>Sets the values of keys, in their order.</summary>
    /// <param name="map">A map with keys.</param>
    /// <param name="keys"><see cref="Map.KeySize"/> bytes each, in a row.</param>
    /// <param name="values"><see cref="Map.ValueBytes"/> bytes each, in a row.</param>
    /// <exception cref="BpfException">E2BIG: the map is full, or an array has no such index; what stands before that is set.</exception>
    public static void Set(Map map, ReadOnlySpan<byte> keys, ReadOnlySpan<byte> values)
    {
        ArgumentNullException.ThrowIfNull(map);
        int count = CountOf(map, keys);
        if (values.Length != (long)count * map.ValueBytes)
            throw new ArgumentException($"{count} values of map {map.Name} take {(long)count * map.ValueBytes} bytes, not {values.Length}", nameof(values));
        int done = 0;
        while (done < count)
        {
            int result = Call(BpfCommand.MapUpdateBatch, map, keys[(done * map.KeySize)..], values[(done * map.ValueBytes)..], count - done, out int now);
            done += now;
            if (result >= 0)
                continue;
            if (!IsUnknown(result) || now > 0)
                throw Failure.Of(BpfCommand.MapUpdateBatch, result, $"map {map.Name}, entry {done} of {count}");
            for (; done < count; done++)
                map.Set(keys.Slice(done * map.KeySize, map.KeySize), values.Slice(done * map.ValueBytes, map.ValueBytes));
        }
    }

    /// <summary>Removes keys.</summary>
    /// <param name="map">A map whose keys can be removed.</param>
    /// <param name="keys"><see cref="Map.KeySize"/> bytes each, in a row.</param>
    /// <returns>How many were there.</returns>
    public static int Remove(Map map, ReadOnlySpan<byte> keys)
    {
        ArgumentNullException.ThrowIfNull(map);
        int count = CountOf(map, keys), removed = 0, done = 0;
        while (done < count)
        {
            int result = Call(BpfCommand.MapDeleteBatch, map, keys[(done * map.KeySize)..], default, count - done, out int now);
            (done, removed) = (done + now, removed + now);
            if (result == -(int)ErrorNumber.ENOENT)
                done++;
            else if (result < 0 && IsUnknown(result) && now == 0)
            {
                for (; done < count; done++)
                    removed += map.Remove(keys.Slice(done * map.KeySize, map.KeySize)) ? 1 : 0;
            }
            else if (result < 0)
                throw Failure.Of(BpfCommand.MapDeleteBatch, result, $"map {map.Name}, entry {done} of {count}");
        }
        return removed;
    }

    private static bool IsUnknown(int result) => result is -(int)ErrorNumber.EINVAL or -NotSupported or -(int)ErrorNumber.EOPNOTSUPP;

    private static int CountOf(Map map, ReadOnlySpan<byte> keys) =>
        map.KeySize > 0 && keys.Length % map.KeySize == 0
            ? keys.Length / map.KeySize
            : throw new ArgumentException($"keys of map {map.Name} have {map.KeySize} bytes each, and there are {keys.Length}", nameof(keys));

    private static int Call(BpfCommand command, Map map, ReadOnlySpan<byte> keys, ReadOnlySpan<byte> values, int count, out int done)
    {
        fixed (byte* keyPointer = keys, valuePointer = values)
        {
            var attributes = new BpfAttributes { Batch = { Keys = keyPointer, Values = valuePointer, Count = (uint)count, MapFd = (uint)map.Descriptor } };
            int result = BpfSystem.Call(command, ref attributes, 56);
            // A kernel that does not know the command, or not for this kind, leaves the count as it was.
            done = result >= 0 ? count : attributes.Batch.Count < (uint)count ? (int)attributes.Batch.Count : 0;
            return result;
        }
    }
}
