using Hachi.Isa;
using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Asm;

/// <summary>
/// Text to eBPF. It reads what <see cref="Printer"/> prints (llvm-objdump's pseudo-C), the spellings of bpftool and of the verifier log, and the
/// mnemonics of the conformance suite (<c>ldxw %r0, [%r1+4]</c>), mixed as one likes; labels, listings with line numbers, comments <c>#</c>,
/// <c>//</c>, <c>;</c> and <c>/* */</c>. One instruction a line.
/// </summary>
public static class Assembler
{
    /// <summary>Assembles a text. Nothing throws: what cannot be read is a diagnostic, and later lines are still looked at.</summary>
    public static Assembled Assemble(string text)
    {
        var diagnostics = new List<Diagnostic>();
        var run = new AssemblerRun(Comments.Blank(text, diagnostics), diagnostics);
        run.ReadLines();
        run.ResolveLabels();
        if (diagnostics.Exists(diagnostic => diagnostic.Severity == Severity.Error))
            return new Assembled([], [], diagnostics);
        return new Assembled([.. run.Insns], [.. run.Origins], diagnostics);
    }
}

/// <summary>One run of the assembler: lines, labels, and what was emitted so far. Statements are in the other parts.</summary>
/// <param name="text">The text, comments blanked.</param>
/// <param name="diagnostics">Where reports go.</param>
/// <param name="maps">Names of maps and their indexes, for <c>map[NAME]</c>.</param>
internal sealed partial class AssemblerRun(string text, List<Diagnostic> diagnostics, IReadOnlyDictionary<string, int>? maps = null)
{
    private readonly Cursor _cursor = new(text, diagnostics);
    private readonly Dictionary<string, int> _labels = [];
    private readonly List<(int Slot, TextSpan Label)> _uses = [];

    /// <summary>The slots so far.</summary>
    public List<Insn> Insns { get; } = [];

    /// <summary>The statement of each slot.</summary>
    public List<TextSpan> Origins { get; } = [];

    /// <summary>What <c>.function</c> directives named: name, first slot, whether it is global, its type.</summary>
    public List<(string Name, int Slot, bool IsGlobal, uint Type)> Functions { get; } = [];

    /// <summary>Labels that calls and references name, in the order of their slots.</summary>
    public IEnumerable<(string Name, int Slot)> CalledLabels =>
        _uses.Where(use => Validity.TargetOf(Insns[use.Slot], use.Slot) is not null && IsReference(Insns[use.Slot]))
            .Select(use => _cursor.Of(use.Label).ToString()).Distinct().Where(_labels.ContainsKey).Select(name => (name, _labels[name])).OrderBy(label => label.Item2);

    /// <summary>Reads all lines; a line with an error is skipped.</summary>
    public void ReadLines() => ReadLines(0, text.Length);

    /// <summary>Reads the lines of a piece of the text.</summary>
    public void ReadLines(int start, int length)
    {
        int stop = start + length;
        for (; start < stop && Insns.Count <= Limits.InsnsMax && diagnostics.Count < Limits.DiagnosticsMax;)
        {
            int end = text.AsSpan(start, stop - start).IndexOf('\n');
            end = end < 0 ? stop : start + end;
            _cursor.Position = start;
            _cursor.End = end;
            ReadLine();
            start = end + 1;
        }
        if (Insns.Count > Limits.InsnsMax)
            _cursor.Report(DiagnosticTable.AsmTooLong, Origins[^1], null, Limits.InsnsMax);
    }

    /// <summary>Fills the distances of jumps to labels.</summary>
    public void ResolveLabels()
    {
        foreach ((int slot, TextSpan span) in _uses)
        {
            if (diagnostics.Count >= Limits.DiagnosticsMax)
                return;
            ReadOnlySpan<char> name = _cursor.Of(span);
            bool isKnown = _labels.TryGetValue(name.ToString(), out int target);
            if (!isKnown && name is "exit")
            {
                // The conformance suite's dialect: without such a label it is the last `exit`.
                target = Insns.FindLastIndex(insn => insn.Opcode == (Opcode.Jmp | Opcode.Exit));
                isKnown = target >= 0;
            }
            // The kernel's name of a helper, without its number.
            if (!isKnown && Insns[slot] is { Opcode: Opcode.Jmp | Opcode.Call, Src: Pseudo.Call } && name.StartsWith("bpf_") && HelperTable.Find(name) is { } helper)
            {
                Insns[slot] = Insns[slot] with { Src = 0, Imm = (int)helper.Id };
                continue;
            }
            if (!isKnown)
            {
                string? near = Nearest.To(name, _labels.Keys);
                _cursor.Report(DiagnosticTable.AsmUnknownLabel, span, near is null ? null : $"did you mean `{near}`?", Cursor.Quote(name));
                continue;
            }
            SetDistance(slot, target - slot - 1, span);
        }
    }

    private void ReadLine()
    {
        SkipListingPrefix();
        if (!ReadLabels())
            return;
        SkipListingOpcode();
        if (_cursor.AtEnd)
            return;
        int start = _cursor.Position, firstSlot = Insns.Count;
        bool ok = ReadStatement();
        if (ok)
            SkipAnnotation();
        ok = ok && _cursor.ExpectEnd();
        int end = _cursor.Position;
        while (end > start && char.IsWhiteSpace(text[end - 1]))
            end--;
        for (int i = firstSlot; i < Insns.Count; i++)
            Origins.Add(new TextSpan(start, end - start));
    }

    // `   12:` and, from llvm-objdump, raw bytes behind it; `0000000000000000 <name>:` names a function.
    private void SkipListingPrefix()
    {
        int start = _cursor.Position;
        _cursor.SkipBlanks();
        int p = _cursor.Position;
        while (p < _cursor.End && char.IsAsciiHexDigit(text[p]))
            p++;
        bool isAddress = p - _cursor.Position == 16 && p + 1 < _cursor.End && text[p] == ' ' && text[p + 1] == '<';
        if (isAddress)
        {
            int close = text.AsSpan(p, _cursor.End - p).IndexOf(">:");
            if (close > 2)
            {
                Define(new TextSpan(p + 2, close - 2));
                _cursor.Position = p + close + 2;
            }
            return;
        }
        bool isNumber = p > _cursor.Position && p < _cursor.End && text[p] == ':' && text.AsSpan(_cursor.Position, p - _cursor.Position).IndexOfAnyExceptInRange('0', '9') < 0;
        if (!isNumber)
        {
            _cursor.Position = start;
            return;
        }
        _cursor.Position = p + 1;
        SkipRawBytes();
    }

    private void SkipRawBytes()
    {
        _cursor.SkipBlanks();
        int p = _cursor.Position, count = 0;
        while (p + 2 < _cursor.End && char.IsAsciiHexDigit(text[p]) && char.IsAsciiHexDigit(text[p + 1]) && text[p + 2] is ' ' or '\t')
        {
            p += 3;
            count++;
        }
        if (count is 8 or 16)
            _cursor.Position = p;
    }

    // `(b7)` of bpftool and the verifier log.
    private void SkipListingOpcode()
    {
        if (_cursor.Peek() != '(' || _cursor.Position + 3 >= _cursor.End)
            return;
        ReadOnlySpan<char> s = text.AsSpan(_cursor.Position, 4);
        if (char.IsAsciiHexDigit(s[1]) && char.IsAsciiHexDigit(s[2]) && s[3] == ')')
            _cursor.Position += 4;
    }

    // llvm-objdump's ` <.text+0x30>` behind a jump.
    private void SkipAnnotation()
    {
        if (_cursor.Peek() == '<' && text.AsSpan(_cursor.Position, _cursor.End - _cursor.Position).IndexOf('>') is > 0 and int close)
            _cursor.Position += close + 1;
    }

    private bool ReadLabels()
    {
        for (; ; )
        {
            int start = _cursor.Position;
            TextSpan word = _cursor.Word();
            if (word.Length == 0 || _cursor.Peek() != ':')
            {
                _cursor.Position = start;
                return true;
            }
            _cursor.Position++;
            if (!Define(word))
                return false;
        }
    }

    private bool Define(TextSpan name) =>
        _labels.TryAdd(_cursor.Of(name).ToString(), Insns.Count)
        || _cursor.Report(DiagnosticTable.AsmDuplicateLabel, name, null, Cursor.Quote(_cursor.Of(name)));

    /// <summary>Adds an instruction of a form: operands as given, the form's fixed fields over them.</summary>
    private bool Emit(OpForm form, int dst = 0, int src = 0, long offset = 0, long imm = 0)
    {
        Insns.Add(new Insn(form.Opcode, form.Dst ?? dst, form.Src ?? src, form.Offset ?? (int)offset, form.Imm ?? (int)imm));
        if (form.Slots == 2)
            Insns.Add(new Insn(0, 0, 0, 0, form.NextImm ?? (int)(imm >> 32)));
        return true;
    }

    private void SetDistance(int slot, int distance, TextSpan span)
    {
        Insn insn = Insns[slot];
        bool isWideField = UsesImmDistance(insn);
        if (!isWideField && distance is < short.MinValue or > short.MaxValue)
            _cursor.Report(DiagnosticTable.AsmJumpReach, span, null, Cursor.Quote(_cursor.Of(span)), distance, short.MaxValue);
        else
            Insns[slot] = isWideField ? insn with { Imm = distance } : insn with { Offset = (short)distance };
    }

    private static bool IsReference(in Insn insn) => insn.Opcode == Opcode.LdImm64 || insn is { Opcode: Opcode.Jmp | Opcode.Call, Src: Pseudo.Call };

    private static bool UsesImmDistance(in Insn insn) => insn.Opcode is (Opcode.Jmp32 | Opcode.Ja) or (Opcode.Jmp | Opcode.Call) or Opcode.LdImm64;

    /// <summary>Reads where a jump goes (<c>+0x5</c>, <c>pc+5</c>, a label) and emits it.</summary>
    private bool EmitJump(OpForm form, int dst = 0, int src = 0, long imm = 0)
    {
        int bits = UsesImmDistance(new Insn(form.Opcode)) ? 32 : 16;
        if (_cursor.PeekWord().SequenceEqual("pc"))
            _cursor.Position += 2;
        if (_cursor.Peek() is '+' or '-')
        {
            if (!_cursor.Integer(bits, "jump distance", out long distance, isDistance: true))
                return false;
            return bits == 32 ? Emit(form, dst, src, 0, distance) : Emit(form, dst, src, distance, imm);
        }
        TextSpan label = _cursor.Word();
        if (label.Length == 0)
            return _cursor.Expected("label or distance", _cursor.AtNumber() ? "a distance has a sign: `+5`" : null);
        _uses.Add((Insns.Count, label));
        return Emit(form, dst, src, 0, imm);
    }
}
