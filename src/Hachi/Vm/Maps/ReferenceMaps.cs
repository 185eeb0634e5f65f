using Hachi.Object;

namespace Hachi.Vm.Maps;

/// <summary>A program array: the targets of tail calls. Its elements are programs of this machine, set from C#.</summary>
public sealed unsafe class ProgramArrayMap : VmMap
{
    private VmProgram?[] _targets = [];

    internal ProgramArrayMap(MapSpec spec, MapSettings settings)
        : base(spec, settings)
    {
    }

    /// <summary>Puts a program into a slot.</summary>
    /// <param name="index">The slot.</param>
    /// <param name="program">The program; it must outlive the map.</param>
    /// <returns>0, or <c>-E2BIG</c>.</returns>
    public int Set(uint index, VmProgram program)
    {
        ArgumentNullException.ThrowIfNull(program);
        if (index >= Spec.MaxEntries)
            return -KernelError.TooBig;
        Volatile.Write(ref _targets[index], program);
        return 0;
    }

    /// <summary>The program in a slot, or null.</summary>
    internal VmProgram? Target(ulong index) => index < (ulong)_targets.Length ? Volatile.Read(ref _targets[index]) : null;

    internal override int Build()
    {
        if (!Charge(8L * Spec.MaxEntries))
            return -KernelError.Nomem;
        _targets = new VmProgram?[Spec.MaxEntries];
        return 0;
    }

    internal override int UpdateElement(byte* key, byte* value, ulong flags, int cpu) => HandleRules.CheckUpdate(*(uint*)key, Spec.MaxEntries, flags);

    internal override int DeleteElement(byte* key)
    {
        uint index = *(uint*)key;
        return index >= Spec.MaxEntries ? -KernelError.TooBig : Interlocked.Exchange(ref _targets[index], null) is null ? -KernelError.Noent : 0;
    }

    internal override int NextElementKey(byte* key, byte* next) => ArrayRules.Next(key, next, Spec.MaxEntries);

    private protected override int UserGet(byte* key, byte* value)
    {
        uint index = *(uint*)key;
        if (Target(index) is null)
            return -KernelError.Noent;
        // The kernel gives the program's id; here a slot that is taken reads as its own number.
        *(uint*)value = index + 1;
        return 0;
    }
}

/// <summary>A map whose elements are maps of one shape (kernel/bpf/map_in_map.c), set from C# with <see cref="Set"/>; reading an element gives the inner map's <see cref="VmMap.Id"/>.</summary>
public interface IMapOfMaps
{
    /// <summary>Puts a map into an element. The element holds it until it is replaced or the outer map goes.</summary>
    /// <param name="key">The key of the outer map.</param>
    /// <param name="inner">A map like the one in <see cref="MapSpec.Inner"/>.</param>
    /// <param name="flags"><c>BPF_ANY</c> (0), for hashes also <c>BPF_NOEXIST</c> (1) or <c>BPF_EXIST</c> (2).</param>
    /// <returns>0, or an error number as a negative number (<c>-EINVAL</c>: the map has another shape).</returns>
    int Set(ReadOnlySpan<byte> key, VmMap inner, ulong flags = 0);
}

/// <summary>An array of maps.</summary>
public sealed unsafe class ArrayOfMapsMap : VmMap, IMapOfMaps
{
    private readonly Lock _lock = new();
    private VmMap?[] _inner = [];

    internal ArrayOfMapsMap(MapSpec spec, MapSettings settings)
        : base(spec, settings)
    {
    }

    /// <inheritdoc/>
    public int Set(ReadOnlySpan<byte> key, VmMap inner, ulong flags = 0)
    {
        ArgumentNullException.ThrowIfNull(inner);
        if (key.Length != 4)
            throw new ArgumentException("the key has 4 bytes", nameof(key));
        uint index = BitConverter.ToUInt32(key);
        int error = HandleRules.CheckUpdate(index, Spec.MaxEntries, flags);
        if (error is not -KernelError.Badf)
            return error;
        if (!HandleRules.IsLike(Spec.Inner!, inner))
            return -KernelError.Inval;
        inner.AddReference();
        VmMap? old;
        lock (_lock)
            (old, _inner[index]) = (_inner[index], inner);
        old?.Release();
        return 0;
    }

    internal override int Build()
    {
        if (!Charge(8L * Spec.MaxEntries))
            return -KernelError.Nomem;
        _inner = new VmMap?[Spec.MaxEntries];
        return 0;
    }

    internal override VmMap? AcquireInner(byte* key)
    {
        uint index = *(uint*)key;
        if (index >= Spec.MaxEntries)
            return null;
        lock (_lock)
        {
            VmMap? inner = _inner[index];
            inner?.AddReference();
            return inner;
        }
    }

    internal override int UpdateElement(byte* key, byte* value, ulong flags, int cpu) => HandleRules.CheckUpdate(*(uint*)key, Spec.MaxEntries, flags);

    internal override int DeleteElement(byte* key)
    {
        uint index = *(uint*)key;
        if (index >= Spec.MaxEntries)
            return -KernelError.TooBig;
        VmMap? old;
        lock (_lock)
            (old, _inner[index]) = (_inner[index], null);
        old?.Release();
        return old is null ? -KernelError.Noent : 0;
    }

    internal override int NextElementKey(byte* key, byte* next) => ArrayRules.Next(key, next, Spec.MaxEntries);

    private protected override int UserGet(byte* key, byte* value)
    {
        uint index = *(uint*)key;
        VmMap? inner = index < Spec.MaxEntries ? _inner[index] : null;
        if (inner is null)
            return -KernelError.Noent;
        *(uint*)value = inner.Id;
        return 0;
    }

    private protected override void ReleaseReferences()
    {
        foreach (VmMap? inner in _inner)
            inner?.Release();
        _inner = [];
    }
}

/// <summary>A hash of maps.</summary>
public sealed unsafe class HashOfMapsMap : VmMap, IMapOfMaps
{
    private readonly Lock _lock = new();
    private readonly HashMap _ids;

    // By id, with the number of keys that it stands under.
    private readonly Dictionary<uint, (VmMap Map, int Keys)> _inner = [];

    internal HashOfMapsMap(MapSpec spec, MapSettings settings)
        : base(spec, settings) => _ids = new HashMap(spec, settings);

    /// <inheritdoc/>
    public int Set(ReadOnlySpan<byte> key, VmMap inner, ulong flags = 0)
    {
        ArgumentNullException.ThrowIfNull(inner);
        if (!HandleRules.IsLike(Spec.Inner!, inner))
            return -KernelError.Inval;
        uint id = inner.Id, oldId = 0;
        VmMap? old;
        lock (_lock)
        {
            bool hadOne = _ids.TryGet(key, new Span<byte>(&oldId, 4));
            int error = _ids.Update(key, new ReadOnlySpan<byte>(&id, 4), flags);
            if (error != 0)
                return error;
            inner.AddReference();
            _inner[id] = (inner, _inner.TryGetValue(id, out var known) ? known.Keys + 1 : 1);
            old = hadOne ? Drop(oldId) : null;
        }
        old?.Release();
        return 0;
    }

    internal override int Build() => _ids.Build();

    internal override VmMap? AcquireInner(byte* key)
    {
        lock (_lock)
        {
            uint id = 0;
            if (!_ids.TryGet(new ReadOnlySpan<byte>(key, KeySize), new Span<byte>(&id, 4)) || !_inner.TryGetValue(id, out var inner))
                return null;
            inner.Map.AddReference();
            return inner.Map;
        }
    }

    internal override int UpdateElement(byte* key, byte* value, ulong flags, int cpu) => -KernelError.Badf;

    internal override int DeleteElement(byte* key)
    {
        uint id = 0;
        VmMap? old;
        lock (_lock)
        {
            int error = _ids.Take(new ReadOnlySpan<byte>(key, KeySize), new Span<byte>(&id, 4));
            if (error != 0)
                return error;
            old = Drop(id);
        }
        old?.Release();
        return 0;
    }

    internal override int NextElementKey(byte* key, byte* next) => _ids.NextElementKey(key, next);

    private protected override int UserGet(byte* key, byte* value) => _ids.Get(new ReadOnlySpan<byte>(key, KeySize), new Span<byte>(value, 4));

    private protected override void ReleaseReferences()
    {
        byte[] key = new byte[KeySize], id = new byte[4];
        while (_inner.Count > 0 && _ids.NextKey([], key) == 0 && _ids.Take(key, id) == 0)
            Drop(BitConverter.ToUInt32(id))?.Release();
        _ids.Dispose();
    }

    private VmMap? Drop(uint id)
    {
        if (!_inner.Remove(id, out var entry))
            return null;
        if (entry.Keys > 1)
            _inner[id] = (entry.Map, entry.Keys - 1);
        return entry.Map;
    }
}

/// <summary>What maps of handles have in common: their elements are not bytes.</summary>
internal static class HandleRules
{
    /// <summary>The checks of an update in the kernel's order; a handle from bytes is never a good one (-EBADF).</summary>
    public static int CheckUpdate(uint index, uint count, ulong flags) =>
        flags != MapUpdate.Any ? -KernelError.Inval : index >= count ? -KernelError.TooBig : -KernelError.Badf;

    /// <summary>Whether a map may stand where such maps are wanted.</summary>
    public static bool IsLike(MapSpec wanted, VmMap map)
    {
        MapSpec spec = map.Spec;
        bool isAlike = spec.Type == wanted.Type && spec.KeySize == wanted.KeySize && spec.ValueSize == wanted.ValueSize && spec.Flags == wanted.Flags && spec.Extra == wanted.Extra;
        // Programs have the size of an array compiled into them; other kinds may differ.
        return isAlike && (spec.Type != Uapi.MapType.Array || (wanted.Flags & MapCreate.InnerMap) != 0 || spec.MaxEntries == wanted.MaxEntries);
    }
}
