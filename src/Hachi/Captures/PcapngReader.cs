using System.Buffers.Binary;
using System.Text;
using Hachi.Text;

namespace Hachi.Captures;

/// <summary>
/// The block format: sections (each with its own byte order and interfaces) of blocks. Packets of all three kinds of block become records; every other
/// block is handed on as it is (<see cref="CaptureBatch.Blocks"/>).
/// </summary>
internal sealed class PcapngReader : CaptureReader
{
    private const int InterfacesMax = 65_536;
    private const int NameBytesMax = 256;
    private const int DescriptionBytesMax = 1024;

    private int _sectionFirst;
    private int _sectionInterfaces;
    private int _blockBytesMax = PcapngFormat.BlockBytesMax;

    private PcapngReader(Source source)
        : base(source)
    {
    }

    public override CaptureFormat Format => CaptureFormat.Pcapng;

    private protected override string RecordNoun => "the block";

    internal static PcapngReader? TryOpen(Source source, ref Diagnostic? diagnostic)
    {
        ReadOnlySpan<byte> bytes = source.Buffer.AsSpan(0, source.Length);
        if (bytes.Length < 4 || BinaryPrimitives.ReadUInt32LittleEndian(bytes) != PcapngFormat.SectionHeader)
            return null;
        if (bytes.Length < 12)
        {
            diagnostic ??= DiagnosticTable.CaptureTruncated.At(default, "the section header", 0, 28, bytes.Length);
            return null;
        }

        if (!TryByteOrder(bytes[8..], out _))
        {
            diagnostic ??= DiagnosticTable.CaptureByteOrder.At(default, 0);
            return null;
        }

        var reader = new PcapngReader(source);
        reader.Prime();
        return reader;
    }

    public override long TimestampOf(in CaptureBatch batch, in PacketRecord record)
    {
        if (ReadUInt32(batch.Bytes, record.Offset) == PcapngFormat.SimplePacket)
            return 0;
        ulong ticks = (ulong)ReadUInt32(batch.Bytes, record.Offset + 12) << 32 | ReadUInt32(batch.Bytes, record.Offset + 16);
        return Interfaces[record.Interface].ToNanoseconds(ticks);
    }

    public override void ReadMetadata(in CaptureBatch batch, in PacketRecord record, out PacketMetadata metadata)
    {
        LinkMetadata.Read(batch.LinkType, batch.Data(record), out metadata);
        if (batch.LinkType != LinkType.LinuxSll2)
            metadata.InterfaceIndex = (uint)Interfaces[record.Interface].Id;
        ReadOnlySpan<byte> options = OptionsOf(batch, record);
        while (TryOption(ref options, out ushort code, out ReadOnlySpan<byte> value))
        {
            if (code == PcapngFormat.PacketFlags && value.Length == 4)
                ApplyFlags(ReadUInt32(value, 0), ref metadata);
            else if (code == PcapngFormat.PacketQueue && value.Length == 4)
                metadata.Queue = ReadUInt32(value, 0);
            else if (code == PcapngFormat.PacketHash && value.Length == 5 && value[0] == PcapngFormat.HashToeplitz)
                metadata.RxHash = ReadUInt32(value, 1);
        }
    }

    public override IReadOnlyList<string> CommentsOf(in CaptureBatch batch, in PacketRecord record)
    {
        List<string>? comments = null;
        ReadOnlySpan<byte> options = OptionsOf(batch, record);
        while (TryOption(ref options, out ushort code, out ReadOnlySpan<byte> value))
        {
            if (code == PcapngFormat.OptionComment)
                (comments ??= []).Add(Encoding.UTF8.GetString(value));
        }

        return comments ?? (IReadOnlyList<string>)[];
    }

    private protected override int Walk(ReadOnlySpan<byte> bytes, ref int position, out LinkType linkType, out int need)
    {
        Span<PacketRecord> records = RecordSpace;
        int count = 0;
        linkType = default;
        need = 0;
        bool more = true;
        while (more && count < records.Length)
        {
            if (!TryBlock(bytes, position, out uint type, out int length, ref need))
                break;
            switch (type)
            {
                case PcapngFormat.EnhancedPacket or PcapngFormat.ObsoletePacket or PcapngFormat.SimplePacket:
                    if (!TryPacket(bytes, position, length, type, out PacketRecord record))
                        return count;
                    LinkType own = Interfaces[record.Interface].LinkType;
                    if (count > 0 && own != linkType)
                        return count;
                    linkType = own;
                    records[count++] = record;
                    break;
                case PcapngFormat.SectionHeader:
                    if (count > 0 || BlockCount > 0)
                        return count; // one section, one byte order a batch
                    if (!TryStartSection(bytes, position))
                        return count;
                    AddBlock(new BlockRecord(position, length, type, 0));
                    break;
                case PcapngFormat.InterfaceDescription:
                    if (!TryInterface(bytes, position, length))
                        return count;
                    AddBlock(new BlockRecord(position, length, type, count));
                    break;
                default:
                    AddBlock(new BlockRecord(position, length, type, count));
                    more = BlockCount < records.Length;
                    break;
            }

            position += length;
        }

        if (count == 0)
            linkType = LinkType;
        return count;
    }

    /// <summary>Finds the bounds of the block at a place. False: not whole (then <paramref name="need"/> tells how much it takes) or damaged.</summary>
    private bool TryBlock(ReadOnlySpan<byte> bytes, int position, out uint type, out int length, ref int need)
    {
        type = 0;
        length = 0;
        int left = bytes.Length - position;
        need = PcapngFormat.BlockOverhead;
        if (left < need)
            return false;
        bool bigEndian = IsBigEndian;
        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes[position..]) == PcapngFormat.SectionHeader && !TryByteOrder(bytes[(position + 8)..], out bigEndian))
        {
            Diagnostic = DiagnosticTable.CaptureByteOrder.At(default, OffsetOf(position));
            return false;
        }

        type = ReadUInt32(bytes, position);
        uint claimed = bigEndian
            ? BinaryPrimitives.ReadUInt32BigEndian(bytes[(position + 4)..])
            : BinaryPrimitives.ReadUInt32LittleEndian(bytes[(position + 4)..]);
        uint min = type switch
        {
            PcapngFormat.SectionHeader => 28,
            PcapngFormat.InterfaceDescription => 20,
            PcapngFormat.EnhancedPacket or PcapngFormat.ObsoletePacket => 32,
            PcapngFormat.SimplePacket => 16,
            _ => PcapngFormat.BlockOverhead,
        };
        if (claimed < min || (claimed & 3) != 0 || claimed > _blockBytesMax)
        {
            Diagnostic = DiagnosticTable.CaptureBlockLength.At(default, OffsetOf(position), claimed);
            return false;
        }

        length = (int)claimed;
        need = length;
        if (length > left)
            return false;
        ReadOnlySpan<byte> trailer = bytes[(position + length - 4)..];
        uint again = bigEndian ? BinaryPrimitives.ReadUInt32BigEndian(trailer) : BinaryPrimitives.ReadUInt32LittleEndian(trailer);
        if (again == claimed)
            return true;
        Diagnostic = DiagnosticTable.CaptureBlockTrailer.At(default, OffsetOf(position), claimed, again);
        return false;
    }

    private bool TryPacket(ReadOnlySpan<byte> bytes, int position, int length, uint type, out PacketRecord record)
    {
        record = default;
        int header = type == PcapngFormat.SimplePacket ? 12 : 28;
        uint id = type switch
        {
            PcapngFormat.EnhancedPacket => ReadUInt32(bytes, position + 8),
            PcapngFormat.ObsoletePacket => ReadUInt16(bytes, position + 8),
            _ => 0,
        };
        if (id >= _sectionInterfaces)
        {
            Diagnostic = DiagnosticTable.CaptureUnknownInterface.At(default, OffsetOf(position), id);
            return false;
        }

        int room = length - header - 4, index = _sectionFirst + (int)id;
        uint captured, original;
        if (type == PcapngFormat.SimplePacket)
        {
            // nothing but the original length is recorded: the captured one is what the snapshot length of interface 0 makes of it
            original = ReadUInt32(bytes, position + 8);
            uint snaplen = Interfaces[index].Snaplen;
            captured = Math.Min(snaplen == 0 ? original : Math.Min(original, snaplen), (uint)room);
        }
        else
        {
            captured = ReadUInt32(bytes, position + 20);
            original = ReadUInt32(bytes, position + 24);
        }

        if (captured > room)
        {
            Diagnostic = DiagnosticTable.CapturePacketOverrun.At(default, OffsetOf(position), captured, room);
            return false;
        }

        record = new PacketRecord(position, length, position + header, (int)captured, original, index);
        return true;
    }

    private bool TryStartSection(ReadOnlySpan<byte> bytes, int position)
    {
        TryByteOrder(bytes[(position + 8)..], out bool bigEndian);
        IsBigEndian = bigEndian;
        int major = ReadUInt16(bytes, position + 12), minor = ReadUInt16(bytes, position + 14);
        _sectionFirst = Interfaces.Count;
        _sectionInterfaces = 0;
        if (major == 1)
            return true;
        Diagnostic = DiagnosticTable.CaptureVersion.At(default, major, minor);
        return false;
    }

    private bool TryInterface(ReadOnlySpan<byte> bytes, int position, int length)
    {
        if (Interfaces.Count >= InterfacesMax)
        {
            Diagnostic = DiagnosticTable.CaptureTooManyInterfaces.At(default, InterfacesMax, OffsetOf(position));
            return false;
        }

        var linkType = LinkType.FromFileValue(ReadUInt16(bytes, position + 8));
        string? name = null, description = null;
        byte resolution = 6;
        long offset = 0;
        int fcs = -1;
        ReadOnlySpan<byte> options = bytes.Slice(position + 16, length - 20);
        while (TryOption(ref options, out ushort code, out ReadOnlySpan<byte> value))
        {
            switch (code)
            {
                case PcapngFormat.InterfaceName:
                    name = Encoding.UTF8.GetString(value[..Math.Min(value.Length, NameBytesMax)]);
                    break;
                case PcapngFormat.InterfaceDescriptionText:
                    description = Encoding.UTF8.GetString(value[..Math.Min(value.Length, DescriptionBytesMax)]);
                    break;
                case PcapngFormat.InterfaceTimestampResolution when value.Length == 1:
                    resolution = value[0];
                    break;
                case PcapngFormat.InterfaceFcsLength when value.Length == 1:
                    fcs = value[0];
                    break;
                case PcapngFormat.InterfaceTimestampOffset when value.Length == 8:
                    offset = IsBigEndian ? BinaryPrimitives.ReadInt64BigEndian(value) : BinaryPrimitives.ReadInt64LittleEndian(value);
                    break;
            }
        }

        AddInterface(new CaptureInterface(Interfaces.Count, _sectionInterfaces++, linkType, ReadUInt32(bytes, position + 12), name, description)
        {
            FcsLength = fcs,
            TimestampResolution = resolution,
            TimestampOffset = offset,
        });
        _blockBytesMax = (int)Math.Max(_blockBytesMax, PcapReader.CapturedMax(linkType) + 65_536L);
        return true;
    }

    /// <summary>Direction in bits 0-1 (2 outbound), reception in bits 2-4 (1 unicast, 2 multicast, 3 broadcast, 4 promiscuous).</summary>
    private static void ApplyFlags(uint flags, ref PacketMetadata metadata)
    {
        if ((flags & 3) == 2)
        {
            metadata.PacketType = 4;
            return;
        }

        metadata.PacketType = (flags >> 2 & 7) switch
        {
            1 => 0,
            2 => 2,
            3 => 1,
            4 => 3,
            _ => metadata.PacketType,
        };
    }

    private ReadOnlySpan<byte> OptionsOf(in CaptureBatch batch, in PacketRecord record)
    {
        if (ReadUInt32(batch.Bytes, record.Offset) == PcapngFormat.SimplePacket)
            return [];
        int start = record.DataOffset + PcapngFormat.Pad(record.CapturedLength), end = record.Offset + record.Length - 4;
        return start < end ? batch.Bytes[start..end] : [];
    }

    /// <summary>Takes the next option off a list; false at its end or where it is damaged.</summary>
    private bool TryOption(ref ReadOnlySpan<byte> options, out ushort code, out ReadOnlySpan<byte> value)
    {
        code = 0;
        value = default;
        if (options.Length < 4)
            return false;
        code = ReadUInt16(options, 0);
        int length = ReadUInt16(options, 2);
        if (code == PcapngFormat.OptionEnd || length > options.Length - 4)
            return false;
        value = options.Slice(4, length);
        options = options[Math.Min(4 + PcapngFormat.Pad(length), options.Length)..];
        return true;
    }

    private static bool TryByteOrder(ReadOnlySpan<byte> magic, out bool bigEndian)
    {
        bigEndian = BinaryPrimitives.ReadUInt32BigEndian(magic) == PcapngFormat.ByteOrderMagic;
        return bigEndian || BinaryPrimitives.ReadUInt32LittleEndian(magic) == PcapngFormat.ByteOrderMagic;
    }
}
