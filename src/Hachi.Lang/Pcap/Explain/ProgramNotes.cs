using System.Globalization;
using Hachi.Isa;
using Hachi.Text;
using static Hachi.Isa.ClassicOpcode;

namespace Hachi.Lang.Pcap.Explain;

/// <summary>
/// What each instruction of a compiled filter is for. The program carries no origins, so what A, X and M[] hold is followed symbolically, and what is
/// loaded and compared is looked up among the loads and comparisons of the resolved tree.
/// </summary>
internal sealed class ProgramNotes
{
    private readonly CaptureFilter _filter;
    private readonly NoteIndex _index;
    private readonly State?[] _states;

    /// <summary>What a register holds: a key of <see cref="NoteIndex"/>, and the load under a mask, when it is that.</summary>
    private sealed record Value(string Key, string? Load = null, uint Mask = 0);

    private sealed class State
    {
        public Value? A, X;
        public Value?[] Memory = new Value?[Limits.ClassicMemoryWords];

        public State Clone() => new() { A = A, X = X, Memory = [.. Memory] };
    }

    public ProgramNotes(CaptureFilter filter)
    {
        _filter = filter;
        _index = new NoteIndex(filter.Tree, filter.Expression);
        _states = new State?[filter.Program.Length];
    }

    /// <summary>A note for each instruction.</summary>
    public IReadOnlyList<string> Describe()
    {
        var notes = new string[_filter.Program.Length];
        if (notes.Length > 0)
            _states[0] = new State();
        for (int i = 0; i < notes.Length; i++)
        {
            State state = _states[i] ?? new State();
            _states[i] = null;
            notes[i] = Step(i, _filter.Program[i], state);
        }
        return notes;
    }

    private string Step(int at, ClassicInsn insn, State state)
    {
        int next = at + 1;
        switch (insn.Code & ClassMask)
        {
            case Jmp when (insn.Code & OpMask) == Ja:
                Flow(unchecked(next + (int)insn.K), state);
                return string.Create(CultureInfo.InvariantCulture, $"go on at {unchecked(next + (int)insn.K)}");
            case Jmp:
                string question = Question(insn, state);
                Flow(next + insn.Jt, state);
                Flow(next + insn.Jf, state);
                return question + Ending(next + insn.Jt, " yes: ") + Ending(next + insn.Jf, Ending(next + insn.Jt, "").Length > 0 ? "; no: " : " no: ");
            case Ret:
                return (insn.Code & 0x18) == A ? "return A"
                    : insn.K == 0 ? "reject"
                    : string.Create(CultureInfo.InvariantCulture, $"accept, and keep up to {insn.K} bytes");
            default:
                string note = Effect(insn, state);
                Flow(next, state);
                return note;
        }
    }

    private void Flow(int target, State state)
    {
        if ((uint)target >= (uint)_states.Length)
            return;
        if (_states[target] is not { } there)
        {
            _states[target] = state.Clone();
            return;
        }
        there.A = Meet(there.A, state.A);
        there.X = Meet(there.X, state.X);
        for (int i = 0; i < there.Memory.Length; i++)
            there.Memory[i] = Meet(there.Memory[i], state.Memory[i]);
    }

    /// <summary>What is known where two ways meet: the same value, or the same field at two places.</summary>
    private Value? Meet(Value? a, Value? b)
    {
        if (a is null || b is null || a == b)
            return a == b ? a : null;
        return a.Load is not null && b.Load is not null && a.Mask == b.Mask && _index.Field(a.Load) is { } field && _index.Field(b.Load) == field ? a : null;
    }

    private string Ending(int target, string when) =>
        target < _filter.Program.Length && _filter.Program[target] is { Code: Ret | K } ret ? when + (ret.K == 0 ? "reject" : "accept") : "";

    private string Effect(ClassicInsn insn, State state)
    {
        switch (insn.Code & ClassMask)
        {
            case Ld:
                return "A: " + Words(insn, state.A = Load(insn, state));
            case Ldx:
                return "X: " + Words(insn, state.X = Load(insn, state));
            case St:
                state.Memory[insn.K & 15] = state.A;
                return string.Create(CultureInfo.InvariantCulture, $"keep A in M[{insn.K}]");
            case Stx:
                state.Memory[insn.K & 15] = state.X;
                return string.Create(CultureInfo.InvariantCulture, $"keep X in M[{insn.K}]");
            case Alu:
                return Compute(insn, state);
            default:
                if ((insn.Code & 0xf8) == Tax)
                {
                    state.X = state.A;
                    return "X = A" + Known(state.X);
                }
                state.A = state.X;
                return "A = X" + Known(state.A);
        }
    }

    private string Known(Value? value) => _index.Subject(value?.Key) is { } subject ? $": {subject}" : "";

    private static Value? Load(ClassicInsn insn, State state)
    {
        int size = (insn.Code & SizeMask) switch { H => 2, B => 1, _ => 4 };
        string? key = (insn.Code & ModeMask) switch
        {
            Imm => NoteIndex.Constant(insn.K),
            Abs => insn.K >= Extension.Base ? NoteIndex.ExtensionKey(insn.K) : NoteIndex.LoadKey(size, insn.K, null),
            Ind => NoteIndex.LoadKey(size, insn.K, state.X?.Key ?? NoteIndex.Anything),
            Len => NoteIndex.LengthKey,
            Msh => NoteIndex.HeaderLengthKey(insn.K),
            _ => null,
        };
        return (insn.Code & ModeMask) == Mem ? state.Memory[insn.K & 15] : key is null ? null : new Value(key, key);
    }

    private string Words(ClassicInsn insn, Value? value)
    {
        string? subject = _index.Subject(value?.Key);
        uint k = insn.K;
        int size = (insn.Code & SizeMask) switch { H => 2, B => 1, _ => 4 };
        string bytes = size == 1 ? "the byte" : string.Create(CultureInfo.InvariantCulture, $"{size} bytes");
        switch (insn.Code & ModeMask)
        {
            case Imm:
                return string.Create(CultureInfo.InvariantCulture, $"the number {k}");
            case Abs:
                return subject ?? (k >= Extension.Base ? $"{ClassicTable.FindExtension(k)?.ListingName} of the packet's metadata" : string.Create(CultureInfo.InvariantCulture, $"{bytes} at offset {k}"));
            case Ind:
                return subject ?? string.Create(CultureInfo.InvariantCulture, $"{bytes} at offset X + {k}");
            case Len:
                return "the length of the packet on the wire";
            case Msh:
                return "the length of the IPv4 header";
            default:
                return string.Create(CultureInfo.InvariantCulture, $"back from M[{k}]{(subject is null ? "" : ": " + subject)}");
        }
    }

    private static string Compute(ClassicInsn insn, State state)
    {
        string a = state.A?.Key ?? NoteIndex.Anything;
        string b = (insn.Code & 0x08) == X ? state.X?.Key ?? NoteIndex.Anything : NoteIndex.Constant(insn.K);
        (string sign, ArithOp op) = (insn.Code & OpMask) switch
        {
            Add => ("+", ArithOp.Add),
            Sub => ("-", ArithOp.Sub),
            Mul => ("*", ArithOp.Mul),
            Div => ("/", ArithOp.Div),
            Or => ("|", ArithOp.Or),
            And => ("&", ArithOp.And),
            Lsh => ("<<", ArithOp.Lsh),
            Rsh => (">>", ArithOp.Rsh),
            Mod => ("%", ArithOp.Mod),
            Neg => ("-", ArithOp.Neg),
            _ => ("^", ArithOp.Xor),
        };
        string? key = op == ArithOp.Neg ? NoteIndex.Unary(a) : NoteIndex.Binary(op, a, b);
        bool isMask = op == ArithOp.And && (insn.Code & 0x08) == K;
        state.A = key is null ? null : isMask ? new Value(key, state.A?.Load, insn.K) : new Value(key);
        if (op == ArithOp.Neg)
            return "A = -A";
        if (isMask)
            return string.Create(CultureInfo.InvariantCulture, $"keep the bits 0x{insn.K:x}");
        return (insn.Code & 0x08) == X ? $"A {sign} X" : string.Create(CultureInfo.InvariantCulture, $"A {sign} {insn.K}");
    }

    private string Question(ClassicInsn insn, State state)
    {
        TestOp op = (insn.Code & OpMask) switch { Jeq => TestOp.Eq, Jgt => TestOp.Gt, Jge => TestOp.Ge, _ => TestOp.Set };
        if ((insn.Code & 0x08) == X)
            return $"A {Sign(op)} X?" + (_index.Comparison(op, state.A?.Key, state.X?.Key) is { } both ? " " + both : "");
        if (state.A is { } a)
        {
            if (_index.Comparison(op, a.Key, NoteIndex.Constant(insn.K)) is { } exact)
                return exact + "?";
            if (a.Load is not null && _index.Field(a.Load) is { } field && Similar(op, field, a.Mask, insn.K) is { } note)
                return note + "?";
            if (a.Mask != 0 && _index.Subject(a.Load) is { } masked)
                return string.Create(CultureInfo.InvariantCulture, $"{masked} & 0x{a.Mask:x} {Sign(op)} {insn.K}?");
            if (_index.Subject(a.Key) is { } subject)
                return string.Create(CultureInfo.InvariantCulture, $"{subject} {Sign(op)} {insn.K}?");
        }
        return string.Create(CultureInfo.InvariantCulture, $"A {Sign(op)} {insn.K}?");
    }

    /// <summary>The words of a comparison that the passes made of others.</summary>
    private static string? Similar(TestOp op, TestField field, uint mask, uint k)
    {
        var load = new Arith(ArithOp.Load32, 0, null, null, default);
        Arith a = mask == 0 ? load : new Arith(ArithOp.And, 0, load, new Arith(ArithOp.Const, mask, null, null, default), default);
        return new Test(op, default) { A = a, B = new Arith(ArithOp.Const, k, null, null, default), Field = field }.Note;
    }

    private static string Sign(TestOp op) => op switch { TestOp.Eq => "=", TestOp.Gt => ">", TestOp.Ge => ">=", _ => "has one of the bits of" };
}
