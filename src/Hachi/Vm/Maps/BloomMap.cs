using System.Numerics;
using Hachi.Object;

namespace Hachi.Vm.Maps;

/// <summary>A bloom filter (kernel/bpf/bloom_filter.c): what was pushed is always found, other values seldom are. Nothing is ever removed.</summary>
internal sealed unsafe class BloomMap(MapSpec spec, MapSettings settings) : VmMap(spec, settings)
{
    private const int HashesDefault = 5;

    private readonly int _hashes = spec.Extra == 0 ? HashesDefault : (int)spec.Extra;
    private ulong _mask;
    private uint* _bits;

    internal override int Build()
    {
        // Seven fifths of a bit (about 1 / ln 2) for each hash of each value: half of the bits are set when the filter is full.
        ulong bits = BitOperations.RoundUpToPowerOf2(Math.Max(64, Spec.MaxEntries * (ulong)_hashes / 5 * 7));
        bits = Math.Min(bits, 1ul << 32);
        _mask = bits - 1;
        _bits = (uint*)Allocate((long)(bits / 8));
        return _bits == null ? -KernelError.Nomem : 0;
    }

    internal override int UpdateElement(byte* key, byte* value, ulong flags, int cpu) => -KernelError.Inval;

    internal override int DeleteElement(byte* key) => -KernelError.Opnotsupp;

    internal override int NextElementKey(byte* key, byte* next) => -KernelError.Opnotsupp;

    internal override int Push(byte* value, ulong flags)
    {
        if (flags != MapUpdate.Any)
            return -KernelError.Inval;
        for (int i = 0; i < _hashes; i++)
        {
            ulong bit = Hash(value, i);
            Interlocked.Or(ref _bits[bit >> 5], 1u << (int)(bit & 31));
        }
        return 0;
    }

    internal override int Pop(byte* value) => -KernelError.Opnotsupp;

    internal override int Peek(byte* value)
    {
        for (int i = 0; i < _hashes; i++)
        {
            ulong bit = Hash(value, i);
            if ((_bits[bit >> 5] & 1u << (int)(bit & 31)) == 0)
                return -KernelError.Noent;
        }
        return 0;
    }

    private protected override int UserGet(byte* key, byte* value) => Peek(value);

    private protected override int UserUpdate(byte* key, byte* value, ulong flags) => Push(value, flags);

    private ulong Hash(byte* value, int index)
    {
        // An odd multiplier for each function; 32 bits of hash are as many as the kernel has.
        ulong multiplier = (0x9E3779B97F4A7C15 * (2ul * (uint)index + 1) ^ Settings.Seed) | 1;
        return HashHeader.HashBytes(value, Spec.ValueSize, multiplier) & _mask;
    }
}
