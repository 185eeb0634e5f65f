using Hachi.Object;

namespace Hachi.Vm.Maps;

/// <summary>
/// A hash table that makes room for a new element by dropping one that no program has looked at for a while (kernel/bpf/bpf_lru_list.c). Which one is nobody's to rely on: here the clock
/// algorithm picks it, an approximation as the kernel's lists are. <c>BPF_F_NO_COMMON_LRU</c> changes nothing.
/// </summary>
internal sealed unsafe class LruHashMap(MapSpec spec, MapSettings settings) : HashMap(spec, settings)
{
    private byte* _isRecent;
    private uint _hand;

    internal override int Build()
    {
        _isRecent = Allocate(Spec.MaxEntries + 2L);
        return _isRecent == null ? -KernelError.Nomem : base.Build();
    }

    private protected override void Touch(uint number) => _isRecent[number] = 1;

    private protected override void Forget(uint number) => _isRecent[number] = 0;

    private protected override uint TakeNumber()
    {
        uint number = base.TakeNumber();
        if (number != 0)
            return number;
        // Every number but the spare one is in the table now. After one round no mark is left, unless readers set new ones all the time.
        for (ulong steps = 0; ; steps++)
        {
            _hand = _hand % Header->EntriesMax + 1;
            if (IsSpare(_hand))
                continue;
            if (_isRecent[_hand] == 0 || steps > 2ul * Header->EntriesMax)
                break;
            _isRecent[_hand] = 0;
        }
        BeginChange();
        Unlink(_hand);
        EndChange();
        Header->Count--;
        return _hand;
    }
}
