using System.Buffers.Binary;
using Hachi.Uapi;
using Hachi.Vm.Contexts;
using Hachi.Vm.Maps;

namespace Hachi.Vm.Helpers.Packets;

/// <summary>Helpers on socket buffers (net/core/filter.c). The whole packet is always in one piece here.</summary>
internal static unsafe class SkbHelpers
{
    private const uint OffsetMax = int.MaxValue, RelativeMax = 0xffff, TagControlPresent = 0x8100;

    public static void Register(RegisterHelper add)
    {
        add(Helper.SkbLoadBytes, HelperPlaces.Skb, Load);
        add(Helper.SkbLoadBytesRelative, HelperPlaces.Skb, LoadRelative);
        add(Helper.SkbStoreBytes, HelperPlaces.Tc, Store);
        add(Helper.SkbPullData, HelperPlaces.Tc, static (ref HelperFrame f) => (uint)f[1] <= (uint)Skb(ref f).Bytes.Length ? 0 : Fail(KernelError.Nomem));
        add(Helper.SkbChangeHead, HelperPlaces.Tc, ChangeHead);
        add(Helper.SkbChangeTail, HelperPlaces.Tc, ChangeTail);
        add(Helper.SkbChangeType, HelperPlaces.Tc, ChangeType);
        add(Helper.SkbVlanPush, HelperPlaces.Tc, VlanPush);
        add(Helper.SkbVlanPop, HelperPlaces.Tc, VlanPop);
        add(Helper.GetHashRecalc, HelperPlaces.Tc, static (ref HelperFrame f) => Skb(ref f).Hash);
        add(Helper.SetHash, HelperPlaces.Tc, static (ref HelperFrame f) => (Skb(ref f).Hash = (uint)f[1]) & 0);
        add(Helper.SetHashInvalid, HelperPlaces.Tc, static (ref HelperFrame f) => Skb(ref f).Hash = 0);
        add(Helper.GetSocketCookie, HelperPlaces.Skb, static (ref HelperFrame f) => Skb(ref f).SocketCookie);
        add(Helper.GetSocketUid, HelperPlaces.Skb, static (ref HelperFrame f) => Skb(ref f).SocketUid);
        add(Helper.Redirect, HelperPlaces.Tc | HelperPlaces.Xdp, Redirect);
        add(Helper.RedirectPeer, HelperPlaces.Tc, static (ref HelperFrame f) => RedirectTo(ref f, RedirectKind.Peer, f[1], f[1] == 0));
        add(Helper.RedirectNeigh, HelperPlaces.Tc, static (ref HelperFrame f) => RedirectTo(ref f, RedirectKind.Neighbour, f[3], f[3] == 0 && f[2] is 0 or >= 20));
        add(Helper.CloneRedirect, HelperPlaces.Tc, Clone);
    }

    private static SkbContext Skb(ref HelperFrame f) => (SkbContext)f.Call.Environment!;

    private static ulong Fail(int error) => unchecked((ulong)-error);

    private static ulong Load(ref HelperFrame f)
    {
        Span<byte> packet = Skb(ref f).Bytes, to = f.Bytes(2);
        uint offset = (uint)f[1];
        if (offset <= OffsetMax && offset + (ulong)to.Length <= (ulong)packet.Length)
        {
            packet.Slice((int)offset, to.Length).CopyTo(to);
            return 0;
        }
        to.Clear();
        return Fail(KernelError.Fault);
    }

    private static ulong LoadRelative(ref HelperFrame f)
    {
        SkbContext skb = Skb(ref f);
        Span<byte> to = f.Bytes(2);
        uint offset = (uint)f[1];
        long start = (uint)f[4] switch { 0 => skb.LinkOffset, 1 => skb.NetworkOffset, _ => -1 };
        if (offset <= RelativeMax && start >= 0 && start + offset + to.Length <= skb.End)
        {
            new Span<byte>(skb.Memory + start + offset, to.Length).CopyTo(to);
            return 0;
        }
        to.Clear();
        return Fail(KernelError.Fault);
    }

    private static ulong Store(ref HelperFrame f)
    {
        Span<byte> packet = Skb(ref f).Bytes, from = f.Bytes(2);
        uint offset = (uint)f[1];
        if ((f[4] & ~3ul) != 0)
            return Fail(KernelError.Inval);
        if (offset > OffsetMax || offset + (ulong)from.Length > (ulong)packet.Length)
            return Fail(KernelError.Fault);
        from.CopyTo(packet[(int)offset..]);
        if ((f[4] & 2) != 0)
            Skb(ref f).Hash = 0;
        return 0;
    }

    private static ulong ChangeHead(ref HelperFrame f)
    {
        if (f[2] != 0 || (uint)f[1] > 0xffff || !Skb(ref f).Push((int)f[1]))
            return Fail(KernelError.Inval);
        Skb(ref f).Show(f.Call);
        return 0;
    }

    private static ulong ChangeTail(ref HelperFrame f)
    {
        if (f[2] != 0 || !Skb(ref f).Resize((uint)f[1]))
            return Fail(KernelError.Inval);
        Skb(ref f).Show(f.Call);
        return 0;
    }

    private static ulong ChangeType(ref HelperFrame f)
    {
        SkbContext skb = Skb(ref f);
        if (skb.PacketType > 3 || (uint)f[1] > 3)
            return Fail(KernelError.Inval);
        skb.PacketType = (uint)f[1];
        return 0;
    }

    // The tag stands beside the packet; one that stood there already goes into it.
    private static ulong VlanPush(ref HelperFrame f)
    {
        SkbContext skb = Skb(ref f);
        if (skb.VlanTci is { } old)
        {
            if (!skb.MoveVlan(isPush: true))
                return Fail(KernelError.Nomem);
            BinaryPrimitives.WriteUInt16LittleEndian(skb.Bytes[12..], skb.VlanProtocol);
            BinaryPrimitives.WriteUInt16BigEndian(skb.Bytes[14..], old);
            skb.Protocol = skb.VlanProtocol;
        }
        ushort protocol = (ushort)f[1];
        skb.VlanProtocol = BinaryPrimitives.ReverseEndianness(protocol) is 0x8100 or 0x88a8 ? protocol : BinaryPrimitives.ReverseEndianness((ushort)TagControlPresent);
        skb.VlanTci = (ushort)f[2];
        skb.Show(f.Call);
        return 0;
    }

    private static ulong VlanPop(ref HelperFrame f)
    {
        SkbContext skb = Skb(ref f);
        bool hadOne = skb.VlanTci is not null;
        skb.VlanTci = null;
        if (IsTag(skb.Protocol) && skb.Bytes.Length >= 18)
        {
            ushort tag = BinaryPrimitives.ReadUInt16BigEndian(skb.Bytes[14..]), outer = skb.Protocol;
            if (!skb.MoveVlan(isPush: false))
                return Fail(KernelError.Nomem);
            skb.Protocol = BinaryPrimitives.ReadUInt16LittleEndian(skb.Bytes[12..]);
            // With a tag beside the packet, the next one inside takes its place.
            (skb.VlanTci, skb.VlanProtocol) = hadOne ? (tag, outer) : ((ushort?)null, skb.VlanProtocol);
        }
        skb.Show(f.Call);
        return 0;
    }

    private static bool IsTag(ushort protocol) => BinaryPrimitives.ReverseEndianness(protocol) is 0x8100 or 0x88a8;

    private static ulong Redirect(ref HelperFrame f)
    {
        if (f.Call.Environment is not XdpContext xdp)
            return RedirectTo(ref f, RedirectKind.Interface, f[1], (f[1] & ~HelperFlags.Ingress) == 0);
        if (f[1] != 0)
            return (ulong)XdpAction.Aborted;
        xdp.Redirect(new PacketRedirect(RedirectKind.Interface, (uint)f[0], 0));
        return (ulong)XdpAction.Redirect;
    }

    private static ulong RedirectTo(ref HelperFrame f, RedirectKind kind, ulong flags, bool isGood)
    {
        if (!isGood)
            return (ulong)TcAction.Shot;
        Skb(ref f).Redirect(new PacketRedirect(kind, (uint)f[0], flags));
        return (ulong)TcAction.Redirect;
    }

    private static ulong Clone(ref HelperFrame f)
    {
        if ((f[2] & ~HelperFlags.Ingress) != 0)
            return Fail(KernelError.Inval);
        Skb(ref f).Redirect(new PacketRedirect(RedirectKind.Clone, (uint)f[1], f[2]));
        return 0;
    }
}
