using Hachi.Isa;
using Hachi.Text;

namespace Hachi.Asm;

/// <summary>What an assembler made of a text.</summary>
/// <param name="Insns">The program; empty when the text has errors.</param>
/// <param name="Origins">Where each slot comes from in the text.</param>
/// <param name="Diagnostics">What it has to say; without errors the program is whole.</param>
public sealed record Assembled(Insn[] Insns, TextSpan[] Origins, IReadOnlyList<Diagnostic> Diagnostics)
{
    /// <summary>Whether there is a program.</summary>
    public bool Success => !Diagnostics.Any(diagnostic => diagnostic.Severity == Severity.Error);
}

/// <summary>What the classic assembler made of a text.</summary>
/// <param name="Program">The program, or null when the text has errors.</param>
/// <param name="Origins">Where each instruction comes from in the text.</param>
/// <param name="Diagnostics">What it has to say.</param>
public sealed record ClassicAssembled(ClassicProgram? Program, TextSpan[] Origins, IReadOnlyList<Diagnostic> Diagnostics)
{
    /// <summary>Whether there is a program.</summary>
    public bool Success => Program is not null;
}
