using System.Globalization;

namespace Hachi.Verify.Rejections;

/// <summary>
/// Goes through a verifier log once, line by line, and keeps where it stopped: the last instruction, what was known there, and the lines behind it.
/// The kernel writes (kernel/bpf/verifier.c, log.c): <c>; source @ file:line</c>, <c>SLOT: (OP) text ; state</c>, <c>SLOT: state</c>, <c>from A to B: state</c>,
/// <c>caller:</c> and <c>callee:</c>, remarks of its own search, and at last the message and <c>processed N insns</c>.
/// </summary>
internal sealed class LogScan
{
    private const int LineLengthMax = 2000, MessagesMax = 24;

    private readonly List<string> _messages = [];
    private int _pendingCall = -1;
    private bool _sawFirst;

    public LogState State { get; } = new();

    /// <summary>The last instruction's slot; -1 for none.</summary>
    public int Slot { get; private set; } = -1;

    /// <summary>Its text.</summary>
    public string Insn { get; private set; } = "";

    /// <summary>The last source line that was printed: its text, and <c>file:line</c> or nothing.</summary>
    public string SourceText { get; private set; } = "";

    public string SourcePlace { get; private set; } = "";

    /// <summary>Lines that are none of the verifier's trace, since the last instruction.</summary>
    public IReadOnlyList<string> Messages => _messages;

    public long? InsnsProcessed { get; private set; }

    /// <summary>Whether the log does not begin with an instruction at 0, a message or a remark, but in the middle of something.</summary>
    public bool IsTruncated { get; private set; }

    /// <summary>The error number that a library wrote beside the log; 0 for none.</summary>
    public int Errno { get; private set; }

    public void Read(string log)
    {
        ReadOnlySpan<char> rest = log;
        while (!rest.IsEmpty)
        {
            int end = rest.IndexOf('\n');
            ReadOnlySpan<char> line = end < 0 ? rest : rest[..end];
            rest = end < 0 ? [] : rest[(end + 1)..];
            line = line.TrimEnd("\r\0 ");
            if (line.Length > LineLengthMax)
                line = line[..LineLengthMax];
            if (!line.IsEmpty)
                ReadLine(line);
        }
    }

    private void ReadLine(ReadOnlySpan<char> line)
    {
        int processed = line.IndexOf("processed ");
        if (processed >= 0 && line[processed..].IndexOf(" insns (limit") is > 0 and < 40 and var length)
        {
            InsnsProcessed = long.TryParse(line.Slice(processed + 10, length - 10), NumberStyles.None, CultureInfo.InvariantCulture, out long count) ? count : null;
            // A message without a line end of its own stands before it.
            line = line[..processed].TrimEnd();
            if (line.IsEmpty)
                return;
        }
        if (line.StartsWith("; "))
            ReadSource(line[2..]);
        else if (SlotOf(line, out int slot, out ReadOnlySpan<char> behind))
            ReadStep(slot, behind);
        else if (line.StartsWith("from ") && ReadBranch(line))
            return;
        else if (line[0] == ' ' && (IsState(line.Trim()) || IsLiveRegisters(line)))
            State.Apply(line);
        else if (line is "caller:")
            return;
        else if (line is "callee:")
            State.Enter(EnterCall());
        else if (line.StartsWith("returning from callee:"))
            return;
        else if (line.StartsWith("to caller at "))
            State.Leave();
        else if (!IsRemark(line))
            AddMessage(line);
    }

    private int EnterCall()
    {
        _pendingCall = -1;
        return Slot;
    }

    // "12: ..."
    private static bool SlotOf(ReadOnlySpan<char> line, out int slot, out ReadOnlySpan<char> behind)
    {
        int colon = line.IndexOf(':');
        behind = default;
        slot = 0;
        if (colon is < 1 or > 7 || !int.TryParse(line[..colon], NumberStyles.None, CultureInfo.InvariantCulture, out slot))
            return false;
        behind = line[(colon + 1)..].Trim();
        return true;
    }

    private void ReadStep(int slot, ReadOnlySpan<char> text)
    {
        if (text.Length < 4 || text[0] != '(' || text[3] != ')')
        {
            if (IsState(text))
                Settle(text);
            return;
        }
        NoteFirst(slot);
        PassCall();
        _messages.Clear();
        Slot = slot;
        text = text[4..].TrimStart();
        int comment = StateComment(text), end = comment < 0 ? text.Length : comment;
        ReadOnlySpan<char> insn = text[..end].TrimEnd();
        ReadOnlySpan<char> tail = TailOfJump(ref insn);
        Insn = insn.ToString();
        State.At(slot, Insn);
        if (insn.StartsWith("call "))
            _pendingCall = slot;
        if (comment >= 0)
            Settle(text[(comment + 1)..]);
        if (tail.IsEmpty)
            return;
        if (SlotOf(tail, out _, out ReadOnlySpan<char> state))
            Settle(state);
        else
            AddMessage(tail);
    }

    // A state behind a call says that the call was let pass.
    private void Settle(ReadOnlySpan<char> state)
    {
        PassCall();
        State.Apply(state);
    }

    private void PassCall()
    {
        if (_pendingCall >= 0)
            State.Called(_pendingCall);
        _pendingCall = -1;
    }

    // The place of the ';' in front of "R0=..." or "frame1: R0=..."; -1 for none.
    private static int StateComment(ReadOnlySpan<char> text)
    {
        for (int at = 0; at < text.Length;)
        {
            int next = text[at..].IndexOf(';');
            if (next < 0)
                return -1;
            at += next;
            if (IsState(text[(at + 1)..].TrimStart()))
                return at;
            at++;
        }
        return -1;
    }

    // The verifier writes no line end behind a jump, so that something else may follow: "if r0 != 0x0 goto pc-2 infinite loop detected at insn 2".
    private static ReadOnlySpan<char> TailOfJump(ref ReadOnlySpan<char> insn)
    {
        int jump = insn.IndexOf("goto pc");
        if (jump < 0)
            return default;
        int end = jump + 7;
        while (end < insn.Length && (insn[end] is '+' or '-' || char.IsAsciiDigit(insn[end])))
            end++;
        ReadOnlySpan<char> tail = insn[end..].Trim();
        insn = insn[..end];
        return tail;
    }

    private bool ReadBranch(ReadOnlySpan<char> line)
    {
        ReadOnlySpan<char> text = line[5..];
        int to = text.IndexOf(" to "), colon = text.IndexOf(':');
        if (to < 1 || colon < to || !int.TryParse(text[..to], NumberStyles.None, CultureInfo.InvariantCulture, out int from))
            return false;
        ReadOnlySpan<char> target = text[(to + 4)..colon];
        if (target.IndexOf(' ') is var blank and > 0)
            target = target[..blank]; // "(speculative execution)"
        if (!int.TryParse(target, NumberStyles.None, CultureInfo.InvariantCulture, out int there))
            return false;
        _pendingCall = -1;
        _messages.Clear();
        State.TakeUp(from, there);
        State.Apply(text[(colon + 1)..]);
        return true;
    }

    private void ReadSource(ReadOnlySpan<char> text)
    {
        int at = text.LastIndexOf(" @ ");
        SourcePlace = at < 0 ? "" : text[(at + 3)..].ToString();
        SourceText = (at < 0 ? text : text[..at]).Trim().ToString();
    }

    private void AddMessage(ReadOnlySpan<char> line)
    {
        if (LibraryErrno(line) is > 0 and var errno)
            Errno = errno;
        if (InsnsProcessed is not null && _messages.Count > 0)
            return; // what a library says behind the log
        if (_messages.Count < MessagesMax)
            _messages.Add(line.Trim().ToString());
        else
            _messages[^1] = line.Trim().ToString();
    }

    private void NoteFirst(int slot)
    {
        if (!_sawFirst)
            IsTruncated = slot != 0;
        _sawFirst = true;
    }

    private static bool IsState(ReadOnlySpan<char> text) =>
        (text.Length > 2 && text[0] == 'R' && char.IsAsciiDigit(text[1]) && (text[2] is '=' or '_' || (text.Length > 3 && char.IsAsciiDigit(text[2]) && text[3] is '=' or '_')))
        || (text.StartsWith("frame") && text.IndexOf(':') is > 5 and < 8)
        || (text.StartsWith("fp-") && text.IndexOf('=') is > 3 and < 10);

    // "  0: .1........ (b7) r0 = 0" of level 2: no step.
    private static bool IsLiveRegisters(ReadOnlySpan<char> line) => SlotOf(line.TrimStart(), out _, out _);

    /// <summary>Lines of the verifier about its own work.</summary>
    private static bool IsRemark(ReadOnlySpan<char> line)
    {
        foreach (string start in s_remarks)
            if (line.StartsWith(start))
                return true;
        return false;
    }

    private static readonly string[] s_remarks =
    [
        "func#", "Func#", "Validating ", "Live regs before insn", "mark_precise:", "last_idx ", "regs=", "parent ", "propagating ", "verification time ", "stack depth ",
        "insn_processed ", "max_states", "BPF program load failed", "-- BEGIN PROG LOAD LOG --", "-- END PROG LOAD LOG --", "caller", "subprog", "insns processed", "arg#0 reference type('UNKNOWN",
        "reg type unsupported for arg#", "The following instructions", "Program entry", "(speculative",
    ];

    // libbpf: "prog 'x': BPF program load failed: Permission denied", "failed to load: -13".
    private static int LibraryErrno(ReadOnlySpan<char> line)
    {
        if (line.IndexOf("failed") < 0)
            return 0;
        foreach ((string words, int errno) in s_errors)
            if (line.IndexOf(words, StringComparison.OrdinalIgnoreCase) >= 0)
                return errno;
        int minus = line.LastIndexOf(": -");
        return minus >= 0 && int.TryParse(line[(minus + 3)..], NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number < 4096 ? number : 0;
    }

    private static readonly (string Words, int Errno)[] s_errors =
    [
        ("Permission denied", 13), ("Operation not permitted", 1), ("Invalid argument", 22), ("Argument list too long", 7), ("No space left", 28), ("Bad file descriptor", 9), ("Operation not supported", 95),
        ("-EACCES", 13), ("-EPERM", 1), ("-EINVAL", 22), ("-E2BIG", 7), ("-ENOSPC", 28), ("-EBADF", 9), ("-EOPNOTSUPP", 95),
    ];
}
