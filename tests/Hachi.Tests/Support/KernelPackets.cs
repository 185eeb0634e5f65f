using System.Buffers.Binary;
using System.Globalization;
using System.Net.NetworkInformation;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Hachi.Isa;
using static Hachi.Tests.Support.KernelCalls;

namespace Hachi.Tests.Support;

/// <summary>
/// The kernel as an oracle for classic filters: a network namespace of its own with a veth pair, packet sockets with a filter on one end, frames sent into the
/// other. The namespace belongs to one thread and goes with it, whatever happens.
/// </summary>
internal sealed unsafe class KernelPackets : IDisposable
{
    public const string SenderName = "v0", ReceiverName = "v1";

    private readonly List<int> _fds = [];
    private readonly int _sender;
    private readonly int _sentinel;

    private KernelPackets()
    {
        Check(Unshare(CloneNewNet), "unshare");
        string ip = Tools.Need("ip", "iproute2");
        Tools.RunOk(ip, ["link", "add", SenderName, "type", "veth", "peer", "name", ReceiverName]);
        // The receiving end first: in the other order the first frames vanish.
        foreach (string name in (string[])[ReceiverName, SenderName])
        {
            Tools.RunOk(ip, ["link", "set", name, "addrgenmode", "none"]);
            Tools.RunOk(ip, ["link", "set", name, "up", "promisc", "on"]);
        }
        SenderIndex = IndexOf(ip, SenderName);
        ReceiverIndex = IndexOf(ip, ReceiverName);
        _sender = OpenBound(SenderIndex, [new ClassicInsn(ClassicOpcode.Ret, 0)]);
        // A device hands a frame to its newest socket first, so that the oldest one tells when all have it.
        _sentinel = OpenBound(ReceiverIndex, [new ClassicInsn(ClassicOpcode.Ret, 0xffff)]);
    }

    /// <summary>Interface index of the end that sends.</summary>
    public int SenderIndex { get; }

    /// <summary>Interface index of the end where the filters listen.</summary>
    public int ReceiverIndex { get; }

    /// <summary>Runs a test body on a thread with such a namespace; skips the test without root.</summary>
    public static void Run(Action<KernelPackets> body)
    {
        Tools.NeedRoot();
        Tools.Need("ip", "iproute2");
        Exception? failure = null;
        var context = ExecutionContext.Capture();
        var thread = new Thread(() => ExecutionContext.Run(context!, _ =>
        {
            try
            {
                using var lab = new KernelPackets();
                body(lab);
            }
            catch (Exception e)
            {
                failure = e;
            }
        }, null));
        thread.Start();
        thread.Join();
        if (failure is not null)
            ExceptionDispatchInfo.Throw(failure);
    }

    /// <summary>A packet socket on the receiving end with a filter; the errno as a negative number when the kernel refuses the filter.</summary>
    public int Attach(ReadOnlySpan<ClassicInsn> program)
    {
        try
        {
            return OpenBound(ReceiverIndex, program);
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            return -e.NativeErrorCode;
        }
    }

    /// <summary>Closes a socket of <see cref="Attach"/>.</summary>
    public void Detach(int fd)
    {
        if (_fds.Remove(fd))
            Close(fd);
    }

    /// <summary>Sends a frame and tells, for each socket, how many bytes its filter let through: the smaller of verdict and frame length, 0 if rejected.</summary>
    public int[] Verdicts(ReadOnlySpan<byte> frame, ReadOnlySpan<int> sockets, uint mark = 0)
    {
        Check(SetSockOpt(_sender, SolSocket, SoMark, &mark, 4), "SO_MARK");
        fixed (byte* data = frame)
            Check((int)Send(_sender, data, (nuint)frame.Length, 0), "send");
        var poll = new PollFd { Fd = _sentinel, Events = 1 };
        Assert.True(Check(Poll(&poll, 1, 5000), "poll") == 1, "the frame did not arrive");
        Assert.True(ReceiveLength(_sentinel) >= 0);
        var verdicts = new int[sockets.Length];
        for (int i = 0; i < verdicts.Length; i++)
            verdicts[i] = Math.Max(0, ReceiveLength(sockets[i]));
        return verdicts;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (int fd in _fds)
            Close(fd);
        _fds.Clear();
    }

    private static int ReceiveLength(int fd)
    {
        byte* buffer = stackalloc byte[4096];
        return (int)Receive(fd, buffer, 4096, 0x20); // MSG_TRUNC: the length, even if longer than the buffer
    }

    private static int IndexOf(string ip, string name)
    {
        string text = Tools.RunOk(ip, ["-o", "link", "show", name]).Text;
        return int.Parse(text[..text.IndexOf(':', StringComparison.Ordinal)], CultureInfo.InvariantCulture);
    }

    /// <summary>The filter goes on before the socket is bound, so that no frame slips in unfiltered.</summary>
    private int OpenBound(int index, ReadOnlySpan<ClassicInsn> program)
    {
        int fd = Check(Socket(AfPacket, SockRaw | SockNonblock | SockCloexec, 0), "socket");
        _fds.Add(fd);
        try
        {
            fixed (ClassicInsn* insns = program)
            {
                var fprog = new SockFprog { Length = (ushort)program.Length, Filter = (nint)insns };
                Check(SetSockOpt(fd, SolSocket, SoAttachFilter, &fprog, (uint)sizeof(SockFprog)), "SO_ATTACH_FILTER");
            }
            var address = new SockAddrLl { Family = AfPacket, Protocol = BinaryPrimitives.ReverseEndianness((ushort)3), IfIndex = index };
            Check(KernelCalls.Bind(fd, &address, 20), "bind");
            return fd;
        }
        catch
        {
            Detach(fd);
            throw;
        }
    }
}
