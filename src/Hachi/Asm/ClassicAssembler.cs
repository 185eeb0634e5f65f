using Hachi.Isa;
using Hachi.Text;

namespace Hachi.Asm;

/// <summary>
/// Text to classic BPF: bpf_asm's syntax (statements need no line of their own; labels; comments <c>;</c>, <c>//</c>, <c>/* */</c>, and <c>#</c> at
/// the beginning of a line) and the listings of <c>tcpdump -d</c> of either libpcap, where jumps name instructions.
/// </summary>
public static class ClassicAssembler
{
    /// <summary>Assembles a text. Nothing throws: what cannot be read is a diagnostic.</summary>
    public static ClassicAssembled Assemble(string text)
    {
        var diagnostics = new List<Diagnostic>();
        var run = new ClassicRun(Comments.BlankClassic(text, diagnostics), diagnostics);
        run.ReadAll();
        run.ResolveLabels();
        if (diagnostics.Exists(diagnostic => diagnostic.Severity == Severity.Error))
            return new ClassicAssembled(null, [], diagnostics);
        return new ClassicAssembled(new ClassicProgram(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(run.Insns)), [.. run.Origins], diagnostics);
    }
}

/// <summary>One run of the classic assembler: labels, targets and what was emitted. Operands are in the other part.</summary>
internal sealed partial class ClassicRun(string text, List<Diagnostic> diagnostics)
{
    private enum Field : byte
    {
        True,
        False,
        Constant,
    }

    private readonly Cursor _cursor = new(text, diagnostics);
    private readonly Dictionary<string, int> _labels = [];
    private readonly List<(int Insn, Field Field, TextSpan Label)> _uses = [];

    // Programs longer than the kernel takes can be assembled (and are then told so by validity); this only bounds memory.
    private const int InsnsMax = 1 << 20;

    /// <summary>The instructions so far.</summary>
    public List<ClassicInsn> Insns { get; } = [];

    /// <summary>The statement of each.</summary>
    public List<TextSpan> Origins { get; } = [];

    /// <summary>Reads all statements; after an error, reading goes on with the next line.</summary>
    public void ReadAll()
    {
        while (!_cursor.AtEnd && diagnostics.Count < Limits.DiagnosticsMax)
        {
            int start = _cursor.Position;
            if (Insns.Count >= InsnsMax)
            {
                _cursor.Report(DiagnosticTable.AsmTooLong, new TextSpan(start, 1), null, InsnsMax);
                return;
            }
            if (!ReadStatement())
            {
                int line = text.IndexOf('\n', Math.Min(_cursor.Position, text.Length));
                _cursor.Position = line < 0 ? text.Length : line;
            }
            int end = _cursor.Position;
            while (end > start && char.IsWhiteSpace(text[end - 1]))
                end--;
            while (Origins.Count < Insns.Count)
                Origins.Add(new TextSpan(start, end - start));
        }
    }

    /// <summary>Fills the distances of jumps.</summary>
    public void ResolveLabels()
    {
        foreach ((int index, Field field, TextSpan span) in _uses)
        {
            if (diagnostics.Count >= Limits.DiagnosticsMax)
                return;
            ReadOnlySpan<char> name = _cursor.Of(span);
            if (_labels.TryGetValue(name.ToString(), out int target))
            {
                SetTarget(index, field, target, span);
                continue;
            }
            string? near = Nearest.To(name, _labels.Keys);
            _cursor.Report(DiagnosticTable.AsmUnknownLabel, span, near is null ? null : $"did you mean `{near}`?", Cursor.Quote(name));
        }
    }

    private bool ReadStatement()
    {
        bool isListing = SkipListingPrefix();
        TextSpan word = _cursor.Word();
        if (word.Length == 0)
            return _cursor.Expected("instruction");
        if (_cursor.Peek() == ':')
        {
            _cursor.Position++;
            return _labels.TryAdd(_cursor.Of(word).ToString(), Insns.Count)
                || _cursor.Report(DiagnosticTable.AsmDuplicateLabel, word, null, Cursor.Quote(_cursor.Of(word)));
        }
        return ReadInsn(word, isListing);
    }

    // `(007)` before an instruction of a listing.
    private bool SkipListingPrefix()
    {
        if (_cursor.Peek() != '(')
            return false;
        int p = _cursor.Position + 1;
        while (p < text.Length && char.IsAsciiDigit(text[p]))
            p++;
        if (p == _cursor.Position + 1 || p >= text.Length || text[p] != ')')
            return false;
        _cursor.Position = p + 1;
        return true;
    }

    private bool Emit(ClassicForm form, uint k = 0)
    {
        Insns.Add(new ClassicInsn(form.Code, k));
        return true;
    }

    // A label, or in listings the number of an instruction.
    private bool ReadTarget(Field field, int index)
    {
        if (_cursor.TryNumber(out Number number))
        {
            if (number.TryFit(32, out long target))
                SetTarget(index, field, target, number.Span);
            else
                _cursor.OutOfRange(number, 32);
            return true;
        }
        TextSpan label = _cursor.Word();
        if (label.Length == 0)
            return _cursor.Expected("label");
        _uses.Add((index, field, label));
        return true;
    }

    private void SetTarget(int index, Field field, long target, TextSpan span)
    {
        long distance = target - index - 1;
        ClassicInsn insn = Insns[index];
        // `ja` may say anything in a listing: its constant wraps, as the machine's would.
        if (field == Field.Constant && !_labels.ContainsKey(_cursor.Of(span).ToString()))
            Insns[index] = insn with { K = (uint)distance };
        else if (distance < 0)
            _cursor.Report(DiagnosticTable.AsmBackwardJump, span, null, Cursor.Quote(_cursor.Of(span)));
        else if (field != Field.Constant && distance > byte.MaxValue)
            _cursor.Report(DiagnosticTable.AsmJumpReach, span, "jump to a `ja` nearby", Cursor.Quote(_cursor.Of(span)), distance, byte.MaxValue);
        else
            Insns[index] = field switch
            {
                Field.True => insn with { Jt = (byte)distance },
                Field.False => insn with { Jf = (byte)distance },
                _ => insn with { K = (uint)distance },
            };
    }
}
