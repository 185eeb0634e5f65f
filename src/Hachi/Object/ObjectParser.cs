using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Hachi.Asm;
using Hachi.Btf;
using Hachi.Isa;
using Hachi.Object.Plan;
using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Object;

/// <summary>
/// Assembly text to an object: what <see cref="ObjectPrinter"/> prints, and what people write (docs/objects.md). Lines that begin with a directive (<c>.map</c>, <c>.program</c>, …) say
/// what is not code; all others are the assembler's. Code before any <c>.program</c> is a program named <c>main</c>.
/// </summary>
public static class ObjectParser
{
    /// <summary>Reads a text. Nothing throws: what cannot be read is a diagnostic.</summary>
    public static ObjectRead Parse(string text)
    {
        var diagnostics = new List<Diagnostic>();
        var run = new ObjectParserRun(Comments.Blank(text, diagnostics), diagnostics);
        BpfObject read = run.Read();
        bool isWrong = diagnostics.Exists(diagnostic => diagnostic.Severity == Severity.Error);
        return new ObjectRead(isWrong ? null : read, diagnostics) { Origins = isWrong ? [] : run.Origins };
    }
}

/// <summary>One reading of one text: first the directives, then the code between them. The directives of maps and externs are in the other part.</summary>
internal sealed partial class ObjectParserRun(string text, List<Diagnostic> diagnostics)
{
    private const int ItemsMax = 65_536;
    private const string ImplicitName = "main";

    private readonly Cursor _cursor = new(text, diagnostics);
    private readonly List<MapSpec> _maps = [];
    private readonly Dictionary<string, int> _mapIndex = [];
    private readonly List<(ProgramSpec Program, List<(int Start, int Length)> Pieces, List<LineInfo> Lines, List<CoreRelocation> Relocations)> _programs = [];
    private readonly Dictionary<string, int> _programIndex = [];
    private string _license = "";
    private uint _version;
    private RunPlan? _plan;

    /// <summary>Where each slot of each program comes from in the text.</summary>
    public List<TextSpan[]> Origins { get; } = [];

    public BpfObject Read()
    {
        int end;
        for (int start = 0; start < text.Length && diagnostics.Count < Limits.DiagnosticsMax; start = end + 1)
        {
            end = text.IndexOf('\n', start);
            end = end < 0 ? text.Length : end;
            _cursor.Position = start;
            _cursor.End = end;
            if (_cursor.AtEnd)
                continue;
            ReadOnlySpan<char> word = _cursor.PeekWord();
            bool isDirective = word.Length > 1 && word[0] == '.' && word is not (".quad" or ".8byte" or ".function") && !IsLabel(word.Length);
            if (isDirective)
                _ = ReadDirective() && _cursor.ExpectEnd();
            else
                AddCode(start, end - start);
        }
        EndBytes();
        foreach ((int map, List<(uint, string)> slots) in _slots)
            _maps[map] = _maps[map] with { Slots = [.. slots] };
        var programs = new List<ProgramSpec>();
        foreach ((ProgramSpec program, List<(int, int)> pieces, List<LineInfo> lines, List<CoreRelocation> relocations) in _programs)
            programs.Add(Assemble(program with { Lines = [.. lines], CoreRelocations = [.. relocations] }, pieces));
        return new BpfObject
        {
            License = _license,
            KernelVersion = _version,
            Maps = [.. _maps],
            Programs = [.. programs],
            Externs = [.. _externs.Select(each => each.Spec with { Uses = [.. each.Uses] })],
            Btf = _btf,
            Plan = _plan,
        };
    }

    private bool IsLabel(int length)
    {
        int start = _cursor.Position;
        _cursor.Position += length;
        bool isLabel = _cursor.Peek() == ':';
        _cursor.Position = start;
        return isLabel;
    }

    private void AddCode(int start, int length)
    {
        EndBytes();
        if (_programs.Count == 0)
            AddProgram(new ProgramSpec(ImplicitName, ProgramType.Unspec, []));
        List<(int Start, int Length)> pieces = _programs[^1].Pieces;
        bool follows = pieces.Count > 0 && pieces[^1].Start + pieces[^1].Length + 1 >= start;
        if (follows)
            pieces[^1] = (pieces[^1].Start, start + length - pieces[^1].Start);
        else
            pieces.Add((start, length));
    }

    private void AddProgram(ProgramSpec program)
    {
        _programIndex.TryAdd(program.Name, _programs.Count);
        _programs.Add((program, [], [], []));
    }

    private ProgramSpec Assemble(ProgramSpec program, List<(int Start, int Length)> pieces)
    {
        var run = new AssemblerRun(text, diagnostics, _mapIndex);
        foreach ((int start, int length) in pieces)
            run.ReadLines(start, length);
        run.ResolveLabels();
        Origins.Add([.. run.Origins]);
        IEnumerable<FunctionSpec> functions = run.Functions.Select(each => new FunctionSpec(each.Name, each.Slot, each.IsGlobal) { BtfType = each.Type });
        if (run.Functions.Count == 0 && run.CalledLabels.ToList() is { Count: > 0 } called)
        {
            // Written by hand: the labels that calls name are the functions, and the program itself is the first.
            functions = called.Where(label => label.Slot != 0).Select(label => new FunctionSpec(label.Name, label.Slot));
            functions = functions.DistinctBy(function => function.Start).Prepend(new FunctionSpec(program.Name, 0, IsGlobal: true));
        }
        return program with { Insns = [.. run.Insns], Functions = [.. functions] };
    }

    private bool ReadDirective()
    {
        TextSpan word = _cursor.Word();
        string name = _cursor.Of(word).ToString();
        if (name != ".bytes")
            EndBytes();
        if (name is not (".bytes" or ".inner" or ".slot" or ".use"))
            _target = Target.None;
        return name switch
        {
            ".license" => ReadText("licence", ref _license),
            ".version" => ReadUnsigned("version", out _version),
            ".map" => ReadMap(),
            ".inner" => ReadInner(word),
            ".slot" => ReadSlot(word),
            ".bytes" => ReadBytes(word),
            ".extern" => ReadExtern(),
            ".use" => ReadUse(word),
            ".program" => ReadProgram(),
            ".btf" => StartBtf(),
            ".line" => ReadLine(word),
            ".core" => ReadCore(word),
            ".plan" => ReadPlan(word),
            _ => _cursor.Report(DiagnosticTable.TextDirective, word, Nearest.To(name, s_directives) is { } near ? $"did you mean `{near}`?" : null, Cursor.Quote(name)),
        };
    }

    private static readonly string[] s_directives =
        [".license", ".version", ".map", ".inner", ".slot", ".bytes", ".extern", ".use", ".program", ".function", ".line", ".core", ".plan", ".btf", ".quad"];

    // `.plan "LINE"`
    private bool ReadPlan(TextSpan word)
    {
        string line = "";
        if (!ReadText("line of a plan", ref line))
            return false;
        RunPlan? plan = PlanText.Add(_plan ?? new RunPlan(), line);
        _plan = plan ?? _plan;
        return plan is not null || _cursor.Report(DiagnosticTable.TextPlan, word, null);
    }

    // `.program NAME [TYPE] [section "S"] [attach TYPE] [flags N]`
    private bool ReadProgram()
    {
        if (_cursor.Name(out TextSpan span) is not { } name)
            return _cursor.Expected("name of the program");
        if (_programIndex.ContainsKey(name))
            return _cursor.Report(DiagnosticTable.TextDuplicate, span, null, "program", Cursor.Quote(name));
        if (_programs.Count >= ItemsMax)
            return _cursor.Report(DiagnosticTable.TextTooLarge, span, null, ItemsMax, "programs");
        var program = new ProgramSpec(name, ProgramType.Unspec, []);
        ReadOnlySpan<char> next = _cursor.PeekWord();
        if (!_cursor.AtEnd && next is not ("section" or "attach" or "flags"))
        {
            if (!ReadKind(ProgramTypeNames.TryParse, ProgramTypeNames.All, "kind of program", out ProgramType type))
                return false;
            program = program with { Type = type };
        }
        while (!_cursor.AtEnd)
        {
            TextSpan word = _cursor.Word();
            switch (_cursor.Of(word))
            {
                case "section":
                    string section = "";
                    if (!ReadText("name of a section", ref section))
                        return false;
                    program = program with { Section = section };
                    break;
                case "attach":
                    if (!ReadKind(AttachTypeNames.TryParse, AttachTypeNames.All, "kind of attachment", out AttachType attach))
                        return false;
                    program = program with { AttachType = attach };
                    break;
                case "flags":
                    if (!ReadUnsigned("flags", out uint flags))
                        return false;
                    program = program with { Flags = flags };
                    break;
                default:
                    return UnknownAttribute(word, "section", "attach", "flags");
            }
        }
        AddProgram(program);
        return true;
    }

    private delegate bool TryParse<T>(ReadOnlySpan<char> name, out T value);

    // A name of an enumeration, or its number.
    private bool ReadKind<T>(TryParse<T> parse, IEnumerable<string> all, string what, out T value)
        where T : unmanaged, Enum
    {
        value = default;
        if (_cursor.AtNumber())
        {
            if (!ReadUnsigned(what, out uint number))
                return false;
            int signed = (int)number;
            value = MemoryMarshal.Cast<int, T>(new ReadOnlySpan<int>(in signed))[0];
            return true;
        }
        TextSpan word = _cursor.Word();
        if (word.Length == 0)
            return _cursor.Expected(what);
        if (parse(_cursor.Of(word), out value))
            return true;
        string? near = Nearest.To(_cursor.Of(word), all);
        return _cursor.Report(DiagnosticTable.TextUnknownName, word, near is null ? null : $"did you mean `{near}`?", what, Cursor.Quote(_cursor.Of(word)));
    }

    private bool UnknownAttribute(TextSpan word, params string[] known)
    {
        if (word.Length == 0)
            return _cursor.Expected(string.Join(", ", known));
        string? near = Nearest.To(_cursor.Of(word), known);
        return _cursor.Report(DiagnosticTable.TextAttribute, word, near is null ? $"known are {string.Join(", ", known)}" : $"did you mean `{near}`?", Cursor.Quote(_cursor.Of(word)));
    }

    private bool ReadText(string what, ref string value)
    {
        string? read = _cursor.Name(out _);
        value = read ?? value;
        return read is not null || _cursor.Expected(what);
    }

    private bool ReadUnsigned(string what, out uint value)
    {
        value = 0;
        if (!ReadUnsigned64(what, out ulong wide))
            return false;
        value = (uint)wide;
        return value == wide || _cursor.Report(DiagnosticTable.AsmNumberRange, new TextSpan(_cursor.Position, 0), null, wide, "32 bits");
    }

    private bool ReadUnsigned64(string what, out ulong value)
    {
        value = 0;
        if (!_cursor.TryNumber(out Number number))
            return _cursor.Expected(what);
        value = number.Magnitude;
        return !number.IsNegative && !number.Overflowed
            || _cursor.Report(DiagnosticTable.AsmNumberRange, number.Span, null, Cursor.Quote(_cursor.Of(number.Span)), "64 bits, unsigned");
    }
}
