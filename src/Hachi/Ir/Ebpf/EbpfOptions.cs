namespace Hachi.Ir.Ebpf;

/// <summary>How an eBPF program reads the packet, which depends on where it is attached.</summary>
public enum PacketAccess : byte
{
    /// <summary>By the packet loads <c>LD_ABS</c> and <c>LD_IND</c>: socket filters (context <c>struct __sk_buff</c>).</summary>
    Loads,

    /// <summary>Directly, with bounds guards, in a traffic-control program (context <c>struct __sk_buff</c>).</summary>
    DirectTc,

    /// <summary>Directly, with bounds guards, in an XDP program (context <c>struct xdp_md</c>).</summary>
    DirectXdp,
}

/// <summary>What <see cref="ClassicToEbpf"/> makes of a classic program.</summary>
/// <param name="Access">How it reads the packet.</param>
/// <param name="Accept">What is returned instead of a verdict that is not 0; null keeps the verdict.</param>
/// <param name="Reject">What is returned instead of the verdict 0.</param>
public sealed record EbpfOptions(PacketAccess Access, int? Accept = null, int Reject = 0)
{
    /// <summary>A socket filter: the verdict is returned as it is (bytes to keep).</summary>
    public static EbpfOptions Socket { get; } = new(PacketAccess.Loads);

    /// <summary>A classifier for <c>tc filter … bpf</c>: -1 (match, default class) or 0 (no match).</summary>
    public static EbpfOptions Tc { get; } = new(PacketAccess.DirectTc, -1);

    /// <summary>An XDP program that passes what matches (XDP_PASS) and drops the rest (XDP_DROP).</summary>
    public static EbpfOptions Xdp { get; } = new(PacketAccess.DirectXdp, 2, 1);
}
