using System.Globalization;
using Hachi.Captures;
using Hachi.Ir;
using Hachi.Vm;
using Hachi.Vm.Jit;
using Hachi.Vm.Jit.Packets;
using SharpPcap.LibPcap;

namespace Hachi.Bench;

/// <summary>
/// Verdicts alone, nanoseconds of CPU time a packet, in three regimes: stream (the whole capture in memory), l3 (16,384 packets of 128 bytes),
/// hot (512 packets over and over: every branch learned).
/// </summary>
internal static class EngineBench
{
    private const int L3Packets = 16_384, HotPackets = 512, BytesKept = 128;

    public static void Run(string capture, int repeats, Func<string, FilterEngineKind, FilterEngine> compile, Func<string, IrFunction?> function)
    {
        string tool = BuildTool();
        (byte[] bytes, PacketRecord[] all) = Load(capture);
        PacketSet stream = new(bytes, all), l3 = PacketSet.Compact(bytes, all, L3Packets, BytesKept), hot = PacketSet.Compact(bytes, all, HotPackets, BytesKept);
        Console.WriteLine($"{"ns/packet",-16}{"libpcap",9}{"",8}{"",8} | {"batch",7}{"",8}{"",8} | {"x64",7}{"",8}{"",8} | {"single",7}{"",8}{"",8} | {"interp",7}{"",8}{"",8} | {"SharpPcap",9}");
        foreach ((string name, string expression) in Filters.All)
        {
            double[] libpcap = [.. Cpu.Output(tool, capture, repeats.ToString(CultureInfo.InvariantCulture), expression).Split(' ').Skip(2).Select(w => double.Parse(w, CultureInfo.InvariantCulture))];
            SelectCode? select = function(expression) is { } f ? IlCompiler.Select(f) : null;
            SelectCode? machine = function(expression) is { } g ? PacketCode.Select(g) : null;
            FilterEngine single = compile(expression, FilterEngineKind.Il);
            FilterEngine interpreter = compile(expression, FilterEngineKind.Interpreter);
            string Row(Func<PacketSet, double> time) => string.Create(CultureInfo.InvariantCulture, $" | {time(stream),7:F1}{time(l3),8:F1}{time(hot),8:F1}");
            using BpfProgram sharp = BpfProgram.Create(PacketDotNet.LinkLayers.Ethernet, expression);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-16}{libpcap[0],9:F1}{libpcap[1],8:F1}{libpcap[2],8:F1}")
                + (select is null ? "" : Row(set => set.Time(repeats, s => s.Select(select))))
                + (machine is null ? "" : Row(set => set.Time(repeats, s => s.Select(machine))))
                + Row(set => set.Time(repeats, s => s.Single(single)))
                + Row(set => set.Time(repeats, s => s.Single(interpreter)))
                + string.Create(CultureInfo.InvariantCulture, $" | {hot.Time(1, s => s.Sharp(sharp)),9:F1}"));
        }
    }

    private static string BuildTool()
    {
        string folder = Path.Combine(Path.GetTempPath(), "hachi-bench");
        Directory.CreateDirectory(folder);
        string tool = Path.Combine(folder, "libpcap_loops");
        Cpu.Output("gcc", "-O2", "-o", tool, Path.Combine(AppContext.BaseDirectory, "libpcap_loops.c"), "-lpcap");
        return tool;
    }

    private static (byte[] Bytes, PacketRecord[] Records) Load(string capture)
    {
        byte[] bytes = File.ReadAllBytes(capture);
        var records = new List<PacketRecord>();
        for (int at = 24; at + 16 <= bytes.Length;)
        {
            int length = BitConverter.ToInt32(bytes, at + 8);
            records.Add(new PacketRecord(at, 16 + length, at + 16, length, BitConverter.ToUInt32(bytes, at + 12), 0));
            at += 16 + length;
        }
        return (bytes, [.. records]);
    }

    private sealed class PacketSet(byte[] bytes, PacketRecord[] records)
    {
        private readonly int[] _accepted = new int[records.Length];

        /// <summary>The first packets, cut short and close together.</summary>
        public static PacketSet Compact(byte[] bytes, PacketRecord[] records, int count, int keep)
        {
            byte[] compact = new byte[count * keep];
            var cut = new PacketRecord[count];
            for (int i = 0; i < count; i++)
            {
                PacketRecord from = records[i % records.Length];
                int kept = Math.Min(from.CapturedLength, keep);
                bytes.AsSpan(from.DataOffset, kept).CopyTo(compact.AsSpan(i * keep));
                cut[i] = new PacketRecord(i * keep, kept, i * keep, kept, from.OriginalLength, 0);
            }
            return new PacketSet(compact, cut);
        }

        public double Time(int repeats, Action<PacketSet> pass)
        {
            int passes = Math.Max(1, 400_000 / records.Length);
            double least = double.MaxValue;
            for (int r = 0; r < repeats + 2; r++)
                least = Math.Min(least, Cpu.OfThread(() =>
                {
                    for (int p = 0; p < passes; p++)
                        pass(this);
                }));
            return least * 1e6 / ((double)passes * records.Length);
        }

        public unsafe void Select(SelectCode select)
        {
            fixed (byte* b = bytes)
            fixed (PacketRecord* r = records)
            fixed (int* a = _accepted)
                _ = select(b, r, records.Length, a);
        }

        public void Single(FilterEngine engine)
        {
            PacketMetadata none = default;
            foreach (ref readonly PacketRecord record in records.AsSpan())
                _accepted[0] += engine.Run(bytes.AsSpan(record.DataOffset, record.CapturedLength), record.OriginalLength, none) != 0 ? 1 : 0;
        }

        public void Sharp(BpfProgram program)
        {
            foreach (ref readonly PacketRecord record in records.AsSpan())
                _accepted[0] += program.Matches(bytes.AsSpan(record.DataOffset, record.CapturedLength)) ? 1 : 0;
        }
    }
}
