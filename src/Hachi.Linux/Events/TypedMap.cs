using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Hachi.Linux.Load;
using Hachi.Linux.Sys;
using Hachi.Uapi;

namespace Hachi.Linux.Events;

/// <summary>A map whose keys and values are C# values. Thin: every operation is one call to the kernel; there is no Count, since that would walk the map.</summary>
/// <typeparam name="TKey">The key, laid out as the program has it.</typeparam>
/// <typeparam name="TValue">The value, laid out as the program has it.</typeparam>
public readonly unsafe struct TypedMap<TKey, TValue>
    where TKey : unmanaged
    where TValue : unmanaged
{
    /// <summary>A view of a map, which stays the caller's.</summary>
    /// <param name="map">The map, not per CPU (see <see cref="PerCpuMap{TKey, TValue}"/>).</param>
    /// <exception cref="ArgumentException">Its keys or values have other sizes; or, of a type that says its fields (<see cref="IMapLayout"/>), other fields than the map's types say.</exception>
    public TypedMap(Map map)
    {
        ArgumentNullException.ThrowIfNull(map);
        if (map.IsPerCpu)
            throw new ArgumentException($"map {map.Name} has a value for each processor: a {nameof(PerCpuMap<TKey, TValue>)} reads it", nameof(map));
        MapLayout.Check<TKey>(map, isKey: true);
        MapLayout.Check<TValue>(map, isKey: false);
        Map = map;
    }

    /// <summary>The map itself.</summary>
    public Map Map { get; }

    /// <summary>The value of a key; setting adds the key where it is missing.</summary>
    /// <exception cref="KeyNotFoundException">There is no such key.</exception>
    public TValue this[TKey key]
    {
        get => TryGetValue(key, out TValue value) ? value : throw new KeyNotFoundException($"map {Map.Name} has no such key");
        set => Map.Set(Bytes(ref key), Bytes(ref value));
    }

    /// <summary>The value of a key; false when it is not there.</summary>
    public bool TryGetValue(TKey key, out TValue value)
    {
        value = default;
        return Map.TryGet(Bytes(ref key), Bytes(ref value));
    }

    /// <summary>Adds a key; false when it is there already.</summary>
    public bool TryAdd(TKey key, TValue value) => Map.TryAdd(Bytes(ref key), Bytes(ref value));

    /// <summary>Changes the value of a key; false when it is not there.</summary>
    public bool TryReplace(TKey key, TValue value) => Map.TryReplace(Bytes(ref key), Bytes(ref value));

    /// <summary>Removes a key; false when it is not there.</summary>
    public bool Remove(TKey key) => Map.Remove(Bytes(ref key));

    /// <summary>Takes a key's value out; false when it is not there.</summary>
    public bool TryTake(TKey key, out TValue value)
    {
        value = default;
        return Map.TryTake(Bytes(ref key), Bytes(ref value));
    }

    /// <summary>Sets the values of many keys by few calls; both in the same order. See <see cref="MapBatches.Set"/>.</summary>
    public void SetAll(ReadOnlySpan<TKey> keys, ReadOnlySpan<TValue> values) => MapBatches.Set(Map, MemoryMarshal.AsBytes(keys), MemoryMarshal.AsBytes(values));

    /// <summary>Removes many keys by few calls; gives how many were there.</summary>
    public int RemoveAll(ReadOnlySpan<TKey> keys) => MapBatches.Remove(Map, MemoryMarshal.AsBytes(keys));

    /// <summary>
    /// All entries, as they are met: entries that programs add or remove meanwhile may be told or not, none that stays is missed by the kernel's batches (Linux
    /// 5.6). Without batches, a key that vanishes under the walk begins it anew, and entries may be told twice.
    /// </summary>
    public IEnumerable<KeyValuePair<TKey, TValue>> Entries()
    {
        foreach ((byte[] key, byte[] value) in MapEntries.Of(Map))
            yield return new(MemoryMarshal.Read<TKey>(key), MemoryMarshal.Read<TValue>(value));
    }

    private static Span<byte> Bytes<T>(ref T value)
        where T : unmanaged => MemoryMarshal.AsBytes(new Span<T>(ref value));
}

/// <summary>A map that keeps a value for each processor.</summary>
/// <typeparam name="TKey">The key.</typeparam>
/// <typeparam name="TValue">The value of one processor.</typeparam>
public readonly unsafe struct PerCpuMap<TKey, TValue>
    where TKey : unmanaged
    where TValue : unmanaged
{
    private static readonly int s_stride = (sizeof(TValue) + 7) / 8 * 8;

    /// <summary>A view of a map, which stays the caller's.</summary>
    /// <exception cref="ArgumentException">It is not per CPU, or its keys or values have other sizes or fields (see <see cref="TypedMap{TKey, TValue}"/>).</exception>
    public PerCpuMap(Map map)
    {
        ArgumentNullException.ThrowIfNull(map);
        if (!map.IsPerCpu)
            throw new ArgumentException($"map {map.Name} ({map.Type.Name()}) has one value for all processors: a {nameof(TypedMap<TKey, TValue>)} reads it", nameof(map));
        MapLayout.Check<TKey>(map, isKey: true);
        MapLayout.Check<TValue>(map, isKey: false);
        Map = map;
    }

    /// <summary>The map itself.</summary>
    public Map Map { get; }

    /// <summary>The values of a key, one for each possible processor; false when it is not there.</summary>
    public bool TryGetValues(TKey key, out TValue[] values)
    {
        byte[] bytes = new byte[Map.ValueBytes];
        bool found = Map.TryGet(MemoryMarshal.AsBytes(new ReadOnlySpan<TKey>(in key)), bytes);
        values = found ? Split(bytes) : [];
        return found;
    }

    /// <summary>Sets the values of a key, one for each possible processor.</summary>
    public void SetValues(TKey key, ReadOnlySpan<TValue> values)
    {
        byte[] bytes = new byte[Map.ValueBytes];
        for (int i = 0; i < values.Length; i++)
            Unsafe.WriteUnaligned(ref bytes[i * s_stride], values[i]);
        Map.Set(MemoryMarshal.AsBytes(new ReadOnlySpan<TKey>(in key)), bytes);
    }

    /// <summary>All entries; see <see cref="TypedMap{TKey, TValue}.Entries"/>.</summary>
    public IEnumerable<KeyValuePair<TKey, TValue[]>> Entries()
    {
        foreach ((byte[] key, byte[] value) in MapEntries.Of(Map))
            yield return new(MemoryMarshal.Read<TKey>(key), Split(value));
    }

    private static TValue[] Split(byte[] bytes)
    {
        var values = new TValue[bytes.Length / s_stride];
        for (int i = 0; i < values.Length; i++)
            values[i] = Unsafe.ReadUnaligned<TValue>(ref bytes[i * s_stride]);
        return values;
    }
}
