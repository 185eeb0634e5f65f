using Hachi.Linux.Sys;
using Hachi.Object;
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
        spec = KernelFit.Apply(spec, options.Types);
        var loaded = new LoadedObject(spec);
        try
        {
            loaded.Types = LoadTypes(spec);
            foreach (MapSpec map in spec.Maps)
                AddMap(loaded, map, options);
            foreach (ProgramSpec program in spec.Programs)
                if (options.Programs?.Contains(program.Name) != false)
                    loaded.Add(program.Name, Load(program, loaded, options));
            FillSlots(loaded);
            return loaded;
        }
        catch
        {
            loaded.Dispose();
            throw;
        }
    }

    private static Program Load(ProgramSpec program, LoadedObject loaded, LoadOptions options)
    {
        if (program.Type == ProgramType.StructOps)
            return ProgramLoader.Load(StructOpsLayout.Prepare(program, options.StructOps, out uint type), Around(loaded, options) with { AttachBtfId = type });
        using AttachTarget target = AttachTarget.Find(program, options.Target);
        return ProgramLoader.Load(program, Around(loaded, options) with { AttachBtfId = target.TypeId, AttachFd = target.Descriptor });
    }

    private static ProgramSurroundings Around(LoadedObject loaded, LoadOptions options) => new()
    {
        License = loaded.Spec.License,
        KernelVersion = loaded.Spec.KernelVersion,
        Types = loaded.Types,
        Maps = loaded.Maps,
        Object = loaded.Spec,
        LogLevel = options.LogLevel,
    };

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

    private static void AddMap(LoadedObject loaded, MapSpec spec, LoadOptions options)
    {
        if (options.Maps?.TryGetValue(spec.Name, out Map? given) == true)
        {
            if (!given.IsLike(spec))
                throw new BpfException("load", (int)ErrorNumber.EINVAL, $"map {given.Name}, given for {spec.Name}, is of another kind or size ({given.Type.Name()}, {given.KeySize}, {given.ValueSize}, {given.MaxEntries})");
            loaded.Add(spec.Name, given, isBorrowed: true);
            return;
        }
        string? pin = options.PinDirectory is { } directory && spec.Pin is { } name ? Path.Combine(directory, Path.GetFileName(name)) : null;
        if (pin is not null && Reuse(pin, spec) is { } there)
        {
            loaded.Add(spec.Name, there, isBorrowed: false);
            return;
        }
        Map map = Map.Create(spec, loaded.Types);
        loaded.Add(spec.Name, map, isBorrowed: false);
        if (pin is not null)
            map.Pin(pin);
    }

    private static Map? Reuse(string path, MapSpec spec)
    {
        Map map;
        try
        {
            map = Map.OpenPinned(path);
        }
        catch (BpfException e) when (e.Errno == (int)ErrorNumber.ENOENT)
        {
            return null;
        }
        if (map.IsLike(spec))
            return map;
        string is_ = $"{map.Type.Name()}, keys of {map.KeySize}, values of {map.ValueSize}, {map.MaxEntries} entries, flags 0x{(uint)map.Flags:x}";
        map.Dispose();
        throw new BpfException("load", (int)ErrorNumber.EEXIST, $"the map pinned at {path} is another one ({is_}); remove the pin, or give the map another name");
    }

    private static void FillSlots(LoadedObject loaded)
    {
        foreach ((MapSpec spec, Map map) in loaded.Spec.Maps.Zip(loaded.Maps))
            foreach ((uint index, string name) in spec.Slots)
                map.SetDescriptor(index, spec.Type == MapType.ProgArray ? loaded.Program(name).Descriptor : loaded.Map(name).Descriptor);
    }
}
