using System.Buffers.Binary;

namespace Hachi.Captures;

/// <summary>The classic format: a new file with the header of version 2.4, or one that continues in the variant of a file that is read.</summary>
internal sealed class PcapWriter : CaptureWriter
{
    private readonly byte[] _header;
    private readonly LinkType _linkType;
    private readonly bool _bigEndian;
    private readonly bool _nanoseconds;
    private readonly int _recordHeaderBytes;
    private readonly bool _swappedLengths;

    internal PcapWriter(Stream stream, LinkType linkType, bool nanoseconds, uint snaplen, bool leaveOpen)
        : base(stream, leaveOpen)
    {
        _header = new byte[PcapReader.HeaderBytes];
        BinaryPrimitives.WriteUInt32LittleEndian(_header, nanoseconds ? PcapReader.Nanoseconds : PcapReader.Microseconds);
        BinaryPrimitives.WriteUInt16LittleEndian(_header.AsSpan(4), 2);
        BinaryPrimitives.WriteUInt16LittleEndian(_header.AsSpan(6), 4);
        BinaryPrimitives.WriteUInt32LittleEndian(_header.AsSpan(16), snaplen);
        BinaryPrimitives.WriteUInt32LittleEndian(_header.AsSpan(20), (uint)linkType.FileValue);
        _linkType = linkType;
        _nanoseconds = nanoseconds;
        _recordHeaderBytes = PcapReader.RecordHeaderBytes;
        Append(_header);
    }

    internal PcapWriter(Stream stream, PcapReader like, bool leaveOpen)
        : base(stream, leaveOpen)
    {
        _header = like.FileHeader.ToArray();
        _linkType = like.LinkType;
        _bigEndian = like.IsBigEndian;
        _nanoseconds = like.IsNanosecond;
        _recordHeaderBytes = like.RecordHeaderLength;
        _swappedLengths = like.HasSwappedLengths;
        Append(_header);
    }

    public override CaptureFormat Format => CaptureFormat.Pcap;

    public override void Write(CaptureReader source, in CaptureBatch batch)
    {
        ReadOnlySpan<PacketRecord> records = batch.Records;
        if (!records.IsEmpty && CanCopyFrom(source))
        {
            int start = records[0].Offset;
            Append(batch.Bytes[start..(records[^1].Offset + records[^1].Length)]);
            Packets += records.Length;
            return;
        }

        foreach (ref readonly PacketRecord record in records)
            Encode(source, batch, record);
    }

    public override void Write(CaptureReader source, in CaptureBatch batch, ReadOnlySpan<int> chosen)
    {
        if (!CanCopyFrom(source))
        {
            foreach (int index in chosen)
                Encode(source, batch, batch.Records[index]);
            return;
        }

        int start = 0, end = 0;
        foreach (int index in chosen)
        {
            ref readonly PacketRecord record = ref batch.Records[index];
            if (record.Offset != end)
            {
                Append(batch.Bytes[start..end]);
                start = record.Offset;
            }

            end = record.Offset + record.Length;
        }

        Append(batch.Bytes[start..end]);
        Packets += chosen.Length;
    }

    public override void Write(long timestamp, uint originalLength, ReadOnlySpan<byte> data)
    {
        (long seconds, long fraction) = Math.DivRem(Math.Max(timestamp, 0), 1_000_000_000);
        Span<byte> header = Reserve(_recordHeaderBytes);
        header.Clear();
        Put(header, (uint)seconds);
        Put(header[4..], (uint)(_nanoseconds ? fraction : fraction / 1000));
        Put(header[8..], _swappedLengths ? originalLength : (uint)data.Length);
        Put(header[12..], _swappedLengths ? (uint)data.Length : originalLength);
        Append(data);
        Packets++;
    }

    public override int AddInterface(CaptureInterface described, string? filter = null) => described.LinkType == _linkType ? 0 : -1;

    public override void Write(int interfaceNumber, long timestamp, uint originalLength, ReadOnlySpan<byte> data)
    {
        if (interfaceNumber == 0)
            Write(timestamp, originalLength, data);
        else
            Skipped++;
    }

    /// <summary>The same magic, version and link type: then a record there is a record here.</summary>
    private bool CanCopyFrom(CaptureReader source) =>
        source is PcapReader && source.FileHeader[..8].SequenceEqual(_header.AsSpan(0, 8)) && source.FileHeader[20..].SequenceEqual(_header.AsSpan(20));

    private void Encode(CaptureReader source, in CaptureBatch batch, in PacketRecord record)
    {
        if (batch.LinkType == _linkType)
            Write(source.TimestampOf(batch, record), record.OriginalLength, batch.Data(record));
        else
            Skipped++;
    }

    private void Put(Span<byte> to, uint value)
    {
        if (_bigEndian)
            BinaryPrimitives.WriteUInt32BigEndian(to, value);
        else
            BinaryPrimitives.WriteUInt32LittleEndian(to, value);
    }
}
