using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using Hachi.Linux.Attach;
using Hachi.Linux.Events;
using Hachi.Linux.Load;
using Hachi.Linux.Sys;
using Hachi.Object;
using Hachi.Object.Plan;
using Hachi.Uapi;

namespace Hachi.Linux.Run;

/// <summary>Carries out the plan of a tracing object: loads it, attaches its programs, writes what they send, prints its maps at the end.</summary>
public sealed class TraceRun : IDisposable
{
    private const int PollMilliseconds = 50, BatchRecords = 4096;

    private readonly RunPlan _plan;
    private readonly TraceRunOptions _options;
    private readonly LoadedObject _loaded;
    private readonly RecordActions _actions;
    private readonly RecordSource? _ring;
    private readonly List<Link> _links = [];
    private readonly List<FileHandle> _clock;
    private readonly List<(PlanProbe Probe, long PeriodTicks)> _clocks = [];
    private readonly long[] _due;
    private readonly System.Collections.Concurrent.ConcurrentQueue<string> _signals = new();
    private readonly TextWriter _errors;
    private long _nextLook, _nextDrawing;
    private ReaderPace _pace;

    /// <summary>Loads an object; nothing is attached yet.</summary>
    /// <param name="bpf">The object.</param>
    /// <param name="output">Where results go.</param>
    /// <param name="errors">Where everything else goes.</param>
    /// <param name="options">How it is done; null for the usual.</param>
    /// <exception cref="BpfException">The kernel refuses a map or a program.</exception>
    public TraceRun(BpfObject bpf, TextWriter output, TextWriter errors, TraceRunOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(bpf);
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(errors);
        _plan = bpf.Plan ?? throw new ArgumentException("the object has no plan", nameof(bpf));
        _options = options ?? new TraceRunOptions();
        _errors = errors;
        _clock = _options is { RunsAtOnce: true, Pid: 0 } && _plan.Probes.Count(probe => probe.Kind == ProbeKind.Profile) == 1 ? ProbeStarter.OpenClock(_plan.Probes.First(probe => probe.Kind == ProbeKind.Profile)) : [];
        try
        {
            _loaded = bpf.Load();
        }
        catch
        {
            _clock.ForEach(handle => handle.Dispose());
            throw;
        }
        try
        {
            _ring = _plan.Ring >= 0 ? new RecordSource(_loaded.Maps[_plan.Ring], PerfPages()) : null;
        }
        catch
        {
            _loaded.Dispose();
            _clock.ForEach(handle => handle.Dispose());
            throw;
        }
        _actions = new RecordActions(_plan, _loaded, output, errors, _options);
        foreach (PlanProbe probe in _plan.Probes)
            if (probe.Kind == ProbeKind.Interval)
                _clocks.Add((probe, (long)(ProbeStarter.Period(probe).TotalSeconds * Stopwatch.Frequency)));
        _due = new long[_clocks.Count];
        _nextDrawing = _options.Redraw > TimeSpan.Zero ? Stopwatch.GetTimestamp() : long.MaxValue;
    }

    /// <summary>The programs and maps in the kernel, for who wants to know what they are.</summary>
    public LoadedObject Loaded => _loaded;

    /// <summary>Status that the script ended with.</summary>
    public int ExitStatus => _actions.ExitStatus;

    /// <summary>Records that found no room.</summary>
    public ulong Lost { get; private set; }

    /// <summary>Attaches everything and works until the script ends, or is ended.</summary>
    /// <exception cref="BpfException">The kernel refuses to attach a program: nothing stays attached.</exception>
    public void Run()
    {
        SetStart();
        RunOwn(ProbeKind.Begin);
        RunOwn(ProbeKind.Test);
        int attached = Attach();
        if (_options.Format == TraceFormat.Json)
            _actions.Line("attached_probes", $"{{\"probes\": {attached}}}");
        else if (!_options.IsQuiet)
            _errors.Write(string.Create(CultureInfo.InvariantCulture, $"Attached {attached} probe{(attached == 1 ? "" : "s")}\n"));
        _errors.Flush();
        if (_options.Pid > 0 || _options.Target > 0)
            _actions.Watch(_options.Pid > 0 ? _options.Pid : _options.Target);
        _options.Attached?.Invoke();
        for (int i = 0; i < _due.Length; i++)
            _due[i] = Stopwatch.GetTimestamp() + _clocks[i].PeriodTicks;
        bool endsAtOnce = _plan.Probes.All(probe => probe.Kind is ProbeKind.Begin or ProbeKind.End or ProbeKind.Test or ProbeKind.Iterator);
        foreach (PlanProbe probe in _plan.Probes)
            if (probe.Kind == ProbeKind.Iterator && !_actions.HasEnded)
                Iterate(probe);
        do
            Turn(endsAtOnce);
        while (!_actions.HasEnded && !endsAtOnce && _options.ShouldEnd?.Invoke() != true);
        Finish();
    }

    /// <summary>Runs the probes that a signal to this process has, soon; may be called from any thread.</summary>
    /// <param name="signal">Its name, as the script writes it.</param>
    public void Raise(string signal) => _signals.Enqueue(signal);

    private void RunSignals()
    {
        while (_signals.TryDequeue(out string? signal))
            foreach (PlanProbe probe in _plan.Probes)
                if (probe.Kind == ProbeKind.Signal && probe.Function == signal)
                    RunProgram(probe);
    }

    /// <summary>Runs the bench probes over and over, one after the other, and writes what a run takes: with the system call that makes it run.</summary>
    /// <exception cref="BpfException">The kernel does not run a program.</exception>
    public void Bench()
    {
        const int RunsMin = 1000;
        SetStart();
        RunOwn(ProbeKind.Begin);
        var rows = new List<(string Name, long Nanoseconds, long Runs)>();
        foreach (PlanProbe probe in _plan.Probes.Where(probe => probe.Kind == ProbeKind.Bench))
        {
            long runs = 0, begun = Stopwatch.GetTimestamp(), until = begun + Stopwatch.Frequency / 5;
            for (; runs < RunsMin || Stopwatch.GetTimestamp() < until; runs++)
                RunProgram(probe);
            rows.Add((probe.Function, (long)((Stopwatch.GetTimestamp() - begun) * (1e9 / Stopwatch.Frequency) / runs), runs));
        }
        while (Drain() > 0)
        {
        }
        _actions.Benchmarks(rows);
        Finish();
    }

    /// <summary>The stacks that the script counted by, as a flame graph; to be asked when <see cref="Run"/> is over.</summary>
    public FlameGraph Stacks() => _actions.Stacks();

    private void Turn(bool endsAtOnce)
    {
        long now = Stopwatch.GetTimestamp();
        for (int i = 0; i < _due.Length; i++)
            if (_due[i] <= now)
            {
                RunProgram(_clocks[i].Probe);
                // What was missed while records were written is not made up for.
                _due[i] = Math.Max(_due[i] + _clocks[i].PeriodTicks, now - _clocks[i].PeriodTicks);
            }
        RunSignals();
        long found = _ring?.PendingBytes ?? 0;
        int count = Drain();
        bool rests = _ring is not null && _pace.WantsRest(count, found, _ring.Capacity, now);
        _actions.Warn();
        if (count < BatchRecords)
            _actions.Flush();
        if (now >= _nextDrawing)
        {
            _nextDrawing = now + (long)(_options.Redraw.TotalSeconds * Stopwatch.Frequency);
            _actions.Draw();
        }
        if (now >= _nextLook)
        {
            _nextLook = now + Stopwatch.Frequency;
            LookForLost();
        }
        if (_actions.HasEnded || endsAtOnce)
            return;
        if (rests)
            Thread.Sleep(ReaderPace.Rest);
        if (count > 0)
            return;
        // What a traced process maps changes while it starts.
        if (_options.Pid > 0 || _options.Target > 0)
            _actions.Remember(_options.Pid > 0 ? _options.Pid : _options.Target);
        double wait = PollMilliseconds;
        foreach (long due in _due)
            wait = Math.Min(wait, (due - Stopwatch.GetTimestamp()) * 1000.0 / Stopwatch.Frequency);
        if (wait <= 0)
            return;
        if (_ring is not null)
            _ring.Wait(TimeSpan.FromMilliseconds(wait));
        else
            Thread.Sleep(TimeSpan.FromMilliseconds(wait));
    }

    private int Drain(bool isLast = false) => _ring?.Drain(_actions.Handle, BatchRecords, isLast) ?? 0;

    // Of a perf buffer, which each processor has; a ring buffer has its size already.
    private int PerfPages()
    {
        const int Usual = 64;
        return _plan.Settings.FirstOrDefault(setting => setting.Name == "perf_rb_pages") is { Value: { } text } && uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint pages) && pages > 0
            ? (int)System.Numerics.BitOperations.RoundUpToPowerOf2(Math.Min(pages, 1 << 18)) : Usual;
    }

    private void Finish()
    {
        bool ended = _actions.HasEnded;
        if (!ended)
            while (Drain(isLast: true) > 0 && !_actions.HasEnded)
            {
            }
        _actions.BeginEnd();
        RunOwn(ProbeKind.End);
        while (Drain(isLast: true) > 0)
        {
        }
        _actions.Warn();
        // Results first: detaching takes the kernel its time.
        _actions.PrintMaps();
        _actions.Flush();
        CountLost();
    }

    // That something is lost is told within a second, once; how much, by probe, at the end.
    private void LookForLost()
    {
        if (Lost == 0 && ReadLost().Sum(row => (long)row.Count) is > 0 and var lost)
        {
            Lost = (ulong)lost;
            Warn("events are being lost: the ring buffer is full (perf_rb_pages in the config block makes it larger)");
        }
    }

    private void Warn(string text)
    {
        _actions.Flush();
        _errors.Write($"WARNING: {text}\n");
        _errors.Flush();
    }

    private void CountLost()
    {
        Lost = 0;
        foreach ((string probe, ulong count) in ReadLost())
        {
            Lost += count;
            if (_options.Format == TraceFormat.Json)
                _actions.Line("lost_events", string.Create(CultureInfo.InvariantCulture, $"{{\"events\": {count}, \"probe\": {ValueText.Quote(probe)}}}"));
            else
                _errors.Write(string.Create(CultureInfo.InvariantCulture, $"WARNING: Lost {count} events: {probe}: the ring buffer was full\n"));
        }
        _actions.Flush();
    }

    // A program counts what it lost; its probe is the first that it is attached to.
    private List<(string Probe, ulong Count)> ReadLost()
    {
        var all = new List<(string, ulong)>();
        if (_plan.Lost < 0)
            return all;
        Map map = _loaded.Maps[_plan.Lost];
        byte[] counts = new byte[map.ValueBytes];
        if (map.TryGet(new byte[4], counts))
            for (int program = 0; program * 8 < counts.Length; program++)
                if (ValueReader.Word(counts, program * 8) is > 0 and var count)
                    all.Add((_plan.Probes.FirstOrDefault(probe => probe.Program == program)?.Name ?? "", count));
        return all;
    }

    private void SetStart()
    {
        foreach ((string name, string value) in _plan.Settings)
            if (name == "start_map" && int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int map) && map < _loaded.Maps.Count)
            {
                byte[] time = new byte[8];
                BinaryPrimitives.WriteInt64LittleEndian(time, (long)(Stopwatch.GetTimestamp() * (1e9 / Stopwatch.Frequency)));
                _loaded.Maps[map].Set(new byte[4], time);
            }
    }

    private void RunOwn(ProbeKind kind)
    {
        foreach (PlanProbe probe in _plan.Probes)
            if (probe.Kind == kind)
                RunProgram(probe);
    }

    // The kernel calls the program for each thing that there is while the iterator is read; what it prints comes as records.
    private void Iterate(PlanProbe probe)
    {
        using BpfLink link = ProgramOf(probe).AttachIterator();
        using Stream reader = link.OpenIterator();
        byte[] page = new byte[4096];
        while (reader.Read(page) > 0 || Drain() > 0)
        {
        }
    }

    private void RunProgram(PlanProbe probe) => ProgramOf(probe).Run();

    private Program ProgramOf(PlanProbe probe) => _loaded.Program(_loaded.Spec.Programs[probe.Program].Name);

    private int Attach()
    {
        int count = 0;
        foreach (IGrouping<int, PlanProbe> group in _plan.Probes.GroupBy(probe => probe.Program))
        {
            PlanProbe[] probes = [.. group.Where(probe => !ProbeStarter.IsOwn(probe.Kind))];
            count += group.Count() - probes.Length;
            if (probes.Length == 0)
                continue;
            Program program = ProgramOf(probes[0]);
            if (program.ExpectedAttachType is AttachType.TraceKprobeMulti or AttachType.TraceUprobeMulti)
            {
                _links.AddRange(ProbeStarter.AttachMany(probes, program, _options.Pid));
                count += probes.Length;
                continue;
            }
            for (int i = 0; i < probes.Length; i++)
            {
                _links.Add(probes[i].Kind == ProbeKind.Profile && _clock.Count > 0 ? ProbeStarter.AttachClock(probes[i], program, _clock) : ProbeStarter.Attach(probes[i], program, _options.Pid, (ulong)i));
                count += probes[i].Kind == ProbeKind.Usdt && _links[^1] is LinkGroup places ? places.Links.Count : 1;
            }
        }
        return count;
    }

    /// <summary>Detaches and unloads everything.</summary>
    public void Dispose()
    {
        foreach (Link link in _links)
            link.Dispose();
        _links.Clear();
        _clock.ForEach(handle => handle.Dispose());
        _actions.Dispose();
        _ring?.Dispose();
        _loaded.Dispose();
    }
}
