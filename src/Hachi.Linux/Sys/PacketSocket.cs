using System.Runtime.InteropServices;
using Hachi.Isa;
using Hachi.Uapi;

namespace Hachi.Linux.Sys;

/// <summary>A packet socket: nothing arrives before <see cref="Bind"/>, so that filter and ring are in place for the first packet.</summary>
internal sealed unsafe class PacketSocket : IDisposable
{
    private readonly FileHandle _handle;

    /// <summary>Opens one, bound to nothing.</summary>
    /// <param name="isCooked">Without the link-layer header (SOCK_DGRAM).</param>
    public PacketSocket(bool isCooked)
    {
        int type = (isCooked ? PacketAbi.SockDgram : PacketAbi.SockRaw) | PacketAbi.SockNonblock | PacketAbi.SockCloexec;
        nint result = Syscall.Invoke(Syscall.Socket, PacketAbi.AfPacket, type, 0);
        if (result < 0)
            throw new BpfException("socket(AF_PACKET)", -(int)result, (ErrorNumber)(-result) switch
            {
                ErrorNumber.EPERM or ErrorNumber.EACCES => "capturing takes CAP_NET_RAW",
                ErrorNumber.EAFNOSUPPORT => "this kernel has no packet sockets (CONFIG_PACKET)",
                _ => null,
            });
        _handle = new FileHandle((int)result);
    }

    /// <summary>The descriptor, to poll.</summary>
    public int Descriptor => _handle.Descriptor;

    /// <summary>Puts a filter in the place of the one that is there.</summary>
    public void AttachFilter(ReadOnlySpan<ClassicInsn> program)
    {
        fixed (ClassicInsn* insns = program)
        {
            var filter = new SeccompCalls.SockFprog { Length = (ushort)program.Length, Filter = insns };
            Set(PacketAbi.SolSocket, PacketAbi.SoAttachFilter, &filter, sizeof(SeccompCalls.SockFprog), "setsockopt(SO_ATTACH_FILTER)", static errno => errno switch
            {
                ErrorNumber.ENOMEM => "the filter is larger than the socket's memory allows (net.core.optmem_max)",
                ErrorNumber.EPERM => "the filter of this socket is locked",
                _ => "the kernel does not take this filter",
            });
        }
    }

    /// <summary>Makes a ring of version 3 and maps it.</summary>
    /// <param name="request">Its shape.</param>
    /// <param name="reserve">Bytes kept free in front of every packet.</param>
    public RingMapping MakeRing(PacketAbi.RingRequest request, int reserve)
    {
        int version = PacketAbi.TpacketV3;
        Set(PacketAbi.SolPacket, PacketAbi.PacketVersion, &version, sizeof(int), "setsockopt(PACKET_VERSION)", static _ => "this kernel has no TPACKET_V3");
        Set(PacketAbi.SolPacket, PacketAbi.PacketReserve, &reserve, sizeof(int), "setsockopt(PACKET_RESERVE)");
        Set(PacketAbi.SolPacket, PacketAbi.PacketRxRing, &request, sizeof(PacketAbi.RingRequest), "setsockopt(PACKET_RX_RING)", static errno =>
            errno == ErrorNumber.ENOMEM ? "no memory for so large a buffer" : null);
        return new RingMapping(this, (nint)request.BlockSize * (nint)request.BlockCount);
    }

    /// <summary>Starts to receive from an interface; index 0 is every interface.</summary>
    public void Bind(int interfaceIndex)
    {
        var address = new PacketAbi.LinkAddress { Family = PacketAbi.AfPacket, Protocol = PacketAbi.AllProtocols, InterfaceIndex = interfaceIndex };
        nint result = Syscall.Invoke(Syscall.Bind, Descriptor, (nint)(&address), sizeof(PacketAbi.LinkAddress));
        if (result < 0)
            throw new BpfException("bind(AF_PACKET)", -(int)result, -result is (int)ErrorNumber.ENODEV ? "there is no such interface" : null);
    }

    /// <summary>The interface takes packets for everybody as long as this socket is open.</summary>
    public void SetPromiscuous(int interfaceIndex)
    {
        var membership = new PacketAbi.Membership { InterfaceIndex = interfaceIndex, Type = PacketAbi.MembershipPromisc };
        Set(PacketAbi.SolPacket, PacketAbi.PacketAddMembership, &membership, sizeof(PacketAbi.Membership), "setsockopt(PACKET_ADD_MEMBERSHIP)");
    }

    /// <summary>Shares the packets of an interface among sockets, by flow.</summary>
    /// <param name="group">The group's number, or a negative one to make a group that nobody else has.</param>
    /// <returns>The group's number.</returns>
    public int JoinFanout(int group)
    {
        int value = group < 0 ? (PacketAbi.FanoutHash | PacketAbi.FanoutUniqueId) << 16 : group | (PacketAbi.FanoutHash << 16);
        Set(PacketAbi.SolPacket, PacketAbi.PacketFanout, &value, sizeof(int), "setsockopt(PACKET_FANOUT)");
        int length = sizeof(int);
        Get(PacketAbi.SolPacket, PacketAbi.PacketFanout, &value, &length, "getsockopt(PACKET_FANOUT)");
        return value & 0xffff;
    }

    /// <summary>What was counted since the last call: the kernel starts anew each time. Packets include the dropped ones.</summary>
    public PacketAbi.Statistics TakeStatistics()
    {
        PacketAbi.Statistics statistics = default;
        int length = sizeof(PacketAbi.Statistics);
        Get(PacketAbi.SolPacket, PacketAbi.PacketStatistics, &statistics, &length, "getsockopt(PACKET_STATISTICS)");
        return statistics;
    }

    /// <summary>The error that waits on the socket, which is cleared; 0 for none.</summary>
    public int TakeError()
    {
        int error = 0, length = sizeof(int);
        Get(PacketAbi.SolSocket, PacketAbi.SoError, &error, &length, "getsockopt(SO_ERROR)");
        return error;
    }

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();

    private void Set(int level, int option, void* value, int length, string call, Func<ErrorNumber, string?>? reason = null)
    {
        nint result = Syscall.Invoke(Syscall.Setsockopt, Descriptor, level, option, (nint)value, length);
        if (result < 0)
            throw new BpfException(call, -(int)result, reason?.Invoke((ErrorNumber)(-result)));
    }

    private void Get(int level, int option, void* value, int* length, string call)
    {
        nint result = Syscall.Invoke(Syscall.Getsockopt, Descriptor, level, option, (nint)value, (nint)length);
        if (result < 0)
            throw new BpfException(call, -(int)result);
    }
}

/// <summary>Memory that the kernel writes packets into.</summary>
internal sealed unsafe class RingMapping : SafeHandle
{
    private const int ProtReadWrite = 3, MapShared = 1;

    private readonly nint _bytes;

    internal RingMapping(PacketSocket socket, nint bytes)
        : base(-1, ownsHandle: true)
    {
        _bytes = bytes;
        nint result = Syscall.Invoke(Syscall.Mmap, 0, bytes, ProtReadWrite, MapShared, socket.Descriptor, 0);
        if (result is < 0 and > -4096)
            throw new BpfException("mmap(PACKET_RX_RING)", -(int)result, "no memory for so large a buffer");
        SetHandle(result);
    }

    /// <inheritdoc/>
    public override bool IsInvalid => handle == -1;

    /// <summary>Where it starts.</summary>
    public byte* Start => (byte*)handle;

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => Syscall.Invoke(Syscall.Munmap, handle, _bytes) >= 0;
}
