using Hachi.Object;

namespace Hachi.Vm.Maps;

/// <summary>An array (kernel/bpf/arraymap.c): all elements exist from the start; the offset of a value is its index times <see cref="VmMap.ValueStride"/>, which compiled code computes itself.</summary>
internal sealed unsafe class ArrayMap(MapSpec spec, MapSettings settings) : VmMap(spec, settings)
{
    internal override int Build()
    {
        if (!AllocateValues((long)ValueStride * Spec.MaxEntries))
            return -KernelError.Nomem;
        if (Spec.Data.Length > 0)
            Spec.Data.AsSpan(0, (int)Math.Min(Spec.Data.Length, MemoryBytes)).CopyTo(new Span<byte>(Memory, (int)Math.Min(MemoryBytes, int.MaxValue)));
        if (Spec.IsFrozen)
            Freeze();
        return 0;
    }

    internal override long FindOffset(byte* key, int cpu)
    {
        uint index = *(uint*)key;
        return index < Spec.MaxEntries ? (long)index * ValueStride : -1;
    }

    internal override int UpdateElement(byte* key, byte* value, ulong flags, int cpu)
    {
        int error = ArrayRules.CheckUpdate(*(uint*)key, Spec.MaxEntries, flags & ~MapUpdate.Lock);
        if (error == 0 && IsLockMissing(flags))
            error = -KernelError.Inval;
        if (error != 0)
            return error;
        byte* place = Memory + (long)*(uint*)key * ValueStride;
        if ((flags & MapUpdate.Lock) != 0)
            return CopyLocked(value, place, place);
        CopyValue(value, place);
        return 0;
    }

    internal override int DeleteElement(byte* key) => -KernelError.Inval;

    internal override int NextElementKey(byte* key, byte* next) => ArrayRules.Next(key, next, Spec.MaxEntries);

    internal override bool NextElement(ref long cursor, byte* key, out long offset, int cpu)
    {
        *(uint*)key = (uint)cursor;
        offset = cursor < Spec.MaxEntries ? FindOffset(key, cpu) : -1;
        cursor++;
        return offset >= 0;
    }
}

/// <summary>An array with a value for each processor: the values of an element lie side by side.</summary>
internal sealed unsafe class PercpuArrayMap(MapSpec spec, MapSettings settings) : VmMap(spec, settings)
{
    /// <inheritdoc/>
    public override int UserValueSize => AllCpusValueBytes;

    internal override int Build() => AllocateValues((long)AllCpusValueBytes * Spec.MaxEntries) ? 0 : -KernelError.Nomem;

    internal override long FindOffset(byte* key, int cpu)
    {
        uint index = *(uint*)key;
        return index < Spec.MaxEntries && (uint)cpu < (uint)Settings.Cpus ? (long)index * AllCpusValueBytes + cpu * ValueStride : -1;
    }

    internal override int UpdateElement(byte* key, byte* value, ulong flags, int cpu)
    {
        int error = ArrayRules.CheckUpdate(*(uint*)key, Spec.MaxEntries, flags);
        if (error != 0)
            return error;
        CopyValue(value, Memory + FindOffset(key, cpu));
        return 0;
    }

    internal override int DeleteElement(byte* key) => -KernelError.Inval;

    internal override int NextElementKey(byte* key, byte* next) => ArrayRules.Next(key, next, Spec.MaxEntries);

    internal override bool NextElement(ref long cursor, byte* key, out long offset, int cpu)
    {
        *(uint*)key = (uint)cursor;
        offset = cursor < Spec.MaxEntries ? FindOffset(key, cpu) : -1;
        cursor++;
        return offset >= 0;
    }

    private protected override int UserGet(byte* key, byte* value)
    {
        long offset = FindOffset(key, 0);
        if (offset < 0)
            return -KernelError.Noent;
        for (int cpu = 0; cpu < Settings.Cpus; cpu++)
            CopyValue(Memory + offset + cpu * ValueStride, value + cpu * ValueStride);
        return 0;
    }

    private protected override int UserUpdate(byte* key, byte* value, ulong flags)
    {
        // In the order of bpf_percpu_array_update, which refuses an index before it looks at the flags' meaning.
        int error = ArrayRules.CheckUpdate(*(uint*)key, Spec.MaxEntries, flags);
        for (int cpu = 0; error == 0 && cpu < Settings.Cpus; cpu++)
            CopyValue(value + cpu * ValueStride, Memory + FindOffset(key, cpu));
        return error;
    }
}

/// <summary>What all kinds that are indexed by a number have in common.</summary>
internal static unsafe class ArrayRules
{
    /// <summary>May this index be updated with these flags? 0 or -errno.</summary>
    public static int CheckUpdate(uint index, uint count, ulong flags)
    {
        if (flags > MapUpdate.Exist)
            return -KernelError.Inval;
        if (index >= count)
            return -KernelError.TooBig;
        return flags == MapUpdate.NoExist ? -KernelError.Exist : 0;
    }

    /// <summary>The index behind another: 0 or -ENOENT.</summary>
    public static int Next(byte* key, byte* next, uint count)
    {
        uint index = key == null ? uint.MaxValue : *(uint*)key;
        if (index >= count)
        {
            *(uint*)next = 0;
            return 0;
        }
        if (index == count - 1)
            return -KernelError.Noent;
        *(uint*)next = index + 1;
        return 0;
    }
}
