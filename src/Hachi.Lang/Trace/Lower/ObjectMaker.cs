using System.Collections.Immutable;
using System.Globalization;
using Hachi.Ir.Build;
using Hachi.Ir.Emit;
using Hachi.Lang.Trace.Check;
using Hachi.Lang.Trace.Types;
using Hachi.Object;
using Hachi.Object.Plan;
using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Lang.Trace.Lower;

/// <summary>Makes the object of a script: a program for each group of attach points, the script's maps and those that the tracer needs, and the plan.</summary>
internal sealed class ObjectMaker(CheckedScript script, IKernelFacts facts, List<Diagnostic> diagnostics)
{
    private const uint RingBytes = 1 << 20, StackFrames = 127;
    private const uint RingBufferVersion = 0x50800;

    private readonly List<MapSpec> _maps = [];
    private readonly List<PlanMap> _planMaps = [];
    private readonly List<PlanEvent> _events = [];
    private readonly Dictionary<string, int> _places = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (int Map, int Plan)> _scriptMaps = new(StringComparer.Ordinal);
    private readonly List<ImmutableArray<int>> _origins = [];
    private ImmutableArray<int> _lastOrigins = [];
    private int _scratchBytes, _zeroBytes = 8;

    public CheckedScript Script { get; } = script;

    public IKernelFacts Facts { get; } = facts;

    public int EventCount => _events.Count;

    /// <summary>Makes the object; what cannot be made is reported.</summary>
    public BpfObject Make()
    {
        foreach (MapInfo map in Script.Maps.Values)
            if (map.Value.Kind != TypeKind.None || (map.Kind is not null && map.IsUsed))
                AddMap(map);
        var programs = new List<ProgramSpec>();
        var probes = new List<PlanProbe>();
        foreach (CheckedProgram program in Script.Programs)
        {
            ProgramSpec? made = Program(program, programs.Count);
            if (made is null)
                continue;
            foreach (ProbeTarget target in program.Targets)
                probes.Add(new PlanProbe(programs.Count, target.Kind, target.Text, target.Target, target.Function, target.Number) { Length = target.Length });
            programs.Add(made);
            _origins.Add(_lastOrigins);
        }
        if (_places.TryGetValue(".scratch", out int scratch))
            _maps[scratch] = _maps[scratch] with { ValueSize = (uint)Math.Max(8, _scratchBytes) };
        if (_places.TryGetValue(".zero", out int zero))
            _maps[zero] = _maps[zero] with { ValueSize = (uint)TupleLayout.Up(_zeroBytes, 8) };
        if (_places.TryGetValue(".warnings", out int warnings))
            _maps[warnings] = _maps[warnings] with { ValueSize = (uint)Math.Max(8, 8 * _events.Count(each => each.Action == PlanAction.Counted)) };
        if (_places.TryGetValue(".records", out int records))
            _maps[records] = _maps[records] with { ValueSize = (uint)(8 + _events.Max(each => each.SizeBytes)), MaxEntries = (uint)Math.Max(1, programs.Count) };
        if (_places.TryGetValue(".lost", out int lost))
            _maps[lost] = _maps[lost] with { ValueSize = (uint)Math.Max(1, programs.Count) * 8 };
        byte[] types = new SourceTypes(Script.Text, Script.Options.Name).Describe(programs, _origins);
        return new BpfObject
        {
            Programs = [.. programs],
            Btf = [.. types],
            Maps = [.. _maps],
            License = Script.Settings["license"],
            Plan = new RunPlan
            {
                Probes = [.. probes],
                Events = [.. _events],
                Maps = [.. _planMaps],
                Settings = [.. Script.Settings.All, .. MapSetting(".start", "start_map"), .. MapSetting(".warnings", "warnings_map")],
                Ring = _places.GetValueOrDefault(".ring", -1),
                Lost = _places.GetValueOrDefault(".lost", -1),
                Stacks = _places.GetValueOrDefault(".stacks", -1),
            },
        };
    }

    private (string, string)[] MapSetting(string name, string setting) => _places.TryGetValue(name, out int index) ? [(setting, index.ToString(CultureInfo.InvariantCulture))] : [];

    private ProgramSpec? Program(CheckedProgram program, int index)
    {
        int events = _events.Count, said = diagnostics.Count;
        // Whether a program needs scratch memory is known when it is made; then it is made again.
        ProgramLowering lowering = Lowered(program, index, false);
        if (lowering.NeedsScratch)
        {
            _events.RemoveRange(events, _events.Count - events);
            diagnostics.RemoveRange(said, diagnostics.Count - said);
            lowering = Lowered(program, index, lowering.NeedsScratch);
        }
        _scratchBytes = Math.Max(_scratchBytes, lowering.ScratchBytes);
        if (diagnostics.Skip(said).Any(diagnostic => diagnostic.Severity == Severity.Error))
            return null;
        EmittedProgram emitted = lowering.Emit(new EmitOptions { Level = Facts.Version >= 0x60600 ? 4 : 3 });
        foreach (Diagnostic wrong in emitted.Diagnostics)
            diagnostics.Add(DiagnosticTable.TraceEmit.At(wrong.Span.Start >= 0 ? new TextSpan(wrong.Span.Start, 1) : program.Item.Points[0].Span, program.Targets[0].Text, wrong.Message));
        _lastOrigins = emitted.Origins;
        return emitted.Program is null ? null : emitted.Program with { AttachType = AttachOf(program) };
    }

    private AttachType? AttachOf(CheckedProgram program) => program.Kind switch
    {
        ProbeKind.Fentry => AttachType.TraceFentry,
        ProbeKind.Fexit => AttachType.TraceFexit,
        ProbeKind.Iterator => AttachType.TraceIter,
        _ when program.Targets.Count < 2 || program.Targets.Exists(target => target.Function.Length == 0 || target.Number != 0) || !Facts.HasMultiProbes(program.Kind) => null,
        ProbeKind.Kprobe or ProbeKind.Kretprobe => AttachType.TraceKprobeMulti,
        _ => AttachType.TraceUprobeMulti,
    };

    private ProgramLowering Lowered(CheckedProgram program, int index, bool hasScratch)
    {
        var lowering = new ProgramLowering(this, program, index, hasScratch, diagnostics);
        lowering.Run();
        return lowering;
    }

    private void AddMap(MapInfo map)
    {
        bool isAggregate = map.Value.IsAggregate;
        int entries = map.Entries > 0 ? map.Entries : Script.Settings.Number("max_map_keys");
        int value = TupleLayout.Up(Math.Max(1, map.Value.SizeBytes), 8), key = map.IsScalar || map.Key.Kind == TypeKind.None ? 4 : map.Key.SizeBytes;
        bool isScalar = map.IsScalar || map.Key.Kind == TypeKind.None;
        MapType type = isScalar ? (isAggregate ? MapType.PercpuArray : MapType.Array) : map.Kind switch
        {
            "lruhash" => isAggregate ? MapType.LruPercpuHash : MapType.LruHash,
            "percpulruhash" => MapType.LruPercpuHash,
            "percpuhash" => MapType.PercpuHash,
            _ => isAggregate ? MapType.PercpuHash : MapType.Hash,
        };
        if (isAggregate)
            _zeroBytes = Math.Max(_zeroBytes, value);
        // Large values are made when they are needed.
        bool isLarge = !isScalar && type is MapType.Hash or MapType.PercpuHash && (long)entries * (value + key) > 1 << 20;
        _scriptMaps[map.Name] = (_maps.Count, _planMaps.Count);
        _planMaps.Add(new PlanMap(_maps.Count, "@" + map.Name, isScalar ? null : PlanTypes.Of(map.Key, Script.Types), PlanTypes.Of(map.Value, Script.Types), type is MapType.PercpuArray or MapType.PercpuHash or MapType.LruPercpuHash));
        _maps.Add(new MapSpec(map.Name.Length > 0 ? "AT_" + map.Name : "AT_", type, (uint)key, (uint)value, isScalar ? 1 : (uint)entries) { Flags = isLarge ? 1u : 0 });
    }

    /// <summary>Index of a script's map in the object.</summary>
    public int MapOf(string name) => _scriptMaps[name].Map;

    /// <summary>Index of a script's map in the plan.</summary>
    public int PlanOf(string name) => _scriptMaps[name].Plan;

    public bool HasMap(string name) => _scriptMaps.ContainsKey(name);

    /// <summary>The type that a map of the object has.</summary>
    public MapType TypeOf(int map) => _maps[map].Type;

    private int Own(string name, Func<MapSpec> make)
    {
        if (!_places.TryGetValue(name, out int index))
        {
            _places[name] = index = _maps.Count;
            _maps.Add(make());
        }
        return index;
    }

    /// <summary>Whether records go through a ring buffer; kernels before 5.8 have a buffer for each processor instead.</summary>
    public bool HasRing => Facts.Version >= RingBufferVersion;

    public int Ring => Own(".ring", () => HasRing ? new MapSpec(".ring", MapType.Ringbuf, 0, 0, RingSize) : new MapSpec(".ring", MapType.PerfEventArray, 4, 4, 0));

    /// <summary>Where programs put records together when there is no ring buffer: an entry for each program, since one may interrupt another.</summary>
    public int Records => Own(".records", () => new MapSpec(".records", MapType.PercpuArray, 4, 8, 1));

    // A power of two of at least a page, as the kernel wants it.
    private uint RingSize => Script.Settings.Number("perf_rb_pages") is > 0 and var pages ? System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Min(pages, 1 << 18) * 4096) : RingBytes;

    public int Lost => Own(".lost", () => new MapSpec(".lost", MapType.Array, 4, 8, 1));

    public int Stacks => Own(".stacks", () => new MapSpec(".stacks", MapType.StackTrace, 4, StackFrames * 8, (uint)Math.Min(4096, Script.Settings.Number("max_map_keys"))));

    public int Scratch => Own(".scratch", () => new MapSpec(".scratch", MapType.PercpuArray, 4, 8, 1));

    /// <summary>One value with the time at which tracing began, written before anything is attached.</summary>
    public int StartTime => Own(".start", () => new MapSpec(".start", MapType.Array, 4, 8, 1));

    /// <summary>A value of zeros, of at least so many bytes.</summary>
    public int Zero(int bytes)
    {
        _zeroBytes = Math.Max(_zeroBytes, bytes);
        return Own(".zero", () => new MapSpec(".zero", MapType.Array, 4, 8, 1));
    }

    /// <summary>Adds a kind of record; returns its number.</summary>
    public int AddEvent(PlanAction action, string format, int sizeBytes, IEnumerable<PlanField> fields, int map, TextSpan span)
    {
        _events.Add(new PlanEvent(_events.Count, action, format, sizeBytes, [.. fields]) { Map = map, Place = Place(span) });
        return _events.Count - 1;
    }

    /// <summary>A word for each thing that is told when it has happened.</summary>
    public int Warnings => Own(".warnings", () => new MapSpec(".warnings", MapType.Array, 4, 8, 1));

    /// <summary>Adds something to be told; returns the offset of its word.</summary>
    public int AddWarning(string text, TextSpan span)
    {
        string place = Place(span);
        if (_events.Find(each => each.Action == PlanAction.Counted && each.Place == place && each.Format == text) is PlanEvent known)
            return known.SizeBytes;
        int offset = 8 * _events.Count(each => each.Action == PlanAction.Counted);
        _events.Add(new PlanEvent(_events.Count, PlanAction.Counted, text, offset, []) { Place = place });
        return offset;
    }

    /// <summary>The line that a span begins in, and marks under the span.</summary>
    public string Excerpt(TextSpan span)
    {
        int start = span.Start == 0 ? 0 : Script.Text.LastIndexOf('\n', span.Start - 1) + 1, end = Script.Text.IndexOf('\n', span.Start);
        string line = Script.Text[start..(end < 0 ? Script.Text.Length : end)];
        return $"{line}\n{new string(' ', span.Start - start)}{new string('~', Math.Max(1, Math.Min(span.End - start, line.Length) - (span.Start - start)))}";
    }

    private string Place(TextSpan span)
    {
        int line = 1, start = 0;
        for (int i = 0; i < span.Start && i < Script.Text.Length; i++)
            if (Script.Text[i] == '\n')
                (line, start) = (line + 1, i + 1);
        int end = Script.Text.IndexOf('\n', span.Start, Math.Min(span.Length, Script.Text.Length - span.Start));
        string columns = end < 0 ? string.Create(CultureInfo.InvariantCulture, $"{span.Start - start + 1}-{span.End - start + 1}") : (span.Start - start + 1).ToString(CultureInfo.InvariantCulture);
        return string.Create(CultureInfo.InvariantCulture, $"{Script.Options.Name}:{line}:{columns}");
    }
}
