using System.Runtime.InteropServices;
using System.Text;

namespace Hachi.Linux.Sys;

/// <summary>Network interfaces of this network namespace, by rtnetlink(7).</summary>
internal static unsafe class LinkList
{
    private const int AfNetlink = 16, Route = 0, GetLink = 18, NewLink = 16, Done = 3, Error = 2, RequestDump = 0x301, NameAttribute = 3;

    /// <summary>One interface.</summary>
    public readonly record struct Row(int Index, string Name, ushort HardwareType, uint Flags);

    /// <summary>All of them, by index.</summary>
    public static List<Row> Read()
    {
        nint result = Syscall.Invoke(Syscall.Socket, AfNetlink, PacketAbi.SockRaw | PacketAbi.SockCloexec, Route);
        if (result < 0)
            throw new BpfException("socket(AF_NETLINK)", -(int)result);
        using var handle = new FileHandle((int)result);
        Ask(handle);
        var rows = new List<Row>();
        byte[] buffer = new byte[64 * 1024];
        while (true)
        {
            fixed (byte* bytes = buffer)
                result = Syscall.Retry(Syscall.Recvfrom, handle.Descriptor, (nint)bytes, buffer.Length, 0, 0, 0);
            if (result < 0)
                throw new BpfException("recvfrom(AF_NETLINK)", -(int)result);
            if (Take(buffer.AsSpan(0, (int)result), rows))
                return rows;
        }
    }

    /// <summary>The netmask of an interface's first IPv4 address (SIOCGIFNETMASK, netdevice(7)); null for none.</summary>
    public static uint? NetMask(string name)
    {
        const int AfInet = 2, GetNetMask = 0x891b, NameBytes = 16, RequestBytes = 40;
        nint result = Syscall.Invoke(Syscall.Socket, AfInet, PacketAbi.SockDgram | PacketAbi.SockCloexec, 0);
        if (result < 0)
            return null;
        using var handle = new FileHandle((int)result);
        Span<byte> request = stackalloc byte[RequestBytes];
        request.Clear();
        if (Encoding.UTF8.GetByteCount(name) >= NameBytes)
            return null;
        Encoding.UTF8.GetBytes(name, request);
        fixed (byte* bytes = request)
            result = Syscall.Invoke(Syscall.Ioctl, handle.Descriptor, GetNetMask, (nint)bytes);
        return result < 0 ? null : System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(request[(NameBytes + 4)..]); // behind family and port
    }

    /// <summary>struct nlmsghdr and struct ifinfomsg: a dump of every link.</summary>
    private static void Ask(FileHandle handle)
    {
        Span<byte> request = stackalloc byte[32];
        request.Clear();
        MemoryMarshal.Write(request, 32);
        MemoryMarshal.Write(request[4..], (ushort)GetLink);
        MemoryMarshal.Write(request[6..], (ushort)RequestDump);
        fixed (byte* bytes = request)
        {
            nint result = Syscall.Retry(Syscall.Sendto, handle.Descriptor, (nint)bytes, request.Length, 0, 0, 0);
            if (result < 0)
                throw new BpfException("sendto(AF_NETLINK)", -(int)result);
        }
    }

    /// <summary>Reads one datagram; true when it holds the end.</summary>
    private static bool Take(ReadOnlySpan<byte> data, List<Row> rows)
    {
        while (data.Length >= 16)
        {
            int length = MemoryMarshal.Read<int>(data), type = MemoryMarshal.Read<ushort>(data[4..]);
            if (length < 16 || length > data.Length || type == Done)
                return true;
            if (type == Error)
                throw new BpfException("RTM_GETLINK", length >= 20 ? -MemoryMarshal.Read<int>(data[16..]) : 0);
            if (type == NewLink && length >= 32)
                rows.Add(Link(data[16..length]));
            data = data[Math.Min((length + 3) & ~3, data.Length)..];
        }
        return data.IsEmpty && rows.Count == 0;
    }

    private static Row Link(ReadOnlySpan<byte> body)
    {
        ushort hardware = MemoryMarshal.Read<ushort>(body[2..]);
        int index = MemoryMarshal.Read<int>(body[4..]);
        uint flags = MemoryMarshal.Read<uint>(body[8..]);
        string name = "";
        ReadOnlySpan<byte> attributes = body[16..];
        while (attributes.Length >= 4)
        {
            int length = MemoryMarshal.Read<ushort>(attributes);
            if (length < 4 || length > attributes.Length)
                break;
            if ((MemoryMarshal.Read<ushort>(attributes[2..]) & 0x3fff) == NameAttribute)
                name = Encoding.UTF8.GetString(attributes[4..length].TrimEnd((byte)0));
            attributes = attributes[Math.Min((length + 3) & ~3, attributes.Length)..];
        }
        return new Row(index, name, hardware, flags);
    }
}
