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
    private long _written;
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

    /// <summary>
    /// Describes a further interface, before its first packet. pcapng notes its name, description and snap length; pcap, which has one interface, notes nothing.
    /// </summary>
    /// <param name="described">Link type, snap length, name, description. Index, Id and the time stamp fields are not looked at: times are written in nanoseconds.</param>
    /// <param name="filter">The filter that its packets have passed, as text, or null.</param>
    /// <returns>Its number for <see cref="Write(int, long, uint, ReadOnlySpan{byte})"/>; -1 when this capture cannot hold packets of its link type: they would be left out.</returns>
    public abstract int AddInterface(CaptureInterface described, string? filter = null);

    /// <summary>Writes one packet of an interface.</summary>
    /// <param name="interfaceNumber">From <see cref="AddInterface"/>; packets of -1 are left out and counted in <see cref="Skipped"/>.</param>
    /// <param name="timestamp">Nanoseconds since 1970.</param>
    /// <param name="originalLength">Bytes on the wire.</param>
    /// <param name="data">The captured bytes.</param>
    public abstract void Write(int interfaceNumber, long timestamp, uint originalLength, ReadOnlySpan<byte> data);

    /// <summary>Notes what was counted of an interface: a statistics block in pcapng, nothing in pcap.</summary>
    /// <param name="interfaceNumber">From <see cref="AddInterface"/>.</param>
    /// <param name="statistics">What was counted.</param>
    public virtual void WriteStatistics(int interfaceNumber, in InterfaceStatistics statistics)
    {
    }

    /// <summary>Bytes of the capture so far, those that are still buffered included.</summary>
    public long BytesWritten => _written + _used;

    /// <summary>Gives everything so far to the stream.</summary>
    public virtual void Flush()
    {
        Spill();
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
            Spill();
        if (bytes.Length >= DirectBytes)
        {
            Spill();
            _stream.Write(bytes);
            _written += bytes.Length;
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
            Spill();
        Span<byte> room = _buffer.AsSpan(_used, length);
        _used += length;
        return room;
    }

    private void Spill()
    {
        if (_used == 0)
            return;
        _stream.Write(_buffer, 0, _used);
        _written += _used;
        _used = 0;
    }
}

/// <summary>What a live capture counted of an interface, as an interface statistics block notes it (pcapng, section 4.6).</summary>
/// <param name="StartTime">When the capture started, nanoseconds since 1970.</param>
/// <param name="EndTime">When it ended.</param>
/// <param name="FilterAccept">Packets that the filter took.</param>
/// <param name="OsDrop">Of these, those that the operating system had no room for.</param>
/// <param name="UserDelivered">Of these, those that were handed to the capturing program.</param>
public readonly record struct InterfaceStatistics(long StartTime, long EndTime, long FilterAccept, long OsDrop, long UserDelivered);
