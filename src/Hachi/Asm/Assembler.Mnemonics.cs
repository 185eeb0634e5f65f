using System.Collections.Frozen;
using Hachi.Isa;
using Hachi.Text;

namespace Hachi.Asm;

// The conformance suite's (uBPF's) dialect: `add32 %r1, 5`, `ldxw %r0, [%r1+4]`, `lock fetch add [%r1+8], %r2`. Here `r1` and `w1` mean the same.
internal sealed partial class AssemblerRun
{
    private static readonly FrozenDictionary<string, OpForm[]> s_byMnemonic =
        OpTable.Forms.GroupBy(form => form.Mnemonic).ToFrozenDictionary(group => group.Key, group => group.ToArray());

    private static readonly FrozenDictionary<string, string> s_aliases = new Dictionary<string, string>
    {
        ["swap16"] = "bswap16",
        ["swap32"] = "bswap32",
        ["swap64"] = "bswap64",
    }.ToFrozenDictionary();

    private static readonly string[] s_words =
        [.. OpTable.Forms.Select(form => form.Mnemonic).Distinct(), .. s_aliases.Keys.Order(), "if", "goto", "gotol", "may_goto", "gotox", "callx", "call", "exit", "store_release", "lock", "ld_pseudo", ".quad"];

    private bool ReadMnemonic(TextSpan first)
    {
        string name = _cursor.Of(first).ToString();
        TextSpan span = first;
        if (name == "lock")
            while (_cursor.PeekWord().Length > 0 && span.Length < 40)
            {
                span = TextSpan.Cover(span, _cursor.Word());
                name += " " + _cursor.Of(span)[(_cursor.Of(span).LastIndexOfAny(' ', '\t') + 1)..].ToString();
            }
        name = s_aliases.GetValueOrDefault(name, name);
        if (!s_byMnemonic.TryGetValue(name, out OpForm[]? forms) && name.EndsWith("64", StringComparison.Ordinal))
            s_byMnemonic.TryGetValue(name[..^2], out forms);
        if (forms is null)
        {
            string? near = Nearest.To(name, s_words);
            return _cursor.Report(DiagnosticTable.AsmUnknownMnemonic, span, near is null ? null : $"did you mean `{near}`?", Cursor.Quote(name));
        }
        return forms[0].Shape switch
        {
            Shape.Goto or Shape.GotoLong or Shape.MayGoto => EmitJump(forms[0]),
            Shape.Load or Shape.LoadSigned or Shape.LoadAcquire => ReadLoadOperands(forms[0]),
            Shape.StoreReg or Shape.StoreImm or Shape.StoreRelease or Shape.Atomic or Shape.AtomicFetch or Shape.Exchange or Shape.CompareExchange
                => ReadStoreOperands(forms[0]),
            Shape.PacketAbsolute => _cursor.Integer(32, "number", out long place) && Emit(forms[0], 0, 0, 0, place),
            Shape.PacketIndirect => ReadRegister(out Register index) && _cursor.Expect(",") && _cursor.Integer(32, "number", out long imm) && Emit(forms[0], 0, index.Number, 0, imm),
            Shape.GotoReg or Shape.CallReg or Shape.Negate or Shape.ByteOrder => ReadRegister(out Register only) && Emit(forms[0], only.Number),
            Shape.AddressCast => NoForm(span, "write `r1 = addr_space_cast(r2, 0, 1)`"),
            _ => ReadTwoOperands(forms),
        };
    }

    // `[%r1+4]`
    private bool ReadBracketedPlace(out Register register, out long offset)
    {
        (register, offset) = (default, 0);
        return _cursor.Expect("[") && ReadPlace(out register, out offset) && _cursor.Expect("]");
    }

    private bool ReadLoadOperands(OpForm form) =>
        ReadRegister(out Register dst) && _cursor.Expect(",") && ReadBracketedPlace(out Register src, out long offset) && Emit(form, dst.Number, src.Number, offset);

    private bool ReadStoreOperands(OpForm form)
    {
        if (!ReadBracketedPlace(out Register dst, out long offset) || !_cursor.Expect(","))
            return false;
        if (form.Shape == Shape.StoreImm)
            return _cursor.Integer(32, "number", out long imm) && Emit(form, dst.Number, 0, offset, imm);
        return ReadRegister(out Register src) && Emit(form, dst.Number, src.Number, offset);
    }

    // Arithmetic, branches and `lddw`: a register, then a register or a number, then perhaps a target.
    private bool ReadTwoOperands(OpForm[] forms)
    {
        if (!ReadRegister(out Register dst) || !_cursor.Expect(","))
            return false;
        bool isRegister = AtRegister();
        OpForm? form = Array.Find(forms, candidate => isRegister == candidate.Shape is Shape.AluReg or Shape.BranchReg or Shape.MoveSigned);
        if (form is null)
            return _cursor.Expected(isRegister ? "number" : "register");
        int src = 0;
        long imm = 0;
        if (isRegister)
        {
            if (!ReadRegister(out Register register))
                return false;
            src = register.Number;
        }
        else if (!_cursor.Integer(form.Shape == Shape.LoadImm64 ? 64 : 32, "register or number", out imm))
            return false;
        bool isBranch = form.Shape is Shape.BranchReg or Shape.BranchImm;
        return isBranch ? _cursor.Expect(",") && EmitJump(form, dst.Number, src, imm) : Emit(form, dst.Number, src, 0, imm);
    }
}
