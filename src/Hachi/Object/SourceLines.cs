using Hachi.Btf;

namespace Hachi.Object;

/// <summary>A line of the source that a program was compiled from.</summary>
/// <param name="File">Name of the file, as the compiler was given it.</param>
/// <param name="Line">The line, from 1.</param>
/// <param name="Column">The column, from 1; 0 when it is not known.</param>
/// <param name="Text">The line's text without leading blanks.</param>
public readonly record struct SourceLine(string File, int Line, int Column, string Text)
{
    /// <summary>For example <c>prog.c:31</c>.</summary>
    public string Place => $"{File[(File.LastIndexOf('/') + 1)..]}:{Line}";
}

/// <summary>Finds the source of instructions in an object that carries line information (.BTF.ext).</summary>
public sealed class SourceLines
{
    private readonly BtfTypes? _types;
    private readonly Dictionary<string, BtfLine[]> _lines = [];

    /// <summary>Reads the object's line information.</summary>
    public SourceLines(BpfObject bpf)
    {
        ArgumentNullException.ThrowIfNull(bpf);
        if (!bpf.BtfExt.IsEmpty && BtfReader.TryRead(bpf.Btf.AsMemory(), out _types, out _))
            _lines = BtfLines.Read(bpf.BtfExt.AsSpan(), _types!);
    }

    /// <summary>Whether there is any.</summary>
    public bool IsEmpty => _lines.Count == 0;

    /// <summary>The line that made the instruction of a slot; null when that is not known.</summary>
    public SourceLine? At(ProgramSpec program, int slot)
    {
        ArgumentNullException.ThrowIfNull(program);
        // The last function that begins at the slot or in front of it.
        int index = -1;
        for (int low = 0, high = program.Functions.Length - 1; low <= high;)
        {
            int middle = (low + high) / 2;
            if (program.Functions[middle].Start <= slot)
                (index, low) = (middle, middle + 1);
            else
                high = middle - 1;
        }
        if (index < 0 || program.Functions[index] is not { Section: { } section } function || !_lines.TryGetValue(section, out BtfLine[]? lines))
            return null;
        int there = function.SectionStart + slot - function.Start;
        int found = Array.BinarySearch(lines, new BtfLine(there, 0, 0, 0, 0), s_bySlot);
        if (found < 0)
            found = ~found - 1;
        if (found < 0 || lines[found].Slot < function.SectionStart)
            return null;
        BtfLine line = lines[found];
        return new SourceLine(_types!.StringAt(line.FileName), line.Line, line.Column, _types.StringAt(line.Text).Trim());
    }

    private static readonly Comparer<BtfLine> s_bySlot = Comparer<BtfLine>.Create((a, b) => a.Slot.CompareTo(b.Slot));
}
