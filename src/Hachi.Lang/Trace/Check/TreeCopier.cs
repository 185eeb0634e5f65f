using System.Globalization;
using Hachi.Lang.Trace.Syntax;
using Hachi.Text;

namespace Hachi.Lang.Trace.Check;

/// <summary>
/// Copies a probe's tree, so that each program is checked on its own, with the calls of macros and the names that <c>#define</c> gives replaced by what they stand for. Variables of a macro get
/// names that no script can write.
/// </summary>
internal sealed class TreeCopier
{
    private const int DepthMax = 40, NodesMax = 200_000;

    private readonly Dictionary<(string Name, int Count), MacroItem> _macros = [];
    private readonly Dictionary<string, DefineItem> _defines = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Expr?> _bodies = new(StringComparer.Ordinal);
    private readonly List<Diagnostic> _diagnostics;
    private Frame _frame = new(null, 0);
    private TextSpan? _place;
    private int _expansions, _nodes, _depth, _height;

    public TreeCopier(Script script, List<Diagnostic> diagnostics)
    {
        _diagnostics = diagnostics;
        foreach (Item item in script.Items)
            if (item is MacroItem macro && !_macros.TryAdd((macro.Name, macro.Parameters.Count), macro))
                diagnostics.Add(DiagnosticTable.TraceTwice.At(macro.NameSpan, "macro", macro.Name));
            else if (item is DefineItem define)
                _defines[define.Name] = define;
    }

    /// <summary>What stands for what inside one expansion.</summary>
    private sealed class Frame(MacroItem? macro, int number)
    {
        public MacroItem? Macro { get; } = macro;
        public int Number { get; } = number;
        public Dictionary<string, (Expr Value, Frame Scope)> Names { get; } = new(StringComparer.Ordinal);
        public Dictionary<string, Expr> Variables { get; } = new(StringComparer.Ordinal);
        public Dictionary<string, string> Maps { get; } = new(StringComparer.Ordinal);
    }

    /// <summary>The names without a sign that were copied and stand for nothing else, since it was last emptied.</summary>
    public HashSet<string> Names { get; } = new(StringComparer.Ordinal);

    public Block Copy(Block block)
    {
        return new Block(At(block), [.. block.Statements.Select(Copy)], block.IsElseIf);
    }

    private TextSpan At(Node node) => _place ?? node.Span;

    private Statement Copy(Statement statement) => statement switch
    {
        ExprStatement value => new ExprStatement(At(value), Copy(value.Value)),
        AssignStatement assign => new AssignStatement(At(assign), assign.Target is null ? null : Copy(assign.Target), assign.Op, Copy(assign.Value)),
        LetStatement let => new LetStatement(At(let), Variable(let.Variable), Copy(let.Type), let.Value is null ? null : Copy(let.Value)),
        IfStatement choice => new IfStatement(At(choice), Copy(choice.Condition), Copy(choice.WhenTrue), choice.WhenFalse is null ? null : Copy(choice.WhenFalse)),
        WhileStatement loop => new WhileStatement(At(loop), Copy(loop.Condition), Copy(loop.Body)),
        UnrollStatement loop => new UnrollStatement(At(loop), Copy(loop.Count), Copy(loop.Body)),
        ForStatement loop => new ForStatement(At(loop), Variable(loop.Variable), Copy(loop.From), loop.End is null ? null : Copy(loop.End), Copy(loop.Body)),
        JumpStatement jump => new JumpStatement(At(jump), jump.Word, jump.Value is null ? null : Copy(jump.Value)),
        BlockStatement block => new BlockStatement(Copy(block.Block)),
        _ => throw new InvalidOperationException("a statement that nobody copies"),
    };

    public TypeName? Copy(TypeName? type) => type is null ? null : type with { Span = _place ?? type.Span, Of = type.Of is null ? null : Copy(type.Of), OfType = Copy(type.OfType) };

    private VariableExpr Variable(VariableExpr variable) => Copy(variable) as VariableExpr ?? new VariableExpr(At(variable), variable.Name);

    private List<Expr> Copy(List<Expr> values) => [.. values.Select(Copy)];

    /// <summary>Copies an expression.</summary>
    public Expr Copy(Expr value)
    {
        if (++_nodes > NodesMax || _height > 600)
        {
            if (_nodes != int.MinValue && !_diagnostics.Exists(diagnostic => diagnostic.Id == DiagnosticTable.TraceMacroTooLarge.Id))
                _diagnostics.Add(DiagnosticTable.TraceMacroTooLarge.At(At(value)));
            return new IntegerExpr(At(value), 0, "0");
        }
        _height++;
        Expr copy = Made(value);
        _height--;
        return copy;
    }

    private Expr Made(Expr value) => value switch
    {
        IntegerExpr integer => new IntegerExpr(At(value), integer.Value, integer.Text, integer.IsDuration),
        StringExpr text => new StringExpr(At(value), text.Value),
        BoolExpr truth => new BoolExpr(At(value), truth.Value),
        NameExpr name => Name(name),
        VariableExpr variable => _frame.Macro is null ? new VariableExpr(At(value), variable.Name)
            : _frame.Variables.TryGetValue(variable.Name, out Expr? given) ? given
            : new VariableExpr(At(value), string.Create(CultureInfo.InvariantCulture, $"{variable.Name}#{_frame.Number}")),
        MapExpr map => new MapExpr(At(value), _frame.Maps.GetValueOrDefault(map.Name, map.Name)),
        PositionalExpr parameter => new PositionalExpr(At(value), parameter.Number),
        UnaryExpr unary => new UnaryExpr(At(value), unary.Op, Copy(unary.Operand), unary.IsPostfix),
        BinaryExpr binary => new BinaryExpr(At(value), binary.Op, Copy(binary.Left), Copy(binary.Right)),
        ChoiceExpr choice => new ChoiceExpr(At(value), Copy(choice.Condition), choice.WhenTrue is null ? null : Copy(choice.WhenTrue), choice.WhenFalse is null ? null : Copy(choice.WhenFalse)),
        CallExpr call => Call(call),
        CastExpr cast => new CastExpr(At(value), Copy(cast.Type)!, Copy(cast.Operand)),
        MemberExpr member => new MemberExpr(At(value), Copy(member.Target), member.Member, _place ?? member.MemberSpan, member.IsArrow),
        IndexExpr index => new IndexExpr(At(value), Copy(index.Target), Copy(index.Keys)),
        TupleExpr tuple => new TupleExpr(At(value), Copy(tuple.Items), tuple.Names),
        SizeExpr size => Size(size),
        TypeExpr type => new TypeExpr(Copy(type.Type)!),
        BlockExpr block => Block(block),
        _ => throw new InvalidOperationException("an expression that nobody copies"),
    };

    private BlockExpr Block(BlockExpr block) => new(At(block), [.. block.Statements.Select(Copy)], block.Result is null ? null : Copy(block.Result));

    // sizeof(x), where x is a macro's name for a type.
    private SizeExpr Size(SizeExpr size)
    {
        Expr? of = size.Of is null ? null : Copy(size.Of);
        return of is TypeExpr type ? new SizeExpr(At(size), type.Type, null, size.Members) : new SizeExpr(At(size), Copy(size.Type), of, size.Members);
    }

    private Expr Name(NameExpr name)
    {
        if (_frame.Names.TryGetValue(name.Name, out (Expr Value, Frame Scope) given))
        {
            Frame back = _frame;
            _frame = given.Scope;
            Expr value = Copy(given.Value);
            _frame = back;
            return value;
        }
        if (_macros.TryGetValue((name.Name, 0), out MacroItem? macro))
            return Expand(macro, name.Span, []);
        if (_defines.TryGetValue(name.Name, out DefineItem? define) && Body(define) is Expr body)
        {
            if (_depth >= DepthMax)
                return new NameExpr(At(name), name.Name);
            (Frame frame, TextSpan? place) = (_frame, _place);
            _depth++;
            _frame = new Frame(null, 0);
            _place ??= name.Span;
            Expr value = Copy(body);
            (_frame, _place) = (frame, place);
            _depth--;
            return value;
        }
        Names.Add(name.Name);
        return new NameExpr(At(name), name.Name);
    }

    private Expr? Body(DefineItem define)
    {
        if (!_bodies.TryGetValue(define.Name, out Expr? body))
            _bodies[define.Name] = body = define.Body.Length == 0 ? null : Parser.ParseExpression(define.Body);
        return body is NameExpr self && self.Name == define.Name ? null : body;
    }

    private Expr Call(CallExpr call)
    {
        if (_macros.TryGetValue((call.Name, call.Args.Count), out MacroItem? macro))
            return Expand(macro, call.Span, call.Args);
        MacroItem? other = _macros.Values.FirstOrDefault(row => row.Name == call.Name);
        if (other is not null && call.Args.Count > 0 && Types.FunctionTable.Find(call.Name) is null)
            _diagnostics.Add(DiagnosticTable.TraceMacroArguments.At(At(call), call.Name, other.Parameters.Count, call.Args.Count));
        Names.Add(call.Name);
        return new CallExpr(At(call), call.Name, _place ?? call.NameSpan, Copy(call.Args));
    }

    private Expr Expand(MacroItem macro, TextSpan span, List<Expr> args)
    {
        if (_depth >= DepthMax)
        {
            if (!_diagnostics.Exists(diagnostic => diagnostic.Id == DiagnosticTable.TraceMacroRecursion.Id))
                _diagnostics.Add(DiagnosticTable.TraceMacroRecursion.At(_place ?? span, macro.Name));
            return new IntegerExpr(_place ?? span, 0, "0");
        }
        var frame = new Frame(macro, ++_expansions);
        for (int i = 0; i < args.Count; i++)
        {
            switch (macro.Parameters[i])
            {
                case NameExpr name:
                    frame.Names[name.Name] = (args[i], _frame);
                    break;
                case VariableExpr variable when Copy(args[i]) is var given && given is VariableExpr:
                    frame.Variables[variable.Name] = given;
                    break;
                case MapExpr map when args[i] is MapExpr given:
                    frame.Maps[map.Name] = _frame.Maps.GetValueOrDefault(given.Name, given.Name);
                    break;
                case var parameter:
                    _diagnostics.Add(DiagnosticTable.TraceMacroArgument.At(_place ?? args[i].Span, macro.Name, parameter is MapExpr ? "a map" : "a variable", ScriptPrinter.Print(args[i])));
                    break;
            }
        }
        Frame back = _frame;
        _frame = frame;
        _depth++;
        Expr body = Block(macro.Body);
        _depth--;
        _frame = back;
        return body;
    }
}
