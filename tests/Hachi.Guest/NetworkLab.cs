using System.Buffers.Binary;
using System.Net;
using System.Runtime.InteropServices;
using System.Text;
using Hachi.Linux.Sys;
using static Hachi.Guest.Calls;

namespace Hachi.Guest;

/// <summary>
/// A network namespace of this thread's own, with two ends of a cable: <c>v0</c>, from which frames are sent, and <c>v1</c>, where they arrive. It goes with the thread; nothing
/// else of the machine sees it.
/// </summary>
internal sealed unsafe class NetworkLab : IDisposable
{
    /// <summary>The kind of frames that are sent: one that is kept for experiments, so that nothing else counts.</summary>
    public const ushort EtherType = 0x88b5;

    private const int SysPoll = 7, Nonblock = 0x800;
    private const ushort InfoKind = 1, InfoData = 2, InfoPeer = 1, Name = 3, LinkInfo = 18;

    private readonly int _sender, _receiver;

    private NetworkLab()
    {
        SenderIndex = (int)InterfaceIndex("v0");
        ReceiverIndex = (int)InterfaceIndex("v1");
        _receiver = Open(ReceiverIndex);
        _sender = Open(SenderIndex);
    }

    /// <summary>The number of the end that sends.</summary>
    public int SenderIndex { get; }

    /// <summary>The number of the end where frames arrive.</summary>
    public int ReceiverIndex { get; }

    /// <summary>Does something in such a namespace.</summary>
    public static void WithPair(Action<NetworkLab> body)
    {
        Enter();
        byte[] peer = [.. new byte[16], 7, 0, 3, 0, (byte)'v', (byte)'1', 0, 0];
        Must(new Netlink(Netlink.NewLink, Netlink.FlagCreate | Netlink.FlagExclusive, new byte[16]).Add(Name, "v0")
            .AddNested(LinkInfo, link => link.Add(InfoKind, "veth").AddNested(InfoData, data => data.Add(InfoPeer | 0x8000, peer))).Send(), "adding veth");
        // The receiving end first: in the other order the first frames vanish.
        SetUp((int)InterfaceIndex("v1"));
        SetUp((int)InterfaceIndex("v0"));
        using var lab = new NetworkLab();
        body(lab);
    }

    /// <summary>Puts this thread into a network namespace of its own, whose only interface, the loopback, is up.</summary>
    public static void Enter()
    {
        Calls.Must(Unshare(CloneNewNet), "unshare");
        // No frames but those that are sent here.
        foreach (string each in (string[])["default", "all"])
            if (File.Exists($"/proc/sys/net/ipv6/conf/{each}/disable_ipv6"))
                File.WriteAllText($"/proc/sys/net/ipv6/conf/{each}/disable_ipv6", "1");
        SetUp(1);
    }

    /// <summary>Gives an interface an IPv4 address.</summary>
    public static void AddAddress(int index, string address, byte prefixBits)
    {
        const ushort NewAddress = 20, Local = 2, Address = 1;
        byte[] body = [(byte)AfInet, prefixBits, 0, 0, 0, 0, 0, 0], bytes = IPAddress.Parse(address).GetAddressBytes();
        BinaryPrimitives.WriteInt32LittleEndian(body.AsSpan(4), index);
        Must(new Netlink(NewAddress, Netlink.FlagCreate | Netlink.FlagExclusive, body).Add(Local, bytes).Add(Address, bytes).Send(), "adding an address");
    }

    /// <summary>Sends a frame from the one end and tells whether it arrives at the other.</summary>
    /// <param name="marker">A byte of its payload, to tell frames apart.</param>
    public bool Arrives(byte marker = 0)
    {
        while (Receive(0) is not null)
            continue;
        Send(marker);
        // One that never arrives has to be waited for: a quarter of a second, of which the machine needs a hundredth.
        while (Receive(250) is { } frame)
            if (frame.Length > 14 && BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(12)) == EtherType && frame[14] == marker)
                return true;
        return false;
    }

    /// <summary>Sends a frame of <see cref="EtherType"/>, 64 bytes, to everybody. That a program drops it on its way out is no error.</summary>
    public void Send(byte marker = 0)
    {
        byte[] frame = [.. Enumerable.Repeat((byte)0xff, 6), 2, 0, 0, 0, 0, 1, EtherType >> 8, EtherType & 0xff, marker, .. Encoding.ASCII.GetBytes("hachi"), .. new byte[44]];
        const int Dropped = 105;
        fixed (byte* pointer = frame)
            if (Calls.Send(_sender, pointer, (nuint)frame.Length, 0) < 0 && Marshal.GetLastPInvokeError() != Dropped)
                Calls.Must(-1, "send");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Close(_sender);
        Close(_receiver);
    }

    private byte[]? Receive(int milliseconds)
    {
        ulong poll = (uint)_receiver | 1UL << 32;
        if (Syscall(SysPoll, (nint)(&poll), 1, milliseconds) <= 0)
            return null;
        byte[] buffer = new byte[2048];
        fixed (byte* pointer = buffer)
        {
            nint length = Calls.Receive(_receiver, pointer, (nuint)buffer.Length, 0);
            return length < 0 ? null : buffer[..(int)length];
        }
    }

    private static int Open(int index)
    {
        // Not for all protocols: such a socket would see frames before traffic control does.
        ushort protocol = BinaryPrimitives.ReverseEndianness(EtherType);
        int fd = Calls.Must(Socket(AfPacket, SockRaw | SockCloexec | Nonblock, protocol), "socket");
        byte* address = stackalloc byte[20];
        new Span<byte>(address, 20).Clear();
        (*(ushort*)address, *(ushort*)(address + 2), *(int*)(address + 4)) = (AfPacket, protocol, index);
        Calls.Must(Bind(fd, address, 20), "bind");
        return fd;
    }

    private static void SetUp(int index)
    {
        byte[] body = new byte[16];
        BinaryPrimitives.WriteInt32LittleEndian(body.AsSpan(4), index);
        body[8] = body[12] = 1;
        Must(new Netlink(Netlink.NewLink, 0, body).Send(), $"interface {index} up");
    }

    private static void Must(int result, string what)
    {
        if (result < 0)
            throw new CheckException($"{what}: {Uapi.Errno.Name(-result)}");
    }
}
