using System.Globalization;
using System.Text;
using Hachi.Text;

namespace Hachi.Verify.Rejections;

/// <summary>Shows a rejection as text: the message, the line and instruction with what was known there, why, and how to mend it. At most 15 lines, safe for a terminal.</summary>
public static class RejectionPrinter
{
    private const int ColumnsMax = 110, StateColumnsMax = 60, BlockLinesMax = 4, LinesMax = 15;

    /// <summary>Renders the rejection, without a line end behind the last line.</summary>
    public static string Print(Rejection rejection)
    {
        ArgumentNullException.ThrowIfNull(rejection);
        var to = new StringBuilder();
        string message = rejection.Message.Length > 0 ? rejection.Message : rejection.Errno > 0 ? $"{Uapi.Errno.Name(rejection.Errno)}, without a message" : "no message";
        to.Append("refused: ").Append(Cut(message, ColumnsMax + 40)).Append(" [").Append(rejection.Reason.Id).Append("]\n");
        if (rejection.Source is { } source)
            to.Append("  ").Append(Cut(source.Line > 0 ? $"{source.Place}: {source.Text}" : source.Text, ColumnsMax)).Append('\n');
        if (rejection.Slot is { } slot)
            Instruction(to, rejection, slot);
        var end = new StringBuilder();
        if (Way(rejection) is { } way)
            end.Append("  ").Append(Cut(way, ColumnsMax)).Append('\n');
        if (rejection.Detail is { } detail)
            Block(end, "here: ", detail);
        Block(end, "why:  ", rejection.Reason.Cause);
        Block(end, "mend: ", rejection.Reason.Mend);
        if (rejection.IsTruncated && rejection.Registers.Any(register => register.State.Length == 0))
            end.Append("The beginning of the log is missing.\n");
        int room = LinesMax - Lines(to) - Lines(end);
        foreach (RegisterState register in rejection.Registers.Take(Math.Max(0, room)))
            to.Append("  ").Append(register.Name.ToLowerInvariant()).Append(": ").Append(Cut(register.Words, ColumnsMax - 10)).Append(Raw(register)).Append('\n');
        return to.Append(end).ToString().TrimEnd('\n');
    }

    private static int Lines(StringBuilder text)
    {
        int lines = 0;
        for (int i = 0; i < text.Length; i++)
            lines += text[i] == '\n' ? 1 : 0;
        return lines;
    }

    // The instruction with a caret under the register that the message names.
    private static void Instruction(StringBuilder to, Rejection rejection, int slot)
    {
        string head = string.Create(CultureInfo.InvariantCulture, $"  {slot}: ");
        if (rejection.Insn.Length == 0)
        {
            to.Append(CultureInfo.InvariantCulture, $"  at instruction {slot}\n");
            return;
        }
        string insn = Cut(rejection.Insn, ColumnsMax - head.Length);
        to.Append(head).Append(insn).Append('\n');
        string name = rejection.Registers.IsEmpty ? "" : rejection.Registers[0].Name.ToLowerInvariant();
        int address = name.Length == 0 ? -1 : insn.IndexOf("(" + name, StringComparison.Ordinal);
        int at = address >= 0 ? address + 1 : name.Length == 0 ? -1 : insn.IndexOf(name, StringComparison.Ordinal);
        if (at >= 0 && rejection.Message.Contains(rejection.Registers[0].Name, StringComparison.Ordinal))
            to.Append(' ', head.Length + at).Append('^', name.Length).Append('\n');
    }

    private static string Raw(RegisterState register) =>
        register.State.Length == 0 || register.State.Length > StateColumnsMax || register.Words.EndsWith(register.State, StringComparison.Ordinal) ? "" : $"  ({Escaper.Escape(register.State)})";

    private static string? Way(Rejection rejection)
    {
        var words = new StringBuilder();
        foreach (RejectionCall call in rejection.Calls.Take(3))
            words.Append(words.Length == 0 ? "in " : ", then in ").Append(CultureInfo.InvariantCulture, $"{call.Function}, called at {call.Slot}");
        if (!rejection.Branches.IsEmpty)
            words.Append(words.Length == 0 ? "" : "; ").Append(CultureInfo.InvariantCulture, $"on the path where the jump at {rejection.Branches[^1].From} goes to {rejection.Branches[^1].To}");
        return words.Length == 0 ? null : words.ToString();
    }

    // Words of the catalogue in lines that end before the margin, the first behind its head.
    private static void Block(StringBuilder to, string head, string text)
    {
        int room = ColumnsMax - head.Length, lines = 0;
        text = Escaper.Escape(text);
        while (text.Length > 0)
        {
            bool isLast = text.Length <= room || ++lines == BlockLinesMax;
            int end = isLast ? text.Length : text.LastIndexOf(' ', room);
            end = end <= 0 ? Math.Min(room, text.Length) : end;
            to.Append(head).Append(text, 0, end).Append('\n');
            text = text[end..].TrimStart();
            head = new string(' ', head.Length);
        }
    }

    private static string Cut(string text, int columns)
    {
        string safe = Escaper.Escape(text);
        return safe.Length <= columns ? safe : string.Concat(safe.AsSpan(0, columns - 3), "...");
    }
}
