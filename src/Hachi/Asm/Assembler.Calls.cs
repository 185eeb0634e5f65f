using Hachi.Isa;
using Hachi.Text;

namespace Hachi.Asm;

// Calls, and what looks like one: atomics, casts, map and function references.
internal sealed partial class AssemblerRun
{
    // `call 0x7`, `call pc+0x7`, `call NAME`, `call local NAME`, `call name#7`, `call kernel-function#7`, `call %r2`
    private bool ReadCall()
    {
        OpForm local = OpTable.ByShape(Shape.CallLocal)[0], helper = OpTable.ByShape(Shape.CallHelper)[0];
        if (AtRegister())
            return ReadRegister(out Register callee) && Emit(OpTable.ByShape(Shape.CallReg)[0], callee.Number);
        if (_cursor.AtNumber())
            return _cursor.Integer(32, "number of a helper", out long id) && Emit(helper, 0, 0, 0, id);
        int start = _cursor.Position;
        TextSpan word = _cursor.Word();
        if (_cursor.Of(word) is "local")
            return EmitJump(local);
        if (_cursor.Of(word) is "kernel" && _cursor.Accept("-function#"))
            return ReadKfunc();
        if (word.Length > 0 && _cursor.Of(word) is not "pc" && _cursor.Accept("#"))
            return _cursor.Integer(32, "number of a helper", out long number) && Emit(helper, 0, 0, 0, number);
        _cursor.Position = start;
        if (word.Length == 0)
            return _cursor.Expected("helper number, label or register");
        if (!EmitJump(local))
            return false;
        // bpftool: `call pc+5#bpf_prog_…`
        if (_cursor.Accept("#"))
            _cursor.Word();
        return true;
    }

    private bool ReadKfunc()
    {
        if (!_cursor.Integer(32, "BTF id of a kernel function", out long id))
            return false;
        long module = 0;
        return (!_cursor.Accept(",") || _cursor.Integer(16, "index of a BTF descriptor", out module))
            && Emit(OpTable.ByShape(Shape.CallKfunc)[0], 0, 0, module, id);
    }

    // Behind `r1 =`: atomic_fetch_add(…), xchg_64(…), cmpxchg32_32(…), load_acquire(…), addr_space_cast(…)
    private bool ReadFunction(Register dst, TextSpan word)
    {
        ReadOnlySpan<char> name = _cursor.Of(word);
        if (name is "addr_space_cast")
            return ReadAddressCast(dst);
        if (name is "load_acquire")
            return ReadLoadAcquire(dst);
        bool isAtomic = name.StartsWith("atomic") || name.StartsWith("xchg") || name.StartsWith("cmpxchg");
        if (isAtomic)
            return ReadAtomic(dst, word);
        string[] known = ["addr_space_cast", "load_acquire", "atomic_fetch_add", "atomic_fetch_or", "atomic_fetch_and", "atomic_fetch_xor", "xchg_64", "cmpxchg_64"];
        string? near = Nearest.To(name, known);
        return _cursor.Report(DiagnosticTable.AsmUnknownMnemonic, word, near is null ? null : $"did you mean `{near}`?", Cursor.Quote(name));
    }

    private bool ReadAddressCast(Register dst)
    {
        if (!_cursor.Expect("(") || !ReadRegister(half: false, isLoose: false, dst, out Register src))
            return false;
        if (dst.IsHalf)
            return NoForm(dst.Span, "addresses are 64-bit registers");
        if (!_cursor.Expect(","))
            return false;
        TextSpan spaces = _cursor.FoundSpan();
        if (!_cursor.Integer(32, "address space", out long to) || !_cursor.Expect(",") || !_cursor.Integer(32, "address space", out long from) || !_cursor.Expect(")"))
            return false;
        foreach (OpForm form in OpTable.ByShape(Shape.AddressCast))
            if (form.Imm == (to << 16 | from))
                return Emit(form, dst.Number, src.Number);
        return NoForm(spaces, "casts are between address spaces 0 and 1");
    }

    private bool ReadLoadAcquire(Register dst)
    {
        if (!_cursor.Expect("(") || !ReadType(out int bits) || !ReadBracedPlace(out Register src, out long offset) || !_cursor.Expect(")"))
            return false;
        OpForm? form = OpTable.Find(Shape.LoadAcquire, $"u{bits}", bits);
        if (form is null || dst.IsHalf && !form.IsHalf)
            return NoForm(dst.Span, "load_acquire reads u8, u16, u32, or u64 into a 64-bit register");
        return Emit(form, dst.Number, src.Number, offset);
    }

    private bool ReadStoreRelease()
    {
        int start = _cursor.Position;
        if (!_cursor.Expect("(") || !ReadType(out int bits) || !ReadBracedPlace(out Register dst, out long offset) || !_cursor.Expect(","))
            return false;
        OpForm? form = OpTable.Find(Shape.StoreRelease, $"u{bits}", bits);
        if (form is null)
            return NoForm(new TextSpan(start, _cursor.Position - start), "store_release writes u8, u16, u32 or u64");
        return ReadRegister(form.IsHalf, isLoose: true, dst, out Register src) && _cursor.Expect(")") && Emit(form, dst.Number, src.Number, offset);
    }

    // LLVM writes the width into the names of exchanges, Linux into those of all 64-bit operations: `atomic64_xchg((u64 *)(r1 +8), r2)`.
    private bool ReadAtomic(Register dst, TextSpan word)
    {
        string name = _cursor.Of(word).ToString();
        bool hasTail = name.EndsWith("_64", StringComparison.Ordinal) || name.EndsWith("32_32", StringComparison.Ordinal);
        int bits = name.StartsWith("atomic64_", StringComparison.Ordinal) || name.EndsWith("_64", StringComparison.Ordinal) ? 64 : 32;
        string op = name;
        if (hasTail)
            op = name[..name.IndexOf(bits == 64 ? "_64" : "32_32", StringComparison.Ordinal)];
        else if (name.StartsWith("atomic", StringComparison.Ordinal) && name.Contains('_'))
            op = name[(name.IndexOf('_') + 1)..];
        if (!_cursor.Expect("("))
            return false;
        if (!hasTail && !ReadType(out bits))
            return false;
        Register place;
        long offset;
        if (!(hasTail ? ReadPlace(out place, out offset) : ReadBracedPlace(out place, out offset)) || !_cursor.Expect(","))
            return false;
        string tail = bits == 64 ? "_64" : "32_32";
        OpForm? form = op switch
        {
            "xchg" => OpTable.Find(Shape.Exchange, "xchg" + tail, bits),
            "cmpxchg" => OpTable.Find(Shape.CompareExchange, "cmpxchg" + tail, bits),
            _ => OpTable.Find(Shape.AtomicFetch, "atomic_" + op, bits),
        };
        if (form is null)
            return _cursor.Report(DiagnosticTable.AsmUnknownMnemonic, word, "there are atomic_fetch_add, _or, _and, _xor, xchg and cmpxchg on u32 and u64", Cursor.Quote(name));
        if (form.Shape != Shape.CompareExchange)
            return ReadRegister(form.IsHalf, isLoose: true, dst, out Register value) && IsSame(value, dst) && _cursor.Expect(")")
                && Emit(form, place.Number, value.Number, offset);
        return ReadRegister(out Register expected) && IsZero(expected) && IsZero(dst) && _cursor.Expect(",")
            && ReadRegister(form.IsHalf, isLoose: true, dst, out Register replacement) && _cursor.Expect(")") && Emit(form, place.Number, replacement.Number, offset);
    }

    private bool IsSame(Register value, Register dst) =>
        value.Number == dst.Number || NoForm(value.Span, "the old value goes into the register that held the operand: write it twice");

    private bool IsZero(Register register) => register.Number == 0 || NoForm(register.Span, "a compare-and-exchange compares with r0 and returns in r0");

    // bpftool: `map[id:5]`, `map[fd:5][0]+8`, `map[idx:1]`, `map[idx:1]+8`
    private bool ReadMap(Register dst)
    {
        if (!_cursor.Expect("["))
            return false;
        string? name = _cursor.Name(out TextSpan kind);
        bool isNumbered = name is "fd" or "id" or "idx" && _cursor.Peek() == ':';
        bool isIndex = name is "idx" || !isNumbered;
        long map;
        if (isNumbered)
        {
            if (!_cursor.Expect(":") || !_cursor.Integer(32, "number of a map", out map))
                return false;
        }
        else if (!FindMap(name, kind, out map))
            return false;
        if (!_cursor.Expect("]"))
            return false;
        bool isValue = _cursor.Accept("[0]") | _cursor.Peek() == '+';
        long offset = 0;
        if (_cursor.Peek() == '+' && !_cursor.Integer(32, "offset", out offset))
            return false;
        int source = (isIndex, isValue) switch
        {
            (false, false) => Pseudo.MapFd,
            (false, true) => Pseudo.MapValue,
            (true, false) => Pseudo.MapIdx,
            _ => Pseudo.MapIdxValue,
        };
        return EmitPseudo(dst, source, map, offset, kind);
    }

    private bool FindMap(string? name, TextSpan span, out long index)
    {
        index = -1;
        if (name is null)
            return _cursor.Expected("name of a map");
        if (maps is not null && maps.TryGetValue(name, out int found))
        {
            index = found;
            return true;
        }
        string? near = Nearest.To(name, maps?.Keys ?? []);
        return _cursor.Report(DiagnosticTable.TextUnknownName, span, near is null ? "a map is defined by `.map NAME TYPE key N value N entries N`" : $"did you mean `{near}`?", "map", Cursor.Quote(name));
    }

    // `.function NAME [global] [type N]`: a function begins here; its name is a label, too.
    private bool ReadFunctionMark()
    {
        if (_cursor.Name(out TextSpan span) is not { } name)
            return _cursor.Expected("name of the function");
        bool isGlobal = _cursor.AcceptWord("global");
        long type = 0;
        if (_cursor.AcceptWord("type") && !_cursor.Integer(32, "type", out type))
            return false;
        // Functions of several sections may share a name; calls then go by distance.
        _labels.TryAdd(name, Insns.Count);
        Functions.Add((name, Insns.Count, isGlobal, (uint)type));
        return true;
    }

    // `subprog[+5]`, `subprog[NAME]`
    private bool ReadSubprogram(Register dst)
    {
        TextSpan place = _cursor.FoundSpan();
        if (dst.IsHalf)
            return NoForm(dst.Span, "addresses are 64-bit registers");
        _ = _cursor.Expect("[");
        foreach (OpForm form in OpTable.ByShape(Shape.LoadPseudo))
            if (form.Src == Pseudo.Func)
                return EmitJump(form, dst.Number) && _cursor.Expect("]") && AcceptLl();
        return NoForm(place, "function reference");
    }

    private bool AcceptLl()
    {
        _cursor.AcceptWord("ll");
        return true;
    }

    // `ld_pseudo r1, 0x1, 0x5` and, where the upper half says something, a fourth operand.
    private bool ReadPseudo()
    {
        if (!ReadRegister(out Register dst) || !_cursor.Expect(","))
            return false;
        TextSpan place = _cursor.FoundSpan();
        if (!_cursor.Integer(32, "pseudo source", out long source) || !_cursor.Expect(",") || !_cursor.Integer(32, "number", out long low))
            return false;
        long high = 0;
        return (!_cursor.Accept(",") || _cursor.Integer(32, "number", out high)) && EmitPseudo(dst, (int)source, low, high, place);
    }

    private bool EmitPseudo(Register dst, int source, long low, long high, TextSpan place)
    {
        if (dst.IsHalf)
            return NoForm(dst.Span, "addresses are 64-bit registers");
        foreach (OpForm form in OpTable.ByShape(Shape.LoadPseudo))
        {
            if (form.Src != source)
                continue;
            if (form.NextImm is { } only && high != only)
                return NoForm(place, $"the upper half of {form.Symbol} is not used");
            AcceptLl();
            return Emit(form, dst.Number, 0, 0, high << 32 | (uint)low);
        }
        return NoForm(place, "pseudo sources are 1 (map fd) to 6 (map index, value)");
    }

    // `.quad 0x…`: a slot as a number, whatever it holds.
    private bool ReadQuad()
    {
        if (!_cursor.TryNumber(out Number number))
            return _cursor.Expected("number");
        if (!number.TryFit(64, out long value))
            return _cursor.OutOfRange(number, 64);
        Span<byte> bytes = stackalloc byte[Insn.SizeBytes];
        System.Buffers.Binary.BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
        Insns.Add(Insn.Decode(bytes));
        return true;
    }
}
