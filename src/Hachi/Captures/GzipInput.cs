using System.IO.Compression;

namespace Hachi.Captures;

/// <summary>
/// Decompresses gzip (several members after each other as well) and notices when it is cut off, which the framework's stream lets pass for an end:
/// at the end a member of our own is fed, and unless its content comes out, the decompressor was not between two members.
/// </summary>
internal sealed class GzipInput : Stream
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

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override int Read(byte[] buffer, int offset, int count)
    {
        if (_ended)
            return 0;
        int got = _gzip.Read(buffer, offset, count);
        if (got > 0 || count == 0)
            return got;
        _ended = true;
        if (!EndsBetweenMembers())
            throw new InvalidDataException();
        return 0;
    }

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

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

    /// <summary>The compressed bytes.</summary>
    private sealed class Feed(byte[] first, Stream rest, bool leaveOpen) : Stream
    {
        private byte[] _bytes = first;
        private int _used;
        private bool _isLast;

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

        public override int Read(Span<byte> buffer)
        {
            if (_used == _bytes.Length)
                return _isLast ? 0 : rest.Read(buffer);
            int count = Math.Min(buffer.Length, _bytes.Length - _used);
            _bytes.AsSpan(_used, count).CopyTo(buffer);
            _used += count;
            return count;
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        internal void Append(byte[] last)
        {
            _bytes = last;
            _used = 0;
            _isLast = true;
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing && !leaveOpen)
                rest.Dispose();
            base.Dispose(disposing);
        }
    }
}
