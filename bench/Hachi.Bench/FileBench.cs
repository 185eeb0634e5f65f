using System.Globalization;
using Hachi.Captures;
using Hachi.Vm;
using SharpPcap;
using SharpPcap.LibPcap;

namespace Hachi.Bench;

/// <summary>Filtering a capture file into another one: the library against <c>tcpdump -r -w</c>, SharpPcap and a loop written by hand, as CPU time.</summary>
internal static class FileBench
{
    public static void Run(string capture, string output, int repeats, Func<string, FilterEngineKind, FilterEngine> compile)
    {
        Console.WriteLine($"{"filter",-16}{"matches",10}{"tcpdump ms",12}{"hachi il",10}{"ratio",7}{"interp",10}{"ratio",7}{"sharppcap",11}{"ratio",7}{"by hand",10}{"ratio",7}");
        foreach ((string name, string expression) in Filters.All)
        {
            FilterEngine il = compile(expression, FilterEngineKind.Il);
            FilterEngine interpreter = compile(expression, FilterEngineKind.Interpreter);
            Predicate? hand = HandWritten.Find(name);
            double tcpdump = double.MaxValue, fast = double.MaxValue, slow = double.MaxValue, sharp = double.MaxValue, limit = double.MaxValue;
            long matches = 0;
            for (int i = 0; i < repeats; i++)
            {
                // Each starts a new file: to cut off the old one costs whoever comes next what the one before has left, page by page.
                File.Delete(output);
                tcpdump = Math.Min(tcpdump, Cpu.OfProgram("tcpdump", "-r", capture, "-w", output, expression));
                File.Delete(output);
                fast = Math.Min(fast, Cpu.OfThread(() => matches = Filter(il, capture, output)));
                File.Delete(output);
                slow = Math.Min(slow, Cpu.OfThread(() => Filter(interpreter, capture, output)));
                File.Delete(output);
                if (i == 0)
                    sharp = Cpu.OfThread(() => FilterWithSharpPcap(expression, capture, output));
                File.Delete(output);
                if (hand is not null)
                    limit = Math.Min(limit, Cpu.OfThread(() => HandWritten.Filter(hand, capture, output)));
            }
            string byHand = hand is null ? $"{"",10}{"",7}" : $"{limit,10:F1}{tcpdump / limit,7:F1}";
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{name,-16}{matches,10}{tcpdump,12:F1}{fast,10:F1}{tcpdump / fast,7:F1}{slow,10:F1}{tcpdump / slow,7:F1}{sharp,11:F1}{tcpdump / sharp,7:F1}{byHand}"));
        }
    }

    public static long Filter(FilterEngine engine, string capture, string output)
    {
        using var input = new FileStream(capture, FileMode.Open, FileAccess.Read, FileShare.Read, 0);
        using CaptureReader reader = CaptureReader.Open(input, out _)!;
        // Room for all of it, given back at the end, as `hachi filter` does.
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, BufferSize = 0, PreallocationSize = input.Length };
        using var to = new FileStream(output, options);
        using CaptureWriter writer = CaptureWriter.CreateLike(to, reader);
        var filter = new CaptureFilterOutput(_ => engine, writer);
        new CaptureFilterRunner(reader, filter).Run();
        writer.Flush();
        to.SetLength(to.Position);
        return filter.Matched;
    }

    private static void FilterWithSharpPcap(string expression, string capture, string output)
    {
        using var device = new CaptureFileReaderDevice(capture);
        device.Open();
        device.Filter = expression;
        using var writer = new CaptureFileWriterDevice(output);
        writer.Open(device);
        while (device.GetNextPacket(out PacketCapture packet) == GetPacketStatus.PacketRead)
            writer.Write(packet.GetPacket());
    }
}
