using Hachi.Lang.Pcap.Lookup;
using Hachi.Tests.Support;

namespace Hachi.Tests.Pcap;

/// <summary>Names from the texts of the system's files, and those that need none.</summary>
public sealed class LookupTests
{
    [Fact]
    public void HostsAreSortedAndCaseDoesNotMatter()
    {
        var files = new NameFiles(hosts: "fe80::2 box # mine\n10.0.0.9 Box other\n\n10.0.0.1\tbox\nfe80::1 box\n10.0.0.300 bad\nnonsense box\n10.0.0.1 box\n");
        Assert.Equal(
            [new HostAddress(false, 0x0a000001), new HostAddress(false, 0x0a000009), new HostAddress(true, (UInt128)0xfe80 << 112 | 1), new HostAddress(true, (UInt128)0xfe80 << 112 | 2)],
            files.Hosts("BOX"));
        Assert.Single(files.Hosts("other"));
        Assert.Empty(files.Hosts("bad"));
    }

    [Fact]
    public void EthersNetworksServicesProtocols()
    {
        var files = new NameFiles(
            ethers: "0:1b:44:11:3a:b7 box\n00-1b-44-11-3a-b8 two\n12:34 bad\n",
            networks: "loopback 127.0.0.0\nshort 10.20 alias\nbad 1.2.3.4.5\n",
            services: "http 80/tcp www\nhttp 8081/udp\nodd 7/ddp\n",
            protocols: "ip 0 IP\nours 200 OURS\nbad 300\n");
        Assert.Equal(0x001b44113ab7ul, files.Ether("Box"));
        Assert.Equal(0x001b44113ab8ul, files.Ether("two"));
        Assert.Null(files.Ether("bad"));
        Assert.Equal(0x7f000000u, files.Network("LOOPBACK"));
        Assert.Equal(0x0a14u, files.Network("alias"));
        Assert.Null(files.Network("bad"));
        Assert.Equal(new ServicePorts(80, 8081, -1), files.Service("http"));
        Assert.Equal(new ServicePorts(80, -1, -1), files.Service("www"));
        Assert.Equal(new ServicePorts(22, -1, -1), files.Service("ssh"));
        Assert.Equal(200, files.Protocol("OURS"));
        Assert.Equal(6, files.Protocol("tcp"));
        Assert.Null(files.Protocol("bad"));
        Assert.Null(files.FileText("x"));
    }

    [Fact]
    public void WellKnownServicesAgreeWithTheSystemsFile()
    {
        if (!File.Exists("/etc/services"))
            Assert.Skip("needs /etc/services: ./test --install (Debian package netbase)");
        var system = new NameFiles(services: File.ReadAllText("/etc/services"));
        int compared = 0;
        foreach (string name in new[] { "ftp", "ftp-data", "ssh", "telnet", "smtp", "domain", "bootps", "bootpc", "tftp", "http", "kerberos", "pop3", "sunrpc", "ntp", "imap2", "snmp", "ldap", "https", "syslog", "nfs", "mysql", "sip", "amqp", "postgresql", "echo", "printer", "rsync", "git" })
        {
            Assert.Equal(system.Service(name), WellKnown.Service(name));
            compared++;
        }
        Assert.True(compared > 20);
    }

    [Fact]
    public void TheCorpusFilesParse()
    {
        string folder = Shared.Find("corpus/libpcap");
        var files = new NameFiles(File.ReadAllText(Path.Combine(folder, "hosts")), File.ReadAllText(Path.Combine(folder, "ethers")), File.ReadAllText(Path.Combine(folder, "networks")));
        Assert.Equal(6, files.Hosts("eth-ipv4x4-ipv6x2.host357.libpcap.test").Count);
        Assert.Equal(0xaa000400140eul, files.Ether("ETH-ipv4-ipv6.host123.libpcap.test"));
        Assert.Equal(0x0a140000u, files.Network("net-10-20-0-0.libpcap.test"));
    }
}
