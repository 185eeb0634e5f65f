using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Hachi.Btf;
using Hachi.Linux.Events;
using Hachi.Linux.Load;
using Hachi.Object;

namespace Hachi.Bench;

/// <summary>What an event of a ring buffer costs its reader: as <c>IAsyncEnumerable</c>, by a callback over spans, and with libbpf, on the same ring; and what is lost. Before that, the index of the kernel's types. Needs root.</summary>
internal static class EventsBench
{
    private const int Events = 100_000, RingBytes = 4 << 20;

    // Each run sends its number and the complement of that; what finds no room is counted in the second slot.
    private const string Sender = """
        .license "GPL"
        .map sent array key 4 value 16 entries 1
        .map events ringbuf key 0 value 0 entries 4194304
        .program send sched_cls
                r6 = map[sent][0]+0
                r7 = *(u64 *)(r6 + 0)
                r1 = r7
                r1 += 1
                *(u64 *)(r6 + 0) = r1
                *(u64 *)(r10 - 16) = r7
                r7 ^= -1
                *(u64 *)(r10 - 8) = r7
                r2 = r10
                r2 += -16
                r1 = map[events] ll
                r3 = 16
                r4 = 1
                call bpf_ringbuf_output
                if r0 == 0 goto out
                r1 = *(u64 *)(r6 + 8)
                r1 += 1
                *(u64 *)(r6 + 8) = r1
        out:    r0 = 0
                exit
        """;

    [StructLayout(LayoutKind.Sequential)]
    private struct Record
    {
        public ulong Number, Complement;
    }

    /// <summary>Runs it.</summary>
    /// <param name="rounds">How often; the best and the median are printed.</param>
    /// <param name="folder">For the program that uses libbpf.</param>
    public static void Run(int rounds, string folder)
    {
        Types(rounds);
        using LoadedObject loaded = ObjectParser.Parse(Sender).Object!.Load();
        using var ring = new RingBuffer(loaded.Map("events"));
        Print("callback", Rounds(loaded, rounds, () => ByCallback(ring)), 5);
        Print("IAsyncEnumerable", Rounds(loaded, rounds, () => ByEnumeration(ring)), 10);
        Peer(loaded, rounds, folder);
        Loss(loaded, ring);
    }

    /// <summary>The kernel's types: read, indexed, one looked up by name.</summary>
    private static void Types(int rounds)
    {
        byte[] file = File.ReadAllBytes("/sys/kernel/btf/vmlinux");
        var taken = new List<double>();
        long held = 0;
        for (int i = 0; i < rounds; i++)
        {
            long before = GC.GetTotalMemory(forceFullCollection: true), start = Stopwatch.GetTimestamp();
            if (!BtfReader.TryRead(file, out BtfTypes? types, out string reason))
                throw new InvalidOperationException(reason);
            taken.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            held = Math.Max(held, GC.GetTotalMemory(forceFullCollection: true) - before);
            GC.KeepAlive(types);
        }
        taken.Sort();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"vmlinux BTF: index made in {taken[0]:F1} ms at best, {taken[rounds / 2]:F1} in the median (limit 40); {(file.Length + held) / 1048576.0:F1} MiB with the {file.Length / 1048576.0:F1} of the types themselves (limit 8)"));
    }

    private static List<(double Nanoseconds, long Bytes)> Rounds(LoadedObject loaded, int rounds, Func<long> read)
    {
        var taken = new List<(double, long)>();
        // The first rounds are the compiler's.
        const int Warmup = 30;
        for (int i = 0; i < rounds + Warmup; i++)
        {
            loaded.Program("send").Run(new byte[64], options: new TestRunOptions { Repeat = Events });
            long bytes = GC.GetAllocatedBytesForCurrentThread(), start = Stopwatch.GetTimestamp(), count = read();
            double nanoseconds = Stopwatch.GetElapsedTime(start).TotalNanoseconds;
            bytes = GC.GetAllocatedBytesForCurrentThread() - bytes;
            if (count != Events)
                throw new InvalidOperationException($"{count} events of {Events}");
            if (i >= Warmup)
                taken.Add((nanoseconds / Events, bytes));
            else if (i == Warmup / 2)
                Thread.Sleep(300);
        }
        return taken;
    }

    private static long ByCallback(RingBuffer ring)
    {
        ulong sum = 0;
        int count = ring.Drain(record => sum += MemoryMarshal.Read<ulong>(record));
        GC.KeepAlive(sum);
        return count;
    }

    private static long ByEnumeration(RingBuffer ring)
    {
        ValueTask<long> whole = Enumerate(ring);
        return whole.IsCompletedSuccessfully ? whole.Result : throw new InvalidOperationException("it had to wait, though all events were there");
    }

    private static async ValueTask<long> Enumerate(RingBuffer ring)
    {
        ulong sum = 0;
        long count = 0;
        await foreach (Record record in ring.ReadAllAsync<Record>())
        {
            sum += record.Number;
            if (++count == Events)
                break;
        }
        GC.KeepAlive(sum);
        return count;
    }

    private static void Print(string name, List<(double Nanoseconds, long Bytes)> taken, int limit)
    {
        double[] sorted = [.. taken.Select(each => each.Nanoseconds).Order()];
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{name,-18} {sorted[0],6:F2} ns an event at best, {sorted[sorted.Length / 2],6:F2} in the median (limit {limit}); {taken.Max(each => each.Bytes)} bytes allocated for {Events} events"));
    }

    private static void Peer(LoadedObject loaded, int rounds, string folder)
    {
        string program = Path.Combine(folder, "libbpf_events");
        Cpu.Output("gcc", "-O2", "-o", program, Path.Combine(AppContext.BaseDirectory, "libbpf_events.c"), "-lbpf");
        string[] said = Cpu.Output(program, Text(loaded.Program("send").Id), Text(loaded.Map("events").Id), Text(Events), Text((uint)rounds)).Split();
        Console.WriteLine($"{"libbpf",-18} {said[0],6} ns an event at best, {said[1],6} in the median");
    }

    /// <summary>As much as fits is there whole; of more, each event is read or counted as lost.</summary>
    private static void Loss(LoadedObject loaded, RingBuffer ring)
    {
        const int RecordBytes = 24, Fits = RingBytes / RecordBytes - 1, More = RingBytes / RecordBytes * 2;
        foreach (int count in (int[])[Fits, More])
        {
            byte[] counters = new byte[16];
            loaded.Map("sent").Set(new byte[4], counters);
            loaded.Program("send").Run(new byte[64], options: new TestRunOptions { Repeat = (uint)count });
            int received = ring.Drain(_ => { });
            loaded.Map("sent").TryGet(new byte[4], counters);
            ulong lost = MemoryMarshal.Read<ulong>(counters.AsSpan(8));
            Console.WriteLine($"{count} events into {RingBytes} bytes: {received} received, {lost} lost{((ulong)received + lost == (ulong)count ? "" : ", and that is not all of them")}");
        }
    }

    private static string Text(uint number) => number.ToString(CultureInfo.InvariantCulture);
}
