using System.Buffers.Binary;
using Hachi.Captures;
using Hachi.Linux.Sys;

namespace Hachi.Linux.Capture;

/// <summary>
/// The header that a cooked packet gets, written in front of it in the ring: LINUX_SLL2 (20 bytes), or LINUX_SLL (16 bytes), whose form NETLINK has as well
/// (tcpdump.org/linktypes).
/// </summary>
internal static unsafe class CookedHeader
{
    private const int AddressBytes = 8, TagBytes = 4;

    /// <summary>Puts the header in front.</summary>
    public static void Write(ref byte* data, ref int captured, ref uint original, PacketAbi.Frame* frame, LinkType link)
    {
        int header = CookedFilter.HeaderBytes(link);
        data -= header;
        captured += header;
        original += (uint)header;
        ref readonly PacketAbi.LinkAddress address = ref frame->Address;
        byte* hardware;
        if (link == LinkType.LinuxSll2)
        {
            *(ushort*)data = address.Protocol; // in network order already
            *(ushort*)(data + 2) = 0;
            *(uint*)(data + 4) = BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness((uint)address.InterfaceIndex) : (uint)address.InterfaceIndex;
            PutHalf(data + 8, address.HardwareType);
            data[10] = address.PacketType;
            data[11] = address.AddressLength;
            hardware = data + 12;
        }
        else
        {
            PutHalf(data, address.PacketType);
            PutHalf(data + 2, address.HardwareType);
            PutHalf(data + 4, address.AddressLength);
            hardware = data + 6;
            *(ushort*)(data + 14) = address.Protocol;
        }
        // The kernel writes no more of the address than there is; what lies behind it is older.
        ulong bytes = address.Address;
        for (int i = 0; i < AddressBytes; i++)
            hardware[i] = i < address.AddressLength ? ((byte*)&bytes)[i] : (byte)0;
    }

    /// <summary>Puts a VLAN tag back between the header and the packet: the header's protocol becomes the tag's, the packet's follows the tag.</summary>
    public static void PutTag(ref byte* data, ref int captured, ref uint original, PacketAbi.Frame* frame, LinkType link)
    {
        int header = CookedFilter.HeaderBytes(link), protocol = link == LinkType.LinuxSll2 ? 0 : 14;
        ushort inner = *(ushort*)(data + protocol);
        Buffer.MemoryCopy(data, data - TagBytes, header, header);
        data -= TagBytes;
        PutHalf(data + protocol, TpidOf(frame));
        PutHalf(data + header, (ushort)frame->VlanTci);
        *(ushort*)(data + header + 2) = inner;
        captured += TagBytes;
        original += TagBytes;
    }

    /// <summary>The tag's own protocol identifier; older drivers do not tell it.</summary>
    public static ushort TpidOf(PacketAbi.Frame* frame) => (frame->Status & PacketAbi.StatusVlanTpidValid) != 0 ? frame->VlanTpid : PacketAbi.VlanEtherType;

    /// <summary>Writes 16 bits in network order.</summary>
    public static void PutHalf(byte* to, ushort value) => *(ushort*)to = Swap(value);

    /// <summary>Between this machine's order and the network's.</summary>
    public static ushort Swap(ushort value) => BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(value) : value;
}
