using System.Runtime.InteropServices;
using Hachi.Btf;
using Hachi.Isa;
using Hachi.Object;
using Hachi.Text;
using Hachi.Uapi;
using Hachi.Vm.Jit.Lift;
using Hachi.Vm.Machine;
using Hachi.Vm.Maps;

namespace Hachi.Vm;

/// <summary>
/// An object loaded into the user-space machine: its maps exist, its programs can run. Programs and maps may be used from many threads at once.
/// </summary>
/// <example>
/// <code>
/// VmLoad load = VmObject.Load(bpfObject);
/// using VmObject vm = load.Object!;
/// VmResult result = vm.Programs[0].Run(memory);
/// </code>
/// </example>
public sealed class VmObject : IDisposable
{
    private readonly VmProgram[] _programs;
    private readonly VmMap[] _maps;

    private VmObject(BpfObject spec, VmOptions options, List<Diagnostic> diagnostics)
    {
        Spec = spec;
        Options = options;
        _maps = MakeMaps(spec, options, diagnostics);
        _programs = new VmProgram[spec.Programs.Length];
        if (diagnostics.Count > 0)
            return;
        for (int i = 0; i < _programs.Length; i++)
            _programs[i] = new VmProgram(this, spec.Programs[i], diagnostics);
        if (diagnostics.Count == 0)
            FillSlots(diagnostics);
    }

    /// <summary>What was loaded.</summary>
    public BpfObject Spec { get; }

    /// <summary>How it was loaded.</summary>
    public VmOptions Options { get; }

    /// <summary>The programs, in the order of the object.</summary>
    public IReadOnlyList<VmProgram> Programs => _programs;

    /// <summary>The maps, in the order of the object. They live as long as the object.</summary>
    public IReadOnlyList<VmMap> Maps => _maps;

    /// <summary>The map of a name, or null.</summary>
    public VmMap? FindMap(string name) => Array.Find(_maps, map => map.Spec.Name == name);

    /// <summary>Loads an object: checks its programs, makes its maps, compiles where the engine does.</summary>
    /// <param name="spec">The object.</param>
    /// <param name="options">Options; null for the defaults.</param>
    public static VmLoad Load(BpfObject spec, VmOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(spec);
        var diagnostics = new List<Diagnostic>();
        var loaded = new VmObject(spec, options ?? new VmOptions(), diagnostics);
        if (!diagnostics.Any(diagnostic => diagnostic.Severity == Severity.Error))
            return new VmLoad(loaded, diagnostics);
        loaded.Dispose();
        return new VmLoad(null, diagnostics);
    }

    /// <summary>Loads a single program without maps.</summary>
    /// <param name="insns">Its instructions.</param>
    /// <param name="options">Options; null for the defaults.</param>
    public static VmLoad Load(ReadOnlySpan<Insn> insns, VmOptions? options = null) =>
        Load(new BpfObject { Programs = [new ProgramSpec("program", Uapi.ProgramType.Unspec, [.. insns])] }, options);

    /// <summary>The program of a name, or null.</summary>
    public VmProgram? FindProgram(string name) => Array.Find(_programs, program => program.Spec.Name == name);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (IsDisposed)
            return;
        IsDisposed = true;
        foreach (VmProgram? program in _programs)
            program?.Release();
        foreach (VmMap map in _maps)
            map.Dispose();
    }

    internal bool IsDisposed { get; private set; }

    internal VmMap[] MapArray => _maps;

    internal static ulong MapAddress(int index, long offset) => offset < 0 ? Handle.Map(index) : Region.AddressOf(Region.FirstMap + index, (uint)offset);

    internal Invocation MakeInvocation() => new(_maps, Options) { Owner = this };

    /// <summary>What the compilers may rely on about the maps.</summary>
    internal MapFacts[] MapFacts() => [.. _maps.Select(map => new MapFacts(map.Type, map.Spec.KeySize, map.Spec.ValueSize, map.ValueStride, map.Spec.MaxEntries, map.MemoryBytes,
        map.IsReadableByPrograms, map.IsWritableByPrograms) { Hash = HashOf(map) })];

    // Walking a table that others write needs loads in order, which x86 gives of itself.
    private static unsafe HashFacts? HashOf(VmMap map)
    {
        if (map is not HashMap { Type: MapType.Hash } hash || RuntimeInformation.ProcessArchitecture != Architecture.X64)
            return null;
        HashHeader* header = hash.Header;
        return new HashFacts(header->Multiplier, (ulong)header->Buckets, (ulong)header->Entries, (ulong)&header->Version, header->BucketShift, header->EntryBytes, header->EntriesMax);
    }

    private static VmMap[] MakeMaps(BpfObject spec, VmOptions options, List<Diagnostic> diagnostics)
    {
        var maps = new List<VmMap>();
        BtfTypes? types = spec.Btf.AsSpan().IndexOf("bpf_spin_lock"u8) >= 0 ? BtfReader.TryRead(spec.Btf.AsMemory(), out BtfTypes? read, out _) ? read : null : null;
        foreach (MapSpec map in spec.Maps)
        {
            MapCreation made = MapFactory.Create(map, options.Maps, LockOffsetOf(types, map));
            if (made.Map is not null)
                maps.Add(made.Map);
            else
                diagnostics.Add(DiagnosticTable.VmMapRefused.At(default, map.Name, made.Reason));
        }
        return [.. maps];
    }

    // As btf_find_spin_lock: a member of the value's own structure.
    private static int LockOffsetOf(BtfTypes? types, MapSpec map)
    {
        if (types is null || map.ValueType == 0 || map.ValueType >= types.Count || types[types.Resolve(map.ValueType)].Kind != BtfKind.Struct)
            return -1;
        foreach (BtfMember member in types.MembersOf(types.Resolve(map.ValueType)))
        {
            uint type = types.Resolve(member.Type);
            if (types[type].Kind == BtfKind.Struct && types.NameOf(type) == "bpf_spin_lock" && member.BitOffset % 32 == 0 && (member.BitOffset / 8) + 4 <= map.ValueSize)
                return (int)(member.BitOffset / 8);
        }
        return -1;
    }

    // Program arrays and maps of maps begin with what the object says.
    private void FillSlots(List<Diagnostic> diagnostics)
    {
        foreach (VmMap map in _maps)
            foreach ((uint index, string name) in map.Spec.Slots)
                if (!Fill(map, index, name))
                    diagnostics.Add(DiagnosticTable.VmSlot.At(default, map.Spec.Name, index, name));
    }

    private bool Fill(VmMap map, uint index, string name)
    {
        if (map is ProgramArrayMap programs)
            return FindProgram(name) is { } program && programs.Set(index, program) == 0;
        return map is IMapOfMaps outer && FindMap(name) is { } inner && outer.Set(BitConverter.GetBytes(index), inner) == 0;
    }
}
