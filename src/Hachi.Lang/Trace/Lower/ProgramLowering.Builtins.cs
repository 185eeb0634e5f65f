using Hachi.Isa;
using Hachi.Lang.Trace.Check;
using Hachi.Lang.Trace.Syntax;
using Hachi.Lang.Trace.Types;
using Hachi.Object.Plan;
using Hachi.Uapi;

namespace Hachi.Lang.Trace.Lower;

/// <summary>Builtins, and the arguments that a probe gets.</summary>
internal sealed partial class ProgramLowering
{
    // Offsets in struct pt_regs of x86-64 (arch/x86/include/asm/ptrace.h).
    private const int RegisterResult = 80, RegisterStack = 152, RegisterInstruction = 128;
    private static readonly int[] s_arguments = [112, 104, 96, 88, 72, 64];
    private static readonly (string Name, int Offset)[] s_registers =
    [
        ("r15", 0), ("r14", 8), ("r13", 16), ("r12", 24), ("bp", 32), ("bx", 40), ("r11", 48), ("r10", 56), ("r9", 64), ("r8", 72), ("ax", 80), ("cx", 88), ("dx", 96), ("si", 104), ("di", 112),
        ("orig_ax", 120), ("ip", 128), ("cs", 136), ("flags", 144), ("sp", 152), ("ss", 160),
    ];

    private Value Builtin(string name, Expr at, ExprInfo info)
    {
        name = name.StartsWith("__builtin_", StringComparison.Ordinal) ? name["__builtin_".Length..] : name;
        TraceType type = info.Type;
        switch (name)
        {
            case "pid": return Word(type, _f.ShiftRight(ProcessThread(info.Text == "init"), _f.Const(32)));
            case "tid": return Word(type, _f.ZeroExtend(ProcessThread(info.Text == "init"), 4));
            case "uid" or "username": return Word(type, _f.ZeroExtend(_f.Call(Helper.GetCurrentUidGid), 4));
            case "gid": return Word(type, _f.ShiftRight(_f.Call(Helper.GetCurrentUidGid), _f.Const(32)));
            case "nsecs": return Word(type, _f.Call(info.Text switch { "monotonic" => Helper.KtimeGetNs, "tai" or "sw_tai" => Helper.KtimeGetTaiNs, _ => Helper.KtimeGetBootNs }));
            case "elapsed": return Word(type, _f.Sub(_f.Call(Helper.KtimeGetBootNs), _f.Load(8, _f.MapValueAddress(_object.StartTime))));
            case "cpu": return Word(type, _f.Call(Helper.GetSmpProcessorId));
            case "numaid": return Word(type, _f.Call(Helper.GetNumaNodeId));
            case "rand": return Word(type, _f.ZeroExtend(_f.Call(Helper.GetPrandomU32), 4));
            case "cgroup": return Word(type, _f.Call(Helper.GetCurrentCgroupId));
            case "jiffies": return Word(type, _f.Call(Helper.Jiffies64));
            case "curtask": return Word(type, _f.Call(Helper.GetCurrentTask));
            case "ctx": return Word(type, _f.Context);
            case "usermode": return Word(type, _f.Compare(CompareOp.Jeq, _f.And(_f.Load(8, _f.Context, 136), _f.Const(3)), _f.Const(3)));
            case "comm":
                Place comm = Temp(16, at);
                CommInto(comm, 16);
                return At(type, comm);
            case "ppid": return Word(type, TaskMember(at, "real_parent", "tgid"));
            case "leader_tid": return Word(type, TaskMember(at, "group_leader", "pid"));
            case "pcomm" or "leader_comm": return TaskText(at, type, name == "pcomm" ? "real_parent" : "group_leader");
            case "kstack" or "ustack": return Stack(type);
            case "probe" when _program.Targets.Count > 1 && _program.Kind is ProbeKind.Kprobe or ProbeKind.Kretprobe or ProbeKind.Uprobe or ProbeKind.Uretprobe:
                return Word(type, _f.AddConst(_f.Call(Helper.GetAttachCookie, _f.Context), ProbeNumber()));
            case "probe": return Word(type, _f.Const(ProbeNumber()));
            case "func" when type.Kind == TypeKind.KernelSymbol: return Word(type, _f.Call(Helper.GetFuncIp, _f.Context));
            case "func": return UserSymbol(_f.Load(8, _f.Context, RegisterInstruction), at);
            case "retval": return Word(type, ResultOf(type));
            case "args": return At(type, new Place(_f.Context, 0, AddressSpace.Context));
        }
        if (name.StartsWith("sarg", StringComparison.Ordinal) && int.TryParse(name.AsSpan(4), out int onStack))
            return Reach(type, new Place(_f.Load(8, _f.Context, RegisterStack), 8 * (onStack + 1), IsUser(AddressSpace.Unknown) ? AddressSpace.User : AddressSpace.Kernel));
        if (name.StartsWith("arg", StringComparison.Ordinal) && int.TryParse(name.AsSpan(3), out int number))
            return Word(type, ArgumentNumber(number, at));
        NotYet(at, name);
        return Word(type, _f.Const(0));
    }

    // The probes of this program are those that the plan has for it; one of several cannot be told apart without asking the kernel.
    private int ProbeNumber() => _script.Programs.TakeWhile(program => program != _program).Sum(program => program.Targets.Count);

    private int ArgumentNumber(int number, Expr at)
    {
        switch (_program.Kind)
        {
            case ProbeKind.RawTracepoint or ProbeKind.Fentry or ProbeKind.Fexit:
                return _f.Load(8, _f.Context, number * 8);
            case ProbeKind.Usdt:
                return UsdtArgumentNumber(number, at);
            default:
                return number < s_arguments.Length ? _f.Load(8, _f.Context, s_arguments[number]) : _f.Const(0);
        }
    }

    /// <summary>An argument of a statically defined probe. Where its places keep it in different ways, the attach cookie says which place it is.</summary>
    private int UsdtArgumentNumber(int number, Expr at)
    {
        ProbeTarget target = _program.Targets[0];
        List<List<UsdtArgument?>> places = [.. (_object.Facts.ProbeArguments(target.Target, target.Function) ?? []).Select(UsdtArgument.Parse)];
        if (places.Count == 0 || !places.TrueForAll(place => number < place.Count && place[number] is not null))
        {
            NotYet(at, $"arg{number} of {target.Text}");
            return _f.Const(0);
        }
        if (places.TrueForAll(place => place[number].Equals(places[0][number])))
            return UsdtValue(places[0][number]!.Value);
        int result = _f.NewVariable(), end = _f.NewBlock(), cookie = _f.Call(Helper.GetAttachCookie, _f.Context);
        for (int i = 0; i < places.Count; i++)
        {
            int here = _f.NewBlock(), next = _f.NewBlock();
            _f.Branch(CompareOp.Jeq, cookie, _f.Const(i + 1), here, next);
            _f.Start(here);
            _f.Write(result, UsdtValue(places[i][number]!.Value));
            _f.Goto(end);
            _f.Start(next);
        }
        _f.Write(result, _f.Const(0));
        _f.Goto(end);
        _f.Start(end);
        return _f.Read(result);
    }

    private int UsdtValue(UsdtArgument argument)
    {
        if (argument.Base < 0)
            return _f.Const(argument.Number);
        TraceType type = TraceType.Int(argument.SizeBytes, argument.IsSigned);
        int value = _f.Load(8, _f.Context, argument.Base);
        if (!argument.IsMemory)
            return argument.SizeBytes == 8 ? value : argument.IsSigned ? _f.SignExtend(value, argument.SizeBytes) : _f.ZeroExtend(value, argument.SizeBytes);
        if (argument.Index >= 0)
            value = _f.Add(value, _f.Mul(_f.Load(8, _f.Context, argument.Index), _f.Const(argument.Scale)));
        return Load(new Place(_f.AddConst(value, argument.Number), 0, AddressSpace.User), type);
    }

    private int ResultOf(TraceType type)
    {
        if (_program.Kind != ProbeKind.Fexit)
            return _f.Load(8, _f.Context, RegisterResult);
        int value = _f.Load(8, _f.Context, _program.Args?.SizeBytes ?? 0);
        return type.SizeBytes < 8 ? (type.IsSigned ? _f.SignExtend(value, type.SizeBytes) : _f.ZeroExtend(value, type.SizeBytes)) : value;
    }

    /// <summary>A member of <c>args</c> that lies in the context itself; null for those that are reached as members of memory are.</summary>
    private Value? Argument(StructField field, ExprInfo info, MemberExpr at)
    {
        if (field.IsDataLocation)
        {
            int where = _f.And(_f.Load(4, _f.Context, field.Offset), _f.Const(0xffff));
            return Word(info.Type, _f.Add(_f.Context, where));
        }
        if (!field.Type.IsScalar)
            return At(info.Type, new Place(_f.Context, field.Offset, AddressSpace.Context));
        // The arguments of functions take a word each, of which the type says how much is meant.
        bool isWord = _program.Kind is ProbeKind.RawTracepoint or ProbeKind.Fentry or ProbeKind.Fexit;
        int value = _f.Load(isWord ? 8 : Math.Clamp(field.Type.SizeBytes, 1, 8), _f.Context, field.Offset);
        if (field.Type.SizeBytes < 8)
            value = field.Type.IsSigned ? _f.SignExtend(value, field.Type.SizeBytes) : _f.ZeroExtend(value, field.Type.SizeBytes);
        return Word(info.Type, value);
    }

    /// <summary>The process (above) and the thread, as the tracer's namespace counts them; as the first one does where that is asked for.</summary>
    private int ProcessThread(bool isInitial)
    {
        if (isInitial || _object.Facts.ProcessNamespace is not (ulong device, ulong inode))
            return _f.Call(Helper.GetCurrentPidTgid);
        Place numbers = Temp(8, _program.Item);
        _f.Store(8, numbers.Address, numbers.Offset, _f.Const(0));
        _f.Call(Helper.GetNsCurrentPidTgid, _f.Const((long)device), _f.Const((long)inode), AddressOf(numbers), _f.Const(8));
        return _f.Load(8, numbers.Address, numbers.Offset);
    }

    private void CommInto(Place to, int size)
    {
        if (size > 16)
            Zero(to, size);
        _f.Call(Helper.GetCurrentComm, AddressOf(to), _f.Const(Math.Min(16, size)));
    }

    private StructField? TaskField(string name, Expr at)
    {
        StructField? field = _script.Types.Kernel?.Find("struct task_struct")?.Struct?.Find(name);
        if (field is null)
            NotYet(at, $"task_struct.{name}");
        return field;
    }

    private int TaskPointer(Expr at, string member) =>
        TaskField(member, at) is StructField field ? Load(new Place(at is CallExpr { Args: [Expr task] } ? Scalar(task) : _f.Call(Helper.GetCurrentTask), field.Offset, AddressSpace.Kernel), TraceType.UInt64) : _f.Const(0);

    private int TaskMember(Expr at, string pointer, string member) =>
        TaskField(member, at) is StructField field ? Load(new Place(TaskPointer(at, pointer), field.Offset, AddressSpace.Kernel), field.Type) : _f.Const(0);

    private Value TaskText(Expr at, TraceType type, string pointer)
    {
        Place text = Temp(16, at);
        Zero(text, 16);
        if (TaskField("comm", at) is StructField field)
            Copy(text, new Place(TaskPointer(at, pointer), field.Offset, AddressSpace.Kernel), 16);
        return At(type, text);
    }

    /// <summary>A stack's number; of a user's stack with the process above it.</summary>
    private Value Stack(TraceType type)
    {
        bool isUser = type.Kind == TypeKind.UserStack;
        int id = _f.ZeroExtend(StackNumber(isUser), 4);
        return Word(type, isUser ? _f.Or(id, _f.ShiftLeft(_f.ShiftRight(ProcessThread(false), _f.Const(32)), _f.Const(32))) : id);
    }

    // Two halves stored one by one: shorter than to join them, and the number need not be kept while the process is asked for.
    private void UserStackInto(Place to)
    {
        _f.Store(4, to.Address, to.Offset, StackNumber(isUser: true));
        _f.Store(4, to.Address, to.Offset + 4, _f.ShiftRight(ProcessThread(false), _f.Const(32)));
    }

    private int StackNumber(bool isUser) => Told(Helper.GetStackid, _f.Context, _f.MapAddress(_object.Stacks), _f.Const(isUser ? 1 << 8 : 0));

    private Value UserSymbol(int address, Expr at)
    {
        Place symbol = Temp(16, at);
        UserSymbolInto(symbol, address);
        return At(new TraceType(TypeKind.UserSymbol, 16), symbol);
    }

    private void UserSymbolInto(Place to, int address)
    {
        _f.Store(8, to.Address, to.Offset, address);
        _f.Store(8, to.Address, to.Offset + 8, _f.ShiftRight(ProcessThread(false), _f.Const(32)));
    }

    private Value Register(CallExpr call, ExprInfo info)
    {
        string name = _script[call.Args[0]].Text ?? "";
        foreach ((string known, int offset) in s_registers)
            if (known == name)
                return Word(info.Type, _f.Load(8, _f.Context, offset));
        NotYet(call, $"register {name}");
        return Word(info.Type, _f.Const(0));
    }
}
