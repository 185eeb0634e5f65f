using Hachi.Lang.Trace.Syntax;
using Hachi.Lang.Trace.Types;
using Hachi.Object.Plan;
using Hachi.Text;

namespace Hachi.Lang.Trace.Check;

/// <summary>Names that have a value wherever a probe runs, or where its kind gives them one.</summary>
internal sealed partial class Checker
{
    private static readonly string[] s_builtins =
    [
        "pid", "tid", "uid", "gid", "nsecs", "elapsed", "cpu", "ncpus", "numaid", "comm", "pcomm", "ppid", "curtask", "rand", "ctx", "args", "arg0", "arg1", "arg2", "arg3", "arg4", "arg5", "retval", "func", "probe",
        "probetype", "kstack", "ustack", "cgroup", "username", "cpid", "has_cpid", "jiffies", "usermode", "leader_comm", "leader_tid", "sarg0",
    ];

    private TraceType? Builtin(string name, Expr at, ExprInfo info)
    {
        switch (name)
        {
            case "pid" or "tid" or "uid" or "gid" or "rand" or "leader_tid": return TraceType.UInt32;
            case "ppid": return NeedTypes(name, at, TraceType.UInt32);
            case "nsecs" or "elapsed" or "cgroup" or "jiffies": return TraceType.UInt64;
            case "cpu" or "numaid": return TraceType.UInt32;
            case "usermode": return TraceType.Int(1, false);
            case "ncpus":
                info.Number = _facts.Processors;
                return TraceType.UInt64;
            case "comm": return TraceType.String(16);
            case "pcomm" or "leader_comm": return NeedTypes(name, at, TraceType.String(16));
            case "username": return new TraceType(TypeKind.UserName, 8);
            case "cpid" or "has_cpid":
                info.Number = name == "cpid" ? _script.Options.ChildPid : _script.Options.ChildPid != 0 ? 1 : 0;
                return name == "cpid" ? TraceType.UInt32 : TraceType.Bool;
            case "curtask": return TraceType.PointerTo(_script.Types.Named("struct task_struct") ?? TraceType.Void, AddressSpace.Kernel) with { IsTrusted = false };
            case "kstack" or "ustack": return Stack(name, null);
            case "probe": return new TraceType(TypeKind.Probe, 8);
            case "probetype":
                info.Text = _program.Kind is ProbeKind.Begin or ProbeKind.End ? "special" : ProbeTable.Of(_program.Kind).Name;
                return TraceType.String(info.Text.Length + 1);
            case "func": return Func(at, info);
            case "ctx": return Context();
            case "args": return Args(at);
            case "retval": return Result(at);
            case "monotonic" or "boot" or "tai" or "sw_tai" or "curr_ns" or "init" or "perf" or "bpftrace" or "raw" or "build_id" or "avg_agg": return null;
        }
        return Argument(name, at);
    }

    private TraceType NeedTypes(string name, Expr at, TraceType type)
    {
        if (_script.Types.Kernel is null)
            Report(DiagnosticTable.TraceNeedsTypes, at, name);
        return type;
    }

    private TraceType? Argument(string name, Expr at)
    {
        bool isStack = name.StartsWith("sarg", StringComparison.Ordinal);
        if (!name.StartsWith("arg", StringComparison.Ordinal) && !isStack)
            return null;
        if (!int.TryParse(name[(isStack ? 4 : 3)..], System.Globalization.NumberStyles.None, null, out int number) || number > 63)
            return null;
        bool has = _program.Kind is ProbeKind.Kprobe or ProbeKind.Uprobe or ProbeKind.Usdt or ProbeKind.RawTracepoint || (_program.Kind is ProbeKind.Fentry or ProbeKind.Fexit && !isStack);
        int most = _program.Kind switch { ProbeKind.Usdt => 11, ProbeKind.RawTracepoint => 11, _ => isStack ? 63 : 5 };
        if (!has)
            Report(DiagnosticTable.TraceBuiltinPlace, at, name, ProbeTable.Of(_program.Kind).Name);
        else if (number > most)
            Report(DiagnosticTable.TraceIndexRange, at, name, $"arg0..arg{most}");
        return TraceType.UInt64 with { Space = Space() };
    }

    /// <summary>Where addresses lead that a probe of this kind gets.</summary>
    private AddressSpace Space() => _program.Kind is ProbeKind.Uprobe or ProbeKind.Uretprobe or ProbeKind.Usdt ? AddressSpace.User : AddressSpace.Kernel;

    private TraceType Func(Expr at, ExprInfo info)
    {
        if (_program.Kind is ProbeKind.Fentry or ProbeKind.Fexit)
        {
            info.Text = _program.Targets[0].Function;
            return TraceType.String(info.Text.Length + 1);
        }
        if (_program is { Kind: ProbeKind.Uprobe or ProbeKind.Uretprobe, Targets: [{ Function.Length: > 0, HasWildcard: false } only] })
        {
            info.Text = only.Function;
            return TraceType.String(System.Text.Encoding.UTF8.GetByteCount(info.Text) + 1);
        }
        if (_program.Kind is ProbeKind.Uprobe or ProbeKind.Uretprobe)
            return new TraceType(TypeKind.UserSymbol, 16);
        if (_program.Kind is not (ProbeKind.Kprobe or ProbeKind.Kretprobe))
            Report(DiagnosticTable.TraceBuiltinPlace, at, "func", ProbeTable.Of(_program.Kind).Name);
        return new TraceType(TypeKind.KernelSymbol, 8);
    }

    private TraceType Context() => _program.Kind switch
    {
        ProbeKind.Iterator when _program.Args is not null => TraceType.PointerTo(_program.Args.Type, AddressSpace.Context) with { IsTrusted = true },
        ProbeKind.Kprobe or ProbeKind.Kretprobe or ProbeKind.Uprobe or ProbeKind.Uretprobe or ProbeKind.Usdt when _script.Types.Named("struct pt_regs") is TraceType registers => TraceType.PointerTo(registers, AddressSpace.Kernel),
        _ => TraceType.PointerTo(TraceType.Void, AddressSpace.Kernel),
    };

    private TraceType Args(Expr at)
    {
        if (_program.Kind is ProbeKind.Iterator or ProbeKind.Kretprobe or ProbeKind.Uretprobe or ProbeKind.Kprobe or ProbeKind.Begin or ProbeKind.End or ProbeKind.Profile or ProbeKind.Interval or ProbeKind.Software or ProbeKind.Hardware or ProbeKind.Watchpoint or ProbeKind.Usdt or ProbeKind.Signal or ProbeKind.Test or ProbeKind.Bench)
        {
            Report(DiagnosticTable.TraceBuiltinPlace, at, "args", ProbeTable.Of(_program.Kind).Name);
            return TraceType.None;
        }
        if (_program.Kind == ProbeKind.Uprobe)
        {
            Report(DiagnosticTable.TraceNotYet, at, "args of a uprobe (it needs DWARF)");
            return TraceType.None;
        }
        if (_program.Args is null)
        {
            Report(DiagnosticTable.TraceNeedsTypes, at, "args");
            return TraceType.None;
        }
        return _program.Args.Type with { Space = AddressSpace.Context };
    }

    private TraceType Result(Expr at)
    {
        if (_program.Kind == ProbeKind.Fexit)
            return _program.Result is { Kind: not TypeKind.Void } type ? (type.Kind == TypeKind.Pointer ? type with { IsTrusted = true } : type) : TraceType.UInt64;
        if (_program.Kind is not (ProbeKind.Kretprobe or ProbeKind.Uretprobe))
            Report(DiagnosticTable.TraceBuiltinPlace, at, "retval", ProbeTable.Of(_program.Kind).Name);
        return TraceType.UInt64 with { Space = Space() };
    }

    private TraceType Setting(MemberExpr member, ExprInfo info)
    {
        if (_script.Settings.All.Any(row => row.Name == member.Member) && long.TryParse(_script.Settings[member.Member], out long number))
        {
            info.Number = number;
            return TraceType.UInt64;
        }
        Report(DiagnosticTable.TraceUnknownSetting, member, member.Member);
        return TraceType.UInt64;
    }

    /// <summary><c>kstack</c>, <c>ustack(perf, 5)</c>: words and numbers in any order.</summary>
    private TraceType Stack(string name, CallExpr? call)
    {
        string mode = _script.Settings["stack_mode"];
        long frames = 127;
        foreach (Expr arg in call?.Args ?? [])
        {
            if (arg is NameExpr word && word.Name is "perf" or "bpftrace" or "raw" or "build_id")
            {
                mode = word.Name;
                continue;
            }
            if (arg is NameExpr other && _script.Types.Constant(other.Name) is null && Constants.Find(other.Name) is null)
            {
                Report(DiagnosticTable.TraceWord, arg, other.Name, "perf, bpftrace, raw, build_id");
                continue;
            }
            Type(arg);
            if (_script[arg].Number is not long number)
                Report(DiagnosticTable.TraceLiteral, arg, name, "a number of frames");
            else if (number is < 0 or > 127)
                Report(DiagnosticTable.TraceIndexRange, arg, number, "the frames that a stack can have, at most 127");
            else
                frames = number;
        }
        return new TraceType(name == "kstack" ? TypeKind.KernelStack : TypeKind.UserStack, 8) { Text = mode, Numbers = new NumberList(frames) };
    }
}
