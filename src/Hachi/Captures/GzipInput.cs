using System.IO.Compression;

namespace Hachi.Captures;

/// <summary>A stream that is read from its start to its end, and no more.</summary>
internal abstract class ForwardStream : Stream
{
    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public abstract override int Read(Span<byte> buffer);

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}

/// <summary>
/// Decompresses gzip (several members after each other as well) and notices when it is cut off, which the framework's stream lets pass for an end:
/// at the end a member of our own is fed, and unless its content comes out, the decompressor was not between two members. Zeroes behind the last member
/// are padding (of tapes and block devices), as for gzip(1).
/// </summary>
internal sealed class GzipInput : ForwardStream
{
    private readonly Feed _feed;
    private readonly GZipStream _gzip;
    private bool _ended;

    /// <summary>Takes bytes that were read already, and the rest of the stream.</summary>
    internal GzipInput(byte[] prefix, Stream rest, bool leaveOpen)
    {
        _feed = new Feed(prefix, rest, leaveOpen);
        _gzip = new GZipStream(_feed, CompressionMode.Decompress);
    }

    private static ReadOnlySpan<byte> Sentinel => "the end"u8;

    public override int Read(Span<byte> buffer)
    {
        if (_ended)
            return 0;
        int got = _gzip.Read(buffer);
        if (got > 0 || buffer.IsEmpty)
            return got;
        _ended = true;
        if (!_feed.IsRestPadding() && !EndsBetweenMembers())
            throw new InvalidDataException();
        return 0;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _gzip.Dispose();
        base.Dispose(disposing);
    }

    private bool EndsBetweenMembers()
    {
        var member = new MemoryStream();
        using (var packer = new GZipStream(member, CompressionLevel.Fastest, leaveOpen: true))
            packer.Write(Sentinel);
        _feed.Append(member.ToArray());
        Span<byte> content = stackalloc byte[64];
        return _gzip.ReadAtLeast(content, content.Length, throwOnEndOfStream: false) == Sentinel.Length && content[..Sentinel.Length].SequenceEqual(Sentinel);
    }

    /// <summary>The compressed bytes. Zeroes at the end of a block are given alone, so that one knows when the decompressor ended in them.</summary>
    private sealed class Feed : ForwardStream
    {
        private const int BlockBytes = 32 * 1024;

        private readonly Stream _rest;
        private readonly bool _leaveOpen;
        private byte[] _block;
        private int _used;
        private int _length;
        private bool _gaveZeroes;
        private bool _isLast;

        public Feed(byte[] first, Stream rest, bool leaveOpen)
        {
            (_block, _length, _rest, _leaveOpen) = (first, first.Length, rest, leaveOpen);
        }

        public override int Read(Span<byte> buffer)
        {
            if (_used == _length && !TryFill())
            {
                _gaveZeroes = false;
                return 0;
            }
            int others = _block.AsSpan(_used, _length - _used).LastIndexOfAnyExcept((byte)0) + 1;
            _gaveZeroes = others == 0;
            int count = Math.Min(buffer.Length, _gaveZeroes ? _length - _used : others);
            _block.AsSpan(_used, count).CopyTo(buffer);
            _used += count;
            return count;
        }

        /// <summary>Whether the decompressor ended by itself in zeroes, and nothing but zeroes follows.</summary>
        public bool IsRestPadding()
        {
            if (!_gaveZeroes)
                return false;
            while (_used < _length || TryFill())
            {
                if (_block.AsSpan(_used, _length - _used).ContainsAnyExcept((byte)0))
                    return false;
                _used = _length;
            }
            return true;
        }

        public void Append(byte[] last)
        {
            (_block, _used, _length, _isLast) = (last, 0, last.Length, true);
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing && !_leaveOpen)
                _rest.Dispose();
            base.Dispose(disposing);
        }

        private bool TryFill()
        {
            if (_isLast)
                return false;
            if (_block.Length < BlockBytes)
                _block = new byte[BlockBytes];
            _used = 0;
            _length = Math.Max(0, _rest.Read(_block));
            return _length > 0;
        }
    }
}
