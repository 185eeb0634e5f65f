using System.Buffers.Binary;

namespace Hachi.Captures;

/// <summary>
/// The block format. Blocks of a pcapng reader are copied as they are, its section headers included, so that several files after each other become
/// several sections; packets from elsewhere go into a section of our own with one interface.
/// </summary>
internal sealed partial class PcapngWriter(Stream stream, LinkType linkType, bool nanoseconds, uint snaplen, bool leaveOpen) : CaptureWriter(stream, leaveOpen)
{
    private readonly object _own = new();
    private object? _section;
    private byte _resolution = 6;

    public override CaptureFormat Format => CaptureFormat.Pcapng;

    public override void Write(CaptureReader source, in CaptureBatch batch)
    {
        if (source is PcapngReader)
        {
            Copy(source, batch, [], all: true);
            return;
        }

        foreach (ref readonly PacketRecord record in batch.Records)
            Encode(source, batch, record);
    }

    public override void Write(CaptureReader source, in CaptureBatch batch, ReadOnlySpan<int> chosen)
    {
        if (source is PcapngReader)
        {
            Copy(source, batch, chosen, all: false);
            return;
        }

        foreach (int index in chosen)
            Encode(source, batch, batch.Records[index]);
    }

    public override void Write(long timestamp, uint originalLength, ReadOnlySpan<byte> data)
    {
        if (_section != _own)
            StartSection(_own, linkType, snaplen, nanoseconds ? (byte)9 : (byte)6);
        WritePacket(0, timestamp, originalLength, data);
    }

    public override void Flush()
    {
        if (_section is null)
            StartSection(_own, linkType, snaplen, nanoseconds ? (byte)9 : (byte)6);
        base.Flush();
    }

    /// <summary>Packets and other blocks are two ascending lists of places; what is adjacent is written as one run.</summary>
    private void Copy(CaptureReader source, in CaptureBatch batch, ReadOnlySpan<int> chosen, bool all)
    {
        _section = source;
        ReadOnlySpan<BlockRecord> blocks = batch.Blocks;
        int count = all ? batch.Records.Length : chosen.Length, start = 0, end = 0, next = 0;
        for (int i = 0; i <= count; i++)
        {
            int index = i == count ? int.MaxValue : all ? i : chosen[i];
            for (; next < blocks.Length && blocks[next].BeforeRecord <= index; next++)
            {
                if (blocks[next].Type == PcapngFormat.SectionHeader)
                    CopySectionHeader(batch.Bytes.Slice(blocks[next].Offset, blocks[next].Length));
                else
                    Extend(batch, ref start, ref end, blocks[next].Offset, blocks[next].Length);
            }

            if (i < count)
                Extend(batch, ref start, ref end, batch.Records[index].Offset, batch.Records[index].Length);
        }

        Append(batch.Bytes[start..end]);
        Packets += count;
    }

    private void Extend(in CaptureBatch batch, ref int start, ref int end, int offset, int length)
    {
        if (offset != end)
        {
            Append(batch.Bytes[start..end]);
            start = offset;
        }

        end = offset + length;
    }

    /// <summary>A section header may tell the length of its section, which is not true any more when packets are left out: "not known" is written.</summary>
    private void CopySectionHeader(ReadOnlySpan<byte> block)
    {
        Append(block[..16]);
        Reserve(8).Fill(0xff);
        Append(block[24..]);
    }

    private void Encode(CaptureReader source, in CaptureBatch batch, in PacketRecord record)
    {
        CaptureInterface described = source.Interfaces[record.Interface];
        if (_section != source)
            StartSection(source, described.LinkType, described.Snaplen, described.TimestampResolution);
        WritePacket(0, source.TimestampOf(batch, record), record.OriginalLength, batch.Data(record));
    }

    private void WritePacket(int number, long timestamp, uint originalLength, ReadOnlySpan<byte> data)
    {
        int length = 32 + PcapngFormat.Pad(data.Length);
        ulong ticks = (ulong)(_resolution == 9 ? Math.Max(timestamp, 0) : Math.Max(timestamp, 0) / 1000);
        Span<byte> header = Reserve(28);
        BinaryPrimitives.WriteUInt32LittleEndian(header, PcapngFormat.EnhancedPacket);
        BinaryPrimitives.WriteInt32LittleEndian(header[4..], length);
        BinaryPrimitives.WriteInt32LittleEndian(header[8..], number);
        BinaryPrimitives.WriteUInt32LittleEndian(header[12..], (uint)(ticks >> 32));
        BinaryPrimitives.WriteUInt32LittleEndian(header[16..], (uint)ticks);
        BinaryPrimitives.WriteInt32LittleEndian(header[20..], data.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(header[24..], originalLength);
        Append(data);
        int padding = PcapngFormat.Pad(data.Length) - data.Length;
        Span<byte> trailer = Reserve(padding + 4);
        trailer.Clear();
        BinaryPrimitives.WriteInt32LittleEndian(trailer[padding..], length);
        Packets++;
    }

    private void StartSection(object section, LinkType link, uint snap, byte resolution)
    {
        _section = section;
        _resolution = resolution == 9 ? (byte)9 : (byte)6;
        WriteSectionHeader();
        Span<byte> described = Reserve(32);
        described.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(described, PcapngFormat.InterfaceDescription);
        BinaryPrimitives.WriteUInt32LittleEndian(described[4..], 32);
        BinaryPrimitives.WriteUInt16LittleEndian(described[8..], (ushort)link.FileValue);
        BinaryPrimitives.WriteUInt32LittleEndian(described[12..], snap);
        BinaryPrimitives.WriteUInt16LittleEndian(described[16..], PcapngFormat.InterfaceTimestampResolution);
        BinaryPrimitives.WriteUInt16LittleEndian(described[18..], 1);
        described[20] = _resolution;
        BinaryPrimitives.WriteUInt32LittleEndian(described[28..], 32); // after the value, its padding and the empty end-of-options
    }

    private void WriteSectionHeader()
    {
        Span<byte> header = Reserve(28);
        BinaryPrimitives.WriteUInt32LittleEndian(header, PcapngFormat.SectionHeader);
        BinaryPrimitives.WriteUInt32LittleEndian(header[4..], 28);
        BinaryPrimitives.WriteUInt32LittleEndian(header[8..], PcapngFormat.ByteOrderMagic);
        BinaryPrimitives.WriteUInt16LittleEndian(header[12..], 1);
        BinaryPrimitives.WriteUInt16LittleEndian(header[14..], 0);
        header.Slice(16, 8).Fill(0xff);
        BinaryPrimitives.WriteUInt32LittleEndian(header[24..], 28);
    }
}
