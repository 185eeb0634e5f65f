using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Hachi.Linux.Sys;

/// <summary>Numbers and layouts of packet sockets (linux/if_packet.h, packet(7)).</summary>
internal static class PacketAbi
{
    public const int AfPacket = 17, SockDgram = 2, SockRaw = 3, SockNonblock = 0x800, SockCloexec = 0x80000;
    public const int SolSocket = 1, SoError = 4, SoAttachFilter = 26, SolPacket = 263;
    public const int PacketAddMembership = 1, PacketRxRing = 5, PacketStatistics = 6, PacketVersion = 10, PacketReserve = 12, PacketFanout = 18;
    public const int TpacketV3 = 2, MembershipPromisc = 1;
    public const int FanoutHash = 0, FanoutUniqueId = 0x2000;
    public const int StatusUser = 1, StatusVlanValid = 0x10, StatusVlanTpidValid = 0x40;
    public const ushort VlanEtherType = 0x8100;

    /// <summary>ETH_P_ALL in network order.</summary>
    public static readonly ushort AllProtocols = BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness((ushort)3) : (ushort)3;

    /// <summary>struct sockaddr_ll.</summary>
    [StructLayout(LayoutKind.Sequential, Pack = 4)]
    public struct LinkAddress
    {
        public ushort Family;
        public ushort Protocol;
        public int InterfaceIndex;
        public ushort HardwareType;
        public byte PacketType;
        public byte AddressLength;
        public ulong Address;
    }

    /// <summary>struct tpacket_req3.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct RingRequest
    {
        public uint BlockSize, BlockCount, FrameSize, FrameCount, RetireMilliseconds, PrivateBytes, Features;
    }

    /// <summary>struct tpacket_block_desc with its version 1 header.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Block
    {
        public uint Version, PrivateOffset;
        public int Status, PacketCount;
        public uint FirstOffset, Length;
        public ulong Sequence;
        public uint FirstSeconds, FirstNanoseconds, LastSeconds, LastNanoseconds;
    }

    /// <summary>struct tpacket3_hdr and the sockaddr_ll behind it.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Frame
    {
        public uint NextOffset, Seconds, Nanoseconds, CapturedLength, OriginalLength, Status;
        public ushort MacOffset, NetworkOffset;
        public uint RxHash, VlanTci;
        public ushort VlanTpid, Padding;
        public ulong Reserved;
        public LinkAddress Address;
    }

    /// <summary>struct packet_mreq.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Membership
    {
        public int InterfaceIndex;
        public ushort Type, AddressLength;
        public ulong Address;
    }

    /// <summary>struct tpacket_stats_v3.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Statistics
    {
        public uint Packets, Drops, FreezeCount;
    }

    /// <summary>struct pollfd.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct PollFd
    {
        public int Descriptor;
        public short Events, Returned;
    }
}
