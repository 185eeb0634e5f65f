using System.Globalization;
using Hachi.Object;
using Hachi.Verify.Rejections;

namespace Hachi.Linux;

/// <summary>The kernel's verifier refused a program: <see cref="Rejection"/> says which instruction and source line, what was known there, why, and how to mend it.</summary>
public sealed class BpfVerifierException : BpfException
{
    /// <summary>A refusal.</summary>
    /// <param name="call">The call, <c>bpf(BPF_PROG_LOAD)</c>.</param>
    /// <param name="errno">Its error number, positive.</param>
    /// <param name="program">The program that was refused.</param>
    /// <param name="log">The verifier's log.</param>
    /// <param name="lines">The source lines of the program's object; null where it has none.</param>
    public BpfVerifierException(string call, int errno, ProgramSpec program, string log, SourceLines? lines = null)
        : this(call, errno, program, log, Rejection.Parse(log, errno, program, lines))
    {
    }

    private BpfVerifierException(string call, int errno, ProgramSpec program, string log, Rejection rejection)
        : base(call, errno, Summary(program, rejection), log)
    {
        ProgramName = program.Name;
        Rejection = rejection;
    }

    /// <summary>The program's name.</summary>
    public string ProgramName { get; }

    /// <summary>What the log says. <see cref="RejectionPrinter"/> shows it.</summary>
    public Rejection Rejection { get; }

    // One line: what a log file of an application should hold.
    private static string Summary(ProgramSpec program, Rejection rejection)
    {
        string place = rejection.Slot is { } slot ? string.Create(CultureInfo.InvariantCulture, $" at instruction {slot}") : "";
        if (rejection.Source is { Line: > 0 } source)
            place += $" ({source.Place})";
        string said = rejection.Message.Length > 0 ? rejection.Message : rejection.Reason.Title;
        return $"program {program.Name}{place}: {said} [{rejection.Reason.Id}: {rejection.Reason.Title}]";
    }
}
