using System.Runtime.CompilerServices;
using Hachi.Isa;

namespace Hachi.Vm.Machine;

/// <summary>Atomic operations on memory that other threads may use at the same time.</summary>
internal static unsafe class AtomicMemory
{
    // Whatever a program wrote into a lock by hand is no lock of ours: one waits a while, not for ever.
    private const int LockSpins = 10_000;

    /// <summary>Takes a lock (<c>struct bpf_spin_lock</c>) that others may hold; false when it does not come free.</summary>
    public static bool TryLock(byte* word)
    {
        var spin = new SpinWait();
        while (Interlocked.CompareExchange(ref *(int*)word, 1, 0) != 0)
        {
            if (spin.Count > LockSpins)
                return false;
            spin.SpinOnce();
        }
        return true;
    }

    /// <summary>Gives a lock back.</summary>
    public static void Unlock(byte* word) => Volatile.Write(ref *(int*)word, 0);

    /// <summary>Does an atomic operation of an instruction; what memory held, zero-extended.</summary>
    /// <param name="at">Host address.</param>
    /// <param name="size">4 or 8.</param>
    /// <param name="operation">The instruction's immediate.</param>
    /// <param name="source">The source register.</param>
    /// <param name="r0">Register 0, for a compare-and-exchange.</param>
    public static ulong Modify(byte* at, int size, int operation, ulong source, ulong r0)
    {
        while (true)
        {
            ulong old = size == 4 ? Volatile.Read(ref *(uint*)at) : Volatile.Read(ref *(ulong*)at);
            ulong made = Semantics.Atomic(operation, old, source, r0, size * 8);
            ulong seen = size == 4
                ? Interlocked.CompareExchange(ref *(uint*)at, (uint)made, (uint)old)
                : Interlocked.CompareExchange(ref *(ulong*)at, made, old);
            if (seen == old)
                return old;
        }
    }

    /// <summary>Reads with acquire order, zero-extended.</summary>
    public static ulong LoadAcquire(byte* at, int size) => size switch
    {
        1 => Volatile.Read(ref *at),
        2 => Volatile.Read(ref *(ushort*)at),
        4 => Volatile.Read(ref *(uint*)at),
        _ => Volatile.Read(ref *(ulong*)at),
    };

    /// <summary>Writes with release order.</summary>
    public static void StoreRelease(byte* at, int size, ulong value)
    {
        switch (size)
        {
            case 1: Volatile.Write(ref *at, (byte)value); break;
            case 2: Volatile.Write(ref *(ushort*)at, (ushort)value); break;
            case 4: Volatile.Write(ref *(uint*)at, (uint)value); break;
            default: Volatile.Write(ref *(ulong*)at, value); break;
        }
    }
}
