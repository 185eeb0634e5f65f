using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Hachi.Asm;
using Hachi.Object;

namespace Hachi.Verify.Rejections;

/// <summary>Makes a <see cref="Rejection"/> of what a scan of the log has found.</summary>
internal static class RejectionReader
{
    private const int RegistersMax = 5;

    public static Rejection Read(LogScan scan, int errno, ProgramSpec? program, SourceLines? lines)
    {
        errno = errno == 0 ? scan.Errno : errno;
        (string message, RefusalInfo? reason) = ChooseMessage(scan.Messages);
        // Without a sentence that is known, the error number says more than the catalogue's "unknown"; unless the verifier was under way and said something.
        if (reason is null && (scan.Slot < 0 || scan.Messages.Count == 0 || errno == NoSpace) && RefusalTable.OfErrno(errno) is { } silent)
            (message, reason) = ("", silent);
        reason ??= RefusalTable.Unknown;
        int slot = SlotOf(message, reason) ?? scan.Slot;
        string insn = slot == scan.Slot ? scan.Insn : scan.State.InsnAt(slot) ?? "";
        if (insn.Length == 0 && program is not null && (uint)slot < (uint)program.Insns.Length)
            insn = Print(program, slot);
        var rejection = new Rejection
        {
            Message = message,
            Lines = [.. scan.Messages],
            Reason = reason,
            Slot = slot < 0 ? null : slot,
            Insn = insn,
            Source = SourceOf(scan, slot, program, lines),
            Registers = [.. RegistersOf(message, insn, scan, slot)],
            Calls = [.. scan.State.ActiveCalls.Where(call => call.Site >= 0).Select(call => new RejectionCall(call.Site, FunctionName(call.Start, program)))],
            Branches = [.. scan.State.Branches],
            Errno = errno,
            IsTruncated = scan.IsTruncated,
            InsnsProcessed = scan.InsnsProcessed,
        };
        return rejection with { Detail = RefusalWords.Of(rejection, scan.State) };
    }

    private const int NoSpace = 28;

    // The first line that a row knows; else the last that was written.
    private static (string Message, RefusalInfo? Reason) ChooseMessage(IReadOnlyList<string> lines)
    {
        foreach (string line in lines)
            if (RefusalTable.OfMessage(line) is { } row)
                return (line, row);
        return (lines.Count == 0 ? "" : lines[^1], null);
    }

    // Checks before the walk name the instruction in the message: "unreachable insn 2", "jump out of range from insn 1 to 7".
    private static int? SlotOf(string message, RefusalInfo reason)
    {
        if (reason.Id is not ("unreachable" or "last-insn" or "loop"))
            return null;
        int at = message.IndexOf("insn ", StringComparison.Ordinal);
        return at >= 0 && RefusalWords.NumberAt(message, at + 5) is >= 0 and < int.MaxValue and { } slot ? (int)slot : null;
    }

    private static string Print(ProgramSpec program, int slot)
    {
        var text = new StringBuilder();
        Printer.Print(text, program.Insns.AsSpan().Slice(slot, Math.Min(2, program.Insns.Length - slot)));
        return text.ToString().Trim();
    }

    private static SourceLine? SourceOf(LogScan scan, int slot, ProgramSpec? program, SourceLines? lines)
    {
        if (slot >= 0 && program is not null && lines?.At(program, slot) is { } line)
            return line;
        if (slot < 0 || slot != scan.Slot || scan.SourceText.Length == 0)
            return null;
        int colon = scan.SourcePlace.LastIndexOf(':');
        bool isNumbered = int.TryParse(scan.SourcePlace.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int number) && colon > 0;
        return new SourceLine(isNumbered ? scan.SourcePlace[..colon] : scan.SourcePlace, isNumbered ? number : 0, 0, scan.SourceText);
    }

    private static IEnumerable<RegisterState> RegistersOf(string message, string insn, LogScan scan, int slot)
    {
        if (slot != scan.Slot)
            return [];
        List<string> names = [];
        AddNames(names, message, "R");
        foreach (string line in scan.Messages)
            if (line.StartsWith('R'))
                AddNames(names, line, "R");
        int said = names.Count;
        AddNames(names, insn, "rw");
        // Of those that only the instruction names, what it overwrites does not matter, nor what nothing is known of.
        int end = insn.IndexOf(" = ", StringComparison.Ordinal);
        string number = end is 2 or 3 ? insn[1..end] : "";
        string written = number.Length > 0 && !insn[end..].Contains("r" + number, StringComparison.Ordinal) && !insn[end..].Contains("w" + number, StringComparison.Ordinal) ? "R" + number : "";
        return names.Select((name, i) => (Register: new RegisterState(name, Known(name, message, scan)), IsSaid: i < said))
            .Where(each => each.IsSaid || (each.Register.State.Length > 0 && each.Register.Name != written)).Select(each => each.Register);
    }

    // The message may know more than the trace, which shows only what an instruction changes.
    private static string Known(string name, string message, LogScan scan)
    {
        string state = scan.State[name] ?? "";
        if (message.EndsWith("'scalar'", StringComparison.Ordinal) && message.StartsWith(name + " ", StringComparison.Ordinal) && state.Length > 0 && StateWords.Of(state) is var words && !words.Contains("number", StringComparison.Ordinal))
            return "";
        int at = message.IndexOf(name + "(id=0,", StringComparison.Ordinal), range = at < 0 ? -1 : message.IndexOf("r=", at, StringComparison.Ordinal);
        return range > 0 && RefusalWords.NumberAt(message, range + 2) is { } proven ? string.Create(CultureInfo.InvariantCulture, $"pkt(r={proven})") : state;
    }

    private static void AddNames(List<string> names, string text, string letters)
    {
        for (int i = 0; i + 1 < text.Length && names.Count < RegistersMax; i++)
        {
            if (!letters.Contains(text[i]) || !char.IsAsciiDigit(text[i + 1]) || (i > 0 && (char.IsAsciiLetterOrDigit(text[i - 1]) || text[i - 1] == '_')))
                continue;
            int end = i + 2 < text.Length && char.IsAsciiDigit(text[i + 2]) ? i + 3 : i + 2;
            string name = string.Concat("R", text.AsSpan(i + 1, end - i - 1));
            // What R10 is, everybody knows.
            if (!names.Contains(name) && name != "R10")
                names.Add(name);
        }
    }

    private static string FunctionName(int start, ProgramSpec? program)
    {
        if (start >= 0 && program?.FunctionAt(start) is { Name.Length: > 0 } function)
            return function.Name;
        return start < 0 ? "a function" : $"the function at {start}";
    }
}
