namespace Hachi.Lang.Pcap.Lookup;

/// <summary>One address of a host.</summary>
/// <param name="IsIpv6">Which family.</param>
/// <param name="Value">The 32 or 128 bits, first byte most significant.</param>
public readonly record struct HostAddress(bool IsIpv6, UInt128 Value);

/// <summary>The ports of a service name; -1 where the protocol has no such service.</summary>
/// <param name="Tcp">TCP port or -1.</param>
/// <param name="Udp">UDP port or -1.</param>
/// <param name="Sctp">SCTP port or -1.</param>
public readonly record struct ServicePorts(int Tcp, int Udp, int Sctp);

/// <summary>
/// What a filter expression must ask of the world: names. Implementations answer from files, from a fixed table, or not at all;
/// the same answers give the same program. Names come as written; hosts, ethers and networks are compared without regard to case.
/// </summary>
public interface IFilterLookup
{
    /// <summary>All addresses of a host name in the order of <see cref="HostOrder"/>; empty if it is unknown.</summary>
    IReadOnlyList<HostAddress> Hosts(string name);

    /// <summary>The 48-bit MAC address of a name, as in ethers(5), or null.</summary>
    ulong? Ether(string name);

    /// <summary>The number of a network, as in networks(5) and getnetbyname(3): host byte order, not shifted (<c>10.20.0.0</c> is 0x0a140000, <c>127</c> is 127); or null.</summary>
    uint? Network(string name);

    /// <summary>The ports of a service, as in services(5), or null.</summary>
    ServicePorts? Service(string name);

    /// <summary>The number of an IP protocol, as in protocols(5), or null.</summary>
    int? Protocol(string name);

    /// <summary>The text of a file that an expression names with <c>@FILE</c>, or null if it cannot be read.</summary>
    string? FileText(string path);
}
