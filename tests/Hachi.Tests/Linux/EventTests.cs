using System.Runtime.InteropServices;
using Hachi.Linux.Events;
using Hachi.Linux.Load;
using Hachi.Object;
using Hachi.Uapi;

namespace Hachi.Tests.Linux;

/// <summary>What programs send is received: every record once, in order, and what was lost is counted.</summary>
public sealed class EventTests
{
    [StructLayout(LayoutKind.Sequential)]
    private struct Record
    {
        public ulong Number, Complement;
    }

    // Each run sends its number and the complement of that; what finds no room is counted in the second slot.
    private const string Sender = """
        .license "GPL"
        .map sent array key 4 value 8 entries 2
        .map events MAP
        .program send sched_cls
                r9 = r1
                *(u32 *)(r10 - 4) = 0
                r2 = r10
                r2 += -4
                r1 = map[sent] ll
                call bpf_map_lookup_elem
                if r0 == 0 goto out
                r6 = *(u64 *)(r0 + 0)
                r1 = r6
                r1 += 1
                *(u64 *)(r0 + 0) = r1
                *(u64 *)(r10 - 24) = r6
                r6 ^= -1
                *(u64 *)(r10 - 16) = r6
        SEND
                if r0 == 0 goto out
                *(u32 *)(r10 - 4) = 1
                r2 = r10
                r2 += -4
                r1 = map[sent] ll
                call bpf_map_lookup_elem
                if r0 == 0 goto out
                r1 = *(u64 *)(r0 + 0)
                r1 += 1
                *(u64 *)(r0 + 0) = r1
        out:    r0 = 0
                exit
        """;

    private const string ByRing = "r2 = r10\n r2 += -24\n r1 = map[events] ll\n r3 = 16\n r4 = 0\n call bpf_ringbuf_output";
    private const string ByPerf = "r4 = r10\n r4 += -24\n r1 = r9\n r2 = map[events] ll\n r3 = 0xffffffff ll\n r5 = 16\n call bpf_perf_event_output";

    [Fact]
    public async Task A_ring_gives_every_record_once_and_in_order()
    {
        const int Count = 3000;
        using LoadedObject loaded = Load("ringbuf key 0 value 0 entries 65536", ByRing);
        using var ring = new RingBuffer(loaded.Map("events"));
        Assert.False(ring.Wait(TimeSpan.Zero));
        ulong next = 0;
        for (int round = 0; round < 5; round++)
        {
            loaded.Program("send").Run(new byte[64], options: new TestRunOptions { Repeat = Count / 5 });
            Assert.True(ring.Wait(TimeSpan.FromSeconds(1)));
            Assert.Equal(Count / 5, ring.Drain(record => Check(MemoryMarshal.Read<Record>(record), ref next)));
        }
        loaded.Program("send").Run(new byte[64], options: new TestRunOptions { Repeat = 10 });
        await foreach (Record record in ring.ReadAllAsync<Record>(TestContext.Current.CancellationToken))
        {
            Check(record, ref next);
            if (next == Count + 10)
                break;
        }
    }

    [Fact]
    public async Task Reading_a_ring_ends_when_it_is_told_to()
    {
        using LoadedObject loaded = Load("ringbuf key 0 value 0 entries 4096", ByRing);
        using var ring = new RingBuffer(loaded.Map("events"));
        using var cancellation = new CancellationTokenSource(TimeSpan.FromMilliseconds(50));
        await foreach (Record _ in ring.ReadAllAsync<Record>(cancellation.Token))
            Assert.Fail("nothing was sent");
    }

    [Fact]
    public void What_finds_no_room_in_a_ring_is_counted_by_the_program()
    {
        const int Count = 1000;
        using LoadedObject loaded = Load("ringbuf key 0 value 0 entries 4096", ByRing);
        using var ring = new RingBuffer(loaded.Map("events"));
        loaded.Program("send").Run(new byte[64], options: new TestRunOptions { Repeat = Count });
        int received = ring.Drain(_ => { });
        Assert.True(new TypedMap<uint, ulong>(loaded.Map("sent")).TryGetValue(1, out ulong lost));
        Assert.InRange(received, 1, Count - 1);
        Assert.Equal((ulong)Count, (ulong)received + lost);
    }

    [Fact]
    public void A_perf_buffer_gives_records_and_counts_what_was_lost()
    {
        using LoadedObject loaded = Load("perf_event_array key 4 value 4 entries 0", ByPerf);
        using var buffer = new PerfBuffer(loaded.Map("events"), pages: 1);
        ulong next = 0, received = 0;
        loaded.Program("send").Run(new byte[64], options: new TestRunOptions { Repeat = 50 });
        Assert.True(buffer.Wait(TimeSpan.FromSeconds(1)));
        Assert.Equal(50, buffer.Drain((_, record) => Check(MemoryMarshal.Read<Record>(record), ref next)));
        Assert.Equal(0ul, buffer.Lost);
        loaded.Program("send").Run(new byte[64], options: new TestRunOptions { Repeat = 5000 });
        // The kernel tells of a loss with the next record that finds room.
        received += (ulong)buffer.Drain((_, _) => { });
        loaded.Program("send").Run(new byte[64], options: new TestRunOptions { Repeat = 1 });
        received += (ulong)buffer.Drain((_, _) => { });
        Assert.InRange(received, 2ul, 5000ul);
        Assert.Equal(5001ul, received + buffer.Lost);
    }

    [Theory]
    [InlineData(MapType.Hash, 1000)]
    [InlineData(MapType.Array, 1000)]
    [InlineData(MapType.LruHash, 100)]
    [InlineData(MapType.LpmTrie, 100)]
    public void Entries_are_told_whole(MapType type, int count)
    {
        Tools.NeedRoot();
        uint keySize = type == MapType.LpmTrie ? 8u : 4u;
        using Map map = Map.Create(new MapSpec("entries", type, keySize, 8, (uint)count * 2) { Flags = type == MapType.LpmTrie ? 1u : 0u });
        for (uint i = 0; i < count; i++)
            map.Set(type == MapType.LpmTrie ? [32, 0, 0, 0, .. BitConverter.GetBytes(i)] : BitConverter.GetBytes(i), BitConverter.GetBytes(i * 3ul + 1));
        Dictionary<uint, ulong> entries = MapEntries.Of(map).Where(entry => BitConverter.ToUInt64(entry.Value) != 0).ToDictionary(entry => BitConverter.ToUInt32(entry.Key, (int)keySize - 4), entry => BitConverter.ToUInt64(entry.Value));
        Assert.Equal(count, entries.Count);
        Assert.All(entries, entry => Assert.Equal(entry.Key * 3ul + 1, entry.Value));
    }

    [Fact]
    public async Task A_reader_that_stops_in_the_middle_leaves_the_rest()
    {
        using LoadedObject loaded = Load("ringbuf key 0 value 0 entries 65536", ByRing);
        using var ring = new RingBuffer(loaded.Map("events"));
        loaded.Program("send").Run(new byte[64], options: new TestRunOptions { Repeat = 100 });
        ulong next = 0;
        await foreach (Record record in ring.ReadAllAsync<Record>(TestContext.Current.CancellationToken))
        {
            Check(record, ref next);
            if (next == 40)
                break;
        }
        Assert.Equal(5, ring.Drain(record => Check(MemoryMarshal.Read<Record>(record), ref next), 5));
        Assert.Throws<InvalidOperationException>(() => ring.Drain(record =>
        {
            Check(MemoryMarshal.Read<Record>(record), ref next);
            throw new InvalidOperationException();
        }));
        var some = new Record[200];
        Assert.Equal(54, ring.Fill<Record>(some));
        foreach (Record record in some.AsSpan(0, 54))
            Check(record, ref next);
        Assert.Equal((100ul, 0L), (next, ring.PendingBytes));
    }

    [Fact]
    public async Task A_cancelled_reader_does_not_end_the_next()
    {
        using LoadedObject loaded = Load("ringbuf key 0 value 0 entries 65536", ByRing);
        using var ring = new RingBuffer(loaded.Map("events"));
        using (var cancellation = new CancellationTokenSource(TimeSpan.FromMilliseconds(20)))
            await foreach (Record _ in ring.ReadAllAsync<Record>(cancellation.Token))
                Assert.Fail("nothing was sent");
        // This one waits, and is woken by a program.
        Task<ulong> reading = Task.Run(async () =>
        {
            ulong count = 0;
            IAsyncEnumerable<Record> records = ring.ReadAllAsync<Record>();
            await foreach (Record record in records.WithCancellation(TestContext.Current.CancellationToken))
            {
                Check(record, ref count);
                if (count == 3)
                    break;
            }
            return count;
        });
        for (int i = 0; i < 3; i++)
        {
            await Task.Delay(10, TestContext.Current.CancellationToken);
            loaded.Program("send").Run(new byte[64]);
        }
        Assert.Equal(3ul, await reading);
        ring.Stop();
        await foreach (Record _ in ring.ReadAllAsync<Record>(TestContext.Current.CancellationToken))
            Assert.Fail("it was stopped");
    }

    [Theory]
    [InlineData(MapType.Hash)]
    [InlineData(MapType.Array)]
    [InlineData(MapType.LruHash)]
    public void Many_entries_are_written_and_removed_by_few_calls(MapType type)
    {
        Tools.NeedRoot();
        const int Count = 1000;
        using Map map = Map.Create(new MapSpec("many", type, 4, 8, Count * 2));
        var typed = new TypedMap<uint, ulong>(map);
        uint[] keys = [.. Enumerable.Range(0, Count).Select(i => (uint)i)];
        typed.SetAll(keys, [.. keys.Select(key => key * 7ul + 1)]);
        Assert.Equal(Count, typed.Entries().Count(entry => entry.Value == entry.Key * 7ul + 1));
        if (type == MapType.Array)
            Assert.Equal((int)ErrorNumber.E2BIG, Assert.Throws<Hachi.Linux.BpfException>(() => typed.SetAll([0, Count * 2], [1, 2])).Errno);
        else
        {
            // Every third is not there.
            Assert.Equal(Count, typed.RemoveAll([.. keys.SelectMany(key => new uint[] { key, key + 100_000 })]));
            Assert.Empty(typed.Entries());
        }
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Flow : IMapLayout
    {
        public uint Port;
        public ulong Bytes;

        public readonly IReadOnlyList<MapField> Fields => [new("port", 0, 4), new("bytes", 8, 8)];
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Moved : IMapLayout
    {
        public ulong Bytes;
        public uint Port;

        public readonly IReadOnlyList<MapField> Fields => [new("bytes", 0, 8), new("port", 8, 4)];
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Short
    {
        public uint Port;
    }

    [Fact]
    public void Values_are_held_against_the_types_of_the_program()
    {
        Tools.NeedRoot();
        const string Source = """
            struct flow { u32 port; u64 bytes; };
            struct { __uint(type, 1); __uint(max_entries, 8); __type(key, u32); __type(value, struct flow); } flows SEC(".maps");
            char _license[] SEC("license") = "GPL";
            SEC("socket") int run(void *ctx) { u32 key = 0; return map_lookup_elem(&flows, &key) != 0; }
            """;
        using LoadedObject loaded = ElfObjectReader.Read(Clang.Build(Source)).Object!.Load();
        var flows = new TypedMap<uint, Flow>(loaded.Map("flows")) { [7] = new Flow { Port = 80, Bytes = 1000 } };
        Assert.Equal(1000ul, flows[7].Bytes);
        string message = Assert.Throws<ArgumentException>(() => new TypedMap<uint, Moved>(loaded.Map("flows"))).Message;
        Assert.Contains("the value of map flows: field 'bytes' of struct flow (u64) stands at offset 8 with 8 bytes, but at 0 with 8 in Moved", message);
        message = Assert.Throws<ArgumentException>(() => new TypedMap<uint, Short>(loaded.Map("flows"))).Message;
        Assert.Contains("the value of map flows has 16 bytes (struct flow { port at 0, bytes at 8 }), Short has 4", message);
    }

    private static void Check(Record record, ref ulong next)
    {
        Assert.Equal((next, ~next), (record.Number, record.Complement));
        next++;
    }

    private static LoadedObject Load(string map, string send)
    {
        Tools.NeedRoot();
        ObjectRead read = ObjectParser.Parse(Sender.Replace("MAP", map, StringComparison.Ordinal).Replace("SEND", send, StringComparison.Ordinal));
        Assert.True(read.Object is not null, string.Join('\n', read.Diagnostics));
        return read.Object.Load();
    }
}
