namespace Hachi.Verify.Rejections;

/// <summary>What the log has said so far of registers, frames and the way here. Its size is bounded whatever the log says.</summary>
internal sealed class LogState
{
    public const int FramesMax = 8, PlacesMax = 32, BranchesKept = 3, InsnsKept = 4096, InsnLengthMax = 200;

    private readonly Dictionary<string, string>[] _registers = new Dictionary<string, string>[FramesMax];
    private readonly int[] _callSites = new int[FramesMax], _functionStarts = new int[FramesMax];
    private readonly Queue<(int From, int To)> _branches = new();
    private readonly Dictionary<int, string> _insns = [];

    public LogState()
    {
        for (int frame = 0; frame < FramesMax; frame++)
            _registers[frame] = new Dictionary<string, string>(StringComparer.Ordinal);
    }

    /// <summary>How deep the current function was called; 0 for the program's own.</summary>
    public int Frame { get; private set; }

    /// <summary>The last branches that the verifier went back to.</summary>
    public IEnumerable<(int From, int To)> Branches => _branches;

    /// <summary>The last call of a helper or function that is done, as its slot; -1 for none on this path.</summary>
    public int LastCall { get; private set; } = -1;

    /// <summary>The calls that led to the current frame: their slots, and where the functions begin; -1 where the log did not show it.</summary>
    public IReadOnlyList<(int Site, int Start)> ActiveCalls
    {
        get
        {
            var calls = new List<(int, int)>();
            for (int frame = 1; frame <= Frame; frame++)
                calls.Add((_callSites[frame], _functionStarts[frame]));
            return calls;
        }
    }

    /// <summary>What is known of a register or place in the current frame; null for nothing.</summary>
    public string? this[string name] => _registers[Frame].GetValueOrDefault(name);

    /// <summary>The instruction at a slot as the log printed it; null when it did not.</summary>
    public string? InsnAt(int slot) => _insns.GetValueOrDefault(slot);

    /// <summary>The callee of the call at a slot, without its number; null when there is none.</summary>
    public string? CalleeAt(int slot)
    {
        if (InsnAt(slot) is not { } insn || !insn.StartsWith("call ", StringComparison.Ordinal))
            return null;
        int mark = insn.IndexOf('#');
        return mark < 0 ? insn[5..] : insn[5..mark];
    }

    /// <summary>A branch is taken up: what follows on the line is all that is known there.</summary>
    public void TakeUp(int from, int to)
    {
        foreach (Dictionary<string, string> registers in _registers)
            registers.Clear();
        Frame = 0;
        LastCall = -1;
        _branches.Enqueue((from, to));
        if (_branches.Count > BranchesKept)
            _branches.Dequeue();
    }

    /// <summary>A call was let pass: the registers of its arguments are gone.</summary>
    public void Called(int slot)
    {
        LastCall = slot;
        for (int i = 0; i <= 5; i++)
            _registers[Frame].Remove("R" + (char)('0' + i));
    }

    public void Enter(int site)
    {
        if (Frame + 1 >= FramesMax)
            return;
        Frame++;
        _registers[Frame].Clear();
        (_callSites[Frame], _functionStarts[Frame]) = (site, -1);
    }

    /// <summary>An instruction is looked at; the first of a function that was entered tells where it starts.</summary>
    public void At(int slot, string insn)
    {
        if (_insns.Count < InsnsKept && !_insns.ContainsKey(slot))
            _insns[slot] = insn.Length > InsnLengthMax ? insn[..InsnLengthMax] : insn;
        if (Frame > 0 && _functionStarts[Frame] < 0)
            _functionStarts[Frame] = slot;
    }

    public void Leave()
    {
        if (Frame == 0)
            return;
        int site = _callSites[Frame--];
        Called(site);
    }

    /// <summary>Reads <c>R1=ctx() R10=fp0</c>, perhaps behind <c>frame1:</c>. A name's mark of liveness (<c>R6_w</c>) is dropped.</summary>
    public void Apply(ReadOnlySpan<char> text)
    {
        text = text.Trim();
        if (text.StartsWith("frame") && text.IndexOf(':') is var colon and > 5 and < 8)
        {
            if (int.TryParse(text[5..colon], out int frame) && frame < FramesMax)
            {
                while (Frame < frame)
                    Enter(-1);
                Frame = frame;
            }
            text = text[(colon + 1)..];
        }
        while (!(text = text.TrimStart()).IsEmpty)
        {
            int end = TokenLength(text), equals = text[..end].IndexOf('=');
            if (equals > 0 && NameOf(text[..equals]) is { } name)
                Set(name, text[(equals + 1)..end]);
            text = text[end..];
        }
    }

    private void Set(string name, ReadOnlySpan<char> state)
    {
        const int StateLengthMax = 300;
        Dictionary<string, string> registers = _registers[Frame];
        if (name[0] == 'R' || registers.Count < PlacesMax || registers.ContainsKey(name))
            registers[name] = (state.Length > StateLengthMax ? state[..StateLengthMax] : state).ToString();
    }

    // Up to the next blank that stands in no parenthesis: var_off=(0x0; 0xff).
    private static int TokenLength(ReadOnlySpan<char> text)
    {
        int depth = 0;
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '(')
                depth++;
            else if (text[i] == ')')
                depth--;
            else if (text[i] == ' ' && depth <= 0)
                return i;
        }
        return text.Length;
    }

    private static string? NameOf(ReadOnlySpan<char> name)
    {
        int mark = name.IndexOf('_');
        if (mark > 0)
            name = name[..mark];
        if (name.Length is 2 or 3 && name[0] == 'R' && char.IsAsciiDigit(name[1]))
            return name.ToString();
        return name.Length is > 3 and < 8 && name.StartsWith("fp-") ? name.ToString() : null;
    }
}
