using System.Buffers.Binary;
using System.Text;
using Hachi.Captures;
using Hachi.Text;

namespace Hachi.Tests.Captures;

/// <summary>Builds capture files byte by byte, independently of the writers, and reads them back packet by packet.</summary>
internal sealed class CaptureBytes(bool bigEndian)
{
    private readonly List<byte> _bytes = [];

    public byte[] ToArray() => [.. _bytes];

    public CaptureBytes U16(int value)
    {
        Span<byte> to = stackalloc byte[2];
        if (bigEndian)
            BinaryPrimitives.WriteUInt16BigEndian(to, (ushort)value);
        else
            BinaryPrimitives.WriteUInt16LittleEndian(to, (ushort)value);
        _bytes.AddRange(to);
        return this;
    }

    public CaptureBytes U32(uint value)
    {
        Span<byte> to = stackalloc byte[4];
        if (bigEndian)
            BinaryPrimitives.WriteUInt32BigEndian(to, value);
        else
            BinaryPrimitives.WriteUInt32LittleEndian(to, value);
        _bytes.AddRange(to);
        return this;
    }

    public CaptureBytes Raw(ReadOnlySpan<byte> bytes, bool pad = false)
    {
        _bytes.AddRange(bytes);
        for (int i = bytes.Length; pad && i % 4 != 0; i++)
            _bytes.Add(0);
        return this;
    }

    public CaptureBytes PcapHeader(uint magic, uint link, uint snaplen = 65535, int minor = 4) => U32(magic).U16(2).U16(minor).U32(0).U32(0).U32(snaplen).U32(link);

    public CaptureBytes PcapPacket(uint seconds, uint fraction, ReadOnlySpan<byte> data, uint original) =>
        U32(seconds).U32(fraction).U32((uint)data.Length).U32(original).Raw(data);

    public CaptureBytes Block(uint type, Action<CaptureBytes> body)
    {
        var inner = new CaptureBytes(bigEndian);
        body(inner);
        byte[] bytes = inner.ToArray();
        int length = 12 + ((bytes.Length + 3) & ~3);
        return U32(type).U32((uint)length).Raw(bytes, pad: true).U32((uint)length);
    }

    public CaptureBytes Section() => Block(0x0a0d0d0a, b => b.U32(0x1a2b3c4d).U16(1).U16(0).U32(uint.MaxValue).U32(uint.MaxValue));

    public CaptureBytes Interface(int link, uint snaplen, params (int Code, byte[] Value)[] options) =>
        Block(1, b => b.U16(link).U16(0).U32(snaplen).Options(options));

    public CaptureBytes Packet(uint id, ulong ticks, byte[] data, uint original, params (int Code, byte[] Value)[] options) =>
        Block(6, b => b.U32(id).U32((uint)(ticks >> 32)).U32((uint)ticks).U32((uint)data.Length).U32(original).Raw(data, pad: true).Options(options));

    public CaptureBytes Options((int Code, byte[] Value)[] options)
    {
        foreach ((int code, byte[] value) in options)
            U16(code).U16(value.Length).Raw(value, pad: true);
        return options.Length > 0 ? U32(0) : this;
    }

    /// <summary>A pcapng file with every kind of block, two interfaces and two sections of different byte order.</summary>
    public static byte[] Everything()
    {
        byte[] Section(bool big)
        {
            byte[] hash = [5, 0, 0, 0, 0];
            byte[] flags = new byte[4], queue = new byte[4];
            (uint hashValue, uint flagBits, uint queueNumber) = (0x01020304, 0b01001, 3);
            foreach ((byte[] to, int at, uint value) in new[] { (hash, 1, hashValue), (flags, 0, flagBits), (queue, 0, queueNumber) })
            {
                if (big)
                    BinaryPrimitives.WriteUInt32BigEndian(to.AsSpan(at), value);
                else
                    BinaryPrimitives.WriteUInt32LittleEndian(to.AsSpan(at), value);
            }

            return new CaptureBytes(big).Section()
                .Interface(1, 96, (2, "eth0"u8.ToArray()), (9, [9]))
                .Interface(113, 0, (2, "any"u8.ToArray()), (3, "Linux \u001b[31m"u8.ToArray()))
                .Block(4, b => b.U16(1).U16(8).Raw([192, 0, 2, 1, (byte)'a', (byte)'.', (byte)'b', 0]).U32(0))
                .Packet(0, 1_700_000_000_123_456_789, new byte[61], 61, (1, "a comment"u8.ToArray()), (2, flags), (3, hash), (6, queue))
                .Packet(1, 1_700_000_000_123_456, [0, 4, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0, 0x45], 40)
                .Block(3, b => b.U32(100).Raw(new byte[96]))
                .Block(2, b => b.U16(0).U16(7).U32(0).U32(5).U32(3).U32(3).Raw([1, 2, 3], pad: true))
                .Block(10, b => b.U32(0x544c534b).U32(4).Raw("keys"u8))
                .Block(0xbad, b => b.U32(32473).Raw("custom"u8))
                .Block(0x40000bad, b => b.U32(32473).Raw("nocopy"u8))
                .Block(0x7fff0001, b => b.Raw("unknown!"u8))
                .Block(5, b => b.U32(0).U32(0).U32(0).Options([(4, new byte[8])]))
                .ToArray();
        }

        return [.. Section(false), .. Section(true)];
    }

    /// <summary>Reads to the end: each packet as link type, time, lengths and bytes.</summary>
    public static List<string> ReadAll(byte[] file, out Diagnostic? diagnostic)
    {
        var packets = new List<string>();
        using CaptureReader? reader = CaptureReader.Open(new MemoryStream(file), out diagnostic);
        if (reader is null)
            return packets;
        while (reader.TryReadBatch(out CaptureBatch batch))
        {
            foreach (ref readonly PacketRecord record in batch.Records)
                packets.Add(new StringBuilder().Append(batch.LinkType).Append(' ').Append(reader.TimestampOf(batch, record)).Append(' ')
                    .Append(record.OriginalLength).Append(' ').Append(Convert.ToHexStringLower(batch.Data(record))).ToString());
        }

        diagnostic = reader.Diagnostic;
        return packets;
    }
}
