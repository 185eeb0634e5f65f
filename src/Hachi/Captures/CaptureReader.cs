using System.Buffers;
using System.Buffers.Binary;
using Hachi.Text;

namespace Hachi.Captures;

/// <summary>The two families of capture files.</summary>
public enum CaptureFormat
{
    /// <summary>The classic format of libpcap, with its variants.</summary>
    Pcap,

    /// <summary>The block format (draft-ietf-opsawg-pcapng).</summary>
    Pcapng,
}

/// <summary>
/// Reads a capture (pcap, pcapng, either of them compressed with gzip) in batches that lie in one reused buffer: nothing is copied or allocated per packet.
/// Bad input never throws: reading ends, <see cref="Diagnostic"/> says why and at which byte, and everything before it was delivered.
/// Memory: one buffer, which grows only when a single record is larger, and then only as far as input is really there.
/// </summary>
public abstract class CaptureReader : IDisposable
{
    /// <summary>
    /// Size of the buffer in bytes. Small enough that what a read puts there is still in the second-level cache when the packets are walked,
    /// large enough that the system calls do not count.
    /// </summary>
    private const int BufferBytes = 256 * 1024;

    /// <summary>Most packets in one batch.</summary>
    private const int BatchRecordsMax = 2048;

    private readonly Stream _stream;
    private readonly bool _leaveOpen;
    private readonly List<CaptureInterface> _interfaces = [];
    private readonly PacketRecord[] _records = ArrayPool<PacketRecord>.Shared.Rent(BatchRecordsMax);
    private BlockRecord[] _blocks = [];
    private int _blockCount;
    private byte[] _buffer;
    private int _start;
    private int _end;
    private long _bufferOffset;
    private bool _endOfInput;
    private bool _disposed;
    private bool _primed;
    private int _primedCount;
    private LinkType _primedLinkType;

    private protected CaptureReader(Source source)
    {
        _stream = source.Stream;
        _leaveOpen = source.LeaveOpen;
        _buffer = source.Buffer;
        _end = source.Length;
        IsCompressed = source.IsCompressed;
    }

    /// <summary>Which family the file belongs to.</summary>
    public abstract CaptureFormat Format { get; }

    /// <summary>Whether gzip was found around it; all offsets then count uncompressed bytes.</summary>
    public bool IsCompressed { get; }

    /// <summary>The interfaces described so far; records name them by index. Grows while a pcapng file is read.</summary>
    public IReadOnlyList<CaptureInterface> Interfaces => _interfaces;

    /// <summary>Link type of the first interface; Ethernet while none was described (a pcapng file without packets).</summary>
    public LinkType LinkType => _interfaces.Count > 0 ? _interfaces[0].LinkType : LinkType.Ethernet;

    /// <summary>
    /// Why reading ended, known for certain when <see cref="TryReadBatch"/> has returned false; null when the capture ended where it should.
    /// </summary>
    public Diagnostic? Diagnostic { get; private protected set; }

    /// <summary>Whether numbers in the current section are big-endian.</summary>
    internal bool IsBigEndian { get; private protected set; }

    private protected ReadOnlySpan<byte> Buffered => _buffer.AsSpan(0, _end);

    private protected Span<PacketRecord> RecordSpace => _records.AsSpan(0, BatchRecordsMax);

    private protected int BlockCount => _blockCount;

    /// <summary>
    /// Opens a capture. Reads the header at once; of a pcapng file as much as the first read gives, so that the first interfaces are known.
    /// </summary>
    /// <param name="stream">The bytes; any stream, seeking is not needed. Give a file stream without a buffer of its own (bufferSize 0).</param>
    /// <param name="diagnostic">Why it cannot be read, when the result is null.</param>
    /// <param name="leaveOpen">Leave the stream open on <see cref="Dispose"/>.</param>
    /// <returns>The reader, or null.</returns>
    public static CaptureReader? Open(Stream stream, out Diagnostic? diagnostic, bool leaveOpen = false)
    {
        ArgumentNullException.ThrowIfNull(stream);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        int length = 0;
        diagnostic = Fill(stream, buffer, ref length, 24);
        bool compressed = length >= 3 && buffer[0] == 0x1f && buffer[1] == 0x8b && buffer[2] == 8;
        if (compressed && diagnostic is null)
        {
            stream = new GzipInput(buffer.AsSpan(0, length).ToArray(), stream, leaveOpen);
            leaveOpen = false;
            length = 0;
            diagnostic = Fill(stream, buffer, ref length, 24);
        }

        var source = new Source(stream, leaveOpen, buffer, length, compressed);
        CaptureReader? reader = PcapReader.TryOpen(source, ref diagnostic);
        reader ??= PcapngReader.TryOpen(source, ref diagnostic);
        if (reader is not null)
        {
            // what went wrong after the header was there is said when the packets before it have been delivered
            reader.Diagnostic ??= diagnostic;
            reader._endOfInput |= diagnostic is not null;
            diagnostic = null;
            return reader;
        }

        diagnostic ??= length == 0
            ? DiagnosticTable.CaptureEmpty.At(default)
            : DiagnosticTable.CaptureUnknownFormat.At(default, "0x" + Convert.ToHexStringLower(buffer, 0, Math.Min(length, 4)));
        ArrayPool<byte>.Shared.Return(buffer);
        if (!leaveOpen)
            stream.Dispose();
        return null;
    }

    /// <summary>
    /// Reads the next packets. The batch is valid until the next call. It may hold no packets (only other blocks); false means the end or a damage.
    /// </summary>
    public bool TryReadBatch(out CaptureBatch batch)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_primed)
        {
            _primed = false;
            batch = new CaptureBatch(_buffer.AsSpan(0, _end), _records.AsSpan(0, _primedCount), _blocks.AsSpan(0, _blockCount), _bufferOffset, _primedLinkType);
            return true;
        }

        while (Diagnostic is null || _start < _end)
        {
            _blockCount = 0;
            int start = _start;
            int count = Walk(_buffer.AsSpan(0, _end), ref _start, out LinkType linkType, out int need);
            if (count > 0 || _blockCount > 0)
            {
                batch = new CaptureBatch(_buffer.AsSpan(0, _end), _records.AsSpan(0, count), _blocks.AsSpan(0, _blockCount), _bufferOffset, linkType);
                return true;
            }

            if (Diagnostic is not null)
                break;
            if (_start == start && !Refill(need))
                break;
        }

        batch = default;
        return false;
    }

    /// <summary>Time of a packet in nanoseconds since 1970 (UTC); 0 when the record has none.</summary>
    public abstract long TimestampOf(in CaptureBatch batch, in PacketRecord record);

    /// <summary>What is recorded about a packet beyond its bytes; see <see cref="PacketMetadata"/>.</summary>
    public abstract void ReadMetadata(in CaptureBatch batch, in PacketRecord record, out PacketMetadata metadata);

    /// <summary>The comments recorded with a packet (pcapng). Outside text: print it through <see cref="Escaper"/> only.</summary>
    public virtual IReadOnlyList<string> CommentsOf(in CaptureBatch batch, in PacketRecord record) => [];

    /// <summary>The bytes before the first record, which a copy in the same format starts with; empty for pcapng.</summary>
    internal virtual ReadOnlySpan<byte> FileHeader => [];

    /// <summary>Gives the buffers back and, unless told otherwise, closes the stream.</summary>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        ArrayPool<byte>.Shared.Return(_buffer);
        ArrayPool<PacketRecord>.Shared.Return(_records);
        _buffer = [];
        _start = _end = 0;
        if (!_leaveOpen)
            _stream.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>
    /// Finds the records of one batch from <paramref name="position"/> on, moves it behind them and returns their number. When there is not one whole
    /// record, <paramref name="need"/> says how many bytes it takes.
    /// </summary>
    private protected abstract int Walk(ReadOnlySpan<byte> bytes, ref int position, out LinkType linkType, out int need);

    /// <summary>Walks the first batch ahead, so that the first interface is known before anybody asks for packets.</summary>
    private protected void Prime()
    {
        for (; ; )
        {
            int position = 0;
            _blockCount = 0;
            _primedCount = Walk(_buffer.AsSpan(0, _end), ref position, out _primedLinkType, out _);
            if (_interfaces.Count > 0 || Diagnostic is not null || _endOfInput || _end >= BufferBytes / 2)
            {
                _primed = _primedCount > 0 || _blockCount > 0;
                _start = position;
                return;
            }

            int before = _end;
            Diagnostic = Fill(_stream, _buffer, ref _end, _end + 1);
            _endOfInput = _end == before;
        }
    }

    /// <summary>Offset in the capture of a place in the buffer.</summary>
    private protected long OffsetOf(int position) => _bufferOffset + position;

    private protected void AddInterface(CaptureInterface described) => _interfaces.Add(described);

    private protected void AddBlock(BlockRecord block)
    {
        if (_blockCount == _blocks.Length)
            Array.Resize(ref _blocks, Math.Max(16, _blocks.Length * 2));
        _blocks[_blockCount++] = block;
    }

    private protected void SkipHeader(int bytes) => _start += bytes;

    private protected uint ReadUInt32(ReadOnlySpan<byte> bytes, int offset) =>
        IsBigEndian ? BinaryPrimitives.ReadUInt32BigEndian(bytes[offset..]) : BinaryPrimitives.ReadUInt32LittleEndian(bytes[offset..]);

    private protected ushort ReadUInt16(ReadOnlySpan<byte> bytes, int offset) =>
        IsBigEndian ? BinaryPrimitives.ReadUInt16BigEndian(bytes[offset..]) : BinaryPrimitives.ReadUInt16LittleEndian(bytes[offset..]);

    /// <summary>Moves what is left to the front and reads more, until the record that starts there is whole. False at the end of the input.</summary>
    private bool Refill(int need)
    {
        int left = _end - _start;
        if (!_endOfInput)
        {
            _buffer.AsSpan(_start, left).CopyTo(_buffer);
            _bufferOffset += _start;
            _start = 0;
            _end = left;
        }

        while (!_endOfInput && _end < need)
        {
            if (_end == _buffer.Length)
                Grow(need);
            int before = _end;
            if (Fill(_stream, _buffer, ref _end, Math.Min(need, _buffer.Length)) is { } failure)
            {
                Diagnostic = failure.Id == DiagnosticTable.CaptureGzip.Id ? DiagnosticTable.CaptureGzip.At(default, _bufferOffset + _end) : failure;
                _endOfInput = true;
                return _end > before && _end >= need;
            }

            if (_end < Math.Min(need, _buffer.Length))
                _endOfInput = true;
        }

        left = _end - _start;
        if (left >= need)
            return true;
        if (left > 0)
            Diagnostic ??= DiagnosticTable.CaptureTruncated.At(default, RecordNoun, OffsetOf(_start), need, left);
        _start = _end;
        return false;
    }

    /// <summary>What a record is called in messages.</summary>
    private protected abstract string RecordNoun { get; }

    /// <summary>Doubles the buffer. The length that a record claims is not trusted: the next doubling waits until this one is full.</summary>
    private void Grow(int need)
    {
        byte[] larger = ArrayPool<byte>.Shared.Rent((int)Math.Min((long)_buffer.Length * 2, Math.Max(need, _buffer.Length + 1L)));
        _buffer.AsSpan(0, _end).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = larger;
    }

    /// <summary>Reads until at least <paramref name="need"/> bytes are there or the input ends.</summary>
    private static Diagnostic? Fill(Stream stream, byte[] buffer, ref int length, int need)
    {
        try
        {
            while (length < need)
            {
                int got = stream.Read(buffer, length, buffer.Length - length);
                if (got <= 0)
                    return null;
                length += got;
            }

            return null;
        }
        catch (InvalidDataException)
        {
            return DiagnosticTable.CaptureGzip.At(default, length);
        }
        catch (IOException failure)
        {
            return DiagnosticTable.CaptureReadFailed.At(default, length, Escaper.Escape(failure.Message));
        }
    }

    /// <summary>What the formats get from <see cref="Open"/>.</summary>
    internal readonly record struct Source(Stream Stream, bool LeaveOpen, byte[] Buffer, int Length, bool IsCompressed);
}
