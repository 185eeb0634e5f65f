using Hachi.Captures;
using Hachi.Linux.Sys;

namespace Hachi.Linux.Capture;

/// <summary>A network interface as a capture sees it.</summary>
/// <param name="Index">The kernel's number for it; 0 for <see cref="Any"/>.</param>
/// <param name="Name">Its name. Whoever may make interfaces chooses it: print it through <see cref="Text.Escaper"/> only.</param>
/// <param name="LinkType">What captured packets start with.</param>
/// <param name="IsCooked">Whether the link-layer header is one that we make (LINUX_SLL2), because the interface has none that is of use.</param>
public sealed record CaptureDevice(int Index, string Name, LinkType LinkType, bool IsCooked)
{
    private const uint FlagUp = 1, FlagLoopback = 8, FlagRunning = 0x40;

    /// <summary>Name of the device that stands for every interface.</summary>
    public const string AnyName = "any";

    /// <summary>Every interface at once, those that come later included; the interface of a packet stands in its LINUX_SLL2 header.</summary>
    public static CaptureDevice Any { get; } = new(0, AnyName, LinkType.LinuxSll2, IsCooked: true) { IsUp = true, IsRunning = true };

    /// <summary>Whether it is switched on (IFF_UP).</summary>
    public bool IsUp { get; init; }

    /// <summary>Whether it has a carrier (IFF_RUNNING).</summary>
    public bool IsRunning { get; init; }

    /// <summary>Whether it is the loopback interface, on which every packet is seen twice: going out and coming in.</summary>
    public bool IsLoopback { get; init; }

    /// <summary>The interfaces of this network namespace, by index. Needs no privilege.</summary>
    /// <exception cref="BpfException">The kernel refused.</exception>
    public static IReadOnlyList<CaptureDevice> List() => LinkList.Read().ConvertAll(Of);

    /// <summary>The interface of a name or a number, or <see cref="Any"/>; null when there is none.</summary>
    /// <exception cref="BpfException">The kernel refused.</exception>
    public static CaptureDevice? Find(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name == AnyName)
            return Any;
        IReadOnlyList<CaptureDevice> all = List();
        return all.FirstOrDefault(device => device.Name == name)
            ?? (int.TryParse(name, System.Globalization.NumberStyles.None, null, out int index) ? all.FirstOrDefault(device => device.Index == index) : null);
    }

    /// <summary>The interface that is captured on when none is named: the first that is up and has a carrier, loopback only if there is no other.</summary>
    /// <exception cref="BpfException">The kernel refused.</exception>
    public static CaptureDevice? Default() => List().Where(device => device.IsUp)
        .OrderByDescending(device => device.IsRunning).ThenBy(device => device.IsLoopback).ThenBy(device => device.Index).FirstOrDefault();

    /// <summary>The netmask of its (first) IPv4 address, highest byte first, for <c>ip broadcast</c>; null when it has none.</summary>
    public uint? NetMask() => Index == 0 ? null : LinkList.NetMask(Name);

    private static CaptureDevice Of(LinkList.Row row)
    {
        LinkType link = HardwareLinkType.Of(row.HardwareType) ?? LinkType.LinuxSll2;
        return new CaptureDevice(row.Index, row.Name, link, HardwareLinkType.IsCooked(link))
        {
            IsUp = (row.Flags & FlagUp) != 0,
            IsRunning = (row.Flags & FlagRunning) != 0,
            IsLoopback = (row.Flags & FlagLoopback) != 0,
        };
    }
}
