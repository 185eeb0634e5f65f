using Hachi.Linux.Load.Fit;
using Hachi.Linux.Sys;
using Hachi.Object;
using Hachi.Object.Relocate;
using Hachi.Uapi;

namespace Hachi.Linux.Load;

/// <summary>Puts objects into the kernel: types, maps, programs, in that order. Nothing is attached.</summary>
public static class ObjectLoader
{
    /// <summary>Loads an object.</summary>
    /// <param name="spec">The object; edit it with <c>with</c> before (constants, sizes, names).</param>
    /// <param name="options">How; null for the usual.</param>
    /// <exception cref="BpfException">The kernel refuses a map or a program; nothing stays loaded. <see cref="BpfVerifierException"/> when its verifier does.</exception>
    public static LoadedObject Load(this BpfObject spec, LoadOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(spec);
        options ??= new LoadOptions();
        spec = KernelFit.Apply(spec, options.Types, out IReadOnlyList<ModuleUse> uses);
        IReadOnlyList<(string Map, StructOpsSpec Spec)> structures = StructOpsMaps.SpecsOf(spec);
        var loaded = new LoadedObject(spec);
        try
        {
            loaded.Types = LoadTypes(spec);
            using PinFolder? pins = options.PinDirectory is { } directory && spec.Maps.Any(map => map.Pin is not null) ? PinFolder.Open(directory) : null;
            foreach (MapSpec map in spec.Maps)
                if (map.Type == MapType.StructOps)
                    loaded.Add(map.Name, StructOpsMaps.Create(map.Name, structures.First(each => each.Map == map.Name).Spec.Type, StructOpsMaps.FlagsOf(map), loaded.Types), isBorrowed: false);
                else
                    AddMap(loaded, map, options, pins);
            using var modules = new ModuleTypes(uses, spec.Maps.Length);
            IReadOnlyList<StructOpsSpec> functions = [.. options.StructOps, .. structures.Select(each => each.Spec)];
            for (int i = 0; i < spec.Programs.Length; i++)
                if (options.Programs?.Contains(spec.Programs[i].Name) != false)
                    loaded.Add(spec.Programs[i].Name, Load(modules.Fill(spec.Programs[i], i, uses), loaded, options, functions, modules.Descriptors));
            FillSlots(loaded);
            return loaded;
        }
        catch
        {
            loaded.Dispose();
            throw;
        }
    }

    private static Program Load(ProgramSpec program, LoadedObject loaded, LoadOptions options, IReadOnlyList<StructOpsSpec> functions, IReadOnlyList<int> modules)
    {
        var around = new ProgramSurroundings
        {
            License = loaded.Spec.License,
            KernelVersion = loaded.Spec.KernelVersion,
            Types = loaded.Types,
            Maps = loaded.Maps,
            Modules = modules,
            Object = loaded.Spec,
            LogLevel = options.LogLevel,
        };
        if (program.Type == ProgramType.StructOps)
        {
            program = StructOpsLayout.Prepare(program, functions, out uint type, out LoadedTypes? module);
            using (module)
                return ProgramLoader.Load(program, around with { AttachBtfId = type, AttachFd = module?.Descriptor ?? 0 });
        }
        using AttachTarget target = AttachTarget.Find(program, options.Target);
        return ProgramLoader.Load(program, around with { AttachBtfId = target.TypeId, AttachFd = target.Descriptor });
    }

    // Types help people and bpftool; an object that needs none of them loads without.
    private static unsafe FileHandle? LoadTypes(BpfObject spec)
    {
        if (spec.Btf.IsEmpty)
            return null;
        fixed (byte* pointer = spec.Btf.AsSpan())
        {
            var attributes = new BpfAttributes { Btf = { Btf = pointer, Size = (uint)spec.Btf.Length } };
            int result = BpfSystem.Call(BpfCommand.BtfLoad, ref attributes, 28);
            return result < 0 ? null : new FileHandle(result);
        }
    }

    private static void AddMap(LoadedObject loaded, MapSpec spec, LoadOptions options, PinFolder? pins)
    {
        if (options.Maps?.TryGetValue(spec.Name, out Map? given) == true)
        {
            if (!given.IsLike(spec))
                throw new BpfException("load", (int)ErrorNumber.EINVAL, $"map {given.Name}, given for {spec.Name}, is of another kind or size ({given.Type.Name()}, {given.KeySize}, {given.ValueSize}, {given.MaxEntries})");
            loaded.Add(spec.Name, given, isBorrowed: true);
            return;
        }
        string? pin = pins is not null && spec.Pin is { } asked ? Path.GetFileName(asked) : null;
        if (pin is not null && Reuse(pins!, pin, spec) is { } there)
        {
            loaded.Add(spec.Name, there, isBorrowed: false);
            return;
        }
        Map map = Map.Create(spec, loaded.Types);
        loaded.Add(spec.Name, map, isBorrowed: false);
        if (pin is not null)
            pins!.Pin(pin, map.Descriptor);
    }

    private static Map? Reuse(PinFolder pins, string pin, MapSpec spec)
    {
        if (pins.TryOpen(pin, PinFolder.MapKind) is not { } handle)
            return null;
        Map map = Map.FromHandle(handle, pins.PathOf(pin));
        if (map.IsLike(spec))
            return map;
        string is_ = $"{map.Type.Name()}, keys of {map.KeySize}, values of {map.ValueSize}, {map.MaxEntries} entries, flags 0x{(uint)map.Flags:x}";
        map.Dispose();
        throw new BpfException("load", (int)ErrorNumber.EEXIST, $"the map pinned at {pins.PathOf(pin)} is another one ({is_}); remove the pin, or give the map another name");
    }

    private static void FillSlots(LoadedObject loaded)
    {
        foreach ((MapSpec spec, Map map) in loaded.Spec.Maps.Zip(loaded.Maps))
            foreach ((uint index, string name) in spec.Type == MapType.StructOps ? [] : spec.Slots)
                map.SetDescriptor(index, spec.Type == MapType.ProgArray ? loaded.Program(name).Descriptor : loaded.Map(name).Descriptor);
    }
}
