using Hachi.Object;

namespace Hachi.Vm.Maps.Rings;

/// <summary>
/// A perf event array as a sink of records: C# opens a bounded buffer for an index (a processor, as a rule), programs write to it with <c>bpf_perf_event_output</c>. What does not
/// fit is counted as lost.
/// </summary>
public sealed unsafe class PerfEventMap : VmMap
{
    private PerfBuffer?[] _buffers = [];

    internal PerfEventMap(MapSpec spec, MapSettings settings)
        : base(spec, settings)
    {
    }

    /// <summary>Opens a buffer for an index; one that is open stays.</summary>
    /// <param name="index">The index, smaller than <see cref="VmMap.MaxEntries"/>.</param>
    /// <param name="bytesMax">Bytes of records that wait at most.</param>
    /// <returns>The buffer, or null when there is no such index.</returns>
    public PerfBuffer? Open(uint index, int bytesMax = 1 << 20)
    {
        if (index >= Spec.MaxEntries)
            return null;
        var buffer = new PerfBuffer(bytesMax);
        return Interlocked.CompareExchange(ref _buffers[index], buffer, null) ?? buffer;
    }

    /// <summary>Opens a buffer for every processor that the map has an index for.</summary>
    /// <param name="bytesMax">Bytes of records that wait at most, each.</param>
    public PerfBuffer[] OpenAll(int bytesMax = 1 << 20) =>
        [.. Enumerable.Range(0, (int)Math.Min(Spec.MaxEntries, (uint)Settings.Cpus)).Select(index => Open((uint)index, bytesMax)!)];

    /// <summary>Writes a record that consists of two pieces: 0 or -errno.</summary>
    internal int Output(ulong index, int cpu, ReadOnlySpan<byte> data, ReadOnlySpan<byte> more)
    {
        const uint current = uint.MaxValue;
        if (index == current)
            index = (uint)cpu;
        if (index >= Spec.MaxEntries)
            return -KernelError.TooBig;
        if (Volatile.Read(ref _buffers[index]) is not { } buffer)
            return -KernelError.Noent;
        // The kernel's buffers take records of their own processor only.
        return index != (uint)cpu ? -KernelError.Opnotsupp : buffer.Add(data, more) ? 0 : -KernelError.Nospc;
    }

    internal override int Build()
    {
        if (!Charge(8L * Spec.MaxEntries))
            return -KernelError.Nomem;
        _buffers = new PerfBuffer?[Spec.MaxEntries];
        return 0;
    }

    internal override int UpdateElement(byte* key, byte* value, ulong flags, int cpu) => HandleRules.CheckUpdate(*(uint*)key, Spec.MaxEntries, flags);

    internal override int DeleteElement(byte* key)
    {
        uint index = *(uint*)key;
        return index >= Spec.MaxEntries ? -KernelError.TooBig : Interlocked.Exchange(ref _buffers[index], null) is null ? -KernelError.Noent : 0;
    }

    internal override int NextElementKey(byte* key, byte* next) => ArrayRules.Next(key, next, Spec.MaxEntries);

    private protected override int UserGet(byte* key, byte* value) => -KernelError.Notsupp;
}
