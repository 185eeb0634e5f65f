using System.Runtime.InteropServices;

namespace Hachi.Vm.Maps;

/// <content>Keys and values as structures, and the elements as a sequence.</content>
public abstract unsafe partial class VmMap
{
    /// <summary>Reads a value as a structure of its size.</summary>
    /// <typeparam name="TKey">The key: a structure without references, of <see cref="KeySize"/> bytes.</typeparam>
    /// <typeparam name="TValue">The value, of <see cref="ValueSize"/> bytes; of a per-CPU map use <see cref="GetPercpu"/>.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="value">The value, or zeros.</param>
    /// <returns>Whether there was one.</returns>
    public bool TryGet<TKey, TValue>(TKey key, out TValue value)
        where TKey : unmanaged
        where TValue : unmanaged
    {
        value = default;
        return TryGet(AsBytes(ref key), MemoryMarshal.AsBytes(new Span<TValue>(ref value)));
    }

    /// <summary>Writes a value.</summary>
    /// <param name="key">The key.</param>
    /// <param name="value">The value.</param>
    /// <param name="flags"><c>BPF_ANY</c> (0), <c>BPF_NOEXIST</c> (1) or <c>BPF_EXIST</c> (2).</param>
    /// <returns>0, or an error number as a negative number.</returns>
    public int Update<TKey, TValue>(TKey key, TValue value, ulong flags = 0)
        where TKey : unmanaged
        where TValue : unmanaged => Update(AsBytes(ref key), AsBytes(ref value), flags);

    /// <summary>Removes an element.</summary>
    /// <param name="key">The key.</param>
    /// <returns>0, or an error number as a negative number.</returns>
    public int Delete<TKey>(TKey key)
        where TKey : unmanaged => Delete(AsBytes(ref key));

    /// <summary>The values of all processors under a key of a per-CPU map.</summary>
    /// <param name="key">The key.</param>
    /// <returns>One value a processor; empty when there is no such element.</returns>
    public TValue[] GetPercpu<TKey, TValue>(TKey key)
        where TKey : unmanaged
        where TValue : unmanaged
    {
        CheckSize(sizeof(TValue), ValueSize, nameof(TValue));
        byte[] all = new byte[UserValueSize];
        if (!TryGet(AsBytes(ref key), all))
            return [];
        var values = new TValue[UserValueSize / (int)ValueStride];
        for (int i = 0; i < values.Length; i++)
            values[i] = MemoryMarshal.Read<TValue>(all.AsSpan(i * (int)ValueStride));
        return values;
    }

    /// <summary>The elements that there are. Others may change the map meanwhile: an element that comes or goes then may or may not be seen.</summary>
    /// <typeparam name="TKey">The key.</typeparam>
    /// <typeparam name="TValue">The value, of <see cref="UserValueSize"/> bytes.</typeparam>
    public IReadOnlyList<KeyValuePair<TKey, TValue>> Entries<TKey, TValue>()
        where TKey : unmanaged
        where TValue : unmanaged
    {
        var entries = new List<KeyValuePair<TKey, TValue>>();
        foreach (byte[] key in Keys())
            if (TryGet(MemoryMarshal.Read<TKey>(key), out TValue value))
                entries.Add(new KeyValuePair<TKey, TValue>(MemoryMarshal.Read<TKey>(key), value));
        return entries;
    }

    /// <summary>The keys that there are, each in an array of its own.</summary>
    public IReadOnlyList<byte[]> Keys()
    {
        var keys = new List<byte[]>();
        if (KeySize == 0)
            return keys;
        byte[] key = new byte[KeySize];
        long cursor = 0;
        while (NextElementManaged(ref cursor, key))
            keys.Add([.. key]);
        if (keys.Count > 0)
            return keys;
        // Kinds without a walk: by successors. An element that vanished would lead back to the front, so the walk ends after as many as there can be.
        byte[] previous = [];
        for (long left = MaxEntries; left > 0 && NextKey(previous, key) == 0; left--)
        {
            previous = [.. key];
            keys.Add(previous);
        }
        return keys;
    }

    /// <summary>Adds a value to a queue, stack or bloom filter.</summary>
    /// <param name="value">The value.</param>
    /// <param name="flags"><c>BPF_EXIST</c> (2): where there is no room, the oldest goes.</param>
    /// <returns>0, or an error number as a negative number.</returns>
    public int Push(ReadOnlySpan<byte> value, ulong flags = 0) => Update([], value, flags);

    /// <summary>Takes the next value of a queue or stack.</summary>
    /// <param name="value">Where it goes.</param>
    /// <returns>Whether there was one.</returns>
    public bool TryPop(Span<byte> value) => Take([], value) == 0;

    /// <summary>Looks at the next value of a queue or stack; of a bloom filter: whether this value may have been pushed.</summary>
    /// <param name="value">Where it goes; of a bloom filter, what is asked for.</param>
    /// <returns>Whether there was one.</returns>
    public bool TryPeek(Span<byte> value) => Get([], value) == 0;

    private bool NextElementManaged(ref long cursor, byte[] key)
    {
        fixed (byte* bytes = key)
            return Done(NextElement(ref cursor, bytes, out _, 0) ? 1 : 0) != 0;
    }

    private static ReadOnlySpan<byte> AsBytes<T>(ref T value)
        where T : unmanaged => MemoryMarshal.AsBytes(new ReadOnlySpan<T>(ref value));
}
