using Hachi.Isa;
using Hachi.Lang.Trace.Check;
using Hachi.Lang.Trace.Syntax;
using Hachi.Lang.Trace.Types;
using Hachi.Uapi;

namespace Hachi.Lang.Trace.Lower;

/// <summary>Maps: keys, values, and what adds up in them.</summary>
internal sealed partial class ProgramLowering
{
    private const int NoExist = 1;

    private bool IsPerCpu(int map) => _object.TypeOf(map) is MapType.PercpuArray or MapType.PercpuHash or MapType.LruPercpuHash;

    private static (string Name, List<Expr>? Keys) Target(Expr target) => target is IndexExpr { Target: MapExpr map } index ? (map.Name, index.Keys) : (((MapExpr)target).Name, null);

    /// <summary>Writes a key where it can be passed to the kernel.</summary>
    private Place Key(MapInfo map, List<Expr>? keys, Expr at)
    {
        if (keys is null)
        {
            Place zero = Temp(4, at);
            _f.Store(4, zero.Address, zero.Offset, _f.Const(0));
            return zero;
        }
        Place key = Temp(map.Key.SizeBytes, at);
        if (keys.Count == 1)
            Store(keys[0], map.Key, key);
        else
        {
            ZeroGaps(map.Key, key);
            for (int i = 0; i < keys.Count; i++)
                Store(keys[i], map.Key.Tuple!.Items[i].Type, Shifted(key, map.Key.Tuple.Items[i].Offset));
        }
        return key;
    }

    /// <summary>The value of a map at a key; zeros where there is none.</summary>
    private Value ReadMap(Expr target)
    {
        (string name, List<Expr>? keys) = Target(target);
        MapInfo map = _script.Maps[name];
        int index = _object.MapOf(name);
        if (map.Value.IsSummable && IsPerCpu(index))
            return Word(TraceType.Int(8, map.Value.Kind == TypeKind.Count || map.Value.IsSigned), Sum(map.Value, index, Key(map, keys, target)));
        if (keys is null && !IsPerCpu(index))
        {
            var direct = new Place(_f.MapValueAddress(index), 0, AddressSpace.Own);
            return map.Value.IsScalar ? Word(map.Value, Load(direct, map.Value)) : At(map.Value, direct);
        }
        Place key = Key(map, keys, target);
        int found = _f.MapLookup(index, AddressOf(key)), hit = _f.NewBlock(), miss = _f.NewBlock(), end = _f.NewBlock();
        if (map.Value.IsScalar)
        {
            int result = _f.NewVariable();
            _f.Branch(CompareOp.Jne, found, _f.Const(0), hit, miss);
            _f.Start(hit);
            _f.Write(result, Load(new Place(found, 0, AddressSpace.Own), map.Value));
            _f.Goto(end);
            _f.Start(miss);
            _f.Write(result, _f.Const(0));
            TellMissing(target);
            _f.Goto(end);
            _f.Start(end);
            return Word(map.Value, _f.Read(result));
        }
        Place copy = Temp(map.Value.SizeBytes, target);
        _f.Branch(CompareOp.Jne, found, _f.Const(0), hit, miss);
        _f.Start(hit);
        Copy(copy, new Place(found, 0, AddressSpace.Own), map.Value.SizeBytes);
        _f.Goto(end);
        _f.Start(miss);
        Zero(copy, map.Value.SizeBytes);
        TellMissing(target);
        _f.Goto(end);
        _f.Start(end);
        return At(map.Value, copy);
    }

    private void AssignMap(AssignStatement assign)
    {
        (string name, List<Expr>? keys) = Target(assign.Target!);
        MapInfo map = _script.Maps[name];
        int index = _object.MapOf(name);
        if (map.Value.IsAggregate)
        {
            if (assign.Value is CallExpr call)
                Aggregate(map, index, keys, call, assign.Target!);
            return;
        }
        if (assign.Op is "+=" or "-=" && map.Value.Kind is TypeKind.Integer or TypeKind.Pointer)
        {
            int by = Scalar(assign.Value);
            by = map.Value.Kind == TypeKind.Pointer ? Scaled(by, map.Value) : by;
            AddTo(map, index, keys, assign.Op == "+=" ? by : _f.Negate(by), assign.Target!);
            return;
        }
        if (keys is null && !IsPerCpu(index))
        {
            var direct = new Place(_f.MapValueAddress(index), 0, AddressSpace.Own);
            if (assign.Op != "=")
                _f.Store(8, direct.Address, 0, Operation(assign.Op[..^1], Word(map.Value, Load(direct, map.Value)), null, Lower(assign.Value), assign.Value, assign).Id);
            else
                Store(assign.Value, map.Value, direct);
            return;
        }
        Place value = Temp(map.Value.SizeBytes, assign);
        if (assign.Op != "=")
            _f.Store(8, value.Address, value.Offset, Operation(assign.Op[..^1], ReadMap(assign.Target!), null, Lower(assign.Value), assign.Value, assign).Id);
        else
        {
            if (map.Value.SizeBytes % 8 != 0 && map.Value.IsScalar)
                _f.Store(8, value.Address, value.Offset, _f.Const(0));
            Store(assign.Value, map.Value, value);
        }
        Place key = Key(map, keys, assign.Target!);
        Update(index, keys, key, value, assign.Target!);
    }

    /// <summary>Writes an entry; that a map is full is told.</summary>
    private void Update(int map, List<Expr>? keys, Place key, Place value, Expr at)
    {
        int result = _f.Call(Helper.MapUpdateElem, _f.MapAddress(map), AddressOf(key), AddressOf(value), _f.Const(0));
        if (keys is null)
            return;
        int full = _f.NewBlock(), end = _f.NewBlock();
        _f.Branch(CompareOp.Jne, result, _f.Const(0), full, end);
        _f.Start(full);
        Warn(MapFull, at);
        _f.Goto(end);
        _f.Start(end);
    }

    private const string MapFull = "Map full; can't update element. Try increasing max_map_keys, or declare the map: let @x = lruhash(N);";

    /// <summary>Notes that something happened that is to be told, once.</summary>
    private void Warn(string text, Node at)
    {
        int offset = _object.AddWarning(text, at.Span);
        _f.Store(8, _f.MapValueAddress(_object.Warnings), offset, _f.Const(1));
    }

    /// <summary>Adds to a number in a map, in one step that no other processor comes between.</summary>
    private void AddTo(MapInfo map, int index, List<Expr>? keys, int by, Expr at)
    {
        if (keys is null && !IsPerCpu(index))
        {
            _f.AtomicAdd(8, _f.MapValueAddress(index), 0, by);
            return;
        }
        Place key = Key(map, keys, at);
        int found = _f.MapLookup(index, AddressOf(key)), hit = _f.NewBlock(), miss = _f.NewBlock(), end = _f.NewBlock();
        _f.Branch(CompareOp.Jne, found, _f.Const(0), hit, miss);
        _f.Start(hit);
        if (IsPerCpu(index))
            _f.Store(8, found, 0, _f.Add(_f.Load(8, found), by));
        else
            _f.AtomicAdd(8, found, 0, by);
        _f.Goto(end);
        _f.Start(miss);
        Place value = Temp(8, at);
        _f.Store(8, value.Address, value.Offset, by);
        Update(index, keys, key, value, at);
        _f.Goto(end);
        _f.Start(end);
    }

    /// <summary><c>x++</c> and its like; yields the value before or after.</summary>
    private Value Step(UnaryExpr step)
    {
        bool up = step.Op == "++";
        if (step.Operand is VariableExpr variable)
        {
            VariableInfo info = _script[variable].Variable!;
            int before = Read(info);
            long by = info.Type.Kind == TypeKind.Pointer ? Math.Max(1, info.Type.Element!.SizeBytes) : 1;
            int after = Narrowed(info, _f.AddConst(before, up ? by : -by));
            Write(info, after);
            return Word(info.Type, step.IsPostfix ? before : after);
        }
        (string name, List<Expr>? keys) = Target(step.Operand);
        MapInfo map = _script.Maps[name];
        int index = _object.MapOf(name);
        if (map.Value.IsAggregate)
        {
            NotYet(step, $"{step.Op} on {map.Value}");
            return Word(TraceType.Int64, _f.Const(0));
        }
        long delta = map.Value.Kind == TypeKind.Pointer ? Math.Max(1, map.Value.Element!.SizeBytes) : 1;
        int old = step.IsPostfix ? ReadMap(step.Operand).Id : -1;
        AddTo(map, index, keys, _f.Const(up ? delta : -delta), step.Operand);
        return Word(map.Value, step.IsPostfix ? old : ReadMap(step.Operand).Id);
    }

    private int Scaled(int by, TraceType pointer) => pointer.Element!.SizeBytes > 1 ? _f.Mul(by, _f.Const(pointer.Element.SizeBytes)) : by;

    /// <summary>The whole of a number that every processor has a part of.</summary>
    private int Sum(TraceType type, int map, Place key)
    {
        int total = _f.NewVariable(), count = _f.NewVariable(), cpu = _f.NewVariable();
        _f.Write(total, _f.Const(0));
        _f.Write(count, _f.Const(0));
        _f.Write(cpu, _f.Const(0));
        int head = _f.NewLoopHead(), body = _f.NewBlock(), found = _f.NewBlock(), next = _f.NewBlock(), end = _f.NewBlock();
        _f.Start(head);
        _f.Branch(CompareOp.Jlt, _f.Read(cpu), _f.Const(_object.Facts.Processors), body, end);
        _f.Start(body);
        int part = _f.Call(Helper.MapLookupPercpuElem, _f.MapAddress(map), AddressOf(key), _f.Read(cpu));
        _f.Branch(CompareOp.Jne, part, _f.Const(0), found, next);
        _f.Start(found);
        int first = _f.Load(8, part), second = type.SizeBytes > 8 ? _f.Load(8, part, 8) : -1;
        if (type.Kind is TypeKind.Min or TypeKind.Max)
        {
            // The first part that is set, then whatever is better.
            CompareOp better = (type.Kind == TypeKind.Min, type.IsSigned) switch { (true, true) => CompareOp.Jslt, (true, false) => CompareOp.Jlt, (false, true) => CompareOp.Jsgt, _ => CompareOp.Jgt };
            int set = _f.NewBlock(), take = _f.NewBlock(), compare = _f.NewBlock();
            _f.Branch(CompareOp.Jne, second, _f.Const(0), set, next);
            _f.Start(set);
            _f.Branch(CompareOp.Jeq, _f.Read(count), _f.Const(0), take, compare);
            _f.Start(compare);
            _f.Branch(better, first, _f.Read(total), take, next);
            _f.Start(take);
            _f.Write(total, first);
            _f.Write(count, _f.Const(1));
        }
        else
        {
            _f.Write(total, _f.Add(_f.Read(total), first));
            if (second >= 0)
                _f.Write(count, _f.Add(_f.Read(count), second));
        }
        _f.Goto(next);
        _f.Start(next);
        _f.Write(cpu, _f.AddConst(_f.Read(cpu), 1));
        _f.Goto(head);
        _f.Seal(head);
        _f.Start(end);
        if (type.Kind is TypeKind.Average or TypeKind.Stats)
            return Divide(_f.Read(total), _f.Read(count), type.IsSigned);
        return _f.Read(total);
    }
}
