using Hachi.Lang.Pcap.Lookup;

namespace Hachi.Cli;

/// <summary>Names from the files of this system (/etc/hosts, ethers, networks, services, protocols), read when the first name is asked for.</summary>
internal sealed class SystemNames : IFilterLookup
{
    private const int FileBytesMax = 64 << 20;

    private readonly Lazy<NameFiles> _files = new(static () =>
        new NameFiles(Read("/etc/hosts"), Read("/etc/ethers"), Read("/etc/networks"), Read("/etc/services"), Read("/etc/protocols"), Read));

    public IReadOnlyList<HostAddress> Hosts(string name) => _files.Value.Hosts(name);

    public ulong? Ether(string name) => _files.Value.Ether(name);

    public uint? Network(string name) => _files.Value.Network(name);

    public ServicePorts? Service(string name) => _files.Value.Service(name);

    public int? Protocol(string name) => _files.Value.Protocol(name);

    public string? FileText(string path) => Read(path);

    private static string? Read(string path)
    {
        try
        {
            var file = new FileInfo(path);
            return file.Exists && file.Length <= FileBytesMax ? File.ReadAllText(path) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            return null;
        }
    }
}
