using System.Globalization;
using Hachi.Lang.Pcap;
using Hachi.Vm;
using SharpPcap.LibPcap;

namespace Hachi.Bench;

/// <summary>How long it takes to compile an expression, warm, in microseconds of CPU time; and to make code of it.</summary>
internal static class CompileBench
{
    private const int Warm = 1_000, Times = 200;

    public static void Run(int repeats)
    {
        // Compiled code gets its last form only after a while, and not before all of it has been seen.
        for (int round = 0; round < 4; round++)
        {
            foreach ((_, string expression) in Filters.All.Concat(Filters.Compiled))
                for (int i = 0; i < Warm; i++)
                    CaptureFilter.Compile(expression);
            Thread.Sleep(300);
        }
        Console.WriteLine($"{"microseconds",-16}{"hachi",10}{"insns",7}{"libpcap",10}{"insns",7}{"to il",10}");
        foreach ((string name, string expression) in Filters.All.Concat(Filters.Compiled))
        {
            double ours = Time(repeats, 100, () => CaptureFilter.Compile(expression));
            double theirs = Time(repeats, 10, () => BpfProgram.Create(PacketDotNet.LinkLayers.Ethernet, expression).Dispose());
            CaptureFilter filter = CaptureFilter.Compile(expression);
            double il = Time(1, 20, () => new FilterEngine(filter.Program, FilterEngineKind.Il, filter.MakeFunction).Run(new byte[60], 60), 50);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{name,-16}{ours,10:F1}{filter.Program.Length,7}{theirs,10:F1}{Filters.ByLibpcap(expression).Length,7}{il,10:F0}"));
        }
        Large("1,000 hosts", string.Join(" or ", Enumerable.Range(0, 1000).Select(i => $"host 10.{i % 7}.{i / 250}.{i % 250}")));
        Large("300 ports", string.Join(" or ", Enumerable.Range(0, 300).Select(i => $"port {1000 + (i * 7)}")));
    }

    private static void Large(string name, string expression) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"{name,-16}{Time(3, 3, () => CaptureFilter.Compile(expression), 3),10:F0}{CaptureFilter.Compile(expression).Program.Length,7}"));

    private static double Time(int repeats, int warm, Action action, int times = Times)
    {
        for (int i = 0; i < warm; i++)
            action();
        double least = double.MaxValue;
        for (int r = 0; r < repeats; r++)
            least = Math.Min(least, Cpu.OfThread(() =>
            {
                for (int i = 0; i < times; i++)
                    action();
            }));
        return least * 1e3 / times;
    }
}
