using System.Net.Sockets;
using System.Runtime.InteropServices;
using Hachi.Isa;

namespace Hachi.Linux.Kernel;

/// <summary>Asks the running kernel whether it would take a classic program as a socket filter. Needs no privilege.</summary>
public static class ClassicFilterProbe
{
    private const int SolSocket = 1;
    private const int SoAttachFilter = 26;

    /// <summary>Attaches the program to a UDP socket of this process, which is closed again at once and never receives anything.</summary>
    /// <param name="program">The program.</param>
    /// <returns>0 when the kernel took it, otherwise its errno (22, EINVAL: it is not valid; 12, ENOMEM: too large for the socket's memory).</returns>
    /// <exception cref="PlatformNotSupportedException">This is not Linux.</exception>
    public static unsafe int Attach(ClassicProgram program)
    {
        ArgumentNullException.ThrowIfNull(program);
        if (!OperatingSystem.IsLinux())
            throw new PlatformNotSupportedException("SO_ATTACH_FILTER is Linux's");
        try
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            ReadOnlySpan<ClassicInsn> insns = program.Insns;
            fixed (ClassicInsn* first = insns)
            {
                // struct sock_fprog { unsigned short len; struct sock_filter *filter; }
                var fprog = new SockFprog { Length = (ushort)insns.Length, Filter = (nint)first };
                socket.SetRawSocketOption(SolSocket, SoAttachFilter, MemoryMarshal.AsBytes(new ReadOnlySpan<SockFprog>(in fprog)));
            }
            return 0;
        }
        catch (SocketException e)
        {
            return e.NativeErrorCode;
        }
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct SockFprog
    {
        public ushort Length;
        public nint Filter;
    }
}
