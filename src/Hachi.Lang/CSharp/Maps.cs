using System.Diagnostics.CodeAnalysis;

namespace Hachi.Lang.CSharp;

/// <summary>A reference to a value of a map or of a packet. In the kernel it is a pointer; it may be used only where what gave it said that it is there.</summary>
/// <typeparam name="T">What it refers to: integers, enumerations, structures of them.</typeparam>
[SuppressMessage("Performance", "CA1815", Justification = "a ref struct is never compared")]
public ref struct Ref<T>
    where T : unmanaged
{
    /// <summary>What it refers to.</summary>
    [SuppressMessage("Design", "CA1051", Justification = "a field: the compiler of BPF reads it as the pointer that it is")]
    public ref T Value;

    internal Ref(ref T value) => Value = ref value;
}

/// <summary>A hash map (<c>BPF_MAP_TYPE_HASH</c>). Run by .NET it is a dictionary, so that the same method can be tested there.</summary>
/// <typeparam name="TKey">Keys, compared byte by byte: no padding.</typeparam>
/// <typeparam name="TValue">Values.</typeparam>
public sealed class HashMap<TKey, TValue>
    where TKey : unmanaged, IEquatable<TKey>
    where TValue : unmanaged
{
    private readonly Dictionary<TKey, TValue[]> _entries = [];

    /// <summary>Number of entries; for tests, not for programs.</summary>
    public int Count => _entries.Count;

    /// <summary>Finds the value of a key, to be read and changed in place.</summary>
    /// <returns>Whether there is one; if not, <paramref name="value"/> must not be used.</returns>
    public bool TryGetRef(TKey key, out Ref<TValue> value)
    {
        bool found = _entries.TryGetValue(key, out TValue[]? box);
        value = found ? new Ref<TValue>(ref box![0]) : default;
        return found;
    }

    /// <summary>Gives a key a value, whether it has one or not.</summary>
    public void Set(TKey key, TValue value) => _entries[key] = [value];

    /// <summary>Takes a key out; false when it was not there.</summary>
    public bool Remove(TKey key) => _entries.Remove(key);
}

/// <summary>An array of values (<c>BPF_MAP_TYPE_ARRAY</c>), all there from the start and zero.</summary>
/// <typeparam name="TValue">Values.</typeparam>
public sealed class ArrayMap<TValue>
    where TValue : unmanaged
{
    private readonly Dictionary<uint, TValue[]> _entries = [];

    /// <summary>Entries; programs know it from <see cref="MapAttribute.MaxEntries"/>.</summary>
    public int MaxEntries { get; init; } = 1024;

    /// <summary>Finds the value at an index, to be read and changed in place.</summary>
    /// <returns>Whether the index is one; if not, <paramref name="value"/> must not be used.</returns>
    public bool TryGetRef(uint index, out Ref<TValue> value)
    {
        value = default;
        if (index >= (uint)MaxEntries)
            return false;
        if (!_entries.TryGetValue(index, out TValue[]? box))
            _entries[index] = box = new TValue[1];
        value = new Ref<TValue>(ref box[0]);
        return true;
    }
}
