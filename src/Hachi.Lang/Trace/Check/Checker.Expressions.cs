using System.Globalization;
using Hachi.Lang.Trace.Syntax;
using Hachi.Lang.Trace.Types;
using Hachi.Object.Plan;
using Hachi.Text;

namespace Hachi.Lang.Trace.Check;

internal sealed partial class Checker
{
    /// <summary>Type of an expression that must have a value.</summary>
    private TraceType Type(Expr value)
    {
        TraceType type = Any(value);
        if (type.Kind == TypeKind.Void)
        {
            Report(DiagnosticTable.TraceNoValue, value, value is CallExpr call ? call.Name + "()" : ScriptPrinter.Print(value));
            type = _script[value].Type = TraceType.None;
        }
        return type;
    }

    private TraceType Any(Expr value)
    {
        ExprInfo info = _script[value];
        info.Type = Look(value, info);
        return info.Type;
    }

    private TraceType Look(Expr value, ExprInfo info)
    {
        switch (value)
        {
            case IntegerExpr integer:
                info.Number = (long)integer.Value;
                return integer.IsDuration ? TraceType.Int64 : Smallest((long)integer.Value, integer.Value > long.MaxValue);
            case StringExpr text:
                info.Text = text.Value;
                return TraceType.String(System.Text.Encoding.UTF8.GetByteCount(text.Value) + 1);
            case BoolExpr truth:
                info.Number = truth.Value ? 1 : 0;
                return TraceType.Bool;
            case NameExpr name: return Name(name, info);
            case VariableExpr variable: return Variable(variable, info);
            case MapExpr map: return ReadMap(map);
            case PositionalExpr parameter: return Positional(parameter, info);
            case UnaryExpr unary: return Unary(unary, info);
            case BinaryExpr binary: return Binary(binary, info);
            case ChoiceExpr choice: return Choice(choice, info);
            case CallExpr call: return Call(call, info);
            case CastExpr cast: return Cast(cast, info);
            case MemberExpr member: return Member(member, info);
            case IndexExpr index: return Index(index);
            case TupleExpr tuple: return TupleLayout.Of(tuple.Items.ConvertAll(item => Value(Type(item))), tuple.Names);
            case SizeExpr size: return Size(size, info);
            case BlockExpr block: return Block(block, info);
            case TypeExpr type: return Named(type.Type);
            default: return TraceType.None;
        }
    }

    // What adds up is a number wherever it is read.
    private static TraceType Value(TraceType type) => type.IsSummable ? Read(type) : type;

    internal static TraceType Smallest(long value, bool isHuge) =>
        isHuge ? TraceType.UInt64 : TraceType.Int(value is >= sbyte.MinValue and <= sbyte.MaxValue ? 1 : value is >= short.MinValue and <= short.MaxValue ? 2 : value is >= int.MinValue and <= int.MaxValue ? 4 : 8, true);

    private TraceType Named(TypeName name)
    {
        if (_script.Types.Resolve(name, Type) is TraceType type)
            return type;
        if (name.Suffixes.Contains(TypeName.Pointer) && name.Name.Length > 0)
            Report(DiagnosticTable.TraceUnknownType, new TypeExpr(name), name.Name);
        else
            Report(DiagnosticTable.TraceUnknownType, new TypeExpr(name), ScriptPrinter.Print(name));
        return TraceType.None;
    }

    private TraceType Name(NameExpr name, ExprInfo info)
    {
        if (Builtin(name.Name.StartsWith("__builtin_", StringComparison.Ordinal) ? name.Name["__builtin_".Length..] : name.Name, name, info) is TraceType builtin)
            return builtin;
        if (_script.Types.Constant(name.Name) is (EnumType values, long number))
        {
            info.Number = number;
            return TraceType.Int(8, values.IsSigned) with { Enum = values.Name.Length > 0 || values.Values.Count > 0 ? values : null };
        }
        if (Constants.Find(name.Name) is long known)
        {
            info.Number = known;
            return Smallest(known, false);
        }
        if (_isFinal)
        {
            string? near = Nearest.To(name.Name, s_builtins.Concat(FunctionTable.All.Select(row => row.Name)));
            ReportWithHint(DiagnosticTable.TraceUnknownName, name.Span, near is null ? null : $"did you mean {near}?", name.Name);
        }
        return TraceType.None;
    }

    private TraceType Variable(VariableExpr variable, ExprInfo info)
    {
        if (Find(variable.Name) is not VariableInfo found)
        {
            string? near = Nearest.To(variable.Name, _scopes.SelectMany(scope => scope.Keys).Where(key => !key.Contains('#', StringComparison.Ordinal)));
            ReportWithHint(DiagnosticTable.TraceUndefinedVariable, variable.Span, near is null ? null : $"did you mean ${near}?", Plain(variable.Name));
            return TraceType.None;
        }
        info.Variable = found;
        return Use(found, variable);
    }

    private TraceType ReadMap(Expr target)
    {
        if (MapTarget(target) is not (MapInfo map, _))
            return TraceType.None;
        if (map.Value.Kind == TypeKind.None && map.Kind is null)
            Report(DiagnosticTable.TraceUndefinedMap, target, map.Name);
        return map.Value;
    }

    private TraceType Positional(PositionalExpr parameter, ExprInfo info)
    {
        IReadOnlyList<string> all = _script.Options.Parameters;
        if (parameter.Number == 0)
        {
            info.Number = all.Count;
            return Smallest(all.Count, false);
        }
        string text = parameter.Number <= all.Count ? all[parameter.Number - 1] : "";
        bool isNegative = text.StartsWith('-');
        if (text.Length == 0 || Lexer.Value(isNegative ? text[1..] : text) is { Ok: true })
        {
            ulong number = text.Length == 0 ? 0 : Lexer.Value(isNegative ? text[1..] : text).Value;
            info.Number = isNegative ? unchecked(-(long)number) : (long)number;
            info.Text = text;
            return Smallest(info.Number.Value, !isNegative && number > long.MaxValue);
        }
        info.Text = text;
        return TraceType.String(System.Text.Encoding.UTF8.GetByteCount(text) + 1);
    }

    private TraceType Number(Expr value, string what)
    {
        TraceType type = Value(_script[value].Type is { Kind: not TypeKind.None } known ? known : Type(value));
        if (!type.IsNumeric && type.Kind is not (TypeKind.None or TypeKind.Pointer or TypeKind.KernelSymbol or TypeKind.UserSymbol or TypeKind.UserName))
            Report(DiagnosticTable.TraceOperand, value, what, type);
        return type.IsNumeric ? type : TraceType.Int64;
    }

    private void Condition(Expr value)
    {
        TraceType type = Type(value);
        if (type.Kind is TypeKind.Integer or TypeKind.Bool or TypeKind.Pointer or TypeKind.None or TypeKind.String || type.IsSummable || type.Kind is TypeKind.KernelSymbol or TypeKind.UserName or TypeKind.KernelStack or TypeKind.UserStack)
            return;
        Report(DiagnosticTable.TraceCondition, value, type);
    }

    private TraceType Unary(UnaryExpr unary, ExprInfo info)
    {
        if (unary.Op is "++" or "--")
            return Step(unary);
        if (unary.Op == "&" && unary.Operand is VariableExpr or MapExpr or IndexExpr { Target: MapExpr })
            return TraceType.PointerTo(Type(unary.Operand), AddressSpace.Own);
        TraceType operand = Value(Type(unary.Operand));
        long? number = _script[unary.Operand].Number;
        switch (unary.Op)
        {
            case "!":
                Condition(unary.Operand);
                info.Number = number is long n ? (n == 0 ? 1 : 0) : null;
                return TraceType.Bool;
            case "-" or "~" or "+":
                if (!operand.IsNumeric && operand.Kind != TypeKind.None)
                    Report(DiagnosticTable.TraceOperand, unary, unary.Op, operand);
                info.Number = number is long value ? unary.Op switch { "-" => unchecked(-value), "~" => ~value, _ => value } : null;
                return info.Number is long folded && unary.Op != "~" ? Smallest(folded, false) : operand.IsInteger && operand.SizeBytes == 8 ? operand with { IsSigned = operand.IsSigned || unary.Op == "-", Enum = null } : unary.Op == "~" ? operand with { Enum = null } : TraceType.Int64;
            case "&":
                return operand.Kind is TypeKind.Struct or TypeKind.Array or TypeKind.String || unary.Operand is MemberExpr ? TraceType.PointerTo(operand, operand.Space) : Refuse(unary, operand);
            default:
                return Dereference(unary, operand);
        }
    }

    private TraceType Refuse(UnaryExpr unary, TraceType operand)
    {
        if (operand.Kind != TypeKind.None)
            Report(DiagnosticTable.TraceOperand, unary, unary.Op, operand);
        return TraceType.None;
    }

    private TraceType Dereference(UnaryExpr unary, TraceType operand)
    {
        if (operand.Kind == TypeKind.Pointer)
        {
            TraceType element = _script.Types.Complete(operand.Element!);
            if (element.Kind == TypeKind.Void)
                Report(DiagnosticTable.TraceDereference, unary.Operand, operand);
            return Reached(element, operand.Space, operand.IsTrusted);
        }
        if (operand.Kind == TypeKind.Integer) // as 0.17 has it: a number is an address of a word
            return TraceType.UInt64;
        if (operand.Kind != TypeKind.None)
            Report(DiagnosticTable.TraceDereference, unary.Operand, operand);
        return TraceType.None;
    }

    /// <summary>A value that is read at an address: pointers in it lead into the same space.</summary>
    private static TraceType Reached(TraceType type, AddressSpace space, bool isTrusted) =>
        type.Kind is TypeKind.Pointer && type.Space is not (AddressSpace.Unknown) && space == AddressSpace.Kernel ? type with { IsTrusted = isTrusted } : type with { Space = space, IsTrusted = isTrusted };

    private TraceType Binary(BinaryExpr binary, ExprInfo info)
    {
        TraceType left = Value(Type(binary.Left)), right = Value(Type(binary.Right));
        TraceType type = Operation(binary, binary.Op, binary.Left, left, binary.Right, right);
        bool isSigned = IsSigned(binary.Op, left, right, _script[binary.Left].Number, _script[binary.Right].Number);
        info.Number = _script[binary.Left].Number is long a && _script[binary.Right].Number is long b && left.IsNumeric && right.IsNumeric ? Fold.Binary(binary.Op, a, b, isSigned) : null;
        return type;
    }

    /// <summary>Whether an operation sees its operands as signed: both are, a literal without a minus goes with either.</summary>
    internal static bool IsSigned(string op, TraceType left, TraceType right, long? leftNumber, long? rightNumber)
    {
        bool a = left.IsSigned || left.Kind == TypeKind.Bool, b = right.IsSigned || right.Kind == TypeKind.Bool;
        if (op is "<<" or ">>")
            return a;
        return a && b || (a && rightNumber >= 0) || (b && leftNumber >= 0 && !a);
    }

    private TraceType Operation(Node at, string op, Expr leftExpr, TraceType left, Expr rightExpr, TraceType right)
    {
        if (left.Kind == TypeKind.None || right.Kind == TypeKind.None)
            return op is "==" or "!=" or "<" or ">" or "<=" or ">=" or "&&" or "||" ? TraceType.Bool : left.Kind == TypeKind.None ? right : left;
        if (op is "&&" or "||")
        {
            Condition(leftExpr);
            Condition(rightExpr);
            return TraceType.Bool;
        }
        if (op is "==" or "!=" or "<" or ">" or "<=" or ">=")
        {
            if (!CanCompare(op, left, right) || (left.Kind == TypeKind.Tuple && Unify(left, right) is null))
                Report(DiagnosticTable.TraceCompare, at, left, right);
            return TraceType.Bool;
        }
        if (left.Kind == TypeKind.Pointer && right.IsNumeric && op is "+" or "-")
            return left;
        if (right.Kind == TypeKind.Pointer && left.IsNumeric && op == "+")
            return right;
        if (left.Kind == TypeKind.Pointer && right.Kind == TypeKind.Pointer && op == "-")
            return TraceType.Int64;
        if (left.Kind == TypeKind.String && op == "+" && right.IsNumeric && _script[leftExpr].Text is not null)
            return left;
        if (!Works(left) || !Works(right))
        {
            Report(DiagnosticTable.TraceOperand, at, op, Works(left) ? right : left);
            return TraceType.Int64;
        }
        bool isSigned = IsSigned(op, left, right, _script[leftExpr].Number, _script[rightExpr].Number) || (op == "-" && left.IsSigned && right.IsSigned);
        return TraceType.Int(op is "&" or "|" or "^" ? Math.Max(left.SizeBytes, right.SizeBytes) : 8, isSigned) with { Space = left.Space };
    }

    private static bool Works(TraceType type) => type.IsNumeric || type.Kind is TypeKind.Pointer or TypeKind.UserName or TypeKind.KernelSymbol;

    private static bool CanCompare(string op, TraceType left, TraceType right)
    {
        if (left.Kind is TypeKind.String or TypeKind.Buffer || right.Kind is TypeKind.String or TypeKind.Buffer)
            return (left.Kind is TypeKind.String or TypeKind.Buffer) && (right.Kind is TypeKind.String or TypeKind.Buffer);
        if (left.IsScalar && right.IsScalar)
            return true;
        return op is "==" or "!=" && left.Kind == right.Kind && (left.Equals(right) || left.Kind is TypeKind.Tuple or TypeKind.Address or TypeKind.UserSymbol);
    }

    private TraceType Choice(ChoiceExpr choice, ExprInfo info)
    {
        Condition(choice.Condition);
        TraceType whenTrue = choice.WhenTrue is null ? Value(_script[choice.Condition].Type) : Value(Any(choice.WhenTrue));
        TraceType whenFalse = choice.WhenFalse is null ? TraceType.Void : Value(Any(choice.WhenFalse));
        if (_script[choice.Condition].Number is long known)
            info.Number = _script[known != 0 ? choice.WhenTrue ?? choice.Condition : choice.WhenFalse ?? choice.Condition].Number;
        if (whenTrue.Kind == TypeKind.Void || whenFalse.Kind == TypeKind.Void)
            return TraceType.Void;
        if (Unify(whenTrue, whenFalse) is TraceType both)
            return both;
        Report(DiagnosticTable.TraceChoice, choice, whenTrue, whenFalse);
        return whenTrue;
    }

    private TraceType Cast(CastExpr cast, ExprInfo info)
    {
        TraceType operand = Value(Type(cast.Operand)), type = Named(cast.Type);
        if (type.Kind == TypeKind.Array && type.Count == 0 && operand.SizeBytes > 0 && type.Element!.SizeBytes > 0)
            type = TraceType.ArrayOf(type.Element, operand.SizeBytes / type.Element.SizeBytes);
        if (type.Kind is TypeKind.String or TypeKind.Buffer && type.SizeBytes == 0)
            type = type with { SizeBytes = operand.SizeBytes };
        if (type.Kind == TypeKind.None || operand.Kind == TypeKind.None)
            return type;
        bool fits = (type.IsScalar && operand.IsScalar) || (type.Kind == TypeKind.Array && operand.Kind is TypeKind.Integer or TypeKind.String or TypeKind.Array or TypeKind.Buffer)
            || (type.IsInteger && operand.Kind is TypeKind.Array or TypeKind.Buffer or TypeKind.UserSymbol or TypeKind.Address or TypeKind.String && operand.SizeBytes <= 20) || type.Kind == operand.Kind || (type.Kind == TypeKind.Pointer && operand.Kind is TypeKind.Array or TypeKind.String or TypeKind.Struct);
        if (!fits)
            Report(DiagnosticTable.TraceCast, cast, operand, type);
        if (_script[cast.Operand].Number is long number && type.IsNumeric)
            info.Number = type.Kind == TypeKind.Bool ? (number != 0 ? 1 : 0) : Fold.Truncate(number, type.SizeBytes, type.IsSigned);
        return type.Kind == TypeKind.Pointer ? type with { Space = operand.Space } : type with { Space = operand.Space };
    }

    private TraceType Member(MemberExpr member, ExprInfo info)
    {
        if (member.Target is CallExpr { Name: "config", Args.Count: 0 } or NameExpr { Name: "__builtin_config" })
            return Setting(member, info);
        TraceType target = Type(member.Target);
        if (target.Kind == TypeKind.Tuple)
            return Part(member, target.Tuple!);
        bool isTrusted = target.IsTrusted;
        AddressSpace space = target.Space;
        if (target.Kind == TypeKind.Pointer)
            target = target.Element!;
        if (target.Kind != TypeKind.Struct)
        {
            if (target.Kind != TypeKind.None)
                ReportWithHint(DiagnosticTable.TraceNotStruct, member.Target.Span, target.IsInteger ? "cast it to a pointer to a struct: ((struct x *)y).z" : null, _script[member.Target].Type);
            return TraceType.None;
        }
        StructType layout = _script.Types.Complete(target).Struct!;
        if (layout.Find(member.Member) is not StructField field)
        {
            string? near = Nearest.To(member.Member, layout.Fields.Select(row => row.Name));
            ReportWithHint(DiagnosticTable.TraceNoMember, member.MemberSpan, near is null ? null : $"did you mean {near}?", layout.Name, member.Member);
            return TraceType.None;
        }
        info.Field = field;
        if (space == AddressSpace.Context)
            return field.Type;
        return Reached(_script.Types.Complete(field.Type), space, isTrusted) is var reached && field.Type.Kind == TypeKind.Pointer && field.Type.Space == AddressSpace.User ? reached with { Space = AddressSpace.User } : reached;
    }

    private TraceType Part(MemberExpr member, TupleLayout tuple)
    {
        foreach (TupleItem item in tuple.Items)
            if (item.Name.Length > 0 && item.Name == member.Member)
                return item.Type;
        if (int.TryParse(member.Member, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number < tuple.Items.Count)
            return tuple.Items[number].Type;
        Report(DiagnosticTable.TraceNoMember, member, tuple.Type, member.Member);
        return TraceType.None;
    }

    private TraceType Index(IndexExpr index)
    {
        if (index.Target is MapExpr)
            return ReadMap(index);
        TraceType target = Type(index.Target);
        if (index.Keys.Count != 1)
        {
            Report(DiagnosticTable.TraceNotIndexable, index, target);
            return TraceType.None;
        }
        TraceType key = Number(index.Keys[0], "an index");
        long? number = _script[index.Keys[0]].Number;
        switch (target.Kind)
        {
            case TypeKind.Pointer:
                return Reached(_script.Types.Complete(target.Element!), target.Space, target.IsTrusted);
            case TypeKind.Array:
                if (number is long at && target.Count > 0 && (at < 0 || at >= target.Count))
                    Report(DiagnosticTable.TraceIndexRange, index.Keys[0], at, target);
                return Reached(target.Element!, target.Space, target.IsTrusted);
            case TypeKind.String or TypeKind.Buffer:
                if (number is long place && (place < 0 || place >= target.SizeBytes))
                    Report(DiagnosticTable.TraceIndexRange, index.Keys[0], place, target);
                return TraceType.Int(1, target.Kind == TypeKind.String);
            case TypeKind.Tuple when number is long part && part >= 0 && part < target.Tuple!.Items.Count:
                return target.Tuple.Items[(int)part].Type;
            case TypeKind.None:
                return TraceType.None;
            default:
                Report(DiagnosticTable.TraceNotIndexable, index.Target, target);
                return key;
        }
    }

    private TraceType Size(SizeExpr size, ExprInfo info)
    {
        // A name may be that of a type, too: sizeof(foo_t).
        bool isNamed = size.Of is NameExpr name && !s_builtins.Contains(name.Name) && _script.Types.Constant(name.Name) is null && _script.Types.Named(name.Name) is not null;
        TraceType type = size.Type is not null ? Named(size.Type) : isNamed ? _script.Types.Named(((NameExpr)size.Of!).Name)! : Type(size.Of!);
        long bytes = type.SizeBytes;
        if (size.Members is not null)
        {
            bytes = 0;
            foreach (string member in size.Members)
            {
                TraceType holder = _script.Types.Complete(type.Kind == TypeKind.Pointer ? type.Element! : type);
                if (holder.Struct?.Find(member) is not StructField field)
                {
                    if (type.Kind != TypeKind.None)
                        Report(DiagnosticTable.TraceNoMember, size, holder, member);
                    return TraceType.UInt64;
                }
                bytes += field.Offset;
                type = field.Type;
            }
        }
        info.Number = bytes;
        return TraceType.UInt64;
    }

    private TraceType Block(BlockExpr block, ExprInfo info)
    {
        TraceType type = TraceType.Void;
        InScope(() =>
        {
            Statements(block.Statements);
            if (block.Result is not null)
            {
                type = Any(block.Result);
                if (block.Statements.Count == 0)
                    (info.Number, info.Text) = (_script[block.Result].Number, _script[block.Result].Text);
            }
        });
        return type;
    }
}
