using Hachi.Ir.Build;
using Hachi.Isa;
using Hachi.Lang.Trace.Check;
using Hachi.Lang.Trace.Syntax;
using Hachi.Lang.Trace.Types;
using Hachi.Uapi;

namespace Hachi.Lang.Trace.Lower;

/// <summary>Statements.</summary>
internal sealed partial class ProgramLowering
{
    private void Statements(List<Statement> statements)
    {
        foreach (Statement statement in statements)
        {
            if (!_f.IsOpen)
                return;
            _f.Origin = statement.Span.Start;
            Lower(statement);
        }
    }

    private void Lower(Statement statement)
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
                if (_script[let.Variable].Variable is VariableInfo declared && declared.Type.Kind != TypeKind.None)
                    Declare(let, declared);
                break;
            case IfStatement choice:
                If(choice);
                break;
            case WhileStatement loop:
                While(loop);
                break;
            case UnrollStatement loop:
                Unroll(loop);
                break;
            case ForStatement loop:
                For(loop);
                break;
            case JumpStatement jump:
                Jump(jump);
                break;
            case BlockStatement block:
                Statements(block.Block.Statements);
                break;
        }
    }

    private void Declare(LetStatement let, VariableInfo variable)
    {
        if (let.Value is not null)
            Give(variable, let.Value);
        else if (variable.Type.IsScalar)
            Write(variable, _f.Const(0));
        else
            Zero(PlaceOf(variable, let), variable.Type.SizeBytes);
    }

    private void Give(VariableInfo variable, Expr value)
    {
        if (variable.Type.IsScalar)
            Write(variable, Narrowed(variable, Scalar(value)));
        else if (Overlaps(variable, value))
        {
            Place temp = Temp(variable.Type.SizeBytes, value);
            Store(value, variable.Type, temp);
            Copy(PlaceOf(variable, value), temp, variable.Type.SizeBytes);
        }
        else
            Store(value, variable.Type, PlaceOf(variable, value));
    }

    // $t = ($t.1, $t.0) reads what it writes.
    private bool Overlaps(VariableInfo variable, Expr value) => value is TupleExpr && Reads(variable, value);

    private bool Reads(VariableInfo variable, Expr value) => value switch
    {
        VariableExpr other => _script[other].Variable == variable,
        TupleExpr tuple => tuple.Items.Exists(item => Reads(variable, item)),
        MemberExpr member => Reads(variable, member.Target),
        IndexExpr index => Reads(variable, index.Target),
        _ => false,
    };

    // A variable whose type was written down holds no more than that.
    private int Narrowed(VariableInfo variable, int value) =>
        variable is { IsDeclared: true, Type: { Kind: TypeKind.Integer, SizeBytes: < 8 } type } ? (type.IsSigned ? _f.SignExtend(value, type.SizeBytes) : _f.ZeroExtend(value, type.SizeBytes)) : value;

    private void Effect(Expr value)
    {
        switch (value)
        {
            case ChoiceExpr choice:
                int yes = _f.NewBlock(), no = _f.NewBlock(), end = _f.NewBlock();
                Condition(choice.Condition, yes, no);
                _f.Start(yes);
                if (choice.WhenTrue is not null)
                    Effect(choice.WhenTrue);
                _f.Goto(end);
                _f.Start(no);
                if (choice.WhenFalse is not null)
                    Effect(choice.WhenFalse);
                _f.Goto(end);
                _f.Start(end);
                break;
            case BlockExpr block:
                Statements(block.Statements);
                if (block.Result is not null && _f.IsOpen)
                    Effect(block.Result);
                break;
            case CallExpr call when EffectCall(call):
                break;
            case UnaryExpr { Op: "++" or "--" } step:
                Step(step);
                break;
            default:
                Lower(value);
                break;
        }
    }

    private void Assign(AssignStatement assign)
    {
        if (assign.Target is null)
        {
            Effect(assign.Value);
            return;
        }
        if (assign.Target is not VariableExpr target)
        {
            AssignMap(assign);
            return;
        }
        VariableInfo variable = _script[target].Variable!;
        if (assign.Op == "=")
            Give(variable, assign.Value);
        else
            Write(variable, Narrowed(variable, Operation(assign.Op[..^1], Word(variable.Type, Read(variable)), null, Lower(assign.Value), assign.Value, assign).Id));
    }

    private void If(IfStatement choice)
    {
        int yes = _f.NewBlock(), no = _f.NewBlock(), end = _f.NewBlock();
        Condition(choice.Condition, yes, no);
        _f.Start(yes);
        Statements(choice.WhenTrue.Statements);
        _f.Goto(end);
        _f.Start(no);
        if (choice.WhenFalse is not null)
            Statements(choice.WhenFalse.Statements);
        _f.Goto(end);
        _f.Start(end);
    }

    private void While(WhileStatement loop)
    {
        int head = _f.NewLoopHead(), body = _f.NewBlock(), end = _f.NewBlock();
        _f.Start(head);
        Condition(loop.Condition, body, end);
        _f.Start(body);
        _state.Loops.Push((end, head));
        Statements(loop.Body.Statements);
        _state.Loops.Pop();
        _f.Goto(head);
        _f.Seal(head);
        _f.Start(end);
    }

    private void Unroll(UnrollStatement loop)
    {
        long count = _script[loop.Count].Number ?? 0;
        int end = _f.NewBlock();
        for (long i = 0; i < count && _f.IsOpen; i++)
        {
            int next = _f.NewBlock();
            _state.Loops.Push((end, next));
            Statements(loop.Body.Statements);
            _state.Loops.Pop();
            _f.Goto(next);
            _f.Start(next);
        }
        _f.Goto(end);
        _f.Start(end);
    }

    private void Jump(JumpStatement jump)
    {
        if (jump.Word == "return")
        {
            if (jump.Value is not null && !_state.IsCallback)
            {
                Value value = Lower(jump.Value);
                _f.Return(value.IsPlace ? _f.Const(0) : value.Id);
                return;
            }
            Leave();
            return;
        }
        (int toBreak, int toContinue) = _state.Loops.Peek();
        if (toBreak >= 0)
            _f.Goto(jump.Word == "break" ? toBreak : toContinue);
        else
            _f.Return(_f.Const(jump.Word == "break" ? 1 : 0));
    }

    /// <summary>Ends the probe, from inside a loop that the kernel calls, too.</summary>
    private void Leave()
    {
        if (_state.IsCallback)
            _f.Store(8, _state.Frame, 0, _f.Const(1));
        _f.Return(_f.Const(_state.IsCallback ? 1 : 0));
    }
}
