using System.Collections.Immutable;
using Hachi.Btf;
using Hachi.Object;

namespace Hachi.Lang.Trace.Lower;

/// <summary>
/// The types of programs' functions, which the kernel wants of those that it calls back, and the lines of the script that made their instructions: what the verifier refuses is told with its place,
/// and bpftool shows the script between the instructions.
/// </summary>
/// <param name="text">The script.</param>
/// <param name="name">Its name.</param>
internal sealed class SourceTypes(string text, string name)
{
    private const int ColumnMax = 1023, LineBytesMax = 400;

    private readonly BtfWriter _writer = new(isUnique: true);
    private readonly Dictionary<int, uint> _texts = [];
    private readonly List<int> _starts = Starts(text);

    /// <summary>Gives the programs their types and lines, and returns the types.</summary>
    /// <param name="programs">The programs.</param>
    /// <param name="origins">Of each the place in the script of each instruction, or -1.</param>
    public byte[] Describe(List<ProgramSpec> programs, List<ImmutableArray<int>> origins)
    {
        uint number = _writer.Int("int"), word = _writer.Int("u64", 8, isSigned: false), pointer = _writer.Pointer(0);
        uint main = _writer.FuncProto(number, new BtfParameter("ctx", pointer));
        uint overMap = _writer.FuncProto(word, new BtfParameter("map", pointer), new BtfParameter("key", pointer), new BtfParameter("value", pointer), new BtfParameter("ctx", pointer));
        uint round = _writer.FuncProto(word, new BtfParameter("index", word), new BtfParameter("ctx", pointer));
        uint file = _writer.String(name);
        for (int i = 0; i < programs.Count; i++)
            programs[i] = programs[i] with
            {
                Functions = [.. programs[i].Functions.Select((function, place) => function with { BtfType = _writer.Func(function.Name, place == 0 ? main : function.Name.StartsWith("round", StringComparison.Ordinal) ? round : overMap, place == 0 ? 1 : 0) })],
                Lines = Lines(programs[i], origins[i], file),
            };
        return _writer.ToArray();
    }

    // A line where the place changes, and at the beginning of each function: the kernel wants one there.
    private ImmutableArray<LineInfo> Lines(ProgramSpec program, ImmutableArray<int> origins, uint file)
    {
        var lines = ImmutableArray.CreateBuilder<LineInfo>();
        int last = -1, known = 0;
        for (int slot = 0; slot < program.Insns.Length; slot++)
        {
            known = slot < origins.Length && origins[slot] >= 0 ? origins[slot] : known;
            if (known != last || program.FunctionAt(slot) is not null)
                lines.Add(Line(slot, last = known, file));
            slot += program.Insns[slot].IsWide ? 1 : 0;
        }
        return lines.ToImmutable();
    }

    private LineInfo Line(int slot, int place, uint file)
    {
        int found = _starts.BinarySearch(place), line = found >= 0 ? found : ~found - 1;
        if (!_texts.TryGetValue(line, out uint shown))
        {
            int end = text.IndexOf('\n', _starts[line]);
            string whole = text[_starts[line]..(end < 0 ? text.Length : end)].Trim();
            _texts[line] = shown = _writer.String(whole.Length > LineBytesMax ? whole[..LineBytesMax] : whole.Replace('\0', ' '));
        }
        return new LineInfo(slot, file, shown, line + 1, Math.Min(place - _starts[line] + 1, ColumnMax));
    }

    private static List<int> Starts(string text)
    {
        var starts = new List<int> { 0 };
        for (int i = 0; i < text.Length; i++)
            if (text[i] == '\n')
                starts.Add(i + 1);
        return starts;
    }
}
