using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Hachi.Bench;

/// <summary>
/// The tracing language against bpftrace (start, memory, instructions) and against programs written by hand on libbpf (what an event costs), in one run; and what
/// printing a million events takes. Every probe keeps to a process of its own. Needs root, gcc, clang-19 and libbpf's headers.
/// </summary>
internal sealed partial class TraceBench(string hachi, string folder, int repeats)
{
    private const int GetPpid = 110;

    private readonly string _load = Path.Combine(folder, "trace_load"), _twin = Path.Combine(folder, "trace_twin"), _twinObject = Path.Combine(folder, "twin.o");

    // '!' ends what is waited for; PID is the worker's.
    private (string Name, string Script)[] Starts =>
    [
        ("BEGIN printf", "BEGIN { printf(\"!\\n\"); exit(); }"),
        ("count by comm", "tracepoint:syscalls:sys_enter_getppid /pid == PID/ { @[comm] = count(); } interval:ms:1 { print(@); printf(\"!\\n\"); exit(); }"),
        ("uprobe", $"uprobe:{_load}:hachi_bench_event /pid == PID/ {{ printf(\"!\\n\"); exit(); }}"),
        ("profile:hz:99", "profile:hz:99 /pid == PID/ { printf(\"!\\n\"); exit(); }"),
        ("printf an event", "tracepoint:syscalls:sys_enter_getppid /pid == PID/ { printf(\"%d %s!\\n\", pid, comm); exit(); }"),
    ];

    private static (string Name, string Action)[] Actions =>
    [
        ("@ = count()", "@ = count();"), ("@[comm] = count()", "@[comm] = count();"), ("@[comm, pid, tid] = count()", "@[comm, pid, tid] = count();"), ("@++", "@++;"),
        ("@ = sum(pid)", "@ = sum(pid);"), ("@ = avg(pid)", "@ = avg(pid);"), ("@ = stats(pid)", "@ = stats(pid);"), ("@ = min(pid)", "@ = min(pid);"), ("@ = max(pid)", "@ = max(pid);"),
        ("@ = hist(nsecs)", "@ = hist(nsecs);"), ("@ = lhist(pid, 0, 1000, 10)", "@ = lhist(pid, 0, 1000, 10);"), ("@[ustack] = count()", "@[ustack] = count();"),
        ("printf pid comm nsecs", "printf(\"%d %s %llu\\n\", pid, comm, nsecs);"),
    ];

    private static (string Name, string Script, string[] Twins)[] Events =>
    [
        ("@ = count()", "tracepoint:syscalls:sys_enter_getppid /pid == PID/ { @ = count(); }", ["count"]),
        ("@[comm] = count()", "tracepoint:syscalls:sys_enter_getppid /pid == PID/ { @[comm] = count(); }", ["by_comm"]),
        ("hist(nsecs)", "tracepoint:syscalls:sys_enter_getppid /pid == PID/ { @ = hist(nsecs); }", ["hist"]),
        ("latency pair", "tracepoint:syscalls:sys_enter_getppid /pid == PID/ { @s[tid] = nsecs; } tracepoint:syscalls:sys_exit_getppid /pid == PID && @s[tid]/ { @ = hist(nsecs - @s[tid]); delete(@s[tid]); }", ["pair_enter", "pair_exit"]),
    ];

    /// <summary>Runs all of it, or the parts that are named.</summary>
    public void Run(string[] parts)
    {
        MountTracing();
        Cpu.Output("gcc", "-O1", "-o", _load, Path.Combine(AppContext.BaseDirectory, "trace_load.c"));
        bool Wanted(string part) => parts.Length == 0 || parts.Contains(part);
        if (Wanted("start"))
            CompareStarts();
        if (Wanted("code"))
            CompareCode();
        if (Wanted("events"))
            CompareEvents();
        if (Wanted("printf"))
            MeasurePrintf();
        if (Wanted("exact"))
            CountExactly();
    }

    // bpftrace wants tracefs mounted: here, in a mount namespace of this thread's, which what it starts inherits.
    private static void MountTracing()
    {
        const int NewMounts = 0x20000;
        if (Directory.Exists("/sys/kernel/tracing/events"))
            return;
        if (Unshare(NewMounts) != 0)
            throw new InvalidOperationException("a mount namespace takes root");
        Cpu.Output("mount", "--make-rprivate", "/");
        Cpu.Output("mount", "-t", "tracefs", "tracefs", "/sys/kernel/tracing");
    }

    [System.Runtime.InteropServices.LibraryImport("libc", EntryPoint = "unshare")]
    private static partial int Unshare(int flags);

    private static void Line(FormattableString text) => Console.WriteLine(text.ToString(CultureInfo.InvariantCulture));

    private void CompareStarts()
    {
        Line($"\nstart: ms to the first output (median, least), ms to the end, peak MB; {repeats} runs each, in turns");
        Line($"{"",-18} {"hachi",24} {"bpftrace",32}   ratio: first, memory");
        foreach ((string name, string script) in Starts)
        {
            using Child worker = Child.Start(_load, "worker");
            string text = script.Replace("PID", worker.Pid, StringComparison.Ordinal);
            var ours = new List<double[]>();
            var theirs = new List<double[]>();
            for (int i = 0; i <= repeats; i++)
            {
                ours.Add(Launch(hachi, "trace", "-q", "-e", text));
                theirs.Add(Launch("bpftrace", "-e", text));
            }
            (double[] a, double[] b) = (Summary(ours[1..]), Summary(theirs[1..]));
            Line($"{name,-18} {a[0],8:F1} ({a[1],5:F1}) {a[2],6:F0} {a[3],5:F1} {b[0],10:F1} ({b[1],5:F1}) {b[2],6:F0} {b[3],5:F1}   {a[0] / b[0]:F2} (least {a[1] / b[1]:F2}), {a[3] / b[3]:F2}");
        }
    }

    private double[] Launch(params string[] command) =>
        [.. Cpu.Output(_load, ["launch", .. command]).Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(word => double.Parse(word, CultureInfo.InvariantCulture))];

    private static double[] Summary(List<double[]> runs)
    {
        double Median(int column) => runs.Select(run => run[column]).Order().ElementAt(runs.Count / 2);
        return [Median(0) / 1000, runs.Min(run => run[0]) / 1000, Median(1) / 1000, Median(2) / 1024];
    }

    private void CompareCode()
    {
        Line($"\ncode: translated instructions of one program with a filter by pid (bpftool prog dump xlated)");
        foreach ((string name, string action) in Actions)
        {
            using Child worker = Child.Start(_load, "worker");
            string text = $"tracepoint:syscalls:sys_enter_getppid /pid == {worker.Pid}/ {{ {action} }}";
            int ours = Instructions(hachi, "trace", "-q", "-e", text), theirs = Instructions("bpftrace", "-e", text);
            Line($"{name,-28} hachi {ours,4}   bpftrace {theirs,4}");
        }
    }

    private static int Instructions(params string[] command)
    {
        using Child tracer = Child.Start(command[0], command[1..]);
        for (int i = 0; i < 400; i++)
        {
            Thread.Sleep(25);
            foreach (string file in Directory.EnumerateFiles($"/proc/{tracer.Pid}/fdinfo"))
                if (ProgramId(file) is { } id && Cpu.Output("bpftool", "prog", "show", "id", id) is var shown && shown.Contains("tracepoint", StringComparison.Ordinal))
                    return InstructionLine().Count(Cpu.Output("bpftool", "prog", "dump", "xlated", "id", id));
        }
        return -1;
    }

    private static string? ProgramId(string file)
    {
        try
        {
            return File.ReadLines(file).FirstOrDefault(line => line.StartsWith("prog_id:", StringComparison.Ordinal))?[8..].Trim();
        }
        catch (IOException)
        {
            return null;
        }
    }

    private void CompareEvents()
    {
        string source = Path.Combine(AppContext.BaseDirectory, "trace_twin");
        Cpu.Output("clang-19", "-O2", "-g", "-target", "bpf", "-I/usr/include/x86_64-linux-gnu", "-c", source + ".bpf.c", "-o", _twinObject);
        Cpu.Output("gcc", "-O1", source + ".c", "-o", _twin, "-lbpf");
        const int Rounds = 5;
        Line($"\nevents: nanoseconds that a traced getppid takes longer (least of bursts of 2,000 calls, {Rounds} rounds in turns)");
        foreach ((string name, string script, string[] twins) in Events)
        {
            double bare = double.MaxValue, ours = bare, theirs = bare;
            for (int round = 0; round < Rounds; round++)
            {
                bare = Math.Min(bare, Burst(_ => null));
                ours = Math.Min(ours, Burst(pid => Child.Start(hachi, "trace", "-e", script.Replace("PID", pid, StringComparison.Ordinal)).WaitForError("Attached")));
                theirs = Math.Min(theirs, Burst(pid => Child.Start(_twin, [_twinObject, pid, .. twins]).WaitForOutput("attached")));
            }
            Line($"{name,-20} untraced {bare:F1}   hachi +{ours - bare:F1}   libbpf +{theirs - bare:F1}   ratio {(ours - bare) / (theirs - bare):F2}");
        }
    }

    private double Burst(Func<string, Child?> trace)
    {
        using Child worker = Child.Start(_load, "burst", "2000", "300");
        using Child? tracer = trace(worker.Pid);
        worker.Say("go");
        return double.Parse(worker.ReadLine(), CultureInfo.InvariantCulture);
    }

    // Three probes, a million events each: two at the entry of the call, one at its return.
    private void MeasurePrintf()
    {
        const int Calls = 1_000_000;
        string output = Path.Combine(folder, "printf.txt"), print = "{ printf(\"%d %s %llu\\n\", pid, comm, nsecs); }";
        Line($"\nprintf: 3 x {Calls} events, a ring of 64 MiB; delivered + lost = produced");
        using Child worker = Child.Start(_load, "many", Calls.ToString(CultureInfo.InvariantCulture));
        string filter = $"/pid == {worker.Pid}/";
        string script = $"config = {{ perf_rb_pages = 16384 }} tracepoint:syscalls:sys_enter_getppid {filter} {print} tracepoint:syscalls:sys_exit_getppid {filter} {print} rawtracepoint:sys_enter /pid == {worker.Pid} && arg1 == {GetPpid}/ {print}";
        using Child tracer = Child.Start(hachi, "trace", "-o", output, "-e", script);
        tracer.WaitForError("Attached");
        long start = Stopwatch.GetTimestamp();
        worker.Say("go");
        double producing = double.Parse(worker.ReadLine(), CultureInfo.InvariantCulture) / 1e9;
        tracer.Signal("-TERM");
        double busy = tracer.ProcessorSeconds(), seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        string said = tracer.ReadErrors();
        long delivered = File.ReadLines(output).LongCount(line => line.StartsWith(worker.Pid, StringComparison.Ordinal));
        long lost = LostNumber().Matches(said).Sum(match => long.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture));
        Line($"produced in {producing:F2} s, written after {seconds:F2} s: {delivered / seconds / 1e6:F2} M events/s ({busy / delivered * 1e9:F0} ns of hachi's processor time an event); delivered {delivered}, lost {lost}, sum {delivered + lost}\n{said.Trim()}");
    }

    private void CountExactly()
    {
        const int Calls = 1_000_000;
        using Child worker = Child.Start(_load, "many", Calls.ToString(CultureInfo.InvariantCulture));
        using Child tracer = Child.Start(hachi, "trace", "-p", worker.Pid, "-e", "tracepoint:syscalls:sys_enter_getppid { @ = count(); }");
        tracer.WaitForError("Attached");
        worker.Say("go");
        worker.ReadLine();
        tracer.Signal("-TERM");
        Line($"\nexact: {Calls} calls, counted: {tracer.ReadAll().Trim()}");
    }

    [GeneratedRegex(@"^\s*\d+: \(", RegexOptions.Multiline)]
    private static partial Regex InstructionLine();

    [GeneratedRegex(@"Lost (\d+) events: ", RegexOptions.None)]
    private static partial Regex LostNumber();

    /// <summary>A program that is killed when nobody needs it any more.</summary>
    private sealed class Child : IDisposable
    {
        private readonly Process _process;

        private Child(Process process) => _process = process;

        public string Pid => _process.Id.ToString(CultureInfo.InvariantCulture);

        public static Child Start(string program, params string[] arguments) =>
            new(Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true })!);

        public void Say(string line)
        {
            _process.StandardInput.WriteLine(line);
            _process.StandardInput.Flush();
        }

        public string ReadLine() => _process.StandardOutput.ReadLine() ?? throw new InvalidOperationException("it ended: " + ReadErrors());

        public string ReadAll() => _process.StandardOutput.ReadToEnd();

        public string ReadErrors() => _process.StandardError.ReadToEnd();

        public Child WaitForOutput(string text) => WaitFor(_process.StandardOutput, text);

        public Child WaitForError(string text) => WaitFor(_process.StandardError, text);

        private Child WaitFor(StreamReader stream, string text)
        {
            while (stream.ReadLine() is { } line)
                if (line.Contains(text, StringComparison.Ordinal))
                    return this;
            throw new InvalidOperationException($"{_process.StartInfo.FileName} never said {text}: {(stream == _process.StandardError ? "" : ReadErrors())}");
        }

        /// <summary>Waits for its end; what it took, as far as was seen.</summary>
        public double ProcessorSeconds()
        {
            double last = 0;
            while (!_process.HasExited)
            {
                try
                {
                    last = _process.TotalProcessorTime.TotalSeconds;
                    _process.Refresh();
                }
                catch (InvalidOperationException)
                {
                    break;
                }
                Thread.Sleep(2);
            }
            return last;
        }

        public void Signal(string signal)
        {
            using Process kill = Process.Start("kill", [signal, Pid]);
            kill.WaitForExit();
        }

        public void Dispose()
        {
            if (!_process.HasExited)
                _process.Kill();
            _process.WaitForExit();
            _process.Dispose();
        }
    }
}
