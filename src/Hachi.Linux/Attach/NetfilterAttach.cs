using Hachi.Linux.Load;
using Hachi.Linux.Sys;
using Hachi.Uapi;

namespace Hachi.Linux.Attach;

/// <summary>Where in the path of packets (linux/netfilter.h, <c>enum nf_inet_hooks</c>).</summary>
public enum NetfilterHook
{
    /// <summary>Every packet that came in, before routing.</summary>
    PreRouting,

    /// <summary>Those for this machine.</summary>
    LocalIn,

    /// <summary>Those that are passed on.</summary>
    Forward,

    /// <summary>Those that this machine sends.</summary>
    LocalOut,

    /// <summary>Every packet that goes out, after routing.</summary>
    PostRouting,
}

/// <summary>Programs at netfilter's hooks.</summary>
public static class NetfilterAttach
{
    private const uint Ipv4 = 2, Ipv6 = 10, DefragmentFlag = 1;

    /// <summary>At a hook of the network namespace that this thread is in (Linux 6.4).</summary>
    /// <param name="program">Of kind netfilter: returns 0 to drop, 1 to accept.</param>
    /// <param name="hook">Where.</param>
    /// <param name="priority">Its place in the order, smaller first: not the smallest and not the largest number.</param>
    /// <param name="isIpv6">Of IPv6 instead of IPv4.</param>
    /// <param name="defragments">Whether it wants to see whole packets; then the priority must be above -400.</param>
    /// <exception cref="BpfException">EINVAL: this kernel is older, or the priority is one that it keeps for itself.</exception>
    public static BpfLink AttachNetfilter(this Program program, NetfilterHook hook, int priority, bool isIpv6 = false, bool defragments = false)
    {
        ArgumentNullException.ThrowIfNull(program);
        string description = $"netfilter {(isIpv6 ? "IPv6" : "IPv4")} {hook}, priority {priority}";
        var attributes = new BpfAttributes
        {
            Link =
            {
                Fd = (uint)program.Descriptor,
                Type = (uint)AttachType.Netfilter,
                Netfilter = { Family = isIpv6 ? Ipv6 : Ipv4, Hook = (uint)hook, Priority = priority, Flags = defragments ? DefragmentFlag : 0 },
            },
        };
        int result = BpfSystem.Call(BpfCommand.LinkCreate, ref attributes, 32);
        return result < 0 ? throw Failure.Lacking(BpfCommand.LinkCreate, result, description, KernelFeatures.Of(AttachType.Netfilter)) : new BpfLink(new FileHandle(result), description);
    }
}
