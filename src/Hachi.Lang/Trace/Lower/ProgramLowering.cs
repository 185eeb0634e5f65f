using Hachi.Ir.Build;
using Hachi.Ir.Emit;
using Hachi.Isa;
using Hachi.Lang.Trace.Check;
using Hachi.Lang.Trace.Syntax;
using Hachi.Lang.Trace.Types;
using Hachi.Object.Plan;
using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Lang.Trace.Lower;

/// <summary>Makes one program of one probe.</summary>
internal sealed partial class ProgramLowering
{
    private readonly ObjectMaker _object;
    private readonly CheckedScript _script;
    private readonly CheckedProgram _program;
    private readonly ProgramBuilder _builder;
    private readonly List<Diagnostic> _diagnostics;
    private readonly bool _hasScratch;
    private readonly int _index;
    private FunctionState _state;
    private FunctionBuilder _f;
    private Node _at; // what is being lowered, for what tells its place

    public ProgramLowering(ObjectMaker maker, CheckedProgram program, int index, bool hasScratch, List<Diagnostic> diagnostics)
    {
        (_object, _script, _program, _index, _hasScratch, _diagnostics) = (maker, maker.Script, program, index, hasScratch, diagnostics);
        _builder = new ProgramBuilder(NameOf(program, index), TypeOf(program.Kind)) { Section = SectionOf(program) };
        _f = _builder.Main;
        _at = program.Item;
        _state = new FunctionState(_f, null);
        HasFrame = LoopSearch.HasCallbacks(program);
    }

    /// <summary>What belongs to one function of the program: the probe's own, or the body of a loop that the kernel calls.</summary>
    private sealed class FunctionState(FunctionBuilder f, FunctionState? outer)
    {
        public FunctionBuilder F { get; } = f;

        public FunctionState? Outer { get; } = outer;

        /// <summary>Address of the variables that functions share; -1 for none.</summary>
        public int Frame { get; set; } = -1;

        /// <summary>Address of the scratch memory; -1 for none.</summary>
        public int Scratch { get; set; } = -1;

        public int StackBytes { get; set; }

        /// <summary>Where <c>break</c> and <c>continue</c> lead, innermost last; -1: they leave this function.</summary>
        public Stack<(int Break, int Continue)> Loops { get; } = [];

        public bool IsCallback => Outer is not null;
    }

    /// <summary>Whether it needs scratch memory and was made without.</summary>
    public bool NeedsScratch { get; private set; }

    /// <summary>Bytes of scratch memory that it uses.</summary>
    public int ScratchBytes { get; private set; }

    /// <summary>Whether variables stand in memory, since functions share them.</summary>
    public bool HasFrame { get; }

    public EmittedProgram Emit(EmitOptions options) => _builder.Emit(options);

    public void Run()
    {
        _f.Origin = _program.Item.Span.Start;
        Open();
        if (_script.Options.Pid > 0 && _program.Kind is not (ProbeKind.Begin or ProbeKind.End or ProbeKind.Interval or ProbeKind.Signal or ProbeKind.Test or ProbeKind.Bench or ProbeKind.Iterator))
        {
            int pid = _f.ShiftRight(ProcessThread(false), _f.Const(32));
            Unless(CompareOp.Jeq, pid, _f.Const(_script.Options.Pid));
        }
        if (_program.Predicate is not null)
        {
            int yes = _f.NewBlock(), no = _f.NewBlock();
            Condition(_program.Predicate, yes, no);
            _f.Start(no);
            _f.Return(_f.Const(0));
            _f.Start(yes);
        }
        Statements(_program.Body.Statements);
        _f.Return(_f.Const(0));
    }

    /// <summary>Returns 0 unless the comparison holds.</summary>
    private void Unless(CompareOp op, int a, int b)
    {
        int yes = _f.NewBlock(), no = _f.NewBlock();
        _f.Branch(op, a, b, yes, no);
        _f.Start(no);
        _f.Return(_f.Const(0));
        _f.Start(yes);
    }

    /// <summary>What a function begins with: its shared variables and its scratch memory.</summary>
    private void Open()
    {
        if (HasFrame && !_state.IsCallback)
        {
            int slot = _f.NewSlot(FrameBytes);
            _state.Frame = _f.SlotAddress(slot);
            _f.Clear(_state.Frame, 0, FrameBytes);
        }
        if (!_hasScratch)
            return;
        int key = _f.NewSlot(4, 4);
        _f.Store(4, _f.SlotAddress(key), 0, _f.Const(0));
        _state.Scratch = _f.MapLookup(_object.Scratch, _f.SlotAddress(key));
        Unless(CompareOp.Jne, _state.Scratch, _f.Const(0));
    }

    private void NotYet(Node node, string what)
    {
        if (!_diagnostics.Exists(diagnostic => diagnostic.Span == node.Span && diagnostic.Id == DiagnosticTable.TraceNotYet.Id))
            _diagnostics.Add(DiagnosticTable.TraceNotYet.At(node.Span, what));
    }

    private static string NameOf(CheckedProgram program, int index)
    {
        string name = program.Targets[0].Function.Length > 0 ? program.Targets[0].Function : ProbeTable.Of(program.Kind).Name;
        string plain = string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) ? c : '_'));
        return $"{(plain.Length > 10 ? plain[..10] : plain)}_{index + 1}";
    }

    private static ProgramType TypeOf(ProbeKind kind) => kind switch
    {
        ProbeKind.Tracepoint => ProgramType.Tracepoint,
        ProbeKind.Kprobe or ProbeKind.Kretprobe or ProbeKind.Uprobe or ProbeKind.Uretprobe or ProbeKind.Usdt => ProgramType.Kprobe,
        ProbeKind.Profile or ProbeKind.Software or ProbeKind.Hardware or ProbeKind.Watchpoint => ProgramType.PerfEvent,
        ProbeKind.Fentry or ProbeKind.Fexit or ProbeKind.Iterator => ProgramType.Tracing,
        _ => ProgramType.RawTracepoint, // those that the tracer runs itself among them
    };

    private static string Module(ProbeTarget target) => target.Target.Length > 0 && !target.Target.Contains(':', StringComparison.Ordinal) ? target.Target + ":" : "";

    private static string SectionOf(CheckedProgram program)
    {
        ProbeTarget target = program.Targets[0];
        return program.Kind switch
        {
            ProbeKind.Tracepoint => $"tracepoint/{target.Target}/{target.Function}",
            ProbeKind.RawTracepoint => $"raw_tracepoint/{target.Function}",
            ProbeKind.Kprobe => $"kprobe/{target.Function}",
            ProbeKind.Kretprobe => $"kretprobe/{target.Function}",
            ProbeKind.Fentry => $"fentry/{Module(target)}{target.Function}",
            ProbeKind.Fexit => $"fexit/{Module(target)}{target.Function}",
            ProbeKind.Iterator => $"iter/{target.Function}",
            ProbeKind.Uprobe => "uprobe",
            ProbeKind.Uretprobe => "uretprobe",
            ProbeKind.Usdt => "usdt",
            ProbeKind.Profile or ProbeKind.Software or ProbeKind.Hardware or ProbeKind.Watchpoint => "perf_event",
            _ => "raw_tracepoint",
        };
    }
}

/// <summary>Looks for loops whose bodies the kernel calls.</summary>
internal static class LoopSearch
{
    public const int RoundsMax = 100;

    public static bool HasCallbacks(CheckedProgram program) => Has(program.Body.Statements) || (program.Predicate is not null && Has(program.Predicate));

    private static bool Has(List<Statement> statements) => statements.Exists(Has);

    private static bool Has(Statement statement) => statement switch
    {
        ForStatement => true,
        ExprStatement value => Has(value.Value),
        AssignStatement assign => (assign.Target is not null && Has(assign.Target)) || Has(assign.Value),
        LetStatement let => let.Value is not null && Has(let.Value),
        IfStatement choice => Has(choice.Condition) || Has(choice.WhenTrue.Statements) || (choice.WhenFalse is not null && Has(choice.WhenFalse.Statements)),
        WhileStatement loop => Has(loop.Condition) || Has(loop.Body.Statements),
        UnrollStatement loop => Has(loop.Body.Statements),
        JumpStatement jump => jump.Value is not null && Has(jump.Value),
        BlockStatement block => Has(block.Block.Statements),
        _ => false,
    };

    private static bool Has(Expr value) => value switch
    {
        BlockExpr block => Has(block.Statements) || (block.Result is not null && Has(block.Result)),
        UnaryExpr unary => Has(unary.Operand),
        BinaryExpr binary => Has(binary.Left) || Has(binary.Right),
        ChoiceExpr choice => Has(choice.Condition) || (choice.WhenTrue is not null && Has(choice.WhenTrue)) || (choice.WhenFalse is not null && Has(choice.WhenFalse)),
        CallExpr call => call.Args.Exists(Has),
        CastExpr cast => Has(cast.Operand),
        MemberExpr member => Has(member.Target),
        IndexExpr index => Has(index.Target) || index.Keys.Exists(Has),
        TupleExpr tuple => tuple.Items.Exists(Has),
        _ => false,
    };
}
