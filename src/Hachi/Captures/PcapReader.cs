using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Hachi.Text;

namespace Hachi.Captures;

/// <summary>
/// The classic format: a header of 24 bytes, then records of 16 bytes and the packet. Variants: both byte orders, micro- and nanoseconds, the modified
/// record headers of Kuznetsov (24 bytes) and others, the swapped lengths of versions before 2.4, FCS bits in the link-type word.
/// Sources: draft-ietf-opsawg-pcap, pcap-savefile(5).
/// </summary>
internal sealed class PcapReader : CaptureReader
{
    internal const uint Microseconds = 0xa1b2c3d4;
    internal const uint Nanoseconds = 0xa1b23c4d;
    internal const int HeaderBytes = 24;
    internal const int RecordHeaderBytes = 16;
    private const uint Kuznetsov = 0xa1b2cd34; // record header + interface index, protocol, packet type, pad
    private const uint Navtel = 0xa12b3c4d;
    private const uint Mesquita = 0xa1b234cd;

    private readonly byte[] _header;
    private readonly int _recordHeaderBytes;
    private readonly uint _capturedMax;
    private readonly uint _snaplen;
    private readonly LengthOrder _order;

    private PcapReader(Source source, uint magic, bool bigEndian, ReadOnlySpan<byte> header)
        : base(source)
    {
        IsBigEndian = bigEndian;
        _header = header.ToArray();
        IsNanosecond = magic == Nanoseconds;
        _recordHeaderBytes = magic == Kuznetsov ? 24 : RecordHeaderBytes;
        HasKuznetsovRecords = magic == Kuznetsov;
        _order = (ReadUInt16(header, 4), ReadUInt16(header, 6)) switch
        {
            (2, < 3) or (543, 0) => LengthOrder.Swapped,
            (2, 3) => LengthOrder.Unsure,
            _ => LengthOrder.Normal,
        };
        uint linkWord = ReadUInt32(header, 20);
        var linkType = LinkType.FromFileValue((int)(linkWord & 0x03ffffff));
        _capturedMax = CapturedMax(linkType);
        uint snaplen = ReadUInt32(header, 16);
        _snaplen = snaplen is 0 or > int.MaxValue ? _capturedMax : snaplen;
        AddInterface(new CaptureInterface(0, 0, linkType, snaplen)
        {
            FcsLength = (linkWord & 0x04000000) != 0 ? (int)(linkWord >> 28) * 2 : -1,
            TimestampResolution = IsNanosecond ? (byte)9 : (byte)6,
        });
        SkipHeader(HeaderBytes);
    }

    private enum LengthOrder
    {
        Normal,
        Swapped,
        Unsure,
    }

    public override CaptureFormat Format => CaptureFormat.Pcap;

    /// <summary>Whether time stamps count nanoseconds.</summary>
    internal bool IsNanosecond { get; }

    /// <summary>Whether records carry interface index, protocol and packet type.</summary>
    internal bool HasKuznetsovRecords { get; }

    /// <summary>Bytes before each packet.</summary>
    internal int RecordHeaderLength => _recordHeaderBytes;

    /// <summary>Whether the original length stands before the captured one.</summary>
    internal bool HasSwappedLengths => _order == LengthOrder.Swapped;

    internal override ReadOnlySpan<byte> FileHeader => _header;

    private protected override string RecordNoun => "the packet record";

    /// <summary>Most bytes that a packet of a link type may have (libpcap's limits).</summary>
    internal static uint CapturedMax(LinkType linkType) => linkType.Dlt switch
    {
        231 => 128 << 20, // D-Bus messages
        279 => 8 << 20, // EBHSCR
        249 => 1 << 20, // USBPcap
        _ => 262_144,
    };

    internal static PcapReader? TryOpen(Source source, ref Diagnostic? diagnostic)
    {
        ReadOnlySpan<byte> bytes = source.Buffer.AsSpan(0, source.Length);
        if (bytes.Length < 4)
            return null;
        uint little = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        uint big = BinaryPrimitives.ReverseEndianness(little);
        bool bigEndian = IsMagic(big);
        if (!bigEndian && !IsMagic(little))
            return null;
        if (bytes.Length < HeaderBytes)
        {
            diagnostic ??= DiagnosticTable.CaptureTruncated.At(default, "the file header", 0, HeaderBytes, bytes.Length);
            return null;
        }

        int major = bigEndian ? BinaryPrimitives.ReadUInt16BigEndian(bytes[4..]) : BinaryPrimitives.ReadUInt16LittleEndian(bytes[4..]);
        int minor = bigEndian ? BinaryPrimitives.ReadUInt16BigEndian(bytes[6..]) : BinaryPrimitives.ReadUInt16LittleEndian(bytes[6..]);
        if (!(major == 2 && minor <= 4) && !(major == 543 && minor == 0))
        {
            diagnostic ??= DiagnosticTable.CaptureVersion.At(default, major, minor);
            return null;
        }

        return new PcapReader(source, bigEndian ? big : little, bigEndian, bytes[..HeaderBytes]);
    }

    public override long TimestampOf(in CaptureBatch batch, in PacketRecord record)
    {
        uint seconds = ReadUInt32(batch.Bytes, record.Offset), fraction = ReadUInt32(batch.Bytes, record.Offset + 4);
        return seconds * 1_000_000_000L + (IsNanosecond ? fraction : fraction * 1000L);
    }

    public override void ReadMetadata(in CaptureBatch batch, in PacketRecord record, out PacketMetadata metadata)
    {
        LinkMetadata.Read(batch.LinkType, batch.Data(record), out metadata);
        if (!HasKuznetsovRecords)
            return;
        metadata.InterfaceIndex = ReadUInt32(batch.Bytes, record.Offset + 16);
        metadata.Protocol = ReadUInt16(batch.Bytes, record.Offset + 20);
        metadata.PacketType = batch.Bytes[record.Offset + 22];
    }

    private protected override int Walk(ReadOnlySpan<byte> bytes, ref int position, out LinkType linkType, out int need)
    {
        linkType = LinkType;
        return _order == LengthOrder.Normal
            ? WalkPlain(bytes, ref position, out need)
            : WalkOld(bytes, ref position, out need);
    }

    /// <summary>The hot loop: the packets themselves are not touched here.</summary>
    private int WalkPlain(ReadOnlySpan<byte> bytes, ref int position, out int need)
    {
        Span<PacketRecord> records = RecordSpace;
        ref byte first = ref MemoryMarshal.GetReference(bytes);
        int at = position, header = _recordHeaderBytes, count = 0, end = bytes.Length;
        uint max = _capturedMax, snaplen = _snaplen;
        bool swap = IsBigEndian == BitConverter.IsLittleEndian;
        need = header;
        while (count < records.Length && end - at >= header)
        {
            uint captured = Unsafe.ReadUnaligned<uint>(ref Unsafe.Add(ref first, at + 8));
            uint original = Unsafe.ReadUnaligned<uint>(ref Unsafe.Add(ref first, at + 12));
            if (swap)
            {
                captured = BinaryPrimitives.ReverseEndianness(captured);
                original = BinaryPrimitives.ReverseEndianness(original);
            }

            if (captured > max)
            {
                Diagnostic = DiagnosticTable.CapturePacketTooLong.At(default, OffsetOf(at), captured, max);
                break;
            }

            int length = header + (int)captured;
            if (length > end - at)
            {
                need = length;
                break;
            }

            records[count++] = new PacketRecord(at, length, at + header, (int)Math.Min(captured, snaplen), original, 0);
            at += length;
        }

        position = at;
        return count;
    }

    private int WalkOld(ReadOnlySpan<byte> bytes, ref int position, out int need)
    {
        Span<PacketRecord> records = RecordSpace;
        int at = position, header = _recordHeaderBytes, count = 0;
        need = header;
        while (count < records.Length && bytes.Length - at >= header)
        {
            uint captured = ReadUInt32(bytes, at + 8), original = ReadUInt32(bytes, at + 12);
            if (_order == LengthOrder.Swapped || captured > original)
                (captured, original) = (original, captured);
            if (captured > _capturedMax)
            {
                Diagnostic = DiagnosticTable.CapturePacketTooLong.At(default, OffsetOf(at), captured, _capturedMax);
                break;
            }

            int length = header + (int)captured;
            if (length > bytes.Length - at)
            {
                need = length;
                break;
            }

            records[count++] = new PacketRecord(at, length, at + header, (int)Math.Min(captured, _snaplen), original, 0);
            at += length;
        }

        position = at;
        return count;
    }

    private static bool IsMagic(uint value) => value is Microseconds or Nanoseconds or Kuznetsov or Navtel or Mesquita;
}
