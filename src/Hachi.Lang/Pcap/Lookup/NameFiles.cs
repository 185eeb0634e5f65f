using System.Globalization;
using Hachi.Lang.Pcap.Syntax;

namespace Hachi.Lang.Pcap.Lookup;

/// <summary>
/// Look-up in the texts of hosts(5), ethers(5), networks(5), services(5) and protocols(5). Who calls reads the files; this only parses.
/// Names that the texts do not hold are then looked for in <see cref="WellKnown"/>.
/// </summary>
public sealed class NameFiles : IFilterLookup
{
    private readonly Dictionary<string, List<HostAddress>> _hosts = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, ulong> _ethers = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, uint> _networks = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, ServicePorts> _services = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _protocols = new(StringComparer.Ordinal);
    private readonly Func<string, string?>? _readFile;

    /// <summary>No files: only the well-known names.</summary>
    public static NameFiles Empty { get; } = new();

    /// <summary>Parses the texts; null and malformed lines are passed over, as the C library does.</summary>
    /// <param name="hosts">Text of /etc/hosts.</param>
    /// <param name="ethers">Text of /etc/ethers.</param>
    /// <param name="networks">Text of /etc/networks.</param>
    /// <param name="services">Text of /etc/services.</param>
    /// <param name="protocols">Text of /etc/protocols.</param>
    /// <param name="readFile">Gives the text of a file that an expression names with <c>@FILE</c>, or null; when left out there are no such files.</param>
    public NameFiles(string? hosts = null, string? ethers = null, string? networks = null, string? services = null, string? protocols = null,
        Func<string, string?>? readFile = null)
    {
        _readFile = readFile;
        EachLine(hosts, AddHost);
        EachLine(ethers, AddEther);
        EachLine(networks, AddNetwork);
        EachLine(services, AddService);
        EachLine(protocols, AddProtocol);
        foreach (List<HostAddress> addresses in _hosts.Values)
            addresses.Sort(HostOrder.Instance);
    }

    /// <inheritdoc/>
    public IReadOnlyList<HostAddress> Hosts(string name) => _hosts.TryGetValue(name, out List<HostAddress>? addresses) ? addresses : [];

    /// <inheritdoc/>
    public ulong? Ether(string name) => _ethers.TryGetValue(name, out ulong mac) ? mac : null;

    /// <inheritdoc/>
    public uint? Network(string name) => _networks.TryGetValue(name, out uint network) ? network : null;

    /// <inheritdoc/>
    public ServicePorts? Service(string name) => _services.TryGetValue(name, out ServicePorts ports) ? ports : WellKnown.Service(name);

    /// <inheritdoc/>
    public int? Protocol(string name) => _protocols.TryGetValue(name, out int number) ? number : WellKnown.Protocol(name);

    /// <inheritdoc/>
    public string? FileText(string path) => _readFile?.Invoke(path);

    private static void EachLine(string? text, Action<string[]> add)
    {
        foreach (ReadOnlySpan<char> line in text.AsSpan().EnumerateLines())
        {
            int comment = line.IndexOf('#');
            string[] words = (comment < 0 ? line : line[..comment]).ToString().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            if (words.Length >= 2)
                add(words);
        }
    }

    private void AddHost(string[] words)
    {
        HostAddress address;
        if (AddressText.TryQuad(words[0], out uint ip4))
            address = new HostAddress(false, ip4);
        else if (words[0].Contains(':') && AddressText.Ipv6Length(words[0]) == words[0].Length && AddressText.TryIpv6(words[0], out UInt128 ip6))
            address = new HostAddress(true, ip6);
        else
            return;
        for (int i = 1; i < words.Length; i++)
        {
            if (!_hosts.TryGetValue(words[i], out List<HostAddress>? addresses))
                _hosts[words[i]] = addresses = [];
            if (!addresses.Contains(address))
                addresses.Add(address);
        }
    }

    private void AddEther(string[] words)
    {
        if (AddressText.TryMac48(words[0], out ulong mac))
            _ethers.TryAdd(words[1], mac);
    }

    private void AddNetwork(string[] words)
    {
        uint value = 0;
        string[] parts = words[1].Split('.');
        if (parts.Length > 4)
            return;
        foreach (string part in parts)
        {
            if (!byte.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out byte octet))
                return;
            value = (value << 8) | octet;
        }
        _networks.TryAdd(words[0], value);
        for (int i = 2; i < words.Length; i++)
            _networks.TryAdd(words[i], value);
    }

    private void AddService(string[] words)
    {
        int slash = words[1].IndexOf('/');
        if (slash < 0 || !ushort.TryParse(words[1].AsSpan(0, slash), NumberStyles.None, CultureInfo.InvariantCulture, out ushort port))
            return;
        string protocol = words[1][(slash + 1)..];
        for (int i = 0; i < words.Length; i++)
        {
            if (i == 1)
                continue;
            ServicePorts ports = _services.TryGetValue(words[i], out ServicePorts known) ? known : new ServicePorts(-1, -1, -1);
            _services[words[i]] = protocol switch
            {
                "tcp" when ports.Tcp < 0 => ports with { Tcp = port },
                "udp" when ports.Udp < 0 => ports with { Udp = port },
                "sctp" when ports.Sctp < 0 => ports with { Sctp = port },
                _ => ports,
            };
        }
    }

    private void AddProtocol(string[] words)
    {
        if (!byte.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out byte number))
            return;
        _protocols.TryAdd(words[0], number);
        for (int i = 2; i < words.Length; i++)
            _protocols.TryAdd(words[i], number);
    }
}
