using Hachi.Isa;
using Hachi.Lang.Trace.Check;
using Hachi.Lang.Trace.Syntax;
using Hachi.Lang.Trace.Types;
using Hachi.Uapi;

namespace Hachi.Lang.Trace.Lower;

/// <summary>What adds up: each processor has its own value and changes it in place, through the pointer that the look-up gave.</summary>
internal sealed partial class ProgramLowering
{
    private void Aggregate(MapInfo map, int index, List<Expr>? keys, CallExpr call, Expr at)
    {
        int value = call.Args.Count > 0 ? Scalar(call.Args[0]) : _f.Const(0);
        int bucket = map.Value.Kind switch
        {
            TypeKind.Histogram => LogBucket(value, (int)map.Value.Numbers[0], map.Value.IsSigned),
            TypeKind.LinearHistogram => LinearBucket(value, map.Value.Numbers),
            TypeKind.TimeSeries => _f.Binary(AluOp.Div, _f.Call(Helper.KtimeGetBootNs), _f.Const(map.Value.Numbers[0])),
            _ => -1,
        };
        Place key = Key(map, keys, at);
        int found = _f.NewVariable(), first = _f.MapLookup(index, AddressOf(key)), update = _f.NewBlock(), end = _f.NewBlock();
        if (keys is null)
            _f.Branch(CompareOp.Jne, first, _f.Const(0), update, end);
        else
        {
            int miss = _f.NewBlock(), hit = _f.NewBlock();
            _f.Branch(CompareOp.Jne, first, _f.Const(0), hit, miss);
            _f.Start(hit);
            _f.Write(found, first);
            _f.Goto(update);
            _f.Start(miss);
            int full = _f.NewBlock();
            if (map.Value.Kind is TypeKind.Count or TypeKind.Sum or TypeKind.Average or TypeKind.Stats or TypeKind.Min or TypeKind.Max)
            {
                // Another processor may have added the key meanwhile: an update sets what this one has, which is still nothing.
                int refused = _f.Call(Helper.MapUpdateElem, _f.MapAddress(index), AddressOf(key), FirstValue(map.Value, value), _f.Const(0));
                _f.Branch(CompareOp.Jne, refused, _f.Const(0), full, end);
                _f.Start(full);
                Warn(MapFull, at);
                _f.Goto(end);
            }
            else
            {
                _f.Call(Helper.MapUpdateElem, _f.MapAddress(index), AddressOf(key), NewValue(map.Value.SizeBytes), _f.Const(NoExist));
                int second = _f.MapLookup(index, AddressOf(key)), made = _f.NewBlock();
                _f.Branch(CompareOp.Jne, second, _f.Const(0), made, full);
                _f.Start(full);
                Warn(MapFull, at);
                _f.Goto(end);
                _f.Start(made);
                _f.Write(found, second);
                _f.Goto(update);
            }
        }
        _f.Start(update);
        Change(map.Value, keys is null ? first : _f.Read(found), value, bucket, end);
        _f.Goto(end);
        _f.Start(end);
    }

    // What stands in a new entry after its first event: the number, if there is one, and how many there were.
    private int FirstValue(TraceType type, int value)
    {
        Place first = Temp(type.SizeBytes, _program.Item);
        _f.Store(8, first.Address, first.Offset, type.Kind == TypeKind.Count ? _f.Const(1) : value);
        if (type.Kind is not (TypeKind.Count or TypeKind.Sum))
            _f.Store(8, first.Address, first.Offset + 8, _f.Const(1));
        return AddressOf(first);
    }

    // What a new entry begins with: zeros.
    private int NewValue(int bytes)
    {
        if (bytes > 32)
            return _f.MapValueAddress(_object.Zero(bytes));
        Place zeros = Temp(bytes, _program.Item);
        ClearInline(zeros, TupleLayout.Up(bytes, 8));
        return AddressOf(zeros);
    }

    private void Change(TraceType type, int at, int value, int bucket, int end)
    {
        switch (type.Kind)
        {
            case TypeKind.Count:
                _f.Store(8, at, 0, _f.AddConst(_f.Load(8, at), 1));
                break;
            case TypeKind.Sum:
                _f.Store(8, at, 0, _f.Add(_f.Load(8, at), value));
                break;
            case TypeKind.Average or TypeKind.Stats:
                _f.Store(8, at, 0, _f.Add(_f.Load(8, at), value));
                _f.Store(8, at, 8, _f.AddConst(_f.Load(8, at, 8), 1));
                break;
            case TypeKind.Min or TypeKind.Max:
                int compare = _f.NewBlock(), take = _f.NewBlock();
                CompareOp better = (type.Kind == TypeKind.Min, type.IsSigned) switch { (true, true) => CompareOp.Jslt, (true, false) => CompareOp.Jlt, (false, true) => CompareOp.Jsgt, _ => CompareOp.Jgt };
                _f.Branch(CompareOp.Jeq, _f.Load(8, at, 8), _f.Const(0), take, compare);
                _f.Start(compare);
                _f.Branch(better, value, _f.Load(8, at), take, end);
                _f.Start(take);
                _f.Store(8, at, 0, value);
                _f.Store(8, at, 8, _f.Const(1));
                break;
            case TypeKind.TimeSeries:
                Series(type, at, value, bucket, end);
                break;
            default:
                // The verifier wants to see that the bucket is one of the map's.
                int inside = _f.NewBlock();
                _f.Branch(CompareOp.Jlt, bucket, _f.Const(type.SizeBytes / 8), inside, end);
                _f.Start(inside);
                int place = _f.Add(at, _f.ShiftLeft(bucket, _f.Const(3)));
                _f.Store(8, place, 0, _f.AddConst(_f.Load(8, place), 1));
                break;
        }
    }

    /// <summary>
    /// A value of a series: the intervals take turns in the map's value, 24 bytes each: number of the interval, the value, how many were added. An interval that comes round again begins anew.
    /// </summary>
    private void Series(TraceType type, int at, int value, int interval, int end)
    {
        const int RowBytes = 24;
        int slot = _f.Binary(AluOp.Mod, interval, _f.Const(type.Numbers[1])), inside = _f.NewBlock(), fresh = _f.NewBlock(), ready = _f.NewBlock();
        _f.Branch(CompareOp.Jlt, slot, _f.Const(type.Numbers[1]), inside, end);
        _f.Start(inside);
        int row = _f.Add(at, _f.Mul(slot, _f.Const(RowBytes)));
        _f.Branch(CompareOp.Jeq, _f.Load(8, row), interval, ready, fresh);
        _f.Start(fresh);
        _f.Store(8, row, 0, interval);
        _f.Store(8, row, 8, _f.Const(0));
        _f.Store(8, row, 16, _f.Const(0));
        _f.Goto(ready);
        _f.Start(ready);
        int count = _f.Load(8, row, 16), before = _f.Load(8, row, 8);
        _f.Store(8, row, 16, _f.AddConst(count, 1));
        if (type.Text is "sum" or "avg")
            value = _f.Add(before, value);
        else if (type.Text is "min" or "max")
        {
            CompareOp better = (type.Text == "min", type.IsSigned) switch { (true, true) => CompareOp.Jslt, (true, false) => CompareOp.Jlt, (false, true) => CompareOp.Jsgt, _ => CompareOp.Jgt };
            value = _f.Select(CompareOp.Jeq, count, _f.Const(0), value, _f.Select(better, value, before, value, before));
        }
        _f.Store(8, row, 8, value);
    }

    /// <summary>
    /// Bucket of a number among powers of two, each in 2^<paramref name="bits"/> equal parts: 0 for negative ones, then one each for the numbers below 2^bits, then the parts.
    /// </summary>
    private int LogBucket(int value, int bits, bool isSigned)
    {
        int result = _f.NewVariable(), end = _f.NewBlock();
        if (isSigned)
        {
            int negative = _f.NewBlock(), other = _f.NewBlock();
            _f.Branch(CompareOp.Jslt, value, _f.Const(0), negative, other);
            _f.Start(negative);
            _f.Write(result, _f.Const(0));
            _f.Goto(end);
            _f.Start(other);
        }
        int small = _f.NewBlock(), large = _f.NewBlock();
        _f.Branch(CompareOp.Jlt, value, _f.Const(1L << bits), small, large);
        _f.Start(small);
        _f.Write(result, _f.AddConst(value, 1));
        _f.Goto(end);
        _f.Start(large);
        int rest = _f.NewVariable(), sum = _f.NewVariable();
        _f.Write(rest, value);
        _f.Write(sum, _f.Const(0));
        for (int step = 32; step > 0; step /= 2)
        {
            // A comparison with a constant saves the shift where it is not needed; of 32 bits the constant does not fit.
            int now = _f.Read(rest), upper = step == 32 ? _f.ShiftRight(now, _f.Const(step)) : -1, big = _f.NewBlock(), next = _f.NewBlock();
            if (step == 32)
                _f.Branch(CompareOp.Jne, upper, _f.Const(0), big, next);
            else
                _f.Branch(CompareOp.Jlt, now, _f.Const(1L << step), next, big);
            _f.Start(big);
            if (step > 1)
                _f.Write(rest, step == 32 ? upper : _f.ShiftRight(now, _f.Const(step)));
            _f.Write(sum, _f.AddConst(_f.Read(sum), step));
            _f.Goto(next);
            _f.Start(next);
        }
        int log = _f.Read(sum);
        int bucket = _f.AddConst(log, 2);
        if (bits > 0)
        {
            int part = _f.And(_f.ShiftRight(value, _f.AddConst(log, -bits)), _f.Const((1L << bits) - 1));
            bucket = _f.AddConst(_f.Add(_f.ShiftLeft(_f.AddConst(log, 1 - bits), _f.Const(bits)), part), 1);
        }
        _f.Write(result, bucket);
        _f.Goto(end);
        _f.Start(end);
        return _f.Read(result);
    }

    /// <summary>Bucket of a number between bounds: 0 below, the last above.</summary>
    private int LinearBucket(int value, NumberList numbers)
    {
        (long least, long most, long step) = (numbers[0], numbers[1], numbers[2]);
        long buckets = (most - least + step - 1) / step;
        int result = _f.NewVariable(), below = _f.NewBlock(), notBelow = _f.NewBlock(), above = _f.NewBlock(), inside = _f.NewBlock(), end = _f.NewBlock();
        _f.Branch(CompareOp.Jslt, value, _f.Const(least), below, notBelow);
        _f.Start(below);
        _f.Write(result, _f.Const(0));
        _f.Goto(end);
        _f.Start(notBelow);
        _f.Branch(CompareOp.Jsge, value, _f.Const(most), above, inside);
        _f.Start(above);
        _f.Write(result, _f.Const(buckets + 1));
        _f.Goto(end);
        _f.Start(inside);
        _f.Write(result, _f.AddConst(_f.Binary(AluOp.Div, _f.AddConst(value, unchecked(-least)), _f.Const(step)), 1));
        _f.Goto(end);
        _f.Start(end);
        return _f.Read(result);
    }
}
