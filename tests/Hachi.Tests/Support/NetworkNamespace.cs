using System.Net;
using System.Net.Sockets;
using Hachi.Linux.Sys;

namespace Hachi.Tests.Support;

/// <summary>A network namespace of a test's own, on a thread of its own: only loopback, and gone with the thread.</summary>
internal static unsafe class NetworkNamespace
{
    private const int NewNetwork = 0x40000000, Up = 1;

    /// <summary>Runs something in a new namespace whose loopback is up; what it throws is thrown here.</summary>
    public static void Run(Action work)
    {
        Tools.NeedRoot();
        Exception? thrown = null;
        var thread = new Thread(() =>
        {
            try
            {
                Assert.True(Syscall.Invoke((int)SeccompCalls.Number("unshare"), NewNetwork) >= 0, "unshare(CLONE_NEWNET)");
                // struct ifinfomsg: index 1 is loopback; flags and the mask of those that change.
                byte[] body = new byte[16];
                (body[4], body[8], body[12]) = (1, Up, Up);
                Assert.Equal(0, new Netlink(Netlink.NewLink, 0, body).Send());
                work();
            }
            catch (Exception e)
            {
                thrown = e;
            }
        });
        thread.Start();
        thread.Join();
        if (thrown is not null)
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(thrown);
    }

    /// <summary>A bound UDP socket on loopback that waits half a second for a datagram.</summary>
    public static Socket Receiver()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { ReceiveTimeout = 500 };
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return socket;
    }

    /// <summary>Sends datagrams to a socket and counts those that arrive.</summary>
    public static int Deliver(Socket to, int count, int bytes = 32)
    {
        using var from = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        int arrived = 0;
        for (int i = 0; i < count; i++)
        {
            try
            {
                from.SendTo(new byte[bytes], to.LocalEndPoint!);
            }
            catch (SocketException)
            {
                continue;
            }
            if (to.Poll(TimeSpan.FromMilliseconds(50), SelectMode.SelectRead))
            {
                to.Receive(new byte[2048]);
                arrived++;
            }
        }
        return arrived;
    }
}
