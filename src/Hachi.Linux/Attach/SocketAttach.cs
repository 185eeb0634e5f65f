using System.Net.Sockets;
using System.Runtime.InteropServices;
using Hachi.Isa;
using Hachi.Linux.Load;
using Hachi.Linux.Sys;
using Hachi.Uapi;

namespace Hachi.Linux.Attach;

/// <summary>Filters on sockets of this process (socket(7)), and programs that choose sockets.</summary>
public static unsafe class SocketAttach
{
    private const int SolSocket = 1, SoAttachFilter = 26, SoDetachFilter = 27, SoLockFilter = 44, SoAttachBpf = 50, SoAttachReuseportCbpf = 51, SoAttachReuseportEbpf = 52, SoDetachReuseportBpf = 68;

    /// <summary>A classic filter: packets for the socket that it rejects are dropped, others cut to the length that it returns. Needs no privilege.</summary>
    /// <param name="socket">The socket; the filter goes with it.</param>
    /// <param name="program">The filter.</param>
    /// <exception cref="BpfException">EINVAL: the program is not valid; EPERM: the filter is locked; ENOMEM: it is longer than net.core.optmem_max allows.</exception>
    public static Link AttachFilter(this Socket socket, ClassicProgram program)
    {
        ArgumentNullException.ThrowIfNull(socket);
        ArgumentNullException.ThrowIfNull(program);
        fixed (ClassicInsn* first = program.Insns)
        {
            var filter = new SeccompCalls.SockFprog { Length = (ushort)program.Insns.Length, Filter = first };
            SetOption(socket, SoAttachFilter, MemoryMarshal.AsBytes(new ReadOnlySpan<SeccompCalls.SockFprog>(in filter)), "socket filter");
        }
        return new UndoLink("socket filter", () => Detach(socket, SoDetachFilter));
    }

    /// <summary>A program of kind socket_filter in the same place.</summary>
    /// <param name="socket">The socket; the program stays as long as it, or until the link is disposed.</param>
    /// <param name="program">The program.</param>
    /// <exception cref="BpfException">EINVAL: the program is of another kind; EPERM: the filter is locked.</exception>
    public static Link AttachProgram(this Socket socket, Program program)
    {
        ArgumentNullException.ThrowIfNull(socket);
        ArgumentNullException.ThrowIfNull(program);
        SetOption(socket, SoAttachBpf, program.Descriptor, "socket filter");
        return new UndoLink("socket filter", () => Detach(socket, SoDetachFilter));
    }

    /// <summary>No filter of the socket may be changed or taken away any more, by anybody (SO_LOCK_FILTER): before privileges are dropped.</summary>
    public static void LockFilter(this Socket socket)
    {
        ArgumentNullException.ThrowIfNull(socket);
        SetOption(socket, SoLockFilter, 1, "lock of the socket's filter");
    }

    /// <summary>A program that chooses which socket of a SO_REUSEPORT group gets a packet, by index.</summary>
    /// <param name="socket">Any socket of the group, bound.</param>
    /// <param name="program">Of kind socket_filter or sk_reuseport.</param>
    public static Link AttachReuseport(this Socket socket, Program program)
    {
        ArgumentNullException.ThrowIfNull(socket);
        ArgumentNullException.ThrowIfNull(program);
        SetOption(socket, SoAttachReuseportEbpf, program.Descriptor, "reuseport program");
        return new UndoLink("reuseport program", () => Detach(socket, SoDetachReuseportBpf));
    }

    /// <summary>The same with a classic program. Needs no privilege.</summary>
    public static Link AttachReuseport(this Socket socket, ClassicProgram program)
    {
        ArgumentNullException.ThrowIfNull(socket);
        ArgumentNullException.ThrowIfNull(program);
        fixed (ClassicInsn* first = program.Insns)
        {
            var filter = new SeccompCalls.SockFprog { Length = (ushort)program.Insns.Length, Filter = first };
            SetOption(socket, SoAttachReuseportCbpf, MemoryMarshal.AsBytes(new ReadOnlySpan<SeccompCalls.SockFprog>(in filter)), "reuseport program");
        }
        return new UndoLink("reuseport program", () => Detach(socket, SoDetachReuseportBpf));
    }

    /// <summary>A program that chooses the socket for each new connection or datagram of a network namespace (sk_lookup). Ends with the process.</summary>
    /// <param name="program">Of kind sk_lookup (or flow_dissector).</param>
    /// <param name="namespacePath">The namespace; null for the calling thread's.</param>
    public static BpfLink AttachNetns(this Program program, string? namespacePath = null)
    {
        ArgumentNullException.ThrowIfNull(program);
        AttachType place = program.Type == ProgramType.FlowDissector ? AttachType.FlowDissector : AttachType.SkLookup;
        string description = $"{place.Name()} on {namespacePath ?? "this network namespace"}";
        using Microsoft.Win32.SafeHandles.SafeFileHandle file = File.OpenHandle(namespacePath ?? "/proc/thread-self/ns/net");
        var attributes = new BpfAttributes { Link = { Fd = (uint)program.Descriptor, Target = (uint)file.DangerousGetHandle(), Type = (uint)place } };
        return BpfLink.Create(ref attributes, 16, description);
    }

    /// <summary>A program of kind sk_skb or sk_msg on a socket map. Attach it before the first socket joins the map.</summary>
    /// <param name="program">The program.</param>
    /// <param name="map">A sockmap or sockhash.</param>
    /// <param name="type">The kind of place; null: the one that the program was loaded for.</param>
    public static Link AttachSockmap(this Program program, Map map, AttachType? type = null)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentNullException.ThrowIfNull(map);
        AttachType place = type ?? program.ExpectedAttachType ?? AttachType.SkSkbVerdict;
        return ProgramAttachment.Attach(program, map.Handle.Duplicate(), place, 0, $"{place.Name()} on map {map.Name}");
    }

    private static void SetOption(Socket socket, int option, int value, string description) => SetOption(socket, option, MemoryMarshal.AsBytes(new ReadOnlySpan<int>(in value)), description);

    private static void SetOption(Socket socket, int option, ReadOnlySpan<byte> value, string description)
    {
        int result;
        fixed (byte* pointer = value)
            result = (int)Syscall.Invoke(Syscall.Setsockopt, socket.Handle, SolSocket, option, (nint)pointer, value.Length);
        GC.KeepAlive(socket);
        if (result < 0)
            throw new BpfException("setsockopt", -result, (ErrorNumber)(-result) switch
            {
                ErrorNumber.EPERM => $"{description}: the socket's filter is locked (SO_LOCK_FILTER)",
                ErrorNumber.EINVAL => $"{description}: the kernel does not take this program here",
                ErrorNumber.ENOMEM => $"{description}: longer than the socket's memory allows (net.core.optmem_max)",
                _ => description,
            });
    }

    private static void Detach(Socket socket, int option)
    {
        int ignored = 0;
        if (!socket.SafeHandle.IsClosed)
            _ = Syscall.Invoke(Syscall.Setsockopt, socket.Handle, SolSocket, option, (nint)(&ignored), sizeof(int));
    }
}
