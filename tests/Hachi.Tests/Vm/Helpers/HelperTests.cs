using Hachi.Object;
using Hachi.Uapi;
using Hachi.Vm;
using Hachi.Vm.Contexts;
using Hachi.Vm.Helpers;
using Hachi.Vm.Machine;
using Hachi.Vm.Maps;
using Hachi.Vm.Maps.Rings;

namespace Hachi.Tests.Vm.Helpers;

/// <summary>Helpers whose results the embedder decides, callbacks, records, faults: on each engine.</summary>
public sealed class HelperTests
{
    public static TheoryData<VmEngine> Engines => [.. EbpfEngines.All];

    [Theory, MemberData(nameof(Engines))]
    public void Tail_calls_and_loops(VmEngine engine)
    {
        using VmObject vm = Load(engine, """
            .map progs prog_array key 4 value 4 entries 4
            .slot 1 second
            .program first syscall
                    r6 = r1
                    r2 = map[progs] ll
                    r3 = 3
                    call bpf_tail_call
                    r1 = r6
                    r2 = map[progs] ll
                    r3 = 1
                    call bpf_tail_call
                    r0 = 1
                    exit
            .program second syscall
                    *(u64 *)(r10 - 8) = 0
                    r1 = 10
                    r2 = subprog[add] ll
                    r3 = r10
                    r3 += -8
                    r4 = 0
                    call bpf_loop
                    r1 = *(u64 *)(r10 - 8)
                    r0 <<= 32
                    r0 |= r1
                    exit
            add:    r3 = *(u64 *)(r2 + 0)
                    r3 += r1
                    *(u64 *)(r2 + 0) = r3
                    r0 = 0
                    if r1 != 6 goto more
                    r0 = 1
            more:   exit
            """);
        VmResult result = vm.Programs[0].Run([]);
        Assert.True(result.Success, result.Fault?.Message);
        Assert.Equal(7ul << 32 | 21, result.R0);
    }

    [Theory, MemberData(nameof(Engines))]
    public void Each_element_is_handed_to_the_callback(VmEngine engine)
    {
        using VmObject vm = Load(engine, """
            .map m hash key 8 value 8 entries 100
            .program main syscall
                    *(u64 *)(r10 - 8) = 0
                    r1 = map[m] ll
                    r2 = subprog[each] ll
                    r3 = r10
                    r3 += -8
                    r4 = 0
                    call bpf_for_each_map_elem
                    r1 = *(u64 *)(r10 - 8)
                    r0 <<= 32
                    r0 |= r1
                    exit
            each:   r6 = *(u64 *)(r2 + 0)
                    r7 = *(u64 *)(r3 + 0)
                    r6 *= r7
                    r7 = *(u64 *)(r4 + 0)
                    r7 += r6
                    *(u64 *)(r4 + 0) = r7
                    call bpf_map_delete_elem
                    r0 = 0
                    exit
            """);
        for (ulong i = 1; i <= 20; i++)
            vm.Maps[0].Update(i, i);
        VmResult result = vm.Programs[0].Run([]);
        Assert.True(result.Success, result.Fault?.Message);
        Assert.Equal(20ul << 32 | 2870, result.R0);
        Assert.Empty(vm.Maps[0].Keys());
    }

    [Theory, MemberData(nameof(Engines))]
    public void Records_arrive_and_what_is_forgotten_is_discarded(VmEngine engine)
    {
        using VmObject vm = Load(engine, """
            .map ring ringbuf key 0 value 0 entries 4096
            .program main syscall
                    r6 = r1
                    r1 = map[ring] ll
                    r2 = 8
                    r3 = 0
                    call bpf_ringbuf_reserve
                    if r0 == 0 goto out
                    r7 = r0
                    r1 = *(u64 *)(r6 + 0)
                    *(u64 *)(r7 + 0) = r1
                    r8 = *(u64 *)(r6 + 8)
                    if r8 == 1 goto out
                    r1 = r7
                    r2 = 0
                    call bpf_ringbuf_submit
                    if r8 != 2 goto out
                    *(u64 *)(r7 + 0) = 1
            out:    r0 = 0
                    exit
            """);
        var ring = (RingBufferMap)vm.Maps[0];
        Assert.True(Run(7, 0).Success);
        Assert.True(Run(8, 1).Success);
        Assert.Equal(FaultReason.WriteOutOfBounds, Run(9, 2).Fault?.Reason);
        var seen = new List<ulong>();
        ring.Consume(record => seen.Add(BitConverter.ToUInt64(record)));
        Assert.Equal([7ul, 9], seen);
        Assert.Equal(0, ring.AvailableBytes);

        VmResult Run(ulong value, ulong how) => vm.Programs[0].Run([.. BitConverter.GetBytes(value), .. BitConverter.GetBytes(how)]);
    }

    [Theory, MemberData(nameof(Engines))]
    public void Inner_maps_are_maps(VmEngine engine)
    {
        using VmObject vm = Load(engine, """
            .map outer array_of_maps key 4 value 4 entries 2
            .inner shape array key 4 value 8 entries 3
            .slot 1 inner
            .map inner array key 4 value 8 entries 3
            .program main syscall
                    *(u32 *)(r10 - 4) = 1
                    r1 = map[outer] ll
                    r2 = r10
                    r2 += -4
                    call bpf_map_lookup_elem
                    if r0 == 0 goto out
                    r1 = r0
                    *(u32 *)(r10 - 4) = 2
                    r2 = r10
                    r2 += -4
                    call bpf_map_lookup_elem
                    if r0 == 0 goto out
                    *(u64 *)(r0 + 0) = 99
                    r0 = 5
            out:    exit
            """);
        VmResult result = vm.Programs[0].Run([]);
        Assert.True(result.Success, result.Fault?.Message);
        Assert.Equal(5ul, result.R0);
        Assert.True(vm.FindMap("inner")!.TryGet(2, out ulong value));
        Assert.Equal(99ul, value);
    }

    [Theory, MemberData(nameof(Engines))]
    public void The_host_is_what_programs_see(VmEngine engine)
    {
        var traced = new List<string>();
        var host = new VmHost
        {
            Cpu = () => 3,
            Random = () => 4,
            Trace = traced.Add,
            Task = new VmTask { Tgid = 10, Pid = 11, Comm = "worker", Memory = [(0xffff8000_00001000, "text\0"u8.ToArray())] },
        };
        using VmObject vm = Load(engine, """
            .program main syscall
                    r6 = r1
                    call bpf_get_smp_processor_id
                    *(u64 *)(r6 + 0) = r0
                    call bpf_get_prandom_u32
                    *(u64 *)(r6 + 8) = r0
                    call bpf_get_current_pid_tgid
                    *(u64 *)(r6 + 16) = r0
                    r1 = r10
                    r1 += -16
                    r2 = 16
                    call bpf_get_current_comm
                    r1 = *(u64 *)(r10 - 16)
                    *(u64 *)(r6 + 24) = r1
                    r1 = r10
                    r1 += -16
                    r2 = 8
                    r3 = 0xffff800000001000 ll
                    call bpf_probe_read_kernel_str
                    *(u64 *)(r6 + 32) = r0
                    r1 = r10
                    r1 += -16
                    r2 = 8
                    r3 = 0xffff800000002000 ll
                    call bpf_probe_read_kernel
                    *(u64 *)(r6 + 40) = r0
                    r1 = 0x20732520646c6c25 ll
                    *(u64 *)(r10 - 16) = r1
                    *(u64 *)(r10 - 8) = 0
                    *(u64 *)(r10 - 24) = 0x6968
                    r1 = r10
                    r1 += -16
                    r2 = 9
                    r3 = -5
                    r4 = r10
                    r4 += -24
                    r5 = 0
                    call bpf_trace_printk
                    exit
            """, host);
        byte[] context = new byte[48];
        VmResult result = vm.Programs[0].Run(context);
        Assert.True(result.Success, result.Fault?.Message);
        Assert.Equal([3ul, 4, 10ul << 32 | 11, BitConverter.ToUInt64("worker\0\0"u8), 5, unchecked((ulong)-14)], Enumerable.Range(0, 6).Select(i => BitConverter.ToUInt64(context, 8 * i)));
        Assert.Equal(["-5 hi "], traced);
        Assert.Equal(6ul, result.R0);
    }

    [Theory, MemberData(nameof(Engines))]
    public void Embedders_add_helpers_with_prototypes(VmEngine engine)
    {
        BpfObject spec = BothMachines.Parse("""
            .program main syscall
                    r2 = 8
                    r3 = 100
                    call 9000
                    exit
            """);
        var sum = new VmHelper(9000, "sum", [new HelperArgument(ArgumentKind.Mem), new HelperArgument(ArgumentKind.Size), new HelperArgument(ArgumentKind.Any)], call =>
        {
            ulong total = call[2];
            foreach (byte b in call.Memory(0))
                total += b;
            return total;
        });
        using VmObject vm = VmObject.Load(spec, new VmOptions { Engine = engine, CustomHelpers = [sum] }).Object!;
        Assert.Equal(136ul, vm.Programs[0].Run([1, 2, 3, 4, 5, 6, 7, 8]).R0);
        Assert.Equal(FaultReason.ReadOutOfBounds, vm.Programs[0].Run([1, 2, 3]).Fault?.Reason);
        using VmObject throwing = VmObject.Load(spec, new VmOptions { Engine = engine, CustomHelpers = [sum with { Body = static _ => throw new InvalidOperationException("no") }] }).Object!;
        Assert.Contains("sum failed: no", throwing.Programs[0].Run(new byte[8]).Fault?.Message, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Engines))]
    public void A_redirection_is_told_and_not_done(VmEngine engine)
    {
        using VmObject vm = Load(engine, ".program main sched_cls\n        r1 = 7\n        r2 = 1\n        call bpf_redirect\n        exit\n");
        var packet = new SkbContext(new byte[60]);
        Assert.Equal((ulong)TcAction.Redirect, vm.Programs[0].Run(packet).R0);
        Assert.Equal([new PacketRedirect(RedirectKind.Interface, 7, 1)], packet.Redirects);
        Assert.Throws<ArgumentException>(() => vm.Programs[0].Run(new XdpContext(new byte[60])));
        using VmObject load = Load(engine, ".program main sched_cls\n        r2 = 0\n        r3 = r10\n        r3 += -8\n        r4 = 8\n        call bpf_skb_load_bytes\n        exit\n");
        Assert.Contains("needs a packet", load.Programs[0].Run([]).Fault?.Message, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Engines))]
    public void Records_are_read_only_and_events_arrive(VmEngine engine)
    {
        using VmObject vm = Load(engine, """
            .map events perf_event_array key 4 value 4 entries 4
            .program main tracepoint
                    r6 = r1
                    r1 = *(u64 *)(r6 + 8)
                    *(u64 *)(r10 - 8) = r1
                    r1 = r6
                    r2 = map[events] ll
                    r3 = 0xffffffff ll
                    r4 = r10
                    r4 += -8
                    r5 = 8
                    call bpf_perf_event_output
                    r7 = r0
                    r1 = *(u32 *)(r6 + 0)
                    if r1 == 0 goto out
                    *(u64 *)(r6 + 0) = 1
            out:    r0 = r7
                    exit
            """);
        var events = (PerfEventMap)vm.Maps[0];
        byte[] record = new byte[16];
        BitConverter.TryWriteBytes(record.AsSpan(8), 77L);
        Assert.Equal(unchecked((ulong)-2), vm.Programs[0].Run(new RecordContext(record)).R0);
        PerfBuffer buffer = events.OpenAll()[0];
        Assert.Equal(0ul, vm.Programs[0].Run(new RecordContext(record)).R0);
        Assert.True(buffer.TryRead(out byte[] got));
        Assert.Equal(77, BitConverter.ToInt64(got));
        record[0] = 1;
        Assert.Equal(FaultReason.ReadOnly, vm.Programs[0].Run(new RecordContext(record)).Fault?.Reason);
    }

    [Fact]
    public void What_is_not_there_is_said_when_loading()
    {
        VmLoad load = VmObject.Load(BothMachines.Parse(".program main syscall\n        call bpf_sk_lookup_tcp\n        call 9999\n        exit\n"));
        Assert.Null(load.Object);
        Assert.Contains(load.Diagnostics, diagnostic => diagnostic.Message.Contains("bpf_sk_lookup_tcp, which exists in the kernel only", StringComparison.Ordinal));
        Assert.Contains(load.Diagnostics, diagnostic => diagnostic.Message.Contains("9999", StringComparison.Ordinal));
        VmLoad maps = VmObject.Load(new BpfObject { Maps = [new MapSpec("m", MapType.Hash, 0, 8, 1)] });
        Assert.Contains("a hash has keys", Assert.Single(maps.Diagnostics).Message, StringComparison.Ordinal);
        VmLoad slots = VmObject.Load(new BpfObject { Maps = [new MapSpec("m", MapType.ProgArray, 4, 4, 1) { Slots = [(0, "nobody")] }] });
        Assert.Contains("nobody", Assert.Single(slots.Diagnostics).Message, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Engines))]
    public void Helpers_cost_fuel(VmEngine engine)
    {
        using VmObject vm = Load(engine, """
            .program main syscall
                    r1 = 8000000
                    r2 = subprog[nothing] ll
                    r3 = 0
                    r4 = 0
                    call bpf_loop
                    exit
            nothing: r0 = 0
                    exit
            """);
        Assert.Equal(FaultReason.OutOfFuel, vm.Programs[0].Run([], 100_000).Fault?.Reason);
    }

    private static VmObject Load(VmEngine engine, string text, VmHost? host = null) => BothMachines.LoadHere(BothMachines.Parse(text), engine, host);
}
