using Hachi.Vm.Machine;
using Hachi.Vm.Maps;
using Hachi.Vm.Maps.Rings;

namespace Hachi.Vm.Helpers;

/// <summary>What helpers keep for one invocation: inner maps that the program holds, records that it has not submitted, locks. Everything is given back when the run ends, however it ends.</summary>
internal sealed unsafe class HelperSession(Invocation invocation, VmMap[] maps, VmOptions options)
{
    private readonly List<(VmMap Map, ulong Region)> _inner = [];
    private readonly List<(ulong Address, RingBufferMap Ring, long Offset)> _reservations = [];
    private readonly List<nint> _locks = [];
    private int _cpu = -1;
    private bool _isUsed;

    /// <summary>The world outside.</summary>
    public VmHost Host { get; } = options.Host;

    /// <summary>Processors that per-CPU maps keep values for.</summary>
    public int Cpus { get; } = options.Maps.Cpus;

    /// <summary>The processor of this run: asked for when it is first needed.</summary>
    public int Cpu => _cpu >= 0 ? _cpu : AskCpu();

    /// <summary>Records that are reserved and neither submitted nor discarded.</summary>
    public int OpenReservations => _reservations.Count;

    /// <summary>Whether a program is of the object that this session is for.</summary>
    public bool Serves(VmProgram program) => ReferenceEquals(program.Owner.MapArray, maps);

    /// <summary>A run begins.</summary>
    public void Begin() => _cpu = -1;

    /// <summary>A run is over.</summary>
    public void End()
    {
        if (_isUsed)
            GiveBack();
    }

    private void GiveBack()
    {
        _isUsed = false;
        foreach ((_, RingBufferMap ring, long offset) in _reservations)
            ring.Finish(offset, isDiscarded: true, 0);
        _reservations.Clear();
        foreach (nint held in _locks)
            Volatile.Write(ref *(int*)held, 0);
        _locks.Clear();
        foreach ((VmMap map, _) in _inner)
            map.Release();
        _inner.Clear();
    }

    /// <summary>The map that a value is a handle of, or null.</summary>
    public VmMap? MapOf(ulong handle)
    {
        int index = Handle.MapIndex(handle);
        return index < 0 ? null : index < maps.Length ? maps[index] : index - maps.Length < _inner.Count ? _inner[index - maps.Length].Map : null;
    }

    /// <summary>The guest address of a value of a map that <see cref="MapOf"/> gave; 0 when no region is left.</summary>
    public ulong AddressOf(VmMap map, ulong handle, long offset)
    {
        int index = Handle.MapIndex(handle);
        if (index < maps.Length)
            return Region.AddressOf(Region.FirstMap + index, (uint)offset);
        (VmMap inner, ulong region) = _inner[index - maps.Length];
        if (region == 0)
        {
            region = invocation.AddRegion(map.Memory, map.MemoryBytes, map.IsWritableByPrograms);
            _inner[index - maps.Length] = (inner, region);
        }
        return region == 0 ? 0 : region + (uint)offset;
    }

    /// <summary>The handle of an inner map, which is held until the run ends. The reference is the caller's, who gives it up here.</summary>
    public ulong HandleOf(VmMap inner)
    {
        int known = _inner.FindIndex(entry => entry.Map == inner);
        _isUsed = true;
        if (known >= 0)
            inner.Release();
        else
            _inner.Add((inner, 0));
        return Handle.Map(maps.Length + (known >= 0 ? known : _inner.Count - 1));
    }

    /// <summary>Notes a reservation.</summary>
    public void Reserve(ulong address, RingBufferMap ring, long offset)
    {
        _isUsed = true;
        _reservations.Add((address, ring, offset));
    }

    /// <summary>Ends a reservation; false when there is none at that address.</summary>
    public bool Finish(ulong address, bool isDiscarded, ulong flags)
    {
        int index = _reservations.FindIndex(entry => entry.Address == address);
        if (index < 0)
            return false;
        (_, RingBufferMap ring, long offset) = _reservations[index];
        _reservations.RemoveAt(index);
        invocation.DropRegion(address, out _);
        ring.Finish(offset, isDiscarded, flags);
        return true;
    }

    /// <summary>Takes a lock; false when the program holds one already, which could only end in a deadlock.</summary>
    public bool Lock(byte* word)
    {
        if (_locks.Count > 0)
            return false;
        if (!AtomicMemory.TryLock(word))
            return false;
        _isUsed = true;
        _locks.Add((nint)word);
        return true;
    }

    /// <summary>Gives a lock back; false when the program does not hold it.</summary>
    public bool Unlock(byte* word)
    {
        if (!_locks.Remove((nint)word))
            return false;
        AtomicMemory.Unlock(word);
        return true;
    }

    private int AskCpu()
    {
        int cpu = Host.Cpu();
        return _cpu = (uint)cpu < (uint)Cpus ? cpu : 0;
    }
}
