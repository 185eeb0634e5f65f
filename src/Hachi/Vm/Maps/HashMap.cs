using System.Numerics;
using Hachi.Object;
using Hachi.Uapi;

namespace Hachi.Vm.Maps;

/// <summary>
/// A hash table, also with a value for each processor (kernel/bpf/hashtab.c). One lock for writers, none for readers: see <see cref="HashHeader"/>.
/// </summary>
internal unsafe class HashMap : VmMap
{
    private const ulong GoldenRatio = 0x9E3779B97F4A7C15;

    private readonly Lock _lock = new();
    private uint _free, _unused = 1;

    // As in the kernel's preallocated tables, an update of an element goes into a spare entry that takes the old one's place: a program that holds the old value keeps seeing it.
    private uint _spare;

    public HashMap(MapSpec spec, MapSettings settings)
        : base(spec, settings) => IsPercpu = spec.Type is MapType.PercpuHash or MapType.LruPercpuHash;

    /// <inheritdoc/>
    public override int UserValueSize => IsPercpu ? AllCpusValueBytes : ValueSize;

    /// <summary>What compiled code walks.</summary>
    internal HashHeader* Header { get; private set; }

    private protected bool IsPercpu { get; }

    /// <summary>Elements now.</summary>
    internal uint Count => Header->Count;

    internal override int Build()
    {
        uint buckets = Math.Max(2, BitOperations.RoundUpToPowerOf2(Spec.MaxEntries));
        uint entries = Spec.MaxEntries + (IsPercpu ? 0u : 1u), entryBytes = HashHeader.KeyOffset + RoundUp(Spec.KeySize), valueBytes = IsPercpu ? (uint)AllCpusValueBytes : ValueStride;
        var header = (HashHeader*)Allocate(sizeof(HashHeader));
        var heads = (uint*)Allocate(4L * buckets);
        byte* table = Allocate((long)entryBytes * (entries + 1L));
        if (header == null || heads == null || table == null || !AllocateValues((long)valueBytes * (entries + 1L)))
            return -KernelError.Nomem;
        *header = new HashHeader
        {
            Multiplier = (GoldenRatio ^ Settings.Seed * 0xD6E8FEB86659FD93) | 1,
            Buckets = heads,
            Entries = table,
            BucketShift = 32 - BitOperations.Log2(buckets),
            KeySize = Spec.KeySize,
            EntryBytes = entryBytes,
            ValueStride = valueBytes,
            EntriesMax = entries,
        };
        Header = header;
        _spare = IsPercpu ? 0 : entries;
        return 0;
    }

    internal override long FindOffset(byte* key, int cpu)
    {
        long number = FindNumber(key);
        return number <= 0 ? -1 : number * Header->ValueStride + (IsPercpu ? cpu * (long)ValueStride : 0);
    }

    internal override int UpdateElement(byte* key, byte* value, ulong flags, int cpu) => Put(key, value, flags, cpu, isUser: false);

    internal override int DeleteElement(byte* key)
    {
        lock (_lock)
        {
            uint number = HashHeader.Walk(Header, key, HashHeader.HashOf(Header, key));
            if (number == 0)
                return -KernelError.Noent;
            Remove(number);
            return 0;
        }
    }

    internal override int NextElementKey(byte* key, byte* next)
    {
        lock (_lock)
        {
            uint hash = key == null ? 0 : HashHeader.HashOf(Header, key), buckets = (uint)(1ul << (32 - Header->BucketShift)), bucket = 0;
            uint number = key == null ? 0 : HashHeader.Walk(Header, key, hash);
            if (number != 0)
            {
                number = LinkOf(number);
                bucket = (hash >> Header->BucketShift) + 1;
            }
            for (; number == 0 && bucket < buckets; bucket++)
                number = Header->Buckets[bucket];
            if (number == 0)
                return -KernelError.Noent;
            CopyKey(number, next);
            return 0;
        }
    }

    internal override bool NextElement(ref long cursor, byte* key, out long offset, int cpu)
    {
        lock (_lock)
        {
            for (uint number = (uint)cursor + 1; number <= Header->EntriesMax; number++)
            {
                if (number >= _unused)
                    number = Header->EntriesMax;
                byte* entry = HashHeader.Entry(Header, number);
                if (HashHeader.Walk(Header, entry + HashHeader.KeyOffset, *(uint*)(entry + HashHeader.HashOffset)) != number)
                    continue;
                cursor = number;
                CopyKey(number, key);
                offset = number * (long)Header->ValueStride + (IsPercpu ? cpu * (long)ValueStride : 0);
                return true;
            }
        }
        offset = -1;
        return false;
    }

    /// <summary>A number that is free, or 0; called by the writer.</summary>
    private protected virtual uint TakeNumber()
    {
        uint number = _free;
        if (number != 0)
        {
            _free = LinkOf(number);
            return number;
        }
        return _unused <= Spec.MaxEntries ? _unused++ : 0;
    }

    /// <summary>An element was found by a program.</summary>
    private protected virtual void Touch(uint number)
    {
    }

    /// <summary>An element has left the table; its number is free.</summary>
    private protected virtual void Forget(uint number)
    {
    }

    /// <summary>Whether a number is the spare one.</summary>
    private protected bool IsSpare(uint number) => number == _spare;

    /// <summary>The number of an element, or -1.</summary>
    private protected long FindNumber(byte* key, bool isUser = false)
    {
        uint hash = HashHeader.HashOf(Header, key);
        long number = HashHeader.Find(Header, key, hash);
        if (number == HashHeader.Contended)
            lock (_lock)
                number = HashHeader.Walk(Header, key, hash) is var found and not 0 ? found : -1;
        if (number > 0 && !isUser)
            Touch((uint)number);
        return number;
    }

    /// <summary>Takes an element out of the table, for the writer.</summary>
    private protected void Unlink(uint number)
    {
        byte* entry = HashHeader.Entry(Header, number);
        uint* link = &Header->Buckets[*(uint*)(entry + HashHeader.HashOffset) >> Header->BucketShift];
        while (*link != number)
            link = (uint*)(HashHeader.Entry(Header, *link) + HashHeader.NextOffset);
        Volatile.Write(ref *link, LinkOf(number));
    }

    /// <summary>Readers shall begin again (<c>BeginChange</c>), may trust what they see (<c>EndChange</c>).</summary>
    private protected void BeginChange() => Interlocked.Increment(ref Header->Version);

    private protected void EndChange() => Interlocked.Increment(ref Header->Version);

    private protected override long PeekOffset(byte* key)
    {
        long number = FindNumber(key, isUser: true);
        return number <= 0 ? -1 : number * Header->ValueStride;
    }

    private protected override int UserGet(byte* key, byte* value)
    {
        long offset = PeekOffset(key);
        if (offset < 0)
            return -KernelError.Noent;
        CopyOut(offset, value);
        return 0;
    }

    private protected override int UserUpdate(byte* key, byte* value, ulong flags) => Put(key, value, flags, 0, isUser: true);

    private protected override int UserTake(byte* key, byte* value)
    {
        lock (_lock)
        {
            uint number = HashHeader.Walk(Header, key, HashHeader.HashOf(Header, key));
            if (number == 0)
                return -KernelError.Noent;
            CopyOut(number * (long)Header->ValueStride, value);
            Remove(number);
            return 0;
        }
    }

    private int Put(byte* key, byte* value, ulong flags, int cpu, bool isUser)
    {
        bool isLocked = (flags & MapUpdate.Lock) != 0;
        flags &= ~MapUpdate.Lock;
        if (flags > MapUpdate.Exist || (isLocked && LockOffset < 0))
            return -KernelError.Inval;
        lock (_lock)
        {
            uint hash = HashHeader.HashOf(Header, key), old = HashHeader.Walk(Header, key, hash);
            if (old != 0 && flags == MapUpdate.NoExist)
                return -KernelError.Exist;
            if (old == 0 && flags == MapUpdate.Exist)
                return -KernelError.Noent;
            if (old != 0 && isLocked)
            {
                byte* place = Memory + old * (long)Header->ValueStride;
                return CopyLocked(value, place, place);
            }
            if (old != 0 && IsPercpu)
            {
                CopyIn(old, value, cpu, isUser);
                Touch(old);
                return 0;
            }
            uint number = old != 0 ? _spare : TakeNumber();
            if (number == 0)
                return -KernelError.TooBig;
            byte* entry = HashHeader.Entry(Header, number);
            Buffer.MemoryCopy(key, entry + HashHeader.KeyOffset, Spec.KeySize, Spec.KeySize);
            *(uint*)(entry + HashHeader.HashOffset) = hash;
            if (IsPercpu && !isUser)
                new Span<byte>(Memory + number * (long)Header->ValueStride, AllCpusValueBytes).Clear();
            CopyIn(number, value, cpu, isUser);
            BeginChange();
            if (old != 0)
                Unlink(old);
            uint* head = &Header->Buckets[hash >> Header->BucketShift];
            *(uint*)(entry + HashHeader.NextOffset) = *head;
            Volatile.Write(ref *head, number);
            EndChange();
            Touch(number);
            if (old != 0)
            {
                _spare = old;
                Forget(old);
            }
            else
            {
                Header->Count++;
            }
            return 0;
        }
    }

    private void Remove(uint number)
    {
        BeginChange();
        Unlink(number);
        *(uint*)(HashHeader.Entry(Header, number) + HashHeader.NextOffset) = _free;
        EndChange();
        _free = number;
        Header->Count--;
        Forget(number);
    }

    private uint LinkOf(uint number) => *(uint*)(HashHeader.Entry(Header, number) + HashHeader.NextOffset);

    private void CopyKey(uint number, byte* key) => Buffer.MemoryCopy(HashHeader.Entry(Header, number) + HashHeader.KeyOffset, key, Spec.KeySize, Spec.KeySize);

    private void CopyIn(uint number, byte* value, int cpu, bool isUser)
    {
        byte* place = Memory + number * (long)Header->ValueStride;
        if (!IsPercpu)
        {
            CopyValue(value, place);
            ClearLock(place);
        }
        else if (!isUser)
            CopyValue(value, place + cpu * (long)ValueStride);
        else
            for (int i = 0; i < Settings.Cpus; i++)
                CopyValue(value + i * ValueStride, place + i * ValueStride);
    }

    private void CopyOut(long offset, byte* value)
    {
        for (int i = 0; i < (IsPercpu ? Settings.Cpus : 1); i++)
            CopyValue(Memory + offset + i * ValueStride, value + i * ValueStride);
        ClearLock(value);
    }
}
