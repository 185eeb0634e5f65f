using System.Buffers.Binary;
using Hachi.Linux.Attach;
using Hachi.Linux.Events;
using Hachi.Linux.Load;
using static Hachi.Guest.Lab;

namespace Hachi.Guest.Checks;

/// <summary>What programs tell as it happens.</summary>
internal static class EventChecks
{
    private const int GetpgidNumber = 121, Calls = 5;
    private const string Events = "Events";

    public static IEnumerable<Check> All =>
    [
        new("ring-buffer", Events, "ring buffer", "every record read, in order; none lost below its size, the others counted", _ => Ring()) { Features = ["map ringbuf"] },
        new("user-ring-buffer", Events, "user ring buffer", "every record summed up by the program; none taken when it is full", _ => UserRing()) { Features = ["map user_ringbuf"] },
        new("perf-buffer", Events, "perf buffer", "every record read, in order", _ => Perf()) { Features = ["map perf_event_array"] },
    ];

    // Records of eight bytes: how many came before.
    private static Witness Telling(string map, string tell) => Witness.OfThisThread("raw_tp", $"""
                r3 = *(u64 *)(r6 + 8)
                if r3 != {GetpgidNumber} goto out
                r1 = map[seen][0]+0
                r3 = *(u64 *)(r1 + 0)
                *(u64 *)(r10 - 8) = r3
        {tell}
        """, map);

    private static void Ring()
    {
        // A record takes its eight bytes and a head of eight: the ring of a page holds 256.
        const int Capacity = 4096 / 16;
        using Witness witness = Telling(".map told ringbuf entries 4096", $"""
                    r1 = map[told]
                    r2 = r10
                    r2 += -8
                    r3 = 8
                    r4 = 0
                    call bpf_ringbuf_output
                    if r0 == 0 goto told
                    r1 = map[seen][0]+8
                    r2 = 1
                    lock *(u64 *)(r1 + 0) += r2
            told:
            """);
        using var ring = new RingBuffer(witness.Map("told"));
        using Link link = witness.Program.AttachRawTracepoint("sys_enter");
        var numbers = new List<ulong>();
        Make(Calls);
        That(ring.Wait(TimeSpan.FromSeconds(10)), "nothing came");
        ring.Drain(record => numbers.Add(BinaryPrimitives.ReadUInt64LittleEndian(record)));
        Same("0 1 2 3 4", string.Join(' ', numbers), "records");
        Make(Capacity + Calls);
        Same(Capacity - 1, ring.Drain(_ => { }), "records of a full ring");
        Same((ulong)(Calls + 1), witness[1], "records that found no room");
    }

    private static void UserRing()
    {
        using LoadedObject loaded = ObjectChecks.Load("messages");
        using var ring = new UserRingBuffer(loaded.Map("messages"));
        ulong expected = 0;
        // More than the ring holds, so that positions wrap around: 256 records of eight bytes and a head.
        for (ulong round = 0; round < 5; round++)
        {
            for (ulong i = 0; i < 100; i++)
                That(ring.TryWrite(round * 1000 + i), "no room");
            expected += round * 100_000 + 4950;
            loaded.Program("run").Run(default);
            Same(expected, ObjectChecks.Variable(loaded, "sum"), "sum");
            Same(0L, ring.PendingBytes, "bytes that were not taken");
        }
        int fitting = 0;
        while (ring.TryWrite((ulong)fitting))
            fitting++;
        Same(4096 / 16, fitting, "records that fit");
        loaded.Program("run").Run(default);
        That(ring.TryWrite(1UL), "no room after the program has run");
        Same((ulong)(500 + fitting), ObjectChecks.Variable(loaded, "seen"), "records seen");
    }

    private static void Perf()
    {
        using Witness witness = Telling($".map told perf_event_array key 4 value 4 entries {Environment.ProcessorCount}", """
                    r1 = r6
                    r2 = map[told]
                    r3 = 0xffffffff ll
                    r4 = r10
                    r4 += -8
                    r5 = 8
                    call bpf_perf_event_output
            """);
        using var buffer = new PerfBuffer(witness.Map("told"), 1);
        using Link link = witness.Program.AttachRawTracepoint("sys_enter");
        var numbers = new SortedSet<ulong>();
        Make(Calls);
        That(buffer.Wait(TimeSpan.FromSeconds(10)), "nothing came");
        buffer.Drain((_, record) => numbers.Add(BinaryPrimitives.ReadUInt64LittleEndian(record)));
        Same("0 1 2 3 4", string.Join(' ', numbers), "records");
        Same(0UL, buffer.Lost, "lost");
    }

    private static void Make(int calls)
    {
        for (int i = 0; i < calls; i++)
            _ = Guest.Calls.Syscall(GetpgidNumber);
    }
}
