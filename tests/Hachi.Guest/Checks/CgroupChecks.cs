using System.Net;
using System.Net.Sockets;
using Hachi.Linux.Attach;
using static Hachi.Guest.Lab;

namespace Hachi.Guest.Checks;

/// <summary>Programs on control groups: this process goes into one of its own for each check.</summary>
internal static class CgroupChecks
{
    private const string Groups = "Control groups";

    public static IEnumerable<Check> All =>
    [
        Of("cgroup-skb-egress", "cgroup_skb/egress", "packet dropped", Datagram, "attach cgroup_inet_egress"),
        Of("cgroup-skb-ingress", "cgroup_skb/ingress", "packet dropped", Datagram, "attach cgroup_inet_ingress"),
        new("cgroup-skb-attach", Groups, "cgroup_skb/egress without a link", "packet dropped", _ => Within(path =>
        {
            using Witness witness = NetworkChecks.Verdict("cgroup_skb/egress", 0);
            NetworkChecks.Stops(witness, program => program.AttachCgroup(path, sharing: CgroupSharing.Multi), Datagram);
        })) { Features = ["attach cgroup_inet_egress"] },
        Of("cgroup-sock-create", "cgroup/sock_create", "socket refused", () => Does(() => new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp).Dispose()), "attach cgroup_inet_sock_create"),
        Of("cgroup-bind4", "cgroup/bind4", "bind refused", Bind, "attach cgroup_inet4_bind"),
        Of("cgroup-connect4", "cgroup/connect4", "connect refused", Connection.Connects, "attach cgroup_inet4_connect"),
        Of("cgroup-sendmsg4", "cgroup/sendmsg4", "send refused", Datagram, "attach cgroup_udp4_sendmsg"),
        Of("cgroup-getsockopt", "cgroup/getsockopt", "getsockopt refused", () => Option(isSet: false), "attach cgroup_getsockopt"),
        Of("cgroup-setsockopt", "cgroup/setsockopt", "setsockopt refused", () => Option(isSet: true), "attach cgroup_setsockopt"),
        Of("cgroup-sysctl", "cgroup/sysctl", "read of a sysctl refused", () => Does(() => File.ReadAllText("/proc/sys/kernel/ostype")), "attach cgroup_sysctl"),
        Of("cgroup-device", "cgroup/dev", "device refused", () => Does(() => File.OpenRead("/dev/zero").Dispose()), "attach cgroup_device"),
        new("cgroup-sockops", Groups, "sockops", "connection seen", _ => Within(SockOps)) { Features = ["attach cgroup_sock_ops"] },
        Of("lsm-cgroup", "lsm_cgroup/socket_bind", "bind refused", Bind, "attach lsm_cgroup") with { IsGuestOnly = true },
    ];

    /// <summary>A program that refuses (returns 0).</summary>
    private static Check Of(string name, string section, string effect, Func<bool> goes, string feature) => new(name, Groups, section, effect, _ => Within(path =>
    {
        using Witness witness = NetworkChecks.Verdict(section, 0);
        NetworkChecks.Stops(witness, program => program.AttachCgroup(path), goes);
    }))
    { Features = [feature] };

    private static bool Datagram()
    {
        using var datagrams = new Datagrams();
        return datagrams.Arrive();
    }

    private static bool Bind() => Does(() =>
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
    });

    private static unsafe bool Option(bool isSet)
    {
        const int SoMark = 36;
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        int value = 7;
        uint length = 4;
        return (isSet ? Calls.SetSockOpt((int)socket.Handle, Calls.SolSocket, SoMark, &value, length) : Calls.GetSockOpt((int)socket.Handle, Calls.SolSocket, SoMark, &value, &length)) == 0;
    }

    private static bool Does(Action action)
    {
        try
        {
            action();
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or SocketException)
        {
            return false;
        }
    }

    private static void SockOps(string path)
    {
        using Witness witness = NetworkChecks.Verdict("sockops", 1);
        using (witness.Program.AttachCgroup(path))
            That(Connection.Connects(), "no connection");
        ulong seen = witness[0];
        That(seen > 1, "the program did not run");
        That(Connection.Connects(), "no connection");
        Same(seen, witness[0], "events after the link was disposed");
    }

    /// <summary>Moves this process into a new control group, in a network namespace of this thread's own, and back.</summary>
    private static void Within(Action<string> body)
    {
        NetworkLab.Enter();
        string root = File.ReadLines("/proc/self/mounts").Select(line => line.Split(' ')).FirstOrDefault(row => row[2] == "cgroup2")?[1] ?? throw new CheckException("cgroup2 is not mounted");
        string home = root + File.ReadLines("/proc/self/cgroup").First(line => line.StartsWith("0::", StringComparison.Ordinal))[3..];
        string path = Path.Combine(root, $"hachi-{Environment.ProcessId}-{Witness.ThreadId}");
        Directory.CreateDirectory(path);
        try
        {
            Enter(path);
            body(path);
        }
        finally
        {
            Enter(home);
            Directory.Delete(path);
        }
    }

    private static void Enter(string path) => File.WriteAllText(Path.Combine(path, "cgroup.procs"), Environment.ProcessId.ToString(null, null));
}
