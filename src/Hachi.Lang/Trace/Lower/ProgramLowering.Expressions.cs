using Hachi.Isa;
using Hachi.Lang.Trace.Check;
using Hachi.Lang.Trace.Syntax;
using Hachi.Lang.Trace.Types;
using Hachi.Uapi;

namespace Hachi.Lang.Trace.Lower;

/// <summary>Expressions.</summary>
internal sealed partial class ProgramLowering
{
    private Value Lower(Expr value)
    {
        Node outer = _at;
        _at = value;
        Value result = LowerHere(value);
        _at = outer;
        return result;
    }

    private Value LowerHere(Expr value)
    {
        ExprInfo info = _script[value];
        if (info.Number is long number && info.Type.IsScalar && value is not BlockExpr { Statements.Count: > 0 })
            return Word(info.Type, _f.Const(number));
        if (info.Text is not null && info.Type.Kind == TypeKind.String)
        {
            Place text = Temp(info.Type.SizeBytes, value);
            StoreText(info.Text, info.Type.SizeBytes, text);
            return At(info.Type, text);
        }
        switch (value)
        {
            case NameExpr name: return Builtin(name.Name, name, info);
            case VariableExpr variable: return ReadVariable(variable, info);
            case MapExpr or IndexExpr { Target: MapExpr }: return ReadMap(value);
            case UnaryExpr unary: return Unary(unary, info);
            case BinaryExpr { Op: "&&" or "||" or "==" or "!=" or "<" or ">" or "<=" or ">=" }: return Truth(value);
            case BinaryExpr binary: return Operation(binary.Op, Lower(binary.Left), binary.Left, Lower(binary.Right), binary.Right, binary);
            case ChoiceExpr choice: return Choice(choice, info);
            case CallExpr call: return Call(call, info);
            case CastExpr cast: return Cast(cast, info);
            case MemberExpr member: return Member(member, info);
            case IndexExpr index: return Index(index, info);
            case TupleExpr:
                Place tuple = Temp(info.Type.SizeBytes, value);
                Store(value, info.Type, tuple);
                return At(info.Type, tuple);
            case BlockExpr block:
                Statements(block.Statements);
                if (block.Result is null || !_f.IsOpen)
                    return Word(TraceType.Void, _f.Const(0));
                return Lower(block.Result);
            default:
                NotYet(value, ScriptPrinter.Print(value));
                return Word(info.Type, _f.Const(0));
        }
    }

    private Value ReadVariable(VariableExpr variable, ExprInfo info)
    {
        VariableInfo known = info.Variable!;
        return known.Type.IsScalar ? Word(known.Type, Read(known)) : At(known.Type, PlaceOf(known, variable));
    }

    /// <summary>A comparison or connection as 0 or 1.</summary>
    private Value Truth(Expr value)
    {
        if (value is BinaryExpr { Op: not ("&&" or "||") } binary && Lower(binary.Left) is { IsPlace: false } left && Lower(binary.Right) is { IsPlace: false } right)
            return Word(TraceType.Bool, _f.Compare(Comparison(binary, left.Type, right.Type), left.Id, right.Id));
        int yes = _f.NewBlock(), no = _f.NewBlock();
        Condition(value, yes, no);
        return Word(TraceType.Bool, Flag(yes, no));
    }

    /// <summary>1 behind one block, 0 behind the other: both are begun here and meet again.</summary>
    private int Flag(int yes, int no)
    {
        int result = _f.NewVariable(), end = _f.NewBlock();
        _f.Start(yes);
        _f.Write(result, _f.Const(1));
        _f.Goto(end);
        _f.Start(no);
        _f.Write(result, _f.Const(0));
        _f.Goto(end);
        _f.Start(end);
        return _f.Read(result);
    }

    private CompareOp Comparison(BinaryExpr binary, TraceType left, TraceType right)
    {
        bool isSigned = left.Kind != TypeKind.Pointer && right.Kind != TypeKind.Pointer && Checker.IsSigned(binary.Op, left, right, _script[binary.Left].Number, _script[binary.Right].Number);
        return (binary.Op, isSigned) switch
        {
            ("==", _) => CompareOp.Jeq,
            ("!=", _) => CompareOp.Jne,
            ("<", true) => CompareOp.Jslt,
            ("<", false) => CompareOp.Jlt,
            ("<=", true) => CompareOp.Jsle,
            ("<=", false) => CompareOp.Jle,
            (">", true) => CompareOp.Jsgt,
            (">", false) => CompareOp.Jgt,
            (_, true) => CompareOp.Jsge,
            _ => CompareOp.Jge,
        };
    }

    /// <summary>Goes one way or the other.</summary>
    private void Condition(Expr value, int yes, int no)
    {
        ExprInfo info = _script[value];
        if (info.Number is long known)
        {
            _f.Goto(known != 0 ? yes : no);
            return;
        }
        switch (value)
        {
            case UnaryExpr { Op: "!" } not:
                Condition(not.Operand, no, yes);
                return;
            case BinaryExpr { Op: "&&" } both:
                int second = _f.NewBlock();
                Condition(both.Left, second, no);
                _f.Start(second);
                Condition(both.Right, yes, no);
                return;
            case BinaryExpr { Op: "||" } either:
                int other = _f.NewBlock();
                Condition(either.Left, yes, other);
                _f.Start(other);
                Condition(either.Right, yes, no);
                return;
            case BinaryExpr { Op: "==" or "!=" or "<" or ">" or "<=" or ">=" } compare:
                Compare(compare, yes, no);
                return;
        }
        Value word = Lower(value);
        if (word.IsPlace && word.Type.Kind == TypeKind.String)
            _f.Branch(CompareOp.Jne, Load(word.Place, TraceType.Int(1, false)), _f.Const(0), yes, no);
        else
            _f.BranchIf(ToWord(word, value), yes, no);
    }

    private void Compare(BinaryExpr compare, int yes, int no)
    {
        if (IsText(compare.Left) && IsText(compare.Right))
        {
            if (compare.Op is "==" or "!=")
                CompareText(compare.Left, compare.Right, -1, compare.Op == "==" ? yes : no, compare.Op == "==" ? no : yes);
            else
                NotYet(compare, $"{compare.Op} of strings");
            return;
        }
        Value left = Lower(compare.Left), right = Lower(compare.Right);
        if (left.IsPlace && right.IsPlace && !left.Type.IsScalar)
        {
            CompareBytes(Own(left, compare), Own(right, compare), Math.Min(left.Type.SizeBytes, right.Type.SizeBytes), compare.Op == "==" ? yes : no, compare.Op == "==" ? no : yes);
            return;
        }
        _f.Branch(Comparison(compare, left.Type, right.Type), ToWord(left, compare.Left), ToWord(right, compare.Right), yes, no);
    }

    private bool IsText(Expr value) => _script[value].Type.Kind is TypeKind.String or TypeKind.Buffer;

    /// <summary>A value in memory of the program's own.</summary>
    private Place Own(Value value, Node at)
    {
        if (value.Place.Space == AddressSpace.Own)
            return value.Place;
        Place copy = Temp(value.Type.SizeBytes, at);
        if (value.Type.Kind == TypeKind.String)
            StoreString(value, value.Type.SizeBytes, copy);
        else
            Copy(copy, value.Place, value.Type.SizeBytes);
        return copy;
    }

    private void CompareBytes(Place left, Place right, int bytes, int equal, int different)
    {
        for (int at = 0; at < bytes && !NeedsScratch;)
        {
            int size = Math.Min(Piece(left.Offset + at, bytes - at), Piece(right.Offset + at, bytes - at)), next = _f.NewBlock();
            _f.Branch(CompareOp.Jeq, _f.Load(size, left.Address, left.Offset + at), _f.Load(size, right.Address, right.Offset + at), next, different);
            _f.Start(next);
            at += size;
        }
        _f.Goto(equal);
    }

    private Value Unary(UnaryExpr unary, ExprInfo info)
    {
        switch (unary.Op)
        {
            case "++" or "--":
                return Step(unary);
            case "!":
                int zero = _f.NewBlock(), other = _f.NewBlock();
                Condition(unary.Operand, other, zero);
                return Word(TraceType.Bool, Flag(zero, other));
            case "-":
                return Word(info.Type, _f.Negate(Scalar(unary.Operand)));
            case "~":
                return Word(info.Type, _f.Xor(Scalar(unary.Operand), _f.Const(-1)));
            case "+":
                return Word(info.Type, Scalar(unary.Operand));
            case "&":
                return AddressOfValue(unary, info);
            default:
                Value pointer = Lower(unary.Operand);
                return Reach(info.Type, new Place(ToWord(pointer, unary.Operand), 0, Followed(pointer.Type)));
        }
    }

    private Value AddressOfValue(UnaryExpr unary, ExprInfo info)
    {
        if (unary.Operand is MemberExpr member && Location(member) is Place place)
            return Word(info.Type, AddressOf(place));
        Value value = unary.Operand is MemberExpr or VariableExpr ? Lower(unary.Operand) : Lower(unary.Operand);
        if (value.IsPlace)
            return Word(info.Type, AddressOf(value.Place));
        // A number gets a place of its own; what is read through the address is the number as it was.
        Place copy = Temp(8, unary);
        _f.Store(8, copy.Address, copy.Offset, value.Id);
        return Word(info.Type, AddressOf(copy));
    }

    // Memory behind a pointer is read by helpers, wherever it leads; the program's own is read by them, too.
    private static AddressSpace Followed(TraceType pointer) => pointer.Space is AddressSpace.Own or AddressSpace.Context ? AddressSpace.Kernel : pointer.Space;

    private Value Reach(TraceType type, Place place) => type.IsScalar ? Word(type, Load(place, type)) : At(type, place);

    /// <summary>An operation on two words.</summary>
    private Value Operation(string op, Value left, Expr? leftExpr, Value right, Expr? rightExpr, Node at)
    {
        int a = ToWord(left, at), b = ToWord(right, at);
        if (left.Type.Kind == TypeKind.Pointer && right.Type.Kind != TypeKind.Pointer && op is "+" or "-")
            return Word(left.Type, op == "+" ? _f.Add(a, Scaled(b, left.Type)) : _f.Sub(a, Scaled(b, left.Type)));
        if (right.Type.Kind == TypeKind.Pointer && left.Type.Kind != TypeKind.Pointer && op == "+")
            return Word(right.Type, _f.Add(b, Scaled(a, right.Type)));
        long? leftNumber = leftExpr is null ? null : _script[leftExpr].Number, rightNumber = rightExpr is null ? null : _script[rightExpr].Number;
        bool isSigned = Checker.IsSigned(op, left.Type, right.Type, leftNumber, rightNumber);
        int result = op switch
        {
            "+" => _f.Add(a, b),
            "-" => _f.Sub(a, b),
            "*" => _f.Mul(a, b),
            "/" => Checked(a, b, at, () => Divide(a, b, isSigned)),
            "%" => Checked(a, b, at, () => Remainder(a, b, isSigned)),
            "&" => _f.And(a, b),
            "|" => _f.Or(a, b),
            "^" => _f.Xor(a, b),
            "<<" => _f.ShiftLeft(a, b),
            ">>" => isSigned ? _f.Binary(AluOp.Arsh, a, b) : _f.ShiftRight(a, b),
            _ => a,
        };
        return Word(TraceType.Int(8, isSigned), result);
    }

    /// <summary>A division whose divisor may be 0: then it gives 1, and that is told.</summary>
    private int Checked(int a, int b, Node at, Func<int> divide)
    {
        if (_f.IsConst(b, out long known))
            return known == 0 ? _f.Const(1) : divide();
        int zero = _f.NewBlock(), fine = _f.NewBlock(), end = _f.NewBlock(), result = _f.NewVariable();
        _f.Branch(CompareOp.Jeq, b, _f.Const(0), zero, fine);
        _f.Start(zero);
        Warn("Divide or modulo by 0 detected. This can lead to unexpected results. 1 is being used as the result.", at);
        _f.Write(result, _f.Const(1));
        _f.Goto(end);
        _f.Start(fine);
        _f.Write(result, divide());
        _f.Goto(end);
        _f.Start(end);
        return _f.Read(result);
    }

    // Signed division came late to the machine: before, signs are taken off and put on again.
    private int Divide(int a, int b, bool isSigned)
    {
        if (!isSigned)
            return _f.Binary(AluOp.Div, a, b);
        if (_object.Facts.Version >= 0x60600)
            return _f.Binary(AluOp.SDiv, a, b);
        int quotient = _f.Binary(AluOp.Div, Absolute(a), Absolute(b));
        return _f.Select(CompareOp.Jslt, _f.Xor(a, b), _f.Const(0), _f.Negate(quotient), quotient);
    }

    private int Remainder(int a, int b, bool isSigned)
    {
        int mode = isSigned && _object.Facts.Version >= 0x60600 ? _f.Binary(AluOp.SMod, a, b) : -1;
        if (mode >= 0)
            return mode;
        if (!isSigned)
            return _f.Binary(AluOp.Mod, a, b);
        int rest = _f.Binary(AluOp.Mod, Absolute(a), Absolute(b));
        return _f.Select(CompareOp.Jslt, a, _f.Const(0), _f.Negate(rest), rest);
    }

    private int Absolute(int value) => _f.Select(CompareOp.Jslt, value, _f.Const(0), _f.Negate(value), value);

    private Value Choice(ChoiceExpr choice, ExprInfo info)
    {
        if (info.Type.Kind == TypeKind.Void)
        {
            Effect(choice);
            return Word(TraceType.Void, _f.Const(0));
        }
        int yes = _f.NewBlock(), no = _f.NewBlock(), end = _f.NewBlock();
        if (info.Type.IsScalar)
        {
            int result = _f.NewVariable();
            int own = choice.WhenTrue is null ? Scalar(choice.Condition) : -1;
            if (own >= 0)
                _f.BranchIf(own, yes, no);
            else
                Condition(choice.Condition, yes, no);
            _f.Start(yes);
            _f.Write(result, own >= 0 ? own : Scalar(choice.WhenTrue!));
            _f.Goto(end);
            _f.Start(no);
            _f.Write(result, Scalar(choice.WhenFalse!));
            _f.Goto(end);
            _f.Start(end);
            return Word(info.Type, _f.Read(result));
        }
        Place place = Temp(info.Type.SizeBytes, choice);
        Condition(choice.Condition, yes, no);
        _f.Start(yes);
        Store(choice.WhenTrue ?? choice.Condition, info.Type, place);
        _f.Goto(end);
        _f.Start(no);
        Store(choice.WhenFalse!, info.Type, place);
        _f.Goto(end);
        _f.Start(end);
        return At(info.Type, place);
    }

    private Value Cast(CastExpr cast, ExprInfo info)
    {
        TraceType type = info.Type;
        Value operand = Lower(cast.Operand);
        if (type.Kind == TypeKind.Bool)
        {
            int word = ToWord(operand, cast.Operand);
            return Word(type, _f.Compare(CompareOp.Jne, word, _f.Const(0)));
        }
        if (type.IsScalar)
        {
            int word = operand.IsPlace && type.IsInteger && operand.Type.Kind is TypeKind.Array or TypeKind.Buffer or TypeKind.Address or TypeKind.String ? Load(operand.Type.Kind == TypeKind.Buffer ? Shifted(operand.Place, 8) : operand.Place, type) : ToWord(operand, cast.Operand);
            return Word(type, !type.IsInteger || type.SizeBytes == 8 ? word : type.IsSigned ? _f.SignExtend(word, type.SizeBytes) : _f.ZeroExtend(word, type.SizeBytes));
        }
        if (operand.IsPlace && type.SizeBytes <= operand.Type.SizeBytes)
            return At(type, operand.Place);
        Place place = Temp(type.SizeBytes, cast);
        Store(operand, type, place, cast);
        return At(type, place);
    }

    /// <summary>Where a member lies; null where it lies nowhere (a part of a value in registers).</summary>
    private Place? Location(MemberExpr member)
    {
        StructField? field = _script[member].Field;
        if (field is null)
            return null;
        Value target = Lower(member.Target);
        if (target.IsPlace)
            return Shifted(target.Place, field.Offset);
        return new Place(target.Id, field.Offset, target.Type.Space == AddressSpace.Context ? AddressSpace.Context : Followed(target.Type));
    }

    private Value Member(MemberExpr member, ExprInfo info)
    {
        if (info.Field is null)
            return TuplePart(member);
        StructField field = info.Field;
        if (_script[member.Target].Type is { Kind: TypeKind.Struct, Space: AddressSpace.Context } && Argument(field, info, member) is Value argument)
            return argument;
        if (Location(member) is not Place place)
            return Word(info.Type, _f.Const(0));
        if (field.Bits > 0)
            return Word(info.Type, Bits(place, field));
        if (_program.Kind == Hachi.Object.Plan.ProbeKind.Iterator && place.Space == AddressSpace.Context && info.Type.Kind == TypeKind.Pointer)
        {
            // Behind the last thing the kernel calls once more, with nothing: then there is nothing to do.
            int thing = Load(place, info.Type);
            Unless(CompareOp.Jne, thing, _f.Const(0));
            return Word(info.Type, thing);
        }
        return Reach(info.Type, place);
    }

    private int Bits(Place place, StructField field)
    {
        int word = Load(place, TraceType.Int(field.Type.SizeBytes, false));
        int up = 64 - field.Shift - field.Bits, down = 64 - field.Bits;
        // As in the reference language, the bits are a number without a sign, whatever the declared type.
        return _f.ShiftRight(_f.ShiftLeft(word, _f.Const(up)), _f.Const(down));
    }

    private Value TuplePart(MemberExpr member)
    {
        Value tuple = Lower(member.Target);
        foreach (TupleItem item in tuple.Type.Tuple!.Items)
            if (item.Name == member.Member && item.Name.Length > 0)
                return Item(tuple, item);
        return int.TryParse(member.Member, out int number) ? Item(tuple, tuple.Type.Tuple.Items[number]) : Word(TraceType.Int64, _f.Const(0));
    }

    private Value Index(IndexExpr index, ExprInfo info)
    {
        Value target = Lower(index.Target);
        Expr key = index.Keys[0];
        if (target.Type.Kind == TypeKind.Tuple)
            return Item(target, target.Type.Tuple!.Items[(int)(_script[key].Number ?? 0)]);
        int size = Math.Max(1, info.Type.SizeBytes);
        Place start = target.IsPlace ? target.Place : new Place(target.Id, 0, Followed(target.Type));
        start = target.Type.Kind == TypeKind.Buffer ? Shifted(start, 8) : start;
        if (_script[key].Number is long number)
            return Reach(info.Type, Shifted(start, (int)(number * size)));
        // An index that is not known: the verifier would want its bounds, a helper does not.
        int address = _f.Add(AddressOf(start), _f.Mul(Scalar(key), _f.Const(size)));
        return Reach(info.Type, new Place(address, 0, start.Space == AddressSpace.Own ? AddressSpace.Kernel : start.Space));
    }
}
