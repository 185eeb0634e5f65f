namespace Hachi.Lang.Pcap.Lookup;

/// <summary>The order in which the addresses of one host are tested: IPv4 first, each family by value, so that a program does not depend on the resolver's mood.</summary>
public sealed class HostOrder : IComparer<HostAddress>
{
    /// <summary>The only instance.</summary>
    public static HostOrder Instance { get; } = new();

    /// <inheritdoc/>
    public int Compare(HostAddress x, HostAddress y) =>
        x.IsIpv6 != y.IsIpv6 ? x.IsIpv6.CompareTo(y.IsIpv6) : x.Value.CompareTo(y.Value);
}
