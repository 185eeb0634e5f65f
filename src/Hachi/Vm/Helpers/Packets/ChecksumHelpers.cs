using System.Runtime.InteropServices;
using Hachi.Uapi;
using Hachi.Vm.Contexts;
using Hachi.Vm.Maps;

namespace Hachi.Vm.Helpers.Packets;

/// <summary>Internet checksums: sums of 16-bit words in ones' complement (RFC 1071), in memory order as the kernel computes them.</summary>
internal static unsafe class ChecksumHelpers
{
    private const ulong FieldMask = 0xf, PseudoHeader = 0x10, MarkMangled = 0x20, MarkEnforce = 0x40;

    public static void Register(RegisterHelper add)
    {
        add(Helper.CsumDiff, HelperPlaces.All & ~HelperPlaces.Socket, Difference);
        add(Helper.CsumUpdate, HelperPlaces.Tc, static (ref HelperFrame _) => unchecked((ulong)-KernelError.Notsupp)); // it adds to the sum that a device left: no packet here has one
        add(Helper.CsumLevel, HelperPlaces.Tc, Level);
        add(Helper.L3CsumReplace, HelperPlaces.Tc, static (ref HelperFrame f) => Replace(ref f, FieldMask));
        add(Helper.L4CsumReplace, HelperPlaces.Tc, static (ref HelperFrame f) => Replace(ref f, FieldMask | PseudoHeader | MarkMangled | MarkEnforce));
    }

    private static ulong Difference(ref HelperFrame f)
    {
        Span<byte> from = f.Bytes(0), to = f.Bytes(2);
        if (from.Length % 4 != 0 || to.Length % 4 != 0)
            return unchecked((ulong)-KernelError.Inval);
        ulong sum = (uint)f[4];
        foreach (uint word in MemoryMarshal.Cast<byte, uint>(from))
            sum += ~word;
        foreach (uint word in MemoryMarshal.Cast<byte, uint>(to))
            sum += word;
        return Fold(sum);
    }

    /// <summary>A sum as 16 bits.</summary>
    public static ushort Fold(ulong sum)
    {
        while (sum >> 16 != 0)
            sum = (sum & 0xffff) + (sum >> 16);
        return (ushort)sum;
    }

    // include/linux/skbuff.h, __skb_incr_checksum_unnecessary and its neighbours.
    private static ulong Level(ref HelperFrame f)
    {
        const int most = 3;
        var skb = (SkbContext)f.Call.Environment!;
        switch (f[1])
        {
            case 0:
                return skb.ChecksumLevel is { } level ? (ulong)level : unchecked((ulong)-KernelError.Acces);
            case 1:
                skb.ChecksumLevel = skb.ChecksumLevel is { } known ? Math.Min(known + 1, most) : 0;
                return 0;
            case 2:
                skb.ChecksumLevel = skb.ChecksumLevel is > 0 and var above ? above - 1 : null;
                return 0;
            case 3:
                skb.ChecksumLevel = null;
                return 0;
            default:
                return unchecked((ulong)-KernelError.Inval);
        }
    }

    private static ulong Replace(ref HelperFrame f, ulong flagsAllowed)
    {
        (ulong offset, ulong from, ulong to, ulong flags) = ((uint)f[1], f[2], f[3], f[4]);
        if ((flags & ~flagsAllowed) != 0)
            return unchecked((ulong)-KernelError.Inval);
        var skb = (SkbContext)f.Call.Environment!;
        if (offset > 0xffff || (offset & 1) != 0 || offset + 2 > (ulong)skb.Bytes.Length)
            return unchecked((ulong)-KernelError.Fault);
        ushort* field = (ushort*)(skb.Memory + skb.Start + (int)offset);
        bool isMangled = (flags & MarkMangled) != 0;
        if (isMangled && (flags & MarkEnforce) == 0 && *field == 0)
            return 0;
        ulong sum = (ushort)~*field;
        switch (flags & FieldMask)
        {
            case 0 when from == 0:
                sum += (uint)to;
                break;
            case 2 when flagsAllowed == FieldMask:
                sum += (ulong)(ushort)~(ushort)from + (ushort)to;
                break;
            case 2:
                sum += (ulong)~(uint)(ushort)from + (ushort)to;
                break;
            case 4:
                sum += (ulong)~(uint)from + (uint)to;
                break;
            default:
                return unchecked((ulong)-KernelError.Inval);
        }
        *field = (ushort)~Fold(sum);
        if (isMangled && *field == 0)
            *field = 0xffff;
        return 0;
    }
}
