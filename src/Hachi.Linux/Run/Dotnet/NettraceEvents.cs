using System.Buffers.Binary;

namespace Hachi.Linux.Run.Dotnet;

/// <summary>Reads the blocks that hold events, and those that say what events are. Both have one form: heads, compressed against the one before, with what each holds.</summary>
internal sealed class NettraceEvents
{
    private const int BlockHeadBytes = 20, KindsMax = 1 << 16, ThreadsMax = 1 << 16, NameLengthMax = 2048, GuidBytes = 16, PlainHeadBytes = 80;

    private readonly Dictionary<uint, Kind> _kinds = [];
    private readonly Dictionary<ulong, uint> _sequences = [];

    private sealed record Kind(string Provider, int Id, string Name, int Version);

    // What the next head is told against.
    private struct Head
    {
        public uint Kind, Sequence, Processor, Stack, PayloadBytes;
        public ulong CaptureThread, Thread, Time;
        public bool IsSorted;
    }

    /// <summary>Ticks of the sender's clock.</summary>
    public long TicksPerSecond { get; set; } = 1;

    /// <summary>Events that were made and did not come.</summary>
    public ulong Lost { get; private set; }

    /// <summary>Reads a block.</summary>
    /// <param name="block">Its bytes.</param>
    /// <param name="isMetadata">Whether it says what events are.</param>
    /// <param name="stacks">Stacks by number.</param>
    /// <param name="events">Gets its events.</param>
    /// <param name="sorted">The time up to which no older event follows; the least there is where nothing says so.</param>
    /// <returns>False when it is damaged.</returns>
    public bool Read(ReadOnlySpan<byte> block, bool isMetadata, Dictionary<uint, ReadOnlyMemory<byte>> stacks, List<EventPipeEvent> events, out long sorted)
    {
        sorted = long.MinValue;
        if (block.Length < BlockHeadBytes || BinaryPrimitives.ReadUInt16LittleEndian(block) is var headBytes && (headBytes < BlockHeadBytes || headBytes > block.Length))
            return false;
        bool isCompressed = (BinaryPrimitives.ReadUInt16LittleEndian(block[2..]) & 1) != 0;
        var left = new NettraceBytes(block[headBytes..]);
        var head = new Head();
        while (!left.IsEmpty)
        {
            int before = left.Length;
            if (isCompressed)
                Compressed(ref left, ref head);
            else
                Plain(ref left, ref head);
            ReadOnlySpan<byte> payload = left.Take(head.PayloadBytes);
            if (!isCompressed)
                _ = left.Take((uint)(-(before - left.Length) & 3));
            if (left.IsShort || (isMetadata && !AddKind(payload)))
                return false;
            if (isMetadata)
                continue;
            // What has no description is skipped, not guessed at.
            Count(head.CaptureThread, head.Sequence);
            long time = Nanoseconds(head.Time);
            if (head.IsSorted)
                sorted = Math.Max(sorted, time);
            if (_kinds.TryGetValue(head.Kind, out Kind? kind))
                events.Add(new EventPipeEvent { Provider = kind.Provider, Id = kind.Id, Name = kind.Name, Version = kind.Version, ThreadId = (long)head.Thread, Nanoseconds = time, Payload = payload.ToArray(), Stack = stacks.GetValueOrDefault(head.Stack) });
        }
        return true;
    }

    /// <summary>Reads a point in the stream at which the sender says how many events each thread has made: those that were not seen are lost.</summary>
    /// <returns>False when it is damaged.</returns>
    public bool ReadSequencePoint(ReadOnlySpan<byte> block)
    {
        var left = new NettraceBytes(block);
        _ = left.UInt64();
        uint threads = left.UInt32();
        for (uint i = 0; i < threads && !left.IsShort; i++)
        {
            ulong thread = left.UInt64();
            uint sequence = left.UInt32();
            if (!left.IsShort && (_sequences.TryGetValue(thread, out uint last) || _sequences.Count < ThreadsMax))
                Note(thread, last, sequence, isNext: false);
        }
        return !left.IsShort;
    }

    private void Count(ulong thread, uint sequence)
    {
        if (_sequences.TryGetValue(thread, out uint last))
            Note(thread, last, sequence, isNext: true);
        else if (_sequences.Count < ThreadsMax)
            _sequences[thread] = sequence;
    }

    // A thread that begins anew is another one with the number of one that ended.
    private void Note(ulong thread, uint last, uint sequence, bool isNext)
    {
        uint gap = unchecked(sequence - last);
        if (gap is 0 or > int.MaxValue)
        {
            if (isNext && sequence <= 1)
                _sequences[thread] = sequence;
            return;
        }
        Lost += isNext ? gap - 1 : gap;
        _sequences[thread] = sequence;
    }

    private long Nanoseconds(ulong ticks) => TicksPerSecond == 1_000_000_000 ? (long)ticks : (long)(UInt128)((UInt128)ticks * 1_000_000_000 / (ulong)TicksPerSecond);

    // A bit for each group of fields that is there; others are as in the head before.
    private static void Compressed(ref NettraceBytes left, ref Head head)
    {
        byte flags = left.Byte();
        if ((flags & 1) != 0)
            head.Kind = left.Variable32();
        if ((flags & 2) != 0)
        {
            head.Sequence = unchecked(head.Sequence + left.Variable32());
            head.CaptureThread = left.Variable64();
            head.Processor = left.Variable32();
        }
        if (head.Kind != 0)
            head.Sequence = unchecked(head.Sequence + 1);
        if ((flags & 4) != 0)
            head.Thread = left.Variable64();
        if ((flags & 8) != 0)
            head.Stack = left.Variable32();
        head.Time = unchecked(head.Time + left.Variable64());
        _ = left.Take((uint)((flags & 16) != 0 ? GuidBytes : 0) + (uint)((flags & 32) != 0 ? GuidBytes : 0));
        head.IsSorted = (flags & 64) != 0;
        if ((flags & 128) != 0)
            head.PayloadBytes = left.Variable32();
    }

    private static void Plain(ref NettraceBytes left, ref Head head)
    {
        uint size = left.UInt32();
        head = new Head { Kind = left.UInt32() & int.MaxValue, Sequence = left.UInt32(), Thread = left.UInt64(), CaptureThread = left.UInt64(), Processor = left.UInt32(), Stack = left.UInt32(), Time = left.UInt64() };
        _ = left.Take(2 * GuidBytes);
        head.PayloadBytes = left.UInt32();
        if (size < PlainHeadBytes - 4)
            left.Fail();
    }

    // The number that events name it by, source, number, name, groups, version, detail; its fields follow.
    private bool AddKind(ReadOnlySpan<byte> payload)
    {
        var fields = new EventPayload(payload);
        uint number = fields.UInt32();
        string provider = fields.Text();
        int id = (int)fields.UInt32();
        string name = fields.Text();
        _ = fields.UInt64();
        int version = (int)fields.UInt32();
        if (fields.IsShort || provider.Length + name.Length > NameLengthMax || (_kinds.Count >= KindsMax && !_kinds.ContainsKey(number)))
            return false;
        _kinds[number] = new Kind(provider, id, name, version);
        return true;
    }
}
