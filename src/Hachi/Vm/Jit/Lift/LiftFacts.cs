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
internal readonly record struct MapFacts(MapType Type, uint KeySize, uint ValueSize, uint ValueStride, uint MaxEntries, uint RegionBytes, bool IsReadable, bool IsWritable);

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
