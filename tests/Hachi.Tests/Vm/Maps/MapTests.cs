using Hachi.Object;
using Hachi.Uapi;
using Hachi.Vm.Maps;
using Hachi.Vm.Maps.Rings;

namespace Hachi.Tests.Vm.Maps;

/// <summary>What maps promise that no kernel map can show: invariants, quotas, threads, the C# side.</summary>
public sealed class MapTests
{
    private const int Enoent = -(int)ErrorNumber.ENOENT;

    private static VmMap Make(MapType type, uint key, uint value, uint entries, uint flags = 0, MapSettings? settings = null, MapSpec? inner = null)
    {
        MapCreation made = VmMap.Create(new MapSpec("m", type, key, value, entries) { Flags = flags, Inner = inner }, settings);
        Assert.True(made.Map is not null, made.Reason);
        return made.Map;
    }

    [Theory, InlineData(MapType.LruHash), InlineData(MapType.LruPercpuHash)]
    public void An_lru_map_never_refuses_never_grows_and_never_lies(MapType type)
    {
        Random random = Volume.Random($"lru {type}");
        using VmMap map = Make(type, 4, 8, 50, settings: new MapSettings { Cpus = 2 });
        var written = new Dictionary<uint, ulong>();
        byte[] value = new byte[map.UserValueSize];
        for (int i = 0; i < Volume.Of(200_000, 5_000); i++)
        {
            uint key = (uint)random.Next(200);
            BitConverter.TryWriteBytes(value, (ulong)i);
            if (random.Next(3) > 0)
            {
                Assert.Equal(0, map.Update(BitConverter.GetBytes(key), value));
                written[key] = (ulong)i;
                Assert.True(map.TryGet(BitConverter.GetBytes(key), value), "what was just written is there");
            }
            else if (map.TryGet(BitConverter.GetBytes(key), value))
            {
                Assert.Equal(written[key], BitConverter.ToUInt64(value));
            }
        }
        Assert.Equal(50, map.Keys().Count);
    }

    [Fact]
    public unsafe void An_lru_map_keeps_what_programs_look_at()
    {
        using VmMap map = Make(MapType.LruHash, 4, 4, 64);
        for (uint key = 0; key < 64; key++)
            map.Update(key, key);
        for (uint key = 64; key < 1000; key++)
        {
            uint favourite = 7;
            Assert.True(map.FindOffset((byte*)&favourite, 0) >= 0, "an element that is looked at before every insertion stays");
            map.Update(key, key);
        }
    }

    [Fact]
    public void A_bloom_filter_forgets_nothing_and_seldom_errs()
    {
        using VmMap map = Make(MapType.BloomFilter, 0, 12, 1000);
        byte[] value = new byte[12];
        for (int i = 0; i < 1000; i++)
        {
            BitConverter.TryWriteBytes(value, i);
            Assert.Equal(0, map.Push(value));
        }
        int wrong = 0;
        for (int i = 0; i < 11_000; i++)
        {
            BitConverter.TryWriteBytes(value, i);
            bool found = map.TryPeek(value);
            Assert.True(found || i >= 1000);
            wrong += found && i >= 1000 ? 1 : 0;
        }
        Assert.InRange(wrong, 0, 500);
    }

    [Fact]
    public void A_quota_is_asked_before_memory_is_reserved()
    {
        var quota = new MapQuota(1 << 20);
        var settings = new MapSettings { Quota = quota };
        MapCreation refused = VmMap.Create(new MapSpec("big", MapType.Array, 4, 1 << 20, 2), settings);
        Assert.Null(refused.Map);
        Assert.Equal((int)ErrorNumber.ENOMEM, refused.Errno);
        Assert.Contains("big", refused.Reason, StringComparison.Ordinal);
        Assert.Equal(0, quota.Bytes);
        VmMap map = Make(MapType.Hash, 4, 4, 1000, settings: settings);
        Assert.True(quota.Bytes > 8000);
        map.Dispose();
        Assert.Equal(0, quota.Bytes);
        Assert.Throws<ObjectDisposedException>(() => map.TryGet(1, out int _));
        Assert.Equal((int)ErrorNumber.E2BIG, VmMap.Create(new MapSpec("many", MapType.Hash, 4, 4, 1u << 30), settings).Errno);
    }

    [Fact]
    public void Typed_access_reads_like_csharp()
    {
        using VmMap map = Make(MapType.Hash, 4, 8, 10);
        Assert.Equal(0, map.Update(3, 300L));
        Assert.Equal(0, map.Update(4, 400L));
        Assert.True(map.TryGet(3, out long value));
        Assert.Equal(300, value);
        Assert.False(map.TryGet(5, out value));
        Assert.Equal([(3, 300L), (4, 400L)], map.Entries<int, long>().Select(entry => (entry.Key, entry.Value)).Order());
        Assert.Equal(0, map.Delete(3));
        Assert.Equal(Enoent, map.Delete(3));
        Assert.Throws<ArgumentException>(() => map.TryGet(3L, out long _));
        map.Freeze();
        Assert.Equal(-(int)ErrorNumber.EPERM, map.Update(3, 300L));

        using VmMap percpu = Make(MapType.PercpuArray, 4, 4, 2, settings: new MapSettings { Cpus = 3 });
        byte[] values = new byte[percpu.UserValueSize];
        values[8] = 7;
        Assert.Equal(0, percpu.Update(BitConverter.GetBytes(1), values));
        Assert.Equal([0, 7, 0], percpu.GetPercpu<int, int>(1));
    }

    [Fact]
    public unsafe void An_old_value_stays_visible_to_who_holds_it()
    {
        using VmMap map = Make(MapType.Hash, 4, 8, 4);
        map.Update(1, 10L);
        int key = 1;
        long before = map.FindOffset((byte*)&key, 0);
        map.Update(1, 20L);
        long after = map.FindOffset((byte*)&key, 0);
        Assert.NotEqual(before, after);
        Assert.Equal(10, *(long*)(map.Memory + before));
        Assert.Equal(20, *(long*)(map.Memory + after));
    }

    [Theory, InlineData(MapType.Hash), InlineData(MapType.LruHash), InlineData(MapType.LpmTrie)]
    public async Task Readers_see_whole_elements_while_a_writer_works(MapType type)
    {
        // Keys of 8 bytes that no half of another makes, values that depend on their keys.
        using VmMap map = Make(type, 8, 8, 64, type == MapType.LpmTrie ? 1u : 0);
        using var stop = new CancellationTokenSource();
        Task<int> reader = Task.Run(() =>
        {
            int wrong = 0;
            for (uint i = 0; !stop.IsCancellationRequested; i++)
            {
                ulong key = KeyOf(i % 97);
                if (Find(map, key) is var value and not null && value != ValueOf(key))
                    wrong++;
            }
            return wrong;
        }, TestContext.Current.CancellationToken);
        Random random = Volume.Random("writer");
        for (int i = 0; i < Volume.Of(2_000_000, 50_000); i++)
        {
            ulong key = KeyOf((uint)random.Next(97));
            if (random.Next(3) == 0)
                map.Delete(key);
            else
                map.Update(key, ValueOf(key));
        }
        await stop.CancelAsync();
        // A value may be reused between look-up and read, so only nonsense would be an error: a value of no key at all.
        Assert.Equal(0, await reader);

        static ulong KeyOf(uint i) => 32 | (ulong)(i * 0x00010101u) << 32;
        static ulong ValueOf(ulong key) => key * 3;
    }

    private static unsafe ulong? Find(VmMap map, ulong key)
    {
        long offset = map.FindOffset((byte*)&key, 0);
        if (offset < 0)
            return null;
        Assert.InRange(offset, 0, map.MemoryBytes - 8);
        ulong value = *(ulong*)(map.Memory + offset);
        // The element may have been replaced since; then the number is another key's, still whole.
        return value % 3 == 0 && value / 3 % 0x100000000 == 32 ? key * 3 : value;
    }

    [Fact]
    public unsafe void A_ring_buffer_hands_over_in_order_of_reservation()
    {
        using var map = (RingBufferMap)Make(MapType.Ringbuf, 0, 0, 4096);
        long first = map.Reserve(8, 0), second = map.Reserve(16, 0), third = map.Reserve(3, 0);
        *(ulong*)(map.Memory + first) = 1;
        map.Memory[third] = 3;
        map.Finish(third, isDiscarded: false, 0);
        var seen = new List<int>();
        Assert.Equal(0, map.Consume(record => seen.Add(record.Length)));
        map.Finish(first, isDiscarded: false, 0);
        Assert.Equal(1, map.Consume(record => seen.Add(record.Length)));
        map.Finish(second, isDiscarded: true, 0);
        Assert.Equal(1, map.Consume(record => seen.Add(record.Length)));
        Assert.Equal([8, 3], seen);
        Assert.Equal(0, map.AvailableBytes);
        Assert.Equal(map.Query(2), map.Query(3));
        // Records that run over the end stay in one piece; a full buffer refuses.
        byte[] record = new byte[1000];
        for (byte i = 0; i < 100; i++)
        {
            record.AsSpan().Fill(i);
            fixed (byte* data = record)
                Assert.Equal(0, map.Output(data, 1000, 0));
            Assert.Equal(1, map.Consume(got => Assert.True(got.IndexOfAnyExcept(i) < 0 && got.Length == 1000)));
        }
        Assert.True(map.Reserve(4096, 0) < 0);
        Assert.True(map.Reserve(3000, 0) >= 0);
        Assert.True(map.Reserve(2000, 0) < 0);
        Assert.True(map.Reserve(8, 1) < 0);
    }

    [Fact]
    public async Task A_ring_buffer_can_be_awaited()
    {
        using var map = (RingBufferMap)Make(MapType.Ringbuf, 0, 0, 4096);
        Task producer = Task.Run(() =>
        {
            for (int i = 0; i < 200; i++)
                while (Write(map, (byte)i) != 0)
                    Thread.Yield();
        }, TestContext.Current.CancellationToken);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        int next = 0;
        await map.ConsumeAllAsync(record =>
        {
            Assert.Equal((byte)next, record[0]);
            if (++next == 200)
                stop.Cancel();
        }, stop.Token);
        Assert.Equal(200, next);
        await producer;

        static unsafe int Write(RingBufferMap map, byte value) => map.Output(&value, 1, 0);
    }

    [Theory, InlineData(MapType.ArrayOfMaps), InlineData(MapType.HashOfMaps)]
    public unsafe void A_map_of_maps_holds_its_maps(MapType type)
    {
        var inner = new MapSpec("i", MapType.Array, 4, 4, 1);
        var quota = new MapQuota();
        var settings = new MapSettings { Quota = quota };
        VmMap outer = Make(type, 4, 4, 3, settings: settings, inner: inner);
        VmMap first = VmMap.Create(inner, settings).Map!, second = VmMap.Create(inner, settings).Map!;
        using VmMap other = Make(MapType.Array, 4, 8, 1);
        byte[] key = BitConverter.GetBytes(1);
        var set = (IMapOfMaps)outer;
        Assert.Equal(-(int)ErrorNumber.EINVAL, set.Set(key, other));
        Assert.Equal(0, set.Set(key, first));
        first.Dispose();
        fixed (byte* k = key)
        {
            VmMap? held = outer.AcquireInner(k);
            Assert.Same(first, held);
            Assert.Equal(0, set.Set(key, second));
            Assert.True(held!.Memory != null, "what a program holds stays");
            held.Release();
            Assert.True(held.Memory == null);
        }
        Assert.True(outer.TryGet(1, out uint id));
        Assert.Equal(second.Id, id);
        second.Dispose();
        Assert.Equal(0, outer.Delete(key));
        Assert.True(second.Memory == null);
        outer.Dispose();
        Assert.Equal(0, quota.Bytes);
    }
}
