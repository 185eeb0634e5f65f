using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Hachi.Linux.Attach;
using Hachi.Linux.Load;
using static Hachi.Guest.Calls;
using static Hachi.Guest.Lab;

namespace Hachi.Guest.Checks;

/// <summary>Programs on functions, tracepoints and samples.</summary>
internal static unsafe class ProbeChecks
{
    // x86-64's: struct pt_regs, and the number of getpgid.
    private const string Argument = "r3 = *(u64 *)(r6 + 112)", Returned = "r3 = *(u64 *)(r6 + 80)";
    private const int GetpgidNumber = 121;
    private const string Function = "__x64_sys_getpgid", Kernel = "Kernel functions", Program = "Functions of programs", Trace = "Tracepoints and events";
    private const ulong Cookie = 0xc00c1e5;

    public static IEnumerable<Check> All =>
    [
        new("kprobe", Kernel, "kprobe", "program ran at each call", _ => OnCall("kprobe", "", program => program.AttachKprobe(Function))) { Features = ["other kprobe"], IsGuestOnly = true },
        new("kprobe-offset", Kernel, "kprobe inside a function", "program ran at each call", _ => OnCall("kprobe", "", AttachInside)) { Features = ["other kprobe"], IsGuestOnly = true },
        new("kprobe-cookie", Kernel, "kprobe with cookie", "cookie read", _ => OnCall("kprobe", ReadCookie, program => program.AttachKprobe(Function, new ProbeOptions { Cookie = Cookie }), SeesCookie)) { Features = ["other kprobe", "attach perf_event"], IsGuestOnly = true },
        new("kretprobe", Kernel, "kretprobe", "returned value seen", _ => OnCall("kretprobe", NoteReturned, program => program.AttachKprobe(Function, new ProbeOptions { IsReturn = true }), SeesGroup)) { Features = ["other kprobe"], IsGuestOnly = true },
        new("kprobe-multi", Kernel, "kprobe on many functions", "program ran at each call, cookie read", _ => OnCall("kprobe.multi", ReadCookie, program => program.AttachKprobeMulti([Function, "__x64_sys_getsid"], new MultiProbeOptions { Cookies = [Cookie, 1] }), SeesCookie)) { Features = ["attach trace_kprobe_multi"], IsGuestOnly = true },
        new("kretprobe-multi", Kernel, "kretprobe on many functions", "returned value seen", _ => OnCall("kretprobe.multi", NoteReturned, program => program.AttachKprobeMulti([Function, "__x64_sys_getsid"], new MultiProbeOptions { IsReturn = true }), SeesGroup)) { Features = ["attach trace_kprobe_multi"], IsGuestOnly = true },
        new("kprobe-session", Kernel, "kprobe session", "program ran at entry and return", _ => OnCall("kprobe.session", "", program => program.AttachKprobeMulti([Function]), times: 2)) { Features = ["attach trace_kprobe_session"], IsGuestOnly = true },
        new("uprobe", Program, "uprobe", "argument seen", _ => OnOwn("uprobe", NoteArgument, (program, path, offset) => program.AttachUprobe(path, offset), SeesArgument)) { Features = ["other uprobe"] },
        new("uprobe-cookie", Program, "uprobe with cookie", "cookie read", _ => OnOwn("uprobe", ReadCookie, (program, path, offset) => program.AttachUprobe(path, offset, new ProbeOptions { Cookie = Cookie }), SeesCookie)) { Features = ["other uprobe", "attach perf_event"] },
        new("uprobe-pid", Program, "uprobe for one process", "ran in that process, and not for another", _ => OfAProcess()) { Features = ["other uprobe"] },
        new("uretprobe", Program, "uretprobe", "returned value seen", _ => OnOwn("uretprobe", NoteReturned, (program, path, offset) => program.AttachUprobe(path, offset, new ProbeOptions { IsReturn = true }), SeesSum)) { Features = ["other uprobe"] },
        new("uprobe-multi", Program, "uprobe on many places", "argument seen", _ => OnOwn("uprobe.multi", NoteArgument, (program, path, offset) => program.AttachUprobeMulti(path, [offset]), SeesArgument)) { Features = ["attach trace_uprobe_multi"] },
        new("uprobe-multi-cookie", Program, "uprobe on many places, with cookies, for one process", "cookie read", _ => OnOwn("uprobe.multi", ReadCookie, (program, path, offset) => program.AttachUprobeMulti(path, [offset], new MultiProbeOptions { Cookies = [Cookie], Pid = Environment.ProcessId }), SeesCookie)) { Features = ["attach trace_uprobe_multi"] },
        new("uretprobe-multi", Program, "uretprobe on many places", "returned value seen", _ => OnOwn("uretprobe.multi", NoteReturned, (program, path, offset) => program.AttachUprobeMulti(path, [offset], new MultiProbeOptions { IsReturn = true }), SeesSum)) { Features = ["attach trace_uprobe_multi"] },
        new("uprobe-session", Program, "uprobe session", "program ran at entry and return", _ => OnOwn("uprobe.session", "", (program, path, offset) => program.AttachUprobeMulti(path, [offset]), times: 2)) { Features = ["attach trace_uprobe_session"] },
        new("tracepoint", Trace, "tracepoint", "record's field read", _ => OnCall("tracepoint", Wanted("r3 = *(u32 *)(r6 + 8)"), program => program.AttachTracepoint("raw_syscalls", "sys_enter"))) { Features = ["program tracepoint"] },
        new("tracepoint-cookie", Trace, "tracepoint with cookie", "cookie read", _ => OnCall("tracepoint", Wanted("r3 = *(u32 *)(r6 + 8)") + ReadCookie, program => program.AttachTracepoint("raw_syscalls", "sys_enter", Cookie), SeesCookie)) { Features = ["attach perf_event"] },
        new("raw-tracepoint", Trace, "raw tracepoint", "argument read", _ => OnCall("raw_tp", Wanted("r3 = *(u64 *)(r6 + 8)"), program => program.AttachRawTracepoint("sys_enter"))) { Features = ["program raw_tracepoint"] },
        new("tp-btf", Trace, "typed raw tracepoint (tp_btf)", "argument read", _ => OnCall("tp_btf/sys_enter", Wanted("r3 = *(u64 *)(r6 + 8)"), program => program.AttachTracing())) { Features = ["attach trace_raw_tp"] },
        new("perf-clock", Trace, "samples of a clock", "ran while this thread was busy", _ => Samples()) { Features = ["program perf_event"] },
        new("perf-watchpoint", Trace, "watchpoint (debug register)", "ran at each write", _ => Watched()) { Features = ["program perf_event"] },
    ];

    private static string ReadCookie { get; } = $"""
                r1 = r6
                call bpf_get_attach_cookie
        {Witness.Note(1, "r0")}

        """;

    private static string NoteReturned { get; } = $"        {Returned}\n{Witness.Note(1, "r3")}\n";

    private static string NoteArgument { get; } = $"        {Argument}\n{Witness.Note(1, "r3")}\n";

    private static string Wanted(string load) => $"        {load}\n        if r3 != {GetpgidNumber} goto out\n";

    private static void SeesCookie(Witness witness) => Same(Cookie, witness[1], "cookie");

    private static void SeesGroup(Witness witness) => Same((ulong)GetProcessGroup(0), witness[1], "returned");

    private static void SeesArgument(Witness witness) => Same(7UL, witness[1], "argument");

    private static void SeesSum(Witness witness) => Same(12UL, witness[1], "returned");

    /// <summary>Attaches, makes three calls that the program is to see, detaches, and makes one more that it is not to see.</summary>
    private static void OnCall(string section, string more, Func<Program, Link> attach, Action<Witness>? see = null, int times = 1)
    {
        using Witness witness = Witness.OfThisThread(section, more);
        using (Link link = attach(witness.Program))
        {
            for (int i = 0; i < 3; i++)
                _ = Syscall(GetpgidNumber);
            Same((ulong)(3 * times), witness[0], "runs");
            see?.Invoke(witness);
        }
        _ = Syscall(GetpgidNumber);
        ulong after = witness[0];
        That(after == (ulong)(3 * times) || see == SeesGroup, $"runs after the link was disposed: {after}");
    }

    // Where ftrace's call stands at the start, the kernel takes no other place before it; 5 bytes on an instruction begins on all of these kernels.
    private static Link AttachInside(Program program)
    {
        for (ulong offset = 4; offset <= 9; offset++)
            try
            {
                return program.AttachKprobe(Function, new ProbeOptions { Offset = offset });
            }
            catch (Linux.BpfException) when (offset < 9)
            {
                continue;
            }
        throw new CheckException("no offset inside the function");
    }

    /// <summary>The same with a function of this program.</summary>
    private static void OnOwn(string section, string more, Func<Program, string, ulong, Link> attach, Action<Witness>? see = null, int times = 1)
    {
        (string path, ulong offset) = OwnFunction();
        using Witness witness = Witness.OfThisThread(section, more);
        using (Link link = attach(witness.Program, path, offset))
        {
            for (int i = 0; i < 3; i++)
                Same(12L, CallOwn(7, 5), "the function's result");
            Same((ulong)(3 * times), witness[0], "runs");
            see?.Invoke(witness);
        }
        CallOwn(7, 5);
        Same((ulong)(3 * times), witness[0], "runs after the link was disposed");
    }

    private static void OfAProcess()
    {
        (string path, ulong offset) = OwnFunction();
        using Witness here = Witness.OfThisThread("uprobe"), parent = Witness.Load("uprobe", $"{Witness.Count}\n        r0 = 0\n        exit");
        using (here.Program.AttachUprobe(path, offset, new ProbeOptions { Pid = Environment.ProcessId }))
        {
            CallOwn(1, 2);
            Same(1UL, here[0], "runs");
        }
        // kthreadd, which never comes by; on a machine where nothing has that number the parent will do.
        using (parent.Program.AttachUprobe(path, offset, new ProbeOptions { Pid = Directory.Exists("/proc/2") ? 2 : ParentProcess() }))
        {
            CallOwn(1, 2);
            Same(0UL, parent[0], "runs for another process");
        }
    }

    private static void Samples()
    {
        using Witness witness = Witness.OfThisThread("perf_event");
        using Link link = witness.Program.AttachPerfEvent(PerfEventSpec.Sampling(TimeSpan.FromMilliseconds(1)));
        var clock = System.Diagnostics.Stopwatch.StartNew();
        while (witness[0] < 3)
            That(clock.Elapsed < TimeSpan.FromSeconds(10), "no samples in ten seconds");
    }

    private static void Watched()
    {
        long* word = (long*)NativeMemory.AllocZeroed(8);
        try
        {
            using Witness witness = Witness.OfThisThread("perf_event");
            using (witness.Program.AttachPerfEvent(PerfEventSpec.Watchpoint((ulong)word, 8, 2), ThreadOrSelf()))
                for (int i = 0; i < 3; i++)
                    Volatile.Write(ref *word, i);
            Same(3UL, witness[0], "runs");
        }
        finally
        {
            NativeMemory.Free(word);
        }
    }

    private static int ThreadOrSelf() => Witness.ThreadId;

    [MethodImpl(MethodImplOptions.NoInlining)]
    [UnmanagedCallersOnly]
    private static long Own(long a, long b) => a + b;

    private static long CallOwn(long a, long b) => ((delegate* unmanaged<long, long, long>)&Own)(a, b);

    /// <summary>The file and the offset there of <see cref="Own"/>.</summary>
    private static (string Path, ulong Offset) OwnFunction()
    {
        ulong address = (ulong)(delegate* unmanaged<long, long, long>)&Own;
        foreach (string line in File.ReadLines("/proc/self/maps"))
        {
            string[] parts = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            ulong start = Convert.ToUInt64(parts[0].Split('-')[0], 16), end = Convert.ToUInt64(parts[0].Split('-')[1], 16);
            if (address >= start && address < end)
                return (parts[5], address - start + Convert.ToUInt64(parts[2], 16));
        }
        throw new CheckException("the function lies in no file");
    }
}
