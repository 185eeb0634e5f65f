using System.Runtime.InteropServices;
using Hachi.Object;
using Hachi.Uapi;
using Hachi.Vm.Machine;

namespace Hachi.Vm.Maps;

/// <summary>
/// A map of the user-space machine: programs and C# share it, from many threads. It keeps the kernel's meaning: the same flags, checks and error numbers as the map
/// commands of bpf(2) (kernel/bpf/syscall.c and the file of each kind).
/// </summary>
/// <remarks>
/// Values lie in one block of unmanaged memory that never moves and goes only with the map. A program that holds on to a value that was deleted meanwhile
/// reads stale or reused bytes, never foreign memory, as with the kernel's preallocated maps. Everything that keeps the map together (keys, links, counts) lies elsewhere,
/// so that no program can write it.
/// </remarks>
public abstract unsafe partial class VmMap : IDisposable
{
    private static int s_lastId;

    private const int LockBytes = 4;

    private readonly List<nint> _blocks = [];
    private long _bytes;
    private int _references = 1, _isDisposed;
    private volatile bool _isFrozen;

    private protected VmMap(MapSpec spec, MapSettings settings)
    {
        Spec = spec;
        Settings = settings;
        ValueStride = RoundUp(spec.ValueSize);
        Id = (uint)Interlocked.Increment(ref s_lastId);
    }

    /// <summary>Frees what a map that nobody disposed holds.</summary>
    ~VmMap() => Free();

    /// <summary>What was asked for.</summary>
    public MapSpec Spec { get; }

    /// <summary>Its kind.</summary>
    public MapType Type => Spec.Type;

    /// <summary>A number that no other map of this process has.</summary>
    public uint Id { get; }

    /// <summary>Bytes of a key.</summary>
    public int KeySize => (int)Spec.KeySize;

    /// <summary>Bytes of a value as a program sees it.</summary>
    public int ValueSize => (int)Spec.ValueSize;

    /// <summary>Bytes of a value as C# sees it: of a per-CPU map the values of all processors, each padded to 8 bytes.</summary>
    public virtual int UserValueSize => ValueSize;

    /// <summary>Entries, or bytes of a ring buffer.</summary>
    public long MaxEntries => Spec.MaxEntries;

    /// <summary>Whether C# may no longer change it.</summary>
    public bool IsFrozen => _isFrozen;

    /// <summary>Bytes of memory that it has reserved (not all of them need be in use).</summary>
    public long ReservedBytes => _bytes;

    /// <summary>The machine that it serves.</summary>
    internal MapSettings Settings { get; }

    /// <summary>Bytes from one value to the next: the value padded to 8.</summary>
    internal uint ValueStride { get; }

    /// <summary>Where the lock (<c>struct bpf_spin_lock</c>) of a value stands; -1 where values have none. Copies of values leave it alone.</summary>
    internal int LockOffset { get; init; } = -1;

    /// <summary>The block that programs reach; null for kinds whose values programs cannot touch.</summary>
    internal byte* Memory { get; private set; }

    /// <summary>Its length.</summary>
    internal uint MemoryBytes { get; private set; }

    /// <summary>Whether a program may write values, directly and by helpers.</summary>
    internal bool IsWritableByPrograms => !Spec.IsFrozen && (Spec.Flags & MapCreate.ReadOnlyProgram) == 0;

    /// <summary>Whether a program may read values.</summary>
    internal bool IsReadableByPrograms => (Spec.Flags & MapCreate.WriteOnlyProgram) == 0;

    /// <summary>Bytes of all processors' values.</summary>
    private protected int AllCpusValueBytes => (int)ValueStride * Settings.Cpus;

    /// <summary>Makes a map.</summary>
    /// <param name="spec">What is asked for.</param>
    /// <param name="settings">The machine that it serves; null for one processor and a quota of its own.</param>
    /// <returns>The map, or the kernel's error number with a reason.</returns>
    public static MapCreation Create(MapSpec spec, MapSettings? settings = null) => MapFactory.Create(spec, settings ?? new MapSettings());

    /// <summary>Reads a value.</summary>
    /// <param name="key">The key: <see cref="KeySize"/> bytes.</param>
    /// <param name="value">Where it goes: <see cref="UserValueSize"/> bytes.</param>
    /// <returns>Whether there was one.</returns>
    public bool TryGet(ReadOnlySpan<byte> key, Span<byte> value) => Get(key, value) == 0;

    /// <summary>The same, with the kernel's error number and flags.</summary>
    /// <param name="key">The key.</param>
    /// <param name="value">Where the value goes; of a bloom filter, the value that is asked for.</param>
    /// <param name="flags"><c>BPF_F_LOCK</c> or 0.</param>
    /// <returns>0, or an error number as a negative number (<c>-ENOENT</c>: there is none).</returns>
    public int Get(ReadOnlySpan<byte> key, Span<byte> value, ulong flags = 0)
    {
        CheckSize(key.Length, KeySize, nameof(key));
        CheckSize(value.Length, UserValueSize, nameof(value));
        if ((flags & ~MapUpdate.Lock) != 0 || IsLockMissing(flags))
            return -KernelError.Inval;
        if ((Spec.Flags & MapCreate.WriteOnly) != 0)
            return -KernelError.Perm;
        fixed (byte* k = key, v = value)
            return Done(flags == 0 ? UserGet(k, v) : GetLocked(k, v));
    }

    /// <summary>Writes a value.</summary>
    /// <param name="key">The key: <see cref="KeySize"/> bytes.</param>
    /// <param name="value">The value: <see cref="UserValueSize"/> bytes.</param>
    /// <param name="flags">
    /// <c>BPF_ANY</c> (0), <c>BPF_NOEXIST</c> (1) or <c>BPF_EXIST</c> (2); with <c>BPF_F_LOCK</c> (4), of values that have a lock, what is there is written while its lock is held.
    /// </param>
    /// <returns>0, or an error number as a negative number.</returns>
    public int Update(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, ulong flags = 0)
    {
        CheckSize(key.Length, KeySize, nameof(key));
        CheckSize(value.Length, UserValueSize, nameof(value));
        if (!IsWritableByUser)
            return -KernelError.Perm;
        if (IsLockMissing(flags))
            return -KernelError.Inval;
        fixed (byte* k = key, v = value)
            return Done(UserUpdate(k, v, flags));
    }

    /// <summary>Removes an element.</summary>
    /// <param name="key">The key: <see cref="KeySize"/> bytes.</param>
    /// <returns>0, or an error number as a negative number (<c>-ENOENT</c>: there was none).</returns>
    public int Delete(ReadOnlySpan<byte> key)
    {
        CheckSize(key.Length, KeySize, nameof(key));
        if (!IsWritableByUser)
            return -KernelError.Perm;
        fixed (byte* k = key)
            return Done(DeleteElement(k));
    }

    /// <summary>Reads a value and removes it; of a queue or stack, pops one.</summary>
    /// <param name="key">The key: <see cref="KeySize"/> bytes, none for a queue or stack.</param>
    /// <param name="value">Where the value goes: <see cref="UserValueSize"/> bytes.</param>
    /// <returns>0, or an error number as a negative number (<c>-ENOENT</c>: there was none).</returns>
    public int Take(ReadOnlySpan<byte> key, Span<byte> value)
    {
        CheckSize(key.Length, KeySize, nameof(key));
        CheckSize(value.Length, UserValueSize, nameof(value));
        if (!IsWritableByUser || (Spec.Flags & MapCreate.WriteOnly) != 0)
            return -KernelError.Perm;
        fixed (byte* k = key, v = value)
            return Done(UserTake(k, v));
    }

    /// <summary>The key that follows another in the map's own order.</summary>
    /// <param name="key">A key, or nothing for the first. A key that is not there (any more) begins from the front again.</param>
    /// <param name="next">Where the next one goes: <see cref="KeySize"/> bytes.</param>
    /// <returns>0, or an error number as a negative number (<c>-ENOENT</c>: that was the last).</returns>
    public int NextKey(ReadOnlySpan<byte> key, Span<byte> next)
    {
        if (key.Length > 0)
            CheckSize(key.Length, KeySize, nameof(key));
        CheckSize(next.Length, KeySize, nameof(next));
        if ((Spec.Flags & MapCreate.WriteOnly) != 0)
            return -KernelError.Perm;
        fixed (byte* k = key, n = next)
            return Done(NextElementKey(key.Length > 0 ? k : null, n));
    }

    /// <summary>From here on C# can only read it (BPF_MAP_FREEZE).</summary>
    public void Freeze() => _isFrozen = true;

    /// <summary>Gives up the maker's claim. The memory goes when no other map holds it either; no program may be running that uses it.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0)
            return;
        Release();
        if (Volatile.Read(ref _references) == 0)
            GC.SuppressFinalize(this);
    }

    /// <summary>Another holder (a map of maps, an object with programs).</summary>
    internal void AddReference() => Interlocked.Increment(ref _references);

    /// <summary>A holder less.</summary>
    internal void Release()
    {
        if (Interlocked.Decrement(ref _references) == 0)
        {
            ReleaseReferences();
            Free();
        }
    }

    /// <summary>Offset in <see cref="Memory"/> of the value that a program's look-up finds on a processor; -1 when there is none.</summary>
    internal virtual long FindOffset(byte* key, int cpu) => -1;

    /// <summary>What a program's update does: 0 or -errno. Of a per-CPU map it writes the value of one processor.</summary>
    internal virtual int UpdateElement(byte* key, byte* value, ulong flags, int cpu) => -KernelError.Notsupp;

    /// <summary>What a deletion does: 0 or -errno.</summary>
    internal virtual int DeleteElement(byte* key) => -KernelError.Notsupp;

    /// <summary>The key behind another (null for the first): 0 or -errno.</summary>
    internal virtual int NextElementKey(byte* key, byte* next) => -KernelError.Notsupp;

    /// <summary>
    /// Walks the elements that there are, in no order that anybody may rely on; elements may come and go meanwhile. The cursor begins at 0.
    /// </summary>
    /// <param name="cursor">Where the walk stands.</param>
    /// <param name="key">Where the key goes.</param>
    /// <param name="offset">The value's offset in <see cref="Memory"/>, on the processor given.</param>
    /// <param name="cpu">The processor.</param>
    /// <returns>Whether there was another element; false, too, for kinds that cannot be walked.</returns>
    internal virtual bool NextElement(ref long cursor, byte* key, out long offset, int cpu)
    {
        offset = -1;
        return false;
    }

    /// <summary>Adds a value to a queue, stack or bloom filter: 0 or -errno.</summary>
    internal virtual int Push(byte* value, ulong flags) => -KernelError.Notsupp;

    /// <summary>Takes a value from a queue or stack: 0 or -errno.</summary>
    internal virtual int Pop(byte* value) => -KernelError.Notsupp;

    /// <summary>Looks at the value that would be popped, or asks a bloom filter: 0 or -errno.</summary>
    internal virtual int Peek(byte* value) => -KernelError.Notsupp;

    /// <summary>The inner map under a key of a map of maps, held once more for the caller, who releases it; null when there is none.</summary>
    internal virtual VmMap? AcquireInner(byte* key) => null;

    /// <summary>Makes the blocks: 0, or -errno with nothing to clean up that <see cref="Dispose"/> does not.</summary>
    internal abstract int Build();

    private protected virtual int UserGet(byte* key, byte* value)
    {
        long offset = PeekOffset(key);
        if (offset < 0)
            return -KernelError.Noent;
        CopyValue(Memory + offset, value);
        ClearLock(value);
        return 0;
    }

    private protected virtual int UserUpdate(byte* key, byte* value, ulong flags) => UpdateElement(key, value, flags, 0);

    private protected virtual int UserTake(byte* key, byte* value) => -KernelError.Notsupp;

    /// <summary>A look-up that leaves no trace (it does not make an element of an LRU map younger).</summary>
    private protected virtual long PeekOffset(byte* key) => FindOffset(key, 0);

    /// <summary>Lets go of maps and programs that it refers to.</summary>
    private protected virtual void ReleaseReferences()
    {
    }

    /// <summary>A zeroed block that goes with the map; null when the quota or the system has no more.</summary>
    private protected byte* Allocate(long bytes)
    {
        if (!Settings.Quota.TryTake(bytes))
            return null;
        void* block;
        try
        {
            // Large blocks are only reserved here: the system commits a page when it is touched.
            block = NativeMemory.AllocZeroed((nuint)bytes);
        }
        catch (OutOfMemoryException)
        {
            Settings.Quota.Return(bytes);
            return null;
        }
        _bytes += bytes;
        _blocks.Add((nint)block);
        return (byte*)block;
    }

    /// <summary>Counts managed memory against the quota, too; it is given back with the rest.</summary>
    private protected bool Charge(long bytes)
    {
        if (!Settings.Quota.TryTake(bytes))
            return false;
        _bytes += bytes;
        return true;
    }

    /// <summary>The same for the block of the values, whose offsets have 32 bits.</summary>
    private protected bool AllocateValues(long bytes)
    {
        if (bytes is < 0 or > uint.MaxValue - 0xffff)
            return false;
        // A few bytes more than programs can reach: whole words may be copied at the end.
        Memory = Allocate(bytes + 8);
        MemoryBytes = Memory == null ? 0 : (uint)bytes;
        return Memory != null;
    }

    /// <summary>Copies one value. Whole aligned words are copied as such, so that a reader on another thread never sees half of one.</summary>
    private protected void CopyValue(byte* from, byte* to)
    {
        if (LockOffset < 0)
        {
            CopyBytes(from, to, Spec.ValueSize);
            return;
        }
        int behind = LockOffset + LockBytes;
        CopyBytes(from, to, (uint)LockOffset);
        CopyBytes(from + behind, to + behind, Spec.ValueSize - (uint)behind);
    }

    /// <summary>Copies one value into the map or out of it while nobody else holds its lock; -EBUSY when it does not come free.</summary>
    private protected int CopyLocked(byte* from, byte* to, byte* held)
    {
        if (!AtomicMemory.TryLock(held + LockOffset))
            return -KernelError.Busy;
        CopyValue(from, to);
        AtomicMemory.Unlock(held + LockOffset);
        return 0;
    }

    /// <summary>In a copy of a value, or in an element that nobody has seen yet, the lock is free.</summary>
    private protected void ClearLock(byte* value)
    {
        if (LockOffset >= 0)
            *(uint*)(value + LockOffset) = 0;
    }

    /// <summary>Whether flags ask for a lock that values do not have.</summary>
    private protected bool IsLockMissing(ulong flags) => (flags & MapUpdate.Lock) != 0 && LockOffset < 0;

    private int GetLocked(byte* key, byte* value)
    {
        long offset = PeekOffset(key);
        if (offset < 0)
            return -KernelError.Noent;
        int error = CopyLocked(Memory + offset, value, Memory + offset);
        ClearLock(value);
        return error;
    }

    private static void CopyBytes(byte* from, byte* to, uint size)
    {
        if (size <= 64)
        {
            for (; size >= 8; size -= 8, from += 8, to += 8)
                *(ulong*)to = *(ulong*)from;
            if (size >= 4)
            {
                *(uint*)to = *(uint*)from;
                size -= 4;
                from += 4;
                to += 4;
            }
            for (; size > 0; size--)
                *to++ = *from++;
            return;
        }
        Buffer.MemoryCopy(from, to, size, size);
    }

    private protected static uint RoundUp(uint bytes) => (uint)((bytes + 7ul) & ~7ul);

    private bool IsWritableByUser => !_isFrozen && (Spec.Flags & MapCreate.ReadOnly) == 0;

    private void Free()
    {
        foreach (nint block in _blocks)
            NativeMemory.Free((void*)block);
        _blocks.Clear();
        Memory = null;
        MemoryBytes = 0;
        Settings.Quota.Return(Interlocked.Exchange(ref _bytes, 0));
    }

    private int Done(int result)
    {
        // The memory must not be freed by the finalizer while it is worked on.
        GC.KeepAlive(this);
        return result;
    }

    private void CheckSize(int given, int wanted, string name)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _references) == 0, this);
        if (given != wanted)
            throw new ArgumentException($"map '{Spec.Name}': {given} bytes where {wanted} are wanted", name);
    }
}
