using Hachi.Object;
using Hachi.Uapi;
using Hachi.Vm.Maps;

namespace Hachi.Tests.Vm.Maps;

/// <summary>Maps here and maps of the same type in the running kernel: the same creation checks, the same results and error numbers for the same operations.</summary>
public sealed class MapKernelTests
{
    private static readonly MapSettings s_settings = new() { Cpus = KernelMap.Cpus, Quota = new MapQuota(8L << 30, 1L << 32) };

    private static readonly MapType[] s_types =
    [
        MapType.Hash, MapType.Array, MapType.PercpuHash, MapType.PercpuArray, MapType.LruHash, MapType.LruPercpuHash, MapType.LpmTrie, MapType.Queue, MapType.Stack, MapType.BloomFilter,
        MapType.ProgArray, MapType.PerfEventArray, MapType.StackTrace, MapType.Ringbuf, MapType.ArrayOfMaps, MapType.HashOfMaps,
    ];

    public static TheoryData<MapType> Types => [.. s_types];

    [Theory, MemberData(nameof(Types))]
    public void Creation_is_checked_as_the_kernel_does(MapType type)
    {
        Random random = Volume.Random($"create {type}");
        uint[] sizes = [0, 1, 2, 3, 4, 5, 8, 12, 16, 20, 256, 260, 261, 512, 1016, 1024, 4096, 32 << 10, (32 << 10) + 1, (4 << 20) - 300, 4 << 20, (4 << 20) + 1, 1u << 31, uint.MaxValue];
        // Nothing larger: the kernel really allocates (an array of 1u << 31 entries took 16 GiB of this machine).
        uint[] entries = [0, 1, 2, 3, 8, 100, 4096, 8192, 12288];
        int made = 0;
        for (int i = 0; i < Volume.Of(5_000, 60); i++)
        {
            uint key = Usually(type is MapType.Queue or MapType.Stack or MapType.BloomFilter or MapType.Ringbuf ? 0u : type == MapType.LpmTrie ? 8u : 4u);
            uint value = Usually(type == MapType.Ringbuf ? 0u : type is MapType.ProgArray or MapType.PerfEventArray or MapType.ArrayOfMaps or MapType.HashOfMaps ? 4u : 16u);
            uint count = random.Next(3) > 0 ? 4096 : entries[random.Next(entries.Length)];
            // Bounds are of interest, not the machine's memory: the kernel really allocates. Counts near 2^31 are never asked of it: its loops over some kinds overflow there.
            if (count * (16ul + key + value) > 256 << 10)
                count = 1;
            var spec = new MapSpec("m", type, key, value, count)
            {
                Flags = (type == MapType.LpmTrie && random.Next(8) > 0 ? 1u : 0) | (random.Next(3) == 0 ? 1u << random.Next(13) : 0) | (random.Next(8) == 0 ? 1u << random.Next(13) : 0),
                Extra = random.Next(8) == 0 ? (ulong)random.Next(20) : 0,
                Inner = type is MapType.ArrayOfMaps or MapType.HashOfMaps ? new MapSpec("i", random.Next(6) == 0 ? MapType.ProgArray : MapType.Array, 4, 4, 1) : null,
            };
            using KernelMap? theirs = KernelMap.TryCreate(spec, out int expected);
            MapCreation ours = VmMap.Create(spec, s_settings);
            using VmMap? map = ours.Map;
            Assert.True(expected == ours.Errno, $"{type} key {key} value {value} entries {count} flags {spec.Flags:x} extra {spec.Extra}: kernel {expected}, here {ours.Errno} ({ours.Reason}) {Volume.Note}");
            made += map is null ? 0 : 1;
        }
        Assert.True(made > 3, $"only {made} of these maps were made");

        uint Usually(uint usual) => random.Next(4) > 0 ? usual : sizes[random.Next(sizes.Length)];
    }

    [Theory, MemberData(nameof(Types))]
    public void The_same_operations_have_the_same_results(MapType type)
    {
        Random random = Volume.Random($"operations {type}");
        for (int i = 0; i < Volume.Of(100_000 / s_types.Length, 20); i++)
        {
            MapSpec spec = SpecOf(type, random);
            using KernelMap? theirs = KernelMap.TryCreate(spec, out int errno);
            Assert.True(theirs is not null, $"{spec}: errno {errno}");
            using VmMap ours = VmMap.Create(spec, s_settings).Map!;
            var pair = new MapPair(theirs, ours, random);
            int count = random.Next(5, 80);
            for (int step = 0; step < count; step++)
                pair.Step();
            pair.CompareContents();
        }
    }

    private static MapSpec SpecOf(MapType type, Random random)
    {
        uint key = (uint)(random.Next(3) switch { 0 => 4, 1 => 8, _ => random.Next(1, 24) }), value = (uint)(random.Next(2) == 0 ? 8 : random.Next(1, 40)), count = (uint)random.Next(1, 9);
        uint access = random.Next(12) == 0 ? random.Next(2) == 0 ? 8u : 16u : 0;
        return type switch
        {
            MapType.Array or MapType.PercpuArray => new MapSpec("m", type, 4, value, count) { Flags = access },
            MapType.Hash or MapType.PercpuHash => new MapSpec("m", type, key, value, count) { Flags = (random.Next(2) == 0 ? 1u : 0) | access },
            MapType.LruHash or MapType.LruPercpuHash => new MapSpec("m", type, key, value, 1024) { Flags = random.Next(4) == 0 ? 2u : 0 },
            MapType.LpmTrie => new MapSpec("m", type, 4 + (uint)random.Next(1, 6), value, count) { Flags = 1 | access },
            MapType.Queue or MapType.Stack => new MapSpec("m", type, 0, value, count) { Flags = access },
            MapType.BloomFilter => new MapSpec("m", type, 0, value, 64) { Extra = (ulong)random.Next(16) },
            MapType.Ringbuf => new MapSpec("m", type, 0, 0, 4096),
            MapType.StackTrace => new MapSpec("m", type, 4, 8 * (uint)random.Next(1, 20), count),
            MapType.HashOfMaps => new MapSpec("m", type, key, 4, count) { Inner = new MapSpec("i", MapType.Array, 4, 4, 1) },
            MapType.ArrayOfMaps => new MapSpec("m", type, 4, 4, count) { Inner = new MapSpec("i", MapType.Array, 4, 4, 1) },
            _ => new MapSpec("m", type, 4, 4, count),
        };
    }
}
