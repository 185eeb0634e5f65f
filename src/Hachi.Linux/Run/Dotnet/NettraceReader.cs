using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Hachi.Linux.Run.Dotnet;

/// <summary>
/// Reads the stream in which a runtime sends events (microsoft/perfview, src/TraceEvent/EventPipe/NetTraceFormat_v5.md; versions 4 and 5), as it comes: bytes go in, events come out in the order
/// of time. The sender may be hostile: every length is checked against a bound and against what is there, and what is no such stream ends it with a word.
/// </summary>
public sealed class NettraceReader
{
    private const byte NullReference = 1, BeginObject = 5, EndObject = 6;
    private const int NameBytesMax = 64, BlockBytesMax = 1 << 24, TraceBytes = 48, VersionMax = 5, StackBytesMax = 1 << 24, PendingMax = 1 << 17;

    private static ReadOnlySpan<byte> Start => "Nettrace\u0014\0\0\0!FastSerialization.1"u8;

    private readonly NettraceEvents _events = new();
    private readonly Dictionary<uint, ReadOnlyMemory<byte>> _stacks = [];
    private readonly List<EventPipeEvent> _pending = [];
    private byte[] _buffer = [];
    private int _used, _stackBytes;
    private long _position;
    private bool _hasStarted, _hasTrace;

    /// <summary>Why the stream cannot be read on; null as long as it can.</summary>
    public string? Problem { get; private set; }

    /// <summary>Whether the sender has said all.</summary>
    public bool HasEnded { get; private set; }

    /// <summary>Events that the sender made and did not send, as far as the numbers of those before and after them tell.</summary>
    public ulong Lost => _events.Lost;

    /// <summary>Takes the next bytes of the stream.</summary>
    /// <param name="bytes">Any number of them.</param>
    /// <param name="ready">Gets the events whose turn it is: nothing older can follow.</param>
    /// <returns>Whether more is awaited: false at the end, and where the stream cannot be read on.</returns>
    public bool Feed(ReadOnlySpan<byte> bytes, List<EventPipeEvent> ready)
    {
        ArgumentNullException.ThrowIfNull(ready);
        if (Problem is not null || HasEnded)
            return false;
        if (_buffer.Length - _used < bytes.Length)
            Array.Resize(ref _buffer, Math.Max(_buffer.Length * 2, _used + bytes.Length));
        bytes.CopyTo(_buffer.AsSpan(_used));
        _used += bytes.Length;
        int at = 0;
        while (Problem is null && !HasEnded && Next(_buffer.AsSpan(at, _used - at), ready) is > 0 and int taken)
        {
            at += taken;
            _position += taken;
        }
        _buffer.AsSpan(at, _used - at).CopyTo(_buffer);
        _used -= at;
        if (HasEnded || Problem is not null || _pending.Count > PendingMax)
            Flush(ready);
        return Problem is null && !HasEnded;
    }

    /// <summary>Gives out what is held back: when nothing came for longer than the sender keeps events (100 ms), nothing older follows.</summary>
    /// <param name="ready">Gets the events.</param>
    public void Flush(List<EventPipeEvent> ready) => FlushUntil(long.MaxValue, ready);

    private void FlushUntil(long time, List<EventPipeEvent> ready)
    {
        if (_pending.Count == 0)
            return;
        // OrderBy keeps the order of equal times.
        List<EventPipeEvent> due = [.. _pending.Where(one => one.Nanoseconds <= time).OrderBy(one => one.Nanoseconds)];
        _pending.RemoveAll(one => one.Nanoseconds <= time);
        ready.AddRange(due);
    }

    // What an object takes: 0 when it has not come as a whole.
    private int Next(ReadOnlySpan<byte> left, List<EventPipeEvent> ready)
    {
        if (!_hasStarted)
        {
            if (left.Length < Start.Length)
                return Start.StartsWith(left) ? 0 : Fail("it does not begin like a stream of events");
            _hasStarted = left.StartsWith(Start);
            return _hasStarted ? Start.Length : Fail("it does not begin like a stream of events");
        }
        if (left.Length == 0)
            return 0;
        if (left[0] == NullReference)
        {
            HasEnded = true;
            return 1;
        }
        // The object, its type, and that the type's type is none; version, oldest reader, length of the name.
        const int HeadBytes = 15;
        if (left.Length < HeadBytes)
            return 0;
        int oldest = BinaryPrimitives.ReadInt32LittleEndian(left[7..]), nameBytes = BinaryPrimitives.ReadInt32LittleEndian(left[11..]);
        if (left[0] != BeginObject || left[1] != BeginObject || left[2] != NullReference || nameBytes is < 1 or > NameBytesMax)
            return Fail("an object is expected");
        int body = HeadBytes + nameBytes + 1;
        if (left.Length < body)
            return 0;
        if (left[body - 1] != EndObject || oldest > VersionMax)
            return Fail(oldest > VersionMax ? string.Create(CultureInfo.InvariantCulture, $"it is of version {oldest}, which is newer than this reader") : "the end of a type is expected");
        string name = Encoding.ASCII.GetString(left.Slice(HeadBytes, nameBytes));
        if (name == "Trace")
            return Trace(left, body);
        if (left.Length < body + 4)
            return 0;
        int size = BinaryPrimitives.ReadInt32LittleEndian(left[body..]), start = body + 4;
        start += (int)(-(_position + start) & 3);
        if (size is < 0 or > BlockBytesMax || !_hasTrace)
            return Fail(_hasTrace ? "a block of that size cannot be" : "events come before what they are of");
        if (left.Length < start + size + 1)
            return 0;
        if (left[start + size] != EndObject)
            return Fail("the end of a block is expected");
        Block(name, left.Slice(start, size), ready);
        return start + size + 1;
    }

    private int Fail(string reason)
    {
        Problem = reason;
        return 0;
    }

    // The time of day and its ticks, ticks a second, bytes of a pointer, process, processors, samples a second.
    private int Trace(ReadOnlySpan<byte> left, int body)
    {
        if (left.Length < body + TraceBytes + 1)
            return 0;
        ReadOnlySpan<byte> fields = left.Slice(body, TraceBytes);
        long frequency = BinaryPrimitives.ReadInt64LittleEndian(fields[24..]);
        if (left[body + TraceBytes] != EndObject || frequency <= 0 || BinaryPrimitives.ReadInt32LittleEndian(fields[32..]) != 8)
            return Fail("what the stream says of itself cannot be");
        _events.TicksPerSecond = frequency;
        _hasTrace = true;
        return body + TraceBytes + 1;
    }

    private void Block(string name, ReadOnlySpan<byte> block, List<EventPipeEvent> ready)
    {
        bool isGood = true;
        switch (name)
        {
            case "MetadataBlock":
                isGood = _events.Read(block, isMetadata: true, _stacks, _pending, out _);
                break;
            case "EventBlock":
                isGood = _events.Read(block, isMetadata: false, _stacks, _pending, out long sorted);
                FlushUntil(sorted, ready);
                break;
            case "StackBlock":
                isGood = Stacks(block);
                break;
            case "SPBlock":
                isGood = _events.ReadSequencePoint(block);
                _stacks.Clear();
                _stackBytes = 0;
                Flush(ready);
                break;
        }
        if (!isGood)
            Problem ??= $"a {name} is damaged";
    }

    // The number of the first stack, how many there are; each with its length.
    private bool Stacks(ReadOnlySpan<byte> block)
    {
        if (block.Length < 8)
            return false;
        uint first = BinaryPrimitives.ReadUInt32LittleEndian(block), count = BinaryPrimitives.ReadUInt32LittleEndian(block[4..]);
        int at = 8;
        for (uint i = 0; i < count; i++)
        {
            if (block.Length - at < 4 || BinaryPrimitives.ReadInt32LittleEndian(block[at..]) is var length && (length < 0 || length > block.Length - at - 4))
                return false;
            // A sender that never begins anew loses its oldest stacks.
            if ((_stackBytes += length + 64) > StackBytesMax)
            {
                _stacks.Clear();
                _stackBytes = length + 64;
            }
            _stacks[unchecked(first + i)] = block.Slice(at + 4, length).ToArray();
            at += 4 + length;
        }
        return true;
    }
}
