using System.Numerics;
using Hachi.Object;

namespace Hachi.Vm.Maps;

/// <summary>
/// Stacks by number (kernel/bpf/stackmap.c): a helper stores the frames of a task and gets the number, C# reads them. Build ids are stored as the helper is given them: as plain frames.
/// </summary>
internal sealed unsafe class StackTraceMap(MapSpec spec, MapSettings settings) : VmMap(spec, settings)
{
    /// <summary>Flags of <c>bpf_get_stackid</c>: frames to skip, of user space, compare the hash only, take the place of another stack.</summary>
    public const ulong SkipMask = 0xff, UserStack = 0x100, FastCompare = 0x200, Reuse = 0x400;

    private readonly Lock _lock = new();
    private byte* _buckets;
    private uint _count;

    private long BucketBytes => 16 + ValueStride;

    internal override int Build()
    {
        _count = BitOperations.RoundUpToPowerOf2(Spec.MaxEntries);
        _buckets = Allocate(BucketBytes * _count);
        return _buckets == null ? -KernelError.Nomem : 0;
    }

    internal override int UpdateElement(byte* key, byte* value, ulong flags, int cpu) => -KernelError.Inval;

    internal override int DeleteElement(byte* key)
    {
        uint number = *(uint*)key;
        if (number >= _count)
            return -KernelError.TooBig;
        lock (_lock)
        {
            if (FramesOf(number) == 0)
                return -KernelError.Noent;
            FramesOf(number) = 0;
            return 0;
        }
    }

    internal override int NextElementKey(byte* key, byte* next)
    {
        lock (_lock)
        {
            uint number = key == null || *(uint*)key >= _count || FramesOf(*(uint*)key) == 0 ? 0 : *(uint*)key + 1;
            while (number < _count && FramesOf(number) == 0)
                number++;
            if (number >= _count)
                return -KernelError.Noent;
            *(uint*)next = number;
            return 0;
        }
    }

    /// <summary>Stores a stack: its number, or -EEXIST when another stack with the same hash stands there.</summary>
    /// <param name="frames">Return addresses, the innermost first, those to be skipped already left out.</param>
    /// <param name="flags">Flags of the helper.</param>
    public int Store(ReadOnlySpan<ulong> frames, ulong flags)
    {
        int depth = Math.Min(frames.Length, ValueSize / 8);
        if (depth == 0)
            return -KernelError.Fault;
        fixed (ulong* from = frames)
        {
            uint hash = HashHeader.HashBytes((byte*)from, (uint)depth * 8, 0x9E3779B97F4A7C15), number = hash & _count - 1;
            lock (_lock)
            {
                byte* bucket = _buckets + number * BucketBytes;
                var stored = new ReadOnlySpan<ulong>(bucket + 16, FramesOf(number));
                bool isSame = stored.Length > 0 && *(uint*)bucket == hash && ((flags & FastCompare) != 0 || stored.SequenceEqual(frames[..depth]));
                if (isSame)
                    return (int)number;
                if (stored.Length > 0 && (flags & Reuse) == 0)
                    return -KernelError.Exist;
                *(uint*)bucket = hash;
                FramesOf(number) = depth;
                Buffer.MemoryCopy(from, bucket + 16, ValueStride, depth * 8L);
                return (int)number;
            }
        }
    }

    private protected override int UserTake(byte* key, byte* value)
    {
        lock (_lock)
        {
            int result = UserGet(key, value);
            return result == 0 ? DeleteElement(key) : result;
        }
    }

    private protected override int UserGet(byte* key, byte* value)
    {
        uint number = *(uint*)key;
        if (number >= _count)
            return -KernelError.Noent;
        lock (_lock)
        {
            int depth = FramesOf(number);
            if (depth == 0)
                return -KernelError.Noent;
            var all = new Span<byte>(value, ValueSize);
            new ReadOnlySpan<byte>(_buckets + number * BucketBytes + 16, depth * 8).CopyTo(all);
            all[(depth * 8)..].Clear();
            return 0;
        }
    }

    private ref int FramesOf(uint number) => ref *(int*)(_buckets + number * BucketBytes + 4);
}
