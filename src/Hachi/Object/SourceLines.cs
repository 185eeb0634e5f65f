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

/// <summary>Finds the source of instructions in an object that carries line information.</summary>
public sealed class SourceLines
{
    private readonly BtfTypes? _types;

    /// <summary>Reads the object's types, which hold the texts.</summary>
    public SourceLines(BpfObject bpf)
    {
        ArgumentNullException.ThrowIfNull(bpf);
        if (bpf.Programs.Any(program => !program.Lines.IsEmpty) && BtfReader.TryRead(bpf.Btf.AsMemory(), out _types, out _))
            IsEmpty = false;
    }

    /// <summary>Whether there is no line information.</summary>
    public bool IsEmpty { get; } = true;

    /// <summary>The line that made the instruction of a slot; null when that is not known.</summary>
    public SourceLine? At(ProgramSpec program, int slot)
    {
        ArgumentNullException.ThrowIfNull(program);
        int function = LastFrom(program.Functions.AsSpan(), slot, each => each.Start), line = LastFrom(program.Lines.AsSpan(), slot, each => each.Slot);
        // A line of the function in front says nothing.
        bool isKnown = _types is not null && line >= 0 && (function < 0 || program.Lines[line].Slot >= program.Functions[function].Start);
        if (!isKnown)
            return null;
        LineInfo found = program.Lines[line];
        return new SourceLine(_types!.StringAt(found.FileName), found.Line, found.Column, _types.StringAt(found.Text).Trim());
    }

    // The last that begins at a slot or in front of it; -1 for none.
    private static int LastFrom<T>(ReadOnlySpan<T> items, int slot, Func<T, int> start)
    {
        int index = -1;
        for (int low = 0, high = items.Length - 1; low <= high;)
        {
            int middle = (low + high) / 2;
            if (start(items[middle]) <= slot)
                (index, low) = (middle, middle + 1);
            else
                high = middle - 1;
        }
        return index;
    }
}
