using System.Globalization;
using Hachi.Lang.Trace.Syntax;
using Hachi.Lang.Trace.Types;
using Hachi.Object.Plan;
using Hachi.Text;

namespace Hachi.Lang.Trace.Check;

/// <summary>Calls of functions.</summary>
internal sealed partial class Checker
{
    private bool Arity(CallExpr call, FunctionInfo info)
    {
        int count = call.Args.Count;
        if (count >= info.ArgsMin && count <= info.ArgsMax)
            return true;
        string wanted = info.ArgsMin == info.ArgsMax ? Plural(info.ArgsMin) : info.ArgsMax == int.MaxValue ? $"at least {Plural(info.ArgsMin)}" : $"{info.ArgsMin} to {Plural(info.ArgsMax)}";
        Report(DiagnosticTable.TraceArgumentCount, call, call.Name + "()", wanted, count == 0 ? "are none" : count == 1 ? "is 1" : $"are {count}");
        return false;
    }

    /// <summary>s_registers of x86-64 as the kernel names them (struct pt_regs).</summary>
    private static readonly string[] s_registers = ["r15", "r14", "r13", "r12", "bp", "bx", "r11", "r10", "r9", "r8", "ax", "cx", "dx", "si", "di", "orig_ax", "ip", "cs", "flags", "sp", "ss"];

    private static string Plural(int count) => count == 0 ? "no arguments" : count == 1 ? "1 argument" : string.Create(CultureInfo.InvariantCulture, $"{count} arguments");

    private TraceType Call(CallExpr call, ExprInfo info)
    {
        string name = call.Name.StartsWith("__builtin_", StringComparison.Ordinal) ? call.Name["__builtin_".Length..] : call.Name;
        if (name is "kstack" or "ustack" or "dw_ustack")
            return Stack(name, call);
        if (call.Args.Count == 0 && Builtin(name, call, info) is TraceType builtin)
            return builtin;
        if (name == "__always_true" && call.Args.Count == 0)
        {
            info.Number = 1;
            return TraceType.Int32;
        }
        if (FunctionTable.Find(name) is not FunctionInfo function)
        {
            foreach (Expr arg in call.Args)
                Type(arg);
            string? near = Nearest.To(call.Name, FunctionTable.All.Select(row => row.Name));
            ReportWithHint(DiagnosticTable.TraceUnknownFunction, call.NameSpan, near is null ? null : $"did you mean {near}?", call.Name);
            return TraceType.None;
        }
        if (function.IsUnsafe && !_script.Options.IsUnsafe)
            Report(DiagnosticTable.TraceUnsafe, call, name);
        if (!Arity(call, function))
            return TraceType.None;
        if (FunctionTable.Aggregations.ContainsKey(name))
        {
            Report(DiagnosticTable.TraceAggregate, call, name);
            return TraceType.None;
        }
        return MapCall(name, call) ?? WordCall(name, call, info) ?? Plain(name, call, function, info);
    }

    /// <summary>Functions whose argument is a map; null for others.</summary>
    private TraceType? MapCall(string name, CallExpr call)
    {
        switch (name)
        {
            case "clear" or "zero":
                if (WholeMap(call.Args[0], name, keyed: false) is MapInfo)
                    return TraceType.Void;
                return TraceType.Void;
            case "len" when call.Args[0] is MapExpr:
                WholeMap(call.Args[0], name, keyed: true);
                return TraceType.Int64;
            case "has_key" or "find":
                if (WholeMap(call.Args[0], name, keyed: true) is MapInfo map)
                {
                    SetKey(map, Type(call.Args[1]), call.Args[1]);
                    if (name == "find")
                        Found(map, call.Args[2]);
                }
                return TraceType.Bool;
            case "delete":
                if (call.Args.Count == 2)
                {
                    if (WholeMap(call.Args[0], name, keyed: true) is MapInfo deleted)
                        SetKey(deleted, Type(call.Args[1]), call.Args[1]);
                    return TraceType.Bool;
                }
                if (MapTarget(call.Args[0]) is null)
                    Report(DiagnosticTable.TraceMapWanted, call.Args[0], name);
                return TraceType.Bool;
            case "print":
                return Print(call);
            default:
                return null;
        }
    }

    /// <summary>The variable that <c>find</c> writes.</summary>
    private void Found(MapInfo map, Expr result)
    {
        if (result is not VariableExpr target)
        {
            Report(DiagnosticTable.TraceAssignTarget, result, ScriptPrinter.Print(result));
            return;
        }
        VariableInfo? variable = Find(target.Name);
        if (variable is null)
            _program.Variables[target.Name] = variable = new VariableInfo(target.Name);
        variable.IsAssigned = true;
        _script[target].Variable = variable;
        if (Value(map.Value) is { Kind: not TypeKind.None } value)
            Give(variable, value, result);
        _script[target].Type = variable.Type;
    }

    private MapInfo? WholeMap(Expr arg, string name, bool keyed)
    {
        if (arg is not MapExpr map)
        {
            Type(arg);
            Report(DiagnosticTable.TraceMapWanted, arg, name);
            return null;
        }
        MapInfo info = Map(map);
        info.IsUsed = true;
        if (keyed && info.IsScalar)
            Report(name == "has_key" ? DiagnosticTable.TraceKeyedMapWanted : DiagnosticTable.TraceKeyedMapWanted, arg, name);
        if (info.Value.Kind == TypeKind.None && info.Kind is null)
            Report(DiagnosticTable.TraceUndefinedMap, arg, map.Name);
        return info;
    }

    private TraceType Print(CallExpr call)
    {
        if (call.Args[0] is MapExpr map && (_script.Maps.GetValueOrDefault(map.Name)?.IsScalar != true || call.Args.Count > 1))
        {
            WholeMap(map, "print", keyed: false);
            foreach (Expr arg in call.Args.Skip(1))
            {
                Type(arg);
                if (_script[arg].Number is not >= 0)
                    Report(DiagnosticTable.TraceLiteral, arg, "print()", "a number of at least 0");
            }
            return TraceType.Void;
        }
        if (call.Args.Count > 1)
            Report(DiagnosticTable.TraceArgumentCount, call, "print() of a value", "1 argument", $"are {call.Args.Count}");
        Type(call.Args[0]);
        return TraceType.Void;
    }

    /// <summary>Functions whose argument is a word of their own; null for others.</summary>
    private TraceType? WordCall(string name, CallExpr call, ExprInfo info)
    {
        string word = call.Args.Count > 0 && call.Args[0] is NameExpr given ? given.Name : "";
        switch (name)
        {
            case "nsecs":
                if (word is not ("monotonic" or "boot" or "tai" or "sw_tai"))
                    Report(DiagnosticTable.TraceWord, call.Args[0], word, "monotonic, boot, tai, sw_tai");
                info.Text = word;
                return TraceType.UInt64;
            case "pid" or "tid":
                if (word is not ("curr_ns" or "init"))
                    Report(DiagnosticTable.TraceWord, call.Args[0], word, "curr_ns, init");
                info.Text = word;
                return TraceType.UInt32;
            case "getopt":
                return Option(call, info);
            case "container_of":
                return Container(call, info);
            case "signal" or "signal_thread" when word.Length > 0 && Constants.Find(word.StartsWith("SIG", StringComparison.Ordinal) ? word : "SIG" + word) is null && _script.Types.Constant(word) is null:
                return null;
            default:
                return null;
        }
    }

    /// <summary>The structure around a member: its distance is kept, the pointer is the argument's.</summary>
    private TraceType Container(CallExpr call, ExprInfo info)
    {
        TraceType member = Type(call.Args[0]);
        TraceType? whole = call.Args[1] switch { TypeExpr type => Named(type.Type), NameExpr name => _script.Types.Named(name.Name), _ => null };
        if (whole is not { Kind: TypeKind.Struct })
        {
            if (whole is not null || call.Args[1] is not TypeExpr)
                Report(DiagnosticTable.TraceArgumentType, call.Args[1], "container_of()", "a struct", 2, whole ?? Type(call.Args[1]));
            return TraceType.None;
        }
        var path = new List<string>();
        Expr at = call.Args[2];
        for (; at is MemberExpr inner; at = inner.Target)
            path.Insert(0, inner.Member);
        if (at is NameExpr first)
            path.Insert(0, first.Name);
        (long distance, TraceType holder) = (0, whole);
        foreach (string name in path)
        {
            if (_script.Types.Complete(holder).Struct?.Find(name) is not StructField field)
            {
                Report(DiagnosticTable.TraceNoMember, call.Args[2], holder, name);
                return TraceType.None;
            }
            (distance, holder) = (distance + field.Offset, field.Type);
        }
        info.Distance = -distance;
        return TraceType.PointerTo(whole, member.Space);
    }

    private TraceType Option(CallExpr call, ExprInfo info)
    {
        foreach (Expr arg in call.Args)
            Type(arg);
        if (call.Args.Count > 1 && _script[call.Args[1]] is { Number: null, Text: null })
            Report(DiagnosticTable.TraceLiteral, call.Args[1], "getopt()", "a default");
        if (call.Args[0] is not StringExpr name)
        {
            Report(DiagnosticTable.TraceLiteral, call.Args[0], "getopt()", "a name");
            return TraceType.None;
        }
        _options[name.Value] = call.Args.Count > 2 ? _script[call.Args[2]].Text ?? "" : "";
        bool isGiven = _script.Options.Named.TryGetValue(name.Value, out string? value);
        ExprInfo? fallback = call.Args.Count > 1 ? _script[call.Args[1]] : null;
        if (fallback is null || fallback.Type.Kind == TypeKind.Bool)
        {
            info.Number = isGiven ? (value is null or "true" or "1" ? 1 : 0) : fallback?.Number ?? 0;
            return TraceType.Bool;
        }
        if (fallback.Text is not null && fallback.Number is null)
        {
            info.Text = isGiven ? value ?? "" : fallback.Text;
            return TraceType.String(System.Text.Encoding.UTF8.GetByteCount(info.Text) + 1);
        }
        info.Number = fallback.Number ?? 0;
        if (isGiven)
        {
            bool isNegative = value?.StartsWith('-') == true;
            if (value is { Length: > 0 } && Lexer.Value(isNegative ? value[1..] : value) is { Ok: true } number)
                info.Number = isNegative ? unchecked(-(long)number.Value) : (long)number.Value;
            else
                Report(DiagnosticTable.TraceOption, call, name.Value, $"invalid integer (value: {value})");
        }
        return Smallest(info.Number.Value, false);
    }

    private TraceType Plain(string name, CallExpr call, FunctionInfo function, ExprInfo info)
    {
        for (int i = 0; i < call.Args.Count; i++)
        {
            bool isWord = call.Args[i] is NameExpr && name is "signal" or "signal_thread" && call.Args[i] is NameExpr { Name: "current_pid" or "current_tid" };
            if (!isWord)
                Argument(name, call, i, function.Letter(i));
        }
        return Result(name, call, info);
    }

    private void Argument(string name, CallExpr call, int index, char letter)
    {
        Expr arg = call.Args[index];
        TraceType type = Type(arg);
        if (type.Kind == TypeKind.None)
            return;
        ExprInfo info = _script[arg];
        string? wanted = letter switch
        {
            'i' when !Value(type).IsNumeric && type.Kind is not (TypeKind.Pointer or TypeKind.KernelSymbol or TypeKind.UserName) => "a number",
            's' when type.Kind is not (TypeKind.String or TypeKind.Buffer) => "a string",
            'p' when !Value(type).IsNumeric && type.Kind is not (TypeKind.Pointer or TypeKind.String or TypeKind.Array or TypeKind.KernelSymbol or TypeKind.UserSymbol or TypeKind.Struct) => "a pointer",
            _ => null,
        };
        if (wanted is not null)
            Report(DiagnosticTable.TraceArgumentType, arg, name + "()", wanted, index + 1, type);
        else if (letter is 'f' or 'l' && info.Text is null)
            Report(DiagnosticTable.TraceLiteral, arg, name + "()", "a string");
        else if (letter == 'n' && info.Number is null)
            Report(DiagnosticTable.TraceLiteral, arg, name + "()", "a number");
        if (letter == 'f' && info.Text is not null && name is not ("time" or "strftime"))
            Format(name, call, info.Text);
    }

    /// <summary>Compares a format with what is printed by it.</summary>
    private void Format(string name, CallExpr call, string format)
    {
        for (int i = 1; i < call.Args.Count; i++)
            Type(call.Args[i]);
        if (FormatString.Parse(format, out string wrong) is not List<FormatPart> parts)
        {
            Report(DiagnosticTable.TraceFormat, call.Args[0], $"{name}(): {wrong}");
            return;
        }
        int wanted = parts.Sum(part => part.Arguments), given = call.Args.Count - 1;
        if (wanted != given)
        {
            Report(DiagnosticTable.TraceFormat, call, $"{name}: {(given < wanted ? "Not enough" : "Too many")} arguments for format string ({wanted} expected, {given} provided)");
            return;
        }
        int at = 1;
        foreach (FormatPart part in parts)
        {
            at += part.Arguments - (part.Arguments > 0 ? 1 : 0);
            if (part.Arguments == 0)
                continue;
            TraceType type = Value(_script[call.Args[at]].Type);
            if (type.Kind != TypeKind.None && !FormatString.Prints(part.Conversion, type))
                ReportWithHint(DiagnosticTable.TraceFormat, call.Args[at].Span, part.Conversion == "s" && type.Kind == TypeKind.Pointer ? $"str({ScriptPrinter.Print(call.Args[at])}) is the string that it leads to"
                    : part.Conversion is not "s" && type.Kind == TypeKind.String ? "%s prints strings" : null, $"{name}: %{part.Conversion} specifier expects a value of another type ({type} supplied)");
            at++;
        }
    }

    private TraceType Result(string name, CallExpr call, ExprInfo info)
    {
        int longest = _script.Settings.Number("max_strlen");
        Expr? first = call.Args.Count > 0 ? call.Args[0] : null, second = call.Args.Count > 1 ? call.Args[1] : null;
        switch (name)
        {
            case "str" or "kstr" or "ustr":
                return Text(call, info, longest);
            case "buf": return Buffer(call, longest);
            case "comm": return TraceType.String(16);
            case "pcomm" or "leader_comm": return NeedTypes(name, call, TraceType.String(16));
            case "ppid" or "leader_tid": return NeedTypes(name, call, TraceType.UInt32);
            case "strcap" or "default_str_length":
                info.Number = first is not null && _script[first].Type is { Kind: TypeKind.String or TypeKind.Array or TypeKind.Buffer } text ? text.SizeBytes : longest;
                return TraceType.UInt64;
            case "globmatch": return Glob(call, info);
            case "str_concat": return TraceType.String(_script[first!].Type.SizeBytes + _script[second!].Type.SizeBytes);
            case "len" when _script[first!].Type is { Kind: not (TypeKind.String or TypeKind.KernelStack or TypeKind.UserStack or TypeKind.None) } counted:
                Report(DiagnosticTable.TraceArgumentType, first!, "len()", "a map, a string or a stack", 1, counted);
                return TraceType.Int64;
            case "strlen" or "len" or "strncmp" or "strcmp" or "memcmp" or "strstr" or "skboutput" or "write_user": return TraceType.Int64;
            case "strcontains" or "is_err": return TraceType.Bool;
            case "ksym": return new TraceType(TypeKind.KernelSymbol, 8);
            case "usym": return new TraceType(TypeKind.UserSymbol, 16);
            case "kaddr" or "uaddr": return Symbol(name, call, info);
            case "percpu_kaddr": return TraceType.PointerTo(TraceType.Int(4, true), AddressSpace.Kernel);
            case "reg":
                if (_script[first!].Text is string register && !s_registers.Contains(register))
                    Report(DiagnosticTable.TraceWord, first!, register, string.Join(", ", s_registers));
                return TraceType.UInt64 with { Space = Space() };
            case "ntop": return new TraceType(TypeKind.Address, 20);
            case "pton": return Pton(call, info);
            case "macaddr":
                if (_script[first!].Type is { Kind: not TypeKind.Pointer } bytes && (bytes.SizeBytes < 6 || bytes.IsNumeric))
                    Report(DiagnosticTable.TraceArgumentType, first!, "macaddr()", "an array of 6 bytes", 1, bytes);
                return new TraceType(TypeKind.Mac, 6);
            case "cgroupid":
                if (_isFinal && _facts.ControlGroup(_script[first!].Text ?? "") is ulong group)
                    info.Number = (long)group;
                else if (_isFinal)
                    Report(DiagnosticTable.TraceControlGroup, first!, _script[first!].Text ?? "");
                return TraceType.UInt64;
            case "cgroup_path": return new TraceType(TypeKind.CgroupPath, 8) { Text = second is null ? "" : _script[second].Text ?? "" };
            case "path": return TraceType.String(second is null ? longest : (int)Math.Clamp(_script[second].Number ?? longest, 1, longest));
            case "bswap": return Value(_script[first!].Type) is { Kind: TypeKind.Integer } type ? type with { IsSigned = false, Enum = null } : TraceType.UInt64;
            case "strftime": return new TraceType(TypeKind.Time, 16) { Text = _script[first!].Text ?? "" };
            case "strerror": return new TraceType(TypeKind.Error, 8);
            case "signal_name": return new TraceType(TypeKind.Signal, 8);
            case "syscall_name": return new TraceType(TypeKind.Signal, 8) { Text = "syscall" };
            case "kptr" or "uptr":
                TraceType pointer = _script[first!].Type;
                return (pointer.Kind == TypeKind.Pointer ? pointer : TraceType.PointerTo(TraceType.Int(1, true))) with { Space = name == "kptr" ? AddressSpace.Kernel : AddressSpace.User, IsTrusted = false };
            case "static_assert" or "assert":
                if (name == "static_assert" && _dead == 0 && _script[first!].Number == 0)
                    Report(DiagnosticTable.TraceAssert, call, _script[second!].Text ?? "");
                return TraceType.Void;
            case "fail":
                if (_dead == 0)
                    Report(DiagnosticTable.TraceAssert, call, Said(call));
                return TraceType.Void;
            case "is_str" or "is_ptr" or "is_integer" or "is_unsigned_integer" or "is_array" or "is_literal":
                info.Number = Is(name, first!) ? 1 : 0;
                return TraceType.Bool;
            case "kfunc_exist" or "kfunc_allowed":
                info.Number = _script.Types.Kernel?.Function(_script[first!].Text ?? "") is not null ? 1 : 0;
                return TraceType.Bool;
            case "signal" or "signal_thread" or "override" or "unwatch" or "join" or "printf" or "errorf" or "warnf" or "debugf" or "exit" or "time" or "cat" or "system": return TraceType.Void;
            case "rand": return TraceType.UInt32;
            default: return TraceType.UInt64;
        }
    }

    private TraceType Glob(CallExpr call, ExprInfo info)
    {
        if (_script[call.Args[0]].Text is string text && _script[call.Args[1]].Text is string pattern)
            info.Number = ProbeTable.Matches(pattern, text) ? 1 : 0;
        return TraceType.Bool;
    }

    /// <summary>What <c>fail</c> says: its arguments are known when the script is compiled.</summary>
    private string Said(CallExpr call)
    {
        var said = new System.Text.StringBuilder();
        string format = _script[call.Args[0]].Text ?? "";
        int next = 1;
        for (int i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 >= format.Length || format[i + 1] == '%')
            {
                said.Append(format[i]);
                i += format[i] == '%' ? 1 : 0;
                continue;
            }
            while (i + 1 < format.Length && !char.IsAsciiLetter(format[i + 1]))
                i++;
            while (i + 2 < format.Length && format[i + 1] is 'h' or 'l' or 'j' or 'z' or 't')
                i++;
            i++;
            ExprInfo? value = next < call.Args.Count ? _script[call.Args[next++]] : null;
            said.Append(value is { Number: long number } && i < format.Length && format[i] != 's' ? number.ToString(i < format.Length && format[i] is 'x' or 'X' ? "x" : "d", CultureInfo.InvariantCulture)
                : value?.Text ?? value?.Number?.ToString(CultureInfo.InvariantCulture) ?? "?");
        }
        return said.ToString();
    }

    private bool Is(string name, Expr value)
    {
        TraceType type = _script[value].Type;
        return name switch
        {
            "is_str" => type.Kind == TypeKind.String,
            "is_ptr" => type.Kind == TypeKind.Pointer,
            "is_integer" => type.IsInteger,
            "is_unsigned_integer" => type.IsInteger && !type.IsSigned,
            "is_array" => type.Kind == TypeKind.Array,
            _ => value is IntegerExpr or StringExpr or BoolExpr,
        };
    }

    private TraceType Text(CallExpr call, ExprInfo info, int longest)
    {
        Length(call, longest);
        ExprInfo first = _script[call.Args[0]];
        if (first.Text is not null)
            info.Text = first.Text;
        else if (call.Args[0] is BinaryExpr { Op: "+" } sum && _script[sum.Left].Text is string text && _script[sum.Right].Number is >= 0 and var skip)
            info.Text = text[(int)Math.Min(skip, text.Length)..];
        else if (first.Number is 0)
            info.Text = "";
        long most = call.Args.Count > 1 && _script[call.Args[1]].Number is >= 0 and long bound ? Math.Min(bound, longest) : longest;
        if (info.Text is not null)
        {
            info.Text = info.Text.Length > most ? info.Text[..(int)most] : info.Text;
            return TraceType.String(System.Text.Encoding.UTF8.GetByteCount(info.Text) + 1);
        }
        // As long as it may be, there is room for the zero; a length that the script gives has it counted in.
        bool isGiven = call.Args.Count > 1 && _script[call.Args[1]].Number is not null;
        return TraceType.String((int)Math.Max(1, isGiven ? most : longest + 1));
    }

    // A length that is known is one.
    private void Length(CallExpr call, int longest)
    {
        if (call.Args.Count > 1 && _script[call.Args[1]].Number is < 0 and long length)
            Report(DiagnosticTable.TraceNumberRange, call.Args[1], length, 0, longest);
    }

    private TraceType Buffer(CallExpr call, int longest)
    {
        Length(call, longest);
        TraceType type = _script[call.Args[0]].Type;
        long? length = call.Args.Count > 1 ? _script[call.Args[1]].Number : type.Kind is TypeKind.Array or TypeKind.String or TypeKind.Buffer ? type.SizeBytes : null;
        return TraceType.Buffer(8 + (int)Math.Clamp(length ?? longest, 1, longest));
    }

    private TraceType Symbol(string name, CallExpr call, ExprInfo info)
    {
        string symbol = _script[call.Args[0]].Text ?? "";
        string? file = name == "uaddr" ? _program.Targets[0].Target : null;
        if (symbol.Length == 0)
            return TraceType.UInt64;
        if (_isFinal && _facts.AddressOf(file, symbol) is ulong address)
        {
            // Where a file is loaded is not known before; where the probe is, the program knows.
            if (_program is { Kind: ProbeKind.Uprobe, Targets: [{ Function.Length: > 0 } target] } && _facts.AddressOf(file, target.Function) is ulong probe)
                info.Distance = unchecked((long)(address - probe - target.Number));
            else
                info.Number = (long)address;
        }
        else if (_isFinal)
            Report(DiagnosticTable.TraceSymbol, call, symbol);
        return name == "uaddr" ? TraceType.PointerTo(TraceType.UInt64, AddressSpace.User) : TraceType.UInt64 with { Space = AddressSpace.Kernel };
    }

    private TraceType Pton(CallExpr call, ExprInfo info)
    {
        string text = _script[call.Args[0]].Text ?? "";
        if (!System.Net.IPAddress.TryParse(text, out System.Net.IPAddress? address) || (address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork && text.Count(c => c == '.') != 3))
        {
            Report(DiagnosticTable.TraceFormat, call.Args[0], $"pton(): {text} is no address");
            return TraceType.ArrayOf(TraceType.Int(1, false), 4);
        }
        info.Text = Convert.ToHexString(address.GetAddressBytes());
        return TraceType.ArrayOf(TraceType.Int(1, false), address.GetAddressBytes().Length);
    }
}
