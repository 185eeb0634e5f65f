using System.Runtime.InteropServices;

namespace Hachi.Captures;

/// <summary>
/// Where one packet of a <see cref="CaptureBatch"/> lies. All offsets count bytes from the start of <see cref="CaptureBatch.Bytes"/>;
/// the reader guarantees that the record and the packet lie inside it.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public readonly struct PacketRecord(int offset, int length, int dataOffset, int capturedLength, uint originalLength, int interfaceIndex)
{
    /// <summary>Start of the record with its header (the block in pcapng).</summary>
    public readonly int Offset = offset;

    /// <summary>Length of the whole record: header, packet, padding, options.</summary>
    public readonly int Length = length;

    /// <summary>Start of the packet's bytes.</summary>
    public readonly int DataOffset = dataOffset;

    /// <summary>Number of packet bytes in the capture.</summary>
    public readonly int CapturedLength = capturedLength;

    /// <summary>Number of bytes the packet had on the wire.</summary>
    public readonly uint OriginalLength = originalLength;

    /// <summary>Index into <see cref="CaptureReader.Interfaces"/>.</summary>
    public readonly int Interface = interfaceIndex;
}

/// <summary>A pcapng block that is no packet (interface, statistics, names, secrets, custom, unknown) and lies between the packets of a batch.</summary>
/// <param name="Offset">Start in <see cref="CaptureBatch.Bytes"/>.</param>
/// <param name="Length">Length of the block.</param>
/// <param name="Type">Block type.</param>
/// <param name="BeforeRecord">The block stands before the record of this index; the number of records when it is behind the last.</param>
public readonly record struct BlockRecord(int Offset, int Length, uint Type, int BeforeRecord);

/// <summary>
/// Some packets in a row, as they lie in the capture, all of one link type and one section. Valid until the next call of the reader.
/// </summary>
public readonly ref struct CaptureBatch
{
    internal CaptureBatch(ReadOnlySpan<byte> bytes, ReadOnlySpan<PacketRecord> records, ReadOnlySpan<BlockRecord> blocks, long fileOffset, LinkType linkType)
    {
        Bytes = bytes;
        Records = records;
        Blocks = blocks;
        FileOffset = fileOffset;
        LinkType = linkType;
    }

    /// <summary>Part of the capture file.</summary>
    public ReadOnlySpan<byte> Bytes { get; }

    /// <summary>The packets, in file order. May be empty when only other blocks were found.</summary>
    public ReadOnlySpan<PacketRecord> Records { get; }

    /// <summary>The blocks of pcapng that are no packets, in file order; a filter that writes pcapng keeps them.</summary>
    public ReadOnlySpan<BlockRecord> Blocks { get; }

    /// <summary>Offset of <see cref="Bytes"/> in the (uncompressed) capture.</summary>
    public long FileOffset { get; }

    /// <summary>Link type of every packet here.</summary>
    public LinkType LinkType { get; }

    /// <summary>The captured bytes of a packet.</summary>
    public ReadOnlySpan<byte> Data(in PacketRecord record) => Bytes.Slice(record.DataOffset, record.CapturedLength);
}
