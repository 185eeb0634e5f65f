using System.Buffers.Binary;
using System.Diagnostics;
using Hachi.Btf;
using Hachi.Linux.Attach;
using Hachi.Linux.Load;
using Hachi.Object;
using static Hachi.Guest.Calls;
using static Hachi.Guest.Lab;

namespace Hachi.Guest.Checks;

/// <summary>Objects that clang built from the sources in tests/Hachi.Guest/Objects.</summary>
internal static class ObjectChecks
{
    private const string Objects = "Objects of clang";

    public static IEnumerable<Check> All =>
    [
        new("object-globals", Objects, "constants and variables", "values used and changed", _ => Globals()) { Features = ["program socket_filter"] },
        new("object-subprograms", Objects, "static and global functions, a table of programs", "value returned through all of them", _ => Returns("subprograms", 21 + 1000)) { Features = ["program socket_filter"] },
        new("object-loops", Objects, "callbacks (bpf_loop, bpf_for_each_map_elem)", "value returned", _ => Returns("loops", 4950 + 1000)) { Features = ["other loop"] },
        new("object-timers", Objects, "timers", "callback ran again and again", _ => Timers()) { Features = ["other timer"] },
        new("object-core", Objects, "CO-RE relocations with flavours", "fields of this task read; what is not there told", _ => Core()) { Features = ["program raw_tracepoint"] },
        new("object-kconfig", Objects, "values of the kernel's configuration", "values as the kernel has them", _ => Kconfig()) { Features = ["program socket_filter"] },
        new("object-freplace", Objects, "a function of a program replaced (freplace)", "value returned by the new function", _ => Replace()) { Features = ["program ext", "attach trace_fentry"], IsGuestOnly = true },
        new("object-trace-program", Objects, "fentry and fexit on a program", "call and returned value seen", _ => TraceProgram()) { Features = ["attach trace_fentry"], IsGuestOnly = true },
    ];

    /// <summary>Where the objects lie, and the program that others probe.</summary>
    public static string Folder => Environment.GetEnvironmentVariable("HACHI_OBJECTS") ?? "/objects";

    private static BpfObject Read(string name)
    {
        ObjectRead read = ElfObjectReader.Read(File.ReadAllBytes(Path.Combine(Folder, name + ".o")));
        return read.Object ?? throw new CheckException(string.Join('\n', read.Diagnostics));
    }

    internal static LoadedObject Load(string name, LoadOptions? options = null)
    {
        try
        {
            return Read(name).Load(options);
        }
        catch (Linux.BpfException e) when (e.Log is { Length: > 0 } log)
        {
            throw new CheckException($"{e.Message}\n{log}");
        }
    }

    /// <summary>A variable of eight bytes, by the object's types; set first, where a value is given.</summary>
    internal static ulong Variable(LoadedObject loaded, string name, ulong? set = null)
    {
        That(BtfReader.TryRead(loaded.Spec.Btf.ToArray(), out BtfTypes? types, out string reason), reason);
        for (uint id = 1; id < types!.Count; id++)
            if (types[id].Kind == BtfKind.Datasec)
                foreach (BtfVariable variable in types.VariablesOf(id))
                    if (types.NameOf(variable.Var) == name)
                    {
                        Map map = loaded.Map(types.NameOf(id));
                        byte[] value = new byte[map.ValueBytes];
                        map.TryGet([0, 0, 0, 0], value);
                        if (set is { } number)
                        {
                            BinaryPrimitives.WriteUInt64LittleEndian(value.AsSpan((int)variable.Offset), number);
                            map.Set([0, 0, 0, 0], value);
                        }
                        return BinaryPrimitives.ReadUInt64LittleEndian(value.AsSpan((int)variable.Offset));
                    }
        throw new CheckException($"no variable {name}");
    }

    private static uint Run(LoadedObject loaded) => loaded.Program("run").Run(loaded.Program("run").Type == Uapi.ProgramType.RawTracepoint ? default : new byte[64]).ReturnValue;

    private static void Returns(string name, uint value)
    {
        using LoadedObject loaded = Load(name);
        Same(value, Run(loaded), "returned");
    }

    private static void Globals()
    {
        using LoadedObject loaded = Load("globals");
        Same(123u, Run(loaded), "returned");
        Same(123u + 126, Run(loaded), "returned the second time");
        Same(42UL, Variable(loaded, "start"), "start");
        Same(249UL, Variable(loaded, "total"), "total");
    }

    private static void Timers()
    {
        using LoadedObject loaded = Load("timers");
        Same(0u, Run(loaded), "bpf_timer_start");
        var clock = Stopwatch.StartNew();
        byte[] value = new byte[24];
        do
        {
            loaded.Map("clocks").TryGet([0, 0, 0, 0], value);
            That(clock.Elapsed < TimeSpan.FromSeconds(10), "the timer did not go off");
        }
        while (BinaryPrimitives.ReadUInt64LittleEndian(value.AsSpan(16)) < 3);
    }

    private static void Core()
    {
        using LoadedObject loaded = Load("core");
        Variable(loaded, "wanted", (ulong)Witness.ThreadId);
        using (loaded.Program("run").AttachRawTracepoint("sys_enter"))
            _ = Syscall(121);
        Same((ulong)Witness.ThreadId, Variable(loaded, "own"), "own thread");
        Same((ulong)Environment.ProcessId, Variable(loaded, "leader"), "leader");
        Same((ulong)ParentProcess(), Variable(loaded, "parent"), "parent");
        (string, ulong)[] facts = [("tgid_size", 4), ("has_comm", 1), ("has_none", 0), ("has_type", 1), ("has_no_type", 0), ("ringbuf", 27)];
        foreach ((string name, ulong value) in facts)
            Same(value, Variable(loaded, name), name);
    }

    private static void Kconfig()
    {
        using LoadedObject loaded = Load("kconfig");
        Same(7u, Run(loaded), "returned");
        // Debian's /proc/version ends with the version that it was built from: "... Debian 6.1.192-2 (2026-11-16)".
        string[] words = File.ReadAllText("/proc/version").Split(' ');
        string text = Array.LastIndexOf(words, "Debian") is > 0 and int at ? words[at + 1] : words[2];
        int[] numbers = [.. text.Split('.', '-', '+').Take(3).Select(number => int.Parse(number, null))];
        Same((ulong)((numbers[0] << 16) + (numbers[1] << 8) + Math.Min(255, numbers[2])), Variable(loaded, "version"), "LINUX_KERNEL_VERSION");
        Same(ulong.Parse(Linux.Kernel.KernelConfig.Running!.Values["CONFIG_HZ"], null), Variable(loaded, "hertz"), "CONFIG_HZ");
        Same(1UL, Variable(loaded, "has_bpf"), "CONFIG_BPF_SYSCALL");
        Same(0UL, Variable(loaded, "never"), "an option that is not there");
    }

    private static void Replace()
    {
        using LoadedObject target = Load("subprograms");
        using LoadedObject loaded = Load("replace", new LoadOptions { Programs = ["instead"], Target = target.Program("run") });
        Same(1021u, Run(target), "returned");
        using (loaded.Program("instead").AttachTracing())
            Same(1010u, Run(target), "returned with the function replaced");
        Same(1021u, Run(target), "returned after the link was disposed");
    }

    private static void TraceProgram()
    {
        using LoadedObject target = Load("subprograms");
        using LoadedObject loaded = Load("replace", new LoadOptions { Programs = ["enter", "leave"], Target = target.Program("run") });
        using (loaded.Program("enter").AttachTracing())
        using (loaded.Program("leave").AttachTracing())
            Same(1021u, Run(target), "returned");
        Same(1UL, Variable(loaded, "entries"), "entries");
        Same(16UL, Variable(loaded, "returned"), "returned, as seen");
        Run(target);
        Same(1UL, Variable(loaded, "entries"), "entries after the link was disposed");
    }
}
