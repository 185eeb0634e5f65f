using System.Diagnostics;
using System.Globalization;
using Hachi.Isa;
using Hachi.Uapi;
using Hachi.Vm;
using Hachi.Vm.Machine;

namespace Hachi.Bench;

/// <summary>What it costs to make the benchmark programs ready to run, warm, in microseconds per 100 instructions: per program and over all.</summary>
internal static class VmCompileBench
{
    /// <summary>Rounds over all programs: until the runtime has compiled the compiler's own code as well as it will, and from then on.</summary>
    private const int WarmRounds = 60;

    public static void Run(string programs, string? only, int rounds)
    {
        foreach (VmEngine engine in Enum.GetValues<VmEngine>())
        {
            if (engine == VmEngine.Auto || only is not null && !engine.ToString().Equals(only, StringComparison.OrdinalIgnoreCase) || VmBench.Load(programs, "ret", engine).Object is not { } any)
                continue;
            any.Dispose();
            Measure(programs, engine, rounds);
        }
    }

    private static void Measure(string programs, VmEngine engine, int rounds)
    {
        VmObject[] objects = [.. VmBench.Names.Select(name => VmBench.Load(programs, name, engine).Object!)];
        Insn[][] insns = [.. objects.Select(vm => (Insn[])[.. vm.Spec.Programs[0].Insns])];
        for (int round = 0; round < WarmRounds; round++)
        {
            for (int i = 0; i < objects.Length; i++)
                _ = Make(objects[i], insns[i]);
            Thread.Sleep(20); // the runtime compiles again in the background, when it sees nothing new
            if (round % 20 == 19)
                Thread.Sleep(600);
        }
        double[] best = [.. objects.Select(_ => double.MaxValue)];
        var totals = new List<double>();
        for (int round = 0; round < rounds; round++)
        {
            double total = 0;
            for (int i = 0; i < objects.Length; i++)
            {
                double time = Make(objects[i], insns[i]);
                best[i] = Math.Min(best[i], time);
                total += time;
            }
            totals.Add(total);
        }
        totals.Sort();
        int count = insns.Sum(program => program.Length);
        Console.WriteLine($"{engine}: us per 100 instructions, best of {rounds} (us, instructions)");
        for (int i = 0; i < objects.Length; i++)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {VmBench.Names[i],-10}{best[i] * 100 / insns[i].Length,8:F0} ({best[i],7:F1}, {insns[i].Length,4})"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  all {count} instructions: best {best.Sum() * 100 / count:F0}, one round after the other: best {totals[0] * 100 / count:F0}, median {totals[rounds / 2] * 100 / count:F0}"));
        foreach (VmObject vm in objects)
            vm.Dispose();
    }

    // The maps are there; the runtime compiles IL on the first call, so that is prepared, too.
    private static double Make(VmObject vm, Insn[] insns)
    {
        long start = Stopwatch.GetTimestamp();
        EbpfUnit unit = UnitMaker.Make(vm, ProgramType.Xdp, insns, [])!;
        unit.Engine.Prepare();
        double time = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
        (unit.Engine as IDisposable)?.Dispose();
        return time;
    }
}
