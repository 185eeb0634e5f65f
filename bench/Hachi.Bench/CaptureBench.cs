using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Hachi.Captures.Sample;

namespace Hachi.Bench;

/// <summary>
/// Live capture into a file, here and in tcpdump, at the same time, on the same interface and the same load: CPU time of the processes, packets written,
/// packets dropped. In a network namespace of its own; needs root.
/// </summary>
internal static unsafe partial class CaptureBench
{
    private const int AfPacket = 17, SockRaw = 3, CloneNewNet = 0x40000000, Burst = 64;

    private static readonly string[] s_filters = ["", "tcp", "tcp port 443", "udp port 53"];

    /// <summary>Runs it.</summary>
    /// <param name="hachi">The native binary.</param>
    /// <param name="packets">Frames to send for each filter.</param>
    /// <param name="rate">Frames a second; 0 as fast as it goes.</param>
    /// <param name="folder">For the captures.</param>
    public static void Run(string hachi, int packets, int rate, string folder)
    {
        if (Unshare(CloneNewNet) != 0)
            throw new InvalidOperationException("a network namespace takes root");
        Cpu.Output("ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1");
        foreach (string name in (string[])["v1", "v0"])
        {
            Cpu.Output("ip", "link", "set", name, "addrgenmode", "none");
            Cpu.Output("ip", "link", "set", name, "up");
        }
        int index = int.Parse(Cpu.Output("ip", "-o", "link", "show", "v0").Split(':')[0], CultureInfo.InvariantCulture);
        var frames = new List<byte[]>();
        for (var sample = new SampleCapture(1); frames.Count < 10_000;)
            if (sample.Next(out long _, out uint _) is { Length: >= 14 and <= 1514 } frame)
                frames.Add(frame.ToArray());
        Starts(hachi, index, frames);
        if (packets == 0)
            return;
        Console.WriteLine($"{"filter",-14} {"hachi: ms",10} {"written",9} {"dropped",8} {"tcpdump: ms",12} {"written",9} {"dropped",8}   CPU ratio");
        foreach (string filter in s_filters)
        {
            // The buffer that both have is tcpdump's own.
            var ours = new Capturer(hachi, "capture", "-i", "v1", "-B", "2048", "-w", Path.Combine(folder, "hachi.pcap"), "--as-root", filter);
            var theirs = new Capturer("tcpdump", "-Z", "root", "-i", "v1", "-n", "-B", "2048", "-w", Path.Combine(folder, "tcpdump.pcap"), filter);
            Send(index, frames, packets, rate);
            Thread.Sleep(1_500);
            double a = ours.Milliseconds(), b = theirs.Milliseconds();
            (long written, long dropped) = ours.End();
            (long theirWritten, long theirDropped) = theirs.End();
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{(filter.Length == 0 ? "all" : filter),-14} {a,10:F0} {written,9} {dropped,8} {b,12:F0} {theirWritten,9} {theirDropped,8}   {a / b:F2}"));
        }
    }

    /// <summary>From the start of <c>capture -c 1</c> to its first line, while frames come all the time (a thousand a second); tcpdump beside it.</summary>
    private static void Starts(string hachi, int index, List<byte[]> frames)
    {
        const int Repeats = 21, FramesASecond = 1000;
        var isOver = new ManualResetEventSlim();
        var sender = new Thread(() =>
        {
            while (!isOver.IsSet)
                Send(index, frames, 100, FramesASecond, isQuiet: true);
        });
        sender.Start();
        (string Name, string[] Arguments)[] both = [(hachi, ["capture", "-i", "v1", "-c", "1"]), ("tcpdump", ["-Z", "root", "-i", "v1", "-n", "-c", "1", "--immediate-mode"])];
        List<double>[] taken = [[], []];
        // In turn, so that a busy moment of the machine meets both.
        for (int i = 0; i < Repeats * both.Length; i++)
        {
            (string name, string[] arguments) = both[i % both.Length];
            long start = Stopwatch.GetTimestamp();
            using Process process = Process.Start(new ProcessStartInfo(name, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            process.StandardOutput.ReadLine();
            taken[i % both.Length].Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            process.StandardOutput.ReadToEnd();
            process.WaitForExit();
        }
        for (int i = 0; i < both.Length; i++)
        {
            taken[i].Sort();
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Path.GetFileName(both[i].Name)}: first packet printed {taken[i][0]:F1} ms after the start at best, {taken[i][Repeats / 2]:F1} in the median"));
        }
        isOver.Set();
        sender.Join();
    }

    private static void Send(int index, List<byte[]> frames, int packets, int rate, bool isQuiet = false)
    {
        int fd = Socket(AfPacket, SockRaw, 0);
        Span<byte> address = stackalloc byte[20];
        address.Clear();
        MemoryMarshal.Write(address, (ushort)AfPacket);
        MemoryMarshal.Write(address[4..], index);
        fixed (byte* bytes = address)
            _ = Bind(fd, bytes, 20);
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < packets; i++)
        {
            if (rate > 0 && i % Burst == 0)
                while (Stopwatch.GetElapsedTime(start).TotalSeconds * rate < i)
                    Thread.Sleep(0);
            byte[] frame = frames[i % frames.Count];
            fixed (byte* data = frame)
                while (SendFrame(fd, data, (nuint)frame.Length, 0) < 0)
                    Thread.Yield();
        }
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        if (!isQuiet)
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{packets} frames in {seconds:F2} s"));
        _ = Close(fd);
    }

    [LibraryImport("libc", EntryPoint = "unshare")]
    private static partial int Unshare(int flags);

    [LibraryImport("libc", EntryPoint = "socket")]
    private static partial int Socket(int family, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "bind")]
    private static partial int Bind(int fd, byte* address, int length);

    [LibraryImport("libc", EntryPoint = "send")]
    private static partial nint SendFrame(int fd, byte* data, nuint length, int flags);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int fd);

    /// <summary>A capturing program that says on standard error when it listens, and at the end what it has counted.</summary>
    private sealed partial class Capturer
    {
        private readonly Process _process;
        private readonly double _started;

        public Capturer(string program, params string[] arguments)
        {
            _process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
            while (_process.StandardError.ReadLine() is { } line)
            {
                if (!line.Contains("listening on", StringComparison.Ordinal))
                    continue;
                _started = Taken();
                return;
            }
            throw new InvalidOperationException(program + " does not listen");
        }

        /// <summary>What its threads have taken since it listens.</summary>
        public double Milliseconds() => Taken() - _started;

        /// <summary>The first number of schedstat is nanoseconds.</summary>
        private double Taken() => Directory.GetDirectories($"/proc/{_process.Id}/task")
            .Sum(task => long.Parse(File.ReadAllText(task + "/schedstat").Split(' ')[0], CultureInfo.InvariantCulture)) / 1e6;

        public (long Written, long Dropped) End()
        {
            using (Process kill = Process.Start("kill", ["-INT", _process.Id.ToString(CultureInfo.InvariantCulture)]))
                kill.WaitForExit();
            string said = _process.StandardError.ReadToEnd();
            _process.WaitForExit();
            _process.Dispose();
            return (Number(Captured(), said), Number(Dropped(), said));
        }

        private static long Number(Regex what, string said) => long.Parse(what.Match(said).Groups[1].Value, CultureInfo.InvariantCulture);

        [GeneratedRegex("(\\d+) packets? captured")]
        private static partial Regex Captured();

        [GeneratedRegex("(\\d+) (packets? )?dropped by (the )?kernel")]
        private static partial Regex Dropped();
    }
}
