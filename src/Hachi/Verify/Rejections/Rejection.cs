using System.Collections.Immutable;
using Hachi.Object;

namespace Hachi.Verify.Rejections;

/// <summary>What the verifier knew of a register or a place on the stack.</summary>
/// <param name="Name"><c>R1</c>, <c>fp-8</c>.</param>
/// <param name="State">In the verifier's words, <c>map_value_or_null(id=1,ks=4,vs=16)</c>; empty when nothing was ever written to it.</param>
public readonly record struct RegisterState(string Name, string State)
{
    /// <summary>The same in plain words: "the value of a map, or null".</summary>
    public string Words => StateWords.Of(State);
}

/// <summary>A call that is active where the verifier stopped.</summary>
/// <param name="Slot">The slot of the call.</param>
/// <param name="Function">The function that was called, where its name is known; else <c>function at 12</c>.</param>
public readonly record struct RejectionCall(int Slot, string Function);

/// <summary>
/// Why a verifier refuses a program: the message, the instruction and source line that it stopped at, what it knew there, and the row of <see cref="RefusalTable"/> that
/// explains it. Read from a log of the kernel's by <see cref="Parse"/>. All texts are the log's own: escape them before they reach a terminal.
/// </summary>
public sealed record Rejection
{
    /// <summary>The line that says why, in the kernel's words; empty when it wrote nothing.</summary>
    public string Message { get; init; } = "";

    /// <summary>All lines of the message, the first among them <see cref="Message"/> or a note before it.</summary>
    public ImmutableArray<string> Lines { get; init; } = [];

    /// <summary>The row that explains it.</summary>
    public required RefusalInfo Reason { get; init; }

    /// <summary>What it means in this very case, in plain words; null where the message is all there is.</summary>
    public string? Detail { get; init; }

    /// <summary>The slot of the instruction that was refused; null when the log names none.</summary>
    public int? Slot { get; init; }

    /// <summary>That instruction as the verifier prints it, without its slot; empty when it was not printed.</summary>
    public string Insn { get; init; } = "";

    /// <summary>The source line that the instruction was made from; null when it is not known. Its line is 0 when only the text is known.</summary>
    public SourceLine? Source { get; init; }

    /// <summary>The registers that the message and the instruction name, with what was last known of them.</summary>
    public ImmutableArray<RegisterState> Registers { get; init; } = [];

    /// <summary>The calls that are active, outermost first; empty in the program's own function.</summary>
    public ImmutableArray<RejectionCall> Calls { get; init; } = [];

    /// <summary>The branches from which the verifier came here last, as slots, oldest first: it takes up a path where it left it.</summary>
    public ImmutableArray<(int From, int To)> Branches { get; init; } = [];

    /// <summary>The error number of the load, positive; 0 when it is not known.</summary>
    public int Errno { get; init; }

    /// <summary>Whether the beginning of the log is missing: what was known of registers may be incomplete.</summary>
    public bool IsTruncated { get; init; }

    /// <summary>How many instructions the verifier walked; null when the log does not say.</summary>
    public long? InsnsProcessed { get; init; }

    /// <summary>
    /// Reads the log of a refused load: levels 1 and 2, the wordings of Linux 5.x to 7.3, whole or with its beginning cut off, with or without what libbpf prints around it.
    /// Never fails: a text that is no log gives a rejection with the row <c>unknown</c>. Takes time in proportion to the log and memory that does not depend on it.
    /// </summary>
    /// <param name="log">The log.</param>
    /// <param name="errno">The error number of the load, positive, where it is known: it explains a refusal without a word.</param>
    /// <param name="program">The program that was refused, for names of functions.</param>
    /// <param name="lines">Its object's source lines, where the log has none.</param>
    public static Rejection Parse(string log, int errno = 0, ProgramSpec? program = null, SourceLines? lines = null)
    {
        ArgumentNullException.ThrowIfNull(log);
        var scan = new LogScan();
        scan.Read(log);
        return RejectionReader.Read(scan, errno, program, lines);
    }
}
