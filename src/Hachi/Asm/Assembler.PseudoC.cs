using Hachi.Isa;
using Hachi.Text;

namespace Hachi.Asm;

// Pseudo-C: `r1 += r2`, `*(u32 *)(r1 + 0x8) = w2`, `if r1 == 0x5 goto +0x3`, …
internal sealed partial class AssemblerRun
{
    /// <summary>A register as it was written.</summary>
    private readonly record struct Register(int Number, bool IsHalf, TextSpan Span);

    private static readonly string[] s_assignments = ["s>>=", "<<=", ">>=", "s/=", "s%=", "+=", "-=", "*=", "/=", "|=", "&=", "%=", "^=", "="];
    private static readonly string[] s_comparisons = ["s>=", "s<=", "==", "!=", ">=", "<=", "s>", "s<", ">", "<", "&"];

    private bool ReadStatement()
    {
        char c = _cursor.Peek();
        if (c == '*')
            return ReadStore();
        if (AtRegister())
            return ReadAssignment();
        TextSpan word = _cursor.Word();
        if (word.Length == 0)
            return _cursor.Expected("instruction");
        return _cursor.Of(word) switch
        {
            "if" => ReadBranch(),
            "goto" => EmitJump(OpTable.ByShape(Shape.Goto)[0]),
            "gotol" => EmitJump(OpTable.ByShape(Shape.GotoLong)[0]),
            "may_goto" => EmitJump(OpTable.ByShape(Shape.MayGoto)[0]),
            "gotox" => ReadRegister(out Register target) && Emit(OpTable.ByShape(Shape.GotoReg)[0], target.Number),
            "callx" => ReadRegister(out Register callee) && Emit(OpTable.ByShape(Shape.CallReg)[0], callee.Number),
            "call" => ReadCall(),
            "exit" => Emit(OpTable.ByShape(Shape.Exit)[0]),
            "store_release" when _cursor.Peek() == '(' => ReadStoreRelease(),
            "lock" when _cursor.Peek() == '*' => ReadLocked(),
            "ld_pseudo" => ReadPseudo(),
            ".quad" or ".8byte" => ReadQuad(),
            ".function" => ReadFunctionMark(),
            _ => ReadMnemonic(word),
        };
    }

    private bool AtRegister()
    {
        if (_cursor.Peek() == '%')
            return true;
        ReadOnlySpan<char> word = _cursor.PeekWord();
        return word.Length > 1 && word[0] is 'r' or 'w' && word[1..].IndexOfAnyExceptInRange('0', '9') < 0;
    }

    private bool ReadRegister(out Register register)
    {
        register = default;
        if (!AtRegister())
            return _cursor.Expected("register");
        int start = _cursor.Position;
        _cursor.Accept("%");
        TextSpan word = _cursor.Word();
        ReadOnlySpan<char> name = _cursor.Of(word);
        var span = TextSpan.Cover(new TextSpan(start, 0), word);
        bool isKnown = name.Length is 2 or 3 && name[0] is 'r' or 'w' && int.TryParse(name[1..], out int number) && (register = new(number, name[0] == 'w', span)).Number < Limits.Registers;
        return isKnown && !(name.Length == 3 && name[1] == '0')
            || _cursor.Report(DiagnosticTable.AsmUnknownRegister, span, "there are r0 to r10, and w0 to w10 for their lower halves", Cursor.Quote(_cursor.Of(span)));
    }

    // A register of the width that is wanted; 64-bit names are read where a 32-bit half is meant when `isLoose`.
    private bool ReadRegister(bool half, bool isLoose, Register other, out Register register)
    {
        if (!ReadRegister(out register))
            return false;
        return register.IsHalf == half || half && isLoose
            || _cursor.Report(DiagnosticTable.AsmWidths, register.Span, null, Cursor.Quote(_cursor.Of(other.Span)), Cursor.Quote(_cursor.Of(register.Span)));
    }

    private bool ReadAssignment()
    {
        if (!ReadRegister(out Register dst))
            return false;
        string? symbol = AcceptFirst(s_assignments);
        if (symbol is null)
            return _cursor.Expected("operator such as `=` or `+=`");
        if (symbol == "=")
            return ReadValue(dst);
        int bits = dst.IsHalf ? 32 : 64;
        if (AtRegister())
            return ReadRegister(dst.IsHalf, isLoose: false, dst, out Register src) && Emit(OpTable.Find(Shape.AluReg, symbol, bits)!, dst.Number, src.Number);
        return _cursor.Integer(32, "register or number", out long imm) && Emit(OpTable.Find(Shape.AluImm, symbol, bits)!, dst.Number, 0, 0, imm);
    }

    private string? AcceptFirst(string[] symbols)
    {
        foreach (string symbol in symbols)
            if (_cursor.Accept(symbol))
                return symbol;
        return null;
    }

    // What stands behind `r1 =`.
    private bool ReadValue(Register dst)
    {
        int bits = dst.IsHalf ? 32 : 64;
        if (_cursor.AtNumber())
            return ReadConstant(dst);
        if (AtRegister())
            return ReadRegister(dst.IsHalf, isLoose: false, dst, out Register src) && Emit(OpTable.Find(Shape.AluReg, "=", bits)!, dst.Number, src.Number);
        switch (_cursor.Peek())
        {
            case '*':
                return ReadLoad(dst);
            case '-':
                _cursor.Position++;
                return ReadSame(dst) && Emit(OpTable.Find(Shape.Negate, "-", bits)!, dst.Number);
            case '(':
                return ReadSignedMove(dst);
        }
        int start = _cursor.Position;
        TextSpan word = _cursor.Word();
        ReadOnlySpan<char> name = _cursor.Of(word);
        if (OpTable.Find(Shape.ByteOrder, name, 64) is { } swap)
            return ReadSame(dst) && (!dst.IsHalf || NoForm(dst.Span, "byte order operations work on 64-bit registers")) && Emit(swap, dst.Number);
        if (name is "map" && _cursor.Peek() == '[')
            return ReadMap(dst);
        if (name is "subprog" && _cursor.Peek() == '[')
            return ReadSubprogram(dst);
        if (name.Length > 0 && _cursor.Peek() == '(')
            return ReadFunction(dst, word);
        _cursor.Position = start;
        return _cursor.Expected("register, number or memory access");
    }

    private bool NoForm(TextSpan span, string why) => _cursor.Report(DiagnosticTable.AsmNoSuchForm, span, null, why);

    private bool ReadSame(Register dst)
    {
        if (!ReadRegister(out Register same))
            return false;
        return same.Number == dst.Number && same.IsHalf == dst.IsHalf || NoForm(same.Span, "this operation has one register, which it reads and writes");
    }

    private bool ReadConstant(Register dst)
    {
        _ = _cursor.TryNumber(out Number number);
        if (_cursor.AcceptWord("ll"))
        {
            if (dst.IsHalf)
                return NoForm(dst.Span, "64-bit constants go into 64-bit registers");
            return number.TryFit(64, out long wide) ? Emit(OpTable.ByShape(Shape.LoadImm64)[0], dst.Number, 0, 0, wide) : _cursor.OutOfRange(number, 64);
        }
        if (!number.TryFit(32, out long imm))
            return _cursor.OutOfRange(number, 32, dst.IsHalf ? null : "write `ll` behind a 64-bit constant");
        return Emit(OpTable.Find(Shape.AluImm, "=", dst.IsHalf ? 32 : 64)!, dst.Number, 0, 0, imm);
    }

    private bool ReadSignedMove(Register dst)
    {
        _cursor.Expect("(");
        TextSpan type = _cursor.Word();
        if (type.Length == 0)
            return _cursor.Expected("`s8`, `s16` or `s32`");
        OpForm? form = OpTable.Find(Shape.MoveSigned, _cursor.Of(type), dst.IsHalf ? 32 : 64);
        if (form is null)
            return NoForm(type, $"no sign extension from {Cursor.Quote(_cursor.Of(type))} to {(dst.IsHalf ? 32 : 64)} bits");
        return _cursor.Expect(")") && ReadRegister(dst.IsHalf, isLoose: false, dst, out Register src) && Emit(form, dst.Number, src.Number);
    }

    // `(u32 *)`: the width in bits, negative for signed types.
    private bool ReadType(out int bits)
    {
        bits = 0;
        if (!_cursor.Expect("("))
            return false;
        int start = _cursor.Position;
        TextSpan type = _cursor.Word();
        bits = _cursor.Of(type) switch { "u8" => 8, "u16" => 16, "u32" => 32, "u64" => 64, "s8" => -8, "s16" => -16, "s32" => -32, _ => 0 };
        if (bits == 0)
        {
            _cursor.Position = start;
            return _cursor.Expected("type such as `u32`");
        }
        return _cursor.Expect("*") && _cursor.Expect(")");
    }

    // `r1 + 0x8`, without brackets.
    private bool ReadPlace(out Register register, out long offset)
    {
        offset = 0;
        if (!ReadRegister(out register))
            return false;
        if (register.IsHalf)
            return NoForm(register.Span, "addresses are 64-bit registers");
        return ReadOffset(16, out offset);
    }

    private bool ReadOffset(int bits, out long offset)
    {
        offset = 0;
        char sign = _cursor.Peek();
        if (sign is not ('+' or '-'))
            return true;
        _cursor.Position++;
        _cursor.SkipBlanks();
        if (!_cursor.TryNumber(out Number number))
            return _cursor.Expected("offset");
        number = number with { IsDecimal = true, IsNegative = sign == '-' != number.IsNegative };
        return number.TryFit(bits, out offset) || _cursor.OutOfRange(number, bits);
    }

    private bool ReadBracedPlace(out Register register, out long offset)
    {
        (register, offset) = (default, 0);
        return _cursor.Expect("(") && ReadPlace(out register, out offset) && _cursor.Expect(")");
    }

    private bool ReadLoad(Register dst)
    {
        _cursor.Expect("*");
        int start = _cursor.Position;
        if (!ReadType(out int bits))
            return false;
        var type = new TextSpan(start, _cursor.Position - start);
        if (_cursor.AcceptWord("skb"))
            return ReadPacket(dst, bits, type);
        if (!ReadBracedPlace(out Register src, out long offset))
            return false;
        OpForm? form = OpTable.Find(bits < 0 ? Shape.LoadSigned : Shape.Load, bits < 0 ? $"s{-bits}" : $"u{bits}", Math.Abs(bits));
        if (form is null || dst.IsHalf && !form.IsHalf)
            return NoForm(dst.Span, $"loads of {(bits < 0 ? "s" : "u")}{Math.Abs(bits)} go into 64-bit registers");
        return Emit(form, dst.Number, src.Number, offset);
    }

    private bool ReadPacket(Register dst, int bits, TextSpan type)
    {
        if (OpTable.Find(Shape.PacketAbsolute, $"u{bits}", bits) is not { } absolute)
            return NoForm(type, "packet loads are of u8, u16 and u32");
        if (dst.Number != 0)
            return NoForm(dst.Span, "packet loads go into r0");
        if (!_cursor.Expect("["))
            return false;
        if (!AtRegister())
            return _cursor.Integer(32, "register or number", out long place) && _cursor.Expect("]") && Emit(absolute, 0, 0, 0, place);
        return ReadRegister(out Register index) && ReadOffset(32, out long imm) && _cursor.Expect("]")
            && Emit(OpTable.Find(Shape.PacketIndirect, $"u{bits}", bits)!, 0, index.Number, 0, imm);
    }

    private bool ReadStore()
    {
        _cursor.Expect("*");
        int start = _cursor.Position;
        if (!ReadType(out int bits))
            return false;
        if (bits < 0)
            return NoForm(new TextSpan(start, _cursor.Position - start), "stores have no sign: use u8, u16, u32 or u64");
        if (!ReadBracedPlace(out Register dst, out long offset) || !_cursor.Expect("="))
            return false;
        if (!AtRegister())
            return _cursor.Integer(32, "register or number", out long imm) && Emit(OpTable.Find(Shape.StoreImm, $"u{bits}", bits)!, dst.Number, 0, offset, imm);
        OpForm form = OpTable.Find(Shape.StoreReg, $"u{bits}", bits)!;
        return ReadRegister(form.IsHalf, isLoose: true, dst, out Register src) && Emit(form, dst.Number, src.Number, offset);
    }

    // `lock *(u64 *)(r1 + 0x8) += r2`
    private bool ReadLocked()
    {
        _cursor.Expect("*");
        int start = _cursor.Position;
        if (!ReadType(out int bits))
            return false;
        var type = new TextSpan(start, _cursor.Position - start);
        if (!ReadBracedPlace(out Register dst, out long offset))
            return false;
        string? symbol = AcceptFirst(s_assignments);
        if (symbol is null)
            return _cursor.Expected("`+=`, `|=`, `&=` or `^=`");
        if (OpTable.Find(Shape.Atomic, symbol, bits) is not { } form)
            return NoForm(type, "atomic operations are `+=`, `|=`, `&=`, `^=` on u32 and u64");
        return ReadRegister(form.IsHalf, isLoose: true, dst, out Register src) && Emit(form, dst.Number, src.Number, offset);
    }

    private bool ReadBranch()
    {
        if (!ReadRegister(out Register left))
            return false;
        string? symbol = AcceptFirst(s_comparisons);
        if (symbol is null)
            return _cursor.Expected("comparison such as `==` or `s<`");
        int bits = left.IsHalf ? 32 : 64;
        if (AtRegister())
            return ReadRegister(left.IsHalf, isLoose: false, left, out Register right) && ExpectWord("goto")
                && EmitJump(OpTable.Find(Shape.BranchReg, symbol, bits)!, left.Number, right.Number);
        return _cursor.Integer(32, "register or number", out long imm) && ExpectWord("goto")
            && EmitJump(OpTable.Find(Shape.BranchImm, symbol, bits)!, left.Number, 0, imm);
    }

    private bool ExpectWord(string word) => _cursor.AcceptWord(word) || _cursor.Expected($"`{word}`");
}
