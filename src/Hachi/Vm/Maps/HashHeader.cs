using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hachi.Vm.Maps;

/// <summary>
/// The head of a hash table in unmanaged memory, whose layout is fixed so that compiled code can walk it: buckets of 32-bit entry numbers (0 ends a chain), and entries
/// <c>{ u32 next; u32 hash; key, padded to 8 bytes }</c>. The value of entry i lies at i × <see cref="ValueStride"/> in the map's block of values, apart from the entries, because
/// programs may write all of that block. Entry 0 is never used.
/// </summary>
/// <remarks>
/// Readers take no lock: <see cref="Version"/> is odd while the one writer changes chains and keys, and greater afterwards. A walk that saw the same even version before
/// and behind it is right; any other walk goes wrong at most inside the table, since whatever is read from a link is the number of an entry.
/// </remarks>
[StructLayout(LayoutKind.Explicit, Size = 64)]
internal unsafe struct HashHeader
{
    /// <summary>Offsets that compiled code uses.</summary>
    public const int MultiplierOffset = 0, BucketsOffset = 8, EntriesOffset = 16, VersionOffset = 24, BucketShiftOffset = 28;

    /// <summary>Where in an entry its parts stand.</summary>
    public const int NextOffset = 0, HashOffset = 4, KeyOffset = 8;

    /// <summary>What a look-up says when a writer was always in its way.</summary>
    public const long Contended = -2;

    /// <summary>The odd number that keys are multiplied with.</summary>
    [FieldOffset(MultiplierOffset)] public ulong Multiplier;

    /// <summary>The first entry of each chain.</summary>
    [FieldOffset(BucketsOffset)] public uint* Buckets;

    /// <summary>The entries.</summary>
    [FieldOffset(EntriesOffset)] public byte* Entries;

    /// <summary>Even while the table stands still.</summary>
    [FieldOffset(VersionOffset)] public uint Version;

    /// <summary>The bucket of a hash is <c>hash &gt;&gt; BucketShift</c>.</summary>
    [FieldOffset(BucketShiftOffset)] public int BucketShift;

    /// <summary>Bytes of a key.</summary>
    [FieldOffset(32)] public uint KeySize;

    /// <summary>Bytes of an entry.</summary>
    [FieldOffset(36)] public uint EntryBytes;

    /// <summary>Bytes from one entry's values to the next one's: of a per-CPU map, all processors' values.</summary>
    [FieldOffset(40)] public uint ValueStride;

    /// <summary>Entries that exist, number 0 not counted: no chain is longer.</summary>
    [FieldOffset(44)] public uint EntriesMax;

    /// <summary>Elements in the table.</summary>
    [FieldOffset(48)] public uint Count;

    /// <summary>
    /// The hash of a key of 4 or 8 bytes: the upper half of the 64-bit product of key and <see cref="Multiplier"/>. Longer and other keys mix 8 bytes at a time (the last
    /// piece filled with zeros), each time <c>h = (h ^ piece) × Multiplier; h ^= h &gt;&gt; 29</c>, beginning with the length, and end with the same product.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint HashOf(HashHeader* map, byte* key)
    {
        if (map->KeySize == 4)
            return (uint)(*(uint*)key * map->Multiplier >> 32);
        if (map->KeySize == 8)
            return (uint)(*(ulong*)key * map->Multiplier >> 32);
        return HashBytes(key, map->KeySize, map->Multiplier);
    }

    /// <summary>The hash of a key of any other size.</summary>
    public static uint HashBytes(byte* key, uint size, ulong multiplier)
    {
        ulong h = size;
        for (; size >= 8; size -= 8, key += 8)
        {
            h = (h ^ *(ulong*)key) * multiplier;
            h ^= h >> 29;
        }
        if (size > 0)
        {
            ulong rest = 0;
            for (int i = 0; i < (int)size; i++)
                rest |= (ulong)key[i] << (8 * i);
            h = (h ^ rest) * multiplier;
            h ^= h >> 29;
        }
        return (uint)(h * multiplier >> 32);
    }

    /// <summary>An entry.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* Entry(HashHeader* map, uint number) => map->Entries + (ulong)number * map->EntryBytes;

    /// <summary>The offset of a key's value in the block of values; -1 when it is absent, <see cref="Contended"/> when only a lock can tell. Safe on any thread at any time.</summary>
    public static long FindOffset(HashHeader* map, byte* key)
    {
        long number = Find(map, key, HashOf(map, key));
        return number > 0 ? number * map->ValueStride : number;
    }

    /// <summary>The number of a key's entry, with the same exceptions.</summary>
    public static long Find(HashHeader* map, byte* key, uint hash)
    {
        for (int attempt = 0; attempt < 64; attempt++)
        {
            uint version = Volatile.Read(ref map->Version);
            if ((version & 1) == 0)
            {
                uint number = Walk(map, key, hash);
                Volatile.ReadBarrier();
                if (version == map->Version)
                    return number == 0 ? -1 : number;
            }
            Thread.SpinWait(1 << Math.Min(attempt, 6));
        }
        return Contended;
    }

    /// <summary>The number of a key's entry, 0 when it is absent; only the writer may take it at its word.</summary>
    public static uint Walk(HashHeader* map, byte* key, uint hash)
    {
        uint number = Volatile.Read(ref map->Buckets[hash >> map->BucketShift]);
        // While a writer is at work a reader may be led in a circle.
        for (uint steps = map->EntriesMax; number != 0 && steps > 0; steps--)
        {
            byte* entry = Entry(map, number);
            if (*(uint*)(entry + HashOffset) == hash && IsEqual(entry + KeyOffset, key, map->KeySize))
                return number;
            number = Volatile.Read(ref *(uint*)(entry + NextOffset));
        }
        return 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsEqual(byte* left, byte* right, uint size) => size switch
    {
        4 => *(uint*)left == *(uint*)right,
        8 => *(ulong*)left == *(ulong*)right,
        _ => new ReadOnlySpan<byte>(left, (int)size).SequenceEqual(new ReadOnlySpan<byte>(right, (int)size)),
    };
}
