using Hachi.Linux.Sys;
using Hachi.Uapi;

namespace Hachi.Linux.Kernel.Report;

/// <summary>Kinds of maps: the smallest map of each is made and dropped.</summary>
internal static class MapProbes
{
    private const uint NoPrealloc = 1, Mmapable = 1 << 10;
    private const int Enotsupp = 524, ClosedDescriptor = int.MaxValue;

    public static IEnumerable<Feature> All(KernelState state)
    {
        foreach (MapType type in Enum.GetValues<MapType>())
        {
            if (type == MapType.Unspec || KernelNeeds.Of(type) is not { } need)
                continue;
            int result = Try(type);
            if (result != ClosedDescriptor)
                BpfProbe.Close(result);
            yield return ProgramProbes.Judge(FeatureKind.Map, type.Name(), new ProbeResult(result, ""), BpfCommand.MapCreate, new ReasonContext { MapType = type, State = state }, $"since Linux {need.Since}");
        }
    }

    private static int Try(MapType type)
    {
        (uint key, uint value, uint entries, uint flags) = Shape(type);
        var attributes = new BpfAttributes { Map = { Type = (uint)type, KeySize = key, ValueSize = value, MaxEntries = entries, Flags = flags } };
        switch (type)
        {
            case MapType.ArrayOfMaps or MapType.HashOfMaps:
                int inner = Try(MapType.Array);
                attributes.Map.InnerFd = (uint)Math.Max(0, inner);
                return Finish(ref attributes, inner);
            case MapType.SkStorage or MapType.InodeStorage or MapType.TaskStorage or MapType.CgrpStorage:
                int types = BpfProbe.LoadIntType();
                (attributes.Map.BtfFd, attributes.Map.BtfKeyType, attributes.Map.BtfValueType) = ((uint)Math.Max(0, types), 1, 1);
                return Finish(ref attributes, types);
            case MapType.StructOps:
                return TryStructOps(ref attributes);
            default:
                return Finish(ref attributes, 0);
        }
    }

    // What a map needs first may have been refused: then that is the answer.
    private static int Finish(ref BpfAttributes attributes, int needed)
    {
        if (needed < 0)
            return needed;
        int result = BpfProbe.Create(ref attributes, 72);
        if (needed > 0)
            BpfProbe.Close(needed);
        return result;
    }

    // Such a map is never made: dropping one waits for a grace period of the kernel's, which may be seconds. Type 1 is no structure of operations, and ENOTSUPP the answer of a
    // kernel that has them.
    private static int TryStructOps(ref BpfAttributes attributes)
    {
        (attributes.Map.VmlinuxValueType, attributes.Map.ValueSize) = (1, 64);
        int result = BpfProbe.Create(ref attributes, 72);
        return result == -Enotsupp ? ClosedDescriptor : result;
    }

    private static (uint Key, uint Value, uint Entries, uint Flags) Shape(MapType type) => type switch
    {
        MapType.ProgArray or MapType.PerfEventArray or MapType.CgroupArray or MapType.ArrayOfMaps or MapType.HashOfMaps or MapType.Devmap or MapType.DevmapHash or MapType.Sockmap
            or MapType.Sockhash or MapType.Cpumap or MapType.Xskmap or MapType.ReuseportSockarray => (4, 4, 1, 0),
        MapType.LpmTrie => (8, 8, 1, NoPrealloc),
        MapType.CgroupStorage or MapType.PercpuCgroupStorage => (16, 8, 0, 0),
        MapType.Queue or MapType.Stack or MapType.BloomFilter => (0, 8, 1, 0),
        MapType.SkStorage or MapType.InodeStorage or MapType.TaskStorage or MapType.CgrpStorage => (4, 4, 0, NoPrealloc),
        MapType.Ringbuf or MapType.UserRingbuf => (0, 0, (uint)Environment.SystemPageSize, 0),
        MapType.Arena => (0, 0, 1, Mmapable),
        MapType.StructOps => (4, 0, 1, 0),
        _ => (4, 8, 1, 0),
    };
}
