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
            case "ppid" or "pcomm" or "leader_comm" or "leader_tid": return Builtin(name, call, info);
            case "str" or "kstr" or "ustr" or "buf" or "ntop" or "macaddr" or "pton" or "strftime" or "usym" or "path" or "comm":
                Place place = Temp(type.SizeBytes, call);
                if (!IntoPlace(call, type, place))
                    NotYet(call, name + "()");
                return At(type, place);
            case "str_concat": return At(type, Concatenate(call, type));
            case "kstack" or "ustack" or "dw_ustack": return Stack(type);
            case "ksym": return Word(type, Pointer(call.Args[0]));
            case "cgroup_path" or "strerror" or "signal_name" or "syscall_name" or "kptr" or "uptr": return Word(type, Pointer(call.Args[0]));
            case "container_of": return Word(type, _f.AddConst(Pointer(call.Args[0]), info.Distance ?? 0));
            case "uaddr": return Word(type, _f.AddConst(_f.Load(8, _f.Context, RegisterInstruction), info.Distance ?? 0));
            case "reg": return Register(call, info);
            case "bswap": return Word(type, _f.ByteSwap(Scalar(call.Args[0]), _script[call.Args[0]].Type is { Kind: TypeKind.Integer } swapped ? swapped.SizeBytes : 8));
            case "strncmp" or "strcmp" or "memcmp": return CompareCall(name, call);
            case "strcontains" or "strstr" when _script[call.Args[0]].Text is string hay && _script[call.Args[1]].Text is string needle:
                int found = UpToNul(hay).IndexOf(UpToNul(needle), StringComparison.Ordinal);
                return Word(type, _f.Const(name == "strstr" ? found : found >= 0 ? 1 : 0));
            case "strstr": return Word(type, IndexOf(call));
            case "strcontains": return Word(type, _f.Compare(CompareOp.Jsge, IndexOf(call), _f.Const(0)));
            case "globmatch": return Word(type, GlobMatch(call));
            case "find": return Word(type, FindEntry(call));
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
            return _f.Compare(CompareOp.Jeq, Told(Helper.MapDeleteElem, _f.MapAddress(index), AddressOf(Key(map, keys, call))), _f.Const(0));
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
        int result = Told(isUser ? Helper.ProbeReadUserStr : Helper.ProbeReadKernelStr, AddressOf(to), size, from);
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
        Told(isUser ? Helper.ProbeReadUser : Helper.ProbeReadKernel, AddressOf(Shifted(to, 8)), size, from);
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

    /// <summary>Where a string begins in another one, or -1. Every beginning is tried, and the verifier walks through all of it.</summary>
    private int IndexOf(CallExpr call)
    {
        const int StepsMax = 1 << 15;
        Value text = Lower(call.Args[0]);
        Place hay = Own(text, call);
        byte[]? literal = _script[call.Args[1]].Text is string known ? Utf8(known) : null;
        Value part = literal is null ? Lower(call.Args[1]) : default;
        Place needle = literal is null ? Own(part, call) : default;
        int size = text.Type.SizeBytes, tries = literal is null ? size : size - literal.Length + 1, steps = literal is null ? part.Type.SizeBytes : hay.IsScratch ? (literal.Length / 8) + 1 : literal.Length;
        if ((long)tries * steps > StepsMax)
            NotYet(call, $"{Plain(call.Name)}() of strings that long (read less: str(x, 64))");
        if (NeedsScratch)
            return _f.Const(0);
        if (literal is { Length: 0 })
            return _f.Const(0);
        int i = _f.NewVariable(), result = _f.NewVariable();
        _f.Write(i, _f.Const(0));
        int head = _f.NewLoopHead(), begin = _f.NewBlock(), look = _f.NewBlock(), next = _f.NewBlock(), yes = _f.NewBlock(), no = _f.NewBlock(), end = _f.NewBlock();
        _f.Start(head);
        _f.Branch(CompareOp.Jlt, _f.Read(i), _f.Const(Math.Max(0, tries)), begin, no);
        _f.Start(begin);
        int start = _f.Add(hay.Address, _f.Read(i));
        if (literal is null)
            CompareHere(hay, _f.Read(i), size, needle, part.Type.SizeBytes, yes, look);
        else
            CompareBytesHere(start, hay, literal, yes, look);
        _f.Start(look);
        _f.Branch(CompareOp.Jeq, _f.Load(1, _f.Add(hay.Address, _f.Read(i)), hay.Offset), _f.Const(0), no, next);
        _f.Start(next);
        _f.Write(i, _f.AddConst(_f.Read(i), 1));
        _f.Goto(head);
        _f.Seal(head);
        _f.Start(yes);
        _f.Write(result, _f.Read(i));
        _f.Goto(end);
        _f.Start(no);
        _f.Write(result, _f.Const(-1));
        _f.Goto(end);
        _f.Start(end);
        return _f.Read(result);
    }

    // Words as wide as they fit, since maps need not be read at aligned places; the stack must be.
    private void CompareBytesHere(int at, Place hay, ReadOnlySpan<byte> bytes, int same, int different)
    {
        for (int done = 0; done < bytes.Length;)
        {
            int size = hay.IsScratch ? Piece(0, bytes.Length - done) : 1, more = _f.NewBlock();
            long word = 0;
            for (int b = size - 1; b >= 0; b--)
                word = (word << 8) | bytes[done + b];
            _f.Branch(CompareOp.Jeq, _f.Load(size, at, hay.Offset + done), _f.Const(word), more, different);
            _f.Start(more);
            done += size;
        }
        _f.Goto(same);
    }

    private void CompareHere(Place hay, int from, int size, Place needle, int most, int same, int different)
    {
        int j = _f.NewVariable();
        _f.Write(j, _f.Const(0));
        int inner = _f.NewLoopHead(), step = _f.NewBlock(), inside = _f.NewBlock(), compare = _f.NewBlock(), more = _f.NewBlock();
        _f.Start(inner);
        int at = _f.Read(j);
        _f.Branch(CompareOp.Jlt, at, _f.Const(most), step, same);
        _f.Start(step);
        int wanted = _f.Load(1, _f.Add(needle.Address, at), needle.Offset);
        _f.Branch(CompareOp.Jeq, wanted, _f.Const(0), same, inside);
        _f.Start(inside);
        int place = _f.Add(from, at);
        _f.Branch(CompareOp.Jlt, place, _f.Const(size), compare, different);
        _f.Start(compare);
        _f.Branch(CompareOp.Jeq, _f.Load(1, _f.Add(hay.Address, place), hay.Offset), wanted, more, different);
        _f.Start(more);
        _f.Write(j, _f.AddConst(_f.Read(j), 1));
        _f.Goto(inner);
        _f.Seal(inner);
    }

    /// <summary>
    /// Whether a string matches a pattern: an automaton whose states are the bits of a word, a state for each character of the pattern. It takes the same steps for every string, so the verifier
    /// need not follow any choice.
    /// </summary>
    private int GlobMatch(CallExpr call)
    {
        const int StepsMax = 1 << 19, StatesMax = 63;
        if (_script[call].Number is long known)
            return _f.Const(known);
        List<GlobToken> tokens = GlobToken.Parse(UpToNul(_script[call.Args[1]].Text ?? ""));
        Value text = Lower(call.Args[0]);
        Place own = Own(text, call);
        int distinct = tokens.Distinct().Sum(token => token.Ranges.Count);
        if (tokens.Count > StatesMax || (long)text.Type.SizeBytes * ((distinct * 8) + 16) > StepsMax)
            NotYet(call, "globmatch() of strings or with a pattern that long (read less: str(x, 64))");
        if (NeedsScratch)
            return _f.Const(0);
        long stars = 0, always = 0;
        for (int i = 0; i < tokens.Count && i < 64; i++)
            (stars, always) = (stars | (tokens[i].IsStar ? 1L << i : 0), always | (tokens[i].Ranges.Count == 0 && !tokens[i].IsStar ? 1L << i : 0));
        int index = _f.NewVariable(), states = _f.NewVariable();
        _f.Write(index, _f.Const(0));
        _f.Write(states, _f.Const(1 | ((1 & stars) << 1)));
        int head = _f.NewLoopHead(), body = _f.NewBlock(), step = _f.NewBlock(), end = _f.NewBlock();
        _f.Start(head);
        _f.Branch(CompareOp.Jlt, _f.Read(index), _f.Const(text.Type.SizeBytes), body, end);
        _f.Start(body);
        int c = _f.Load(1, _f.Add(own.Address, _f.Read(index)), own.Offset);
        _f.Branch(CompareOp.Jeq, c, _f.Const(0), end, step);
        _f.Start(step);
        int taken = _f.Const(always);
        foreach (GlobToken token in tokens.Where(token => token.Ranges.Count > 0).Distinct())
        {
            long bits = 0;
            for (int i = 0; i < tokens.Count && i < 64; i++)
                bits |= tokens[i].Equals(token) ? 1L << i : 0;
            // A product, since the verifier follows a mask of -1 and 0 both ways.
            taken = _f.Or(taken, _f.Mul(InRanges(c, token), _f.Const(bits)));
        }
        int now = _f.Read(states), after = _f.Or(_f.ShiftLeft(_f.And(now, taken), _f.Const(1)), _f.And(now, _f.Const(stars)));
        _f.Write(states, _f.Or(after, _f.ShiftLeft(_f.And(after, _f.Const(stars)), _f.Const(1))));
        _f.Write(index, _f.AddConst(_f.Read(index), 1));
        _f.Goto(head);
        _f.Seal(head);
        _f.Start(end);
        return _f.And(_f.ShiftRight(_f.Read(states), _f.Const(Math.Min(tokens.Count, 63))), _f.Const(1));
    }

    // 1 or 0, without a jump: the sign of (c - from) | (to - c) is set when c lies outside.
    private int InRanges(int c, GlobToken token)
    {
        int inside = _f.Const(0);
        foreach ((byte from, byte to) in token.Ranges)
            inside = _f.Or(inside, _f.Xor(_f.ShiftRight(_f.Or(_f.Sub(c, _f.Const(from)), _f.Sub(_f.Const(to), c)), _f.Const(63)), _f.Const(1)));
        return token.IsNot ? _f.Xor(inside, _f.Const(1)) : inside;
    }

    // The variable keeps what it held where there is no such key.
    private int FindEntry(CallExpr call)
    {
        MapInfo map = _script.Maps[((MapExpr)call.Args[0]).Name];
        var target = (VariableExpr)call.Args[2];
        VariableInfo variable = _script[target].Variable!;
        int entry = Found(call), yes = _f.NewBlock(), no = _f.NewBlock();
        if (!variable.Type.IsScalar)
            PlaceOf(variable, call);
        int has = _f.NewBlock();
        _f.Branch(CompareOp.Jne, entry, _f.Const(0), has, no);
        _f.Start(has);
        var value = new Place(entry, 0, AddressSpace.Own);
        if (map.Value.IsAggregate)
            NotYet(call, $"find() in a map of {map.Value}");
        else if (variable.Type.IsScalar)
            Write(variable, Narrowed(variable, Load(value, map.Value)));
        else
            Store(At(map.Value, value), variable.Type, PlaceOf(variable, call), call);
        _f.Goto(yes);
        return Flag(yes, no);
    }

    // In scratch memory, where the verifier does not remember for every length of the first what was written.
    private Place Concatenate(CallExpr call, TraceType type)
    {
        Place to = Temp(Math.Max(type.SizeBytes, StackPieceMax + 1), call);
        TraceType first = _script[call.Args[0]].Type, second = _script[call.Args[1]].Type;
        Zero(to, type.SizeBytes);
        Place right = Temp(second.SizeBytes, call);
        Store(call.Args[1], TraceType.String(second.SizeBytes), right);
        Store(call.Args[0], TraceType.String(first.SizeBytes), to);
        if (!NeedsScratch)
            _f.Call(Helper.ProbeReadKernelStr, _f.Add(AddressOf(to), LengthOf(to, first.SizeBytes - 1)), _f.Const(second.SizeBytes), AddressOf(right));
        return to;
    }

    private Value Length(CallExpr call)
    {
        Value text = Lower(call.Args[0]);
        Place own = Own(text, call);
        return Word(TraceType.Int64, NeedsScratch ? _f.Const(0) : LengthOf(own, text.Type.SizeBytes));
    }

    private int LengthOf(Place own, int most)
    {
        int i = _f.NewVariable();
        _f.Write(i, _f.Const(0));
        int head = _f.NewLoopHead(), body = _f.NewBlock(), next = _f.NewBlock(), end = _f.NewBlock();
        _f.Start(head);
        int index = _f.Read(i);
        _f.Branch(CompareOp.Jlt, index, _f.Const(most), body, end);
        _f.Start(body);
        _f.Branch(CompareOp.Jeq, _f.Load(1, _f.Add(own.Address, index), own.Offset), _f.Const(0), end, next);
        _f.Start(next);
        _f.Write(i, _f.AddConst(index, 1));
        _f.Goto(head);
        _f.Seal(head);
        _f.Start(end);
        return _f.Read(i);
    }
}
