using Hachi.Lang.Trace.Syntax;
using Hachi.Lang.Trace.Types;
using Hachi.Text;

namespace Hachi.Lang.Trace.Check;

/// <summary>Maps: their keys and values follow from every use.</summary>
internal sealed partial class Checker
{
    private MapInfo Map(MapExpr map)
    {
        if (!_script.Maps.TryGetValue(map.Name, out MapInfo? info))
            _script.Maps[map.Name] = info = new MapInfo(map.Name, map.Span);
        return info;
    }

    /// <summary>The map that an expression names, with its key checked; null when it names none.</summary>
    private (MapInfo Map, TraceType Key)? MapTarget(Expr target)
    {
        if (target is MapExpr plain)
        {
            MapInfo scalar = Map(plain);
            scalar.IsUsed = true;
            SetKey(scalar, TraceType.Void, plain);
            return (scalar, TraceType.Void);
        }
        if (target is not IndexExpr { Target: MapExpr map } index)
            return null;
        MapInfo info = Map(map);
        info.IsUsed = true;
        TraceType key = KeyOf(index.Keys);
        SetKey(info, key, index);
        return (info, key);
    }

    private TraceType KeyOf(List<Expr> keys)
    {
        var types = keys.ConvertAll(Type);
        return types.Count == 1 ? types[0] : TupleLayout.Of(types);
    }

    private void SetKey(MapInfo map, TraceType key, Expr at)
    {
        if (key.Kind == TypeKind.None || (key.Kind == TypeKind.Tuple && key.Tuple!.Items.Any(item => item.Type.Kind == TypeKind.None)))
            return;
        if (map.Key.Kind == TypeKind.Void != (key.Kind == TypeKind.Void) && map.Key.Kind != TypeKind.None)
        {
            if (map.IsScalar)
                Report(DiagnosticTable.TraceKeyExtra, at, map.Name);
            else
                Report(DiagnosticTable.TraceKeyMissing, at, map.Name, map.Key);
            return;
        }
        if (key.IsAggregate && !key.IsSummable)
        {
            Report(DiagnosticTable.TraceNoValue, at, key);
            return;
        }
        TraceType stored = key.IsAggregate ? Read(key).Stored() : key.Stored();
        if (Unify(map.Key, stored) is not TraceType both)
        {
            Report(DiagnosticTable.TraceKeyType, at, map.Name, Words(key), Words(map.Key));
            return;
        }
        if (!both.Equals(map.Key))
        {
            map.Key = both;
            _changed = true;
        }
    }

    private static string Words(TraceType type) => type.Kind == TypeKind.Tuple ? type.ToString() : $"({type})";

    private void SetValue(MapInfo map, TraceType value, Node at)
    {
        TraceType stored = value.Stored();
        if (value.Kind == TypeKind.Void)
        {
            Report(DiagnosticTable.TraceNoValue, at, at is Expr expression ? ScriptPrinter.Print(expression) : "this");
            return;
        }
        // An aggregation goes on as one: @x = count(); @x = 5 is a mistake, @x++ on a count is not.
        if (Unify(map.Value, stored) is not TraceType both)
        {
            Report(DiagnosticTable.TraceMapType, at, map.Name, map.Value, value);
            return;
        }
        if (both.Space == AddressSpace.Unknown && value.Space != AddressSpace.Unknown)
            both = both with { Space = value.Space };
        if (!both.Equals(map.Value) || both.Space != map.Value.Space)
        {
            map.Value = both;
            _changed = true;
        }
    }

    private void AssignMap(AssignStatement assign)
    {
        if (MapTarget(assign.Target!) is not (MapInfo map, _))
            return;
        if (assign is { Op: "=", Value: CallExpr call } && FunctionTable.Aggregations.TryGetValue(call.Name, out TypeKind kind))
        {
            TraceType aggregate = Aggregate(call, kind);
            _script[call].Type = aggregate;
            SetValue(map, aggregate, assign.Value);
        }
        else
        {
            TraceType value = Type(assign.Value);
            if (value.IsAggregate)
                value = value.IsSummable ? Read(value) : value;
            if (assign.Op != "=" && !map.Value.IsSummable)
                value = Combined(assign, map.Value, value);
            if (map.Value.IsAggregate)
                Report(DiagnosticTable.TraceMapType, assign.Value, map.Name, map.Value, value);
            else
                SetValue(map, value, assign.Value);
        }
        _script[assign.Target!].Type = map.Value;
    }

    private TraceType Aggregate(CallExpr call, TypeKind kind)
    {
        FunctionInfo info = FunctionTable.Find(call.Name)!;
        if (!Arity(call, info))
            return TraceType.None;
        foreach (Expr arg in call.Args)
            Type(arg);
        bool isSigned = call.Args.Count > 0 && _script[call.Args[0]].Type.IsSigned;
        if (call.Args.Count > 0)
            Number(call.Args[0], call.Name);
        switch (kind)
        {
            case TypeKind.Histogram:
                long bits = call.Args.Count > 1 ? Known(call, 1, 0, 5) : 0;
                return new TraceType(kind, (int)(((65 - bits) << (int)bits) + 2) * 8) { IsSigned = isSigned, Numbers = new NumberList(bits) };
            case TypeKind.LinearHistogram:
                return Linear(call);
            case TypeKind.TimeSeries:
                long interval = Known(call, 1, 1, long.MaxValue), count = Known(call, 2, 1, 1000);
                string how = call.Args.Count > 3 ? _script[call.Args[3]].Text ?? "" : "";
                if (how is not ("" or "avg" or "sum" or "min" or "max"))
                    Report(DiagnosticTable.TraceWord, call.Args[3], how, "avg, sum, min, max");
                return new TraceType(kind, (int)count * 24) { IsSigned = isSigned, Numbers = new NumberList(interval, count), Text = how };
            case TypeKind.Average or TypeKind.Stats or TypeKind.Min or TypeKind.Max:
                return new TraceType(kind, 16) { IsSigned = isSigned };
            default:
                return new TraceType(kind, 8) { IsSigned = isSigned };
        }
    }

    private TraceType Linear(CallExpr call)
    {
        long least = Known(call, 1, long.MinValue, long.MaxValue), most = Known(call, 2, long.MinValue, long.MaxValue), step = Known(call, 3, 1, long.MaxValue);
        if (step <= 0 || most <= least || (most - least) / step > 1000)
        {
            if (_script[call.Args[1]].Number is not null && _script[call.Args[2]].Number is not null && _script[call.Args[3]].Number is not null)
                Report(DiagnosticTable.TraceFormat, call, most <= least ? "lhist() max must be greater than min" : "lhist() has too many buckets: at most 1000");
            return new TraceType(TypeKind.LinearHistogram, 24) { Numbers = new NumberList(0, 1, 1), IsSigned = true };
        }
        return new TraceType(TypeKind.LinearHistogram, (int)(((most - least + step - 1) / step) + 2) * 8) { Numbers = new NumberList(least, most, step), IsSigned = true };
    }

    /// <summary>An argument that must be known now.</summary>
    private long Known(CallExpr call, int index, long least, long most)
    {
        Expr arg = call.Args[index];
        if (_script[arg].Number is not long value)
        {
            Report(DiagnosticTable.TraceLiteral, arg, call.Name + "()", "a number");
            return 0;
        }
        if (value < least || value > most)
        {
            Report(DiagnosticTable.TraceNumberRange, arg, value, least, most);
            return least;
        }
        return value;
    }

    /// <summary>What an aggregate is when it is read as a number.</summary>
    private static TraceType Read(TraceType aggregate) => aggregate.IsSummable ? TraceType.Int(8, aggregate.Kind is TypeKind.Count ? true : aggregate.IsSigned) : aggregate;
}
