using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Hachi.Asm;
using Hachi.Btf;
using Hachi.Isa;
using Hachi.Object.Plan;
using Hachi.Text;
using Hachi.Uapi;

namespace Hachi.Object;

/// <summary>An object as text: directives for what is not code (docs/objects.md), and each program in the assembler's pseudo-C with labels and names. <see cref="ObjectParser"/> reads it back.</summary>
public static class ObjectPrinter
{
    private const int CodeColumn = 8, BytesPerLine = 32;

    /// <summary>The whole object.</summary>
    /// <param name="bpf">The object.</param>
    /// <param name="isWhole">Whether all is written; otherwise the text is for reading, without types and places in the old file, but with the lines of the source where the object tells them.</param>
    public static string Print(BpfObject bpf, bool isWhole = true)
    {
        var text = new StringBuilder();
        if (bpf.License.Length > 0)
            AppendQuoted(text.Append(".license "), bpf.License).Append('\n');
        if (bpf.KernelVersion != 0)
            text.Append(CultureInfo.InvariantCulture, $".version {bpf.KernelVersion}\n");
        foreach (MapSpec map in bpf.Maps)
            PrintMap(text, map);
        var lines = new SourceLines(isWhole ? new BpfObject() : bpf);
        for (int i = 0; i < bpf.Programs.Length; i++)
        {
            if (text.Length > 0)
                text.Append('\n');
            PrintProgram(text, bpf, bpf.Programs[i], isWhole ? null : lines);
        }
        foreach (ExternSpec each in bpf.Externs)
            PrintExtern(text, bpf, each);
        if (bpf.Plan is { } plan)
            foreach (string line in PlanText.Lines(plan))
                AppendQuoted(text.Append(".plan "), line).Append('\n');
        if (!isWhole)
            return text.ToString();
        if (!bpf.Btf.IsEmpty)
            AppendBytes(text.Append(".btf\n"), bpf.Btf);
        return text.ToString();
    }

    /// <summary>One program's instructions: labels where jumps land, names of maps, functions and helpers; a line each.</summary>
    /// <param name="bpf">The object that has the maps.</param>
    /// <param name="program">The program.</param>
    public static IReadOnlyList<(int Slot, string Text)> Lines(BpfObject bpf, ProgramSpec program) => new ProgramLines(bpf, program).All();

    private static void PrintMap(StringBuilder text, MapSpec map)
    {
        PrintMapLine(text.Append(".map "), map);
        if (map.Inner is { } inner)
            PrintMapLine(text.Append(".inner "), inner);
        foreach ((uint index, string name) in map.Slots)
            AppendName(text.Append(CultureInfo.InvariantCulture, $".slot {index} "), name).Append('\n');
        AppendBytes(text, map.Data);
    }

    private static void PrintMapLine(StringBuilder text, MapSpec map)
    {
        AppendName(text, map.Name).Append(' ').Append(map.Type.Name());
        text.Append(CultureInfo.InvariantCulture, $" key {map.KeySize} value {map.ValueSize} entries {map.MaxEntries}");
        Attribute("flags", map.Flags, isHex: true);
        Attribute("extra", map.Extra);
        Attribute("numa", map.NumaNode);
        Attribute("key_type", map.KeyType);
        Attribute("value_type", map.ValueType);
        if (map.Pin is not null)
            AppendQuoted(text.Append(" pin "), map.Pin);
        text.Append(map.IsFrozen ? " frozen\n" : "\n");

        void Attribute(string name, ulong value, bool isHex = false)
        {
            if (value != 0)
                text.Append(' ').Append(name).Append(' ').Append(isHex ? "0x" : "").Append(value.ToString(isHex ? "x" : "d", CultureInfo.InvariantCulture));
        }
    }

    // With lines the text is for reading: they stand as comments over what they made.
    private static void PrintProgram(StringBuilder text, BpfObject bpf, ProgramSpec program, SourceLines? lines)
    {
        bool isWhole = lines is null;
        SourceLine? last = null;
        AppendName(text.Append(".program "), program.Name);
        if (program.Type != ProgramType.Unspec)
            text.Append(' ').Append(program.Type.Name());
        if (program.Section.Length > 0)
            AppendQuoted(text.Append(" section "), program.Section);
        if (program.AttachType is { } attach)
            text.Append(" attach ").Append(attach.Name());
        if (program.Flags != 0)
            text.Append(CultureInfo.InvariantCulture, $" flags 0x{program.Flags:x}");
        text.Append('\n');
        // A single function of the program's own name says nothing new.
        int next = !isWhole && program.Functions is [{ Start: 0 } only] && only.Name == program.Name ? 1 : 0;
        foreach ((int slot, string line) in Lines(bpf, program))
        {
            for (; next < program.Functions.Length && program.Functions[next].Start <= slot; next++)
                PrintFunction(text, program.Functions[next], isWhole);
            if (lines?.At(program, slot) is { } source && source.Place != last?.Place)
                text.Append("# ").Append(Escaper.Escape($"{source.Place}: {source.Text}")).Append('\n');
            last = lines?.At(program, slot) ?? last;
            text.Append(line).Append('\n');
        }
        for (; next < program.Functions.Length; next++)
            PrintFunction(text, program.Functions[next], isWhole);
        foreach (LineInfo each in isWhole ? program.Lines : [])
            text.Append(CultureInfo.InvariantCulture, $".line {each.Slot} {each.Line} {each.Column} file {each.FileName} text {each.Text}\n");
        foreach (CoreRelocation each in isWhole ? program.CoreRelocations : [])
            text.Append(CultureInfo.InvariantCulture, $".core {each.Slot} {CoreNames.Of(each.Kind)} type {each.Type} access {each.Access}\n");
    }

    private static void PrintFunction(StringBuilder text, FunctionSpec function, bool isWhole)
    {
        AppendName(text.Append(".function "), function.Name).Append(function.IsGlobal ? " global" : "");
        if (isWhole && function.BtfType != 0)
            text.Append(CultureInfo.InvariantCulture, $" type {function.BtfType}");
        text.Append('\n');
    }

    private static void PrintExtern(StringBuilder text, BpfObject bpf, ExternSpec each)
    {
        AppendName(text.Append(".extern "), each.Name).Append(' ').Append(each.Kind switch { ExternKind.Kfunc => "kfunc", ExternKind.Ksym => "ksym", _ => "kconfig" });
        text.Append(each.IsWeak ? " weak" : "");
        if (each.BtfType != 0)
            text.Append(CultureInfo.InvariantCulture, $" type {each.BtfType}");
        text.Append('\n');
        foreach ((int program, int slot) in each.Uses)
            if ((uint)program < (uint)bpf.Programs.Length)
                AppendName(text.Append(".use "), bpf.Programs[program].Name).Append(CultureInfo.InvariantCulture, $" {slot}\n");
    }

    private static void AppendBytes(StringBuilder text, ImmutableArray<byte> bytes)
    {
        for (int i = 0; i < bytes.Length; i += BytesPerLine)
            text.Append(".bytes ").Append(Convert.ToHexStringLower(bytes.AsSpan(i, Math.Min(BytesPerLine, bytes.Length - i)))).Append('\n');
    }

    /// <summary>A name: bare where it is a word, otherwise quoted.</summary>
    internal static StringBuilder AppendName(StringBuilder text, string name) => IsWord(name) ? text.Append(name) : AppendQuoted(text, name);

    /// <summary>Whether a name can stand without quotes.</summary>
    internal static bool IsWord(string name) => name.Length > 0 && !char.IsAsciiDigit(name[0]) && name.All(Cursor.IsWord);

    /// <summary>A string in quotes; what is not plain ASCII, and what would open a comment, as <c>\u{…}</c>.</summary>
    internal static StringBuilder AppendQuoted(StringBuilder text, string value)
    {
        text.Append('"');
        foreach (char c in value)
        {
            if (c is '"' or '\\')
                text.Append('\\').Append(c);
            else if (c is >= ' ' and <= '~')
                text.Append(c);
            else
                text.Append(CultureInfo.InvariantCulture, $"\\u{{{(int)c:x}}}");
        }
        return text.Append('"');
    }

    /// <summary>The lines of one program.</summary>
    private sealed class ProgramLines
    {
        private readonly BpfObject _object;
        private readonly ProgramSpec _program;
        private readonly Dictionary<int, string> _callable = [];
        private readonly bool[] _isTarget, _isMiddle;
        private readonly string _prefix = "L";

        public ProgramLines(BpfObject bpf, ProgramSpec program)
        {
            (_object, _program) = (bpf, program);
            foreach (IGrouping<string, FunctionSpec> group in program.Functions.GroupBy(function => function.Name))
                if (group.Count() == 1 && IsWord(group.Key) && group.Key is not ("pc" or "local" or "kernel") && !IsRegister(group.Key))
                    _callable.TryAdd(group.First().Start, group.Key);
            while (program.Functions.Any(function => function.Name.StartsWith(_prefix, StringComparison.Ordinal)))
                _prefix += "_";
            ReadOnlySpan<Insn> insns = program.Insns.AsSpan();
            _isMiddle = new bool[insns.Length];
            _isTarget = new bool[insns.Length];
            for (int i = 0; i < insns.Length; i++)
                if (insns[i].IsWide && i + 1 < insns.Length && IsWhole(i))
                    _isMiddle[++i] = true;
            for (int i = 0; i < insns.Length; i++)
                if (!_isMiddle[i] && JumpTarget(i) is { } target)
                    _isTarget[target] = true;
        }

        public List<(int Slot, string Text)> All()
        {
            var lines = new List<(int, string)>();
            var text = new StringBuilder();
            for (int i = 0; i < _program.Insns.Length;)
            {
                text.Clear();
                string label = _isTarget[i] ? $"{_prefix}{i}:" : "";
                text.Append(label.PadRight(Math.Max(CodeColumn, label.Length + 1)));
                int slots = Append(text, i);
                lines.Add((i, text.ToString()));
                i += slots;
            }
            return lines;
        }

        // Short names of registers are registers.
        private static bool IsRegister(string name) => name[0] is 'r' or 'w' && name.AsSpan(1).IndexOfAnyExceptInRange('0', '9') < 0;

        private bool IsWhole(int slot) => OpTable.Find(_program.Insns[slot]) is { } form && Printer.HasSecond(form, _program.Insns.AsSpan()[slot..]);

        // Where a jump with a label goes; null for other instructions and for targets that a label cannot name.
        private int? JumpTarget(int slot)
        {
            Insn insn = _program.Insns[slot];
            bool isJump = OpTable.Find(insn)?.Shape is Shape.Goto or Shape.GotoLong or Shape.MayGoto or Shape.BranchReg or Shape.BranchImm;
            return isJump && Validity.TargetOf(insn, slot) is { } target && target >= 0 && target < _isMiddle.Length && !_isMiddle[target] ? (int)target : null;
        }

        private int Append(StringBuilder text, int slot)
        {
            Insn insn = _program.Insns[slot];
            if (_isMiddle.Length > slot + 1 && _isMiddle[slot + 1] && AppendReference(text, insn, slot))
                return 2;
            int start = text.Length, slots = Printer.Print(text, _program.Insns.AsSpan()[slot..]);
            if (JumpTarget(slot) is { } target)
            {
                // The distance is the last word of all these.
                while (text[^1] != ' ')
                    text.Length--;
                text.Append(_prefix).Append(target);
            }
            else if (insn.Opcode == (Opcode.Jmp | Opcode.Call) && OpTable.Find(insn) is { } form)
            {
                if (form.Shape == Shape.CallLocal && Validity.TargetOf(insn, slot) is { } callee && callee >= 0 && callee < int.MaxValue && _callable.TryGetValue((int)callee, out string? name))
                    Replace($"call {name}");
                else if (form.Shape == Shape.CallHelper && HelperTable.Find(insn.Imm) is { } helper)
                    Replace($"call {helper.Name}#{insn.Imm}");
            }
            return slots;

            void Replace(string with)
            {
                text.Length = start;
                text.Append(with);
            }
        }

        private bool AppendReference(StringBuilder text, in Insn insn, int slot)
        {
            int second = _program.Insns[slot + 1].Imm;
            if (insn.Src == Pseudo.Func && Validity.TargetOf(insn, slot) is { } target && target >= 0 && target < int.MaxValue && _callable.TryGetValue((int)target, out string? name))
            {
                text.Append(CultureInfo.InvariantCulture, $"r{insn.Dst} = subprog[{name}]");
                return true;
            }
            bool isMap = insn.Src is Pseudo.MapIdx or Pseudo.MapIdxValue && (uint)insn.Imm < (uint)_object.Maps.Length;
            if (!isMap)
                return false;
            string map = _object.Maps[insn.Imm].Name;
            text.Append(CultureInfo.InvariantCulture, $"r{insn.Dst} = map[");
            _ = map is "fd" or "id" or "idx" ? AppendQuoted(text, map) : AppendName(text, map);
            text.Append(']');
            if (insn.Src == Pseudo.MapIdxValue)
                text.Append(CultureInfo.InvariantCulture, $"[0]+0x{(uint)second:x}");
            return true;
        }
    }
}
