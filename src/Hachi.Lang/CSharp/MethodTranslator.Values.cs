using System.Reflection.Metadata;
using Hachi.Ir.Build;
using Hachi.Isa;
using Hachi.Text;

namespace Hachi.Lang.CSharp;

/// <content>Instructions that compute.</content>
internal sealed partial class MethodTranslator
{
    private void Translate(IlInsn insn)
    {
        ILOpCode code = insn.Code;
        if (code is ILOpCode.Nop or ILOpCode.Readonly or ILOpCode.Unaligned or ILOpCode.Volatile)
            return;
        if (code == ILOpCode.Dup)
            Push(_frame.Stack.Peek());
        else if (code == ILOpCode.Pop)
            Pop();
        else if (!TranslateConstant(insn) && !TranslateArithmetic(code) && !TranslateConversion(code) && !TranslateVariable(insn) && !TranslateMemory(insn) && !TranslateObject(insn))
            throw Refuse(DiagnosticTable.CSharpUnsupported, Word(code));
    }

    // What a refused instruction does, in the words of C#.
    private static string Word(ILOpCode code) => code switch
    {
        ILOpCode.Newobj or ILOpCode.Newarr => "an object or array on the heap (new)",
        ILOpCode.Box or ILOpCode.Unbox or ILOpCode.Unbox_any => "boxing (a value as an object)",
        ILOpCode.Ldstr => "a string",
        ILOpCode.Throw or ILOpCode.Rethrow => "throw",
        ILOpCode.Ldftn or ILOpCode.Ldvirtftn or ILOpCode.Calli => "a delegate or function pointer",
        ILOpCode.Ldc_r4 or ILOpCode.Ldc_r8 or ILOpCode.Conv_r4 or ILOpCode.Conv_r8 or ILOpCode.Conv_r_un => "floating point",
        ILOpCode.Castclass or ILOpCode.Isinst => "a test or cast of an object",
        >= ILOpCode.Ldelema and <= ILOpCode.Stelem or (>= ILOpCode.Ldelem_i1 and <= ILOpCode.Stelem_ref) or ILOpCode.Ldlen => "an array",
        ILOpCode.Localloc => "stackalloc",
        _ => $"the instruction {code.ToString().ToLowerInvariant().Replace('_', '.')}",
    };

    private bool TranslateConstant(IlInsn insn)
    {
        switch (insn.Code)
        {
            case >= ILOpCode.Ldc_i4_m1 and <= ILOpCode.Ldc_i4_8:
                PushInt(_f.Const((uint)(insn.Code - ILOpCode.Ldc_i4_0)));
                return true;
            case ILOpCode.Ldc_i4 or ILOpCode.Ldc_i4_s:
                PushInt(_f.Const((uint)insn.Operand));
                return true;
            case ILOpCode.Ldc_i8:
                PushLong(_f.Const(insn.Operand));
                return true;
            case ILOpCode.Ldnull:
                PushLong(0);
                return true;
            default:
                return false;
        }
    }

    private bool TranslateArithmetic(ILOpCode code)
    {
        switch (code)
        {
            case ILOpCode.Neg:
                Item value = Pop();
                Push(value with { Value = _f.Negate(value.Value, value.Size), Type = null });
                return true;
            case ILOpCode.Not:
                Item inverted = Pop();
                Push(inverted with { Value = _f.Xor(inverted.Value, _f.Const(inverted.Size == 4 ? uint.MaxValue : -1L), inverted.Size), Type = null });
                return true;
            case ILOpCode.Shl or ILOpCode.Shr or ILOpCode.Shr_un:
                Item count = Pop(), shifted = Pop();
                AluOp shift = code == ILOpCode.Shl ? AluOp.Lsh : code == ILOpCode.Shr ? AluOp.Arsh : AluOp.Rsh;
                Push(shifted with { Value = _f.Binary(shift, shifted.Value, count.Value, shifted.Size), Type = null });
                return true;
            case ILOpCode.Ceq or ILOpCode.Cgt or ILOpCode.Cgt_un or ILOpCode.Clt or ILOpCode.Clt_un:
                Compare(code);
                return true;
        }
        AluOp? op = code switch
        {
            ILOpCode.Add => AluOp.Add,
            ILOpCode.Sub => AluOp.Sub,
            ILOpCode.Mul => AluOp.Mul,
            ILOpCode.Div => AluOp.SDiv,
            ILOpCode.Div_un => AluOp.Div,
            ILOpCode.Rem => AluOp.SMod,
            ILOpCode.Rem_un => AluOp.Mod,
            ILOpCode.And => AluOp.And,
            ILOpCode.Or => AluOp.Or,
            ILOpCode.Xor => AluOp.Xor,
            _ => null,
        };
        if (op is null)
            return false;
        Item b = Pop(), a = Pop();
        int size = Math.Max(a.Size, b.Size);
        int result = _f.Binary(op.Value, Widened(a, size), Widened(b, size), size);
        Push(new Item(size == 4 ? ItemKind.Int32 : ItemKind.Int64, result, op is AluOp.Add or AluOp.Sub ? PointerOf(a) ?? PointerOf(b) : null));
        return true;
    }

    private static ClrType? PointerOf(Item item) => item.Type?.Form == ClrForm.Pointer ? item.Type : null;

    private void Compare(ILOpCode code)
    {
        Item b = Pop(), a = Pop();
        if (code == ILOpCode.Ceq && _f.IsConst(b.Value, out long zero) && zero == 0 && _f.AsksOf(a.Value) is { } asked && FunctionBuilder.Opposite(asked.Op) is { } opposite)
        {
            PushInt(_f.Compare(opposite, asked.A, asked.B, asked.Size)); // not
            return;
        }
        CompareOp op = code switch
        {
            ILOpCode.Ceq => CompareOp.Jeq,
            ILOpCode.Cgt => CompareOp.Jsgt,
            ILOpCode.Cgt_un => CompareOp.Jgt,
            ILOpCode.Clt => CompareOp.Jslt,
            _ => CompareOp.Jlt,
        };
        int size = Math.Max(a.Size, b.Size);
        PushInt(_f.Compare(op, Widened(a, size), Widened(b, size), size));
    }

    // A 32-bit integer beside one of 64 bits (an index added to a pointer) keeps its sign.
    private int Widened(Item item, int size) => size == 8 && item.Kind == ItemKind.Int32 ? _f.SignExtend(item.Value, 4) : item.Value;

    private bool TranslateConversion(ILOpCode code)
    {
        (int size, bool isSigned) = code switch
        {
            ILOpCode.Conv_i1 => (1, true),
            ILOpCode.Conv_u1 => (1, false),
            ILOpCode.Conv_i2 => (2, true),
            ILOpCode.Conv_u2 => (2, false),
            ILOpCode.Conv_i4 => (4, true),
            ILOpCode.Conv_u4 => (4, false),
            ILOpCode.Conv_i8 or ILOpCode.Conv_i => (8, true),
            ILOpCode.Conv_u8 or ILOpCode.Conv_u => (8, false),
            _ => (0, false),
        };
        if (size == 0)
            return false;
        Item item = Pop();
        switch (size)
        {
            case 8 when item.Kind == ItemKind.Int32:
                PushLong(isSigned ? _f.SignExtend(item.Value, 4) : _f.ZeroExtend(item.Value, 4));
                break;
            case 8:
                Push(item);
                break;
            case 4:
                PushInt(_f.ZeroExtend(item.Value, 4));
                break;
            default:
                PushInt(isSigned ? _f.ZeroExtend(_f.SignExtend(item.Value, size), 4) : _f.ZeroExtend(item.Value, size));
                break;
        }
        return true;
    }

    private bool TranslateVariable(IlInsn insn)
    {
        int operand = (int)insn.Operand;
        switch (insn.Code)
        {
            case >= ILOpCode.Ldarg_0 and <= ILOpCode.Ldarg_3:
                PushLocal(Argument(insn.Code - ILOpCode.Ldarg_0));
                return true;
            case ILOpCode.Ldarg or ILOpCode.Ldarg_s:
                PushLocal(Argument(operand));
                return true;
            case ILOpCode.Starg or ILOpCode.Starg_s:
                Assign(Argument(operand), Pop());
                return true;
            case ILOpCode.Ldarga or ILOpCode.Ldarga_s:
                PushAddress(Argument(operand));
                return true;
            case >= ILOpCode.Ldloc_0 and <= ILOpCode.Ldloc_3:
                PushLocal(LocalAt(insn.Code - ILOpCode.Ldloc_0));
                return true;
            case ILOpCode.Ldloc or ILOpCode.Ldloc_s:
                PushLocal(LocalAt(operand));
                return true;
            case >= ILOpCode.Stloc_0 and <= ILOpCode.Stloc_3:
                Assign(LocalAt(insn.Code - ILOpCode.Stloc_0), Pop());
                return true;
            case ILOpCode.Stloc or ILOpCode.Stloc_s:
                Assign(LocalAt(operand), Pop());
                return true;
            case ILOpCode.Ldloca or ILOpCode.Ldloca_s:
                PushAddress(LocalAt(operand));
                return true;
            default:
                return false;
        }
    }

    private Local Argument(int index) => index < _frame.Arguments.Length ? _frame.Arguments[index] : throw new BadImageFormatException();

    private Local LocalAt(int index) => index < _frame.Locals.Length ? _frame.Locals[index] : throw new BadImageFormatException();
}
