using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Hachi.Isa;
using Hachi.Object;
using Hachi.Uapi;
using Hachi.Vm;
using Hachi.Vm.Machine;

namespace Hachi.Bench;

/// <summary>The benchmark programs of <c>../shared/bench</c> in each engine, against the same source compiled by gcc -O2, in the same run. Prints nanoseconds and ratios.</summary>
internal static unsafe class VmBench
{
    /// <summary>The benchmark programs.</summary>
    public static readonly string[] Names =
    [
        "ret", "alu64", "alu32", "prime", "memcpy8", "memcpy64", "strcmp", "csum", "pktparse", "switch", "log2", "siphash", "maparray", "maphash", "call", "sort", "binsearch",
    ];

    // As the kernel shows struct xdp_md: data and data_end are pointers.
    private static readonly ContextRules s_rules = new([new(0, 4, MachineState.PacketStartOffset), new(4, 4, MachineState.PacketEndOffset)], [(8, 16)], []);

    private static readonly Dictionary<int, HelperBody> s_helpers = new()
    {
        [1] = static call =>
        {
            ulong* args = call.State->Arguments;
            if (call.MapOf(args[0]) is not { } map || !call.TryTranslate(args[1], (ulong)map.KeySize, isWrite: false, out byte* key))
                return call.SetFault(FaultReason.HelperArgument, call.State->HelperInsn);
            long offset = map.FindOffset(key, 0);
            return offset < 0 ? 0 : Invocation.ValueAddress(args[0], offset);
        },
    };

    public static void Run(string programs, int repeats, string[] only)
    {
        VmEngine[] engines = [.. Enum.GetValues<VmEngine>().Where(engine => engine != VmEngine.Auto && Load(programs, "ret", engine).Object is not null)];
        Console.WriteLine("ns".PadRight(10) + "   native" + string.Concat(engines.Select(engine => $"{engine,12}   x  ")));
        double[] logs = new double[engines.Length];
        int counted = 0;
        foreach (string name in only.Length > 0 ? only : Names)
        {
            double native = Native(programs, name, repeats);
            var line = new System.Text.StringBuilder($"{name,-10}{native,9:F1}");
            counted += name == "ret" ? 0 : 1;
            for (int e = 0; e < engines.Length; e++)
            {
                double nanoseconds = Engine(programs, name, engines[e], repeats);
                logs[e] += name == "ret" ? 0 : Math.Log(nanoseconds / native);
                line.Append(CultureInfo.InvariantCulture, $"{nanoseconds,12:F1} {nanoseconds / native,5:F2}");
            }
            Console.WriteLine(line);
        }
        if (counted > 0)
            Console.WriteLine("geometric mean over native: " + string.Join("  ", engines.Select((engine, e) => string.Create(CultureInfo.InvariantCulture, $"{engine} {Math.Exp(logs[e] / counted):F2}"))));
    }

    /// <summary>Loads one of them.</summary>
    public static VmLoad Load(string programs, string name, VmEngine engine)
    {
        string hex = File.ReadAllText(Path.Combine(programs, name + ".hex"));
        _ = Insn.TryDecode(Convert.FromHexString(string.Concat(hex.Where(c => !char.IsWhiteSpace(c)))), out Insn[] insns);
        for (int i = 0; i + 1 < insns.Length; i++)
            if (insns[i].IsWide && (uint)(Insn.WideImm(insns[i], insns[i + 1]) >> 32) == 0x11223344)
                (insns[i], insns[i + 1]) = Insn.Wide(insns[i].Dst, Pseudo.MapIdx, insns[i].Imm == 0x55667701 ? 0 : 1);
        var spec = new BpfObject
        {
            Programs = [new ProgramSpec(name, ProgramType.Xdp, [.. insns])],
            Maps = [new MapSpec("array", MapType.Array, 4, 8, 256), new MapSpec("hash", MapType.Hash, 4, 8, 1024)],
        };
        VmLoad load = VmObject.Load(spec, new VmOptions { Engine = engine, Fuel = 1L << 50, Rules = s_rules, Helpers = s_helpers });
        for (uint key = 0; load.Object is not null && key < 1024; key += 2)
            _ = load.Object.Maps[1].Update(BitConverter.GetBytes(key), BitConverter.GetBytes(3ul * key));
        return load;
    }

    private static double Engine(string programs, string name, VmEngine engine, int repeats)
    {
        using VmObject vm = Load(programs, name, engine).Object!;
        byte[] bytes = File.ReadAllBytes(Path.Combine(programs, name + ".pkt"));
        byte* packet = (byte*)NativeMemory.AlignedAlloc(4096, 64), context = stackalloc byte[64];
        bytes.CopyTo(new Span<byte>(packet, 4096));
        EbpfUnit unit = vm.Programs[0].Unit;
        using Invocation invocation = vm.MakeInvocation();
        invocation.Layout = s_rules;
        invocation.ContextMemory = context;
        invocation.Regions[Region.Packet].Set(Region.Packet, 0, packet, 2048, isWritable: true);
        invocation.State->PacketStart = Region.AddressOf(Region.Packet, 0);
        invocation.State->PacketEnd = invocation.State->PacketStart + 2048;
        ulong r0 = RunOnce(invocation, unit);
        uint expected = uint.Parse(File.ReadAllText(Path.Combine(programs, name + ".expect")).Trim().AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        if (invocation.TakeFault() is { } fault)
            throw new InvalidOperationException($"{name} on {engine}: {fault}");
        if ((uint)r0 != expected)
            throw new InvalidOperationException($"{name} on {engine}: 0x{r0:x}, not 0x{expected:x}");
        double best = Best(repeats, runs =>
        {
            long start = Stopwatch.GetTimestamp();
            for (long i = 0; i < runs; i++)
                RunOnce(invocation, unit);
            return Stopwatch.GetElapsedTime(start).TotalNanoseconds;
        });
        NativeMemory.AlignedFree(packet);
        return best;
    }

    private static ulong RunOnce(Invocation invocation, EbpfUnit unit)
    {
        invocation.Reset(unit, 1L << 50);
        return unit.Run(invocation, Region.AddressOf(Region.Context, 0), 2048);
    }

    // The best of some rounds of about a millisecond each, after as many to warm up.
    private static double Best(int repeats, Func<long, double> measure)
    {
        long runs = 1;
        while (measure(runs) < 1e6)
            runs *= 2;
        for (int i = 0; i < 60; i++) // the runtime compiles hot loops again in the background
        {
            _ = measure(Math.Max(40, runs / 8));
            Thread.Sleep(5);
        }
        double best = double.MaxValue;
        for (int i = 0; i < repeats * 8; i++)
            best = Math.Min(best, measure(runs) / runs);
        return best;
    }

    private static double Native(string programs, string name, int repeats)
    {
        string folder = Path.Combine(Path.GetTempPath(), "hachi-bench"), library = Path.Combine(folder, $"native-{name}.so"), entry = name is "strcmp" or "switch" or "log2" ? name + "_" : name;
        string source = Path.Combine(programs, name + ".c");
        if (!File.Exists(source))
            return double.NaN;
        Directory.CreateDirectory(folder);
        var gcc = new ProcessStartInfo("gcc", ["-O2", "-shared", "-fPIC", $"-DSOURCE=\"{source}\"", $"-DENTRY_NAME={entry}", "-I", programs, "-w", "-o", library, Path.Combine(AppContext.BaseDirectory, "vm_native.c")]);
        using (Process process = Process.Start(gcc)!)
        {
            process.WaitForExit();
            if (process.ExitCode != 0)
                throw new InvalidOperationException($"gcc does not compile {source}");
        }
        nint handle = NativeLibrary.Load(library);
        var setup = (delegate* unmanaged<byte*, void>)NativeLibrary.GetExport(handle, "hachi_setup");
        var run = (delegate* unmanaged<long, uint*, double>)NativeLibrary.GetExport(handle, "hachi_run");
        byte[] bytes = File.ReadAllBytes(Path.Combine(programs, name + ".pkt"));
        fixed (byte* packet = bytes)
            setup(packet);
        double best = Best(repeats, runs =>
        {
            uint result;
            return run(runs, &result);
        });
        NativeLibrary.Free(handle);
        return best;
    }
}
