using System.Buffers.Binary;
using System.Text;

namespace Hachi.Linux.Sys;

/// <summary>A request to rtnetlink(7), built up and sent: a header, a fixed part, attributes that may hold others.</summary>
internal sealed unsafe class Netlink
{
    public const ushort FlagRequest = 1, FlagAck = 4, FlagDump = 0x300, FlagExclusive = 0x200, FlagCreate = 0x400, FlagReplace = 0x100;
    public const ushort NewLink = 16, GetLink = 18, SetLink = 19, NewQdisc = 36, DeleteQdisc = 37, NewFilter = 44, DeleteFilter = 45, GetFilter = 46;
    private const int Route = 0, FamilyNetlink = 16, TypeRawCloexec = 0x80003, Error = 2, Done = 3, HeaderBytes = 16, ReceiveBytes = 1 << 16;
    private const ushort Nested = 0x8000;

    private readonly List<byte> _bytes = new(256);

    /// <summary>A request.</summary>
    /// <param name="type">RTM_*.</param>
    /// <param name="flags">Beside <see cref="FlagRequest"/> and <see cref="FlagAck"/>.</param>
    /// <param name="body">The fixed part behind the header (struct ifinfomsg, struct tcmsg).</param>
    public Netlink(ushort type, ushort flags, ReadOnlySpan<byte> body)
    {
        _bytes.AddRange(new byte[HeaderBytes]);
        Span<byte> header = stackalloc byte[HeaderBytes];
        BinaryPrimitives.WriteUInt16LittleEndian(header[4..], type);
        BinaryPrimitives.WriteUInt16LittleEndian(header[6..], (ushort)(FlagRequest | FlagAck | flags));
        for (int i = 0; i < HeaderBytes; i++)
            _bytes[i] = header[i];
        _bytes.AddRange(body);
        Align();
    }

    public Netlink Add(ushort type, ReadOnlySpan<byte> value)
    {
        Span<byte> head = stackalloc byte[4];
        BinaryPrimitives.WriteUInt16LittleEndian(head, (ushort)(4 + value.Length));
        BinaryPrimitives.WriteUInt16LittleEndian(head[2..], type);
        _bytes.AddRange(head);
        _bytes.AddRange(value);
        Align();
        return this;
    }

    public Netlink Add(ushort type, string text) => Add(type, Encoding.UTF8.GetBytes(text + '\0'));

    public Netlink Add(ushort type, uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        return Add(type, bytes);
    }

    /// <summary>An attribute that holds others.</summary>
    public Netlink AddNested(ushort type, Action<Netlink> fill)
    {
        int start = _bytes.Count;
        Add((ushort)(type | Nested), []);
        fill(this);
        Patch16(start, (ushort)(_bytes.Count - start));
        return this;
    }

    /// <summary>Whether there is an interface of that number in the calling thread's network namespace.</summary>
    public static bool HasInterface(int index)
    {
        Span<byte> body = stackalloc byte[HeaderBytes];
        BinaryPrimitives.WriteInt32LittleEndian(body[4..], index);
        return new Netlink(GetLink, 0, body).Send() >= 0;
    }

    /// <summary>The number of the interface of a name in the calling thread's network namespace, or null.</summary>
    public static int? InterfaceIndex(string name)
    {
        const ushort IflaIfname = 3;
        int? index = null;
        int result = new Netlink(GetLink, 0, new byte[HeaderBytes]).Add(IflaIfname, name).Send((type, body) =>
        {
            if (type == NewLink && body.Length >= 8)
                index = BinaryPrimitives.ReadInt32LittleEndian(body.AsSpan(4));
        });
        return result < 0 ? null : index;
    }

    /// <summary>Sends it and reads the answers.</summary>
    /// <param name="answer">Told type and body of each message that answers a dump; null when none is expected.</param>
    /// <returns>0, or minus the error number.</returns>
    public int Send(Action<ushort, byte[]>? answer = null)
    {
        int socket = (int)Syscall.Invoke(Syscall.Socket, FamilyNetlink, TypeRawCloexec, Route);
        if (socket < 0)
            return socket;
        using var handle = new FileHandle(socket);
        BinaryPrimitives.WriteUInt32LittleEndian(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_bytes), (uint)_bytes.Count);
        byte[] message = [.. _bytes];
        fixed (byte* pointer = message)
        {
            nint sent = Syscall.Retry(Syscall.Sendto, socket, (nint)pointer, message.Length);
            if (sent < 0)
                return (int)sent;
        }
        byte[] buffer = new byte[ReceiveBytes];
        while (true)
        {
            nint length;
            fixed (byte* pointer = buffer)
                length = Syscall.Retry(Syscall.Recvfrom, socket, (nint)pointer, buffer.Length);
            if (length < 0)
                return (int)length;
            if (Read(buffer.AsSpan(0, (int)length), answer) is { } result)
                return result;
        }
    }

    // Null: more is to come.
    private static int? Read(ReadOnlySpan<byte> bytes, Action<ushort, byte[]>? answer)
    {
        while (bytes.Length >= HeaderBytes)
        {
            int length = BinaryPrimitives.ReadInt32LittleEndian(bytes);
            if (length < HeaderBytes || length > bytes.Length)
                break;
            ushort type = BinaryPrimitives.ReadUInt16LittleEndian(bytes[4..]);
            if (type == Done)
                return 0;
            if (type == Error)
                return length >= HeaderBytes + 4 ? BinaryPrimitives.ReadInt32LittleEndian(bytes[HeaderBytes..]) : 0;
            answer?.Invoke(type, bytes[HeaderBytes..length].ToArray());
            bytes = bytes[Math.Min(bytes.Length, (length + 3) & ~3)..];
        }
        return null;
    }

    private void Align()
    {
        while (_bytes.Count % 4 != 0)
            _bytes.Add(0);
    }

    private void Patch16(int at, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_bytes)[at..], value);
}
