using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.ExceptionServices;
using Hachi.Captures;
using Hachi.Captures.Sample;
using Hachi.Isa;
using Hachi.Lang.Pcap;
using Hachi.Linux.Capture;
using static Hachi.Tests.Support.KernelCalls;

namespace Hachi.Tests.Capture;

/// <summary>
/// A network namespace of its own for live captures: two veth pairs (v0 to v1, w0 to w1) and loopback, and sockets that send frames into the first ends.
/// It belongs to one thread and goes with it; programs that this thread starts live in it too.
/// </summary>
internal sealed unsafe class CaptureLab : IDisposable
{
    public const string Receiver = "v1", OtherReceiver = "w1";

    private readonly Dictionary<string, int> _senders = [];

    private CaptureLab()
    {
        Check(Unshare(CloneNewNet), "unshare");
        string ip = Tools.Need("ip", "iproute2");
        Tools.RunOk(ip, ["link", "add", "v0", "type", "veth", "peer", "name", Receiver]);
        Tools.RunOk(ip, ["link", "add", "w0", "type", "veth", "peer", "name", OtherReceiver]);
        // The receiving end first: in the other order the first frames vanish.
        foreach (string name in (string[])[Receiver, "v0", OtherReceiver, "w0"])
        {
            Tools.RunOk(ip, ["link", "set", name, "addrgenmode", "none"]);
            Tools.RunOk(ip, ["link", "set", name, "up"]);
        }
        Tools.RunOk(ip, ["link", "set", "lo", "up"]);
        _senders["v0"] = OpenSender("v0");
        _senders["w0"] = OpenSender("w0");
    }

    /// <summary>Runs a test body on a thread with such a namespace; skips the test without root.</summary>
    public static void Run(Action<CaptureLab> body)
    {
        Tools.NeedRoot();
        Tools.Need("ip", "iproute2");
        Exception? failure = null;
        var context = ExecutionContext.Capture();
        var thread = new Thread(() => ExecutionContext.Run(context!, _ =>
        {
            try
            {
                using var lab = new CaptureLab();
                body(lab);
            }
            catch (Exception e)
            {
                failure = e;
            }
        }, null));
        thread.Start();
        thread.Join();
        if (failure is not null)
            ExceptionDispatchInfo.Throw(failure);
    }

    /// <summary>Sends a frame.</summary>
    public void Send(ReadOnlySpan<byte> frame, string from = "v0")
    {
        fixed (byte* data = frame)
            while (KernelCalls.Send(_senders[from], data, (nuint)frame.Length, 0) < 0)
                if (System.Runtime.InteropServices.Marshal.GetLastPInvokeError() is not (105 or 11)) // the queue is full: again
                    Check(-1, "send");
    }

    /// <summary>Frames of the synthetic sample, all of which the interface takes.</summary>
    public static List<byte[]> Frames(int count, ulong seed)
    {
        var sample = new SampleCapture(seed);
        var frames = new List<byte[]>(count);
        while (frames.Count < count)
            if (sample.Next(out long _, out uint _) is { Length: >= 14 and <= 1514 } frame)
                frames.Add(frame.ToArray());
        return frames;
    }

    /// <summary>A small UDP frame that carries a number.</summary>
    public static byte[] Numbered(int number, ushort port = 7)
    {
        byte[] frame = new byte[60];
        Convert.FromHexString("02000000000102000000000208004500002e00004000401100000a0000010a000002").CopyTo(frame, 0);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(34), (ushort)(1024 + (number & 0x7fff)));
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(36), port);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(38), 26);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(42), number);
        return frame;
    }

    /// <summary>The number of <see cref="Numbered"/>.</summary>
    public static int NumberOf(ReadOnlySpan<byte> frame) => BinaryPrimitives.ReadInt32BigEndian(frame[42..]);

    /// <summary>A filter for live captures.</summary>
    public static Func<CaptureDevice, ClassicProgram?> Filter(string expression, int snapLength = 262_144) =>
        device => CaptureFilter.Compile(expression, device.LinkType, new FilterOptions { Live = true, SnapLength = snapLength, NetMask = device.NetMask() ?? 0 }).Program;

    /// <summary>Opens a capture on interfaces by name.</summary>
    public static LiveCapture Open(LiveCaptureOptions options, params string[] names) =>
        LiveCapture.Open([.. names.Select(name => CaptureDevice.Find(name) ?? throw new InvalidOperationException(name))], options.LatencyMilliseconds == 100 ? options with { LatencyMilliseconds = 10, BufferBytes = Math.Min(options.BufferBytes, 2 << 20) } : options);

    /// <summary>Stops the capture and gives all that it has received.</summary>
    public static List<CapturedPacket> Rest(LiveCapture capture)
    {
        var packets = new List<CapturedPacket>();
        capture.Stop((in LivePacket packet) =>
        {
            packets.Add(packet.ToCaptured());
            return true;
        });
        return packets;
    }

    /// <summary>Starts a program in this namespace; its standard error is read line by line until one says that it listens.</summary>
    public static Process Listening(string program, IEnumerable<string> arguments, string word)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true, RedirectStandardInput = true };
        Process process = Process.Start(start)!;
        string said = "";
        while (process.StandardError.ReadLine() is { } line)
        {
            said += line + "\n";
            if (line.Contains(word, StringComparison.Ordinal))
                return process;
        }
        process.WaitForExit();
        process.Dispose();
        throw new InvalidOperationException($"{program} did not start to listen: {said}");
    }

    /// <summary>Sends a signal to a program that <see cref="Listening"/> started, and waits for its end; gives what else it has said.</summary>
    public static (int Status, string Error) End(Process process, string signal = "INT")
    {
        Tools.RunOk("/bin/kill", ["-" + signal, process.Id.ToString(CultureInfo.InvariantCulture)]);
        Task<string> error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(30_000))
        {
            process.Kill();
            Assert.Fail("the program did not end");
        }
        return (process.ExitCode, error.Result);
    }

    /// <summary>The packets of a capture file.</summary>
    public static List<(long Time, uint Length, string Bytes)> Read(string path)
    {
        using CaptureReader reader = CaptureReader.Open(File.OpenRead(path), out var problem) ?? throw new InvalidDataException(problem?.Message);
        var packets = new List<(long, uint, string)>();
        while (reader.TryReadBatch(out CaptureBatch batch))
            foreach (PacketRecord record in batch.Records)
                packets.Add((reader.TimestampOf(batch, record), record.OriginalLength, Convert.ToHexString(batch.Data(record))));
        Assert.Null(reader.Diagnostic);
        return packets;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (int fd in _senders.Values)
            Close(fd);
    }

    private static int OpenSender(string name)
    {
        int fd = Check(Socket(AfPacket, SockRaw | SockCloexec, 0), "socket");
        var address = new SockAddrLl { Family = AfPacket, Protocol = 0, IfIndex = CaptureDevice.Find(name)!.Index };
        Check(Bind(fd, &address, 20), "bind");
        return fd;
    }
}
