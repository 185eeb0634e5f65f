using Hachi.Uapi;
using Hachi.Vm.Machine;

namespace Hachi.Vm.Jit.Lift;

/// <summary>What the compiler may rely on about a map of the object: it does not change while the object is loaded.</summary>
/// <param name="Type">Its kind.</param>
/// <param name="KeySize">Bytes of a key.</param>
/// <param name="ValueSize">Bytes of a value.</param>
/// <param name="ValueStride">Bytes from one value to the next in its region.</param>
/// <param name="MaxEntries">Entries.</param>
/// <param name="RegionBytes">Bytes of its region.</param>
/// <param name="IsReadable">Whether programs may read its values.</param>
/// <param name="IsWritable">Whether programs may write them.</param>
internal readonly record struct MapFacts(MapType Type, uint KeySize, uint ValueSize, uint ValueStride, uint MaxEntries, uint RegionBytes, bool IsReadable, bool IsWritable)
{
    /// <summary>Where the hash table lies, for look-ups without a call; null for other kinds.</summary>
    public HashFacts? Hash { get; init; }

    /// <summary>Whether a look-up needs no call.</summary>
    public bool IsInlined => IsReadable && (Type == MapType.Array || Hash is not null && KeySize is 4 or 8);
}

/// <summary>The hash table of a map (<see cref="Maps.HashHeader"/>): host addresses and numbers that stay as they are while the map lives.</summary>
/// <param name="Multiplier">What keys are multiplied with.</param>
/// <param name="Buckets">Host address of the buckets.</param>
/// <param name="Entries">Host address of the entries.</param>
/// <param name="Version">Host address of the version word.</param>
/// <param name="BucketShift">Which bits of the hash count.</param>
/// <param name="EntryBytes">Bytes of an entry.</param>
/// <param name="EntriesMax">The greatest number that an entry has; no link holds another.</param>
internal sealed record HashFacts(ulong Multiplier, ulong Buckets, ulong Entries, ulong Version, int BucketShift, uint EntryBytes, uint EntriesMax);

/// <summary>What the lifter and the range analysis know beyond the instructions.</summary>
internal sealed class LiftFacts
{
    /// <summary>How context fields are read; null where the context is plain memory.</summary>
    public ContextRules? Layout { get; init; }

    /// <summary>The object's maps, by index.</summary>
    public MapFacts[] Maps { get; init; } = [];

    /// <summary>The index of bpf_map_lookup_elem in the unit's helpers, or -1.</summary>
    public int MapLookup { get; init; } = -1;

    /// <summary>The index of bpf_tail_call, or -1.</summary>
    public int TailCall { get; init; } = -1;

    /// <summary>Whether programs may write the packet directly.</summary>
    public bool IsPacketWritable { get; init; } = true;

    /// <summary>Whether a helper of the program may move or resize the packet.</summary>
    public bool MovesPacket { get; init; }
}
