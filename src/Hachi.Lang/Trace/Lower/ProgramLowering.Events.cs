using Hachi.Isa;
using Hachi.Lang.Trace.Check;
using Hachi.Lang.Trace.Syntax;
using Hachi.Lang.Trace.Types;
using Hachi.Object.Plan;
using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Lang.Trace.Lower;

/// <summary>What the tracer is told: records through the ring buffer.</summary>
internal sealed partial class ProgramLowering
{
    private const int HeaderBytes = 8, RecordMax = 1 << 15, JoinMax = 16, JoinBytes = 256;

    /// <summary>Calls that are made for what they do; false for others.</summary>
    private bool EffectCall(CallExpr call)
    {
        switch (Plain(call.Name))
        {
            case "printf": Formatted(PlanAction.Printf, call); return true;
            case "errorf": Formatted(PlanAction.Errorf, call); return true;
            case "warnf": Formatted(PlanAction.Warnf, call); return true;
            case "cat": Formatted(PlanAction.Cat, call); return true;
            case "system": Formatted(PlanAction.System, call); return true;
            case "time":
                Send(PlanAction.Time, call.Args.Count > 0 ? _script[call.Args[0]].Text ?? "" : "%H:%M:%S\n", call, [], -1);
                return true;
            case "exit":
                Send(PlanAction.Exit, "", call, call.Args.Count > 0 ? [(TraceType.Int64, call.Args[0])] : [], -1);
                Leave();
                return true;
            case "print": Print(call); return true;
            case "clear": SendMap(PlanAction.Clear, call, ((MapExpr)call.Args[0]).Name); return true;
            case "zero": SendMap(PlanAction.Zero, call, ((MapExpr)call.Args[0]).Name); return true;
            case "join": Join(call); return true;
            case "signal" or "signal_thread":
                Told(Plain(call.Name) == "signal" ? Helper.SendSignal : Helper.SendSignalThread, SignalNumber(call.Args[0]));
                return true;
            case "override":
                _f.Call(Helper.OverrideReturn, _f.Context, Scalar(call.Args[0]));
                return true;
            case "assert": Assert(call); return true;
            case "static_assert" or "fail": return true;
            case "debugf": Debug(call); return true;
            case "unwatch":
                NotYet(call, "unwatch()");
                return true;
            default:
                return false;
        }
    }

    private void Assert(CallExpr call)
    {
        int holds = _f.NewBlock(), fails = _f.NewBlock();
        Condition(call.Args[0], holds, fails);
        _f.Start(fails);
        Send(PlanAction.Errorf, _script[call.Args[1]].Text ?? "", call, [], -1);
        Send(PlanAction.Exit, "", call, [], -1);
        Leave();
        _f.Start(holds);
    }

    private int SignalNumber(Expr value)
    {
        if (_script[value].Text is not string name)
            return Scalar(value);
        if (Constants.Find(name.StartsWith("SIG", StringComparison.OrdinalIgnoreCase) ? name.ToUpperInvariant() : "SIG" + name.ToUpperInvariant()) is long number)
            return _f.Const(number);
        NotYet(value, $"signal {name}");
        return _f.Const(0);
    }

    private void Formatted(PlanAction action, CallExpr call) =>
        Send(action, _script[call.Args[0]].Text ?? "", call, [.. call.Args.Skip(1).Select(arg => (Field(arg), arg))], -1);

    // Numbers take whole words in records: what they were computed in.
    private TraceType Field(Expr value)
    {
        TraceType type = _script[value].Type;
        return (type.IsSummable ? TraceType.Int(8, type.Kind == TypeKind.Count || type.IsSigned) : type).Stored();
    }

    private void Print(CallExpr call)
    {
        Expr arg = call.Args[0];
        if (arg is MapExpr map)
        {
            Send(PlanAction.PrintMap, "", call, [.. call.Args.Skip(1).Select(number => (TraceType.Int64, number))], _object.PlanOf(map.Name));
            return;
        }
        if (arg is IndexExpr { Target: MapExpr named } entry)
        {
            MapInfo info = _script.Maps[named.Name];
            if (info.Value.IsAggregate && !info.Value.IsSummable)
            {
                // The value is read when the record is: the key is enough.
                Send(PlanAction.PrintEntry, "", call, [(info.Key, KeyExpr(entry))], _object.PlanOf(named.Name));
                return;
            }
            Send(PlanAction.PrintEntry, "", call, [(info.Key, KeyExpr(entry)), (Field(entry), entry)], _object.PlanOf(named.Name));
            return;
        }
        Send(PlanAction.Print, "", call, [(Field(arg), arg)], -1);
    }

    private Expr KeyExpr(IndexExpr entry)
    {
        if (entry.Keys.Count == 1)
            return entry.Keys[0];
        var tuple = new TupleExpr(entry.Span, entry.Keys, null);
        _script[tuple].Type = TupleLayout.Of(entry.Keys.Select(key => _script[key].Type));
        return tuple;
    }

    private void SendMap(PlanAction action, CallExpr call, string name) => Send(action, "", call, [], _object.PlanOf(name));

    /// <summary>Sends a record. Words are computed first; bytes are written into the record where it lies in the ring.</summary>
    private void Send(PlanAction action, string format, CallExpr call, List<(TraceType Type, Expr Value)> fields, int map)
    {
        var planned = new List<PlanField>();
        int bytes = HeaderBytes;
        foreach ((TraceType type, _) in fields)
        {
            bytes = TupleLayout.Up(bytes, TupleLayout.AlignOf(type));
            planned.Add(new PlanField(bytes, PlanTypes.Of(type, _script.Types)));
            bytes += type.SizeBytes;
        }
        bytes = TupleLayout.Up(bytes, 8);
        if (bytes > RecordMax)
        {
            _diagnostics.Add(DiagnosticTable.TraceTooLarge.At(call.Span, "the record", bytes, RecordMax));
            return;
        }
        var words = fields.ConvertAll(field => field.Type.IsScalar ? Scalar(field.Value) : -1);
        // What may leave the probe, or takes a look-up of its own, is made before the record is taken.
        var places = fields.ConvertAll(field => !field.Type.IsScalar && !IsDirect(field.Value) ? (Value?)Lower(field.Value) : null);
        if (!_f.IsOpen)
            return;
        int number = _object.AddEvent(action, format, bytes, planned, map, call.Span);
        int done = Reserve(bytes, number, out Place record);
        for (int i = 0; i < fields.Count; i++)
        {
            Place to = Shifted(record, planned[i].Offset);
            if (words[i] >= 0)
                _f.Store(Math.Clamp(fields[i].Type.SizeBytes, 1, 8), to.Address, to.Offset, words[i]);
            else if (places[i] is Value value)
                Store(value, fields[i].Type, to, fields[i].Value);
            else
                Store(fields[i].Value, fields[i].Type, to);
        }
        Submit(record, bytes, done);
    }

    // Literals, the process's name and strings from memory are written straight into the record; their own arguments are words.
    private bool IsDirect(Expr value) => _script[value].Text is not null || value is NameExpr { Name: "comm" or "__builtin_comm" }
        || (value is CallExpr { Name: "str" or "kstr" or "ustr" or "buf" } call && call.Args.TrueForAll(IsSimple)) || (value is CallExpr { Name: "comm", Args.Count: 0 });

    private bool IsSimple(Expr value) => value is VariableExpr or NameExpr or IntegerExpr or PositionalExpr || (value is MemberExpr { Target: NameExpr { Name: "args" } });

    /// <summary>Takes room for a record. When there is none it is counted as lost.</summary>
    /// <returns>The block behind the record.</returns>
    private int Reserve(int bytes, int number, out Place record)
    {
        int taken = _object.HasRing ? _f.Call(Helper.RingbufReserve, _f.MapAddress(_object.Ring), _f.Const(bytes), _f.Const(0)) : OwnRecord();
        int has = _f.NewBlock(), lost = _f.NewBlock(), done = _f.NewBlock();
        _f.Branch(CompareOp.Jne, taken, _f.Const(0), has, lost);
        _f.Start(lost);
        CountLost();
        _f.Goto(done);
        _f.Start(has);
        if (!_object.HasRing)
        {
            // In front of it the time, by which the records of all processors are put in order.
            _f.Store(8, taken, 0, _f.Call(Helper.KtimeGetNs));
            taken = _f.AddConst(taken, 8);
        }
        record = new Place(taken, 0, AddressSpace.Own);
        _f.Store(8, taken, 0, _f.Const(number));
        return done;
    }

    private void Submit(Place record, int bytes, int done)
    {
        if (_object.HasRing)
            _f.Call(Helper.RingbufSubmit, record.Address, _f.Const(0));
        else
        {
            const uint ThisProcessor = uint.MaxValue;
            int refused = _f.NewBlock();
            int result = _f.Call(Helper.PerfEventOutput, _f.Context, _f.MapAddress(_object.Ring), _f.Const(ThisProcessor), _f.AddConst(record.Address, -8), _f.Const(8 + bytes));
            _f.Branch(CompareOp.Jne, result, _f.Const(0), refused, done);
            _f.Start(refused);
            CountLost();
        }
        _f.Goto(done);
        _f.Start(done);
    }

    private void CountLost() => _f.AtomicAdd(8, _f.MapValueAddress(_object.Lost, _index * 8), 0, _f.Const(1));

    private int OwnRecord()
    {
        if (_state.IsCallback)
            NotYet(_at, "output within this loop, on kernels before 5.8");
        Place key = Temp(4, _program.Item);
        _f.Store(4, key.Address, key.Offset, _f.Const(_index));
        return _f.MapLookup(_object.Records, AddressOf(key));
    }

    /// <summary>The strings that an array of pointers ends with a null pointer leads to.</summary>
    private void Join(CallExpr call)
    {
        int size = Math.Min(JoinBytes, _script.Settings.Number("max_strlen") + 1), bytes = HeaderBytes + (JoinMax * TupleLayout.Up(size, 8));
        PlanType text = PlanTypes.Of(TraceType.String(size), _script.Types);
        string separator = call.Args.Count > 1 ? _script[call.Args[1]].Text ?? " " : " ";
        Value source = Lower(call.Args[0]);
        int array = source.IsPlace ? AddressOf(source.Place) : source.Id;
        bool isUser = IsUser(source.Type.Space);
        var fields = Enumerable.Range(0, JoinMax).Select(i => new PlanField(HeaderBytes + (i * TupleLayout.Up(size, 8)), text));
        int number = _object.AddEvent(PlanAction.Join, separator, bytes, fields, -1, call.Span);
        Place pointer = Temp(8, call);
        int done = Reserve(bytes, number, out Place record);
        for (int i = 0; i < JoinMax; i++)
            _f.Store(1, record.Address, HeaderBytes + (i * TupleLayout.Up(size, 8)), _f.Const(0));
        int end = _f.NewBlock();
        for (int i = 0; i < JoinMax; i++)
        {
            _f.Store(8, pointer.Address, pointer.Offset, _f.Const(0));
            _f.Call(isUser ? Helper.ProbeReadUser : Helper.ProbeReadKernel, AddressOf(pointer), _f.Const(8), _f.AddConst(array, 8 * i));
            int next = _f.NewBlock(), at = _f.Load(8, pointer.Address, pointer.Offset);
            _f.Branch(CompareOp.Jne, at, _f.Const(0), next, end);
            _f.Start(next);
            _f.Call(isUser ? Helper.ProbeReadUserStr : Helper.ProbeReadKernelStr, _f.AddConst(record.Address, HeaderBytes + (i * TupleLayout.Up(size, 8))), _f.Const(size), at);
        }
        _f.Goto(end);
        _f.Start(end);
        Submit(record, bytes, done);
    }

    // What helper functions could not do, told with its place when that is asked for (-k); otherwise nothing is added to the program.

    /// <summary>Calls a helper that returns a negative error number.</summary>
    private int Told(Helper helper, params ReadOnlySpan<int> arguments)
    {
        int result = _f.Call(helper, arguments);
        if (!_script.Options.TellsErrors)
            return result;
        int failed = _f.NewBlock(), end = _f.NewBlock();
        _f.Branch(CompareOp.Jslt, result, _f.Const(0), failed, end);
        _f.Start(failed);
        Tell(helper, _at, result);
        _f.Goto(end);
        _f.Start(end);
        return result;
    }

    // As scripts' users know it: without the prefix.
    private static string NameOf(Helper helper) => HelperTable.Find((int)helper)?.Name["bpf_".Length..] ?? helper.ToString();

    /// <summary>An entry that is read and is not there: its value is taken as zeros.</summary>
    private void TellMissing(Node at)
    {
        if (_script.Options.TellsErrors)
            Tell(Helper.MapLookupElem, at, _f.Const(0));
    }

    private void Tell(Helper helper, Node at, int result)
    {
        string excerpt = _object.Excerpt(at.Span);
        int bytes = HeaderBytes + 8, number = _object.AddEvent(PlanAction.HelperError, $"{NameOf(helper)}\n{excerpt}", bytes, [new PlanField(HeaderBytes, PlanTypes.Of(TraceType.Int(8, true), _script.Types))], -1, at.Span);
        int done = Reserve(bytes, number, out Place record);
        _f.Store(8, record.Address, HeaderBytes, result);
        Submit(record, bytes, done);
    }
}
