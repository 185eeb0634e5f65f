namespace Hachi.Lang.Trace.Syntax;

/// <summary>Statements and expressions.</summary>
internal sealed partial class ScriptPrinter
{
    private const int Choice = 1, Binary = 2, Prefix = 20, Postfix = 21;

    private void Block(Block block)
    {
        _output.Append("{\n");
        _indent++;
        foreach (Statement statement in block.Statements)
            Statement(statement);
        _indent--;
        Start("}");
    }

    private void Statement(Statement statement)
    {
        Start("");
        switch (statement)
        {
            case ExprStatement expression:
                Value(expression.Value, 0);
                _output.Append(';');
                break;
            case AssignStatement assign:
                if (assign.Target is null)
                    _output.Append('_');
                else
                    Value(assign.Target, 0);
                _output.Append(' ').Append(assign.Op).Append(' ');
                Value(assign.Value, 0);
                _output.Append(';');
                break;
            case LetStatement let:
                Let(let);
                break;
            case IfStatement choice:
                If(choice);
                break;
            case WhileStatement loop:
                _output.Append("while (");
                Value(loop.Condition, 0);
                _output.Append(") ");
                Block(loop.Body);
                break;
            case UnrollStatement unroll:
                _output.Append("unroll (");
                Value(unroll.Count, 0);
                _output.Append(") ");
                Block(unroll.Body);
                break;
            case ForStatement loop:
                For(loop);
                break;
            case JumpStatement jump:
                _output.Append(jump.Word);
                if (jump.Value is not null)
                {
                    _output.Append(' ');
                    Value(jump.Value, 0);
                }
                _output.Append(';');
                break;
            case BlockStatement inner:
                Block(inner.Block);
                break;
        }
        _output.Append('\n');
    }

    private void Let(LetStatement let)
    {
        _output.Append("let $").Append(let.Variable.Name);
        if (let.Type is not null)
        {
            _output.Append(" : ");
            Type(let.Type);
        }
        if (let.Value is not null)
        {
            _output.Append(" = ");
            Value(let.Value, 0);
        }
        _output.Append(';');
    }

    private void If(IfStatement choice)
    {
        _output.Append("if (");
        Value(choice.Condition, 0);
        _output.Append(") ");
        Block(choice.WhenTrue);
        if (choice.WhenFalse is not Block otherwise)
            return;
        _output.Append(" else ");
        if (otherwise.IsElseIf && otherwise.Statements is [IfStatement next])
            If(next);
        else
            Block(otherwise);
    }

    private void For(ForStatement loop)
    {
        _output.Append("for ($").Append(loop.Variable.Name).Append(" : ");
        Value(loop.From, loop.End is null ? 0 : Binary);
        if (loop.End is not null)
        {
            _output.Append("..");
            Value(loop.End, Binary);
        }
        _output.Append(") ");
        Block(loop.Body);
    }

    private void Values(List<Expr> values)
    {
        for (int i = 0; i < values.Count; i++)
        {
            if (i > 0)
                _output.Append(", ");
            Value(values[i], 0);
        }
    }

    private void BlockValue(BlockExpr block)
    {
        _output.Append("{\n");
        _indent++;
        foreach (Statement statement in block.Statements)
            Statement(statement);
        if (block.Result is not null)
        {
            Start("");
            Value(block.Result, 0);
            _output.Append('\n');
        }
        _indent--;
        Start("}");
    }

    /// <summary>Writes an expression, in parentheses where it binds less than its place asks.</summary>
    private void Value(Expr value, int least)
    {
        int own = Strength(value);
        if (own < least)
            _output.Append('(');
        switch (value)
        {
            case IntegerExpr integer: _output.Append(integer.Text); break;
            case StringExpr text: _output.Append(Quote(text.Value)); break;
            case BoolExpr truth: _output.Append(truth.Value ? "true" : "false"); break;
            case NameExpr name: _output.Append(name.Name); break;
            case VariableExpr variable: _output.Append('$').Append(variable.Name); break;
            case MapExpr map: _output.Append('@').Append(map.Name); break;
            case PositionalExpr parameter: _output.Append('$').Append(parameter.Number == 0 ? "#" : parameter.Number.ToString(System.Globalization.CultureInfo.InvariantCulture)); break;
            case UnaryExpr unary: Unary(unary); break;
            case BinaryExpr binary:
                Value(binary.Left, own);
                _output.Append(' ').Append(binary.Op).Append(' ');
                Value(binary.Right, own + 1);
                break;
            case ChoiceExpr choice: ChoiceValue(choice); break;
            case CallExpr call:
                _output.Append(call.Name).Append('(');
                Values(call.Args);
                _output.Append(')');
                break;
            case CastExpr cast:
                _output.Append('(');
                Type(cast.Type);
                _output.Append(')');
                Value(cast.Operand, Prefix);
                break;
            case MemberExpr member:
                Value(member.Target, Postfix);
                _output.Append(member.IsArrow ? "->" : ".").Append(member.Member);
                break;
            case IndexExpr index:
                Value(index.Target, Postfix);
                _output.Append('[');
                Values(index.Keys);
                _output.Append(']');
                break;
            default: Compound(value); break;
        }
        if (own < least)
            _output.Append(')');
    }

    private void Unary(UnaryExpr unary)
    {
        if (unary.IsPostfix)
        {
            Value(unary.Operand, Postfix);
            _output.Append(unary.Op);
            return;
        }
        _output.Append(unary.Op);
        // Two minuses or two ampersands in a row would be another word.
        if (unary.Operand is UnaryExpr { IsPostfix: false } inner && (inner.Op[0] == unary.Op[0]))
            _output.Append(' ');
        Value(unary.Operand, Prefix);
    }

    private void ChoiceValue(ChoiceExpr choice)
    {
        if (choice.WhenFalse is null)
        {
            _output.Append("if (");
            Value(choice.Condition, 0);
            _output.Append(") ");
            Value(choice.WhenTrue!, 0);
            return;
        }
        Value(choice.Condition, Binary);
        if (choice.WhenTrue is null)
            _output.Append(" ?: ");
        else
        {
            _output.Append(" ? ");
            Value(choice.WhenTrue, 0);
            _output.Append(" : ");
        }
        Value(choice.WhenFalse, Choice);
    }

    private void Compound(Expr value)
    {
        switch (value)
        {
            case TupleExpr tuple:
                _output.Append('(');
                for (int i = 0; i < tuple.Items.Count; i++)
                {
                    _output.Append(i > 0 ? ", " : "");
                    if (tuple.Names is not null)
                        _output.Append(tuple.Names[i]).Append('=');
                    Value(tuple.Items[i], 0);
                }
                _output.Append(tuple.Items.Count == 1 && tuple.Names is null ? ",)" : ")");
                break;
            case SizeExpr size:
                _output.Append(size.Members is null ? "sizeof(" : "offsetof(");
                if (size.Type is not null)
                    Type(size.Type);
                else
                    Value(size.Of!, 0);
                if (size.Members is not null)
                    _output.Append(", ").Append(string.Join('.', size.Members));
                _output.Append(')');
                break;
            case TypeExpr type:
                Type(type.Type);
                break;
            case BlockExpr block:
                BlockValue(block);
                break;
        }
    }

    private static int Strength(Expr value) => value switch
    {
        ChoiceExpr => Choice,
        BinaryExpr binary => Binary + Parser.Precedence(binary.Op),
        UnaryExpr { IsPostfix: false } or CastExpr => Prefix,
        _ => Postfix,
    };
}
