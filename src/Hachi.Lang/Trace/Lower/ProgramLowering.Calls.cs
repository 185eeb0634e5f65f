using Hachi.Isa;
using Hachi.Lang.Trace.Check;
using Hachi.Lang.Trace.Syntax;
using Hachi.Lang.Trace.Types;
using Hachi.Object.Plan;
using Hachi.Uapi;

namespace Hachi.Lang.Trace.Lower;

/// <summary>Functions that give something back.</summary>
internal sealed partial class ProgramLowering
{
    private static string Plain(string name) => name.StartsWith("__builtin_", StringComparison.Ordinal) ? name["__builtin_".Length..] : name;

    private Value Call(CallExpr call, ExprInfo info)
    {
        string name = Plain(call.Name);
        TraceType type = info.Type;
        if (EffectCall(call))
            return Word(TraceType.Void, _f.Const(0));
        switch (name)
        {
            case "str" or "kstr" or "ustr" or "buf" or "ntop" or "macaddr" or "pton" or "strftime" or "usym" or "path" or "strcap" or "comm":
                Place place = Temp(type.SizeBytes, call);
                if (!IntoPlace(call, type, place))
                    NotYet(call, name + "()");
                return At(type, place);
            case "kstack" or "ustack" or "dw_ustack": return Stack(type);
            case "ksym": return Word(type, Pointer(call.Args[0]));
            case "cgroup_path" or "strerror" or "signal_name" or "syscall_name" or "kptr" or "uptr": return Word(type, Pointer(call.Args[0]));
            case "uaddr": return Word(type, _f.AddConst(_f.Load(8, _f.Context, RegisterInstruction), info.Distance ?? 0));
            case "reg": return Register(call, info);
            case "bswap": return Word(type, _f.ByteSwap(Scalar(call.Args[0]), _script[call.Args[0]].Type is { Kind: TypeKind.Integer } swapped ? swapped.SizeBytes : 8));
            case "strncmp" or "strcmp" or "memcmp": return CompareCall(name, call);
            case "strcontains" when _script[call.Args[0]].Text is string all && _script[call.Args[1]].Text is string part:
                return Word(type, _f.Const(UpToNul(all).Contains(UpToNul(part), StringComparison.Ordinal) ? 1 : 0));
            case "strstr" when _script[call.Args[0]].Text is string hay && _script[call.Args[1]].Text is string needle:
                return Word(type, _f.Const(UpToNul(hay).IndexOf(UpToNul(needle), StringComparison.Ordinal)));
            case "strcontains": return Contains(call);
            case "strlen" when _script[call.Args[0]].Text is string known: return Word(type, _f.Const(Utf8(known).Length));
            case "strlen": return Length(call);
            case "len" when call.Args[0] is MapExpr map: return Word(type, Count(_object.MapOf(map.Name)));
            case "len" when _script[call.Args[0]].Type.Kind == TypeKind.String: return Length(call);
            case "has_key": return Word(type, _f.Compare(CompareOp.Jne, Found(call), _f.Const(0)));
            case "delete": return Word(type, Delete(call));
            case "is_err": return Word(type, _f.Compare(CompareOp.Jge, Pointer(call.Args[0]), _f.Const(-4095)));
            case "socket_cookie": return Word(type, _f.Call(Helper.GetSocketCookie, Pointer(call.Args[0])));
            case "percpu_kaddr": return PerCpuAddress(call, type);
            case "write_user": return Word(type, WriteUser(call));
            case "skboutput": return Word(type, Packet(call));
            case "len" when _script[call.Args[0]].Type.Kind is TypeKind.KernelStack or TypeKind.UserStack: return Word(type, StackLength(_script[call.Args[0]].Type, call));
        }
        if (call.Args.Count <= 1)
            return Builtin(name, call, info);
        NotYet(call, name + "()");
        return Word(type, _f.Const(0));
    }

    private static string UpToNul(string text) => text.Split('\0')[0];

    private int Pointer(Expr value) => Scalar(value);

    private int Found(CallExpr call)
    {
        MapInfo map = _script.Maps[((MapExpr)call.Args[0]).Name];
        return _f.MapLookup(_object.MapOf(map.Name), AddressOf(Key(map, [call.Args[1]], call)));
    }

    private int Delete(CallExpr call)
    {
        (string name, List<Expr>? keys) = call.Args.Count == 2 ? (((MapExpr)call.Args[0]).Name, [call.Args[1]]) : Target(call.Args[0]);
        MapInfo map = _script.Maps[name];
        int index = _object.MapOf(name);
        if (keys is not null)
            return _f.Compare(CompareOp.Jeq, _f.Call(Helper.MapDeleteElem, _f.MapAddress(index), AddressOf(Key(map, keys, call))), _f.Const(0));
        // A map with one value is never empty: it is set to zeros.
        if (!IsPerCpu(index))
            Zero(new Place(_f.MapValueAddress(index), 0, AddressSpace.Own), map.Value.SizeBytes);
        else
            SendMap(PlanAction.Clear, call, name);
        return _f.Const(1);
    }

    /// <summary>Writes what a call gives to a place; false for calls that give a word.</summary>
    private bool IntoPlace(CallExpr call, TraceType type, Place to)
    {
        switch (Plain(call.Name))
        {
            case "str" or "kstr" or "ustr" when type.Kind == TypeKind.String:
                Text(call, type, to);
                return true;
            case "strcap" when type.Kind == TypeKind.String:
                Store(call.Args[0], type, to);
                return true;
            case "comm" when type.Kind == TypeKind.String:
                if (call.Args.Count > 0 && call.Args[0] is not (NameExpr { Name: "pid" or "tid" } or CallExpr { Name: "pid" or "tid", Args.Count: 0 }))
                    NotYet(call, "comm() of another process");
                CommInto(to, type.SizeBytes);
                return true;
            case "buf" when type.Kind == TypeKind.Buffer:
                Buffer(call, type, to);
                return true;
            case "ntop" when type.Kind == TypeKind.Address:
                Address(call, to);
                return true;
            case "macaddr" when type.Kind == TypeKind.Mac:
                Value mac = Lower(call.Args[0]);
                Copy(to, mac.IsPlace ? mac.Place : new Place(mac.Id, 0, mac.Type.Space), 6);
                return true;
            case "pton" when type.Kind == TypeKind.Array:
                byte[] bytes = Convert.FromHexString(_script[call].Text ?? "");
                for (int i = 0; i < bytes.Length; i++)
                    _f.Store(1, to.Address, to.Offset + i, _f.Const(bytes[i]));
                return true;
            case "strftime" when type.Kind == TypeKind.Time:
                _f.Store(8, to.Address, to.Offset, Scalar(call.Args[1]));
                _f.Store(8, to.Address, to.Offset + 8, _f.Const(call.Args[1] is CallExpr clock && _script[clock].Text is "tai" or "sw_tai" ? 1 : 0));
                return true;
            case "path" when type.Kind == TypeKind.String:
                Path(call, type, to);
                return true;
            case "usym" when type.Kind == TypeKind.UserSymbol:
                UserSymbolInto(to, Pointer(call.Args[0]));
                return true;
            default:
                return false;
        }
    }

    private void Text(CallExpr call, TraceType type, Place to)
    {
        Value source = Lower(call.Args[0]);
        bool isUser = Plain(call.Name) == "ustr" || (Plain(call.Name) != "kstr" && IsUser(source.IsPlace ? source.Place.Space : source.Type.Space));
        Zero(to, type.SizeBytes);
        int size = _f.Const(type.SizeBytes);
        if (call.Args.Count > 1 && _script[call.Args[1]].Number is null)
        {
            int wanted = Scalar(call.Args[1]);
            size = _f.Select(CompareOp.Jgt, wanted, _f.Const(type.SizeBytes), _f.Const(type.SizeBytes), wanted);
        }
        if (NeedsScratch)
            return;
        int from = source.IsPlace ? AddressOf(source.Place) : source.Id;
        int result = _f.Call(isUser ? Helper.ProbeReadUserStr : Helper.ProbeReadKernelStr, AddressOf(to), size, from);
        // A string that could not be read is marked: one byte that no text has, and nothing behind it.
        int failed = _f.NewBlock(), end = _f.NewBlock();
        _f.Branch(CompareOp.Jslt, result, _f.Const(0), failed, end);
        _f.Start(failed);
        _f.Store(1, to.Address, to.Offset, _f.Const(0xff));
        _f.Goto(end);
        _f.Start(end);
    }

    // Four bytes with the length, four of zeros, then the bytes.
    private void Buffer(CallExpr call, TraceType type, Place to)
    {
        int most = type.SizeBytes - 8;
        Zero(to, type.SizeBytes);
        Value source = Lower(call.Args[0]);
        int size = _f.Const(most);
        if (call.Args.Count > 1)
        {
            int wanted = Scalar(call.Args[1]);
            size = _f.IsConst(wanted, out long known) ? _f.Const(Math.Clamp(known, 0, most)) : _f.Select(CompareOp.Jgt, wanted, _f.Const(most), _f.Const(most), wanted);
        }
        _f.Store(4, to.Address, to.Offset, size);
        if (NeedsScratch)
            return;
        int from = source.IsPlace ? AddressOf(source.Place) : source.Id;
        bool isUser = IsUser(source.IsPlace ? source.Place.Space : source.Type.Space) && !(source.IsPlace && source.Place.Space == AddressSpace.Own);
        _f.Call(isUser ? Helper.ProbeReadUser : Helper.ProbeReadKernel, AddressOf(Shifted(to, 8)), size, from);
    }

    // Four bytes with the family (AF_INET or AF_INET6), then the address.
    private void Address(CallExpr call, Place to)
    {
        const int Inet = 2, Inet6 = 10;
        Expr source = call.Args[^1];
        Value value = Lower(source);
        ClearInline(to, 20);
        int bytes = value.IsPlace && value.Type.SizeBytes >= 16 ? 16 : 4;
        int family = call.Args.Count > 1 ? Scalar(call.Args[0]) : _f.Const(bytes == 16 ? Inet6 : Inet);
        _f.Store(4, to.Address, to.Offset, family);
        if (!value.IsPlace)
            _f.Store(4, to.Address, to.Offset + 4, value.Id);
        else
            Copy(Shifted(to, 4), value.Place, bytes);
    }

    private Value CompareCall(string name, CallExpr call)
    {
        long most = name == "strcmp" ? int.MaxValue : _script[call.Args[2]].Number ?? int.MaxValue;
        int same = _f.NewBlock(), different = _f.NewBlock();
        if (name == "memcmp")
        {
            Value left = Lower(call.Args[0]), right = Lower(call.Args[1]);
            CompareBytes(Own(left, call), Own(right, call), (int)Math.Min(most, Math.Min(left.Type.SizeBytes, right.Type.SizeBytes)), same, different);
        }
        else
            CompareText(call.Args[0], call.Args[1], most, same, different);
        return Word(TraceType.Int64, Flag(different, same));
    }

    /// <summary>Compares two strings, at most so many bytes of them (-1: all).</summary>
    private void CompareText(Expr left, Expr right, long most, int same, int different)
    {
        if (_script[left].Text is string && _script[right].Text is null)
            (left, right) = (right, left);
        most = most < 0 ? int.MaxValue : most;
        if (_script[right].Text is string literal)
        {
            byte[] bytes = [.. Utf8(literal), 0];
            if (_script[left].Text is string other)
            {
                byte[] others = [.. Utf8(other), 0];
                int length = (int)Math.Min(most, Math.Max(bytes.Length, others.Length));
                _f.Goto(others.Take(length).SequenceEqual(bytes.Take(length)) ? same : different);
                return;
            }
            Value text = Lower(left);
            Place own = Own(text, left);
            own = text.Type.Kind == TypeKind.Buffer ? Shifted(own, 8) : own;
            int count = (int)Math.Min(most, bytes.Length);
            if (count > text.Type.SizeBytes)
                _f.Goto(different);
            else
                CompareLiteral(own, bytes.AsSpan(0, count), same, different);
            return;
        }
        Value a = Lower(left), b = Lower(right);
        CompareStrings(Own(a, left), Own(b, right), (int)Math.Min(most, Math.Min(a.Type.SizeBytes, b.Type.SizeBytes)), same, different);
    }

    private void CompareLiteral(Place text, ReadOnlySpan<byte> bytes, int same, int different)
    {
        for (int at = 0; at < bytes.Length && !NeedsScratch;)
        {
            int size = Piece(text.Offset + at, bytes.Length - at), next = _f.NewBlock();
            long word = 0;
            for (int i = size - 1; i >= 0; i--)
                word = (word << 8) | bytes[at + i];
            _f.Branch(CompareOp.Jeq, _f.Load(size, text.Address, text.Offset + at), _f.Const(word), next, different);
            _f.Start(next);
            at += size;
        }
        _f.Goto(same);
    }

    // Short ones byte by byte in a row, long ones in a loop.
    private void CompareStrings(Place left, Place right, int most, int same, int different)
    {
        if (NeedsScratch)
        {
            _f.Goto(same);
            return;
        }
        int i = _f.NewVariable();
        _f.Write(i, _f.Const(0));
        int head = _f.NewLoopHead(), body = _f.NewBlock(), equal = _f.NewBlock(), next = _f.NewBlock();
        _f.Start(head);
        int index = _f.Read(i);
        _f.Branch(CompareOp.Jlt, index, _f.Const(most), body, same);
        _f.Start(body);
        int a = _f.Load(1, _f.Add(left.Address, index), left.Offset), b = _f.Load(1, _f.Add(right.Address, index), right.Offset);
        _f.Branch(CompareOp.Jeq, a, b, equal, different);
        _f.Start(equal);
        _f.Branch(CompareOp.Jeq, a, _f.Const(0), same, next);
        _f.Start(next);
        _f.Write(i, _f.AddConst(index, 1));
        _f.Goto(head);
        _f.Seal(head);
    }

    // Every beginning is tried; the verifier walks through all of it, so both must be short.
    private Value Contains(CallExpr call)
    {
        const int StepsMax = 1 << 14;
        Value text = Lower(call.Args[0]), part = Lower(call.Args[1]);
        Place hay = Own(text, call), needle = Own(part, call);
        if ((long)text.Type.SizeBytes * part.Type.SizeBytes > StepsMax)
            NotYet(call, "strcontains() of strings that long (read less: str(x, 64))");
        if (NeedsScratch)
            return Word(TraceType.Bool, _f.Const(0));
        int i = _f.NewVariable(), j = _f.NewVariable();
        _f.Write(i, _f.Const(0));
        int outer = _f.NewLoopHead(), begin = _f.NewBlock(), inner = _f.NewLoopHead(), step = _f.NewBlock(), inside = _f.NewBlock(), compare = _f.NewBlock(), more = _f.NewBlock(), next = _f.NewBlock(), go = _f.NewBlock(), yes = _f.NewBlock(), no = _f.NewBlock();
        _f.Start(outer);
        int start = _f.Read(i);
        _f.Branch(CompareOp.Jlt, start, _f.Const(text.Type.SizeBytes), begin, no);
        _f.Start(begin);
        _f.Write(j, _f.Const(0));
        _f.Start(inner);
        int at = _f.Read(j);
        _f.Branch(CompareOp.Jlt, at, _f.Const(part.Type.SizeBytes), step, yes);
        _f.Start(step);
        int wanted = _f.Load(1, _f.Add(needle.Address, at), needle.Offset);
        _f.Branch(CompareOp.Jeq, wanted, _f.Const(0), yes, inside);
        _f.Start(inside);
        int place = _f.Add(_f.Read(i), at);
        _f.Branch(CompareOp.Jlt, place, _f.Const(text.Type.SizeBytes), compare, next);
        _f.Start(compare);
        _f.Branch(CompareOp.Jeq, _f.Load(1, _f.Add(hay.Address, place), hay.Offset), wanted, more, next);
        _f.Start(more);
        _f.Write(j, _f.AddConst(_f.Read(j), 1));
        _f.Goto(inner);
        _f.Seal(inner);
        _f.Start(next);
        int from = _f.Read(i);
        _f.Branch(CompareOp.Jeq, _f.Load(1, _f.Add(hay.Address, from), hay.Offset), _f.Const(0), no, go);
        _f.Start(go);
        _f.Write(i, _f.AddConst(from, 1));
        _f.Goto(outer);
        _f.Seal(outer);
        return Word(TraceType.Bool, Flag(yes, no));
    }

    private Value Length(CallExpr call)
    {
        Value text = Lower(call.Args[0]);
        Place own = Own(text, call);
        if (NeedsScratch)
            return Word(TraceType.Int64, _f.Const(0));
        int i = _f.NewVariable();
        _f.Write(i, _f.Const(0));
        int head = _f.NewLoopHead(), body = _f.NewBlock(), next = _f.NewBlock(), end = _f.NewBlock();
        _f.Start(head);
        int index = _f.Read(i);
        _f.Branch(CompareOp.Jlt, index, _f.Const(text.Type.SizeBytes), body, end);
        _f.Start(body);
        _f.Branch(CompareOp.Jeq, _f.Load(1, _f.Add(own.Address, index), own.Offset), _f.Const(0), end, next);
        _f.Start(next);
        _f.Write(i, _f.AddConst(index, 1));
        _f.Goto(head);
        _f.Seal(head);
        _f.Start(end);
        return Word(TraceType.Int64, _f.Read(i));
    }
}
