using Hachi.Lang.Trace.Syntax;
using Hachi.Lang.Trace.Types;
using Hachi.Text;

namespace Hachi.Lang.Trace.Check;

internal sealed partial class Checker
{
    private void Statements(List<Statement> statements)
    {
        bool left = false;
        foreach (Statement statement in statements)
        {
            if (left)
                Report(DiagnosticTable.TraceUnreachable, statement);
            left = statement is JumpStatement || statement is ExprStatement { Value: CallExpr { Name: "exit" } };
            Check(statement);
        }
    }

    private void InScope(Action body)
    {
        _scopes.Add(new Dictionary<string, VariableInfo>(StringComparer.Ordinal));
        body();
        _scopes.RemoveAt(_scopes.Count - 1);
    }

    private void Scoped(Block block) => InScope(() => Statements(block.Statements));

    private void Check(Statement statement)
    {
        switch (statement)
        {
            case ExprStatement value:
                Effect(value.Value);
                break;
            case AssignStatement assign:
                Assign(assign);
                break;
            case LetStatement let:
                Let(let);
                break;
            case IfStatement choice:
                Condition(choice.Condition);
                long? known = _script[choice.Condition].Number;
                Branch(choice.WhenTrue, known == 0);
                if (choice.WhenFalse is not null)
                    Branch(choice.WhenFalse, known is not (0 or null));
                break;
            case WhileStatement loop:
                Condition(loop.Condition);
                Loop(loop.Body);
                break;
            case UnrollStatement loop:
                Unroll(loop);
                break;
            case ForStatement loop:
                For(loop);
                break;
            case JumpStatement jump:
                if (jump.Word != "return" && _loops == 0)
                    Report(DiagnosticTable.TraceJump, jump, jump.Word);
                if (jump.Value is not null)
                    Type(jump.Value);
                break;
            case BlockStatement block:
                Scoped(block.Block);
                break;
        }
    }

    // What is never reached must be right, too, but does not fail.
    private void Branch(Block block, bool isDead)
    {
        _dead += isDead ? 1 : 0;
        Scoped(block);
        _dead -= isDead ? 1 : 0;
    }

    /// <summary>An expression whose value nobody uses.</summary>
    private void Effect(Expr value)
    {
        if (value is ChoiceExpr choice)
        {
            Condition(choice.Condition);
            if (choice.WhenTrue is not null)
                Effect(choice.WhenTrue);
            if (choice.WhenFalse is not null)
                Effect(choice.WhenFalse);
        }
        else if (value is BlockExpr block)
            InScope(() =>
            {
                Statements(block.Statements);
                if (block.Result is not null)
                    Effect(block.Result);
            });
        else if (value is CallExpr call && FunctionTable.Aggregations.ContainsKey(call.Name))
            Report(DiagnosticTable.TraceAggregate, call, call.Name);
        else if (value is UnaryExpr { Op: "++" or "--" } step)
            Step(step);
        else
            Any(value);
    }

    private void Loop(Block body)
    {
        _loops++;
        Scoped(body);
        _loops--;
    }

    private void Unroll(UnrollStatement loop)
    {
        Type(loop.Count);
        long? count = _script[loop.Count].Number;
        if (count is null)
            Report(DiagnosticTable.TraceLiteral, loop.Count, "unroll", "a number");
        else if (count < 1)
            Report(DiagnosticTable.TraceUnroll, loop.Count, "minimum value is 1");
        else if (count > 100)
            Report(DiagnosticTable.TraceUnroll, loop.Count, "maximum value is 100");
        Loop(loop.Body);
    }

    private void For(ForStatement loop)
    {
        TraceType type;
        if (loop.End is not null)
        {
            TraceType from = Number(loop.From, "a range"), end = Number(loop.End, "a range");
            type = TraceType.Int(Math.Max(from.SizeBytes, end.SizeBytes), from.IsSigned || end.IsSigned);
        }
        else if (loop.From is MapExpr map)
        {
            MapInfo info = Map(map);
            info.IsUsed = true;
            if (info.IsScalar)
                Report(DiagnosticTable.TraceFor, loop.From, "a map without keys");
            else if (info.Key.Kind == TypeKind.None)
                Report(DiagnosticTable.TraceUndefinedMap, map, map.Name);
            type = TupleLayout.Of([info.Key, info.Value.IsAggregate ? Read(info.Value) : info.Value]);
            _script[map].Type = type;
        }
        else
        {
            Report(DiagnosticTable.TraceFor, loop.From, Type(loop.From));
            type = TraceType.None;
        }
        InScope(() =>
        {
            VariableInfo variable = Declare(loop, loop.Variable.Name);
            variable.IsAssigned = true;
            if (!variable.Type.Equals(type))
            {
                variable.Type = type;
                _changed = true;
            }
            _script[loop.Variable].Variable = variable;
            _script[loop.Variable].Type = type;
            Loop(loop.Body);
        });
    }

    private VariableInfo Declare(Node at, string name)
    {
        if (!_declared.TryGetValue(at, out VariableInfo? variable))
            _declared[at] = variable = new VariableInfo(name);
        return _scopes[^1][name] = variable;
    }

    private VariableInfo? Find(string name)
    {
        for (int i = _scopes.Count - 1; i >= 0; i--)
            if (_scopes[i].TryGetValue(name, out VariableInfo? variable))
                return variable;
        return null;
    }

    private void Let(LetStatement let)
    {
        TraceType value = let.Value is null ? TraceType.None : Type(let.Value);
        if (_scopes[^1].TryGetValue(let.Variable.Name, out VariableInfo? earlier) && earlier.IsAssigned)
            Report(DiagnosticTable.TraceTwice, let.Variable, "variable", "$" + Plain(let.Variable.Name));
        VariableInfo variable = Declare(let, let.Variable.Name);
        _script[let.Variable].Variable = variable;
        if (let.Type is not null)
        {
            variable.IsDeclared = true;
            TraceType declared = Named(let.Type);
            if (variable.Type.Kind == TypeKind.None && declared.Kind != TypeKind.None)
                (variable.Type, _changed) = (declared, true);
        }
        // What was only declared is 0.
        variable.IsAssigned = true;
        if (let.Value is not null)
            Give(variable, value, let.Value);
    }

    private void Give(VariableInfo variable, TraceType value, Expr from)
    {
        if (value.Kind is TypeKind.Void || value.IsAggregate)
        {
            Report(DiagnosticTable.TraceNoValue, from, ScriptPrinter.Print(from));
            return;
        }
        if (Unify(variable.Type, value) is not TraceType both)
        {
            Report(DiagnosticTable.TraceVariableType, from, Plain(variable.Name), variable.Type, value);
            return;
        }
        if (both.Space == AddressSpace.Unknown && value.Space != AddressSpace.Unknown)
            both = both with { Space = value.Space };
        if (!variable.IsDeclared && (!both.Equals(variable.Type) || both.Space != variable.Type.Space))
        {
            variable.Type = both;
            _changed = true;
        }
    }

    private static string Plain(string name) => name.Split('#')[0];

    private void Assign(AssignStatement assign)
    {
        if (assign.Target is null)
        {
            Any(assign.Value);
            return;
        }
        if (assign.Target is VariableExpr target)
        {
            TraceType value = Type(assign.Value);
            VariableInfo? variable = Find(target.Name);
            if (variable is null)
                _program.Variables[target.Name] = variable = new VariableInfo(target.Name);
            if (assign.Op != "=")
                value = Combined(assign, Use(variable, target), value);
            variable.IsAssigned = true;
            _script[target].Variable = variable;
            Give(variable, value, assign.Value);
            _script[target].Type = variable.Type;
            return;
        }
        AssignMap(assign);
    }

    private TraceType Combined(AssignStatement assign, TraceType left, TraceType right) =>
        left.Kind == TypeKind.None ? right : Operation(assign, assign.Op[..^1], assign.Target!, left, assign.Value, right);

    private TraceType Use(VariableInfo variable, VariableExpr at)
    {
        if (!variable.IsAssigned && _isFinal && _loops == 0)
            Report(DiagnosticTable.TraceUndefinedVariable, at, Plain(variable.Name));
        return variable.Type;
    }

    /// <summary><c>x++</c> and its like: of variables and maps.</summary>
    private TraceType Step(UnaryExpr step)
    {
        TraceType type;
        if (step.Operand is VariableExpr variable)
        {
            VariableInfo? info = Find(variable.Name);
            if (info is null)
            {
                Report(DiagnosticTable.TraceUndefinedVariable, variable, Plain(variable.Name));
                return TraceType.Int64;
            }
            _script[variable].Variable = info;
            type = _script[variable].Type = Use(info, variable);
        }
        else if (MapTarget(step.Operand) is (MapInfo map, _))
        {
            if (map.Value.Kind == TypeKind.None)
                SetValue(map, TraceType.Int64, step);
            type = _script[step.Operand].Type = map.Value;
        }
        else
        {
            Report(DiagnosticTable.TraceAssignTarget, step.Operand, "this");
            return TraceType.Int64;
        }
        if (type.Kind is not (TypeKind.Integer or TypeKind.Pointer or TypeKind.None or TypeKind.Bool) && !type.IsSummable)
            Report(DiagnosticTable.TraceOperand, step, step.Op, type);
        return _script[step].Type = type.IsSummable ? TraceType.Int64 : type;
    }
}
