using System.Net.Sockets;
using Hachi.Isa;
using Hachi.Linux;
using Hachi.Linux.Attach;
using Hachi.Linux.Load;
using Hachi.Object;
using Hachi.Uapi;

namespace Hachi.Tests.Linux;

/// <summary>
/// Loaded, attached, detached, ten thousand times over (<c>./test --volume linux</c>; a few dozen as a rule): no descriptor, no program, no link, no pin and no memory
/// stays. On loopback of a namespace and in a cgroup that the test makes; what programs on tracepoints do there is nothing.
/// </summary>
[Collection(AloneCollection.Name)]
public sealed class AttachCycleTests
{
    private const int Loopback = 1;

    // Another run of these tests may be at work beside this one.
    private static readonly string s_name = $"cycle_{Environment.ProcessId}";

    private static readonly int s_cycles = Volume.Of(10_000, 40), s_perfCycles = Volume.Of(200, 10);

    [Fact]
    public void Of_sockets() => Cycle(s_cycles, ProgramType.SocketFilter, () =>
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        return (program => socket.AttachProgram(program), socket);
    });

    [Fact]
    public void Of_classic_filters() => Cycle(s_cycles, null, () =>
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        return (_ => socket.AttachFilter(new ClassicProgram([new ClassicInsn(6, 0, 0, 0xffff)])), socket);
    });

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Of_tc(bool useClassifier) => Cycle(s_cycles, ProgramType.SchedCls, () => (program => program.AttachTc(Loopback, TcDirection.Ingress, new TcOptions { UseClassifier = useClassifier }), null));

    [Fact]
    public void Of_xdp() => Cycle(s_cycles / 10, ProgramType.Xdp, () => (program => program.AttachXdp(Loopback, XdpMode.Generic), null));

    [Fact]
    public void Of_cgroups()
    {
        Tools.NeedRoot();
        string? root = new[] { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" }.FirstOrDefault(path => File.Exists(Path.Combine(path, "cgroup.procs")) && File.Exists(Path.Combine(path, "cgroup.controllers")));
        if (root is null)
            Assert.Skip("needs the unified cgroup hierarchy");
        string path = Path.Combine(root, $"hachi-cycle-{Environment.ProcessId}");
        Directory.CreateDirectory(path);
        try
        {
            Cycle(s_cycles, ProgramType.CgroupSkb, () => (program => program.AttachCgroup(path, AttachType.CgroupInetEgress), null));
        }
        finally
        {
            Directory.Delete(path);
        }
    }

    [Fact]
    public void Of_raw_tracepoints() => Cycle(s_cycles, ProgramType.RawTracepoint, () => (program => program.AttachRawTracepoint("sched_process_exit"), null));

    [Fact]
    public void Of_tracepoints_by_perf() => Cycle(s_perfCycles, ProgramType.Tracepoint, () => (program => program.AttachTracepoint("sched", "sched_process_exit"), null));

    [Fact]
    public void Of_perf_samples() => Cycle(s_perfCycles, ProgramType.PerfEvent, () => (program => program.AttachPerfEvent(PerfEventSpec.Sampling(TimeSpan.FromMilliseconds(10))), null));

    [Fact]
    public void Of_uprobes()
    {
        UprobeTarget target = UprobeTarget.Find("libc", "getpgid");
        Cycle(s_perfCycles, ProgramType.Kprobe, () => (program => program.AttachUprobe(target, new ProbeOptions { Pid = Environment.ProcessId }), null));
    }

    [Fact]
    public void Of_pins()
    {
        using var pins = new PinMount();
        var map = new MapSpec("kept", MapType.Array, 4, 8, 1) { Pin = "kept" };
        var spec = new BpfObject { Programs = [Nothing(ProgramType.SchedCls)], Maps = [map], License = "GPL" };
        Whole(s_cycles, () =>
        {
            using (LoadedObject first = spec.Load(new LoadOptions { PinDirectory = pins.Path }))
            using (LoadedObject second = spec.Load(new LoadOptions { PinDirectory = pins.Path }))
                Assert.Equal(first.Map("kept").Id, second.Map("kept").Id);
            File.Delete(Path.Combine(pins.Path, "kept"));
        });
        // The kernel puts two of its own there.
        Assert.Equal(["maps.debug", "progs.debug"], Directory.GetFileSystemEntries(pins.Path).Select(path => Path.GetFileName(path)).Order());
    }

    // Loads and attaches, and lets both go.
    private static void Cycle(int count, ProgramType? type, Func<(Func<Program, Link> Attach, IDisposable? Held)> make) => NetworkNamespace.Run(() =>
    {
        (Func<Program, Link> attach, IDisposable? held) = make();
        using (held)
            Whole(count, () =>
            {
                using Program? program = type is { } kind ? new BpfObject { Programs = [Nothing(kind)], License = "GPL" }.Load().Program(s_name) : null;
                using Link link = attach(program!);
            });
    });

    private static void Whole(int count, Action cycle)
    {
        // The first ones leave what stays for good: tables of the runtime, types of the kernel, the queueing discipline of tc.
        for (int i = 0; i < 10; i++)
            cycle();
        long memory = Memory();
        (string descriptors, int links, int maps) = (Descriptors(), BpfLink.AllIds().Count(), Map.AllIds().Count());
        for (int i = 0; i < count; i++)
            cycle();
        Assert.Equal(descriptors, Descriptors());
        // Objects of the kernel go after a grace period; those of others come and go meanwhile.
        Assert.True(Eventually(() => OwnPrograms() == 0), $"{OwnPrograms()} programs stay");
        Assert.True(Eventually(() => BpfLink.AllIds().Count() <= links + 8), $"{BpfLink.AllIds().Count()} links, {links} before");
        Assert.True(Eventually(() => Map.AllIds().Count() <= maps + 8), $"{Map.AllIds().Count()} maps, {maps} before");
        // What a cycle keeps would be seen from a kilobyte on.
        Assert.True(Eventually(() => Memory() - memory < Math.Max(8 << 20, count * 1024L)), $"{(Memory() - memory) >> 10} KiB more after {count} cycles");
    }

    private static ProgramSpec Nothing(ProgramType type) =>
        new(s_name, type, [new Insn(0xb7, imm: type is ProgramType.CgroupSkb ? 1 : type is ProgramType.Xdp ? 2 : 0), new Insn(0x95)]);

    // By kind; what the runtime opens for itself is of other kinds.
    private static string Descriptors() => string.Join(", ", Directory.GetFiles("/proc/self/fd").Select(path => new FileInfo(path).LinkTarget ?? "")
        .Select(target => target.Split(['[', '/'])[0] + (target.Contains("bpf", StringComparison.Ordinal) || target.Contains("perf", StringComparison.Ordinal) ? target : ""))
        .Where(kind => kind.Contains("bpf", StringComparison.Ordinal) || kind.Contains("perf", StringComparison.Ordinal) || kind.StartsWith("socket", StringComparison.Ordinal))
        .GroupBy(kind => kind).Select(kind => $"{kind.Key} {kind.Count()}").Order());

    private static int OwnPrograms()
    {
        int count = 0;
        foreach (uint id in Program.AllIds())
        {
            try
            {
                using Program program = Program.Open(id);
                count += program.Name == s_name ? 1 : 0;
            }
            catch (BpfException e) when (e.Errno == (int)ErrorNumber.ENOENT)
            {
                // It went while we were asking.
            }
        }
        return count;
    }

    private static long Memory()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return Environment.WorkingSet;
    }

    private static bool Eventually(Func<bool> holds)
    {
        for (int i = 0; i < 100; i++)
        {
            if (holds())
                return true;
            Thread.Sleep(50);
        }
        return holds();
    }
}
