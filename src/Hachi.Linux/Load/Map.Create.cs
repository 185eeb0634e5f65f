using System.Runtime.InteropServices;
using Hachi.Linux.Kernel;
using Hachi.Linux.Sys;
using Hachi.Object;
using Hachi.Uapi;

namespace Hachi.Linux.Load;

public sealed unsafe partial class Map
{
    /// <summary>struct bpf_map_info.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct MapInfo
    {
        public uint Type, Id, KeySize, ValueSize, MaxEntries, Flags;
        public fixed byte Name[16];
        public uint IfIndex, VmlinuxValueType;
        public ulong NetnsDevice, NetnsInode;
        public uint BtfId, BtfKeyType, BtfValueType, VmlinuxId;
        public ulong Extra;
    }

    /// <summary>Makes a map, without types; first contents and slots of the specification are filled in.</summary>
    /// <param name="spec">What it is like.</param>
    /// <exception cref="BpfException">EPERM: no right to; EINVAL: the kernel does not know such a map, or not with these sizes and flags; E2BIG, ENOMEM: too large.</exception>
    public static Map Create(MapSpec spec) => Create(spec, null);

    /// <summary>The map pinned at a path of a BPF file system.</summary>
    /// <exception cref="BpfException">ENOENT: nothing there; EPERM, EACCES: no right to; EINVAL: it is no map.</exception>
    public static Map OpenPinned(string path) => FromHandle(OpenPath(path, PinFolder.MapKind), path);

    /// <summary>The map with a number.</summary>
    /// <exception cref="BpfException">ENOENT: none has it; EPERM: needs CAP_SYS_ADMIN.</exception>
    public static Map Open(uint id) => FromHandle(OpenId(BpfCommand.MapGetFdById, id), $"map {id}");

    /// <summary>The numbers of all maps in the kernel, rising.</summary>
    public static IEnumerable<uint> AllIds() => Ids(BpfCommand.MapGetNextId);

    /// <summary>Makes a map with types.</summary>
    /// <param name="spec">What it is like.</param>
    /// <param name="types">The loaded types that its key and value types are numbers in; null for none.</param>
    /// <param name="ownTypeId">For a map whose value is a type of the kernel's (struct_ops): its number there; 0 for none.</param>
    /// <param name="module">The module whose type it is (Linux 6.9); null for the kernel's own.</param>
    internal static Map Create(MapSpec spec, FileHandle? types, uint ownTypeId = 0, LoadedTypes? module = null)
    {
        ArgumentNullException.ThrowIfNull(spec);
        using Map? inner = spec.Inner is { } like ? Create(like, types) : null;
        var attributes = new BpfAttributes
        {
            Map =
            {
                Type = (uint)spec.Type,
                KeySize = spec.KeySize,
                ValueSize = spec.ValueSize,
                MaxEntries = Entries(spec),
                Flags = spec.Flags,
                InnerFd = (uint)(inner?.Descriptor ?? 0),
                NumaNode = spec.NumaNode,
                Extra = spec.Extra,
                VmlinuxValueType = ownTypeId,
                ValueTypeBtfFd = module?.Descriptor ?? 0,
            },
        };
        NameInto(attributes.Map.Name, spec.Name);
        if (types is not null && ownTypeId != 0)
            attributes.Map.BtfFd = (uint)types.Descriptor;
        else if (types is not null && TakesTypes(spec.Type))
            (attributes.Map.BtfFd, attributes.Map.BtfKeyType, attributes.Map.BtfValueType) = ((uint)types.Descriptor, spec.KeyType, spec.ValueType);
        // (An older kernel does not know of the module's types, and may only be told of them when they are needed.)
        int result = BpfSystem.Call(BpfCommand.MapCreate, ref attributes, module is null ? 72 : 76);
        if (result == -(int)ErrorNumber.EINVAL && attributes.Map.BtfKeyType + attributes.Map.BtfValueType != 0)
        {
            // The kernel is pickier about types than about maps: better a map that bpftool shows as bytes than none.
            (attributes.Map.BtfFd, attributes.Map.BtfKeyType, attributes.Map.BtfValueType) = (0, 0, 0);
            result = BpfSystem.Call(BpfCommand.MapCreate, ref attributes, 72);
        }
        if (result < 0)
            throw Failure.Of(BpfCommand.MapCreate, result,
                $"map {spec.Name} ({spec.Type.Name()}, keys of {spec.KeySize}, values of {spec.ValueSize} bytes, {spec.MaxEntries} entries, flags 0x{spec.Flags:x})", new ReasonContext { MapType = spec.Type });
        Map map = FromHandle(new FileHandle(result), spec.Name);
        try
        {
            map.Fill(spec);
            return map;
        }
        catch
        {
            map.Dispose();
            throw;
        }
    }

    /// <summary>Whether a map is as a specification asks: to be reused instead of made.</summary>
    internal bool IsLike(MapSpec spec) =>
        (Type, KeySize, ValueSize, MaxEntries, (uint)Flags) == (spec.Type, (int)spec.KeySize, (int)spec.ValueSize, Entries(spec), spec.Flags | (uint)(Flags & MapFlags.RdonlyProg));

    /// <summary>Puts a descriptor into a map that holds maps, programs, cgroups or events.</summary>
    internal void SetDescriptor(uint index, int descriptor) =>
        Set(MemoryMarshal.AsBytes(new ReadOnlySpan<uint>(in index)), MemoryMarshal.AsBytes(new ReadOnlySpan<int>(in descriptor)));

    internal static Map FromHandle(FileHandle handle, string what)
    {
        var info = new MapInfo();
        int result = ReadInfo(handle.Descriptor, &info, sizeof(MapInfo));
        if (result >= 0)
            return new Map(handle, info);
        handle.Dispose();
        throw Failure.Of(BpfCommand.ObjGetInfoByFd, result, what);
    }

    private void Fill(MapSpec spec)
    {
        if (!spec.Data.IsEmpty)
        {
            byte[] value = new byte[ValueBytes];
            spec.Data.AsSpan()[..Math.Min(value.Length, spec.Data.Length)].CopyTo(value);
            Set(stackalloc byte[4], value);
        }
        if (spec.IsFrozen)
            Freeze();
    }

    // What libbpf fills in as well: a slot for each processor where the number was left open, whole pages (a power of two) for rings.
    private static uint Entries(MapSpec spec) => spec.Type switch
    {
        MapType.PerfEventArray when spec.MaxEntries == 0 => (uint)Processors.Possible,
        MapType.Ringbuf or MapType.UserRingbuf => System.Numerics.BitOperations.RoundUpToPowerOf2(Math.Max(spec.MaxEntries, (uint)Environment.SystemPageSize)),
        _ => spec.MaxEntries,
    };

    // kernel/bpf/syscall.c and map_check_btf of each kind: these take no types.
    private static bool TakesTypes(MapType type) => type is not (MapType.PerfEventArray or MapType.CgroupArray or MapType.StackTrace or MapType.ArrayOfMaps or MapType.HashOfMaps
        or MapType.Devmap or MapType.DevmapHash or MapType.Cpumap or MapType.Xskmap or MapType.Sockmap or MapType.Sockhash or MapType.Ringbuf or MapType.UserRingbuf or MapType.ProgArray
        or MapType.Queue or MapType.Stack or MapType.BloomFilter or MapType.StructOps);
}
