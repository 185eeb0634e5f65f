using Hachi.Uapi;
using Hachi.Vm.Machine;
using Hachi.Vm.Maps;
using Hachi.Vm.Maps.Rings;

namespace Hachi.Vm.Helpers;

/// <summary>Helpers that send records to C#: ring buffers (kernel/bpf/ringbuf.c) and perf events (kernel/trace/bpf_trace.c).</summary>
internal static unsafe class RingHelpers
{
    private const ulong NoWakeup = 1, ForceWakeup = 2;

    public static void Register(RegisterHelper add)
    {
        add(Helper.RingbufReserve, HelperPlaces.All, Reserve);
        add(Helper.RingbufSubmit, HelperPlaces.All, static (ref HelperFrame f) => Finish(ref f, isDiscarded: false));
        add(Helper.RingbufDiscard, HelperPlaces.All, static (ref HelperFrame f) => Finish(ref f, isDiscarded: true));
        add(Helper.RingbufOutput, HelperPlaces.All, Output);
        add(Helper.RingbufQuery, HelperPlaces.All, static (ref HelperFrame f) => f.Map is RingBufferMap ring ? ring.Query(f[1]) : NoRing(ref f));
    }

    private static ulong Reserve(ref HelperFrame f)
    {
        if (f.Map is not RingBufferMap ring)
            return NoRing(ref f);
        long offset = ring.Reserve(f[1], f[2]);
        if (offset < 0)
            return 0;
        // The region ends with the record; it begins anew for each, so that a program cannot touch what it has submitted.
        ulong address = f.Call.AddRegion(ring.Memory + offset, (uint)f[1], isWritable: true);
        if (address == 0)
        {
            ring.Finish(offset, isDiscarded: true, NoWakeup);
            return f.Call.SetFault(FaultReason.Quota, f.Call.State->HelperInsn, $"more than {Invocation.DynamicRegionsMax} open reservations");
        }
        f.Session.Reserve(address, ring, offset);
        return address;
    }

    private static ulong Finish(ref HelperFrame f, bool isDiscarded) =>
        f.Session.Finish(f[0], isDiscarded, f[1]) ? 0 : f.Refuse("argument 1 is no open reservation of a ring buffer");

    private static ulong Output(ref HelperFrame f)
    {
        if (f.Map is not RingBufferMap ring)
            return NoRing(ref f);
        return (f[3] & ~(NoWakeup | ForceWakeup)) != 0 ? unchecked((ulong)-KernelError.Inval) : MapHelpers.Give(ring.Output(f.Host(1), f[2], f[3]));
    }

    private static ulong NoRing(ref HelperFrame f) => f.Refuse($"map '{f.Map.Spec.Name}' is no ring buffer");

    /// <summary>bpf_perf_event_output; the packet's first bytes follow the data where the flags ask for them.</summary>
    public static ulong PerfOutput(ref HelperFrame f, ReadOnlySpan<byte> packet)
    {
        if (f.Map is not PerfEventMap events)
            return f.Refuse($"map '{f.Map.Spec.Name}' is no perf event array");
        ulong flags = f[2], packetBytes = (flags & HelperFlags.CtxlenMask) >> 32;
        if ((flags & ~(HelperFlags.IndexMask | HelperFlags.CtxlenMask)) != 0)
            return unchecked((ulong)-KernelError.Inval);
        if (packetBytes > (ulong)packet.Length)
            return unchecked((ulong)-KernelError.Fault);
        return MapHelpers.Give(events.Output(flags & HelperFlags.IndexMask, f.Session.Cpu, f.Bytes(3), packet[..(int)packetBytes]));
    }
}
