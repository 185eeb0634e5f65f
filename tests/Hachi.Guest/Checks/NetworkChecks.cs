using System.Net;
using System.Net.Sockets;
using Hachi.Isa;
using Hachi.Linux.Attach;
using Hachi.Linux.Load;
using static Hachi.Guest.Lab;

namespace Hachi.Guest.Checks;

/// <summary>Programs in the way of packets and on sockets, each in a network namespace of its own.</summary>
internal static class NetworkChecks
{
    private const string Interfaces = "Interfaces", Sockets = "Sockets", Netns = "Network namespaces";
    private const int Shot = 2, XdpDrop = 1;

    public static IEnumerable<Check> All =>
    [
        new("tc-ingress", Interfaces, "tc ingress (tcx, or clsact before 6.6)", "packet dropped", _ => FramesDrop("tc", Shot, (program, lab) => program.AttachTc(lab.ReceiverIndex, TcDirection.Ingress))) { Features = ["program sched_cls"] },
        new("tc-egress", Interfaces, "tc egress (tcx, or clsact before 6.6)", "packet dropped", _ => FramesDrop("tc", Shot, (program, lab) => program.AttachTc(lab.SenderIndex, TcDirection.Egress))) { Features = ["program sched_cls"] },
        new("tc-clsact-ingress", Interfaces, "tc ingress by clsact and cls_bpf", "packet dropped", _ => FramesDrop("tc", Shot, (program, lab) => program.AttachTc(lab.ReceiverIndex, TcDirection.Ingress, new TcOptions { UseClassifier = true }))) { Features = ["program sched_cls"] },
        new("tc-clsact-egress", Interfaces, "tc egress by clsact and cls_bpf", "packet dropped", _ => FramesDrop("tc", Shot, (program, lab) => program.AttachTc(lab.SenderIndex, TcDirection.Egress, new TcOptions { UseClassifier = true }))) { Features = ["program sched_cls"] },
        new("tc-order", Interfaces, "order among tc programs", "the earlier one decides", _ => Order()) { Features = ["program sched_cls"] },
        new("xdp-generic", Interfaces, "XDP, generic", "packet dropped", _ => FramesDrop("xdp", XdpDrop, (program, lab) => program.AttachXdp(lab.ReceiverIndex, XdpMode.Generic))) { Features = ["attach xdp"] },
        new("xdp-native", Interfaces, "XDP, in the driver (veth)", "packet dropped", _ => FramesDrop("xdp", XdpDrop, (program, lab) => program.AttachXdp(lab.ReceiverIndex, XdpMode.Native))) { Features = ["attach xdp"] },
        new("xdp-netlink", Interfaces, "XDP by netlink", "packet dropped", _ => FramesDrop("xdp", XdpDrop, (program, lab) => program.AttachXdpByNetlink(lab.ReceiverIndex))) { Features = ["program xdp"] },
        new("socket-classic", Sockets, "socket filter, classic", "packet dropped", _ => ClassicFilter()) { Features = ["program socket_filter"] },
        new("socket-ebpf", Sockets, "socket filter, eBPF", "packet dropped", _ => SocketFilter()) { Features = ["program socket_filter"] },
        new("reuseport", Sockets, "reuseport", "packet given to the chosen socket", _ => Reuseport()) { Features = ["program socket_filter"] },
        new("sk-msg", Sockets, "sk_msg on a sockmap", "send refused", _ => SocketMap("sk_msg", isSender: true)) { Features = ["program sk_msg"] },
        new("sk-skb", Sockets, "sk_skb verdict on a sockmap", "data dropped", _ => SocketMap("sk_skb/stream_verdict", isSender: false)) { Features = ["program sk_skb"] },
        new("sk-lookup", Netns, "sk_lookup", "connection refused", _ => Lookup()) { Features = ["program sk_lookup"] },
        new("netfilter", Netns, "netfilter hook", "packet dropped", _ => Netfilter()) { Features = ["program netfilter"] },
    ];

    /// <summary>A program that counts and gives a verdict.</summary>
    internal static Witness Verdict(string section, int verdict, string others = "") => Witness.Load(section, $"{Witness.Count}\n        r0 = {verdict}\n        exit", others);

    /// <summary>Something goes through before a program is attached and after it is detached, and not while it is attached.</summary>
    internal static void Stops(Witness witness, Func<Program, Link> attach, Func<bool> goes)
    {
        That(goes(), "nothing goes through before the program is attached");
        using (attach(witness.Program))
        {
            That(!goes(), "it goes through although the program is attached");
            That(witness[0] > 0, "the program did not run");
        }
        That(goes(), "nothing goes through after the link was disposed");
    }

    private static void FramesDrop(string section, int verdict, Func<Program, NetworkLab, Link> attach) => NetworkLab.WithPair(lab =>
    {
        using Witness witness = Verdict(section, verdict);
        byte marker = 0;
        Stops(witness, program => attach(program, lab), () => lab.Arrives(++marker));
    });

    private static void Order() => NetworkLab.WithPair(lab =>
    {
        using Witness drop = Verdict("tc", Shot), pass = Verdict("tc", 0);
        using Link second = drop.Program.AttachTc(lab.ReceiverIndex, TcDirection.Ingress, new TcOptions { Priority = 2 });
        That(!lab.Arrives(1), "it goes through although the program is attached");
        using (pass.Program.AttachTc(lab.ReceiverIndex, TcDirection.Ingress, second is BpfLink link ? new TcOptions { Before = link } : new TcOptions { Priority = 1 }))
            That(lab.Arrives(2), "the later program decided");
        That(!lab.Arrives(3), "it goes through although the first program is attached still");
    });

    private static void ClassicFilter()
    {
        NetworkLab.Enter();
        using var datagrams = new Datagrams();
        That(datagrams.Arrive(), "nothing goes through before the filter is attached");
        using (datagrams.Receiver.AttachFilter(new ClassicProgram([new ClassicInsn(ClassicOpcode.Ret, 0)])))
            That(!datagrams.Arrive(), "it goes through although the filter is attached");
        That(datagrams.Arrive(), "nothing goes through after the link was disposed");
    }

    private static void SocketFilter()
    {
        NetworkLab.Enter();
        using var datagrams = new Datagrams();
        using Witness witness = Verdict("socket", 0);
        Stops(witness, datagrams.Receiver.AttachProgram, datagrams.Arrive);
    }

    private static void Reuseport()
    {
        NetworkLab.Enter();
        using var first = new Datagrams(isShared: true);
        using var second = new Datagrams(first);
        foreach (int chosen in (int[])[1, 0, 1])
        {
            using Witness witness = Verdict("socket", chosen);
            using Link link = first.Receiver.AttachReuseport(witness.Program);
            for (int i = 0; i < 4; i++)
                Same(chosen == 1, second.Arrive(), "whether the second socket got it");
            That(witness[0] >= 4, "the program did not run");
        }
    }

    private static void SocketMap(string section, bool isSender)
    {
        NetworkLab.Enter();
        using Witness witness = Verdict(section, 0, ".map socks sockmap key 4 value 4 entries 2");
        using (var pair = new Connection())
            That(pair.Passes(), "nothing goes through before the program is attached");
        using (witness.Program.AttachSockmap(witness.Map("socks")))
        using (var pair = new Connection())
        {
            witness.Map("socks").Set([0, 0, 0, 0], BitConverter.GetBytes((int)(isSender ? pair.Client : pair.Server).Handle));
            That(!pair.Passes(), "it goes through although the program is attached");
            That(witness[0] > 0, "the program did not run");
        }
        using (var pair = new Connection())
            That(pair.Passes(), "nothing goes through after the link was disposed");
    }

    private static void Lookup()
    {
        NetworkLab.Enter();
        using Witness witness = Verdict("sk_lookup", 0);
        Stops(witness, program => program.AttachNetns(), Connection.Connects);
    }

    private static void Netfilter()
    {
        NetworkLab.Enter();
        using var datagrams = new Datagrams();
        using Witness witness = Verdict("netfilter", 0);
        Stops(witness, program => program.AttachNetfilter(NetfilterHook.LocalIn, -10), datagrams.Arrive);
    }
}

/// <summary>A socket that receives datagrams on the loopback, and one that sends them.</summary>
internal sealed class Datagrams : IDisposable
{
    private const int SolSocket = 1, SoReuseport = 15;

    private readonly Socket _sender = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private readonly byte[] _buffer = new byte[64];
    private byte _count;

    public Datagrams(bool isShared = false)
        : this(0, isShared)
    {
    }

    /// <summary>One that shares its port with another.</summary>
    public Datagrams(Datagrams other)
        : this(((IPEndPoint)other.Receiver.LocalEndPoint!).Port, true)
    {
    }

    private Datagrams(int port, bool isShared)
    {
        if (isShared)
            Receiver.SetRawSocketOption(SolSocket, SoReuseport, [1, 0, 0, 0]);
        Receiver.Bind(new IPEndPoint(IPAddress.Loopback, port));
        Receiver.ReceiveTimeout = 250;
    }

    public Socket Receiver { get; } = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);

    /// <summary>Sends a datagram and tells whether it arrives.</summary>
    public bool Arrive()
    {
        try
        {
            while (Receiver.Available > 0)
                Receiver.Receive(_buffer);
            _sender.SendTo([++_count], Receiver.LocalEndPoint!);
            return Receiver.Receive(_buffer) == 1 && _buffer[0] == _count;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Receiver.Dispose();
        _sender.Dispose();
    }
}

/// <summary>Both ends of a connection on the loopback.</summary>
internal sealed class Connection : IDisposable
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);

    public Connection()
    {
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(1);
        Client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        Client.Connect(_listener.LocalEndPoint!);
        Server = _listener.Accept();
        Server.ReceiveTimeout = 250;
    }

    public Socket Client { get; }

    public Socket Server { get; }

    /// <summary>Whether a connection comes about.</summary>
    public static bool Connects()
    {
        try
        {
            using var stream = new Connection();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <summary>Whether what the one end sends arrives at the other.</summary>
    public bool Passes()
    {
        try
        {
            Client.Send([1]);
            return Server.Receive(new byte[8]) == 1;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Client.Dispose();
        Server.Dispose();
        _listener.Dispose();
    }
}
