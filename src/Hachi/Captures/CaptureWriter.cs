using System.Buffers;

namespace Hachi.Captures;

/// <summary>
/// Writes captures. What comes from a reader of the same format is copied as it lies there, run by run, with every block and option; what comes from
/// another format is encoded anew. Errors of the stream are thrown (<see cref="IOException"/>): a capture that cannot be written is no bad input.
/// </summary>
public abstract class CaptureWriter : IDisposable
{
    /// <summary>Runs at least this long go to the stream at once instead of through the buffer.</summary>
    private const int DirectBytes = 64 * 1024;

    private const int BufferBytes = 256 * 1024;

    private readonly Stream _stream;
    private readonly bool _leaveOpen;
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
    private int _used;
    private bool _disposed;

    private protected CaptureWriter(Stream stream, bool leaveOpen)
    {
        _stream = stream;
        _leaveOpen = leaveOpen;
    }

    /// <summary>Which family is written.</summary>
    public abstract CaptureFormat Format { get; }

    /// <summary>Packets written so far.</summary>
    public long Packets { get; private protected set; }

    /// <summary>Packets left out because a pcap file holds one link type only and theirs is another one.</summary>
    public long Skipped { get; private protected set; }

    /// <summary>Starts a capture.</summary>
    /// <param name="stream">Where to; best a file stream without a buffer of its own.</param>
    /// <param name="format">The family.</param>
    /// <param name="linkType">What the packets start with.</param>
    /// <param name="nanoseconds">Time stamps in nanoseconds instead of microseconds.</param>
    /// <param name="snaplen">Snapshot length to note in the header.</param>
    /// <param name="leaveOpen">Leave the stream open on <see cref="Dispose"/>.</param>
    public static CaptureWriter Create(Stream stream, CaptureFormat format, LinkType linkType, bool nanoseconds = false, uint snaplen = 262_144, bool leaveOpen = false)
    {
        ArgumentNullException.ThrowIfNull(stream);
        return format == CaptureFormat.Pcap
            ? new PcapWriter(stream, linkType, nanoseconds, snaplen, leaveOpen)
            : new PcapngWriter(stream, linkType, nanoseconds, snaplen, leaveOpen);
    }

    /// <summary>Starts a capture of the same format, byte order, resolution and link type as one that is read, so that its packets are copied as they are.</summary>
    public static CaptureWriter CreateLike(Stream stream, CaptureReader source, bool leaveOpen = false)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(source);
        return source is PcapReader pcap ? new PcapWriter(stream, pcap, leaveOpen) : new PcapngWriter(stream, source.LinkType, true, 262_144, leaveOpen);
    }

    /// <summary>Writes a part of a batch: the packets whose indexes are given, and all blocks that are no packets.</summary>
    /// <param name="source">The reader that gave the batch.</param>
    /// <param name="batch">The batch.</param>
    /// <param name="chosen">Indexes into <see cref="CaptureBatch.Records"/>, ascending.</param>
    public abstract void Write(CaptureReader source, in CaptureBatch batch, ReadOnlySpan<int> chosen);

    /// <summary>Writes all of a batch.</summary>
    public abstract void Write(CaptureReader source, in CaptureBatch batch);

    /// <summary>Writes one packet.</summary>
    /// <param name="timestamp">Nanoseconds since 1970.</param>
    /// <param name="originalLength">Bytes on the wire.</param>
    /// <param name="data">The captured bytes.</param>
    public abstract void Write(long timestamp, uint originalLength, ReadOnlySpan<byte> data);

    /// <summary>Gives everything so far to the stream.</summary>
    public virtual void Flush()
    {
        if (_used > 0)
            _stream.Write(_buffer, 0, _used);
        _used = 0;
        _stream.Flush();
    }

    /// <summary>Writes the rest and, unless told otherwise, closes the stream.</summary>
    public void Dispose()
    {
        if (_disposed)
            return;
        try
        {
            Flush();
        }
        finally
        {
            _disposed = true;
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = [];
            if (!_leaveOpen)
                _stream.Dispose();
            GC.SuppressFinalize(this);
        }
    }

    private protected void Append(ReadOnlySpan<byte> bytes)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (bytes.Length > _buffer.Length - _used)
        {
            _stream.Write(_buffer, 0, _used);
            _used = 0;
        }

        if (bytes.Length >= DirectBytes)
        {
            if (_used > 0)
                _stream.Write(_buffer, 0, _used);
            _used = 0;
            _stream.Write(bytes);
            return;
        }

        bytes.CopyTo(_buffer.AsSpan(_used));
        _used += bytes.Length;
    }

    /// <summary>Room for a few bytes that the caller fills in.</summary>
    private protected Span<byte> Reserve(int length)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (length > _buffer.Length - _used)
        {
            _stream.Write(_buffer, 0, _used);
            _used = 0;
        }

        Span<byte> room = _buffer.AsSpan(_used, length);
        _used += length;
        return room;
    }
}
