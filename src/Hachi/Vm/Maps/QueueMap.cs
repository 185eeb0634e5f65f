using Hachi.Object;

namespace Hachi.Vm.Maps;

/// <summary>A queue (first in, first out) or a stack (kernel/bpf/queue_stack_maps.c). It has no keys: values are pushed, popped and looked at.</summary>
internal sealed unsafe class QueueMap(MapSpec spec, MapSettings settings, bool isStack) : VmMap(spec, settings)
{
    private readonly Lock _lock = new();
    private byte* _values;
    private uint _first, _count;

    internal override int Build()
    {
        _values = Allocate((long)ValueStride * Spec.MaxEntries);
        return _values == null ? -KernelError.Nomem : 0;
    }

    internal override int UpdateElement(byte* key, byte* value, ulong flags, int cpu) => -KernelError.Inval;

    internal override int DeleteElement(byte* key) => -KernelError.Inval;

    internal override int NextElementKey(byte* key, byte* next) => -KernelError.Inval;

    internal override int Push(byte* value, ulong flags)
    {
        if ((flags & MapUpdate.NoExist) != 0 || flags > MapUpdate.Exist)
            return -KernelError.Inval;
        lock (_lock)
        {
            if (_count == Spec.MaxEntries)
            {
                if (flags != MapUpdate.Exist)
                    return -KernelError.TooBig;
                // BPF_EXIST: the oldest makes room, in a stack as well.
                _first = Wrap(_first + 1ul);
                _count--;
            }
            CopyValue(value, Place(_count++));
            return 0;
        }
    }

    // Programs find zeros where nothing was; C# keeps what it had, as a caller of bpf(2) does.
    internal override int Pop(byte* value) => Read(value, isPop: true) is var result and not 0 ? Clear(value, result) : 0;

    internal override int Peek(byte* value) => Read(value, isPop: false) is var result and not 0 ? Clear(value, result) : 0;

    private protected override int UserGet(byte* key, byte* value) => Read(value, isPop: false);

    private protected override int UserUpdate(byte* key, byte* value, ulong flags) => Push(value, flags);

    private protected override int UserTake(byte* key, byte* value) => Read(value, isPop: true);

    private int Read(byte* value, bool isPop)
    {
        lock (_lock)
        {
            if (_count == 0)
                return -KernelError.Noent;
            CopyValue(Place(isStack ? _count - 1 : 0), value);
            if (!isPop)
                return 0;
            _count--;
            if (!isStack)
                _first = Wrap(_first + 1ul);
            return 0;
        }
    }

    private int Clear(byte* value, int result)
    {
        new Span<byte>(value, ValueSize).Clear();
        return result;
    }

    private uint Wrap(ulong index) => (uint)(index >= Spec.MaxEntries ? index - Spec.MaxEntries : index);

    private byte* Place(uint index) => _values + (long)Wrap((ulong)_first + index) * ValueStride;
}
