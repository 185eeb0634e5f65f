using Hachi.Isa;
using Hachi.Text;

namespace Hachi.Asm;

// Mnemonics and operands of classic statements.
internal sealed partial class ClassicRun
{
    // Names that are other instructions with their targets swapped.
    private static readonly (string Name, string Stored)[] s_inverses = [("jne", "jeq"), ("jneq", "jeq"), ("jle", "jgt"), ("jlt", "jge")];

    private static readonly string[] s_words =
        [.. ClassicTable.Forms.Select(form => form.Mnemonic).Distinct(), .. s_inverses.Select(inverse => inverse.Name), "jmp", "ldi", "ldxi", ".insn", "unimp"];

    private bool ReadInsn(TextSpan word, bool isListing)
    {
        ReadOnlySpan<char> name = _cursor.Of(word);
        switch (name)
        {
            case "jmp" or "ja":
                _ = Emit(ClassicTable.Find("ja", ClassicShape.Jump)!);
                bool isNumber = _cursor.AtNumber() && !isListing;
                return isNumber ? _cursor.Expected("label") : ReadTarget(Field.Constant, Insns.Count - 1);
            case "ldi":
                return ReadConstant(ClassicTable.Find("ld", ClassicShape.Immediate)!);
            case "ldxi":
                return ReadConstant(ClassicTable.Find("ldx", ClassicShape.Immediate)!);
            case ".insn":
                return ReadRaw();
            case "unimp":
                return ReadUnknown();
            case "ret":
                return ReadReturn(word);
            default:
                break;
        }
        if (ClassicTable.Find(name, ClassicShape.Plain) is { } plain)
            return ReadPlain(plain);
        foreach ((string inverse, string stored) in s_inverses)
            if (name.SequenceEqual(inverse))
                return ReadBranch(stored, isInverse: true, isListing);
        if (ClassicTable.Find(name, ClassicShape.BranchX) is not null)
            return ReadBranch(name, isInverse: false, isListing);
        if (ClassicTable.Find(name, ClassicShape.AluX) is { } register)
            return AcceptX() ? Emit(register) : ReadConstant(ClassicTable.Find(name, ClassicShape.AluK)!);
        if (name is "ld" or "ldh" or "ldb" or "ldx" or "ldxb" or "st" or "stx")
            return ReadAccess(word);
        string? near = Nearest.To(name, s_words);
        return _cursor.Report(DiagnosticTable.AsmUnknownMnemonic, word, near is null ? null : $"did you mean `{near}`?", Cursor.Quote(name));
    }

    // libpcap leaves constants behind in `tax`; written out, they make the round trip.
    private bool ReadPlain(ClassicForm form)
    {
        uint k = 0;
        return (_cursor.Peek() != '#' || ReadUnsigned(out k, "constant")) && Emit(form, k);
    }

    private bool AcceptX()
    {
        int start = _cursor.Position;
        _cursor.Accept("%");
        if (_cursor.AcceptWord("x"))
            return true;
        _cursor.Position = start;
        return false;
    }

    // `#5`, or `5`
    private bool ReadK(out uint k, string what = "constant or x")
    {
        _cursor.Accept("#");
        k = 0;
        if (!_cursor.Integer(32, what, out long value))
            return false;
        k = (uint)value;
        return true;
    }

    // Decimal constants may use all 32 bits, signed or not.
    private bool ReadUnsigned(out uint k, string what)
    {
        k = 0;
        _cursor.Accept("#");
        if (!_cursor.TryNumber(out Number number))
            return _cursor.Expected(what);
        if (!(number with { IsDecimal = false }).TryFit(32, out long value))
            return _cursor.Report(DiagnosticTable.AsmNumberRange, number.Span, null, Cursor.Quote(_cursor.Of(number.Span)), "32 bits");
        k = (uint)value;
        return true;
    }

    private bool ReadConstant(ClassicForm form) => ReadUnsigned(out uint k, form.Shape == ClassicShape.AluK ? "constant or x" : "constant") && Emit(form, k);

    private bool ReadReturn(TextSpan word)
    {
        // Listings of tcpdump leave the accumulator out: `ret` with nothing behind it on its line.
        _cursor.SkipBlanks();
        int start = _cursor.Position;
        if (_cursor.AtEnd || text.AsSpan(word.End, start - word.End).Contains('\n'))
            return Emit(ClassicTable.Find("ret", ClassicShape.ReturnA)!);
        _cursor.Accept("%");
        if (_cursor.AcceptWord("a"))
            return Emit(ClassicTable.Find("ret", ClassicShape.ReturnA)!);
        _cursor.Position = start;
        return _cursor.Peek() == '#' || _cursor.AtNumber() ? ReadConstant(ClassicTable.Find("ret", ClassicShape.ReturnK)!) : _cursor.Expected("constant or a");
    }

    private bool ReadBranch(ReadOnlySpan<char> name, bool isInverse, bool isListing)
    {
        uint k = 0;
        bool isX = AcceptX();
        if (!isX && !ReadUnsigned(out k, "constant or x"))
            return false;
        int index = Insns.Count;
        _ = Emit(ClassicTable.Find(name, isX ? ClassicShape.BranchX : ClassicShape.BranchK)!, k);
        (Field first, Field second) = isInverse ? (Field.False, Field.True) : (Field.True, Field.False);
        if (isListing || _cursor.PeekWord().SequenceEqual("jt"))
            return ExpectWord("jt") && ReadTarget(first, index) && ExpectWord("jf") && ReadTarget(second, index);
        return _cursor.Expect(",") && ReadLabel(first, index) && (!_cursor.Accept(",") || ReadLabel(second, index));
    }

    private bool ReadLabel(Field field, int index) => _cursor.AtNumber() ? _cursor.Expected("label") : ReadTarget(field, index);

    private bool ExpectWord(string word) => _cursor.AcceptWord(word) || _cursor.Expected($"`{word}`");

    // Loads and stores: the operand tells the form.
    private bool ReadAccess(TextSpan word)
    {
        ReadOnlySpan<char> name = _cursor.Of(word);
        int start = _cursor.FoundSpan().Start;
        char c = _cursor.Peek();
        bool isHeader = c is >= '0' and <= '9' && name is "ldxb" or "ldx";
        if (isHeader && IsHeaderLength())
            return ReadHeaderLength();
        if (c is 'M' or 'm' && _cursor.PeekWord() is "M" or "m")
        {
            _cursor.Position++;
            return ReadMemory(Form(name, ClassicShape.Memory), start);
        }
        if (c == '[')
            return ReadBracket(name, start);
        bool hasHash = _cursor.Accept("#");
        TextSpan extension = _cursor.Word();
        if (extension.Length > 0)
            return ReadExtension(name, extension);
        if (!hasHash && !_cursor.AtNumber())
            return _cursor.Expected("operand such as `[12]`, `M[0]`, `#5` or an extension");
        return ReadUnsigned(out uint k, "constant") && EmitForm(Form(name, ClassicShape.Immediate), k, start);
    }

    private static ClassicForm? Form(ReadOnlySpan<char> name, ClassicShape shape) => ClassicTable.Find(name, shape);

    private bool EmitForm(ClassicForm? form, uint k, int start) =>
        form is not null ? Emit(form, k) : _cursor.Report(DiagnosticTable.AsmNoSuchForm, Rest(start), null, "this operand does not go with this load or store");

    private TextSpan Rest(int start) => new(start, Math.Max(0, _cursor.Position - start));

    private bool ReadMemory(ClassicForm? form, int start)
    {
        if (!_cursor.Expect("["))
            return false;
        TextSpan place = _cursor.FoundSpan();
        if (!ReadK(out uint k, "index of a word") || !_cursor.Expect("]"))
            return false;
        return k < Limits.ClassicMemoryWords ? EmitForm(form, k, start) : _cursor.Report(DiagnosticTable.ClassicMemoryIndex, place, null, k);
    }

    // `[12]`, `[x + 12]`, `[vlanp]`
    private bool ReadBracket(ReadOnlySpan<char> name, int start)
    {
        _ = _cursor.Expect("[");
        if (AcceptX())
        {
            uint offset = 0;
            bool hasOffset = _cursor.Accept("+");
            bool ok = hasOffset ? ReadUnsigned(out offset, "offset") : !_cursor.AtNumber() || ReadUnsigned(out offset, "offset");
            return ok && _cursor.Expect("]") && EmitForm(Form(name, ClassicShape.Indirect), offset, start);
        }
        TextSpan extension = _cursor.Word();
        if (extension.Length > 0)
            return ReadExtension(name, extension) && _cursor.Expect("]");
        return ReadUnsigned(out uint k, "offset, x or extension") && _cursor.Expect("]") && EmitForm(Form(name, ClassicShape.Absolute), k, start);
    }

    private bool ReadExtension(ReadOnlySpan<char> name, TextSpan word)
    {
        ReadOnlySpan<char> extension = _cursor.Of(word);
        if (extension is ClassicTable.LengthName or ClassicTable.LengthListingName)
            return EmitForm(Form(name, ClassicShape.Length), 0, word.Start);
        if (ClassicTable.FindExtension(extension) is { } known)
            return EmitForm(Form(name, ClassicShape.Absolute), known.Offset, word.Start);
        string? near = Nearest.To(extension, ClassicTable.Extensions.Where(e => e.Name is not null).Select(e => e.Name!).Append(ClassicTable.LengthName));
        return _cursor.Report(DiagnosticTable.AsmExpected, word, near is null ? null : $"did you mean `{near}`?", "extension such as `len` or `proto`", Cursor.Quote(extension));
    }

    private bool IsHeaderLength()
    {
        int p = _cursor.Position;
        while (p < text.Length && (char.IsAsciiDigit(text[p]) || text[p] is ' ' or '\t'))
            p++;
        return p < text.Length && text[p] == '*';
    }

    // `4*([14]&0xf)`
    private bool ReadHeaderLength()
    {
        TextSpan place = _cursor.FoundSpan();
        if (!ReadK(out uint four, "4") || !_cursor.Expect("*") || !_cursor.Expect("(") || !_cursor.Expect("[") || !ReadUnsigned(out uint k, "offset"))
            return false;
        if (!_cursor.Expect("]") || !_cursor.Expect("&") || !ReadK(out uint mask, "0xf") || !_cursor.Expect(")"))
            return false;
        return four == 4 && mask == 0xf
            ? Emit(ClassicTable.Find("ldxb", ClassicShape.HeaderLength)!, k)
            : _cursor.Report(DiagnosticTable.AsmNoSuchForm, place, null, "the one form is `4*([k]&0xf)`");
    }

    // `.insn code, jt, jf, k`: any instruction as numbers.
    private bool ReadRaw()
    {
        TextSpan place = _cursor.FoundSpan();
        if (!ReadUnsigned(out uint code, "code") || !_cursor.Expect(",") || !ReadUnsigned(out uint jt, "jt") || !_cursor.Expect(","))
            return false;
        if (!ReadUnsigned(out uint jf, "jf") || !_cursor.Expect(",") || !ReadUnsigned(out uint k, "k"))
            return false;
        if (code > ushort.MaxValue || jt > byte.MaxValue || jf > byte.MaxValue)
            return _cursor.Report(DiagnosticTable.AsmNumberRange, place, null, "the instruction", "16 bits of code and 8 bits for each jump");
        Insns.Add(new ClassicInsn((ushort)code, (byte)jt, (byte)jf, k));
        return true;
    }

    // tcpdump's listing has nothing but the code here, and where that looks like a branch its targets.
    private bool ReadUnknown()
    {
        TextSpan place = _cursor.FoundSpan();
        if (!ReadUnsigned(out uint code, "code"))
            return false;
        if (code > ushort.MaxValue)
            return _cursor.Report(DiagnosticTable.AsmNumberRange, place, null, "the code", "16 bits");
        int index = Insns.Count;
        Insns.Add(new ClassicInsn((int)code));
        return !_cursor.AcceptWord("jt") || ReadTarget(Field.True, index) && ExpectWord("jf") && ReadTarget(Field.False, index);
    }
}
