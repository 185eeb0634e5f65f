using Hachi.Uapi;
using Hachi.Vm.Contexts;
using Hachi.Vm.Maps;

namespace Hachi.Vm.Helpers.Packets;

/// <summary>Helpers on XDP frames (net/core/filter.c).</summary>
internal static class XdpHelpers
{
    private const uint ReachMax = 0xffff;

    public static void Register(RegisterHelper add)
    {
        add(Helper.XdpAdjustHead, HelperPlaces.Xdp, static (ref HelperFrame f) => Moved(ref f, Xdp(ref f).AdjustHead((int)f[1]) ? 0 : -KernelError.Inval));
        add(Helper.XdpAdjustTail, HelperPlaces.Xdp, static (ref HelperFrame f) => Moved(ref f, Xdp(ref f).AdjustTail((int)f[1]) ? 0 : -KernelError.Inval));
        add(Helper.XdpAdjustMeta, HelperPlaces.Xdp, static (ref HelperFrame f) => Moved(ref f, Xdp(ref f).AdjustMeta((int)f[1])));
        add(Helper.XdpGetBuffLen, HelperPlaces.Xdp, static (ref HelperFrame f) => (ulong)Xdp(ref f).Bytes.Length);
        add(Helper.XdpLoadBytes, HelperPlaces.Xdp, static (ref HelperFrame f) => Copy(ref f, isStore: false));
        add(Helper.XdpStoreBytes, HelperPlaces.Xdp, static (ref HelperFrame f) => Copy(ref f, isStore: true));
        // The context's kind decides what a perf event may carry of the packet.
        add(Helper.PerfEventOutput, HelperPlaces.All, static (ref HelperFrame f) => RingHelpers.PerfOutput(ref f, f.Call.Environment is PacketContext packet ? packet.Bytes : []));
    }

    private static XdpContext Xdp(ref HelperFrame f) => (XdpContext)f.Call.Environment!;

    private static ulong Moved(ref HelperFrame f, int result)
    {
        if (result == 0)
            Xdp(ref f).Show(f.Call);
        return (ulong)result;
    }

    private static ulong Copy(ref HelperFrame f, bool isStore)
    {
        Span<byte> packet = Xdp(ref f).Bytes, other = f.Bytes(2);
        uint offset = (uint)f[1];
        if (offset > ReachMax || other.Length > ReachMax)
            return unchecked((ulong)-KernelError.Fault);
        if (offset + other.Length > packet.Length)
            return unchecked((ulong)-KernelError.Inval);
        Span<byte> part = packet.Slice((int)offset, other.Length);
        if (isStore)
            other.CopyTo(part);
        else
            part.CopyTo(other);
        return 0;
    }
}
